# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An automatic rollback of an instance whose database is in an availability group. Its steps one by one, and a secondary that
has to be seeded by hand: mssql/test_availability_group.py; how that is told: tests/unit/playbooks/test_to_do.py.
"""

from __future__ import annotations

import pytest
from lab.estate import SINGLE
from lab.sql import availability
from lab.sql.availability import AUTOMATIC, Group
from scenarios.rollback.scene import MakeScene, Scene

NODE = SINGLE.nodes[0]
pytestmark = pytest.mark.timeout(1200)


@pytest.fixture(scope="module")
def scene(make_scene: MakeScene) -> Scene:
    return make_scene(SINGLE)


@pytest.fixture(scope="module")
def group(scene: Scene) -> Group:
    second = scene.lab.add_sql_server("sql02", scene.instance)
    return availability.create("AG1", scene.instance.sql, {second: AUTOMATIC}, [SINGLE.database])


def test_the_database_stays_in_its_group_until_it_is_restored_and_is_in_it_again(scene: Scene, group: Group) -> None:
    before, mark = scene.look(), scene.lab.ledger.mark()
    armed = scene.lab.faults.arm("schema.fail", NODE, committed=True)
    run = scene.play("upgrade_inplace", octopus_availability_group="remove_and_rejoin")
    scene.lab.faults.disarm(armed)
    assert run.record(SINGLE.name)["verdict"] == "failed_rolled_back", run.output[-6000:]
    assert scene.unlike(before) == []
    assert [server.name for server in availability.joined(group, SINGLE.database)] == ["SQL01", "SQL02"]
    assert run.record(SINGLE.name)["to_do"] is None
    moments = [
        word
        for event in scene.lab.ledger.events(since=mark)
        for word, there in {
            "half done": event.kind == "octopus" and event.get("action") == "half done",
            "out": event.kind == "sql" and event.get("action") == "group remove",
            "restored": event.kind == "sql.restore" and event["action"] == "done" and event["database"] == SINGLE.database,
            "in service": event.kind == "octopus" and event.get("what") == "maintenance mode" and event["on"] is False,
            "in": event.kind == "sql" and event.get("action") == "group add",
        }.items()
        if there
    ]
    assert moments == ["half done", "out", "restored", "in service", "in"]
