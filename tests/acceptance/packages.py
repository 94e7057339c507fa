# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The small packages: what is in them, for the lab that builds its own, for msi/build.ps1 and for the tests.

msi/small.wxs holds the same upgrade code, name and folder.
"""

from __future__ import annotations

from dataclasses import dataclass

NAME = "octopus.upgrade acceptance"
FOLDER = f"C:\\Program Files\\{NAME}"
UPGRADE_CODE = "{6F0B0C2E-6A55-4C1B-9E0C-0C5A3C9B7A01}"


@dataclass(frozen=True)
class SmallPackage:
    """One ``NAME.msi``. ``slow`` takes some 15 seconds, ``reboot`` asks for a restart."""

    name: str
    version: str
    code: str
    slow: bool = False
    reboot: bool = False


ONE = SmallPackage("one", "1.0.0", "{6F0B0C2E-6A55-4C1B-9E0C-0C5A3C9B7A11}")
ONE_AGAIN = SmallPackage("one-again", "1.0.0", ONE.code)
"""The same product, built once more: another package code."""
TWO = SmallPackage("two", "2.0.0", "{6F0B0C2E-6A55-4C1B-9E0C-0C5A3C9B7A12}")
REBOOT = SmallPackage("reboot", "3.0.0", "{6F0B0C2E-6A55-4C1B-9E0C-0C5A3C9B7A13}", reboot=True)
SLOW = SmallPackage("slow", "4.0.0", "{6F0B0C2E-6A55-4C1B-9E0C-0C5A3C9B7A14}", slow=True)
ALL = (ONE, ONE_AGAIN, TWO, REBOOT, SLOW)
