# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The cached packages of Windows Installer."""

from __future__ import annotations

from ansible_collections.octopus.upgrade.plugins.module_utils._windows import msi
from ansible_collections.octopus.upgrade.tests.unit.windows_host import FakeHost

CODE = "{ABCDEF12-1234-5678-9ABC-DEF012345678}"
PACKED = "21FEDCBA43218765A9CBED0F21436587"
PROPERTIES = rf"HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Installer\UserData\S-1-5-18\Products\{PACKED}\InstallProperties"
SOURCES = rf"HKLM\SOFTWARE\Classes\Installer\Products\{PACKED}\SourceList"


def printed(key: str, **values: str) -> str:
    return f"\n{key.replace('HKLM', 'HKEY_LOCAL_MACHINE')}\n" + "".join(
        f"    {name}    REG_SZ    {data}\n" for name, data in values.items()
    )


def test_a_product_code_is_packed() -> None:
    # https://flexerasoftware.my.site.com/revenera/s/article/converting-a-regular-guid-to-a-compressed-guid
    assert msi.packed(CODE) == msi.packed(CODE.lower()) == PACKED


def test_a_cached_package_that_exists_is_enough() -> None:
    host = FakeHost({f"reg query {PROPERTIES}": printed(PROPERTIES, LocalPackage=r"C:\Windows\Installer\1a.msi"), "dir": "1a.msi"})
    assert msi.cached_package(host, CODE) == msi.CachedPackage(r"C:\Windows\Installer\1a.msi", True)
    assert not host.ran(f"reg query {SOURCES}")


def test_where_windows_installer_looks_for_a_missing_one() -> None:
    sources = printed(SOURCES, PackageName="Octopus.msi", LastUsedSource="n;1;D:\\Packages\\")
    host = FakeHost(
        {
            f"reg query {PROPERTIES}": printed(PROPERTIES, LocalPackage=r"C:\Windows\Installer\1a.msi"),
            f"reg query {SOURCES}": sources,
            "dir": (1, "File Not Found"),
        }
    )
    assert msi.cached_package(host, CODE) == msi.CachedPackage(r"C:\Windows\Installer\1a.msi", False, r"D:\Packages\Octopus.msi")
    host.answers |= {f"reg query {PROPERTIES}": (1, "ERROR"), f"reg query {SOURCES}": (1, "ERROR")}
    assert msi.cached_package(host, CODE) == msi.CachedPackage(None, False)
