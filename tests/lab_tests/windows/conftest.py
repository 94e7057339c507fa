# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A host of its own for each test, and a way to run a command line on it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from lab.core.clock import Clock
from lab.core.faults import Faults
from lab.core.filesystem import Logon
from lab.core.ledger import Ledger
from lab.core.network import Network
from lab.windows.host import WindowsHost
from lab.windows.process import Process
from patience import patient

PATIENCE = patient(20.0)  # real seconds until a command counts as hung


@dataclass(frozen=True)
class Result:
    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[str]:
        return self.out.splitlines()


Run = Callable[..., Result]


def waits(process: Process) -> int:
    """A program that runs until it is ended."""
    process.sleep(1e6)
    return 0


@pytest.fixture(name="network")
def _network(tmp_path: Path) -> Iterator[Network]:
    clock = Clock(200)
    ledger = Ledger(clock)
    network = Network(tmp_path, clock, ledger, Faults(ledger))
    yield network
    network.close()


@pytest.fixture(name="host")
def _host(network: Network) -> Iterator[WindowsHost]:
    host = WindowsHost("octo-a", network)
    host.boot()
    yield host
    host.shutdown()
    # A handler that raised is a defect of the lab, whatever the test was about.
    assert host.crashes == []


@pytest.fixture(name="admin")
def _admin(network: Network) -> Logon:
    return Logon.network(network.add_account("octo-admin", "p w"))


@pytest.fixture(name="run")
def _run(host: WindowsHost, admin: Logon) -> Run:
    def run(line: str, stdin: bytes = b"", logon: Logon = admin, **how: Any) -> Result:
        process = host.spawn(None, line, logon, stdin=stdin, **how)
        code = process.wait(PATIENCE)
        assert code is not None, f"still runs: {line}"
        out, err, _ended = process.wait_output(0)
        return Result(code, process.console.decode(out), process.console.decode(err))

    return run


@pytest.fixture(name="cmd")
def _cmd(run: Run) -> Run:
    """Runs one line in cmd.exe, the way the constant prefix does."""
    return lambda line, **how: run(f'cmd.exe /d /s /c "{line}"', **how)
