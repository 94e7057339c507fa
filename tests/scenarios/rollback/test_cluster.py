# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A cluster goes back: by its second node alone, when the coordinator is lost; then, when that is found again, whole.

The tests are one story, in this order.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import pytest
import yaml
from lab.estate import CLUSTER
from scenarios.rollback.scene import PATIENCE, MakeScene, Scene, failed_with
from scenarios.world import World

# One rung: the ladder is looked at elsewhere.
SPEC = replace(CLUSTER, version="2025.3.14357", ladder=())
FIRST, SECOND = SPEC.nodes
RUNNING, STOPPED, AUTOMATIC = 4, 1, 2
# What only the node that is lost has, or what the rows say of it.
pytestmark = pytest.mark.timeout(1200)
OF_NODES = ("services", "settings", "programs", "products", "program_files", "configuration", "registered", "watchdogs")


@dataclass
class Published:
    scene: Scene
    before: World


@pytest.fixture(scope="module")
def published(make_scene: MakeScene) -> Published:
    """Upgraded, then worked with."""
    scene = make_scene(SPEC)
    before = scene.look()
    run = scene.play("upgrade_inplace")
    assert run.code == 0, run.output[-5000:]
    assert scene.not_upgraded(before) == []
    scene.release("99.0.0")
    return Published(scene, before)


def test_the_second_node_goes_back_alone_when_the_coordinator_is_lost(published: Published) -> None:
    scene = published.scene
    _lose(scene)
    operator = scene.another_operator("elsewhere")  # the control node is lost too
    hosts = operator.inventory / "hosts.yml"
    known = yaml.safe_load(hosts.read_text())
    del known["octopus"]["children"][f"octopus_{SPEC.name}"]["hosts"][FIRST]
    hosts.write_text(yaml.safe_dump(known))

    assert "1 releases" in failed_with(operator.play("rollback", deadline=PATIENCE))
    run = operator.play("rollback", deadline=PATIENCE, octopus_confirm_loss=True)
    assert run.code == 0, run.output[-6000:]
    record = run.record(SPEC.name)
    assert record["verdict"] == "rolled_back"
    assert record["proof"]["projects_read"] > 0
    after = _without_the_lost(scene.look())
    wanted = _without_the_lost(published.before)
    # Its row says what it said at the stop: that it takes no tasks. That ends when it goes back itself.
    lost = next(key for key, row in after.tables["OctopusServerNode"].items() if row["Name"].lower() == FIRST)
    differences = [line for line in _unlike(wanted, after) if f"OctopusServerNode {lost}" not in line and not line.startswith("drained")]
    assert differences == []
    assert after.drained <= {after.tables["OctopusServerNode"][lost]["Name"]}


def test_the_whole_cluster_goes_back_when_the_coordinator_is_found_again(published: Published) -> None:
    scene = published.scene
    _find_again(scene)
    run = scene.play("rollback", octopus_confirm_loss=True)
    assert run.code == 0, run.output[-6000:]
    assert run.record(SPEC.name)["verdict"] == "rolled_back"
    assert scene.unlike(published.before) == []
    assert scene.left() == []


def _lose(scene: Scene) -> None:
    """The host breaks down, with its disk: journal, staged packages and all."""
    place = SPEC.nodes.index(FIRST)
    scene.instance.winrm[place].stop()
    scene.instance.hosts[place].shutdown()


def _find_again(scene: Scene) -> None:
    place = SPEC.nodes.index(FIRST)
    scene.instance.hosts[place].boot()
    scene.instance.winrm[place].start()


def _without_the_lost(world: World) -> World:
    parts: dict[str, Any] = {name: {node: value for node, value in getattr(world, name).items() if node != FIRST} for name in OF_NODES}
    return replace(world, **parts)


def _unlike(before: World, after: World) -> list[str]:
    from scenarios import exact

    return exact.changed(before, after)
