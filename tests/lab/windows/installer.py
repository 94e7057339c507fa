# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Windows Installer: products by their codes, major upgrades, files in use, roll-back.

What is installed lies in the registry and in ``C:\\Windows\\Installer``, as on a real host. A product whose cached package is missing is
removed with the package at its last source, and not without (1612, or 1714 within a major upgrade):
https://devblogs.microsoft.com/setup/rebuilding-the-installer-cache/ and https://patchmypc.com/kb/system-error-1612-installation-source.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from lab.core.filesystem import WinError

from .msi import Package, read

if TYPE_CHECKING:
    from .host import WindowsHost

UNINSTALL = "HKLM\\SOFTWARE\\Microsoft\\Windows\\CurrentVersion\\Uninstall"
PRODUCTS = "HKLM\\SOFTWARE\\Microsoft\\Windows\\CurrentVersion\\Installer\\UserData\\S-1-5-18\\Products"
CLASSES = "HKLM\\SOFTWARE\\Classes\\Installer\\Products"
CACHE = "C:\\Windows\\Installer"
IN_USE = 32

# https://learn.microsoft.com/windows/win32/msi/error-codes
OK, FATAL, UNKNOWN_PRODUCT, NO_SOURCE, BUSY, CANNOT_OPEN, NOT_A_PACKAGE = 0, 1603, 1605, 1612, 1618, 1619, 1620
LOG_FAILED, OTHER_VERSION, BAD_ARGUMENTS, REBOOT_STARTED, REBOOT_NEEDED = 1622, 1638, 1639, 1641, 3010


@dataclass
class Run:
    """One installation or removal: how to let time pass, where to log, and what it found out."""

    host: WindowsHost
    sleep: Callable[[float], None]
    log: Callable[[str], None]
    reboot: bool = False
    undo: list[Callable[[], None]] = field(default_factory=list)

    # As public logs have it: every action is gone through first, and adds to a script; the script is carried out within InstallFinalize
    # (https://learn.microsoft.com/windows/win32/msi/installation-mechanism, https://github.com/klinix5/InstallerFileTakeOver/issues/2), and says
    # which action it is at, and how much of it there is (https://github.com/microsoft/WSL/issues/10906). Which actions there are is *assumed*.

    def plan(self, *actions: str) -> None:
        for action in actions:
            self.log(f"Doing action: {action}")

    def run_script(self) -> None:
        self.log("Running Script: C:\\Windows\\Installer\\MSI5A1F.tmp")

    def begin(self, action: str, description: str, total: int = 0, in_bytes: bool = False) -> None:
        self.log(f"Executing op: ActionStart(Name={action},Description={description},)")
        if total:
            kind, equivalent = ("0", 1) if in_bytes else ("1", 175000)
            self.log(f"Executing op: ProgressTotal(Total={total},Type={kind},ByteEquivalent={equivalent})")

    def roll_back(self) -> None:
        self.log("Rollback: Rolling back action:")
        for step in reversed(self.undo):
            step()
        self.undo.clear()


class Failed(Exception):
    """The installation fails with this code, after rolling back."""

    def __init__(self, code: int, why: str) -> None:
        super().__init__(why)
        self.code = code


def packed(code: str) -> str:
    """A product code as the keys have it.

    https://flexerasoftware.my.site.com/revenera/s/article/converting-a-regular-guid-to-a-compressed-guid
    """
    digits = code.strip("{}").replace("-", "").upper()
    places = [*range(7, -1, -1), *range(11, 7, -1), *range(15, 11, -1), *(at ^ 1 for at in range(16, 32))]
    return "".join(digits[at] for at in places)


def installed(host: WindowsHost, code: str) -> tuple[Package, str] | None:
    """The product's package, and its SHA-256."""
    if host.registry.get(f"{PRODUCTS}\\{packed(code)}\\InstallProperties", "LocalPackage") is None:
        return None
    data = host.installed_packages[code.upper()]
    return read(data), hashlib.sha256(data).hexdigest()


def need_package(run: Run, code: str) -> None:
    """A removal needs the cached package, or the one at the last source.

    Raises:
        Failed: 1612, as there is neither.
    """
    host, sources = run.host, f"{CLASSES}\\{packed(code)}\\SourceList"
    cached = host.registry.get(f"{PRODUCTS}\\{packed(code)}\\InstallProperties", "LocalPackage")
    if cached and host.fs.exists(cached[1], host.system):
        return
    run.log(f"Warning: Local cached package '{cached[1] if cached else ''}' is missing.")
    last, name = (host.registry.get(sources, value) for value in ("LastUsedSource", "PackageName"))
    source = last[1].rpartition(";")[2] + name[1] if last and name else ""
    if not source or not host.fs.exists(source, host.system):
        run.log(f"SOURCEMGMT: Failed to resolve source. {source}")
        raise Failed(NO_SOURCE, "the installation source is not available")


