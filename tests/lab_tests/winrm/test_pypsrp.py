# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""pypsrp's WS-Management, a client of another make: SPNEGO instead of bare NTLM, other spellings of the same messages."""

from __future__ import annotations

from typing import Any

import pytest
from lab.windows.process import Process
from pypsrp.exceptions import WSManFaultError
from pypsrp.shell import Process as RemoteProcess
from pypsrp.shell import SignalCode, WinRS
from pypsrp.wsman import WSMan

from .conftest import ACCOUNT, CMD, PASSWORD, TOOL, Lab, prints


def wsman(lab: Lab, ssl: bool = True, **options: Any) -> WSMan:
    trust: Any = str(lab.network.authority.path)  # pypsrp declares a bool only
    return WSMan(lab.host.address, ssl=ssl, username=ACCOUNT, password=PASSWORD, cert_validation=trust, no_proxy=True, **options)


@pytest.mark.parametrize(
    ("ssl", "auth", "encryption"),
    [(False, "negotiate", "auto"), (False, "ntlm", "auto"), (True, "negotiate", "auto"), (True, "basic", "auto"), (True, "ntlm", "always")],
)
def test_a_command_runs(lab: Lab, ssl: bool, auth: str, encryption: str) -> None:
    def work(process: Process) -> int:
        process.print("|".join([*process.argv[1:], process.env["greeting"], process.cwd, str(process.codepage)]))
        process.error("bad")
        return 5

    lab.handler = work
    with (
        wsman(lab, ssl, auth=auth, encryption=encryption) as client,
        WinRS(
            client, codepage=65001, environment={"Greeting": "hé"}, working_directory="C:\\Windows", no_profile=True, idle_time_out=60
        ) as shell,
    ):
        assert shell.owner == ACCOUNT
        assert shell.client_ip.startswith("127.")
        assert shell.idle_time_out == "PT60.000S"
        process = RemoteProcess(shell, TOOL, ["a", '"b c"'], no_shell=True)
        process.invoke()
        process.signal(SignalCode.CTRL_C)
    assert process.stdout.decode() == "a|b c|hé|C:\\Windows|65001\r\n"
    assert (process.stderr, process.rc) == (b"bad\r\n", 5)
    assert lab.server.shells.all() == []
    assert lab.ledger.events("winrm.command")[0]["arguments"] == 'a "b c"'


def test_through_cmd_exe(lab: Lab) -> None:
    lab.host.add_program(CMD, "tool")
    lab.handler = prints(lambda process: process.command_line)
    with wsman(lab) as client, WinRS(client) as shell:
        process = RemoteProcess(shell, "dir", ["/b", "C:\\"])
        process.invoke()
    assert process.stdout.decode() == f'{CMD} /C "dir /b C:\\"\r\n'


def test_input_in_parts(lab: Lab) -> None:
    lab.handler = prints(lambda process: process.stdin.read().decode())
    with wsman(lab, ssl=False) as client, WinRS(client) as shell:
        process = RemoteProcess(shell, TOOL, no_shell=True)
        process.begin_invoke()
        process.send(b"one ", end=False)
        process.send(b"two", end=True)
        process.end_invoke()
    assert process.stdout == b"one two\r\n"


def test_a_program_longer_than_the_operation_timeout_and_ctrl_c(lab: Lab) -> None:
    def work(process: Process) -> int:
        process.print("begun")
        return lab.until_released(process)

    lab.handler = work
    with wsman(lab, operation_timeout=2) as client, WinRS(client) as shell:
        process = RemoteProcess(shell, TOOL, no_shell=True)
        process.begin_invoke()
        while not lab.requests(fault=2150858793):
            process.poll_invoke()
        process.signal(SignalCode.CTRL_C)
        process.end_invoke()
        process.signal(SignalCode.TERMINATE)
    assert (process.stdout, process.rc) == (b"begun\r\n", 0xC000013A)


def test_faults_carry_number_machine_and_provider(lab: Lab) -> None:
    with wsman(lab) as client, WinRS(client) as shell:
        with pytest.raises(WSManFaultError) as error:
            RemoteProcess(shell, "tool.exe", no_shell=True).invoke()
        assert error.value.code == 2147942402
        assert error.value.machine == lab.host.address
        assert error.value.provider == "Shell cmd plugin"
        assert error.value.provider_fault == "The system cannot find the file specified."  # pypsrp strips it


def test_two_shells_of_one_connection(lab: Lab) -> None:
    lab.handler = prints(lambda process: process.env["WHICH"])
    with wsman(lab, ssl=False) as client, WinRS(client, environment={"WHICH": "1"}) as one:
        two = WinRS(client, environment={"WHICH": "2"})
        two.open()
        processes = [RemoteProcess(shell, TOOL, no_shell=True) for shell in (one, two)]
        for process in processes:
            process.begin_invoke()
        for process in reversed(processes):
            process.end_invoke()
    assert [process.stdout for process in processes] == [b"1\r\n", b"2\r\n"]
