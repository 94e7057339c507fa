# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is new on one side of a cut-over since a copy was made of it, or since users were let in. Only reads.

The mark is the number of an event, where events have one: the last one that both databases have is the moment of the copy, whatever the clocks
say. Releases, deployments and tasks are counted by their rows, newer than the mark's event; everything else by the events of its changes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.connection.connection import SqlConnection
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError

from . import loss, schema, subjects
from .events import EVENT, Entry, Events, Mark

EXAMPLES = 5
# So many events are looked at one by one. Of more, the newest are.
LIMIT = 5000
ROWS = (subjects.RELEASES, subjects.DEPLOYMENTS, subjects.TASKS)
# Tasks that leave nothing behind: the other side runs its own (names of TaskName in https://github.com/OctopusDeploy/message-contracts.ts; Retention
# is that of the documentation's list of tasks).
OWN_TASKS = (
    *("Health", "Retention", "SystemIntegrityCheck", "SyncCommunityActionTemplates", "SynchronizeBuiltInPackageRepositoryIndex"),
    *("UpdateCalamari", "TestEmail", "TestAccount"),
)


@dataclass
class Found:
    """What was found.

    Attributes:
        mark: From where on it is new; None where that is unknown.
        newest: The newest event of this database.
        kinds: For each kind how many and which; None where that is unknown.
        by_system: How many events the server itself has written since; None where that is unknown.
        partial: Whether there are more events than were looked at, so that counts of changes are too low.
        unknown: Why something is unknown, in words.
    """

    mark: Mark | None = None
    newest: Mark | None = None
    kinds: dict[str, dict[str, Any] | None] = field(default_factory=dict)
    by_system: int | None = None
    partial: bool = False
    unknown: list[str] = field(default_factory=list)

    @property
    def drift(self) -> bool | None:
        """Whether anything is new; None where nothing was found, but something is unknown."""
        if any(entry["count"] for entry in self.kinds.values() if entry):
            return True
        return None if not self.kinds or None in self.kinds.values() else False


def mark_of(
    events: Events, *, number: int | None = None, other: Events | None = None, since: datetime | None = None
) -> tuple[Mark | None, list[str]]:
    """Decide from where on events are new.

    Args:
        events: Those of the database that is looked at.
        number: The number of the last event that is not new.
        other: The events of the other side, whose last common one that is.
        since: The time to use where neither helps, and for rows where the number is given.

    Returns:
        The mark, or None, and why a better one could not be had.

    Raises:
        OctopusError: The number is beyond the newest event, so it is that of another database.
    """
    why: list[str] = []
    if number is not None or other is not None:
        if not events.numbered or (other is not None and number is None and not other.numbered):
            why.append("the events of this version have no number (AutoId)")
        elif number is not None:
            newest = events.newest()
            if newest is None or newest.auto_id is None or newest.auto_id < number:
                raise OctopusError(
                    f"Expected events up to {number}, the mark, in {_where(events.connection)}, but the newest one is "
                    f"{newest.auto_id if newest else 'missing'}. Is it another database, or an older backup of it?"
                )
            known = events.up_to(number)
            return Mark(number, since or (known.at if known else None)), []
        elif other is not None:
            found = events.common(other)
            if found is not None:
                return found, []
            why.append(f"no event is in {_where(events.connection)} and in {_where(other.connection)}")
    return (Mark(None, since) if since is not None else None), why


def read(connection: SqlConnection, events: Events, mark: Mark | None, why: Iterable[str] = (), copy: SqlConnection | None = None) -> Found:
    """Read what is new since a mark.

    Args:
        connection: To the database.
        events: Its events.
        mark: From where on; None where that is unknown.
        why: Why it is, or why it is only a time.
        copy: To the other side. What it has too is not new, also where it is newer than the last event that both have.

    Raises:
        OctopusError: The time is still to come.
        MssqlError: SQL Server refused.
    """
    found = Found(mark, events.newest(), unknown=list(why))
    changes: dict[str, dict[str, Any] | None] = dict.fromkeys(subjects.KINDS)
    rows: dict[str, dict[str, Any] | None] = dict.fromkeys(ROWS)
    who: dict[str, str] = {}
    if mark is None:
        found.unknown.append("it is not known since when to look")
    else:
        if not events.readable:
            found.unknown.append(f"the table {EVENT} of {_where(connection)} has not the columns that are known")
        elif not events.reach_back_to(mark):
            found.unknown.append(
                f"the oldest event in {_where(connection)} is newer than {_since(mark)}, so older ones may have been archived or deleted"
            )
        else:
            found.by_system = events.count_by_system(mark)
            entries = list(events.after(mark, LIMIT))
            found.partial = len(entries) > LIMIT
            changes, who = sorted_by_kind(entries[:LIMIT])
        rows = _rows(connection, mark, found, copy)
        _add_users(rows, who)
    found.kinds = {**rows, **changes}
    return found


