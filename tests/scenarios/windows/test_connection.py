# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The connection on the wire: what it costs, what it survives, what it refuses."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import winrm
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.connection import WindowsHost
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.errors import HostError, HostRefused, HostUnreachable
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.jobs import Job
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.parallel import on_each
from lab.core.ledger import Event
from lab.windows.process import Process
from scenarios.windows.setting import ACCOUNT, PASSWORD, ROOT, SYSTEM, WAIT, World


def requests_since(world: World, mark: int) -> int:
    return len(world.ledger.events("winrm.request", since=mark))


def test_half_the_requests_of_pywinrms_session(world: World) -> None:
    commands = 8
    mark = world.ledger.mark()
    with world.client() as host:
        for _number in range(commands):
            host.run(["hostname"], check=True)
    ours = requests_since(world, mark)
    mark = world.ledger.mark()
    endpoint = f"http://{world.hosts['octo-a'].address}:5985/wsman"
    session = winrm.Session(endpoint, auth=(ACCOUNT, PASSWORD), transport="ntlm", proxy=None)
    for _number in range(commands):
        assert session.run_cmd("hostname").status_code == 0
    theirs = requests_since(world, mark)
    print(f"requests per command: {ours / commands:.2f}, with winrm.Session.run_cmd {theirs / commands:.2f}")
    assert ours / theirs <= 0.5


def test_a_job_is_waited_for_over_a_lossy_network(client: WindowsHost, world: World) -> None:
    host = world.hosts["octo-a"]
    host.add_program("C:\\tool.exe", "tool")

    def takes_a_minute(process: Process) -> int:
        process.sleep(60)
        return 0

    host.programs["tool"] = takes_a_minute
    job = Job(client, ROOT, "lossy")
    job.start([["C:\\tool.exe"]])
    world.network.faults.arm("winrm.drop", times=3, skip=2)
    assert job.wait(WAIT).exit_code == 0
    assert len(world.ledger.events("fault", name="winrm.drop", action="met")) == 3


def test_a_command_that_may_not_run_twice_is_not(client: WindowsHost, world: World) -> None:
    client.run(["hostname"])
    world.network.faults.arm("winrm.drop")
    with pytest.raises(HostUnreachable, match="no WinRM answer"):
        client.run(["hostname"])
    world.network.faults.arm("winrm.drop")
    assert client.run(["hostname"], idempotent=True).stdout.strip().lower() == "octo-a"


@pytest.mark.parametrize("idempotent", [True, False])
def test_what_a_lost_connection_leaves_at_work_is_ended(client: WindowsHost, world: World, idempotent: bool) -> None:
    """A command that waits for input from a client that is gone would hold the file that it is to write."""
    host = world.hosts["octo-a"]
    client.run(["hostname"])
    mark = world.ledger.mark()
    world.network.faults.arm("winrm.drop", action="Command", executed=True)
    write = 'C:\\Windows\\System32\\findstr.exe "^" >"C:\\written.txt"'
    if idempotent:
        assert client.run_cmd(write, stdin="text\r\n", idempotent=True).exit_code == 0
        assert host.fs.read("C:\\written.txt", SYSTEM) == b"text\r\n"
    else:
        with pytest.raises(HostUnreachable):
            client.run_cmd(write, stdin="text\r\n")
    client.close()
    begun = [event["pid"] for event in world.ledger.events("process.start", since=mark)]
    assert begun
    for pid in begun:  # it is ended by the host, which takes its time
        world.ledger.wait_for(partial(_is_end, pid), WAIT, mark)
    host.fs.remove("C:\\written.txt", SYSTEM)


def _is_end(pid: int, event: Event) -> bool:
    return event.kind == "process.end" and event["pid"] == pid


def test_https_trusts_the_authority_it_is_given_only(world: World) -> None:
    https: dict[str, Any] = {"port": 5986, "transport": ["basic"]}
    with world.client(**https, ca_trust_path=str(world.network.authority.path)) as host:
        assert host.run(["hostname"]).exit_code == 0
    with world.client(**https) as host, pytest.raises(HostRefused, match=r"certificate .* is not trusted.*ansible_winrm_ca_trust_path"):
        host.run(["hostname"])
    with world.client(**https, server_cert_validation="ignore") as host:
        assert host.run(["hostname"]).exit_code == 0


def test_a_wrong_password_is_one_log_on(world: World) -> None:
    with world.client(password="wrong-" + PASSWORD) as host, pytest.raises(HostRefused, match="only one attempt") as caught:
        host.run(["hostname"], idempotent=True)
    assert PASSWORD not in str(caught.value)
    assert world.ledger.events("winrm.command") == []


def test_a_program_that_is_not_there(client: WindowsHost) -> None:
    with pytest.raises(HostError, match="the program does not exist on the host"):
        client.run(["no-such-program"])


def test_output_of_a_long_command_in_pieces_and_its_deadline(client: WindowsHost, world: World) -> None:
    host = world.hosts["octo-a"]
    host.add_program("C:\\tool.exe", "tool")

    def slow(process: Process) -> int:
        for number in range(5):
            process.print(f"Zeile {number} ä")
            process.sleep(10)
        return 3

    host.programs["tool"] = slow
    result = client.run(["C:\\tool.exe"])
    assert (result.exit_code, result.stdout) == (3, "".join(f"Zeile {number} ä\n" for number in range(5)))


def test_several_hosts_at_once_each_with_its_own_failure(make_world: Callable[..., World]) -> None:
    two = make_world("octo-a", "octo-b")
    two.servers[1].stop()
    outcomes = on_each([two.options("octo-a"), two.options("octo-b")], lambda host: host.run(["hostname"]).exit_code)
    assert outcomes["octo-a"] == 0
    assert isinstance(outcomes["octo-b"], HostUnreachable)


def test_each_answer_tells_the_hosts_time(make_world: Callable[..., World]) -> None:
    world = make_world(scale=1.0)
    world.hosts["octo-a"].clock_ahead = 300.0
    with world.client() as host:
        assert host.clock_offset is None
        host.run(["hostname"])
        assert host.clock_offset is not None and 298 <= host.clock_offset <= 301
