# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""tentacles.yml on hosts whose server has moved: waves, a host that fails and is left as it was, and what the new server says of the others.

The old server is a name that the Tentacles poll. The new one has its certificate and its rows, and has never seen these Tentacles.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import yaml
from lab.estate import SINGLE, Lab
from lab.octopus import machine_policy
from lab.tentacle.configuration import ACTIVE, server
from scenarios.operator import Operator
from scenarios.tentacle.setting import BEFORE, PASSWORD, Target

HOSTS = ("target01", "target02", "target03", "target04")
NEW = "https://octo01:10943"
FIRST_WAVES: dict[str, Any] = {"octopus_tentacle_waves": [1, 2, 1]}


class World:
    """A new server, and four hosts whose Tentacles poll the old one; on the new one, the last host's machine is disabled."""

    def __init__(self, lab: Lab, folder: Path) -> None:
        self.lab = lab
        lab.network.add_account("operator", PASSWORD)
        with lab.instances[SINGLE.name].handle.store() as store:
            self.thumbprint = str((store.configuration("certificate") or {})["Thumbprint"])
            for name in HOSTS:
                uri = f"poll://{name}/"
                row = {"Name": name, "IsDisabled": name == HOSTS[-1], "Roles": ["web"], "EnvironmentIds": ["Environments-1"], "Uri": uri}
                more = {"CommunicationStyle": "TentacleActive", "MachinePolicyId": "MachinePolicies-1", "HealthStatus": "Unavailable"}
                store.add("Machine", {**row, **more, "Thumbprint": self._host(name), "SpaceId": "Spaces-1"})
        self.operator = Operator(lab, folder)
        self._write_inventory(self.operator.inventory / "tentacles.yml")

    def _host(self, name: str) -> str:
        """Make a host; the thumbprint of its Tentacle."""
        target = Target(self.lab.network, name)
        target.install("6.3.605", server(self.thumbprint, ACTIVE, BEFORE[0], f"poll://{name}/"))
        self.targets: dict[str, Target] = {**getattr(self, "targets", {}), name: target.start()}
        return str(target.configuration().settings["Tentacle.CertificateThumbprint"])

    def _write_inventory(self, path: Path) -> None:
        connection = {
            "ansible_connection": "winrm",
            "ansible_port": 5986,
            "ansible_user": "operator",
            "ansible_password": PASSWORD,
            "ansible_winrm_transport": "basic",
            "ansible_winrm_ca_trust_path": str(self.lab.ca_path),
            "octopus_tentacle_of": "moved",
            "octopus_tentacle_to": SINGLE.name,
        }
        hosts = {name: {"ansible_host": target.host.address} for name, target in self.targets.items()}
        groups = {
            "octopus_tentacles": {"hosts": hosts, "vars": connection},
            f"octopus_{SINGLE.name}": {"vars": {"octopus_tentacle_addresses": ["octo01"]}},
        }
        path.write_text(yaml.safe_dump(groups), encoding="utf-8")

    def polled(self) -> dict[str, list[str]]:
        return {name: [str(one["Address"]) for one in target.servers()] for name, target in self.targets.items()}

    def health(self) -> dict[str, str]:
        with self.lab.instances[SINGLE.name].handle.store() as store:
            return {row["Name"]: row["HealthStatus"] for row in store.documents("Machine") if row["Name"] in HOSTS}


@pytest.fixture
def world(make_lab: Callable[..., Lab], tmp_path: Path) -> Iterator[World]:
    with ExitStack() as ends:
        made = World(make_lab(SINGLE), tmp_path / "operator")
        for target in made.targets.values():
            ends.callback(target.host.shutdown)
            ends.callback(target.winrm.stop)
        yield made
    assert [crash for target in made.targets.values() for crash in target.host.crashes] == []


@pytest.mark.timeout(900)
def test_waves_of_which_one_has_a_host_that_fails(world: World) -> None:
    before = {name: target.config() for name, target in world.targets.items()}
    done = [*BEFORE, NEW]

    outlook = world.operator.play("tentacles", "--check")
    assert outlook.code == 0, outlook.output[-6000:]
    for name in HOSTS:
        assert f"{name}: would, not verified on the new server. Tentacle (add): {BEFORE[0]}, {NEW}." in outlook.output
        assert (world.targets[name].config(), world.targets[name].ran(), world.targets[name].copies()) == (before[name], [], [])
    assert set(world.health().values()) == {"Unavailable"}
    assert not [one for one in world.lab.ledger.events("rest") if one["method"] == "POST" and one["path"].endswith("/tasks")]

    # Of the second wave one host fails, and the other goes on; the third does not begin.
    broken = world.targets["target02"]
    pid = broken.service().pid
    world.lab.faults.arm("tentacle.torn", "target02")
    run = world.operator.play("tentacles", **FIRST_WAVES)
    assert run.code != 0
    assert world.polled() == {"target01": done, "target02": BEFORE, "target03": done, "target04": BEFORE}, run.output[-6000:]
    assert (broken.config(), broken.service().pid, broken.copies()) == (before["target02"], pid, [])
    assert "target02: failed. " in run.output and "Its configuration was restored." in run.output
    assert "target04: not begun." in run.output and "too many hosts had failed before its wave" in run.failures("target04")
    assert world.health() == {"target01": "Healthy", "target02": "Unavailable", "target03": "Healthy", "target04": "Unavailable"}
    assert "target01: done, verified on the new server." in run.output
    assert world.targets["target03"].polls()[-1] == [BEFORE[0], f"{NEW}/"]
    checked = [row for row in _tasks(world) if row["Name"] == "Health" and (row.get("Arguments") or {}).get("MachineIds")]
    assert [len(row["Arguments"]["MachineIds"]) for row in checked] == [1, 1], "only the hosts of the wave that are done"

    # Again, as a part of something greater: it does what was not done, and does not fail for a host that fails once more, nor for one that polls the
    # new server in vain, as where a firewall is in the way.
    machine_policy.polls(world.lab.network, "poll://target03/", {"octopus"})
    world.lab.faults.arm("tentacle.torn", "target02")
    again = world.operator.play("tentacles", **FIRST_WAVES, octopus_tentacle_failures_allowed=2, octopus_tentacle_failures_fatal=False)
    assert again.code == 0 and "target02: failed. " in again.output, again.output[-6000:]
    assert world.polled() == {"target01": done, "target02": BEFORE, "target03": done, "target04": done}
    # The new server leaves a disabled machine out of a health check, and so says nothing of it.
    assert "target04: done, not verified on the new server." in again.output and "It is disabled" in again.output

    assert "target03: unreached, NOT REACHED by the new server." in again.output and "has found it Unavailable" in again.output
    assert world.health()["target03"] == "Unavailable"
    machine_policy.polls(world.lab.network, "poll://target03/", {"octopus", "octo01"})

    last, quiet = world.operator.play("tentacles"), world.operator.play("tentacles")
    assert (last.code, quiet.code) == (0, 0), last.output[-6000:]
    assert world.polled() == dict.fromkeys(HOSTS, done)
    assert world.health() == {**dict.fromkeys(HOSTS, "Healthy"), "target04": "Unavailable"}
    assert "changed=0" in quiet.output and all(f"{name}: done" in quiet.output for name in HOSTS)
    assert [len(target.polls()) for target in world.targets.values()] == [2, 2, 2, 2], "each was restarted once"
    assert "Not among these hosts" in quiet.output and PASSWORD not in json.dumps(quiet.output)


def _tasks(world: World) -> list[dict[str, Any]]:
    with world.lab.instances[SINGLE.name].handle.store() as store:
        return list(store.documents("ServerTask"))
