# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A control node dies in the outage and nobody starts it again: the guard on the coordinator gives the service back, or tells."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from lab.core.ledger import Event
from lab.estate import SINGLE
from lab.windows import services
from patience import patient
from scenarios.chaos.controller import Controller
from scenarios.operator import DEADLINE
from scenarios.rollback.scene import MakeScene, Scene

pytestmark = pytest.mark.timeout(1200)
MINUTES = 30  # of the lab, which are 45 seconds: a run that is alive has never been silent for two thirds of that
GUARD = "\\octopus.upgrade guard\\"


def test_the_service_is_back_although_nobody_runs_anything(make_scene: MakeScene, tmp_path: Path) -> None:
    scene = make_scene(SINGLE)
    host, service = scene.instance.hosts[0], scene.instance.handle.service
    host.services.config(service, DelayedAutostart=1)
    before = scene.look()
    mark = _killed(
        scene, tmp_path, lambda event: event.kind == "service.state" and event["state"] == "STOPPED" and event["name"] == service
    )
    assert (host.services.query(service).start_type, host.services.query(service).state) == (services.DISABLED, services.STOPPED)

    told = scene.lab.ledger.wait_for(lambda event: event.kind == "event.log", patient(120), mark)
    assert told["id"] == 701
    assert host.services.wait(service, services.RUNNING, patient(60))
    now = host.services.query(service)
    assert (now.start_type, now.delayed) == (services.AUTO, True)
    assert any(task.enabled for task in host.tasks.all() if "watchdog" in task.name.lower())

    run = scene.play("upgrade_inplace", octopus_guard_minutes=MINUTES)
    assert run.code != 0
    [record] = scene.records(scene.operator)
    assert record["verdict"] == "failed_service_restored", run.output[-4000:]
    assert "the guard on the coordinator started the service again" in run.output
    assert scene.unlike(before) == []
    assert host.services.query(service).delayed
    assert [task.name for task in host.tasks.all() if task.name.startswith(GUARD)] == []


def test_nothing_is_touched_once_something_was_changed(make_scene: MakeScene, tmp_path: Path) -> None:
    scene = make_scene(SINGLE)
    mark = _killed(scene, tmp_path, lambda event: event.kind == "octopus" and event.get("what") == "schema upgrade")
    told = scene.lab.ledger.wait_for(lambda event: event.kind == "event.log", patient(120), mark)
    assert told["id"] == 702
    assert scene.lab.ledger.events("service.state", since=mark) == []
    run = scene.play("upgrade_inplace", octopus_guard_minutes=MINUTES)
    assert run.code == 0, run.output[-4000:]
    assert [record["verdict"] for record in scene.records(scene.operator)] == ["upgraded"]
    assert {host.services.query(scene.instance.handle.service).start_type for host in scene.instance.hosts} == {services.AUTO}


def _killed(scene: Scene, folder: Path, moment: Callable[[Event], bool]) -> int:
    """Kill an upgrade at an event; gives the ledger's mark after that."""
    with Controller(scene.operator, "upgrade_inplace", folder / "killed.txt", octopus_guard_minutes=MINUTES) as controller:
        first = scene.lab.ledger.mark()
        controller.kill_when(lambda: any(map(moment, scene.lab.ledger.events(since=first))), "the moment to kill the run", DEADLINE)
    return scene.lab.ledger.mark()
