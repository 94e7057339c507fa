# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The balancer: who is in rotation, and what happens when nobody is."""

from __future__ import annotations

import pytest
import requests
from lab.core.network import Machine
from lab.octopus.load_balancer import LoadBalancer
from lab.octopus.web import WebServer, create_app
from lab_tests.octopus_rest.memory_store import filled
from patience import patient


@pytest.fixture
def cluster(network):
    """Two nodes over one store behind a balancer."""
    store = filled()
    balancer = LoadBalancer("octopus", network, [], interval=50.0)
    servers = {}
    for name in ("octo-a", "octo-b"):
        machine = Machine(name, network)
        app = create_app(store, name, "2023.4.8432", network.clock, network.ledger, faults=network.faults, machine=name)
        context = network.authority.server_context(machine.root / "tls", machine.address, name, balancer.address)
        servers[name] = WebServer(app, machine.address, 8443, context).start()
        row = {"Id": f"OctopusServerNodes-{name}", "Name": name, "LastSeen": network.clock.now().replace(year=2100)}
        store.node_rows[row["Id"]] = {**row, "MaxConcurrentTasks": 5, "IsInMaintenanceMode": False}
    # The balancer is built before the nodes, whose certificates carry its address.
    balancer.backends = LoadBalancer("spare", network, [(name, web.address, web.port) for name, web in servers.items()]).backends
    balancer.start()
    yield balancer, servers, store
    balancer.stop()
    for web in servers.values():
        web.stop()


def ask(balancer, network) -> str:
    answer = requests.get(f"{balancer.url}/api", verify=str(network.authority.path), timeout=patient(10))
    assert answer.status_code == 200
    return answer.headers["Octopus-Node"]


def wait_for(network, since, node, in_rotation):
    network.ledger.wait_for(
        lambda event: event.kind == "octopus" and event.get("node") == node and event.get("in_rotation") is in_rotation, 10, since
    )


def test_it_takes_nodes_in_turn_and_leaves_out_the_draining_and_the_dead(cluster, network):
    balancer, servers, store = cluster
    assert {ask(balancer, network) for dummy in range(4)} == {"octo-a", "octo-b"}
    mark = network.ledger.mark()
    store.node_rows["OctopusServerNodes-octo-a"]["IsInMaintenanceMode"] = True
    wait_for(network, mark, "octo-a", False)
    assert {ask(balancer, network) for dummy in range(4)} == {"octo-b"}
    mark = network.ledger.mark()
    servers["octo-b"].stop()
    wait_for(network, mark, "octo-b", False)
    with pytest.raises(requests.ConnectionError):
        ask(balancer, network)
    mark = network.ledger.mark()
    servers["octo-b"].start()
    wait_for(network, mark, "octo-b", True)
    assert ask(balancer, network) == "octo-b"


def test_a_node_that_has_just_died_is_passed_over(cluster, network):
    balancer, servers, _store = cluster
    balancer.interval = 1e9
    servers["octo-a"].stop()
    for backend in balancer.backends:
        backend.in_rotation = True
    assert {ask(balancer, network) for dummy in range(3)} == {"octo-b"}


def test_a_kept_connection_dies_with_its_node_and_the_port_with_the_balancer(cluster, network):
    balancer, servers, _store = cluster
    with requests.Session() as session:
        session.trust_env = False  # REQUESTS_CA_BUNDLE would win over verify
        session.verify = str(network.authority.path)
        name = session.get(f"{balancer.url}/api", timeout=patient(10)).headers["Octopus-Node"]
        assert session.get(f"{balancer.url}/api", timeout=patient(10)).headers["Octopus-Node"] == name  # the same connection
        servers[name].stop()
        assert session.get(f"{balancer.url}/api", timeout=patient(10)).headers["Octopus-Node"] != name
    balancer.stop()
    with pytest.raises(requests.ConnectionError):
        ask(balancer, network)
    balancer.start()
    assert ask(balancer, network)
