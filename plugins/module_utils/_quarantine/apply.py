# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Put a clone under quarantine in one transaction, which is verified before it is committed: everything or nothing."""

from __future__ import annotations

import copy
import uuid
from dataclasses import dataclass, field, replace
from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.connection import server_info
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.connection.connection import SqlConnection
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.database import schema
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError

from . import documents, identity, newer, record, refusals, row_edits, rows
from .checks.look import Check
from .checks.record import differences
from .checks.tables import refuse_unknown
from .checks.verify import refuse, verify
from .record import Change
from .request import Request
from .rows import Row, Table
from .rules import NEEDED_SETTINGS, Rule, rules
from .transaction import transaction

_CONFIGURATION = "configuration"


@dataclass
class Outcome:
    """What was done, or would be in check mode.

    Attributes:
        record: The record of the quarantine, as it now is.
        items: For each item, how many rows were changed, and how many were silenced already.
        checks: The verification; none in check mode.
        warnings: What the operator should know.
    """

    record: dict[str, Any]
    items: dict[str, dict[str, int]]
    changed: bool
    checks: list[Check] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def lines(self, *, before: bool) -> str:
        """What is silenced of each item, before or afterwards, for diff mode."""
        counts = [(name, one["changed"], one["were_so_already"]) for name, one in self.items.items() if any(one.values())]
        return "".join(f"{name}: {silent if before else loud + silent} of {loud + silent} silenced\n" for name, loud, silent in counts)


def run(connection: SqlConnection, request: Request, connect: refusals.Connect, check_mode: bool = False) -> Outcome:
    """Put the database that the connection is in under quarantine.

    Args:
        connection: To the clone's database.
        request: What is asked for.
        connect: Logs in to the source's server, where that has to be asked for its name.
        check_mode: Whether nothing is changed.

    Raises:
        OctopusError: It is not a clone, it is in use, or the quarantine could not be verified. Nothing was changed.
        MssqlError: SQL Server refused. Nothing was changed.
    """
    if request.source is None:
        raise OctopusError("Expected source, the live instance that this is a clone of, but none was given.")
    version = schema.read(connection).version
    refusals.refuse_source(connection, request.source, connect)
    before = record.read(connection)
    _refuse_other_clone(request, before)
    if before is None:
        identity.refuse_users(connection, request)
    refusals.refuse_live(connection, request.database, request.stale_after)
    return look(connection, request, before, version) if check_mode else silence(connection, request, before, version)


def look(connection: SqlConnection, request: Request, before: dict[str, Any] | None, version: str | None) -> Outcome:
    """Find what :func:`silence` would silence, and change nothing."""
    return _Work(connection, replace(request, again=before is not None), before, version, check_mode=True).look()


def silence(
    connection: SqlConnection, request: Request, before: dict[str, Any] | None, version: str | None, reason: str = record.OWN
) -> Outcome:
    """Silence everything in one transaction, which is verified before it is committed.

    Args:
        connection: To the clone's database.
        request: What is asked for.
        before: The record of an earlier quarantine; None where there is none.
        version: The version of the database.
        reason: Why something is not silent any more, where there was one.

    Raises:
        OctopusError: It could not be verified, or somebody has connected. Nothing was changed.
        MssqlError: SQL Server refused. Nothing was changed.
    """
    work = _Work(connection, replace(request, again=before is not None), before, version, reason=reason)
    with transaction(connection):
        outcome = work.look()
        outcome.checks = verify(connection, work.request, applying=True)
        refuse(outcome.checks, request.database, connection, "Nothing was changed.")
        # A node that was started meanwhile has read what was enabled.
        refusals.refuse_connected(connection, request.database)
    return outcome


def _refuse_other_clone(request: Request, before: dict[str, Any] | None) -> None:
    if before is None:
        return
    if not record.holds(before):
        raise OctopusError(
            f"Expected {request.database} to be a clone, but its quarantine was lifted at {before['lifted']['at']}, so it is an instance of its "
            "own. Nothing was changed. A live database is never put under quarantine."
        )
    wrong = differences(request, before)
    if wrong:
        raise OctopusError(
            f"Expected {request.database} to be the clone that was asked for, but its record says: {'; '.join(wrong)}. Nothing was changed. "
            "Give what it is, or restore it again."
        )


