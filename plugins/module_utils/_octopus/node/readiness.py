# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether Windows on a node is ready for an installation: restarts that are due, and installations in progress. Only reads."""

from __future__ import annotations

from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._windows import registry
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.connection import WindowsHost

_VERSION = r"HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion"
# What Microsoft's own setup checks read: Setup/src/SetupAssist/Checks/Test-PendingReboot.ps1 of https://github.com/microsoft/CSS-Exchange.
_REBOOT_KEYS = {
    rf"{_VERSION}\Component Based Servicing\RebootPending": "Windows components were changed",
    rf"{_VERSION}\WindowsUpdate\Auto Update\RebootRequired": "Windows Update has installed something",
}
_SESSION_MANAGER, _RENAMES = r"HKLM\SYSTEM\CurrentControlSet\Control\Session Manager", "PendingFileRenameOperations"
# Left by a transaction of Windows Installer that has not ended: https://learn.microsoft.com/windows/win32/msi/msizap-exe
_IN_PROGRESS = rf"{_VERSION}\Installer\InProgress"
# Many a host always has some of other programs; those of the product matter, since its files are replaced at the next start.
_OWN = "octopus deploy"


def read(host: WindowsHost) -> dict[str, Any]:
    """Return what is due on a host.

    Raises:
        HostError: The registry cannot be read.
    """
    due = [why for key, why in _REBOOT_KEYS.items() if registry.exists(host, key)]
    if _OWN in (registry.get(host, _SESSION_MANAGER, _RENAMES) or "").lower():
        due.append("files of Octopus Deploy are replaced by the next start of Windows")
    return {"reboot_pending": due, "installation_in_progress": registry.exists(host, _IN_PROGRESS)}
