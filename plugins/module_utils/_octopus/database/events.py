# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The audit log in an instance's database, from a mark on. Only reads.

``AutoId`` counts the events; the oldest public schemas have no such column, and ``UserAgent`` became one later still. ``IsService`` and
``IdentityEstablishedWith`` are in the ``JSON`` where they have no column. So each is looked for. From 2022.3 on old events move to files, and so
a table without them does not say that there were none.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.connection.connection import SqlConnection
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.quoting import quote_identifier

from . import row_document, schema

EVENT = "Event"
# As events have it that the server itself has written (webhook samples of 2019 and 2022).
SYSTEM, SYSTEM_ID = "system", "users-system"
BATCH, BATCHES = 500, 400
_NEEDED = {"id", "category", "occurred"}
_READ = ("Id", "Category", "UserId", "Username", "RelatedDocumentIds", "UserAgent", "IsService", "IdentityEstablishedWith", "IpAddress")
_IN_JSON = _READ[4:]
_MESSAGE = 300
# ruff: noqa: S608 - every name is quoted, every value is a parameter


@dataclass(frozen=True)
class Mark:
    """From where on events are new.

    Attributes:
        auto_id: The number of the last event that is not new; None where only the time is known.
        at: The time of that event, or the time that was given; None where no event up to the number is left.
    """

    auto_id: int | None
    at: datetime | None

    def as_dict(self) -> dict[str, Any]:
        return {"auto_id": self.auto_id, "at": self.at.isoformat() if self.at else None}


@dataclass(frozen=True)
class Entry:
    """One event. None where neither a column nor the JSON has it."""

    id: str
    category: str
    when: datetime | None
    message: str
    user_id: str | None
    user: str | None
    documents: tuple[str, ...]
    agent: str | None = None
    service: bool | None = None
    established: str | None = None
    address: str | None = None

    @property
    def by_system(self) -> bool:
        return (self.user_id or "").lower() == SYSTEM_ID or (self.user_id is None and (self.user or "").lower() == SYSTEM)


