# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One known bad jump: the versions it concerns, what goes wrong, what to do, and where that is known from. No I/O."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from ..errors import OctopusError
from ..version import Version
from .window import Window, window


class Kind(str, Enum):
    """What a row does to an upgrade that crosses it."""

    SCHEMA = "schema"  # the schema upgrade fails
    START = "start"  # the server does not start afterwards
    SILENT = "silent"  # the upgrade succeeds, and something is wrong
    SLOW = "slow"  # it takes very long
    FLOOR = "floor"  # something else has to be newer first
    LICENCE = "licence"  # the licence has to be in order
    MANUAL = "manual"  # somebody has to do something

    @property
    def breaks(self) -> bool:
        """Whether the upgrade itself fails: no path may cross it."""
        return self in (Kind.SCHEMA, Kind.START)


class Confidence(str, Enum):
    """How well a row is known."""

    VENDOR = "vendor"  # documented by the vendor
    FIXED = "fixed-in"  # an issue that names the first fixed builds
    DATED = "dated"  # an issue with a dated release note, the build not named
    REPORT = "report"  # one report or few, or the cause is not known
    INFERRED = "inferred"  # follows from several facts


ISSUES = "https://github.com/OctopusDeploy/Issues/issues/"


@dataclass(frozen=True)
class Row:
    """A jump that is known to break or to need something.

    It applies where ``origin`` holds the version of the database, ``target`` holds the version that is put on it, and the condition ``when``
    is true or unknown.

    Attributes:
        id: Its name, for switching it off and in messages.
        origin: The versions it is about to be upgraded from, for example ``<2019.1``.
        target: The versions that it breaks with, for example ``>=2019.1.0,<2019.2~; 2019.2.5``.
        problem: What goes wrong, as a sentence without its full stop.
        way: What to do, as a sentence without its full stop.
        sources: Numbers of OctopusDeploy/Issues, or pages.
        when: The condition (conditions.py); empty where it always holds.
        symptoms: Fixed pieces of the product's own messages, all of which appear together. Several alternatives are several entries.
        answered: How this collection's own order of an upgrade answers it, so that it stops nothing; empty where it does not.
        staying: Whether it matters only for the version that stays, and not for one that an upgrade passes through.
    """

    id: str
    origin: str
    target: str
    kind: Kind
    confidence: Confidence
    problem: str
    way: str
    sources: tuple[str, ...]
    when: str = ""
    symptoms: tuple[tuple[str, ...], ...] = ()
    answered: str = ""
    staying: bool = False

    @property
    def blocks(self) -> bool:
        """Whether an upgrade must not begin while it applies; where it does not, it is a warning."""
        if self.answered:
            return False
        return self.kind.breaks or self.kind is Kind.LICENCE or (self.kind is Kind.FLOOR and not self.when.startswith("targets_"))

    @property
    def origins(self) -> Window:
        return window(self.origin)

    @property
    def targets(self) -> Window:
        return window(self.target)

    def crossed(self, origin: Version, target: Version) -> bool:
        """Whether an upgrade from one version to the next is the jump that this row is about, whatever its condition."""
        return origin in self.origins and target in self.targets

    def applies(self, origin: Version, target: Version, conditions: Mapping[str, bool | None]) -> bool:
        """Whether it counts for this jump: its condition holds, or nobody knows."""
        return self.crossed(origin, target) and self.holds(conditions) is not False

    def holds(self, conditions: Mapping[str, bool | None]) -> bool | None:
        """Whether its condition holds; None where that is not known."""
        return conditions.get(self.when) if self.when else True

    def recognised(self, text: str) -> bool:
        """Whether an output or log shows one of its symptoms."""
        return any(all(piece in text for piece in pieces) for pieces in self.symptoms)

    def links(self) -> list[str]:
        """Where it is known from, as addresses."""
        return [ISSUES + source[1:] if source.startswith("#") else source for source in self.sources]


def from_user(entry: Mapping[str, object]) -> Row:
    """Read a row that a user adds: the same words as the catalogue's own.

    Raises:
        OctopusError: A word is missing, unknown, or of another kind.
    """
    wanted = {"id", "origin", "target", "kind", "problem", "way"}
    optional = {"sources", "when", "symptoms"}
    missing, strange = wanted - set(entry), set(entry) - wanted - optional
    if missing or strange:
        what = f"lacks {', '.join(sorted(missing))}" if missing else f"has the unknown word {', '.join(sorted(strange))}"
        raise OctopusError(
            f"an entry of octopus_path_rows {what}; expected {', '.join(sorted(wanted))}, and optionally {', '.join(sorted(optional))}"
        )
    kinds = [kind.value for kind in Kind]
    if entry["kind"] not in kinds:
        raise OctopusError(f"row {entry['id']} of octopus_path_rows is of the kind {entry['kind']!r}; expected one of {', '.join(kinds)}")
    symptoms, sources = entry.get("symptoms") or [], entry.get("sources") or []
    if not isinstance(symptoms, list) or not isinstance(sources, list):
        raise OctopusError(f"row {entry['id']} of octopus_path_rows: expected lists as symptoms and sources")
    row = Row(
        id=str(entry["id"]),
        origin=str(entry["origin"]),
        target=str(entry["target"]),
        kind=Kind(entry["kind"]),
        confidence=Confidence.REPORT,
        problem=str(entry["problem"]),
        way=str(entry["way"]),
        sources=tuple(map(str, sources)),
        when=str(entry.get("when") or ""),
        symptoms=tuple((str(one),) for one in symptoms),
    )
    window(row.origin)
    window(row.target)
    return row
