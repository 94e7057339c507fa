# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every check by its name, but for the rows of the catalogue of known jumps. No I/O."""

from __future__ import annotations

from . import instance, rollback, work
from .entry import Entry, Phase

GUIDE: dict[str, Entry] = {entry.name: entry for entry in (*instance.ENTRIES, *work.ENTRIES, *rollback.ENTRIES)}


def phase_of(name: str) -> Phase:
    """The phase that a check is for; that of the upgrade path for a row of the catalogue of known jumps."""
    return GUIDE[name].phase if name in GUIDE else Phase.PATH


def is_momentary(name: str) -> bool:
    """Whether the finding of a check comes and goes by itself."""
    return name in GUIDE and GUIDE[name].momentary
