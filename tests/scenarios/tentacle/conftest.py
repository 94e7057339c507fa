# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A network, and hosts with Tentacles in it as a test wants them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from lab.core.clock import Clock
from lab.core.faults import Faults
from lab.core.ledger import Ledger
from lab.core.network import Network
from scenarios.tentacle.setting import PASSWORD, Target


@pytest.fixture
def target(tmp_path: Path) -> Iterator[Callable[[str], Target]]:
    clock = Clock(200.0)
    ledger = Ledger(clock)
    network = Network(tmp_path / "lab", clock, ledger, Faults(ledger))
    network.add_account("operator", PASSWORD)
    made: list[Target] = []

    def make(name: str) -> Target:
        made.append(Target(network, name))
        return made[-1]

    yield make
    for one in made:
        one.winrm.stop()
        one.host.shutdown()
        assert one.host.crashes == []
    network.close()
