# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rollbacks that need nothing of the database that they replace: by itself from a SUSPECT one, and by rollback.yml from none at all.

The tests are one story, in this order.
"""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest
from lab.estate import SINGLE
from lab.sql import states
from scenarios import leftovers
from scenarios.rollback.scene import PATIENCE, MakeScene, Scene, failed_with

SPEC = replace(SINGLE, version="2025.3.14357", ladder=())
NODE = SPEC.nodes[0]

pytestmark = pytest.mark.timeout(1200)


@pytest.fixture(scope="module")
def scene(make_scene: MakeScene) -> Scene:
    return make_scene(SPEC)


def test_an_upgrade_rolls_back_from_a_suspect_database(scene: Scene) -> None:
    """The schema upgrade fails half done, and the database breaks down with it."""
    before, mark = scene.look(), scene.lab.ledger.mark()
    database = scene.instance.sql.database(SPEC.database)
    assert database is not None
    files = [file.path for file in database.files]
    armed = scene.lab.faults.arm("schema.fail", NODE, committed=True)
    threading.Thread(target=_break_when_half_done, args=(scene, mark), daemon=True).start()
    run = scene.play("upgrade_inplace")
    scene.lab.faults.disarm(armed)
    assert scene.lab.ledger.events("sql", since=mark, action="broken")
    text, record = failed_with(run), run.record(SPEC.name)
    assert record["verdict"] == "failed_rolled_back", run.output[-6000:]
    assert f"its service runs again at {SPEC.version}" in text
    assert scene.unlike(before) == []
    # What could not be read is named, and so are the files that stay.
    assert any("cannot be told" in line for line in record["lost"]), record["lost"]
    assert record["retained"]["files"] == ", ".join(files)
    assert all(scene.instance.sql.machine.fs.is_file(path, scene.instance.sql.logon) for path in files)
    assert f"What was replaced is retained: {', '.join(files)}" in text
    assert scene.left() == []


def test_a_missing_database_asks_for_consent_and_is_rolled_back(scene: Scene) -> None:
    """After publish, with work of users: what is newer cannot be told, and the rollback must not take that for nothing."""
    before = scene.look()
    run = scene.play("upgrade_inplace")
    assert run.code == 0, run.output[-5000:]
    scene.release("99.0.0")
    _lose(scene)
    text = failed_with(scene.play("rollback"))
    assert "whether there are newer tasks, releases, deployments, events cannot be told" in text, text
    assert "octopus_confirm_loss: true" in text
    assert scene.instance.sql.database(SPEC.database) is None, "nothing was changed"
    run = scene.play("rollback", octopus_confirm_loss=True)
    assert run.code == 0, run.output[-6000:]
    record = run.record(SPEC.name)
    assert (record["verdict"], record["to_version"]) == ("rolled_back", SPEC.version)
    assert any("cannot be told: releases" in line for line in record["lost"])
    assert "99.0.0" not in str(scene.look().tables["Release"])
    # Who owned a database that is missing is in no backup: the login that restores it does now.
    assert scene.unlike(before) == [f"database owner: 'sa' -> {leftovers.LOGIN!r}"]
    assert scene.left() == []


def _break_when_half_done(scene: Scene, mark: int) -> None:
    scene.lab.ledger.wait_for(lambda event: event.kind == "octopus" and event.get("action") == "half done", PATIENCE, mark)
    states.break_down(scene.instance.sql, SPEC.database)


def _lose(scene: Scene) -> None:
    """SQL Server has the database no more, nor its files: somebody has dropped it."""
    sql = scene.instance.sql
    database = sql.database(SPEC.database)
    assert database is not None
    sql.kill_all(sql.sessions_in(database))
    sql.drop_database(database)
