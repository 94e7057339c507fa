# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A control node dies in the outage and nobody starts it again: the guards on the nodes restore service, or tell."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from lab.estate import CLUSTER, SINGLE
from lab.windows import services
from patience import patient
from scenarios.chaos.controller import Controller
from scenarios.guards import FOLDER, MINUTES, let_time_pass
from scenarios.operator import DEADLINE
from scenarios.rollback.scene import PATIENCE, MakeScene, Scene

pytestmark = pytest.mark.timeout(1800)


def test_every_node_of_a_cluster_is_back_although_nobody_runs_anything(make_scene: MakeScene, tmp_path: Path) -> None:
    """And another control node, which cannot know that the first is dead, then ends the run without being told to break a lock."""
    scene = make_scene(CLUSTER)
    hosts, service = scene.instance.hosts, scene.instance.handle.service
    hosts[1].services.config(service, DelayedAutostart=1)
    before = scene.look()
    mark = _killed(scene, tmp_path, lambda: all(host.services.query(service).state == services.STOPPED for host in hosts))
    assert {host.services.query(service).start_type for host in hosts} == {services.DISABLED}
    hosts[1].restart()
    assert hosts[1].services.query(service).state == services.STOPPED, "a restart in the outage starts nothing"

    assert 0 < let_time_pass(scene.lab, hosts) <= MINUTES * 60
    told = [(event.machine, event["id"]) for event in scene.lab.ledger.events("event.log", since=mark)]
    assert sorted(told) == [(host.name, 701) for host in hosts]
    now = [host.services.query(service) for host in hosts]
    assert [(one.state, one.start_type, one.delayed) for one in now] == [(services.RUNNING, services.AUTO, late) for late in (False, True)]
    assert scene.look().watchdogs == before.watchdogs

    second = scene.another_operator()
    with Controller(second, "upgrade_inplace", tmp_path / "second.txt", True, octopus_guard_minutes=MINUTES) as controller:
        assert controller.wait(PATIENCE) and controller.code != 0, controller.output[-4000:]
    [record] = scene.records(second)
    assert record["verdict"] == "failed_service_restored", controller.output[-4000:]
    assert "the guard on the coordinator started the service again" in controller.output
    assert scene.unlike(before) == []
    assert [task.name for host in hosts for task in host.tasks.all() if task.name.startswith(FOLDER)] == []


def test_nothing_is_touched_once_something_was_changed(make_scene: MakeScene, tmp_path: Path) -> None:
    """The host restarts too: nothing is started, the alarm is raised all the same, and the run can be resumed."""
    scene = make_scene(SINGLE)
    host, service = scene.instance.hosts[0], scene.instance.handle.service
    events = scene.lab.ledger.events
    mark = _killed(scene, tmp_path, lambda: any(event.get("what") == "schema upgrade" for event in events("octopus")))
    host.restart()
    let_time_pass(scene.lab, [host])
    assert [event["id"] for event in events("event.log", since=mark)] == [702]
    assert events("service.state", since=mark) == []
    run = scene.play("upgrade_inplace", octopus_guard_minutes=MINUTES)
    verdicts = [record["verdict"] for record in scene.records(scene.operator)]
    assert (run.code, verdicts) in ((0, ["upgraded"]), (2, ["failed_rolled_back"])), run.output[-4000:]
    assert host.services.query(service).start_type == services.AUTO


def _killed(scene: Scene, folder: Path, moment: Callable[[], bool]) -> int:
    """Kill an upgrade at a moment; gives the ledger's mark after that."""
    with Controller(scene.operator, "upgrade_inplace", folder / "killed.txt", octopus_guard_minutes=MINUTES) as controller:
        controller.kill_when(moment, "the moment to kill the run", max(DEADLINE, patient(560)))
    return scene.lab.ledger.mark()
