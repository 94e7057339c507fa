# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An assumption about the product, what was seen of a server, and the verdict of one on the other. Pure functions, no I/O."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.version import Version

PROGRAM, WINDOWS, REST, DATABASE = "program", "windows", "rest", "database"
PARTS = (PROGRAM, WINDOWS, REST, DATABASE)
OK, CONTRADICTION, UNKNOWN = "ok", "contradiction", "unknown"
VERDICTS = (CONTRADICTION, UNKNOWN, OK)
UPGRADE, ROLLBACK, CLONE, BACKUP = "upgrade", "rollback", "clone", "backup"
# What an operation may have to do, and so depends on: an upgrade that fails rolls back.
DEPENDS_ON = {UPGRADE: (UPGRADE, ROLLBACK), BACKUP: (BACKUP,), CLONE: (CLONE,)}

# Why something cannot be told. Fixed texts: an error message has names and addresses, which no report may have.
NOT_ASKED = "it was not asked, or did not answer"
REFUSED = "the account may not see it"
NO_HELP = "the program has no help for it"
NO_ROW = "there is no row to see it in"
LEFT_OUT = "it may be left out where it has its default"


@dataclass(frozen=True)
class Probe:
    """One assumption.

    Attributes:
        part: Which part of the server tells, one of :data:`PARTS`.
        subject: What is looked at: a command, a page, a table, a row.
        names: What is expected there: switches, links, properties, columns. Letter case does not count.
        any_of: Whether one of the names is enough.
        optional: Whether a name may be left out although it exists, as a setting that has its default.
        since: The first version that has it.
        until: The first version that has it no more.
        needed_by: The operations with a later step that fails where the assumption is wrong. Empty where there is another way.
        step: That step, or the other way.
        source: Where the names are known from; empty where no public source has them.
    """

    part: str
    subject: str
    names: tuple[str, ...]
    any_of: bool = False
    optional: bool = False
    since: str | None = None
    until: str | None = None
    needed_by: tuple[str, ...] = ()
    step: str = ""
    source: str = ""

    @property
    def id(self) -> str:
        """The names of the probe, by which a report is compared with another one."""
        return f"{self.part}: {self.subject}: {(' | ' if self.any_of else ', ').join(self.names)}"

    def applies(self, version: str | None) -> bool:
        """Whether that version is one of those that it is assumed of; an unknown version may be one."""
        try:
            installed = Version.parse(version) if version else None
        except OctopusError:
            installed = None
        if installed is None:
            return True
        after = self.since is None or installed >= Version.parse(self.since)
        return after and (self.until is None or installed < Version.parse(self.until))


@dataclass
class Seen:
    """What was seen of one server: names alone, no values.

    Attributes:
        names: By part and subject, the names that are there; empty where the subject does not exist.
        reasons: By part and subject, why nothing can be told of it.
        versions: The version by part; None where it is not known.
    """

    names: dict[str, dict[str, frozenset[str]]] = field(default_factory=dict)
    reasons: dict[str, dict[str, str]] = field(default_factory=dict)
    versions: dict[str, str | None] = field(default_factory=dict)

    def there(self, part: str, subject: str, names: Iterable[str]) -> None:
        """Remember the names of a subject; none where it does not exist."""
        self.names.setdefault(part, {})[subject] = frozenset(names)

    def unknown(self, part: str, subject: str, reason: str) -> None:
        """Remember why nothing can be told of a subject."""
        self.reasons.setdefault(part, {})[subject] = reason


@dataclass(frozen=True)
class Finding:
    """The verdict on one assumption.

    Attributes:
        verdict: One of :data:`VERDICTS`.
        missing: The expected names that are not there.
        reason: Why it is unknown; empty where it is not.
    """

    probe: Probe
    verdict: str
    missing: tuple[str, ...] = ()
    reason: str = ""

    def blocks(self, operation: str) -> bool:
        """Whether a later step of the operation depends on what this server contradicts."""
        return self.verdict == CONTRADICTION and operation in self.probe.needed_by


def of_operation(probes: Iterable[Probe], operation: str) -> list[Probe]:
    """Return the assumptions that a later step of an operation depends on.

    Args:
        probes: All of them.
        operation: One of :data:`DEPENDS_ON`.
    """
    return [probe for probe in probes if set(probe.needed_by) & set(DEPENDS_ON[operation])]


def judge(probe: Probe, seen: Seen) -> Finding:
    """Compare an assumption with what was seen.

    A version that is not known decides nothing: what is not there may be of another version.
    """
    names = seen.names.get(probe.part, {}).get(probe.subject)
    if names is None:
        return Finding(probe, UNKNOWN, reason=seen.reasons.get(probe.part, {}).get(probe.subject, NOT_ASKED))
    found = {name.lower() for name in names}
    missing = tuple(name for name in probe.names if name.lower() not in found)
    if not missing or (probe.any_of and len(missing) < len(probe.names)):
        return Finding(probe, OK)
    if probe.optional:
        return Finding(probe, UNKNOWN, missing, LEFT_OUT)
    if seen.versions.get(probe.part) is None and (probe.since or probe.until):
        return Finding(probe, UNKNOWN, missing, "the version is not known")
    return Finding(probe, CONTRADICTION, missing)


def judge_all(probes: Iterable[Probe], seen: Seen) -> list[Finding]:
    """Judge every assumption about the versions that were seen, in the given order."""
    return [judge(probe, seen) for probe in probes if probe.applies(seen.versions.get(probe.part))]


def counted(findings: Sequence[Finding]) -> Mapping[str, int]:
    """Return how many there are of each verdict."""
    return {verdict: sum(finding.verdict == verdict for finding in findings) for verdict in VERDICTS}
