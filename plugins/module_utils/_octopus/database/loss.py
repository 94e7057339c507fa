# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a restore would lose: tasks, releases, deployments and events that are newer than a moment. Only reads.

Tables and columns came and went with the versions, so each is looked up before it is used.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.connection.connection import SqlConnection
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.quoting import quote_identifier
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError

from . import schema

EXAMPLES = 5
SYSTEM_USER = "system"  # as events have it that the server itself has written
# A task that has not started is due at its QueueTime. One that is due later than this was scheduled at an unknown time.
# The nodes write the times by their own clocks, which may be ahead of SQL Server's.
AHEAD = timedelta(minutes=5)
_OFFSET = re.compile(r".*\d\d:\d\d(?::\d\d(?:\.\d+)?)?\s*(?:Z|[+-]\d\d:\d\d)", re.DOTALL)


@dataclass(frozen=True)
class Kind:
    """One kind of row, and the columns that describe it.

    Attributes:
        table: Its table.
        moment: The column with its time.
        name: Columns that name it; the first one that exists and is not empty.
        started: The column with the time at which a task began, which counts once it has begun.
        state: The column with its state.
        group: The column to count by.
        task: The column with the id of the task that carries it out, and whose state it has.
        user: The column with the name of whoever did it.
    """

    table: str
    moment: str
    name: tuple[str, ...]
    started: str | None = None
    state: str | None = None
    group: str | None = None
    task: str | None = None
    user: str | None = None


TASK, PROJECT = "ServerTask", "Project"
KINDS = {
    "tasks": Kind(TASK, "QueueTime", ("Description", "Name"), started="StartTime", state="State", group="Name"),
    "releases": Kind("Release", "Assembled", ("Version",)),
    "deployments": Kind("Deployment", "Created", ("Name",), task="TaskId"),
    "events": Kind("Event", "Occurred", ("Message", "Category"), group="Category", user="Username"),
}


def parse_since(text: str) -> datetime:
    """Parse a moment that a user has given.

    Raises:
        OctopusError: It is not a moment, or it has no offset and so is ambiguous.
    """
    try:
        found = schema.moment_of(text)
    except ValueError:  # the 31st of February
        found = None
    if found is None or not _OFFSET.fullmatch(text.strip()):
        raise OctopusError(
            f"Expected since to be a moment in ISO 8601 with its offset, such as 2026-11-23T20:00:00+00:00, but found {text!r}. "
            "Use what this module returned as now."
        )
    return found


def newer(
    connection: SqlConnection,
    since: datetime,
    now: datetime,
    kinds: Collection[str] = tuple(KINDS),
    leave_out: Mapping[str, Sequence[str]] | None = None,
) -> dict[str, Any]:
    """Read what is newer than a moment.

    Args:
        connection: To the instance's database.
        since: The moment.
        now: SQL Server's own time.
        kinds: Which kinds are read.
        leave_out: For a kind, the names that do not count, of those that it is counted by.

    Returns:
        For each kind its count, the times of the first and the last, the count of each name and of each user, and a few examples, newest
        first, what the server itself did last. None where no such table or column is known: how many there are cannot be told.

    Raises:
        OctopusError: The moment is in the future by SQL Server's clock, so that nothing could be newer.
        MssqlError: SQL Server refused.
    """
    if since > now:
        raise OctopusError(
            f"Expected since to be in the past, but it is {since.isoformat()}, and it is {now.isoformat()} at SQL Server "
            f"{connection.options.where}. Use what this module returned as now: it is SQL Server's own time."
        )
    columns = schema.columns_of(connection, *{kind.table for kind in KINDS.values()}, PROJECT)
    left = leave_out or {}
    return {
        name: _Reading(connection, kind, columns, since, now, leave_out=left.get(name, ())).run()
        for name, kind in KINDS.items()
        if name in kinds
    }


def newer_than_copy(
    connection: SqlConnection,
    copy: SqlConnection,
    since: datetime,
    now: datetime,
    *,
    kinds: Collection[str],
    leave_out: Mapping[str, Sequence[str]],
) -> dict[str, Any]:
    """Read what is newer than a moment, and not in another database with the same id and time, as :func:`newer` does.

    Args:
        connection: To the instance's database.
        copy: To the other one.
        since: A moment up to which both are the same, which may be long before the copy was made.
        now: SQL Server's own time.
        kinds: Which kinds are read.
        leave_out: As there.

    Raises:
        MssqlError: SQL Server refused.
    """
    tables = (*{KINDS[name].table for name in kinds}, TASK, PROJECT)
    mine, theirs = schema.columns_of(connection, *tables), schema.columns_of(copy, *tables)
    out: dict[str, Any] = {}
    for name in kinds:
        left = leave_out.get(name, ())
        here = _Reading(connection, KINDS[name], mine, since, now, leave_out=left)
        there = _Reading(copy, KINDS[name], theirs, since, now, leave_out=left)
        out[name] = here.run_without(there.moments()) if here.readable and there.readable else None
    return out


