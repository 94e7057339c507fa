# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The hosts of a clone, kept from reaching anything but what the clone needs: by the module's own code, over WinRM, tried by curl.exe on the host."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError
from ansible_collections.octopus.upgrade.plugins.modules import octopus_outbound
from lab.core.network import Machine
from lab.windows.firewall import GROUP_POLICY, POLICY, Rule, ranges
from lab.windows.host import WindowsHost as LabHost
from scenarios.windows.setting import World

OTHERS = Rule("octopus.upgrade-outbound-copy-of-somebody", frozenset(), ranges("10.0.0.0/8"), outbound=True)


class Place:
    """A clone's host beside a SQL Server, a file server, and the portal of the source, all of which answer."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.host: LabHost = world.hosts["octo-a"]
        self.sql, self.source = (Machine(name, world.network) for name in ("sql", "source"))
        world.network.add_share("nas", "backups", world.network.root / "nas", set())
        self.listening = [socket.create_server((self.sql.address, 1433)), socket.create_server((self.source.address, 443))]
        self.host.firewall.add(OTHERS)

    def run(self, check_mode: bool = False, **options: Any) -> dict[str, Any]:
        params = {
            "connections": [self.world.params()],
            "instance": "copy",
            "state": "present",
            "sql_server": "tcp:sql,1433",
            "shares": [r"\\nas\backups", r"C:\OctopusClones"],
            "allowed": ["10.9.8.7"],
            "outside": ["https://source/app"],
        }
        return octopus_outbound.run({**params, **options}, check_mode, False)

    def rules(self) -> list[str]:
        """The clone's rules that act."""
        assert OTHERS in self.host.firewall.rules, "somebody else's rule"
        return [rule.name for rule in self.host.firewall.rules if rule.enabled and rule != OTHERS]

    def changes(self, mark: int = 0) -> list[str]:
        return [event["action"] for event in self.world.ledger.events("firewall", since=mark)]


@pytest.fixture
def place(make_world: Callable[..., World]) -> Iterator[Place]:
    found = Place(make_world(scale=200.0))
    yield found
    for one in found.listening:
        one.close()


def test_a_rule_is_made_replaced_and_removed_and_there_is_always_one(place: Place) -> None:
    foreseen = place.run(check_mode=True)
    assert foreseen["changed"] and place.changes() == []
    first = place.run()
    node = first["nodes"]["octo-a"]
    assert first["changed"] and place.rules() == [node["rule"]] == [foreseen["nodes"]["octo-a"]["rule"]]
    tried = {one["address"]: (one["expected"], one["found"], one["exit_code"], one["made_the_difference"]) for one in node["tried"]}
    assert tried == {
        place.source.address: ("blocked", "blocked", 7, True),
        "192.0.2.1": ("blocked", "blocked", 7, True),
        place.sql.address: ("reached", "reached", 28, False),
    }
    reached = {
        place.sql.address: "SQL Server",
        place.world.network.file_servers["nas"]: "the file server nas",
        "10.9.8.7": "allowed as 10.9.8.7",
    }
    assert node["allowed"].items() >= reached.items()
    assert first["warnings"] == []

    mark = place.world.ledger.mark()
    again = place.run()
    assert (again["changed"], place.changes(mark), again["nodes"]["octo-a"]["rule"]) == (False, [], node["rule"])

    other = place.run(allowed=["10.9.0.0/16"])
    assert other["changed"] and other["nodes"]["octo-a"]["removed"] == [node["rule"]]
    assert place.changes(mark) == ["added", "disabled", "deleted"] and place.rules() == [other["nodes"]["octo-a"]["rule"]]

    gone = place.run(state="absent")
    assert gone["changed"] and place.rules() == []
    assert not place.run(state="absent")["changed"]


def test_what_is_allowed_for_another_reason_is_warned_of(place: Place) -> None:
    [warning] = place.run(allowed=["source"])["warnings"]
    assert warning == f"octo-a: source is not blocked: {place.source.address} is allowed for another reason."


@pytest.mark.parametrize(
    ("key", "value", "data", "said"),
    [
        (f"{POLICY}\\PublicProfile", "EnableFirewall", 0, "is off in the public profile"),
        (GROUP_POLICY, "EnableFirewall", 0, "is off in the domain profile"),
        (GROUP_POLICY, "AllowLocalPolicyMerge", 0, "no rules of the host act in the domain profile"),
    ],
)
def test_a_firewall_that_does_not_act_by_rules_of_the_host_is_refused(place: Place, key: str, value: str, data: int, said: str) -> None:
    place.host.registry.set(key, value, "REG_DWORD", data)
    with pytest.raises(OctopusError, match=said):
        place.run()
    assert place.changes() == []


def test_a_rule_that_blocks_nothing_is_not_believed_and_the_one_before_acts_again(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    place.run()
    before, mark = place.rules(), place.world.ledger.mark()
    with monkeypatch.context() as patch:
        patch.setattr(place.host.firewall, "refuses", lambda _server: False)
        with pytest.raises(OctopusError, match=rf"expected {place.source.address}:443 to be blocked, but it was reached"):
            place.run(allowed=["10.9.0.0/16"])
    assert place.changes(mark) == ["added", "disabled", "enabled", "deleted"] and place.rules() == before
    assert not place.run()["changed"]


def test_without_sql_server_there_is_no_rule(place: Place) -> None:
    place.listening[0].close()
    with pytest.raises(OctopusError, match=rf"expected SQL Server at {place.sql.address}:1433 to be reached, but no connection came about"):
        place.run()
    assert place.changes() == ["added", "deleted"] and place.rules() == []


def test_a_rule_that_somebody_has_disabled_is_made_again(place: Place) -> None:
    [name] = [place.run()["nodes"]["octo-a"]["rule"]]
    place.host.firewall.enable(name, False)
    assert place.run()["changed"] and place.rules() == [name]