def related(host: WindowsHost, upgrade_code: str) -> list[Package]:
    """Installed products of that family."""
    packages = [installed(host, code) for code in host.installed_packages]
    return [entry[0] for entry in packages if entry and entry[0].upgrade_code == upgrade_code]


def seed(host: WindowsHost, data: bytes) -> None:
    """Install at once and without a trace in the ledger, for a host that has had the product for long."""
    run = Run(host, lambda _seconds: None, lambda _line: None)
    package = read(data)
    _copy(run, package, package.install_folder)
    _register(run, package, data, package.install_folder, f"C:\\Windows\\Temp\\Octopus.{package.version}.msi")


def install(run: Run, data: bytes, source: str, properties: dict[str, str]) -> int:
    """Install or upgrade; gives 0, 3010, 1638.

    Raises:
        Failed: 1603, rolled back.
    """
    host, package = run.host, read(data)
    here = installed(host, package.product_code)
    if here:
        if here[1] != hashlib.sha256(data).hexdigest():
            return OTHER_VERSION
        run.log("Product already installed: configuring it.")
        run.plan("InstallValidate", "InstallInitialize", "InstallFiles", "InstallFinalize")
        run.run_script()
        run.sleep(package.seconds / 3)
        _copy(run, package, _folder(host, package.product_code) or package.install_folder)
        return REBOOT_NEEDED if run.reboot else OK
    older = related(host, package.upgrade_code)
    if newer := [one for one in older if one.number > package.number]:
        run.log("Doing action: LaunchConditions")
        run.log(f"Product: {package.product_name} -- A newer version of {package.product_name} ({newer[0].version}) is already installed.")
        raise Failed(FATAL, "a newer version is installed")
    folder = properties.get("INSTALLLOCATION") or package.install_folder
    run.plan("LaunchConditions", "CostFinalize", "InstallValidate")
    run.sleep(package.seconds / 2)
    for old in older:
        # RemoveExistingProducts early in the sequence: the old product is gone before the new one's files come.
        run.plan("RemoveExistingProducts")
        run.log(f"Application: {old.product_code}, upgraded by {package.product_code}")
        try:
            need_package(run, old.product_code)
        except Failed as error:
            run.log(f"Error 1714. The older version of {old.product_name} cannot be removed. System Error {error.code}.")
            raise Failed(FATAL, str(error)) from error
        run.plan("INSTALL")
        _remove(run, old, keep=set() if old.install_folder != folder else {name.lower() for name in package.files})
    run.plan("InstallInitialize", "ProcessComponents", "InstallFiles", "RegisterProduct", "InstallFinalize")
    run.run_script()
    run.begin("ProcessComponents", "Updating component registration")
    _copy(run, package, folder)
    fault = host.faults.hit("msi.fail", host.name, phase="install")
    if fault is not None:
        raise Failed(int(fault.get("exit_code", FATAL)), "the custom action failed")
    run.sleep(package.seconds / 2)
    _register(run, package, data, folder, source)
    if package.reboot or host.faults.hit("msi.reboot", host.name) is not None:
        run.reboot = True
    return REBOOT_NEEDED if run.reboot else OK


def uninstall(run: Run, code: str) -> int:
    """Gives 0, 1605, 3010.

    Raises:
        Failed: 1603, rolled back; 1612, as its package is missing.
    """
    here = installed(run.host, code)
    if here is None:
        return UNKNOWN_PRODUCT
    need_package(run, code)
    run.sleep(here[0].seconds / 2)
    fault = run.host.faults.hit("msi.fail", run.host.name, phase="uninstall")
    if fault is not None:
        raise Failed(int(fault.get("exit_code", FATAL)), "the custom action failed")
    _remove(run, here[0], keep=set())
    return REBOOT_NEEDED if run.reboot else OK


def _folder(host: WindowsHost, code: str) -> str | None:
    found = host.registry.get(f"{UNINSTALL}\\{code}", "InstallLocation")
    return found[1] if found else None


def _copy(run: Run, package: Package, folder: str) -> None:
    host = run.host
    fs = host.fs
    run.begin("InstallFiles", "Copying new files", sum(map(len, package.files.values())), in_bytes=True)
    for name, data in package.files.items():
        path = f"{folder.rstrip(chr(92))}\\{name}"
        parent = path.rpartition("\\")[0]
        if not fs.is_dir(parent, host.system):
            fs.mkdir(parent, host.system)
        run.log(
            f"Executing op: FileCopy(SourceName={name},SourceCabKey={name},DestName={name},Attributes=512,FileSize={len(data)},PerTick=65536,,)"
        )
        before = fs.read(path, host.system) if fs.exists(path, host.system) else None
        try:
            fs.write(path, data, host.system)
        except WinError as error:
            if error.code != IN_USE:
                run.log(f"Error 1304. Error writing to file: {path}. {error.text}")
                raise Failed(FATAL, f"{path}: {error.text}") from error
            # *Assumed* of a silent run: the file is replaced at the next start, and the run asks for a restart.
            run.log(f"The file {path} is being held in use. Its replacement is scheduled for the next restart.")
            host.reboot_files.append((path, data))
            run.undo.append(partial(host.reboot_files.remove, (path, data)))
            run.reboot = True
            continue
        run.undo.append(partial(_restore, host, path, before))
        host.ledger.record("file", host.name, action="write", path=path)