class _Reading:
    """The statements for one kind, with the columns that this version has. Every name is quoted, every value is a parameter."""

    def __init__(
        self,
        connection: SqlConnection,
        kind: Kind,
        columns: dict[str, set[str]],
        since: datetime,
        now: datetime,
        *,
        leave_out: Sequence[str] = (),
    ) -> None:
        self.connection = connection
        self.kind = kind
        self.own = columns[kind.table]
        self.columns = columns
        self.when = _column(kind.moment)
        self.where = f"{self.when} > CAST(? AS datetimeoffset)"
        self.params: list[Any] = [_text(since)]
        if kind.started and kind.started.lower() in self.own:
            started = _column(kind.started)
            self.where = f"({started} > CAST(? AS datetimeoffset) OR ({started} IS NULL AND {self.where} AND {self.when} <= CAST(? AS datetimeoffset)))"
            self.params = [_text(since), _text(since), _text(now + AHEAD)]
            self.when = f"COALESCE({started}, {self.when})"
        if leave_out and kind.group and kind.group.lower() in self.own:
            group = _column(kind.group)
            self.where += f" AND ({group} IS NULL OR {group} NOT IN ({', '.join('?' * len(leave_out))}))"
            self.params += leave_out

    @property
    def readable(self) -> bool:
        return {"id", self.kind.moment.lower()} <= self.own

    @property
    def table(self) -> str:
        return f"dbo.{quote_identifier(self.kind.table)} AS t"

    def moments(self) -> dict[str, str | None]:
        """The time of each row."""
        rows = self.connection.query(
            f"SELECT t.[Id] AS id, CAST({self.when} AS nvarchar(40)) AS moment FROM {self.table} WHERE {self.where}",  # noqa: S608 - see above
            *self.params,
        )
        return {str(row["id"]): _iso(row["moment"]) for row in rows}

    def run_without(self, known: Mapping[str, str | None]) -> dict[str, Any]:
        """What is not known with the same time."""
        fresh = {key: when or "" for key, when in self.moments().items() if key not in known or known[key] != when}
        newest = sorted(fresh, key=lambda key: fresh[key], reverse=True)
        self.where, self.params = f"t.[Id] IN ({', '.join('?' * len(newest[:EXAMPLES]))})", list(newest[:EXAMPLES])
        return {
            "count": len(fresh),
            "first": fresh[newest[-1]] if newest else None,
            "last": fresh[newest[0]] if newest else None,
            "names": {},
            "users": {},
            "examples": self._examples(self.table) if newest else [],
        }

    def run(self) -> dict[str, Any] | None:
        if not self.readable:
            return None
        table = self.table
        row = self.connection.query(
            f"SELECT COUNT_BIG(*) AS number, CAST(MIN({self.when}) AS nvarchar(40)) AS first_moment, "  # noqa: S608 - see above
            f"CAST(MAX({self.when}) AS nvarchar(40)) AS last_moment FROM {table} WHERE {self.where}",
            *self.params,
        )[0]
        count = int(row["number"])
        return {
            "count": count,
            "first": _iso(row["first_moment"]),
            "last": _iso(row["last_moment"]),
            "names": self._counts(table, self.kind.group) if count else {},
            "users": self._counts(table, self.kind.user) if count else {},
            "examples": self._examples(table) if count else [],
        }

    def _counts(self, table: str, column: str | None) -> dict[str, int]:
        """The count of each value of a column: of each task's name, each event's category, or each user."""
        if not column or column.lower() not in self.own:
            return {}
        group = _column(column)
        rows = self.connection.query(
            f"SELECT {group} AS name, COUNT_BIG(*) AS number FROM {table} WHERE {self.where} GROUP BY {group}",  # noqa: S608 - see above
            *self.params,
        )
        return {str(row["name"]): int(row["number"]) for row in sorted(rows, key=lambda row: str(row["name"]))}

    def _examples(self, table: str) -> list[dict[str, Any]]:
        joins, project, state = "", "NULL", "NULL"
        if "projectid" in self.own and {"id", "name"} <= self.columns[PROJECT]:
            joins += f" LEFT JOIN dbo.{quote_identifier(PROJECT)} AS p ON p.[Id] = t.[ProjectId]"
            project = "p.[Name]"
        if self.kind.state and self.kind.state.lower() in self.own:
            state = _column(self.kind.state)
        elif self.kind.task and self.kind.task.lower() in self.own and {"id", "state"} <= self.columns[TASK]:
            joins += f" LEFT JOIN dbo.{quote_identifier(TASK)} AS s ON s.[Id] = {_column(self.kind.task)}"
            state = "s.[State]"
        user, order = "NULL", f"{self.when} DESC"
        if self.kind.user and self.kind.user.lower() in self.own:
            user = _column(self.kind.user)
            # What people and API clients did comes first.
            order = f"CASE WHEN {user} = '{SYSTEM_USER}' THEN 1 ELSE 0 END, {order}"
        names = [_column(name) for name in self.kind.name if name.lower() in self.own] or ["NULL"]
        named = ", ".join(f"CAST({name} AS nvarchar(400)) AS name{place}" for place, name in enumerate(names))
        rows = self.connection.query(
            f"SELECT TOP ({EXAMPLES}) t.[Id] AS id, {named}, CAST({project} AS nvarchar(400)) AS project, "  # noqa: S608 - see above
            f"CAST({state} AS nvarchar(100)) AS state, CAST({user} AS nvarchar(200)) AS username, CAST({self.when} AS nvarchar(40)) AS moment "
            f"FROM {table}{joins} WHERE {self.where} ORDER BY {order}",
            *self.params,
        )
        return [
            {
                "id": row["id"],
                "name": next((row[f"name{place}"] for place in range(len(names)) if row[f"name{place}"]), None),
                "project": row["project"],
                "when": _iso(row["moment"]),
                "state": row["state"],
                "user": row["username"],
            }
            for row in rows
        ]


def _column(name: str) -> str:
    return f"t.{quote_identifier(name)}"


def _text(moment: datetime) -> str:
    """The form that CAST reads in every language and with every date format of a login."""
    return moment.isoformat(timespec="microseconds")


def _iso(text: Any) -> str | None:
    moment = schema.moment_of(text)
    return moment.isoformat() if moment else None
