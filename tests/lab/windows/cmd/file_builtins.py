# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Built-in commands on files. Messages and results as measured on Wine 8.0 or known of Windows; where neither, *assumed*."""

from __future__ import annotations

from lab.core.filesystem import WinError

from .patterns import matches, parse_switches
from .shell import Shell

BLOCK = 1024 * 1024


def _unknown(shell: Shell, command: str, switches: list[str], known: set[str]) -> int | None:
    wrong = [one for one in switches if one not in known]
    return shell.unsupported(f"{command} {' '.join(wrong)}") if wrong else None


def _record(shell: Shell, action: str, path: str, **more: object) -> None:
    shell.proc.host.ledger.record("file", shell.proc.host.name, action=action, path=path, **more)


def type_(shell: Shell, rest: str) -> int:
    """``type FILE...``: its bytes; a UTF-16 file with its mark is shown in the console's code page."""
    paths, switches = parse_switches(rest)
    wrong = _unknown(shell, "type", switches, set())
    if wrong:
        return wrong
    if not paths:
        shell.error("The syntax of the command is incorrect.")
        return 1
    result = 0
    for path in paths:
        try:
            data = shell.proc.host.fs.read(shell.proc.full(path), shell.proc.logon)
        except WinError as error:
            result = shell.fail(error.code)
            continue
        if data.startswith(b"\xff\xfe"):
            data = shell.proc.console.encode(data[2:].decode("utf-16-le", "replace"))
        for start in range(0, len(data), BLOCK):
            shell.proc.check()
            shell.stdout.write(data[start : start + BLOCK])
    return result


def delete(shell: Shell, rest: str) -> int:
    """``del``: neither a file that is not there nor one in use changes the result, which is 0: only looking tells."""
    paths, switches = parse_switches(rest)
    wrong = _unknown(shell, "del", switches, {"/f", "/q", "/a"})
    if wrong or not paths:
        if not paths:
            shell.error("The syntax of the command is incorrect.")
        return 1
    proc = shell.proc
    for path in paths:
        full = proc.full(path)
        try:
            found = matches(proc, full)
            if len(found) == 1 and proc.host.fs.is_dir(found[0], proc.logon):
                full += "\\*"
                found = matches(proc, full)
            found = [one for one in found if not proc.host.fs.is_dir(one, proc.logon)]
            if not found:
                shell.error(f"Could Not Find {full}")
        except WinError as error:
            if error.code in (2, 3):
                shell.error(f"Could Not Find {full}")
            else:
                shell.fail(error.code)
            continue
        for one in found:
            try:
                proc.host.fs.remove(one, proc.logon)
                _record(shell, "delete", one)
            except WinError as error:
                shell.error(one)
                shell.fail(error.code)
    return 0


def make(shell: Shell, rest: str) -> int:
    """``mkdir``: parents too; 1 if it exists."""
    paths, switches = parse_switches(rest)
    wrong = _unknown(shell, "mkdir", switches, set())
    if wrong or not paths:
        if not paths:
            shell.error("The syntax of the command is incorrect.")
        return 1
    result = 0
    for path in paths:
        full = shell.proc.full(path)
        try:
            shell.proc.host.fs.room(full, 0, shell.proc.logon)
            shell.proc.host.fs.mkdir(full, shell.proc.logon)
            _record(shell, "mkdir", full)
        except WinError as error:
            if error.code == 183:
                shell.error(f"A subdirectory or file {path} already exists.")
                result = 1
            else:
                result = shell.fail(error.code)
    return result


def remove(shell: Shell, rest: str) -> int:
    """``rd [/s] [/q]``: its failure shows only to ``||`` (2 if it is missing, else the number of the Windows error)."""
    paths, switches = parse_switches(rest)
    wrong = _unknown(shell, "rd", switches, {"/s", "/q"})
    if wrong or not paths:
        if not paths:
            shell.error("The syntax of the command is incorrect.")
        return 1
    proc, result = shell.proc, 0
    for path in paths:
        full = proc.full(path)
        try:
            if not proc.host.fs.exists(full, proc.logon):
                result = shell.fail(2, 2)
                continue
            if not proc.host.fs.is_dir(full, proc.logon):
                shell.error("The directory name is invalid.")
                result = 267
                continue
            if "/s" in switches:
                if "/q" not in switches:
                    shell.print(f"{path}, Are you sure (Y/N)? ", end="")
                    return 1
                proc.host.fs.rmtree(full, proc.logon)
            else:
                if not proc.host.fs.real(full, proc.logon).is_symlink() and proc.host.fs.listdir(full, proc.logon):
                    result = shell.fail(145, 145)
                    continue
                proc.host.fs.rmtree(full, proc.logon)
            _record(shell, "rmdir", full)
        except WinError as error:
            shell.error(f"{full} - {error.text}")
            result = error.code
    return result


