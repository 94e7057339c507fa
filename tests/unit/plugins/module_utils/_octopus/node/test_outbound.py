# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a clone's host may reach, and a change that nobody can log on after. The whole of it: scenarios/windows/test_outbound.py."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.octopus.upgrade.plugins.module_utils._core.errors import InvalidValue
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.node import outbound, outbound_needs
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.errors import HostError
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.reach import Attempt
from ansible_collections.octopus.upgrade.tests.unit.windows_host import FakeHost

KNOWN = {"sql": ["10.0.0.5", "fd00::5"], "nas": ["10.0.0.6"], "source": ["10.0.0.5", "10.0.0.9"], "wiki": ["10.0.0.7"]}
NETWORKS = ("10.20.0.0/16", "0.0.0.0/0", "::/0")


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> FakeHost:
    def addresses(_host: object, name: str) -> list[str]:
        if name in NETWORKS:
            return [name]
        if name not in KNOWN:
            raise HostError(f"no address of {name}", "octo-a")
        return KNOWN[name]

    monkeypatch.setattr(outbound_needs.names, "addresses", addresses)
    monkeypatch.setattr(outbound_needs.names, "dns_servers", lambda _host: ["10.0.0.53"])
    monkeypatch.setattr(outbound_needs.names, "domain_controllers", lambda _host: ["10.0.0.54"])
    found = FakeHost({"hostname": "OCTO-A"})
    found.client_address = "10.0.0.99"
    return found


def params(**more: Any) -> dict[str, Any]:
    return {
        "instance": "copy",
        "sql_server": "sql",
        "shares": [r"\\nas\backups", "//nas/msi", "C:\\here"],
        "allowed": [],
        "outside": [],
        **more,
    }


def test_what_is_allowed_and_why(host: FakeHost) -> None:
    wanted = outbound_needs.wanted_of(
        host, params(allowed=["wiki", "10.20.0.0/16", "sql"], outside=["https://source/app", "http://nobody"])
    )
    assert wanted.reasons == {
        "127.0.0.1": "the host itself",
        "::1": "the host itself",
        "10.0.0.5": "SQL Server",
        "fd00::5": "SQL Server",
        "10.0.0.6": "the file server nas",
        "10.0.0.53": "a DNS server",
        "10.0.0.54": "a domain controller",
        "10.0.0.99": "the control node",
        "10.0.0.7": "allowed as wiki",
        "10.20.0.0/16": "allowed as 10.20.0.0/16",
    }
    assert wanted.outside == [("10.0.0.9", 443), outbound_needs.NOBODY]
    assert [text.partition(" ")[0] for text in wanted.warnings] == ["source", "nobody"]
    assert wanted.sql == (["10.0.0.5", "fd00::5"], 1433)


def test_a_sql_server_on_the_host_itself_needs_no_address(host: FakeHost) -> None:
    for name in ("(local)", r".\PROD", "octo-a,1500"):
        assert outbound_needs.wanted_of(host, params(sql_server=name)).sql[0] == []


def test_the_port_of_a_named_instance_is_not_guessed(host: FakeHost) -> None:
    wanted = outbound_needs.wanted_of(host, params(sql_server=r"sql\PROD"))
    assert wanted.sql == (["10.0.0.5", "fd00::5"], None) and "was not tried" in wanted.warnings[0]


def test_all_addresses_are_not_accepted(host: FakeHost) -> None:
    with pytest.raises(InvalidValue, match="every address"):
        outbound_needs.wanted_of(host, params(allowed=["0.0.0.0/0", "::/0"]))


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("sql", ("sql", 1433)),
        ("tcp:sql,1500", ("sql", 1500)),
        (r"sql\PROD", ("sql", None)),
        (r"sql\PROD,1500", ("sql", 1500)),
        (".", (".", 1433)),
    ],
)
def test_data_sources(text: str, found: tuple[str, int | None]) -> None:
    assert outbound_needs.data_source(text) == found


def test_a_port_that_is_no_number_is_refused() -> None:
    with pytest.raises(InvalidValue, match="a number as the port"):
        outbound_needs.data_source("sql,abc")


class Wall:
    """What is done to the rules of a host, in order."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, log_on: bool, deletes: bool = True) -> None:
        self.done: list[str] = []

        def delete(_host: object, name: str) -> None:
            self.done.append(f"delete {name}")
            if not deletes:
                raise HostError("gone", "octo-a")

        class Again(FakeHost):
            def __init__(self, _options: object) -> None:
                super().__init__({"hostname": "OCTO-A"})
                if not log_on:
                    raise HostError("octo-a: no log-on", "octo-a")

        monkeypatch.setattr(outbound.outbound_rule, "add", lambda _host, name, _remote: self.done.append(f"add {name}"))
        monkeypatch.setattr(
            outbound.outbound_rule, "enable", lambda _host, name, on: self.done.append(f"{'enable' if on else 'disable'} {name}")
        )
        monkeypatch.setattr(outbound.outbound_rule, "delete", delete)
        monkeypatch.setattr(
            outbound.reach, "attempt", lambda _host, _address, port: Attempt(28, True) if port == 1433 else Attempt(7, False)
        )
        monkeypatch.setattr(outbound, "WindowsHost", Again)
        wanted = outbound_needs.Wanted("10.0.0.0", {}, (["10.0.0.5"], 1433), [outbound_needs.NOBODY])
        self.change = outbound.Change(FakeHost(), "new", wanted, False, False, ["old", "off"], {"old"})


def test_the_new_rule_is_there_before_the_old_one_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    wall = Wall(monkeypatch, log_on=True)
    assert [one["found"] for one in wall.change.make()] == ["blocked", "reached"]
    assert wall.done == ["add new", "disable old", "delete old", "delete off"]


def test_a_rule_that_locks_everybody_out_is_undone(monkeypatch: pytest.MonkeyPatch) -> None:
    wall = Wall(monkeypatch, log_on=False)
    with pytest.raises(HostError, match="no log-on"):
        wall.change.make()
    assert wall.done == ["add new", "disable old", "enable old", "delete new"]


def test_a_rule_that_cannot_be_undone_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    wall = Wall(monkeypatch, log_on=False, deletes=False)
    with pytest.raises(OctopusError, match=r"no log-on.* could not be restored: gone.*delete rule name=new"):
        wall.change.make()


def test_a_network_that_blocks_by_itself_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    wall = Wall(monkeypatch, log_on=True)
    wall.change.others, wall.change.active = [], set()
    wall.change.make()
    [warning] = wall.change.warnings
    assert warning.startswith("nothing outside could be reached before the rule either")
