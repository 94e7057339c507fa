# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The upgrade path, its checks, and what the plan says of it. Pure functions, no I/O."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

from .check import Check, unknown
from .errors import OctopusError
from .path.catalogue import ROWS, catalogue
from .path.conditions import CONDITIONS
from .path.row import Kind
from .path.solver import Crossing, Jump, Path, judge, solve
from .version import Version

NAMES = ("upgrade_path", *(row.id for row in ROWS if row.blocks))


def given(installed: str, target: str, ladder: Sequence[str]) -> list[str]:
    """The versions of a given path that are still to go through, in order; empty where ``installed`` is ``target``.

    Raises:
        OctopusError: The ladder does not rise, or does not end at ``target``; or one of them is not a version.
    """
    versions = [Version.parse(step) for step in ladder]
    if versions[-1] != Version.parse(target):
        raise OctopusError(f"expected octopus_ladder to end at octopus_version {target}, but it ends at {ladder[-1]}")
    for lower, upper in pairwise(versions):
        if not lower < upper:
            raise OctopusError(f"expected octopus_ladder to rise, but {upper} follows {lower}")
    have = Version.parse(installed)
    return [step for step, version in zip(ladder, versions, strict=True) if version > have]


def find(
    installed: str,
    target: str,
    ladder: Sequence[str],
    *,
    releases: Sequence[str] = (),
    conditions: Mapping[str, bool | None] | None = None,
    added: Sequence[Mapping[str, Any]] = (),
    off: Collection[str] = (),
) -> Path:
    """The upgrade path: the given one, or without one the shortest that avoids what is known to break.

    Args:
        installed: The installed version.
        target: The version to end at. Where it is older, there is no path, and the check target_not_older says so.
        ladder: The given path, the target last; empty for none.
        releases: The versions that can be had.
        conditions: What is known of this database.
        added: Rows that the user adds to the catalogue.
        off: Rows that the user switches off.

    Raises:
        OctopusError: The ladder, a version or a row cannot be used.
    """
    have, wanted, known = Version.parse(installed), Version.parse(target), conditions or {}
    rows = catalogue(added, off)
    if ladder:
        return judge(have, [Version.parse(step) for step in given(installed, target, ladder)], rows, known)
    if wanted <= have:
        return Path(())
    return solve(have, wanted, [Version.parse(text) for text in releases], rows, known)


def checks(path: Path, instance: str, asked: bool = True) -> Iterator[Check]:
    """One check for each row that stands in the way, and one that says whether the versions can be gone through at all.

    Args:
        path: The path.
        instance: The name of the instance, for messages.
        asked: Whether it is known which versions can be had.
    """
    if not path.jumps:
        return
    impossible = [row.id for row in path.impossible]
    look = "Set octopus_release_feed, so that it is known which versions can be had, or give the path in octopus_ladder. "
    yield Check(
        "upgrade_path",
        not impossible,
        "an upgrade path without a jump that is known to break whatever the database holds",
        f"that {text(path)} crosses {', '.join(impossible)}" if impossible else text(path),
        instance,
        "" if not impossible else f"{'' if asked else look}Without another path, clone the instance or replace it on a new host.",
    )
    found: dict[str, tuple[Crossing, list[Jump]]] = {}
    for jump, crossing in path.blockers():
        found.setdefault(crossing.row.id, (crossing, []))[1].append(jump)
    for name, (crossing, jumps) in found.items():
        row = crossing.row
        yield Check(
            name,
            False if crossing.holds else None,
            f"it not to be the case that {CONDITIONS[row.when]}" if row.when else "another path",
            ("that it is" if row.when else "this one") if crossing.holds else unknown("no probe decides it here"),
            f"{instance}, {', '.join(f'{jump.origin} -> {jump.target}' for jump in jumps)}",
            " ".join([f"{row.problem}. {row.way}.", *[f"See {link}." for link in row.links()[:1]]]),
        )


def text(path: Path) -> str:
    """The path as one line."""
    return " -> ".join(str(version) for version in [path.jumps[0].origin, *path.versions]) if path.jumps else "nothing"


def lines(path: Path) -> list[str]:
    """Why each intermediate version is there, and what to know of, for the plan."""
    said = [f"{jump.target}: avoids {', '.join(row.id for row in jump.avoids)}" for jump in path.jumps if jump.avoids]
    noted: dict[str, str] = {}
    asked: dict[str, None] = {}
    for _jump, one in path.warnings():
        if one.holds:
            noted[one.row.id] = f"{'slow' if one.row.kind is Kind.SLOW else 'note'}: {one.row.id}: {one.row.problem}. {one.row.way}."
        else:
            asked[one.row.id] = None
    return [*said, *noted.values(), *([f"not known whether these concern this instance: {', '.join(asked)}"] if asked else [])]


def as_dicts(path: Path) -> list[dict[str, Any]]:
    """The jumps as a module returns them."""
    return [
        {
            "from": str(jump.origin),
            "to": str(jump.target),
            "avoids": [row.id for row in jump.avoids],
            "rows": [{"id": one.row.id, "kind": one.row.kind.value, "holds": one.holds, "blocks": one.blocks} for one in jump.crossings],
        }
        for jump in path.jumps
    ]
