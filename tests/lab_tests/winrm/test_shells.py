# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Shells: their quotas, their end, what happens to what runs in them; and the faults that tests can arm."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests
from lab.windows.process import Process
from lab.winrm.shells import Quotas
from patience import patient
from winrm.exceptions import WSManFaultError
from winrm.protocol import Protocol

from .conftest import TOOL, WAIT, Lab

NOT_FOUND = 2150858843


def start(lab: Lab, client: Protocol, **shell: Any) -> tuple[str, str]:
    """A shell with a program that runs on."""
    lab.handler = lab.until_released
    shell_id = client.open_shell(**shell)
    return shell_id, client.run_command(shell_id, TOOL, skip_cmd_shell=True)


def test_an_unknown_shell_is_a_fault(lab: Lab) -> None:
    client = lab.https()
    missing = "11111111-2222-3333-4444-555555555555"
    with pytest.raises(WSManFaultError, match=f"ShellId {missing} failed because the shell was not found") as error:
        client.run_command(missing, TOOL)
    assert error.value.wsman_fault_code == NOT_FOUND
    shell = client.open_shell()
    client.close_shell(shell, close_session=False)
    with pytest.raises(WSManFaultError) as error:
        client.close_shell(shell)
    assert error.value.wsman_fault_code == NOT_FOUND


def test_an_unknown_command_is_a_fault(lab: Lab) -> None:
    client = lab.https()
    shell = client.open_shell()
    with pytest.raises(WSManFaultError) as error:
        client.get_command_output_raw(shell, "11111111-2222-3333-4444-555555555555")
    assert error.value.wsman_fault_code == NOT_FOUND
    assert "command identifier that does not exist" in error.value.reason
    with pytest.raises(WSManFaultError) as error:
        client.get_command_output_raw(shell, "")
    assert error.value.wsman_fault_code == 87


def test_processes_die_with_their_shell(lab: Lab) -> None:
    client = lab.https()

    def family(process: Process) -> int:
        lab.handler = lab.until_released
        child = lab.host.spawn(TOOL, "child", process.logon, parent=process)
        return process.wait_for(child)

    lab.handler = family
    shell = client.open_shell()
    client.run_command(shell, TOOL, skip_cmd_shell=True)
    child = lab.ledger.wait_for(lambda event: event.kind == "process.start" and bool(event["parent"]), patient(30))
    client.close_shell(shell)
    assert lab.wait("process.end", pid=child["pid"])["killed"]
    assert lab.wait("process.end", pid=child["parent"])["killed"]


def test_terminate_ends_the_program_and_whoever_waits_for_its_output(lab: Lab) -> None:
    slow = {"operation_timeout_sec": 600, "read_timeout_sec": 700}
    client = lab.https(**slow)
    shell, command = start(lab, client)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(lab.https(**slow).get_command_output_raw, shell, command)
        assert lab.server.shells.all()[0].commands[command].wait_receiver(WAIT)
        with pytest.raises(WSManFaultError) as error:
            client.get_command_output_raw(shell, command)
        assert error.value.wsman_fault_code == 2150859047
        client.cleanup_command(shell, command)
        with pytest.raises(WSManFaultError, match="aborted") as error:
            waiting.result()
        assert error.value.wsman_fault_code == 995
    assert lab.wait("process.end")["killed"]
    client.cleanup_command(shell, command)


def test_an_idle_shell_goes_and_takes_its_programs_with_it(lab: Lab) -> None:
    client = lab.https()
    shell, _command = start(lab, client, idle_timeout="PT10S")
    began = lab.requests(action="Create")[0].t
    ended = lab.wait("process.end")
    assert ended["killed"]
    assert ended.t - began >= 10.0
    with pytest.raises(WSManFaultError) as error:
        client.run_command(shell, TOOL)
    assert error.value.wsman_fault_code == NOT_FOUND


def test_a_shell_that_somebody_waits_for_is_not_idle(lab: Lab) -> None:
    client = lab.https()
    shell, command = start(lab, client, idle_timeout="PT10S")

    def release() -> None:
        # The time-out is 20 s, twice what the shell may be idle.
        lab.wait("winrm.request", action="Receive", fault=2150858793)
        lab.release.set()

    thread = threading.Thread(target=release)
    thread.start()
    assert client.get_command_output(shell, command) == (b"released\r\n", b"", 0)
    thread.join()


def test_shells_per_user_are_limited(make_lab: Callable[..., Lab]) -> None:
    lab = make_lab(Quotas(max_shells_per_user=2))
    client = lab.https()
    shells = [client.open_shell(), client.open_shell()]
    with pytest.raises(WSManFaultError, match="maximum number of 2 concurrent shells") as error:
        client.open_shell()
    assert error.value.wsman_fault_code == 2150859173
    assert lab.https(username="LAB\\other", password="Other-1!").open_shell()
    client.close_shell(shells[0])
    assert client.open_shell()


def test_only_a_new_shell_gives_operations_back(make_lab: Callable[..., Lab]) -> None:
    lab = make_lab(Quotas(max_operations_per_user=2))
    client = lab.https()
    shell = client.open_shell()
    for _number in range(2):
        command = client.run_command(shell, TOOL, skip_cmd_shell=True)
        client.get_command_output(shell, command)
        client.cleanup_command(shell, command)
    with pytest.raises(WSManFaultError, match="2 concurrent operations") as error:
        client.run_command(shell, TOOL, skip_cmd_shell=True)
    assert error.value.wmierror_code == 2150859174
    client.close_shell(shell)
    assert lab.run(client) == (b"", b"", 0)


def test_stopping_the_service_ends_connections_shells_and_programs(lab: Lab) -> None:
    client = lab.https()
    shell, command = start(lab, client)
    lab.server.stop()
    assert lab.wait("process.end")["killed"]
    with pytest.raises(requests.exceptions.ConnectionError):
        client.get_command_output_raw(shell, command)
    lab.server.start()
    with pytest.raises(WSManFaultError) as error:
        client.get_command_output_raw(shell, command)
    assert error.value.wsman_fault_code == NOT_FOUND
    lab.release.set()
    assert lab.run(client)[0] == b"released\r\n"


@pytest.mark.parametrize(("executed", "ran"), [(True, 1), (False, 0)])
def test_the_connection_can_drop_after_or_before_a_command(lab: Lab, executed: bool, ran: int) -> None:
    client = lab.https()
    shell = client.open_shell()
    lab.host.faults.arm("winrm.drop", lab.host.name, action="Command", executed=executed)
    with pytest.raises(requests.exceptions.ConnectionError):
        client.run_command(shell, TOOL, skip_cmd_shell=True)
    assert len(lab.ledger.events("winrm.command")) == ran
    assert [event["status"] for event in lab.requests(action="Command")] == [0]
    assert client.run_command(shell, TOOL, skip_cmd_shell=True)


def test_the_connection_can_drop_after_some_messages(lab: Lab) -> None:
    client = lab.http()
    lab.host.faults.arm("winrm.drop", lab.host.name, after=2)
    shell = client.open_shell()
    command = client.run_command(shell, TOOL, skip_cmd_shell=True)
    with pytest.raises(requests.exceptions.ConnectionError):
        client.get_command_output_raw(shell, command)


def test_connections_can_be_refused(lab: Lab) -> None:
    lab.host.faults.arm("winrm.refuse", lab.host.name, times=2)
    for client in (lab.https(), lab.http()):
        with pytest.raises(requests.exceptions.ConnectionError):
            client.open_shell()
    assert lab.requests() == []
    assert lab.https().open_shell()