class Events:
    """The events of one database."""

    def __init__(self, connection: SqlConnection) -> None:
        self.connection = connection
        self.columns = schema.columns_of(connection, EVENT)[EVENT]

    @property
    def readable(self) -> bool:
        return self.columns >= _NEEDED

    @property
    def numbered(self) -> bool:
        return self.readable and "autoid" in self.columns

    def newest(self) -> Mark | None:
        """The newest event; None where there is none, or where events have no number."""
        return self.up_to(None) if self.numbered else None

    def up_to(self, number: int | None) -> Mark | None:
        """The newest event that is not beyond a number; None where there is none."""
        where, values = ("", ()) if number is None else (" WHERE [AutoId] <= ?", (number,))
        rows = self.connection.query(
            f"SELECT TOP (1) [AutoId] AS number, CAST([Occurred] AS nvarchar(40)) AS moment FROM dbo.[Event]{where} ORDER BY [AutoId] DESC",
            *values,
        )
        return Mark(int(rows[0]["number"]), schema.moment_of(rows[0]["moment"])) if rows else None

    def reach_back_to(self, mark: Mark) -> bool:
        """Whether the table has everything since the mark: an event from before it is still there, so none after it has been archived."""
        if mark.auto_id is not None:
            return self.up_to(mark.auto_id) is not None
        if mark.at is None:
            return False
        text = self.connection.scalar("SELECT CAST(MIN([Occurred]) AS nvarchar(40)) AS moment FROM dbo.[Event]")
        oldest = schema.moment_of(text)
        return oldest is not None and oldest <= mark.at

    def common(self, other: Events) -> Mark | None:
        """The newest event that both databases have, with its number, id and time: the last one before one was copied from the other.

        What either has written since has other times, so a copy that has been in use is no obstacle. None where none of the newest ones is common.
        """
        below: int | None = None
        for _batch in range(BATCHES):
            where, values = ("", ()) if below is None else (" WHERE [AutoId] < ?", (below,))
            theirs = _numbered(
                other.connection.query(
                    f"SELECT TOP ({BATCH}) [AutoId] AS number, [Id] AS id, CAST([Occurred] AS nvarchar(40)) AS moment "
                    f"FROM dbo.[Event]{where} ORDER BY [AutoId] DESC",
                    *values,
                )
            )
            if not theirs:
                return None
            below = min(theirs)
            mine = _numbered(
                self.connection.query(
                    "SELECT [AutoId] AS number, [Id] AS id, CAST([Occurred] AS nvarchar(40)) AS moment FROM dbo.[Event] "
                    "WHERE [AutoId] >= ? AND [AutoId] <= ?",
                    below,
                    max(theirs),
                )
            )
            both = [number for number, row in theirs.items() if mine.get(number) == row]
            if both:
                return Mark(max(both), mine[max(both)][1])
        return None

    def count_by_system(self, mark: Mark) -> int | None:
        """How many of the events after the mark the server itself has written; None where that cannot be told."""
        which = self._system()
        if which is None:
            return None
        where, values = self._after(mark)
        return int(self.connection.scalar(f"SELECT COUNT_BIG(*) AS number FROM dbo.[Event] AS t WHERE {where} AND {which}", *values) or 0)

    def after(self, mark: Mark, limit: int) -> Iterator[Entry]:
        """Yield the events after the mark that the server has not written itself, the newest first, and one more than the limit at most."""
        where, values = self._after(mark)
        which = self._system()
        yield from self._read(f"{where} AND NOT ({which})" if which else where, values, limit)

    def of_clients(self, since: datetime, limit: int) -> Iterator[Entry]:
        """Yield the events since a moment that the server has not written itself, the newest first."""
        yield from self.after(Mark(None, since), limit)

    def _system(self) -> str | None:
        if "userid" in self.columns:
            return f"t.[UserId] = '{SYSTEM_ID}'"
        return f"t.[Username] = '{SYSTEM}'" if "username" in self.columns else None

    def _after(self, mark: Mark) -> tuple[str, tuple[Any, ...]]:
        if mark.auto_id is not None:
            return "t.[AutoId] > ?", (mark.auto_id,)
        at = mark.at.isoformat(timespec="microseconds") if mark.at else None
        return "t.[Occurred] > CAST(? AS datetimeoffset)", (at,)

    def _read(self, where: str, values: tuple[Any, ...], limit: int) -> Iterator[Entry]:
        own = [name for name in _READ if name.lower() in self.columns]
        named = [f"t.{quote_identifier(name)} AS {quote_identifier(name)}" for name in own]
        named.append("CAST(t.[Occurred] AS nvarchar(40)) AS moment")
        if "message" in self.columns:
            named.append(f"LEFT(t.[Message], {_MESSAGE}) AS message")
        if any(name not in own for name in _IN_JSON):
            named += [f"t.{quote_identifier(name)}" for name in row_document.COLUMNS if name.lower() in self.columns]
        order = "t.[AutoId]" if "autoid" in self.columns else "t.[Occurred]"
        statement = f"SELECT TOP ({limit + 1}) {', '.join(named)} FROM dbo.[Event] AS t WHERE {where} ORDER BY {order} DESC"
        for row in self.connection.stream(statement, *values):
            yield entry(row)


def entry(row: dict[str, Any]) -> Entry:
    """Read a row: what has no column is looked for in its document."""
    inner = {name.lower(): value for name, value in row_document.of(row).items()}

    def value(name: str) -> Any:
        return row[name] if name in row else inner.get(name.lower())

    service = value("IsService")
    return Entry(
        str(row["Id"]),
        str(row["Category"]),
        schema.moment_of(row["moment"]),
        str(row.get("message") or ""),
        _text(row.get("UserId")),
        _text(row.get("Username")),
        _ids(value("RelatedDocumentIds")),
        _text(value("UserAgent")),
        None if service is None else bool(service),
        # Empty says that the server itself was it, unlike a version that does not record it.
        None if value("IdentityEstablishedWith") is None else str(value("IdentityEstablishedWith")),
        _text(value("IpAddress")),
    )


def _numbered(rows: list[dict[str, Any]]) -> dict[int, tuple[str, datetime | None]]:
    return {int(row["number"]): (str(row["id"]), schema.moment_of(row["moment"])) for row in rows}


def _ids(value: Any) -> tuple[str, ...]:
    """Ids as a column has them (``|Projects-1|Releases-2|``), as JSON text, or as a list."""
    if isinstance(value, str) and value.startswith("["):
        value = row_document.parsed(value)
    if isinstance(value, str):
        value = value.split("|")
    return tuple(str(one) for one in value if one) if isinstance(value, list) else ()


def _text(value: Any) -> str | None:
    return str(value) if value else None
