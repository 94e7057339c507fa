# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a user wants to know of one check, and the phases that checks are shown by. No I/O."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Phase(str, Enum):
    """The phase of an upgrade that a check is for, in their order; the value is the heading."""

    INSTANCE = "The instance as it is"
    PATH = "Upgrade path"
    STAGE = "Staging, before the outage"
    QUIESCE = "Taking it out of service"
    BACKUP = "Restore point"
    APPLY = "Installation and schema upgrade"
    VERIFY = "Start and verification"
    ROLLBACK = "Rollback, where the upgrade fails"
    CLONE = "Making a clone"

    @property
    def key(self) -> str:
        """How a plan names it."""
        return self.name.lower()


@dataclass(frozen=True)
class Entry:
    """One check.

    Attributes:
        name: Its name, which a waiver gives.
        phase: The phase that it is for.
        what: What it asks, as a sentence.
        why: What would happen otherwise, as a sentence.
        fix: What to do, as a sentence.
        waive: Whether it may be waived, and what that means then, as a sentence. Empty for a warning, which stops nothing.
        sources: Where the reason is known from.
        momentary: Whether its finding comes and goes by itself, so that an approved plan does not depend on it.
    """

    name: str
    phase: Phase
    what: str
    why: str
    fix: str
    waive: str = ""
    sources: tuple[str, ...] = ()
    momentary: bool = False
