# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Batch files, as jobs use them."""

from __future__ import annotations

import pytest
from lab.core.filesystem import Logon
from lab.windows.host import WindowsHost


@pytest.fixture(name="batch")
def _batch(run, host: WindowsHost, admin: Logon):
    def batch(*lines: str, encoding: str = "cp437"):
        host.fs.write("C:\\job.cmd", "".join(f"{line}\r\n" for line in lines).encode(encoding), admin)
        return run("cmd.exe /c C:\\job.cmd")

    return batch


def test_the_shape_of_a_job(batch, host: WindowsHost, admin: Logon) -> None:
    def tool(proc) -> int:
        proc.print("out " + proc.argv[1])
        proc.error("err")
        return 3010

    host.programs["tool"] = tool
    host.add_program("C:\\Program Files\\tool.exe", "tool")
    result = batch(
        "@echo off",
        "chcp 65001 >nul",
        '"C:\\Program Files\\tool.exe" "100%% ü" > "C:\\output.txt" 2>&1',
        "(echo %ERRORLEVEL%)> C:\\exit.tmp",
        "move /y C:\\exit.tmp C:\\exit.code >nul",
        encoding="utf-8",
    )
    assert (result.code, result.out, result.err) == (0, "", "")
    assert host.fs.read("C:\\exit.code", admin) == b"3010\r\n"
    assert host.fs.read("C:\\output.txt", admin) == "out 100% ü\r\nerr\r\n".encode()


def test_echo_and_other_built_ins_keep_the_error_level(batch) -> None:
    assert batch("@echo off", "cmd /c exit 5", "echo x", "set A=1", "rem no", "echo %ERRORLEVEL%").lines == ["x", "5"]


def test_others_reset_it(batch) -> None:
    assert batch("@echo off", "cmd /c exit 5", "type C:\\job.cmd >nul", "echo %ERRORLEVEL%").lines == ["0"]


def test_a_block_is_expanded_before_it_runs(batch) -> None:
    block = ("if errorlevel 5 (", "  cmd /c exit 7", "  echo %ERRORLEVEL%", ")")
    lines = batch("@echo off", "cmd /c exit 5", *block, "echo %ERRORLEVEL%").lines
    assert lines == ["5", "7"]


def test_for_in_a_file_has_two_percent_signs(batch, host: WindowsHost, admin: Logon) -> None:
    host.fs.mkdir("C:\\each\\100%", admin)
    assert batch("@echo off", '(for /d %%D in ("C:\\each\\*") do (echo %%D))').lines == ["C:\\each\\100%"]


def test_if_errorlevel_means_at_least_and_is_signed(batch) -> None:
    lines = batch(
        "@echo off",
        "cmd /c exit 5",
        "if errorlevel 6 (echo six) else echo less",
        "cmd /c exit -1",
        "if errorlevel 0 echo above",
        "echo %ERRORLEVEL%",
    ).lines
    assert lines == ["less", "-1"]


def test_goto_exit_and_arguments(run, host: WindowsHost, admin: Logon) -> None:
    lines = (b"@echo off", b"goto :two", b":one", b"echo never", b":two", b"echo %1 %~dp0 %~nx0", b"exit /b 9", b"echo no")
    host.fs.write("C:\\a b.cmd", b"\r\n".join(lines), admin)
    result = run('cmd.exe /d /s /c ""C:\\a b.cmd" "x y""')
    assert (result.code, result.lines) == (9, ['"x y" C:\\ a b.cmd'])


def test_call_comes_back_and_chaining_does_not(batch, host: WindowsHost, admin: Logon) -> None:
    host.fs.write("C:\\sub.cmd", b"@exit /b 4\r\n", admin)
    assert batch("@echo off", "call C:\\sub.cmd", "echo %ERRORLEVEL%", "C:\\sub.cmd", "echo never").lines == ["4"]


def test_an_unknown_program_is_9009_in_a_batch_file(batch) -> None:
    assert batch("@echo off", "nonsense 2>nul", "echo %ERRORLEVEL%").lines == ["9009"]


def test_start_wait_gives_the_exit_code_and_without_goes_on(batch) -> None:
    assert batch("@echo off", 'start "" /wait cmd /c exit 6', "echo %ERRORLEVEL%").lines == ["6"]


def test_echo_on_shows_each_line(batch) -> None:
    result = batch("echo a", "@echo b")
    assert [line for line in result.lines if line] == ["C:\\Users\\octo-admin>echo a ", "a", "b"]


def test_a_byte_order_mark_spoils_the_first_line(batch) -> None:
    result = batch("@echo off", "echo x", encoding="utf-8-sig")
    assert "is not recognized" in result.err


def test_a_batch_file_that_vanishes(batch) -> None:
    result = batch("@echo off", "del C:\\job.cmd", "echo never")
    assert (result.out, result.err) == ("", "The batch file cannot be found.\r\n")


def test_set_p_takes_the_first_line_of_a_file(batch) -> None:
    """Also where the command around it has another standard input, and an empty file leaves the variable as it was."""
    lines = (
        "@echo off",
        "(echo first& echo second)>in.txt",
        "(set /p NAME=<in.txt) <nul",
        "echo %NAME%",
        "type nul >empty.txt",
        "set /p NAME=<empty.txt",
        "echo %NAME%",
    )
    assert batch(*lines).lines == ["first", "first"]
