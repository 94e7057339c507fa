# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The catalogue of upgrade jumps that are known to break or to need something, with what a user adds and switches off. No I/O."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from ..errors import OctopusError
from .conditions import CONDITIONS
from .row import Row, from_user
from .rows import before_3, every, never, v3, v2018, v2019, v2020, v2021, v2023, v2025

ROWS: tuple[Row, ...] = (
    *before_3.ROWS,
    *v3.ROWS,
    *v2018.ROWS,
    *v2019.ROWS,
    *v2020.ROWS,
    *v2021.ROWS,
    *v2023.ROWS,
    *v2025.ROWS,
    *every.ROWS,
    *never.ROWS,
)


def catalogue(added: Iterable[Mapping[str, Any]] = (), off: Collection[str] = ()) -> tuple[Row, ...]:
    """The catalogue with a user's rows added, and without those that are switched off.

    Args:
        added: Rows in the catalogue's own words. One with the id of a known row replaces it.
        off: Ids of rows that do not count.

    Raises:
        OctopusError: A row cannot be read, an id is given twice, or a row that is switched off does not exist.
    """
    own = [from_user(entry) for entry in added]
    names = [row.id for row in own]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise OctopusError(f"octopus_path_rows has two entries with the id {', '.join(twice)}")
    if strange := sorted({row.when for row in own if row.when and row.when not in CONDITIONS}):
        raise OctopusError(
            f"octopus_path_rows depends on the unknown condition {', '.join(strange)}; known: {', '.join(sorted(CONDITIONS))}"
        )
    rows = {row.id: row for row in (*ROWS, *own)}
    if unknown := sorted(set(off) - set(rows)):
        raise OctopusError(f"octopus_path_rows_off names unknown rows: {', '.join(unknown)}")
    return tuple(row for row in rows.values() if row.id not in off)


def recognise(text: str) -> list[Row]:
    """The rows whose symptom an output or log shows, the first in the catalogue first.

    Args:
        text: What the product printed or logged.
    """
    return [row for row in ROWS if row.recognised(text)]


def explanations(lines: Iterable[str]) -> list[str]:
    """What is known of the failure that an output shows: for each row that is recognised, a few sentences."""
    return [f"This is known as {row.id}: {row.problem}. {row.way}. See {row.links()[0]}." for row in recognise("\n".join(lines))]
