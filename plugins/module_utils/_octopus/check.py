# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A named preflight check, and what checks say of sizes. No I/O."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

MEBIBYTE = 1024 * 1024
# Told by the first copy of the server folders, which is made before the outage, and not by the plan: only then is their size known.
SPACE_FOR_FOLDERS = "space_for_folders"
# Told of a clone under quarantine (_quarantine/unlisted), with a colon and what was found.
UNLISTED = "unlisted"

# What a check says, the worst first. A warning never blocks; what cannot be told blocks where the finding would.
BLOCKER, UNKNOWN, WARNING, WAIVED, OK = VERDICTS = ("blocker", "unknown", "warning", "waived", "ok")


@dataclass
class Check:
    """One named finding: whether it is fine, what was expected and found, where, and what to do.

    Attributes:
        ok: None where that cannot be told, which blocks like a finding that is not fine.
        waived: Whether the operator accepts a finding that would block.
        blocking: Whether it may stop an upgrade. What does not is a warning, or is looked up again by the upgrade before it changes anything.
    """

    name: str
    ok: bool | None
    expected: str
    found: str
    where: str
    todo: str = ""
    waived: bool = False
    blocking: bool = True

    @property
    def blocks(self) -> bool:
        return self.ok is not True and self.blocking and not self.waived

    @property
    def verdict(self) -> str:
        """One of :data:`VERDICTS`."""
        if self.ok is True:
            return OK
        if self.waived:
            return WAIVED
        return UNKNOWN if self.ok is None else BLOCKER if self.blocking else WARNING

    def sentence(self) -> str:
        """One line for people."""
        return f"{self.name} ({self.where}): expected {self.expected}, but found {self.found}. {self.todo}".rstrip()


def waive(checks: Iterable[Check], names: Iterable[str]) -> None:
    """Mark the findings that the operator accepts. A warning needs no acceptance."""
    accepted = set(names)
    for check in checks:
        check.waived = check.ok is not True and check.blocking and check.name in accepted


def as_dicts(checks: Iterable[Check]) -> list[dict[str, Any]]:
    """Checks as a module returns them."""
    return [{**asdict(check), "verdict": check.verdict} for check in checks]


def unknown(what: str) -> str:
    """How ``found`` says that something cannot be told."""
    return f"that it cannot be told ({what})"


def size(value: int) -> str:
    """Bytes as a person reads them."""
    if value >= 1024 * MEBIBYTE:
        return f"{value / (1024 * MEBIBYTE):.1f} GiB"
    return f"{value / MEBIBYTE:.1f} MiB"
