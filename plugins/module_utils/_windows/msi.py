# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Windows Installer: exit codes, command lines and logs of msiexec, and the installed products.

https://learn.microsoft.com/windows/win32/msi/error-codes and https://learn.microsoft.com/windows/win32/msi/command-line-options
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from ansible_collections.octopus.upgrade.plugins.module_utils._core.errors import InvalidValue

from . import files, registry
from .connection import SYSTEM32, WindowsHost
from .errors import HostError
from .quoting import batch_text, batch_word, builtin, msi_property, word

UNINSTALL = r"HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Uninstall"
# Of products installed for all users; S-1-5-18 is SYSTEM. The names of the keys are packed product codes.
_USER_DATA = r"HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Installer\UserData\S-1-5-18\Products"
_CLASSES = r"HKLM\SOFTWARE\Classes\Installer\Products"
SUCCESS, REBOOT_REQUIRED, REBOOT_STARTED, BUSY, NOT_INSTALLED, ANOTHER_VERSION = 0, 3010, 1641, 1618, 1605, 1638

MEANINGS = {
    0: "done",
    1601: "the Windows Installer service cannot be reached",
    1602: "cancelled by a user",
    1603: "a fatal error during the installation",
    1605: "the product is not installed",
    1612: "the original installation package is missing",
    1618: "another installation is in progress",
    1619: "the package cannot be opened",
    1620: "the file is not a Windows Installer package",
    1622: "the log file cannot be written",
    1625: "a system policy forbids the installation",
    1633: "the package is for another processor type",
    1638: "another version of the product is installed",
    1639: "an invalid argument on the command line",
    1641: "done, and a restart was started",
    1643: "a system policy forbids the patch",
    3010: "done, a restart is required",
}

# Parts of the lines in a verbose log that say what failed. The engine writes English on any Windows.
_TELLING = (
    "Return value 3.",
    "returned actual error code",
    "MainEngineThread is returning",
    "Installation failed",
    "Removal failed",
    "-- Error ",
    "Error 1",
    "Error 2",
    "SECREPAIR",
    "Disallowing",
    "newer version",
)
_STAMP = re.compile(r"^MSI \([a-zA-Z]\) \([0-9A-F!:]+\) \[[^\]]*\]: ")


@dataclass(frozen=True)
class Product:
    """An installed product: its code, name and version."""

    code: str
    name: str
    version: str


@dataclass(frozen=True)
class CachedPackage:
    """The copy of its package that Windows Installer keeps of an installed product, and without which it cannot remove it.

    Attributes:
        path: Where it is registered; None where it is not.
        exists: Whether the file exists.
        source: Where Windows Installer looks for the package instead; None where that is not known or was not asked, as the file exists.
    """

    path: str | None
    exists: bool
    source: str | None = None


def install_line(package: str, log: str, properties: Mapping[str, str]) -> str:
    """Return the line of a command file that installs a package silently, with a verbose log, and waits for it.

    msiexec is a GUI program: without ``start /wait``, not every version of cmd.exe waits for it.

    Raises:
        InvalidValue: A path or property cannot be passed safely.
    """
    # Restart Manager must neither close nor wait for programs of others.
    return _line("/i", package, log, {"MSIRESTARTMANAGERCONTROL": "Disable", **properties})


def uninstall_line(product_code: str, log: str) -> str:
    """Return the line of a command file that removes a product silently.

    Raises:
        InvalidValue: It is not a product code, or the path of the log cannot be passed safely.
    """
    if not re.fullmatch(r"\{[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}\}", product_code):
        raise InvalidValue(f"expected a product code but found {product_code!r}")
    return _line("/x", product_code, log, {})


def _line(action: str, target: str, log: str, properties: Mapping[str, str]) -> str:
    given = "".join(f" {batch_text(msi_property(name, value))}" for name, value in properties.items())
    return f'start "" /wait {SYSTEM32}msiexec.exe {action} {batch_word(target)} /quiet /norestart /l*v {batch_word(log)}{given}'


def is_success(code: int) -> bool:
    """Whether the product was installed or removed."""
    return code in (SUCCESS, REBOOT_REQUIRED, REBOOT_STARTED)


def meaning(code: int) -> str:
    """Return an exit code with its meaning."""
    return f"{code}, {MEANINGS.get(code, 'see https://learn.microsoft.com/windows/win32/msi/error-codes')}"


def products(host: WindowsHost, name: str) -> list[Product]:
    """Return the installed products with a name, or with a name that continues after it and a blank."""
    found = []
    for key, display in registry.find_values(host, UNINSTALL, "DisplayName").items():
        code = key.rpartition("\\")[2]
        if code.startswith("{") and (display == name or display.startswith(name + " ")):
            found.append(Product(code, display, registry.get(host, key, "DisplayVersion") or ""))
    return found


def packed(product_code: str) -> str:
    """Return a product code as Windows Installer names its registry keys: the digits of each part reversed, or of each byte in the last two."""
    parts = product_code.strip("{}").upper().split("-")
    tail = "".join(parts[3:])
    return "".join(part[::-1] for part in parts[:3]) + "".join(tail[at : at + 2][::-1] for at in range(0, len(tail), 2))


def cached_package(host: WindowsHost, product_code: str) -> CachedPackage:
    """Look for the cached package of an installed product.

    Raises:
        HostError: The host cannot be asked.
    """
    key = packed(product_code)
    path = registry.get(host, f"{_USER_DATA}\\{key}\\InstallProperties", "LocalPackage")
    if path and files.exists(host, path):
        return CachedPackage(path, True)
    sources = registry.values(host, f"{_CLASSES}\\{key}\\SourceList")
    # As in "n;1;C:\\Packages\\": the kind, the number, and the folder.
    folder, name = sources.get("LastUsedSource", "").rpartition(";")[2].rstrip("\\"), sources.get("PackageName", "")
    return CachedPackage(path, False, f"{folder}\\{name}" if folder and name else None)


def log_errors(host: WindowsHost, log: str, count: int = 8) -> list[str]:
    """Return the last lines of an installation's log that say what failed; none where there is no log.

    The log is UTF-16 and may have many megabytes, so type converts it (it has a byte order mark) and findstr selects the lines on the host.
    """
    literals = " ".join(f"/c:{word(text)}" for text in _TELLING)
    result = host.run_cmd(f"{builtin('type', log)} 2>nul | {SYSTEM32}findstr.exe /l {literals}", idempotent=True, timeout=120)
    lines = result.stdout.splitlines()
    if not lines:
        # An older cmd.exe may not convert UTF-16, and findstr finds nothing in that.
        try:
            lines = [line for line in files.read_text(host, log, timeout=120).splitlines() if any(text in line for text in _TELLING)]
        except HostError:
            return []
    return telling(lines, count)


def telling(lines: list[str], count: int = 8) -> list[str]:
    """Return the last of these lines, without the engine's time stamps and without duplicates."""
    clean = (_STAMP.sub("", line.strip()) for line in lines)
    return list(dict.fromkeys(line for line in clean if line))[-count:]
