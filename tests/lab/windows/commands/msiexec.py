# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

r"""msiexec.exe: quiet installs and removals, with a log.

It parses its own command line: a property is ``NAME="value with spaces"``, ``""`` within is one quote
(https://learn.microsoft.com/windows/win32/msi/command-line-options). It is a GUI program: nothing comes on its output, and a mistake
in the arguments (which shows a window) ends with 1639 under ``/quiet``.
"""

from __future__ import annotations

import re
import threading
from dataclasses import dataclass, field

from lab.core.filesystem import WinError
from lab.windows import installer
from lab.windows.msi import NotAPackage, Package, read
from lab.windows.process import Process

from ._base import SYSTEM32, unsupported

TOKEN = re.compile(r'\s*((?:[^\s"]|"(?:[^"]|"")*"?)+)')
CODE = re.compile(r"\{[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}\}")
QUIET = {"/quiet", "/qn", "/q", "/passive", "/qb", "/qb-", "/qr"}


class _BadArguments(Exception):
    """Ends with 1639."""


@dataclass
class _Wanted:
    action: str = ""
    target: str = ""
    log: str = ""
    quiet: bool = False
    norestart: bool = False
    properties: dict[str, str] = field(default_factory=dict)


class _Log:
    """The /l*v log: UTF-16LE, written as it goes."""

    def __init__(self, proc: Process, path: str) -> None:
        self._proc, self._path = proc, proc.full(path) if path else ""
        if self._path:
            proc.host.fs.write(self._path, b"\xff\xfe", proc.logon)

    def raw(self, line: str) -> None:
        if not self._path:
            return
        try:
            self._proc.host.fs.write(self._path, f"{line}\r\n".encode("utf-16-le"), self._proc.logon, append=True)
        except WinError:
            self._path = ""  # the installation goes on without its log (*assumed*)

    def __call__(self, line: str) -> None:
        now = self._proc.host.clock.now()
        self.raw(f"MSI (s) ({self._proc.pid & 0xFF:02X}:5C) [{now:%H:%M:%S}:{now.microsecond // 1000:03}]: {line}")


def _split(command_line: str) -> list[str]:
    text = command_line[command_line.find('"', 1) + 1 :] if command_line.startswith('"') else command_line.partition(" ")[2]
    return [match[1] for match in TOKEN.finditer(text)]


def _unquote(text: str) -> str:
    inner = text[1:-1] if len(text) > 1 and text[0] == text[-1] == '"' else text
    return inner.replace('""', '"')


def _parse(proc: Process) -> _Wanted | int:
    wanted = _Wanted()
    tokens = _split(proc.command_line)
    place = 0
    while place < len(tokens):
        token = tokens[place]
        lower = "/" + token[1:].lower() if token[:1] in "/-" else token.lower()
        place += 1
        if lower in ("/i", "/package", "/x", "/uninstall") or re.match(r"/[ix][{\"]", lower):
            wanted.action = "uninstall" if lower[1] in "xu" else "install"
            if re.match(r"/[ix][{\"]", lower):
                wanted.target = _unquote(token[2:])
            elif place < len(tokens) and tokens[place][:1] != "/":
                wanted.target = _unquote(tokens[place])
                place += 1
        elif lower in QUIET:
            wanted.quiet = True
        elif lower == "/norestart":
            wanted.norestart = True
        elif re.fullmatch(r"/l[a-z*+!]*|/log", lower):
            if place >= len(tokens):
                raise _BadArguments("/l without a file")
            wanted.log = _unquote(tokens[place])
            place += 1
        elif re.match(r"[A-Za-z_][A-Za-z0-9_.]*=", token):
            name, _equals, value = token.partition("=")
            # A public property's name is in capitals; others are taken and have no effect.
            wanted.properties[name.upper()] = _unquote(value)
        elif token[:1] == '"':
            # The whole of NAME=value in quotes: Wine takes it, Windows is believed to refuse it (*assumed*).
            raise _BadArguments(token)
        elif token[:1] in "/-":
            return unsupported(proc, token)
        else:
            raise _BadArguments(token)
    if not wanted.action or not wanted.target:
        raise _BadArguments("neither /i nor /x with a target")
    return wanted


