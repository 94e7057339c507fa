# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""CreateProcess, streams, ends of processes, files in use, logons."""

from __future__ import annotations

import threading

import pytest
from lab.core.filesystem import Logon, WinError
from lab.core.network import Network
from lab.windows.host import WindowsHost
from lab.windows.process import Handler, Job, Process
from patience import patient

from .conftest import waits

TOOL = "C:\\Program Files\\tool.exe"


def _tool(host: WindowsHost, handler: Handler) -> str:
    host.programs["tool"] = handler
    host.add_program(TOOL, "tool", version="1.2")
    return f'"{TOOL}"'


def test_a_program_gets_its_vector_its_file_and_its_streams(host: WindowsHost, admin: Logon) -> None:
    def tool(proc: Process) -> int:
        proc.print(repr([*proc.argv[1:], proc.info["version"]]))
        proc.stderr.write(proc.stdin.read().upper())
        return 0xFFFFFFFF

    process = host.spawn(None, f'{_tool(host, tool)} a "b c"', admin, stdin=b"in")
    assert process.wait(patient(5)) == 0xFFFFFFFF
    assert process.wait_output(0) == (b"['a', 'b c', '1.2']\r\n", b"IN", True)


def test_output_comes_in_pieces_while_it_runs(host: WindowsHost, admin: Logon) -> None:
    go = threading.Event()

    def tool(proc: Process) -> int:
        proc.print("one")
        go.wait(patient(5))
        proc.print("two")
        return 0

    process = host.spawn(None, _tool(host, tool), admin)
    assert process.wait_output(5) == (b"one\r\n", b"", False)
    go.set()
    assert process.wait(patient(5)) == 0
    assert process.wait_output(0) == (b"two\r\n", b"", True)


@pytest.mark.parametrize(("application", "code"), [("nothing.exe", 2), ("cmd.exe", 2), ("C:\\Windows\\System32\\nothing.exe", 2)])
def test_an_application_name_is_taken_as_it_is(host: WindowsHost, admin: Logon, application: str, code: int) -> None:
    """A bare name is not searched for, as in the recording of a real host where powershell.exe alone is not found."""
    with pytest.raises(WinError) as caught:
        host.spawn(application, f"{application} /c exit", admin)
    assert caught.value.code == code


def test_a_file_that_is_no_program(host: WindowsHost, admin: Logon) -> None:
    host.fs.write("C:\\x.exe", b"MZ", host.system)
    with pytest.raises(WinError) as caught:
        host.spawn("C:\\x.exe", "x", admin)
    assert caught.value.code == 193


def test_a_batch_file_runs_through_cmd(host: WindowsHost, admin: Logon) -> None:
    host.fs.write("C:\\x.cmd", b"@exit /b 12\r\n", host.system)
    assert host.spawn(None, "C:\\x.cmd", admin).wait(patient(5)) == 12


def test_killing_ends_a_sleep_a_read_and_a_wait(host: WindowsHost, admin: Logon) -> None:
    host.programs["child"] = waits
    host.add_program("C:\\child.exe", "child")
    sleeper = host.spawn(None, "C:\\child.exe", admin)
    waiter = host.spawn(None, 'cmd.exe /d /s /c "C:\\child.exe"', admin)
    host.ledger.wait_for(lambda event: event.kind == "process.start" and event["parent"] == waiter.pid, patient(5))
    waiter.kill(9)
    sleeper.kill()
    assert (sleeper.wait(patient(5)), waiter.wait(patient(5))) == (1, 9)
    orphans = host.processes()
    assert [one.name for one in orphans] == ["child.exe"], "a killed parent's child goes on"


def test_a_job_ends_with_all_its_processes(host: WindowsHost, admin: Logon) -> None:
    host.programs["child"] = waits
    host.add_program("C:\\child.exe", "child")
    job = Job()
    top = host.spawn(None, 'cmd.exe /d /s /c "C:\\child.exe"', admin, job=job)
    host.ledger.wait_for(lambda event: event.kind == "process.start" and event["parent"] == top.pid, patient(5))
    job.kill()
    assert top.wait(patient(5)) == 1
    host.ledger.wait_for(lambda event: event.kind == "process.end" and event["path"] == "C:\\child.exe" and event["killed"], patient(5))
    late = host.spawn(None, "C:\\child.exe", admin, job=job)
    assert late.wait(patient(5)) == 1, "what starts in an ended job ends at once"


def test_a_running_programs_file_is_in_use(host: WindowsHost, admin: Logon) -> None:
    process = host.spawn(None, _tool(host, waits), admin)
    with pytest.raises(WinError) as caught:
        host.fs.remove(TOOL, admin)
    assert caught.value.code == 32
    assert host.fs.read(TOOL, admin)
    process.kill()
    process.wait(patient(5))
    host.fs.remove(TOOL, admin)


def test_a_crashing_handler_is_noticed(host: WindowsHost, admin: Logon) -> None:
    process = host.spawn(None, _tool(host, lambda proc: 1 // 0), admin)
    assert process.wait(patient(5)) == 0xC0000005
    assert "ZeroDivisionError" in host.crashes.pop()


def test_a_network_logon_has_no_second_hop(host: WindowsHost, network: Network, admin: Logon) -> None:
    network.add_share("nas", "backups", network.root / "nas", {network.machine_account("octo-a"), admin.account})
    with pytest.raises(WinError) as caught:
        host.fs.listdir("\\\\nas\\backups", admin)
    assert caught.value.code == 5
    assert host.fs.listdir("\\\\nas\\backups", Logon.batch("SYSTEM")) == []
    assert host.fs.listdir("\\\\nas\\backups", Logon.batch(admin.account)) == []


def test_the_ledger_knows_processes(host: WindowsHost, admin: Logon) -> None:
    pid = host.spawn(None, "hostname", admin).pid
    host.ledger.wait_for(lambda event: event.kind == "process.end" and event["pid"] == pid, patient(5))
    (start,) = host.ledger.events("process.start", pid=pid)
    assert (start["argv"], start["account"], start["logon"]) == (["hostname"], "LAB\\octo-admin", "network")


def test_before_server_2019_there_is_no_curl(network: Network) -> None:
    old = WindowsHost("old", network, os_build="10.0.14393", has_curl=False)
    with pytest.raises(WinError) as caught:
        old.spawn(None, "curl.exe --version", old.system)
    assert caught.value.code == 2