class _Work:
    """One pass over the tables. Except in check mode it is within a transaction."""

    def __init__(
        self,
        connection: SqlConnection,
        request: Request,
        before: dict[str, Any] | None,
        version: str | None,
        *,
        check_mode: bool = False,
        reason: str = record.OWN,
    ) -> None:
        self.connection = connection
        self.request = request
        self.before = before
        self.version = version
        self.check_mode = check_mode
        self.reason = reason
        self.tables = rows.tables(connection)
        self.items: dict[str, dict[str, int]] = {}
        self.changed = False
        self.warnings: list[str] = []

    def look(self) -> Outcome:
        refuse_unknown(self.tables, self.version, self.request.database, self.connection)
        found = self._installation_ids()
        own = self._own_installation_id(found)
        if not self.check_mode and self.before is None:
            record.prepare(self.connection)
        if not self.check_mode and self.before and self.before.get("lifting"):
            record.unmark(self.connection)  # what was lifted already is silenced again, and so is to be lifted again
        listed = [
            *rules(self.request, self.tables, own, self._own_nodes()),
            *newer.rules(self.request, self.version),
            *identity.rules(self.request, self.tables),
        ]
        self.items = {rule.what: {"changed": 0, "were_so_already": 0} for rule in listed}
        for name, table in self._ordered(listed):
            self._table(table, [rule for rule in listed if rule.takes(name)])
        self._needed_settings()
        after = self._record(own, found)
        changed = self.changed or after != self.before
        if changed and not self.check_mode:
            record.save(self.connection, after)
        self._warn()
        return Outcome(after, self.items, changed, warnings=self.warnings)

    def _ordered(self, listed: list[Rule]) -> list[tuple[str, Table]]:
        """The tables in the order of the rules, since what depends on a row is deleted before it."""
        found: dict[str, Table] = {}
        for rule in listed:
            for name, table in self.tables.items():
                if rule.takes(name):
                    found.setdefault(name, table)
        return list(found.items())

    # -- rows

    def _needed_settings(self) -> None:
        table = self.tables[_CONFIGURATION]
        there = {row.key.lower() for row in rows.select(self.connection, table)}
        for key, settings in NEEDED_SETTINGS.items():
            if key not in there:
                self._count("upgrade_check", True)
                if not self.check_mode:
                    text = documents.write(settings)
                    self._keep(Change("upgrade_check", table.name, key, rows.JSON.upper(), None, text))
                    rows.insert(self.connection, table, key, text)

    def _table(self, table: Table, mine: list[Rule]) -> None:
        names = {name for rule in mine for name in rule.names}
        unless = [rule.unless for rule in mine]
        if unless[0] is not None and table.has(unless[0][0]) and len({*unless}) == 1:
            column, values = unless[0]
            quoted = table.column(column)
            where = f"{quoted} IS NULL OR {quoted} NOT IN ({', '.join('?' * len(values))})"
            found = rows.select(self.connection, table, names, where, *values)
        else:
            found = rows.select(self.connection, table, names)
        for row in list(found):
            self._row(row, [rule for rule in mine if rule.of(row) and not _ended(rule, row)])

    def _row(self, row: Row, mine: list[Rule]) -> None:
        removing = next((rule for rule in mine if rule.remove), None)
        if removing is not None:
            self._count(removing.what, True)
            if not self.check_mode:
                text = documents.write(rows.whole(self.connection, row.table, row))
                self._keep(Change(removing.what, row.table.name, row.key, None, text))
                rows.delete(self.connection, row)
            return
        changes: list[Change] = []
        stamp = None
        untouched = copy.deepcopy(row) if len({rule.what for rule in mine}) > 1 else row
        counts: dict[str, bool] = {}  # a row counts once for an item, however many rules that has
        for rule in mine:
            known, edits = row_edits.apply(rule, row)
            if known:
                counts[rule.what] = counts.get(rule.what, False) or bool(edits)
            if edits:
                stamp = stamp or rule.stamp
                found = [Change(rule.what, row.table.name, row.key, one.path, one.before) for one in edits]
                changes = row_edits.joined(changes, found, untouched)
        for what, changed in counts.items():
            self._count(what, changed)
        if changes and not self.check_mode:
            for change in changes:
                self._keep(replace(change, after=row_edits.after(row, change.column or "")))
            rows.update(self.connection, row, stamp)

    def _keep(self, change: Change) -> None:
        """Record a change, and why it is made: what was silent in the copy was switched on in the clone, or came with its schema upgrade."""
        new = self.before is None or change.item not in self.before["silenced"]
        record.add(self.connection, replace(change, reason=record.COPY if new else self.reason))

    def _count(self, what: str, changed: bool) -> None:
        self.items[what]["changed" if changed else "were_so_already"] += 1
        self.changed = self.changed or changed

    # -- identity

    def _installation_ids(self) -> list[str]:
        """The ids in the database, first that of the row that is known to hold it."""
        found = []
        for row in rows.select(self.connection, self.tables[_CONFIGURATION]):
            for document in row.documents:
                for _path, inner in documents.objects(document.value):
                    value = documents.get(inner, "InstallationId")
                    if isinstance(value, str) and value:
                        found.append((row.key.lower() != "upgradeavailability", value))
        return [value for _other, value in sorted(found)]

    def _own_installation_id(self, found: list[str]) -> str | None:
        if self.before and self.before.get("installation_id"):
            return str(self.before["installation_id"])
        if not found or self.before:  # its own server created one after the first quarantine, as there was none
            return None
        new = str(uuid.uuid4())
        return new.upper() if found[0] == found[0].upper() and found[0] != found[0].lower() else new

    def _own_nodes(self) -> set[str]:
        """The clone's own nodes, by their names. Only after the first quarantine, which removes every node of the source."""
        mine = {name.lower() for name in self.request.nodes} if self.before else set()
        nodes = rows.select(self.connection, self.tables["octopusservernode"], ("Name",))
        return {row.key for row in nodes if str(row.get("Name")).lower() in mine}

    # -- result

    def _record(self, own: str | None, found: list[str]) -> dict[str, Any]:
        items = {name: dict(counts) for name, counts in self.items.items()}
        if self.before:
            for name, counts in self.before["silenced"].items():
                items.setdefault(name, {"changed": 0, "were_so_already": counts["were_so_already"]})
                items[name] = {
                    "changed": counts["changed"] + items[name]["changed"],
                    "were_so_already": counts["were_so_already"],
                }
            kept = {name: value for name, value in self.before.items() if name != "lifting"}
            return {**kept, "server_uri": self.request.server_uri, "options": self.request.options, "silenced": items}
        source = self.request.source
        return {
            "format": record.FORMAT,
            "name": self.request.name,
            "source": source.as_dict() if source else None,
            "restore_point": self.request.restore_point,
            "at": schema.server_now(self.connection).isoformat(),
            "version": self.version,
            "server_uri": self.request.server_uri,
            "installation_id": None if self.check_mode else own,
            "previous_installation_id": found[0] if found else None,
            "options": self.request.options,
            "silenced": items,
        }

    def _warn(self) -> None:
        if not server_info.may_see_sessions(self.connection):
            self.warnings.append(
                f"The login may not see who is connected to {self.request.database} (VIEW SERVER STATE), so only heartbeats show whether it is in use."
            )
        if not self.before:  # where a version keeps the licence is in no public source; it is in the database, and so in every copy
            self.warnings.append(
                "The clone has the source's licence, and counts as one more instance of it while it runs. Check whether the licence covers that."
            )
        if not self.before and not self.items.get("installation_id"):
            self.warnings.append(
                "There is no Installation ID in the table Configuration, so none was replaced. Its server will create one, or this version stores "
                "it elsewhere."
            )
        if self.version is None:
            self.warnings.append(f"No version is in the installation history of {self.request.database}.")


def _ended(rule: Rule, row: Row) -> bool:
    """Whether the rule passes over a row."""
    if rule.unless is None:
        return False
    column, values = rule.unless
    return str(row.get(column)).lower() in {one.lower() for one in values}
