# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What native commands share: failing loudly at what the lab does not know, the texts of Windows errors."""

from __future__ import annotations

from lab.core.filesystem import MESSAGES
from lab.windows.process import Process

SYSTEM32 = "C:\\Windows\\System32"

# https://learn.microsoft.com/windows/win32/debug/system-error-codes
MORE = {
    87: "The parameter is incorrect.",
    109: "The pipe has been ended.",
    193: "%1 is not a valid Win32 application.",
    1053: "The service did not respond to the start or control request in a timely fashion.",
    1056: "An instance of the service is already running.",
    1057: "The account name is invalid or does not exist, or the password is invalid for the account name specified.",
    1058: "The service cannot be started, either because it is disabled or because it has no enabled devices associated with it.",
    1060: "The specified service does not exist as an installed service.",
    1061: "The service cannot accept control messages at this time.",
    1062: "The service has not been started.",
    1067: "The process terminated unexpectedly.",
    1069: "The service did not start due to a logon failure.",
    1072: "The specified service has been marked for deletion.",
    1073: "The specified service already exists.",
    1332: "No mapping between account names and security IDs was done.",
    1077: "No attempts to start the service have been made since the last boot.",
}


def message(code: int) -> str:
    """The English text of a Windows error."""
    return MESSAGES.get(code) or MORE.get(code) or f"error {code}"


def unsupported(proc: Process, what: str) -> int:
    """The lab does not know this use of the command: say so loudly, and fail."""
    proc.error(f"lab: unsupported {proc.name}: {what} (command line: {proc.command_line})")
    return 1
