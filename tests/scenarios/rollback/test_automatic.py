# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Upgrades that fail between backup and publish, and the rollback that follows, by itself or by rollback.yml."""

from __future__ import annotations

import contextlib
import threading
from dataclasses import dataclass, field
from typing import Any

import pytest
from lab.estate import SINGLE
from scenarios.rollback.scene import PATIENCE, MakeScene, Scene, failed_with, said
from scenarios.world import World, lost_files, lost_rows

NODE = SINGLE.nodes[0]
STRAY = "of-a-failed-upgrade.txt"
pytestmark = pytest.mark.timeout(1200)


@pytest.fixture(scope="module")
def scene(make_scene: MakeScene) -> Scene:
    """One for all: each test leaves the instance as it found it, or the test fails."""
    return make_scene(SINGLE)


@dataclass(frozen=True)
class Case:
    """A fault, the first error, and what the rollback has to do.

    Attributes:
        restored: How the database comes back: from "backup", from "snapshot", or not at all.
        worked: Whether something that is none of the run's has run a schema script since the backup.
    """

    name: str
    fault: str
    says: str
    restored: str
    times: int | None = 1
    params: dict[str, Any] = field(default_factory=dict)
    variables: dict[str, Any] = field(default_factory=dict)
    worked: bool = False

    def __str__(self) -> str:
        return self.name


