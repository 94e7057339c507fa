# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A control node dies in the middle of the schema upgrade; another one, with nothing but the inventory, goes back.

That a run goes on wherever it was broken off is what the chaos matrix shows.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from lab.core.ledger import Event
from lab.estate import SINGLE
from scenarios import leftovers
from scenarios.chaos.case import lock_owner
from scenarios.chaos.controller import Controller, elsewhere
from scenarios.operator import DEADLINE, Operator
from scenarios.rollback.scene import MakeScene, Scene

pytestmark = pytest.mark.timeout(1200)


@pytest.mark.skipif(not elsewhere(), reason="this computer gives no process a namespace of its own, so all are of one control node")
def test_another_control_node_takes_the_lock_deliberately_and_goes_back(make_scene: MakeScene, tmp_path: Path) -> None:
    scene = make_scene(SINGLE)
    before = scene.look()
    with Controller(scene.operator, "upgrade_inplace", tmp_path / "killed.txt") as controller:
        scene.lab.ledger.wait_for(_schema_begins, DEADLINE)
        controller.kill()
        shells = leftovers.shells(scene.instance)  # nobody is left who could close them
    mark = scene.lab.ledger.mark()
    second = scene.another_operator()

    refused, output = _elsewhere(scene, second, "rollback", tmp_path / "refused.txt")
    assert refused != 0, output[-3000:]
    owner = lock_owner(output)
    assert f"is held by {owner}" in " ".join(output.split()) or owner in output
    assert [event for event in scene.lab.ledger.events("service.state", since=mark) if event.get("by") == "sc"] == []
    assert scene.restores(mark) == []

    code, output = _elsewhere(scene, second, "rollback", tmp_path / "back.txt", octopus_break_lock=owner)
    assert code == 0, output[-6000:]
    [record] = scene.records(second)
    assert record["verdict"] == "rolled_back"
    assert scene.unlike(before) == []
    assert scene.left(old_shells=shells) == []


def _schema_begins(event: Event) -> bool:
    return event.kind == "octopus" and event.get("what") == "schema upgrade" and event.get("action") == "start"


def _elsewhere(scene: Scene, operator: Operator, playbook: str, log: Path, **variables: object) -> tuple[int | None, str]:
    """Run a playbook as on another control node, from which nobody sees whether a process of the first one lives."""
    with Controller(operator, playbook, log, another=True, **variables) as controller:
        assert controller.wait(DEADLINE), controller.output[-3000:]
        return controller.code, controller.output
