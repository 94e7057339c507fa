# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A named preflight check, and what checks say of sizes. No I/O."""

from __future__ import annotations

from dataclasses import dataclass

MEBIBYTE = 1024 * 1024
# Told by the first copy of the server folders, which is made before the outage, and not by the plan: only then is their size known.
SPACE_FOR_FOLDERS = "space_for_folders"


@dataclass
class Check:
    """One named finding: whether it is fine, what was expected and found, where, and what to do.

    Attributes:
        ok: None where that cannot be told, which blocks like a finding that is not fine.
        waived: Whether the operator accepts a finding that would block.
    """

    name: str
    ok: bool | None
    expected: str
    found: str
    where: str
    todo: str = ""
    waived: bool = False

    @property
    def blocks(self) -> bool:
        return self.ok is not True and not self.waived

    def sentence(self) -> str:
        """One line for people."""
        return f"{self.name} ({self.where}): expected {self.expected}, but found {self.found}. {self.todo}".rstrip()


def unknown(what: str) -> str:
    """How ``found`` says that something cannot be told."""
    return f"that it cannot be told ({what})"


def size(value: int) -> str:
    """Bytes as a person reads them."""
    if value >= 1024 * MEBIBYTE:
        return f"{value / (1024 * MEBIBYTE):.1f} GiB"
    return f"{value / MEBIBYTE:.1f} MiB"
