# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Everything that is known to be harmless in a clone under quarantine, and up to which version that is known. No I/O."""

from __future__ import annotations

from . import past, projects, settings
from .entry import Known

# The newest line of which public sources tell what is new: https://octopus.com/docs and OctopusClients, September 2026.
NEWEST = "2026.4"
# Tables in which each row is settings of its own kind.
BY_ROW = ("configuration", "extensionconfiguration")
ENTRIES: tuple[Known, ...] = (*past.ENTRIES, *projects.ENTRIES, *settings.ENTRIES)