def msiexec(proc: Process) -> int:
    try:
        wanted = _parse(proc)
    except _BadArguments:
        return installer.BAD_ARGUMENTS
    if isinstance(wanted, int):
        return wanted
    if not wanted.quiet:
        # It would show windows and wait for ever: nobody sees them on a remote host.
        return unsupported(proc, "without /quiet or /qn")
    try:
        log = _Log(proc, wanted.log)
    except WinError:
        return installer.LOG_FAILED
    stamp = proc.host.clock.now()
    log.raw(
        f"=== Verbose logging started: {stamp:%m/%d/%Y  %H:%M:%S}  Build type: SHIP UNICODE 5.00.10011.00  "
        f"Calling process: {SYSTEM32}\\msiexec.exe ==="
    )
    package, code = None, 0
    if wanted.action == "uninstall" and CODE.fullmatch(wanted.target):
        entry = installer.installed(proc.host, wanted.target)
        package = entry[0] if entry else None
        data = b""
        code = 0 if entry else installer.UNKNOWN_PRODUCT
    else:
        data, package, code = _open(proc, wanted.target, log)
    if not code:
        code = _busy_or_run(proc, wanted, log, data, package)
    if code in (installer.REBOOT_NEEDED,) and not wanted.norestart:
        code = installer.REBOOT_STARTED
        threading.Thread(target=proc.host.restart, daemon=True).start()
    _close(proc, wanted, log, package, code)
    return code


def _open(proc: Process, path: str, log: _Log) -> tuple[bytes, Package | None, int]:
    try:
        data = proc.host.fs.read(proc.full(path), proc.logon)
    except WinError as error:
        log(f"Note: 1: 2203 2: {path} 3: -2147287038 ({error.text})")
        return b"", None, installer.CANNOT_OPEN
    try:
        return data, read(data), 0
    except NotAPackage as error:
        log(f"Note: 1: 2203 2: {path} 3: -2147286960 ({error})")
        return data, None, installer.NOT_A_PACKAGE


def _busy_or_run(proc: Process, wanted: _Wanted, log: _Log, data: bytes, package: Package | None) -> int:
    host = proc.host
    if host.faults.hit("msi.busy", host.name) is not None or not host.installer_lock.acquire(blocking=False):
        log("Failed to grab execution mutex. System error 258.")
        return installer.BUSY
    run = installer.Run(host, proc.sleep, log)
    try:
        log(
            "Doing action: INSTALL"
        )  # such lines: https://learn.microsoft.com/archive/blogs/paulpaa/how-to-read-a-windows-installer-verbose-log
        log("Action start: INSTALL.")
        if wanted.action == "install":
            return installer.install(run, data, proc.full(wanted.target), wanted.properties)
        assert package is not None
        return installer.uninstall(run, package.product_code)
    except installer.Failed as error:
        now = f"{host.clock.now():%H:%M:%S}"
        if error.code != installer.NO_SOURCE:
            log.raw(f"CustomAction returned actual error code 1603 ({error})")
        log.raw(f"Action ended {now}: InstallFinalize. Return value 3.")
        run.roll_back()
        log.raw(f"Action ended {now}: INSTALL. Return value 3.")
        return error.code
    finally:
        host.installer_lock.release()


def _close(proc: Process, wanted: _Wanted, log: _Log, package: Package | None, code: int) -> None:
    name = package.product_name if package else wanted.target
    version = package.version if package else ""
    noun, verb = ("Installation", "installed") if wanted.action == "install" else ("Removal", "removed")
    good = code in (0, installer.REBOOT_NEEDED, installer.REBOOT_STARTED)
    if good:
        log(f"Product: {name} -- {noun} completed successfully.")
    elif package:
        log(f"Product: {name} -- {noun} failed.")
    if package:
        log(
            f"Windows Installer {verb} the product. Product Name: {name}. Product Version: {version}. Product Language: 1033. "
            f"Manufacturer: {package.manufacturer}. {noun} success or error status: {code}."
        )
    log(f"MainEngineThread is returning {code}")
    log.raw(f"=== Verbose logging stopped: {proc.host.clock.now():%m/%d/%Y  %H:%M:%S} ===")
    proc.host.ledger.record("msi", proc.host.name, action=wanted.action, product=name, version=version, exit_code=code)


COMMANDS = {f"{SYSTEM32}\\msiexec.exe": msiexec}
