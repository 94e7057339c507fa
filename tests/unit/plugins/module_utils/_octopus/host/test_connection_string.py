# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The server in a connection string, as the control node reaches it: a name that means the Octopus host is of no use elsewhere."""

from __future__ import annotations

import pytest
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.host.connection_string import parse
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.node.host_info import database_of
from ansible_collections.octopus.upgrade.tests.unit.windows_host import FakeHost

ADDRESS = "192.0.2.7"
COMPUTER = "Octo-Server-0001-A"  # NetBIOS cuts it after 15 characters


def reached(server: str) -> tuple[str, str, int | None]:
    """The raw server, the host for the control node, and the port."""
    found = parse(f"Server={server};Database=Octopus;Integrated Security=SSPI")
    return found.server, found.host_for(ADDRESS, lambda: COMPUTER), found.as_dict()["port"]


@pytest.mark.parametrize(
    "name",
    [
        "(local)",
        "(LOCAL)",
        ".",
        "localhost",
        "LocalHost",
        "127.0.0.1",
        "::1",
        COMPUTER,
        COMPUTER.lower(),
        COMPUTER.upper(),
        "OCTO-SERVER-000",
    ],
)
def test_a_local_name_is_the_hosts_address(name):
    assert reached(name) == (name, ADDRESS, 1433)
    assert reached(f"tcp:{name}") == (name, ADDRESS, 1433)
    assert reached(f"TCP: {name} ")[1] == ADDRESS
    assert reached(f"{name},1533") == (name, ADDRESS, 1533)
    assert reached(f"tcp:{name} , 1533")[1:] == (ADDRESS, 1533)
    assert reached(f"{name}\\Prod") == (f"{name}\\Prod", f"{ADDRESS}\\Prod", None)
    assert reached(f"tcp:{name}\\Prod")[1:] == (f"{ADDRESS}\\Prod", None)
    for protocol in ("lpc:", "NP:", "admin:"):
        assert reached(f"{protocol}{name}\\Prod")[1] == f"{ADDRESS}\\Prod"


@pytest.mark.parametrize(
    "name",
    [
        "sql01",
        "sql01.example.com",
        f"{COMPUTER}.example.com",
        "192.0.2.9",
        "127.0.0.10",
        "localhost.example.com",
        "local",
        "octo-server",
        "octo-server-0001-b",
        "2001:db8::1",
    ],
)
def test_another_server_stays_as_it_is(name):
    assert reached(name) == (name, name, 1433)
    assert reached(f"tcp:{name},1533") == (name, name, 1533)
    assert reached(f"{name}\\PROD")[1:] == (f"{name}\\PROD", None)


def test_a_port_decides_and_the_instance_does_not():
    assert reached("tcp:(local)\\PROD,1533") == ("(local)\\PROD", ADDRESS, 1533)
    assert reached("sql01\\PROD,1533") == ("sql01\\PROD", "sql01", 1533)


def test_what_no_other_machine_can_reach_is_left_for_the_error():
    assert reached("(localdb)\\MSSQLLocalDB")[1] == "(localdb)\\MSSQLLocalDB"
    assert reached("np:\\\\.\\pipe\\sql\\query")[1] == "np:\\\\.\\pipe\\sql\\query"


@pytest.mark.parametrize("server", ["(local)", ".\\PROD", "sql01.example.com", "192.0.2.9,1433", "2001:db8::1"])
def test_the_computers_name_is_asked_for_only_where_it_matters(server):
    host = FakeHost()  # fails on any command
    assert database_of(host, f"Server={server};Database=Octopus")["database"] == "Octopus"


@pytest.mark.parametrize("server", ["octo-a", "OCTO-A", "tcp:Octo-A"])
def test_the_host_itself_under_its_own_name(server):
    host = FakeHost({"hostname": "OCTO-A\r\n"})
    found = database_of(host, f"Data Source={server}\\PROD;Initial Catalog=Octopus;User ID=octopus;Password=hunter2;Encrypt=true")
    assert found == {
        "server": server.removeprefix("tcp:") + "\\PROD",
        "host": "octo-a.example.com\\PROD",
        "port": None,
        "database": "Octopus",
        "integrated": False,
        "user": "octopus",
        "encrypt": "true",
        "trust_server_certificate": False,
    }
    assert host.commands == ["hostname"]
