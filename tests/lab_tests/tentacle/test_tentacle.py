# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tentacle.exe and its service: what the public source says they do, by version."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from lab.core.clock import Clock
from lab.core.faults import Faults
from lab.core.ledger import Ledger
from lab.core.network import Network
from lab.tentacle import register
from lab.tentacle.build import install_tentacle
from lab.tentacle.configuration import ACTIVE, NONE, PASSIVE, Configuration, Server, server
from lab.windows import services
from lab.windows.host import WindowsHost
from patience import patient

OURS, FOREIGN = "AB" * 20, "CD" * 20
OLD = server(OURS, ACTIVE, "https://octopus:10943/", "poll://known/")
COMMS = ("server-comms", f"--thumbprint={OURS}", "--style", "TentacleActive", "--host=octopus-new")


class Here:
    """A host with one Tentacle."""

    def __init__(self, host: WindowsHost, version: str, *servers: Server, listens: bool = False) -> None:
        self.host = host
        self.path = install_tentacle(host, version, servers, listens=listens).path
        host.boot()

    def tentacle(self, *words: str) -> tuple[int, str, str]:
        quoted = " ".join(f'"{word}"' for word in (register.program(self.host), *words))
        process = self.host.spawn(None, quoted, self.host.system)
        code = process.wait(patient(30))
        assert code is not None
        return code, process.output.take().decode(), process.errors.take().decode()

    def servers(self) -> list[Server]:
        return Configuration.load(self.host, self.path, self.host.system).servers

    def running(self) -> int:
        """The process id of the service, once it has read its configuration."""
        assert self.host.services.wait(register.service_name("Tentacle"), services.RUNNING, patient(20))
        pid = self.host.services.query(register.service_name("Tentacle")).pid
        self.host.ledger.wait_for(lambda event: event.kind == "tentacle" and event.get("what") == "polls", patient(20))
        return pid

    def log(self) -> str:
        return self.host.fs.read("C:\\Octopus\\Logs\\OctopusTentacle.txt", self.host.system).decode()


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Callable[..., Here]]:
    clock = Clock(200)
    ledger = Ledger(clock)
    network = Network(tmp_path, clock, ledger, Faults(ledger))
    made: list[WindowsHost] = []

    def make(version: str, *servers: Server, listens: bool = False) -> Here:
        made.append(WindowsHost("target01", network))
        return Here(made[-1], version, *servers, listens=listens)

    yield make
    for host in made:
        assert host.crashes == []
        host.shutdown()
    network.close()


def test_reading_commands(here: Callable[..., Here]) -> None:
    one = here("6.3.605", OLD)
    assert json.loads(one.tentacle("version", "--format=json")[1])["MajorMinorPatch"] == "6.3.605"
    assert one.tentacle("version")[1].startswith("6.3.605+Branch.main.")
    assert json.loads(one.tentacle("list-instances", "--format=json")[1]) == [
        {"InstanceName": "Tentacle", "ConfigurationFilePath": "C:\\Octopus\\Tentacle.config"}
    ]
    assert one.tentacle("list-instances")[1] == "Instance 'Tentacle' uses configuration 'C:\\Octopus\\Tentacle.config'.\r\n"
    shown = json.loads(one.tentacle("show-configuration", "--instance=tentacle")[1])["Tentacle"]
    assert shown["Communication"]["TrustedOctopusServers"] == [OLD] and shown["Services"]["NoListen"] is True
    assert json.loads(one.tentacle("show-thumbprint", "--format=json")[1]) == {"Thumbprint": shown["CertificateThumbprint"]}
    assert one.tentacle("version", "--format=yaml")[0] == 1
    assert one.tentacle("show-thumbprint", "--instance=none")[0] == 1
    assert one.tentacle("version", "--no-such")[0] == 1
    assert one.tentacle("no-such-command")[0] == 2
    assert "lab: unsupported" in one.tentacle("deregister-from")[2]


