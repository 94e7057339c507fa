# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What this room raises. Modules turn it into a failed task."""

from __future__ import annotations

from ansible_collections.octopus.upgrade.plugins.module_utils._core.errors import UpgradeError
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.errors import HostError


class RunError(UpgradeError):
    """Another process holds the lock, or the lock or a journal cannot be read or written."""


class RunRecordError(RunError):
    """The record on the control node cannot be read or written, or a journal is inconsistent."""


class LockLost(HostError):
    """This process no longer holds the lock. Another control node has resumed the run or ended it, so this one must do nothing more."""

    result = {"lock_lost": True}


class JournalError(RunError):
    """An event could not be written to the journal.

    Args:
        message: Which event, where, why, and where it waits.
        result: What the copy on the control node amounts to; whatever follows has to know how far the run came.
    """

    def __init__(self, message: str, result: dict[str, object]) -> None:
        super().__init__(message)
        self.result = result