def move(shell: Shell, rest: str) -> int:
    """``move [/y] SOURCE TARGET``. Run from cmd /c or a batch file it replaces without asking."""
    paths, switches = parse_switches(rest)
    wrong = _unknown(shell, "move", switches, {"/y", "/-y"})
    if wrong or len(paths) != 2:
        if not wrong:
            shell.error("The syntax of the command is incorrect.")
        return 1
    proc = shell.proc
    source, target = proc.full(paths[0]), proc.full(paths[1])
    fs, logon = proc.host.fs, proc.logon
    try:
        if not fs.exists(source, logon):
            return shell.fail(2)
        folder = fs.is_dir(source, logon)
        if fs.is_dir(target, logon):
            target = f"{target.rstrip(chr(92))}\\{source.rstrip(chr(92)).rpartition(chr(92))[2]}"
        if folder and fs.locate(source, logon)[0] is not fs.locate(target, logon)[0]:
            return shell.fail(5)  # only a file is moved to another volume
        if fs.exists(target, logon) and folder:
            return shell.fail(5)
        if folder:
            fs.move(source, target, logon, replace=False)
            shell.print("        1 dir(s) moved.")
        else:
            fs.move(source, target, logon)
            shell.print("        1 file(s) moved.")
        _record(shell, "move", target, source=source)
    except WinError as error:
        return shell.fail(error.code)
    return 0


LINKS = {"/j": ("JUNCTION", "Junction created for {0} <<===>> {1}"), "/d": ("SYMLINKD", "symbolic link created for {0} <<===>> {1}")}


def mklink(shell: Shell, rest: str) -> int:
    """``mklink [/d | /j] LINK TARGET``: https://learn.microsoft.com/windows-server/administration/windows-commands/mklink."""
    paths, switches = parse_switches(rest)
    wrong = _unknown(shell, "mklink", switches, set(LINKS))
    if wrong or len(paths) != 2 or len(switches) > 1:
        if not wrong:
            shell.error("The syntax of the command is incorrect.")
        return 1
    kind, said = LINKS[switches[0]] if switches else ("SYMLINK", LINKS["/d"][1])
    try:
        shell.proc.host.fs.link(shell.proc.full(paths[0]), kind, shell.proc.full(paths[1]), shell.proc.logon)
    except WinError as error:
        return shell.fail(error.code)
    shell.print(said.format(*paths))
    _record(shell, "link", shell.proc.full(paths[0]), target=paths[1])
    return 0


def rename(shell: Shell, rest: str) -> int:
    """``ren FILE NAME``: the new name has no folder, and must be free."""
    paths, switches = parse_switches(rest)
    if switches or len(paths) != 2 or "\\" in paths[1]:
        shell.error("The syntax of the command is incorrect.")
        return 1
    source = shell.proc.full(paths[0])
    target = source.rpartition("\\")[0] + "\\" + paths[1]
    try:
        shell.proc.host.fs.move(source, target, shell.proc.logon, replace=source.lower() == target.lower())
        _record(shell, "move", target, source=source)
    except WinError as error:
        if error.code == 183:
            shell.error("A duplicate file name exists, or the file\r\ncannot be found.")
            return 1
        return shell.fail(error.code)
    return 0


def copy(shell: Shell, rest: str) -> int:
    """``copy [/y] [/b] SOURCE TARGET``, one file or a pattern."""
    paths, switches = parse_switches(rest)
    wrong = _unknown(shell, "copy", switches, {"/y", "/b", "/-y"})
    if wrong or not 1 <= len(paths) <= 2 or "+" in rest:
        return wrong or shell.unsupported(f"copy{rest}")
    proc = shell.proc
    fs, logon = proc.host.fs, proc.logon
    source, target = proc.full(paths[0]), proc.full(paths[1] if len(paths) == 2 else ".")
    count = 0
    try:
        found = [one for one in matches(proc, source) if not fs.is_dir(one, logon)]
        into = fs.is_dir(target, logon) or target.endswith("\\")
        if not found:
            return shell.fail(2)
        for one in found:
            to = f"{target.rstrip(chr(92))}\\{one.rpartition(chr(92))[2]}" if into else target
            data = fs.read(one, logon)
            proc.sleep(proc.host.copy_seconds(len(data)))
            fs.write(to, data, logon)
            _record(shell, "copy", to, source=one)
            count += 1
    except WinError as error:
        result = shell.fail(error.code)
        shell.print(f"        {count} file(s) copied.")
        return result
    shell.print(f"        {count} file(s) copied.")
    return 0
