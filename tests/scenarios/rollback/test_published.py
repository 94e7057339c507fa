# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A cluster's upgrade that is left where it failed, and goes on; then back from it, when it was published and somebody has worked with it.

By its second node alone, when the coordinator is lost; then, when that is found again, whole. The tests are one story, in this order.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import pytest
import yaml
from lab.estate import CLUSTER
from lab.windows import services
from scenarios import exact
from scenarios.rollback.scene import PATIENCE, MakeScene, Scene, failed_with, said
from scenarios.world import World

# One rung: the ladder is looked at elsewhere.
SPEC = replace(CLUSTER, version="2025.3.14357", ladder=())
FIRST, SECOND = SPEC.nodes
NEW = "99.0.0"
# What only the node that is lost has, or what the rows say of it.
OF_NODES = ("services", "settings", "programs", "products", "program_files", "configuration", "registered", "watchdogs")

pytestmark = pytest.mark.timeout(1200)


@dataclass
class Story:
    """One instance: as it was before the upgrade, and with one release that is newer than the restore point."""

    scene: Scene
    before: World
    upgraded: World | None = None
    release: str = ""


@pytest.fixture(scope="module")
def story(make_scene: MakeScene) -> Story:
    scene = make_scene(SPEC)
    return Story(scene, scene.look())


@pytest.fixture
def published(story: Story) -> Story:
    if story.upgraded is None:
        pytest.fail("the upgrade has failed")
    return story


def test_an_upgrade_that_was_left_goes_on_where_it_failed(story: Story) -> None:
    scene = story.scene
    armed = scene.lab.faults.arm("service.fail_start", FIRST, times=None, service=scene.instance.handle.service)
    run = scene.play("upgrade_inplace", octopus_on_failure="stop", octopus_start_timeout=30)
    scene.lab.faults.disarm(armed)
    assert "out of service" in failed_with(run)
    assert run.record(SPEC.name)["verdict"] == "failed_stopped"
    # The final words of a whole run, as the roles hand them on; those of each verdict are tested in the unit tests of the report.
    told = " ".join(run.output[run.output.index("Report the failure and the state of the instance") :].split())
    assert f"The service is stopped on {FIRST}, {SECOND}. Do not start" in told
    assert {state for state, _start in scene.look().services.values()} == {services.STOPPED}
    [path] = (run.folder / "octopus-runs" / SPEC.name).glob("*.json")
    assert f"Run record: {path}" in told

    mark = scene.lab.ledger.mark()
    run = scene.play("upgrade_inplace", octopus_on_failure="stop")
    assert run.code == 0, run.output[-5000:]
    assert run.record(SPEC.name)["verdict"] == "upgraded"
    assert scene.lab.ledger.events("octopus", since=mark, what="schema upgrade") == [], "what was done is not done again"
    assert scene.lab.ledger.events("sql.backup", since=mark) == []
    assert scene.not_upgraded(story.before) == []
    assert scene.left() == []
    story.release = scene.release(NEW)
    story.upgraded = scene.look()


def test_check_mode_shows_what_is_lost_and_touches_nothing(published: Story) -> None:
    scene, mark = published.scene, published.scene.lab.ledger.mark()
    run = scene.play("rollback", "--check")
    text = said(run)
    assert run.code == 0, run.output[-5000:]
    assert "lost: releases | 1 |" in text
    assert f"back to {SPEC.version}, as it was at" in text
    assert scene.touched(mark) == []
    assert published.upgraded and scene.unlike(published.upgraded) == []
    assert scene.left() == []


def test_without_consent_nothing_is_touched(published: Story) -> None:
    scene, mark = published.scene, published.scene.lab.ledger.mark()
    text = failed_with(scene.play("rollback"))
    assert "Expected consent to lose what is newer than the restore point" in text
    assert "1 releases" in text and "Nothing was changed" in text and "octopus_confirm_loss: true" in text
    assert scene.touched(mark) == []
    assert published.upgraded and scene.unlike(published.upgraded) == []
    assert scene.left() == []


def test_the_second_node_goes_back_alone_when_the_coordinator_is_lost(published: Story) -> None:
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
    assert (record["verdict"], record["from_version"], record["to_version"]) == ("rolled_back", SPEC.target, SPEC.version)
    assert record["evidence"]["projects_read"] > 0
    found = scene.look()
    assert published.release not in found.tables["Release"]
    after, wanted = _without_the_lost(found), _without_the_lost(published.before)
    # Its row says what it said at the stop: that it takes no tasks. That ends when it goes back itself.
    lost = next(key for key, row in after.tables["OctopusServerNode"].items() if row["Name"].lower() == FIRST)
    differences = [
        line for line in exact.changed(wanted, after) if f"OctopusServerNode {lost}" not in line and not line.startswith("drained")
    ]
    assert differences == []
    assert after.drained <= {after.tables["OctopusServerNode"][lost]["Name"]}


def test_the_whole_cluster_goes_back_when_the_coordinator_is_found_again(published: Story) -> None:
    """With consent, and then everything is exactly as at the stop."""
    scene = published.scene
    _find_again(scene)
    run = scene.play("rollback", octopus_confirm_loss=True)
    assert run.code == 0, run.output[-6000:]
    record = run.record(SPEC.name)
    assert (record["verdict"], record["to_version"]) == ("rolled_back", SPEC.version)
    assert record["evidence"]["projects_read"] > 0
    assert scene.unlike(published.before) == []
    assert scene.left() == []
    # What users did since is in the databases that were replaced, until somebody removes them.
    retained = [database for database in scene.instance.sql.databases.values() if "failed" in database.name]
    assert record["retained"]["database"] in [database.name for database in retained]
    with_release = []
    for database in retained:
        connection = database.connect()
        with_release += connection.execute('SELECT "Id" FROM "Release" WHERE "Id" = ?', (published.release,)).fetchall()
        connection.close()
    assert with_release == [(published.release,)]


def test_going_back_again_finds_nothing_to_do(published: Story) -> None:
    scene, mark = published.scene, published.scene.lab.ledger.mark()
    before = scene.look()
    run = scene.play("rollback")
    assert run.code == 0, run.output[-5000:]
    assert "there is nothing to do" in said(run)
    assert "changed=0" in run.output
    assert scene.touched(mark) == []
    assert scene.unlike(before) == []
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