def _rows(connection: SqlConnection, mark: Mark, found: Found, copy: SqlConnection | None) -> dict[str, dict[str, Any] | None]:
    if mark.at is None:
        found.unknown.append(f"no event is left that tells when {_since(mark)} was")
        return dict.fromkeys(ROWS)
    # The nodes' clocks may be ahead of SQL Server's.
    now = schema.server_now(connection)
    since = min(mark.at, now) if mark.auto_id is not None else mark.at
    left = {subjects.TASKS: OWN_TASKS}
    if copy is not None:
        rows = loss.newer_than_copy(connection, copy, since, now, kinds=ROWS, leave_out=left)
    else:
        rows = loss.newer(connection, since, now, ROWS, left)
    for kind in ROWS:
        if rows[kind] is None:
            found.unknown.append(f"the table of {kind} in {_where(connection)} has not the columns that are known")
    return {kind: rows[kind] for kind in ROWS}


def sorted_by_kind(entries: Iterable[Entry]) -> tuple[dict[str, dict[str, Any] | None], dict[str, str]]:
    """Count changes by kind, each document once, and tell who was the last to touch each document.

    Args:
        entries: The events, the newest first.

    Returns:
        The kinds without those that have rows of their own, and the user of each document.
    """
    collected: dict[str, list[tuple[str | None, Entry]]] = {kind: [] for kind in subjects.KINDS}
    who: dict[str, str] = {}
    for one in entries:
        if not subjects.changes_something(one.category):
            continue
        kind, key = subjects.kind_of(one.category, one.documents)
        if key and one.user:
            who[key] = one.user  # the oldest event after the mark is that of its making
        if kind in collected:
            collected[kind].append((key, one))
    return {kind: _counted(found) for kind, found in collected.items()}, who


def _counted(found: list[tuple[str | None, Entry]]) -> dict[str, Any]:
    moments = sorted(one.when for _key, one in found if one.when)
    newest: dict[str, tuple[str | None, Entry]] = {}
    for key, one in found:
        newest.setdefault(key or one.id, (key, one))
    return {
        "count": len(newest),
        "first": moments[0].isoformat() if moments else None,
        "last": moments[-1].isoformat() if moments else None,
        "users": dict(sorted(Counter(one.user or "unknown" for _key, one in found).items())),
        "examples": [
            {
                "id": key,
                "name": one.message or one.category,
                "project": None,
                "when": one.when.isoformat() if one.when else None,
                "state": None,
                "user": one.user,
            }
            for key, one in list(newest.values())[:EXAMPLES]
        ],
    }


def _add_users(rows: dict[str, dict[str, Any] | None], who: dict[str, str]) -> None:
    """Say who made the rows, as their events tell it. What has none was made by the server itself, or by nobody who is known."""
    for kind, entry in rows.items():
        if entry is None:
            continue
        for example in entry["examples"]:
            example["user"] = example["user"] or who.get(example["id"])
        entry["users"] = dict(sorted(Counter(user for key, user in who.items() if subjects.subject([key])[0] == kind).items()))
        entry.pop("names", None)


def sentences(found: Found) -> list[str]:
    """Say what was found in a few sentences."""
    out = []
    since = _since(found.mark) if found.mark else ""
    for kind, entry in found.kinds.items():
        if not entry or not entry["count"]:
            continue
        by = ", ".join(f"{user} {number}" for user, number in entry["users"].items())
        shown = "; ".join(_example(one) for one in entry["examples"])
        more = "; and more" if entry["count"] > len(entry["examples"]) else ""
        out.append(
            f"{kind.replace('_', ' ')}: {entry['count']} since {since}, the last at {entry['last']}{f' (by {by})' if by else ''}: {shown}{more}"
        )
    if found.partial:
        out.append(f"Only the newest {LIMIT} events were looked at: there were more changes than are counted.")
    unknown = [kind.replace("_", " ") for kind, entry in found.kinds.items() if entry is None]
    if unknown:
        which = "what is new" if len(unknown) == len(found.kinds) else f"what is new of {', '.join(unknown)}"
        out.append(f"It is unknown {which}: {'; '.join(found.unknown)}.")
    elif not out:
        out.append(f"Nothing is new since {since}.")
    return out


def _example(one: dict[str, Any]) -> str:
    name = " ".join(str(part) for part in (one["project"], one["name"] or one["id"]) if part)
    return f"{name} ({one['user']})" if one["user"] else name


def _since(mark: Mark) -> str:
    at = mark.at.isoformat(timespec="seconds") if mark.at else None
    return " of ".join(part for part in (f"event {mark.auto_id}" if mark.auto_id is not None else None, at) if part)


def _where(connection: SqlConnection) -> str:
    return f"{connection.scalar('SELECT DB_NAME() AS name')} on SQL Server {connection.options.where}"
