# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A host with a WinRM listener and a few programs of its own, and clients for it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from lab.core.clock import Clock
from lab.core.faults import Faults
from lab.core.ledger import Event, Ledger
from lab.core.network import Network
from lab.windows.host import WindowsHost
from lab.windows.process import Process
from lab.winrm.server import WinRMServer
from lab.winrm.shells import Quotas
from patience import patient
from winrm.protocol import Protocol

ACCOUNT = "LAB\\octo-admin"
PASSWORD = "Lösung 1!"
TOOL = "C:\\Tools\\tool.exe"
SPACED = "C:\\Program Files\\Tool\\tool.exe"
CMD = "C:\\Windows\\System32\\cmd.exe"
WAIT = patient(30.0)
"""Real seconds after which a wait has failed."""


def prints(text: Callable[[Process], str]) -> Callable[[Process], int]:
    """A program that prints that."""

    def program(process: Process) -> int:
        process.print(text(process))
        return 0

    return program


@dataclass
class Lab:
    """What the tests need. :attr:`handler` is what C:\\Tools\\tool.exe does."""

    network: Network
    host: WindowsHost
    server: WinRMServer
    release: threading.Event = field(default_factory=threading.Event)
    handler: Callable[[Process], int] = lambda process: 0

    credentials = {"username": ACCOUNT, "password": PASSWORD}

    @property
    def ledger(self) -> Ledger:
        return self.network.ledger

    def requests(self, **match: Any) -> list[Event]:
        """The HTTP requests so far."""
        return self.ledger.events("winrm.request", self.host.name, **match)

    def wait(self, kind: str, since: int = 0, **match: Any) -> Event:
        """The first such event; waits for it."""
        return self.ledger.wait_for(lambda event: event.kind == kind and all(event.get(k) == v for k, v in match.items()), WAIT, since)

    def run_tool(self, process: Process) -> int:
        """The tool's program: what :attr:`handler` is by then."""
        return self.handler(process)

    def until_released(self, process: Process) -> int:
        """A program that runs until the test lets it go."""
        while not self.release.wait(0.01):
            process.check()
        process.print("released")
        return 0

    def https(self, **options: Any) -> Protocol:
        """pywinrm with Basic over HTTPS, checking the certificate."""
        return self.client(self.server.endpoint, **{"transport": "basic", **options})

    def http(self, **options: Any) -> Protocol:
        """pywinrm with NTLM and message encryption over HTTP."""
        return self.client(self.server.http_endpoint, **{"transport": "ntlm", **options})

    def client(self, endpoint: str, **options: Any) -> Protocol:
        return Protocol(endpoint, **{**self.credentials, "ca_trust_path": str(self.network.authority.path), "proxy": None, **options})

    def run(self, client: Protocol, *arguments: str) -> tuple[bytes, bytes, int]:
        """The tool, in a shell of its own."""
        shell = client.open_shell(codepage=65001)
        try:
            return client.get_command_output(shell, client.run_command(shell, TOOL, arguments, skip_cmd_shell=True))
        finally:
            client.close_shell(shell)


@pytest.fixture
def make_lab(tmp_path: Path) -> Iterator[Callable[..., Lab]]:
    """Makes a lab: ``make_lab(quotas=…, scale=…, os_build=…)``."""
    made: list[Lab] = []

    def make(quotas: Quotas | None = None, scale: float = 20.0, **host: Any) -> Lab:
        clock = Clock(scale)
        ledger = Ledger(clock)
        network = Network(tmp_path / str(len(made)), clock, ledger, Faults(ledger))
        network.add_account("octo-admin", PASSWORD)
        network.add_account("other", "Other-1!")
        machine = WindowsHost("octo-a", network, **host)
        lab = Lab(network, machine, WinRMServer(machine, network, quotas))
        made.append(lab)
        machine.programs["tool"] = lab.run_tool
        for path in (TOOL, SPACED):
            machine.add_program(path, "tool")
        lab.server.start()
        return lab

    yield make
    for lab in made:
        lab.release.set()
        lab.server.stop()
        lab.network.close()
        assert lab.host.crashes == []


@pytest.fixture
def lab(make_lab: Callable[..., Lab]) -> Lab:
    return make_lab()
