# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The shortest upgrade path that crosses no row of the catalogue that applies. No I/O.

A stop is a version that is installed, upgrades the schema and is started before the next one. A row that every path crosses, because its bounds
leave no room for a stop, cannot be avoided by any choice of versions: it has no say in the choice, and is reported with what to do about it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from ..errors import OctopusError
from ..version import Version
from .row import Kind, Row
from .window import window

# Where the vendor's own way round leads, and what public reports have passed through: the better one of two paths of equal length.
TRIED = window(">=3.17.14,<4.0; >=2018.10.5,<2018.11; >=2021.1.8018,<2021.2; >=2025.2.13099,<2025.3; >=2025.3.14287,<2025.4")


@dataclass(frozen=True)
class Crossing:
    """A row that a jump of the path crosses.

    Attributes:
        holds: Whether its condition holds; None where that is not known, which counts as if it did.
    """

    row: Row
    holds: bool | None

    @property
    def blocks(self) -> bool:
        return self.row.blocks


@dataclass(frozen=True)
class Jump:
    """One part of a path: from a version to the next.

    Attributes:
        crossings: The rows that apply to it.
        avoids: The rows that would break an upgrade that left this version out, which is why it is there; empty for the target.
    """

    origin: Version
    target: Version
    crossings: tuple[Crossing, ...]
    avoids: tuple[Row, ...] = ()


@dataclass(frozen=True)
class Path:
    """An upgrade path: the jumps, in order. It has none where the target is installed already."""

    jumps: tuple[Jump, ...]

    @property
    def versions(self) -> list[Version]:
        return [jump.target for jump in self.jumps]

    def blockers(self) -> list[tuple[Jump, Crossing]]:
        """What must be put right first, or accepted by name."""
        return [(jump, one) for jump in self.jumps for one in jump.crossings if one.blocks]

    def warnings(self) -> list[tuple[Jump, Crossing]]:
        """What to know of, and what goes wrong in silence."""
        return [(jump, one) for jump in self.jumps for one in jump.crossings if not one.blocks and not one.row.answered]

    @property
    def impossible(self) -> list[Row]:
        """Rows that break it whatever the database holds: there is no path in place with these versions."""
        return [one.row for _jump, one in self.blockers() if one.row.kind.breaks and not one.row.when]


def judge(installed: Version, versions: Sequence[Version], rows: Iterable[Row], conditions: Mapping[str, bool | None]) -> Path:
    """Judge a given path by the rows.

    Raises:
        OctopusError: It does not rise from what is installed.
    """
    rows = tuple(rows)
    points = [installed, *versions]
    for lower, upper in pairwise(points):
        if not lower < upper:
            raise OctopusError(f"expected an upgrade path to rise, but {upper} follows {lower}")
    jumps = []
    final = points[-1]

    def crossed(origin: Version, target: Version) -> list[Row]:
        return [row for row in rows if row.applies(origin, target, conditions) and (target == final or not row.staying)]

    for number, (origin, target) in enumerate(pairwise(points)):
        crossings = crossed(origin, target)
        avoided: tuple[Row, ...] = ()
        if target != final:
            beyond = points[number + 2]
            around = {row.id for row in (*crossings, *crossed(target, beyond))}
            avoided = tuple(row for row in crossed(origin, beyond) if row.id not in around and _weight(row) < _SLOW and not row.answered)
        jumps.append(Jump(origin, target, tuple(Crossing(row, row.holds(conditions)) for row in crossings), avoided))
    return Path(tuple(jumps))


def solve(
    installed: Version, target: Version, available: Iterable[Version], rows: Iterable[Row], conditions: Mapping[str, bool | None]
) -> Path:
    """Find the best path.

    The fewest jumps that break, then the fewest that go wrong in silence or lack something, then the fewest stops, then the fewest that are slow.
    Of equal ones the path through versions that others have tried wins, and then the one whose stops are newer.

    Args:
        installed: The version of the database.
        target: The version to end at.
        available: The versions that can be had. The target is taken for one, and what is not between the two is ignored.
        rows: The catalogue.
        conditions: What is known of this database, by the conditions' names; what is missing is unknown.

    Raises:
        OctopusError: The target is older than what is installed.
    """
    if target < installed:
        raise OctopusError(f"expected a version that is not older than the installed {installed}, and found {target}")
    if target == installed:
        return Path(())
    rows = tuple(row for row in rows if not row.answered and row.holds(conditions) is not False)
    between = sorted({version for version in available if installed < version < target and not version.prerelease})
    points = [installed, *_distinct(between, rows), target]
    choosing = [row for row in rows if _weight(row) <= _SLOW and _avoidable(row, points)]
    return judge(installed, _best(points, choosing), rows, conditions)


_BREAKS, _WRONG, _SLOW, _NOTHING = range(4)


def _weight(row: Row) -> int:
    """Where crossing it counts: the lower, the worse."""
    if row.kind.breaks:
        return _BREAKS
    if row.kind in (Kind.SILENT, Kind.LICENCE, Kind.FLOOR):
        return _WRONG
    return _SLOW if row.kind is Kind.SLOW else _NOTHING


def _distinct(versions: list[Version], rows: Sequence[Row]) -> list[Version]:
    """Of the versions that no row tells apart, only the newest: of each line, a few patches."""
    newest: dict[tuple, Version] = {}
    for version in versions:
        told = tuple((version in row.origins, version in row.targets) for row in rows)
        newest[(version.parts[:2], version in TRIED, told)] = version
    return sorted(newest.values())


def _avoidable(row: Row, points: Sequence[Version]) -> bool:
    """Whether some path crosses it nowhere."""
    origins = [point in row.origins for point in points]
    targets = [point in row.targets for point in points]
    final = len(points) - 1
    reached = [True] + [False] * final
    for end in range(1, len(points)):
        counts = targets[end] and (end == final or not row.staying)
        reached[end] = any(reached[start] and not (origins[start] and counts) for start in range(end))
    return reached[final]


def _best(points: Sequence[Version], rows: Sequence[Row]) -> list[Version]:
    """The versions of the cheapest path through the points, the first of them left out."""
    final = len(points) - 1
    tables = [
        (_weight(row), row.staying, [point in row.origins for point in points], [point in row.targets for point in points]) for row in rows
    ]
    costs: list[tuple[int, ...]] = [(0,) * 5]
    previous = [0]
    for end in range(1, len(points)):
        into = [table for table in tables if table[3][end] and (end == final or not table[1])]
        passing = 0 if end == final or points[end] in TRIED else 1
        best: tuple[int, ...] | None = None
        for start in range(end - 1, -1, -1):
            found = [0, 0, 0]
            for weight, _staying, origins, _targets in into:
                if origins[start]:
                    found[weight] += 1
            step = (found[_BREAKS], found[_WRONG], 1, found[_SLOW], passing)
            cost = tuple(map(sum, zip(costs[start], step, strict=True)))
            if best is None or cost < best:
                best, origin = cost, start
        costs.append(best or ())
        previous.append(origin)
    way = [final]
    while way[-1]:
        way.append(previous[way[-1]])
    return [points[number] for number in reversed(way[:-1])]
