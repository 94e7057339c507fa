# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What cannot be removed, because somebody works in it, is told and not forgotten, whatever comes in between. One story, in this order."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pyodbc
import pytest
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.connection import drivers
from lab.estate import SINGLE, CloneSpec
from scenarios.clone.scene import CloneScene, MakeCloneScene
from scenarios.rollback.scene import PATIENCE

pytestmark = pytest.mark.timeout(1500)

CLONE = CloneSpec("copy", "single", ("octo-clone",))


@pytest.fixture(scope="module")
def scene(make_scene: MakeCloneScene) -> CloneScene:
    scene = make_scene(SINGLE, CLONE)
    scene.be_quiet()
    assert scene.refresh().code == 0
    return scene


@contextmanager
def somebody_in(scene: CloneScene) -> Iterator[str]:
    """A session in the clone's database, as of somebody who looks at it; gives the database's name."""
    [name] = scene.databases()
    driver = drivers.find("auto", pyodbc.drivers())
    address, password = scene.clone.sql.machine.address, scene.clone.secrets.sql_password
    connection = pyodbc.connect(
        f"DRIVER={{{driver.name}}};SERVER={address},1433;UID=octopus_upgrade;PWD={{{password}}};Encrypt=yes;TrustServerCertificate=yes",
        autocommit=True,
    )
    try:
        connection.execute(f"USE [{name}]")
        yield name
    finally:
        connection.close()


def left(scene: CloneScene, old: str) -> None:
    """Check that a refresh ended well, has left the old clone's database, and says so."""
    result = scene.result()
    assert result["status"] == "refreshed", result
    assert f"Wanted: nobody in {old}" in result["not_removed"], result
    assert scene.serves() and scene.databases() == sorted((old, result["database"]))


def removed(scene: CloneScene, status: str) -> None:
    run = scene.refresh()
    assert run.code == 0, run.output[-5000:]
    assert (scene.result()["status"], scene.result()["not_removed"]) == (status, "")
    assert scene.unhealthy() == [] and scene.open_runs() == []


def test_an_upgrade_in_between_hands_it_on(scene: CloneScene) -> None:
    with somebody_in(scene) as old:
        run = scene.operator.play("upgrade_clone", deadline=2 * PATIENCE, octopus_clone_from="newest", octopus_clone_force=True)
    assert run.code == 0, run.output[-5000:]
    left(scene, old)
    removed(scene, "refreshed")


def test_one_that_finds_the_clone_unchanged_removes_it(scene: CloneScene) -> None:
    with somebody_in(scene) as old:
        run = scene.refresh(octopus_clone_force=True)
        assert run.code == 0, run.output[-5000:]
        left(scene, old)
        mark, new = scene.lab.ledger.mark(), scene.result()["database"]
        run = scene.refresh()
        assert run.code == 0 and f"nobody in {old}" in scene.result()["not_removed"], run.output[-5000:]
    removed(scene, "unchanged")
    assert scene.databases() == [new]
    for kind in ("sql.backup", "sql.restore", "msi", "service.state"):
        assert scene.lab.ledger.events(kind, since=mark) == []


def test_one_that_fails_keeps_it_in_mind(scene: CloneScene) -> None:
    with somebody_in(scene) as old:
        assert scene.refresh(octopus_clone_force=True).code == 0
    left(scene, old)
    scene.lab.faults.arm("service.fail_start", "octo-clone")
    run = scene.refresh(octopus_clone_force=True)
    scene.lab.faults.disarm()
    assert run.code == 21, run.output[-3000:]
    assert len(scene.databases()) == 2, "it has removed what was its own"
    removed(scene, "refreshed")
