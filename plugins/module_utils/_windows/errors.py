# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What goes wrong between this collection and a Windows host. No message holds a secret."""

from __future__ import annotations

from ansible_collections.octopus.upgrade.plugins.module_utils._core.errors import UpgradeError


class HostError(UpgradeError):
    """A Windows host could not do what was wanted.

    Args:
        message: What was wanted, what was found, where, and what to do.
        host: The inventory name of the host.
        code: The exit code or Windows error number, where there is one.
    """

    def __init__(self, message: str, host: str = "", code: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.host = host
        self.code = code


class HostUnreachable(HostError):
    """No answer, or the connection was lost. What was running goes on or not: nobody knows."""


class HostRefused(HostError):
    """The host answers, but the account, the certificate or the options of the connection are refused. Never worth a retry."""


class HostTimeout(HostError):
    """A command ran longer than it was allowed to; it was ended."""
