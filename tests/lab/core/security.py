# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Owner and discretionary access control list of a file or folder, kept with it as extended attributes.

So they follow it through a rename and survive its being overwritten, as a security descriptor does on NTFS
(https://learn.microsoft.com/troubleshoot/windows-client/windows-security/permissions-on-copying-moving-files). A new file inherits its list
from its folder. The lab's drives enforce neither.
"""

from __future__ import annotations

import os
from pathlib import Path

# What SYSTEM and elevated administrators create belongs to their group (*assumed* for others: to the account itself).
ADMINISTRATORS = "BUILTIN\\Administrators"
INHERITED = "D:AI(A;ID;FA;;;SY)"
_OWNER, _DACL = "user.lab.owner", "user.lab.dacl"
_SYSTEM = ("SYSTEM", "NT AUTHORITY\\SYSTEM")


def owner(real: Path) -> str:
    """The owner of what exists; a link's is that of what it points to."""
    return _get(real, _OWNER) or ADMINISTRATORS


def dacl(real: Path) -> str:
    """The list in SDDL (https://learn.microsoft.com/windows/win32/secauthz/security-descriptor-string-format)."""
    return _get(real, _DACL) or INHERITED


def set_owner(real: Path, account: str) -> None:
    os.setxattr(real, _OWNER, account.encode())


def set_dacl(real: Path, sddl: str) -> None:
    os.setxattr(real, _DACL, sddl.encode())


def created(real: Path, account: str) -> None:
    """Give what an account has just created to it."""
    if account.upper() not in _SYSTEM:
        set_owner(real, account)


def _get(real: Path, name: str) -> str:
    try:
        return os.getxattr(real, name).decode()
    except OSError:  # it has none, or it is a link to nothing
        return ""
