# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Failures between this collection and a Windows host. No message contains a secret."""

from __future__ import annotations

from ansible_collections.octopus.upgrade.plugins.module_utils._core.errors import UpgradeError


class HostError(UpgradeError):
    """Something failed on a Windows host.

    Args:
        message: What was expected, what was found, where, and what to do.
        host: The inventory name of the host.
        code: The exit code or Windows error number, where there is one.
        not_done: Whether it is certain that the host has not done what it was last asked for, so that it can be asked again.
    """

    def __init__(self, message: str, host: str = "", code: int | None = None, *, not_done: bool = False) -> None:
        super().__init__(message)
        self.message = message
        self.host = host
        self.code = code
        self.not_done = not_done


class HostUnreachable(HostError):
    """There was no answer, or the connection was lost. Whether a running command continues is unknown."""


class HostRefused(HostError):
    """The host answers, but the account, the certificate or the connection options are refused. A retry is pointless."""


class HostTimeout(HostError):
    """The time was up. A command was ended; a job continues."""
