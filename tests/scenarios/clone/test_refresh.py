# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Clones of each generation of Octopus Server, on their source's SQL Server or another: harmless, complete, and their source as it was.

The counter-check shows that the same observation catches a clone without quarantine. More about that: tests/lab_tests/estate/test_naive_clone.py.
"""

from __future__ import annotations

import os
from dataclasses import replace
from typing import Any

import pytest
import requests
from lab.estate import CLUSTER, SINGLE, CloneSpec, InstanceSpec
from lab_tests.estate import naive
from patience import patient
from scenarios.clone.scene import CloneScene, MakeCloneScene

pytestmark = pytest.mark.timeout(1500)

MINUTES = 10  # of lab time in which a clone could do something
NODE = ("octo-clone",)
ALL = [
    (replace(SINGLE, version="2018.10.7", dangers=True, database="Octopus [prod] & more"), CloneSpec("copy", "single", NODE)),
    (replace(SINGLE, version="2019.13.7", dangers=True, sql_version="12.0.6449.1"), CloneSpec("copy", "single", NODE, sql="sql-copy")),
    (replace(SINGLE, version="2022.2.8552", dangers=True), CloneSpec("copy", "single", NODE, transport="ntlm")),
    (replace(CLUSTER, version="2025.3.14357", dangers=True), CloneSpec("copy", "cluster", NODE, sql="sql-copy")),
]
# The oldest and a cluster of the newest; ``OCTOPUS_CLONE_WORLDS=all`` takes those in between too.
WORLDS = ALL if os.environ.get("OCTOPUS_CLONE_WORLDS") == "all" else [ALL[0], ALL[-1]]
# A clone that has nobody's credentials, and lets one user in; the others have the defaults.
STRANGER: dict[str, Any] = {"octopus_clone_accounts": "scrub", "octopus_clone_sign_in": ["admin"]}
# What a clone of the newest generation would do.
DANGERS = {
    *("target", "worker", "server", "cloud", "mail", "integration", "machine policy", "telemetry", "upgrade check", "acme", "retention"),
    *("feed", "release", "git", "audit"),
}


@pytest.mark.parametrize(("source", "clone"), WORLDS, ids=[f"{source.version}-{clone.sql or 'same'}" for source, clone in WORLDS])
def test_a_clone_is_harmless_and_complete_and_its_source_as_it_was(
    make_scene: MakeCloneScene, source: InstanceSpec, clone: CloneSpec
) -> None:
    scene = make_scene(source, clone)
    scene.release("99.0.0")
    before, start = scene.look(), scene.lab.ledger.mark()
    # One of them behind a firewall, beside the quarantine.
    walled = clone == ALL[-1][1]
    variables = (STRANGER if clone.sql else {}) | ({"octopus_clone_outbound": "block"} if walled else {})
    run = scene.refresh(**variables)
    assert run.code == 0, run.output[-6000:]
    result = scene.result()
    if walled:
        _walled(scene, result, start)
    assert (result["status"], result["version"], result["clone_of"]) == ("refreshed", source.version, source.name), result
    assert scene.unhealthy() == []
    assert list(scene.told_secrets(run)) == []

    # The source: maintenance mode was on while it was backed up, and is as it was; it was never stopped.
    modes = [event["on"] for event in scene.lab.ledger.events("octopus", since=start, what="maintenance mode")]
    assert modes == [True, False], modes
    assert not [event for event in scene.lab.ledger.events("service.state", since=start) if event.machine in source.nodes]
    after = scene.look()
    assert (after.maintenance, after.drained, after.watchdogs) == (before.maintenance, before.drained, before.watchdogs)

    # The clone: the same data, another identity, and quiet for as long as it takes.
    session = requests.Session()
    session.trust_env, session.verify = False, str(scene.lab.ca_path)
    session.headers["X-Octopus-ApiKey"] = scene.clone.secrets.api_key
    assert session.get(f"{scene.clone.url}/api", timeout=patient(30)).json()["Version"] == source.version
    with scene.clone.store(result["database"]) as copy, scene.instance.handle.store() as live:
        assert {row["Version"] for row in copy.documents("Release")} >= {"99.0.0"}
        assert copy.installation_id() != live.installation_id()
        assert result["quarantine"]["installation_id"] == copy.installation_id()
        own, theirs = ((store.configuration("certificate") or {})["Thumbprint"] for store in (copy, live))
        assert own != theirs
        assert result["by_program"]["certificate"] == {"source": theirs, "own": own}
        assert "upgradeCheck" in result["by_program"]["switches"]
        assert result["accounts"] == ([] if clone.sql else sorted(account["Name"] for account in copy.documents("Account")))
        active = {user["Username"] for user in copy.documents("User") if user["IsActive"]}
        assert active == {"admin"} if clone.sql else len(active) > 1
    mark = scene.lab.ledger.mark()
    scene.lab.clock.sleep(MINUTES * 60)
    assert scene.contacts(start) == []
    there = {event["what"] for event in scene.lab.ledger.events("contact", since=mark) if event.machine in source.nodes}
    assert {"target", "mail"} <= there, "what the clone does not do, its source did meanwhile"

    # Nobody listens to the clone, even where somebody enables what trusts its source.
    log = scene.ask_for_health(result["database"])
    assert ": unavailable" in log and ": healthy" not in log, log
    assert scene.contacts(start) == []


def _walled(scene: CloneScene, result: dict[str, Any], start: int) -> None:
    """The rule was there before the clone could reach anything, it acts, and it lets through what the clone needs."""
    [rule] = scene.host.firewall.rules
    node = result["outbound"][NODE[0]]
    assert (rule.name, rule.outbound, rule.enabled) == (node["rule"], True, True)
    [added] = [event.seq for event in scene.lab.ledger.events("firewall", since=start)]
    first = min(event.seq for event in scene.lab.ledger.events("service.state", since=start) if event.machine in NODE)
    assert added < first
    portal = scene.instance.hosts[0].address
    assert {(one["address"], one["found"]) for one in node["tried"]} >= {
        (scene.clone.sql.machine.address, "reached"),
        ("192.0.2.1", "blocked"),
    }
    assert scene.host.refuses(portal) and not scene.host.refuses(scene.clone.sql.machine.address)


def test_the_same_observation_catches_a_clone_without_quarantine(make_scene: MakeCloneScene) -> None:
    scene = make_scene(*ALL[-1])
    naive.restore(scene.lab, scene.clone, "Copy")
    naive.join(scene.clone, scene.host, "Copy")
    mark = scene.lab.ledger.mark()
    naive.start(scene.lab, scene.host)
    scene.lab.clock.sleep(MINUTES * 60)
    did = scene.reaching_out(mark)
    assert {event.get("what", event.kind) for event in did} >= DANGERS
    with scene.instance.handle.store() as live:
        assert {event["installation_id"] for event in did if event.get("what") == "telemetry"} == {live.installation_id()}
    removed = {event["path"] for event in did if event.kind == "retention"}
    assert removed and all(path.startswith("\\\\nas\\octopus-cluster\\") for path in removed), "production's own packages"