def _restore(host: WindowsHost, path: str, before: bytes | None) -> None:
    if before is not None:
        # The old file was moved aside, not copied: putting it back needs no room.
        host.fs.real(path, host.system).write_bytes(before)
    elif host.fs.exists(path, host.system):
        host.fs.remove(path, host.system)


def _register(run: Run, package: Package, data: bytes, folder: str, source: str) -> None:
    host, code = run.host, package.product_code
    run.begin("RegisterProduct", "Registering product")
    if not host.fs.is_dir(CACHE, host.system):
        host.fs.mkdir(CACHE, host.system)
    cached = f"{CACHE}\\{hashlib.sha256(code.encode()).hexdigest()[:8]}.msi"
    try:
        host.fs.write(cached, data, host.system)
    except WinError as error:
        run.log(f"Error 1335. The package cannot be cached: {error.text}")
        raise Failed(FATAL, error.text) from error
    entry = f"{UNINSTALL}\\{code}"
    for value, text in (
        ("DisplayName", package.product_name),
        ("DisplayVersion", package.version),
        ("UninstallString", f"MsiExec.exe /I{code}"),
        ("Publisher", package.manufacturer),
        ("InstallLocation", folder.rstrip("\\") + "\\"),
        ("InstallSource", source.rpartition("\\")[0] + "\\"),
        ("InstallDate", f"{host.clock.now():%Y%m%d}"),
    ):
        host.registry.set(entry, value, "REG_EXPAND_SZ" if value == "UninstallString" else "REG_SZ", text)
    host.registry.set(entry, "WindowsInstaller", "REG_DWORD", 1)
    host.registry.set(entry, "EstimatedSize", "REG_DWORD", len(data) // 1024)
    host.installed_packages[code.upper()] = data
    host.registry.set(f"{PRODUCTS}\\{packed(code)}\\InstallProperties", "LocalPackage", "REG_SZ", cached)
    sources = f"{CLASSES}\\{packed(code)}\\SourceList"
    host.registry.set(sources, "PackageName", "REG_SZ", source.rpartition("\\")[2])
    host.registry.set(sources, "LastUsedSource", "REG_EXPAND_SZ", f"n;1;{source.rpartition(chr(92))[0]}\\")
    for key, value, kind, content in package.registry:
        host.registry.set(key, value, kind, content)


def _remove(run: Run, package: Package, keep: set[str]) -> None:
    """Files, entries and registry values; ``keep`` are files that the new version brings itself."""
    host, code = run.host, package.product_code
    folder = (_folder(host, code) or package.install_folder).rstrip("\\")
    run.plan("InstallValidate", "InstallInitialize", "ProcessComponents", "RemoveFiles", "InstallFinalize")
    run.run_script()
    gone = [name for name in package.files if name.lower() not in keep and host.fs.exists(f"{folder}\\{name}", host.system)]
    run.begin("RemoveFiles", "Removing files", len(gone))
    for name in gone:
        path = f"{folder}\\{name}"
        run.log(f"Executing op: FileRemove(,FileName={name},,ComponentId={package.product_code})")
        before = host.fs.read(path, host.system)
        try:
            host.fs.remove(path, host.system)
        except WinError as error:
            if error.code != IN_USE:
                raise Failed(FATAL, f"{path}: {error.text}") from error
            run.log(f"The file {path} is being held in use. Its removal is scheduled for the next restart.")
            host.reboot_files.append((path, None))
            run.undo.append(partial(host.reboot_files.remove, (path, None)))
            run.reboot = True
            continue
        run.undo.append(partial(_restore, host, path, before))
        host.ledger.record("file", host.name, action="delete", path=path)
    product, sources = f"{PRODUCTS}\\{packed(code)}", f"{CLASSES}\\{packed(code)}"
    for key in (f"{UNINSTALL}\\{code}", product, f"{product}\\InstallProperties", f"{sources}\\SourceList"):
        for value, kind, data in host.registry.values(key):
            run.undo.append(partial(host.registry.set, key, value, kind, data))
    host.registry.delete_key(f"{UNINSTALL}\\{code}")
    host.registry.delete_key(product)
    host.registry.delete_key(sources)
    for key, value, kind, data in package.registry:
        if host.registry.get(key, value) == (kind, data) and host.registry.delete_value(key, value):
            run.undo.append(partial(host.registry.set, key, value, kind, data))
