# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""cmd.exe on one line: quotes, operators, redirections, variables, built-ins on files."""

from __future__ import annotations

import re

import pytest
from lab.core.filesystem import Logon
from lab.windows.host import WindowsHost
from patience import patient


@pytest.mark.parametrize(
    ("line", "out"),
    [
        ('echo "a & b | c > d"', '"a & b | c > d"\r\n'),
        ("echo a^&b", "a&b\r\n"),
        ("echo a&echo b", "a\r\nb\r\n"),
        ("type C:\\nope 2>nul && echo yes || echo no", "no\r\n"),
        ("ver >nul && echo yes|| echo no", "yes\r\n"),
        ("echo a 1>&2", ""),
        ("(echo a & echo b) | findstr b", "b\r\n"),
        ("echo %COMPUTERNAME% %computername%", "OCTO-A OCTO-A\r\n"),
        ("echo %NOSUCH% 100%", "%NOSUCH% 100%\r\n"),
        ("if exist C:\\windows (echo yes) else (echo no)", "yes\r\n"),
        ("if not exist C:\\nope\\ echo no", "no\r\n"),
        ("if a==b (echo yes) else echo no", "no\r\n"),
        ("if /i A==a echo yes", "yes\r\n"),
        ("if 10 gtr 9 echo yes", "yes\r\n"),
        ("cd /d C:\\Windows & cd", "C:\\Windows\r\n"),
        ("echo.", "\r\n"),
        ('set "X=a b"& set X', "X=a b\r\n"),
    ],
)
def test_lines(cmd, line: str, out: str) -> None:
    result = cmd(line)
    assert (result.out, result.err if "1>&2" not in line else "") == (out, "")


@pytest.mark.parametrize(
    ("line", "code", "err"),
    [
        ("type C:\\nope", 1, "The system cannot find the file specified."),
        ("type Q:\\nope", 1, "The system cannot find the drive specified."),
        ("mkdir C:\\Windows", 1, "A subdirectory or file C:\\Windows already exists."),
        ("rd /s /q C:\\nope || exit /b 3", 3, "The system cannot find the file specified."),
        ("rd /s /q C:\\nope || ver >nul", 0, "The system cannot find the file specified."),
        ("del C:\\nope", 0, "Could Not Find C:\\nope"),
        ("rd /s /q C:\\nope", 0, "The system cannot find the file specified."),
        ("move /y C:\\nope C:\\x", 1, "The system cannot find the file specified."),
        ("dir C:\\nope", 1, "File Not Found"),
        ("nonsense /x", 1, "'nonsense' is not recognized as an internal or external command,"),
        ("echo x > C:\\nope\\y", 1, "The system cannot find the path specified."),
        ("exit 5", 5, ""),
        ("exit /b 6", 6, ""),
        ("type C:\\nope 2>nul & exit 7", 7, ""),
        ('"mkdir" C:\\x', 1, "'\"mkdir\"' is not recognized as an internal or external command,"),
        ("for /l %x in (1,1,3) do echo %x", 1, "lab: unsupported cmd.exe: for"),
        ("pushd C:\\", 1, "lab: unsupported cmd.exe"),
        ("dir /z C:\\", 1, "lab: unsupported cmd.exe: dir /z"),
    ],
)
def test_results_and_complaints(cmd, line: str, code: int, err: str) -> None:
    result = cmd(line)
    assert result.code == code
    assert result.err.startswith(err) if err else not result.err


def test_quoted_injection_is_literal_unless_a_quote_gets_in(cmd) -> None:
    assert cmd('echo "x & echo pwned"').lines == ['"x & echo pwned"']
    # Measured on Wine 8.0: a quote in the value opens the door.
    assert cmd('echo "x" & echo pwned"').lines == ['"x" ', 'pwned"']


def test_outer_quotes_without_s(run) -> None:
    assert run('cmd /c "C:\\Windows\\System32\\hostname.exe"').lines == ["octo-a"]
    assert run('cmd /c "echo a" b').lines == ["a b"]