def test_server_comms_copies_the_subscription_from_4_on(here: Callable[..., Here]) -> None:
    one = here("4.0.0", server(OURS, PASSIVE), OLD)
    assert one.tentacle(*COMMS)[0] == 0
    assert one.servers() == [server(OURS, PASSIVE), OLD, server(OURS, ACTIVE, "https://octopus-new:10943", "poll://known/")]
    assert one.tentacle(*COMMS)[0] == 0
    assert len(one.servers()) == 3


@pytest.mark.parametrize(
    ("version", "known"),
    [("3.24.0", OLD), ("6.3.605", server(OURS, ACTIVE, "https://octopus:10943/")), ("6.3.605", server(OURS, PASSIVE))],
)
def test_server_comms_makes_up_a_subscription(here: Callable[..., Here], version: str, known: Server) -> None:
    one = here(version, known)
    assert one.tentacle(*COMMS)[0] == 0
    assert one.servers()[-1]["SubscriptionId"] not in (None, "poll://known/")


@pytest.mark.parametrize(
    "words",
    [
        ("server-comms", f"--thumbprint={OURS.lower()}", "--style=TentacleActive", "--host=x"),
        ("server-comms", f"--thumbprint={OURS}", "--style=Active", "--host=x"),
        ("server-comms", f"--thumbprint={OURS}", "--style=TentacleActive"),
        ("server-comms", "--style=TentacleActive", "--host=x"),
    ],
)
def test_what_server_comms_refuses(here: Callable[..., Here], words: tuple[str, ...]) -> None:
    one = here("6.3.605", OLD, server(FOREIGN, PASSIVE))
    assert one.tentacle(*words)[0] == 1
    assert one.servers() == [OLD, server(FOREIGN, PASSIVE)]


def test_the_service_reads_its_configuration_when_it_starts_and_says_what_it_polls(here: Callable[..., Here]) -> None:
    one = here("6.3.605", OLD)
    pid = one.running()
    assert f"  {pid:>5}      1  INFO  Agent will poll Octopus Server at https://octopus:10943/ for subscription poll://known/" in one.log()
    one.tentacle(*COMMS)
    assert "octopus-new" not in one.log()
    assert one.tentacle("service", "--restart")[0] == 0
    one.host.ledger.wait_for(lambda event: event.kind == "tentacle" and len(event.get("addresses") or ()) == 2, patient(20))
    assert one.host.services.query("OctopusDeploy Tentacle").pid != pid
    assert "octopus-new:10943/ for subscription poll://known/" in one.log()


def test_a_service_that_is_stopped_is_not_restarted_and_that_is_no_failure(here: Callable[..., Here]) -> None:
    one = here("6.3.605", OLD)
    one.running()
    assert one.tentacle("service", "--stop")[0] == 0
    assert one.tentacle("service", "--restart")[0] == 0
    assert one.host.services.query("OctopusDeploy Tentacle").state == services.STOPPED


def test_one_that_listens_gives_entries_without_a_style_that_of_its_own(here: Callable[..., Here]) -> None:
    one = here("6.3.605", server(OURS, NONE), server(FOREIGN, PASSIVE), listens=True)
    one.running()
    assert one.servers() == [server(FOREIGN, PASSIVE), server(OURS, PASSIVE)]


def test_before_6_the_register_is_in_the_registry(here: Callable[..., Here]) -> None:
    one = here("5.0.15", OLD)
    assert one.host.registry.get(f"{register.KEY}\\Tentacle", "ConfigurationFilePath") is not None
    assert not one.host.fs.exists(register.FOLDER, one.host.system)
    assert "C:\\\\Octopus\\\\Tentacle.config" in one.tentacle("list-instances", "--format=json")[1]


def test_killed_while_it_writes(here: Callable[..., Here]) -> None:
    one = here("6.3.605", OLD)
    one.host.faults.arm("tentacle.torn", "target01")
    assert one.tentacle(*COMMS)[0] == 1
    assert one.tentacle("show-configuration")[0] == 100
