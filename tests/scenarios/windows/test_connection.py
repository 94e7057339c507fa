# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The connection on the wire: what it costs, what it survives, what it refuses."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import winrm
from ansible_collections.octopus.upgrade.plugins.module_utils._core.waiting import Deadline
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
    outcomes = on_each(
        [two.options("octo-a"), two.options("octo-b")],
        lambda host: host.run(["hostname"]).exit_code,
        lambda options: WindowsHost(options, patience=lambda: Deadline(0)),
    )
    assert outcomes["octo-a"] == 0
    assert isinstance(outcomes["octo-b"], HostUnreachable)


def test_each_answer_tells_the_hosts_time(make_world: Callable[..., World]) -> None:
    world = make_world(scale=1.0)
    world.hosts["octo-a"].clock_ahead = 300.0
    with world.client() as host:
        assert host.clock_offset is None
        host.run(["hostname"])
        assert host.clock_offset is not None and 298 <= host.clock_offset <= 301


@pytest.mark.parametrize("endpoint", [{}, {"port": 5986, "transport": ["basic"], "server_cert_validation": "ignore"}])
def test_a_command_waits_for_a_service_that_listens_again(world: World, endpoint: dict[str, Any]) -> None:
    """Nothing of it was sent, so that a command of any kind may wait."""
    world.network.faults.arm("winrm.refuse", times=3)
    with world.client(**endpoint) as host:
        assert host.run(["hostname"]).exit_code == 0
    assert len(world.ledger.events("fault", name="winrm.refuse", action="met")) == 3
    assert len(world.ledger.events("winrm.command")) == 1


@pytest.mark.parametrize("away", [0.0, 0.5])
@pytest.mark.parametrize("endpoint", [{}, {"port": 5986, "transport": ["basic"], "server_cert_validation": "ignore"}])
def test_a_service_that_restarts_between_two_commands(world: World, away: float, endpoint: dict[str, Any]) -> None:
    """Its shells are gone, and the connection; the second command is sent again in a new shell."""
    [server] = world.servers
    with world.client(**endpoint) as host:
        host.run(["hostname"])
        server.stop()
        start = threading.Timer(away, server.start)
        start.start()
        if not away:
            start.join()
        assert host.run(["hostname"]).exit_code == 0
        start.join()
    assert len(world.ledger.events("winrm.command")) == 2


@pytest.mark.parametrize(
    ("fault", "given", "shells"),
    [
        ("winrm.shell_gone", {"action": "Command"}, 2),
        ("winrm.quota", {"quota": "operations"}, 2),
        ("winrm.quota", {"quota": "commands"}, 2),
        ("winrm.quota", {"quota": "shells"}, 1),
        ("winrm.quota", {"quota": "users"}, 1),
        ("winrm.quota", {"quota": "shells", "wmi": True}, 1),
        ("winrm.quota", {"quota": "operations", "wmi": False}, 2),
    ],
)
def test_a_command_that_was_not_started_is_sent_again(world: World, fault: str, given: dict[str, Any], shells: int) -> None:
    world.network.faults.arm(fault, times=2 if shells == 1 else 1, **given)
    with world.client() as host:
        assert host.run(["hostname"]).exit_code == 0
    assert len(world.ledger.events("winrm.command")) == 1
    assert len(world.ledger.events("winrm.request", action="Create", status=200)) == shells


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("wmi", [True, False])
@pytest.mark.parametrize(
    ("quota", "advice"),
    [
        ("shells", "MaxShellsPerUser"),
        ("users", "MaxConcurrentUsers"),
        ("operations", "MaxConcurrentOperationsPerUser"),
        ("commands", "MaxProcessesPerShell"),
    ],
)
def test_a_quota_that_stays_full_is_told_with_what_to_raise(world: World, quota: str, advice: str, wmi: bool) -> None:
    world.network.faults.arm("winrm.quota", times=None, quota=quota, wmi=wmi)
    with world.client() as host, pytest.raises(HostError, match=advice):
        host.run(["hostname"])
    assert world.ledger.events("winrm.command") == []


def test_a_shell_that_ends_amid_a_command_is_no_reason_to_start_it_again(client: WindowsHost, world: World) -> None:
    world.network.faults.arm("winrm.shell_gone", action="Receive")
    with pytest.raises(HostUnreachable, match="shell is gone"):
        client.run(["hostname"])
    assert len(world.ledger.events("winrm.command")) == 1


@pytest.mark.parametrize(
    ("fault", "given", "said"),
    [
        ("winrm.certificate", {"flaw": "expired"}, "has expired"),
        ("winrm.certificate", {"flaw": "early"}, "Compare the clocks"),
        ("winrm.certificate", {"flaw": "other_name"}, "Set ansible_host to a name that is in the certificate"),
        ("winrm.certificate", {"flaw": "self_signed"}, "is self-signed"),
        ("winrm.tls", {"version": "TLSv1"}, "Enable TLS 1.2 on the host"),
    ],
)
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_what_is_wrong_with_https_is_told(world: World, fault: str, given: dict[str, Any], said: str) -> None:
    world.network.faults.arm(fault, **given)
    trust = str(world.network.authority.path)
    with world.client(port=5986, transport=["basic"], ca_trust_path=trust) as host, pytest.raises(HostRefused, match=said):
        host.run(["hostname"])
    assert world.ledger.events("winrm.request") == []


@pytest.mark.skipif(sys.version_info < (3, 13), reason="Python checks certificates strictly since 3.13")
def test_a_certificate_that_names_no_issuer(world: World) -> None:
    world.network.faults.arm("winrm.certificate", flaw="unidentified")
    trust = str(world.network.authority.path)
    with world.client(port=5986, transport=["basic"], ca_trust_path=trust) as host, pytest.raises(HostRefused, match=r"with Python 3\.12"):
        host.run(["hostname"])


def test_a_client_certificate_over_tls_1_3(world: World, tmp_path: Path) -> None:
    own = tmp_path / "own.pem"
    own.write_bytes(world.network.authority.issue("octo-admin"))
    given: dict[str, Any] = {"transport": ["certificate"], "cert_pem": str(own), "cert_key_pem": str(own)}
    world.network.faults.arm("winrm.tls", times=None, version="TLSv1_3", reset=True)
    options = world.options(port=5986, ca_trust_path=str(world.network.authority.path), **given)
    with WindowsHost(options, patience=lambda: Deadline(0)) as host, pytest.raises(HostUnreachable, match=r"turn TLS 1\.3 off"):
        host.run(["hostname"])
