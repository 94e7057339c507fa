# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What every part of this package raises. Only the modules turn it into a failed task."""

from __future__ import annotations

from ansible_collections.octopus.upgrade.plugins.module_utils._core.errors import UpgradeError


class OctopusError(UpgradeError):
    """Octopus Server, over REST or its command line, did not do what was wanted.

    Args:
        message: What was wanted, what was found, where, and what to do. Never holds a secret.
        status: The HTTP status, where there was one.
    """

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.status = status


class NotAsked(OctopusError):
    """The control node could not ask: its trust, name resolution or proxy kept the question from being answered.

    It says nothing about the server, which may be in perfect health.
    """

    result = {"not_asked": True}
