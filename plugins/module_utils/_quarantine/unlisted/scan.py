# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What of a database is on no list: found row by row, kept by place, and never with a value. Pure functions, no I/O."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.check import UNLISTED
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.version import Version

from . import places
from .known.catalogue import BY_ROW, ENTRIES, NEWEST
from .known.entry import Known
from .signs import SIGNS, Own

MOST = 500  # places: more would be no list that anybody judges
_SAFE = re.compile(r"[a-z][a-z0-9.-]{0,79}", re.IGNORECASE)


class List:
    """The list of what is harmless, for one version of Octopus Server.

    Args:
        version: The clone's; None: not known, and then everything up to the newest known version is on it.
        entries: The list.
    """

    def __init__(self, version: str | None, entries: Iterable[Known] = ENTRIES) -> None:
        at = Version.parse(version) if version else None
        self._exact: dict[str, list[Known]] = {}
        self._loose: list[tuple[re.Pattern[str], Known]] = []
        for one in entries:
            if at is not None and (at < Version.parse(one.since) or (one.until is not None and at >= Version.parse(one.until))):
                continue
            if "*" in one.table:
                self._loose.append((_pattern(one.table), one))
            else:
                self._exact.setdefault(one.table.lower(), []).append(one)

    def whole(self, table: str) -> bool:
        """Whether nothing in the table can be a danger, so that it need not be read."""
        return any(one.whole for one in self._exact.get(table.lower(), ()))

    def has(self, table: str, place: str, sign: str) -> bool:
        """Whether that sign at that place is harmless.

        Args:
            table: The table, or the row of one of :data:`BY_ROW`.
            place: See places.py.
            sign: One of :data:`SIGNS`.
        """
        found = [*self._exact.get(table.lower(), ()), *(one for pattern, one in self._loose if pattern.fullmatch(table))]
        return any(sign in one.signs and _pattern(one.place).fullmatch(place) for one in found)


def _pattern(text: str) -> re.Pattern[str]:
    """A pattern of names with dots between. ``*`` is one name or a part of it; a last ``.**`` is any names below, or none."""
    if text in ("*", "**"):
        return re.compile(".*", re.DOTALL)
    below = text.endswith(".**")
    parts = [re.escape(part) for part in text.removesuffix(".**").split("*")]
    return re.compile("[^.]*".join(parts) + (r"(?:\..*)?" if below else ""), re.IGNORECASE | re.DOTALL)


@dataclass
class Finding:
    """One place that is on no list: its name, which a waiver gives, what it looks like, and in how many rows. Never a value."""

    table: str
    place: str
    signs: set[str] = field(default_factory=set)
    rows: int = 0

    @property
    def name(self) -> str:
        return f"{UNLISTED}:{self.table}.{self.place}"

    @property
    def whole(self) -> str:
        """The name that waives every place of its table or row."""
        return f"{UNLISTED}:{self.table}"

    @property
    def detail(self) -> str:
        listed = ", ".join(f"a{'n' if sign[0] in 'au' else ''} {_TOLD[sign]}" for sign in SIGNS if sign in self.signs)
        return f"{listed} in {self.rows} row{'' if self.rows == 1 else 's'}, which is on no list of what is harmless"


_TOLD = {
    "switch": "switch that is on",
    "schedule": "schedule",
    "address": "address outside",
    "secret": "secret of another system",
    "unreadable": "unreadable value",
}


class Scan:
    """Reads rows and keeps what is on no list. Its size depends on the number of places, not on that of rows.

    Args:
        listed: The list.
        own: What is not outside.
    """

    def __init__(self, listed: List, own: Own) -> None:
        self._listed = listed
        self._own = own
        self._judged: dict[tuple[str, str, str], bool] = {}
        self._found: dict[tuple[str, str], Finding] = {}
        self.left_out = 0

    def skips(self, table: str) -> bool:
        """Whether a table need not be read."""
        return self._listed.whole(table)

    def row(self, table: str, row: Mapping[str, Any]) -> None:
        """Look at one row.

        Args:
            table: The table's name, with its schema where that is not dbo.
            row: The columns' values by their names.
        """
        kind = _kind(table, row)
        seen: dict[str, set[str]] = {}
        for place, sign in places.in_row(row, self._own):
            if not self._harmless(kind, place, sign):
                seen.setdefault(place, set()).add(sign)
        for place, signs in seen.items():
            key = (kind.lower(), place.lower())
            if key not in self._found and len(self._found) >= MOST:
                self.left_out += 1
                continue
            finding = self._found.setdefault(key, Finding(kind, place))
            finding.signs |= signs
            finding.rows += 1

    def unreadable(self, table: str, column: str) -> None:
        """Note a column whose type cannot be read at all."""
        if not self._harmless(table, column, "unreadable"):
            finding = self._found.setdefault((table.lower(), column.lower()), Finding(table, column))
            finding.signs.add("unreadable")

    def findings(self) -> list[Finding]:
        """What is on no list, by table and place."""
        return [self._found[key] for key in sorted(self._found)]

    def _harmless(self, kind: str, place: str, sign: str) -> bool:
        key = (kind.lower(), place.lower(), sign)
        if key not in self._judged:
            if len(self._judged) > MOST * 20:  # keys of a dictionary that no pattern catches
                return self._listed.has(kind, place, sign)
            self._judged[key] = self._listed.has(kind, place, sign)
        return self._judged[key]


def _kind(table: str, row: Mapping[str, Any]) -> str:
    """The table, or what one of its rows is, where each is of its own kind. An id that may be more than a name is told by its hash."""
    if table.lower() not in BY_ROW:
        return table
    key = next((str(value) for name, value in row.items() if name.lower() == "id"), "")
    if not _SAFE.fullmatch(key):
        key = f"~{hashlib.sha256(key.encode()).hexdigest()[:12]}"
    return f"{table}/{key}"


def newer(version: str | None) -> str | None:
    """The name of the finding that a version is newer than the list, or not known; None where it is known.

    Args:
        version: The clone's.
    """
    if version is None:
        return f"{UNLISTED}:server"
    line = Version.parse(version).parts[:2]
    return f"{UNLISTED}:server-{line[0]}.{line[1]}" if line > Version.parse(NEWEST).parts[:2] else None