CASES = [
    Case("a schema that is left half done", "schema.fail", "Upgrade failed", "backup", params={"committed": True}),
    Case("an installation that fails", "msi.fail", "1603", "", params={"phase": "install"}),
    Case(
        "an installation that fails, and a program started by others",
        "msi.fail",
        "1603",
        "backup",
        params={"phase": "install"},
        worked=True,
    ),
    Case(
        "an API that never opens, with a snapshot",
        "api.never",
        NODE,
        "snapshot",
        variables={"octopus_start_timeout": 30, "octopus_database_snapshot": True},
    ),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_the_way_back_is_taken_by_itself(case: Case, scene: Scene) -> None:
    before, mark, databases = scene.look(), scene.lab.ledger.mark(), set(scene.instance.sql.databases)
    armed = scene.lab.faults.arm(case.fault, NODE, times=case.times, **case.params)
    if case.restored:
        threading.Thread(target=_write_when_met, args=(scene, case, mark), daemon=True).start()
    run = scene.play("upgrade_inplace", **case.variables)
    scene.lab.faults.disarm(armed)
    assert scene.lab.ledger.events("fault", since=mark, action="met")
    text, record = failed_with(run), run.record(SINGLE.name)
    assert record["verdict"] == "failed_rolled_back", run.output[-6000:]
    assert case.says in record["error"]
    assert record["error"] in " ".join(run.output.split()) or record["error"] in text
    assert f"its service runs again at {SINGLE.version}" in text
    assert scene.unlike(before) == []
    assert scene.left() == []
    restores = scene.restores(mark)
    assert ["snapshot" if not event["files"] else "backup" for event in restores] == ([case.restored] if case.restored else [])
    assert len(set(scene.instance.sql.databases) - databases) == (1 if case.restored == "backup" else 0)
    _kept_and_named(scene, record, text, database=case.restored == "backup", folders=bool(case.restored))


def _write_when_met(scene: Scene, case: Case, mark: int) -> None:
    """Leave something in a server folder, as a migration that moves files may."""
    fault = case.fault
    scene.lab.ledger.wait_for(lambda event: event.kind == "fault" and event["action"] == "met" and event["name"] == fault, PATIENCE, mark)
    scene.instance.host(NODE).fs.write(f"C:\\Octopus\\Artifacts\\{STRAY}", b"half done", scene.instance.host(NODE).system)
    if case.worked:
        database = scene.instance.sql.database(scene.spec.database)
        assert database is not None
        with contextlib.closing(database.connect()) as connection:
            connection.execute("INSERT INTO SchemaVersions (ScriptName, Applied) VALUES ('by others', '2026-11-30')")


def _kept_and_named(scene: Scene, record: dict[str, Any], text: str, *, database: bool, folders: bool) -> None:
    """The failed database and folders are there, and somebody who reads the end of the output knows where."""
    kept = record["retained"]
    assert bool(kept.get("database")) == database
    assert bool(kept.get("folders")) == folders
    root = scene.lab.backup_share.volume.root
    named = kept.get("folders", "").removeprefix(scene.lab.backup_share.unc).strip("\\").replace("\\", "/")
    there = [str(path.relative_to(root)) for path in root.glob(f"*/failed-{record['run_id']}")]
    assert there == [one for one in [named] if one], "folders that are as they were are not kept, and none are named"
    assert ("What was replaced is retained" in text) == (database or folders)
    if database:
        assert kept["database"] in text
        assert scene.instance.sql.database(kept["database"]) is not None
    if folders:
        assert kept["folders"] in text
        assert [path.read_bytes() for path in (root / named).rglob(STRAY)] == [b"half done"]


def test_a_failed_schema_that_is_left_is_not_tried_again_and_can_be_gone_back_from(scene: Scene) -> None:
    """The user has waived that a rollback is possible, so no failure starts one."""
    before, database = scene.look(), scene.instance.sql.database(scene.spec.database)
    assert database is not None
    database.group = "AG1"
    armed = scene.lab.faults.arm("schema.fail", NODE, committed=True)
    run = scene.play("upgrade_inplace", octopus_waivers=["rollback_possible"])
    scene.lab.faults.disarm(armed)
    database.group = None  # somebody has removed the database from its group
    record = run.record(SINGLE.name)
    assert (record["verdict"], record["waived"]) == ("failed_stopped", ["rollback_possible"]), run.output[-5000:]
    assert [step["name"] for step in record["steps"] if step["name"].startswith("rollback.")] == []
    text = failed_with(run)
    assert "out of service" in text and "database.bak" in text and "rollback.yml" in text
    left = run.record(SINGLE.name)
    assert left["finished"] is None, "what leaves something to be done is not finished"
    _nothing_lost(before, scene.look())
    assert scene.unlike(before) != []
    mark, stopped = scene.lab.ledger.mark(), scene.look()
    refused = scene.play("upgrade_inplace", callbacks="octopus.upgrade.exit_status", octopus_on_failure="stop")
    assert refused.code == 24, "nothing was changed, but it is still out of service"
    text = failed_with(refused)
    assert "The database may be changed in part, so this is not tried again. Run rollback.yml" in text
    assert scene.touched(mark) == []
    assert scene.lab.ledger.events("octopus", since=mark, what="schema upgrade") == []
    assert scene.unlike(stopped) == []

    run = scene.play("rollback")  # nobody was let in, so nobody has to consent
    assert run.code == 0, run.output[-5000:]
    record = run.record(SINGLE.name)
    assert (record["run_id"], record["verdict"]) == (left["run_id"], "rolled_back"), "the same run goes back"
    assert scene.instance.sql.database(record["retained"]["database"]) is not None
    assert scene.unlike(before) == []
    assert scene.left() == []
    assert "rolled_back" in said(run)
    assert "it stays until rollback_cleanup.yml removes it" in said(run)
    assert f"which it does from {record['retained']['until'][:10]} on" in said(run)


def test_what_rollbacks_have_retained_is_removed_by_a_playbook_of_its_own(scene: Scene) -> None:
    """What the tests above have left: the failed databases and folders of several runs."""
    kept = [record["retained"] for record in scene.records(scene.operator) if record["retained"]]
    databases = {one["database"]: one["bytes"] for one in kept if one.get("database")}
    folders = sorted(scene.points.glob("failed-*"))
    assert databases and folders and all(databases.values())
    before = scene.look()
    young = scene.play("rollback_cleanup")
    assert young.code == 0 and "is not removed before" in said(young), young.output[-3000:]
    assert all(scene.instance.sql.database(name) is not None for name in databases)
    assert sorted(scene.points.glob("failed-*")) == folders
    for _again in range(2):  # and once more, with nothing left to remove
        run = scene.play("rollback_cleanup", octopus_keep_replaced_days=0)
        assert run.code == 0 and "failed=0" in run.output, run.output[-3000:]
        assert [name for name in databases if scene.instance.sql.database(name) is not None] == []
        assert sorted(scene.points.glob("failed-*")) == []
    assert scene.unlike(before) == []
    assert scene.left() == []


def _nothing_lost(before: World, after: World) -> None:
    """Left stopped: nothing of the users' is gone, and nobody gets in or starts it by accident."""
    assert [loss for loss in lost_rows(before, after) if not loss.startswith("Configuration ")] == []
    assert lost_files(before, after) == []
    assert after.maintenance
    assert after.watchdogs == {NODE: False}