def test_files_are_made_moved_copied_and_removed(cmd, host: WindowsHost, admin: Logon) -> None:
    line = (
        'mkdir "C:\\a b\\c" && (echo X)> "C:\\a b\\f.tmp" && move /y "C:\\a b\\f.tmp" "C:\\a b\\f.txt" >nul'
        ' && copy /y /b "C:\\a b\\f.txt" "C:\\a b\\c\\" >nul && ren "C:\\a b\\c\\f.txt" g.txt && type "C:\\a b\\c\\g.txt"'
    )
    assert cmd(line).out == "X\r\n"
    assert cmd('dir /b /s "C:\\a b"').lines == ["C:\\a b\\c", "C:\\a b\\f.txt", "C:\\a b\\c\\g.txt"]
    assert cmd('rd "C:\\a b" || echo still there').lines == ["still there"]
    assert cmd('rd "C:\\a b"').code == 0, "its failure shows to || only"
    assert cmd('del /f /q "C:\\a b\\f.txt" & rd /s /q "C:\\a b"').code == 0
    assert not host.fs.exists("C:\\a b", admin)
    actions = [event["action"] for event in host.ledger.events("file")]
    assert actions == ["mkdir", "write", "move", "copy", "move", "delete", "rmdir"]


def test_dir_ends_with_the_free_bytes(cmd, host: WindowsHost, admin: Logon) -> None:
    host.fs.write("C:\\big.bin", b"x" * 12345, admin)
    lines = cmd("dir /-c C:\\").lines
    assert any(re.fullmatch(r"\d\d/\d\d/\d{4} {2}\d\d:\d\d [AP]M +12345 big.bin", line) for line in lines)
    assert re.fullmatch(r" +1 File\(s\) +12345 bytes", lines[-2])
    match = re.fullmatch(r" +\d+ Dir\(s\) +(\d+) bytes free", lines[-1])
    assert match
    assert abs(int(match[1]) - host.fs.free("C:\\", admin)) < 10000
    assert "12,345" in cmd("dir C:\\").out


def test_redirected_output_is_in_use_while_it_is_open(cmd, host: WindowsHost) -> None:
    assert cmd("(echo a& del C:\\o.txt) > C:\\o.txt").err.splitlines()[-1].startswith("The process cannot access the file")
    assert cmd("type C:\\o.txt").out.startswith("a\r\n")


def test_a_full_disk(cmd, host: WindowsHost) -> None:
    host.faults.arm("disk.full", path="C:\\full", times=None)
    result = cmd("echo x > C:\\full.txt")
    assert (result.code, result.err) == (1, "There is not enough space on the disk.\r\n")


def test_utf16_is_shown_in_the_code_page(cmd, host: WindowsHost, admin: Logon) -> None:
    host.fs.write("C:\\u.log", "\ufeffgrün\r\n".encode("utf-16-le"), admin)
    assert cmd("chcp 65001 >nul & type C:\\u.log").out == "grün\r\n"


def test_output_is_bytes_in_the_consoles_code_page(host: WindowsHost, admin: Logon) -> None:
    process = host.spawn(None, "cmd.exe /c echo ü", admin)
    assert process.wait(patient(5)) == 0
    assert process.wait_output(0)[0] == b"\x81\r\n"


def test_for_each_folder(cmd, host: WindowsHost, admin: Logon) -> None:
    for name in ("b & c", "a"):
        host.fs.mkdir(f"C:\\each\\{name}", admin)
    host.fs.write("C:\\each\\a\\x.txt", b"in a\r\n", admin)
    host.fs.write("C:\\each\\file.txt", b"", admin)
    line = '(for /d %D in ("C:\\each\\*") do (echo %D& (type "%D\\x.txt" 2>nul) & if exist "%D\\x.txt" echo there)) & echo end'
    assert cmd(line).lines == ["C:\\each\\a", "in a", "there", "C:\\each\\b & c", "end"]
    # The body is the rest of the line.
    assert cmd("for /d %D in (C:\\each\\*) do ver >nul & echo x").lines == ["x", "x"]
    assert cmd("for /d %D in (C:\\nope\\*) do echo %D").lines == []
    assert cmd("for /d %D in (C:\\each\\a C:\\nope) do echo %D").lines == ["C:\\each\\a", "C:\\nope"]
    assert cmd("for %F in (C:\\each\\a\\*.txt one) do echo %F").lines == ["C:\\each\\a\\x.txt", "one"]
    assert cmd("for %F in (one two) do for /d %D in (C:\\each\\*) do echo %F %D").lines == [
        "one C:\\each\\a",
        "one C:\\each\\b & c",
        "two C:\\each\\a",
        "two C:\\each\\b & c",
    ]
    assert cmd("for %F in (C:\\each\\*) do echo %F").lines == ["C:\\each\\file.txt"], "files, no folders"
    assert "unsupported cmd.exe: %~ of for" in cmd("for /d %D in (C:\\each\\*) do echo %~nxD").err
