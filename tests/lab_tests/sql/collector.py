# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a session answers, collected in the process: the wire's part, without the wire."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from lab.tds.engine_api import SELECT, Column, SqlError


@dataclass
class Rowset:
    """One result set: its columns and rows, each value proven to be one of its type."""

    columns: list[Column]
    rows: list[tuple[object, ...]]

    @property
    def names(self) -> list[str]:
        return [column.name for column in self.columns]

    def types(self) -> list[str]:
        return [str(column.type) for column in self.columns]

    def dicts(self) -> list[dict[str, object]]:
        return [dict(zip(self.names, row, strict=True)) for row in self.rows]


@dataclass
class Collector:
    """An Output. ``on_poll`` is called at each poll, to raise Attention or ConnectionError when a test wants it."""

    rowsets: list[Rowset] = field(default_factory=list)
    messages: list[tuple[int, str]] = field(default_factory=list)
    errors: list[SqlError] = field(default_factory=list)
    counts: list[int | None] = field(default_factory=list)
    databases: list[str] = field(default_factory=list)
    transactions: list[str] = field(default_factory=list)
    on_poll: Callable[[], None] | None = None
    polls: int = 0

    def info(self, number: int, text: str, severity: int = 0, *, state: int = 1, line: int = 1, procedure: str = "") -> None:
        assert severity <= 10
        self.messages.append((number, text))

    def progress(self, number: int, text: str) -> None:
        self.messages.append((number, text))

    def error(self, error: SqlError) -> None:
        self.errors.append(error)

    def rowset(self, columns: Sequence[Column], rows: Iterable[Sequence[object]], *, counted: bool = True, command: int = SELECT) -> int:
        found = [tuple(row) for row in rows]
        for row in found:
            for column, value in zip(columns, row, strict=True):
                column.type.encode(value)
        self.rowsets.append(Rowset(list(columns), found))
        self.counts.append(len(found) if counted else None)
        return len(found)

    def done(self, count: int | None = None, command: int = 0) -> None:
        self.counts.append(count)

    def env_database(self, new: str, old: str) -> None:
        self.databases.append(new)

    def transaction_began(self) -> None:
        self.transactions.append("began")

    def transaction_ended(self, committed: bool) -> None:
        self.transactions.append("committed" if committed else "rolled back")

    def flush(self) -> None:
        pass

    def poll(self) -> None:
        self.polls += 1
        if self.on_poll is not None:
            self.on_poll()

    def numbers(self) -> list[int]:
        return [number for number, _text in self.messages]
