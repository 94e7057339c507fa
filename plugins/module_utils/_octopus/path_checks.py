# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The upgrade path, its checks, and what the plan says of it. Pure functions, no I/O."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import date, datetime, timezone
from itertools import pairwise
from typing import Any

from .check import Check, unknown
from .errors import OctopusError
from .path.catalogue import ROWS, catalogue
from .path.conditions import CONDITIONS
from .path.floors import floors
from .path.row import Kind
from .path.solver import Crossing, Jump, Path, judge, solve
from .version import Version

NAMES = ("upgrade_path", "license_covers_path", *(row.id for row in ROWS if row.blocks))


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
    have, wanted, known = Version.parse(installed), _exact(target), conditions or {}
    rows = catalogue(added, off)
    if ladder:
        return judge(have, [Version.parse(step) for step in given(installed, target, ladder)], rows, known)
    if wanted <= have:
        return Path(())
    return solve(have, wanted, [Version.parse(text) for text in releases], rows, known)


def _exact(target: str) -> Version:
    """
    Raises:
        OctopusError: It is a policy, and nobody has looked up what it means.
    """
    try:
        return Version.parse(target)
    except OctopusError as error:
        raise OctopusError(
            f"octopus_version {target!r} is no exact version, and no release feed was read that tells which one it means. Set octopus_release_feed"
        ) from error


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


def license_check(
    path: Path, status: Mapping[str, Any], released: Mapping[str, str], instance: str, now: datetime | None = None
) -> Iterator[Check]:
    """Whether the licence covers the day on which each version of the path came out.

    A version that can be had came out before today, so a licence that is valid today covers it, whenever that was. Where the server does not say
    until when it is valid, license_compliant alone asks.

    Args:
        path: The path.
        status: The licence, as octopus_info returned it.
        released: When versions came out, as the release feed says.
        instance: The name of the instance, for messages.
        now: The time.
    """
    ends = _day(status.get("expires"))
    if not path.jumps or ends is None:
        return
    days = {str(version): _day(released.get(str(version))) for version in path.versions}
    late = [f"{version} ({day})" for version, day in days.items() if day and day > ends]
    undated = [version for version, day in days.items() if day is None]
    ok: bool | None = True
    found = f"that it ends on {ends}"
    if ends < (now or datetime.now(timezone.utc)).date() and (late or undated):
        ok = False if late else None
        found += f", before {', '.join(late)}" if late else f", and {unknown('when ' + ', '.join(undated) + ' came out')}"
    yield Check(
        "license_covers_path",
        ok,
        "a licence that covers the day on which each version of the upgrade path came out",
        found,
        instance,
        "Renew the licence and install it first: these versions would refuse to upgrade or to start. Or choose an older version.",
    )


def _day(text_of_day: Any) -> date | None:
    """The day of a time as ISO 8601 writes it; None for one that is missing, or no time."""
    try:
        found = date.fromisoformat(str(text_of_day)[:10])
    except ValueError:
        return None
    return found if found.year > 1 else None  # a licence in an old format is read so: the row licence-format


def reason(path: Path, jump: Jump) -> str:
    """Why the version that a jump leads to is part of the path."""
    if jump is path.jumps[-1]:
        return "the version to end at"
    if not jump.avoids:
        return "no known jump asks for it by itself"
    return "; ".join(f"avoids {row.id}: {row.problem}" for row in jump.avoids)


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


def as_dicts(path: Path, released: Mapping[str, str] | None = None) -> list[dict[str, Any]]:
    """The jumps as a module returns them.

    Args:
        path: The path.
        released: When versions came out, as the release feed says.
    """
    return [
        {
            "from": str(jump.origin),
            "to": str(jump.target),
            "reason": reason(path, jump),
            "released": (released or {}).get(str(jump.target)),
            "floors": floors(jump.target).as_dict(),
            "avoids": [row.id for row in jump.avoids],
            "rows": [{"id": one.row.id, "kind": one.row.kind.value, "holds": one.holds, "blocks": one.blocks} for one in jump.crossings],
        }
        for jump in path.jumps
    ]
