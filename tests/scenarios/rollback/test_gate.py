# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Situations in which a rollback could not work: each is refused by its name before anything is touched."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest
from lab.estate import SINGLE
from lab.sql.database import Database
from lab.sql.server import SqlServer
from lab.windows import installer
from scenarios.rollback.scene import MakeScene, Scene

LOGIN = "octopus_upgrade"
Change = Callable[[SqlServer, Database], None]


def _least(sql: SqlServer, database: Database, roles: set[str]) -> None:
    """The permissions of the guide on requirements, of the server as given."""
    login = sql.logins[LOGIN]
    login.roles.clear()
    login.roles.update(roles)
    login.permissions.add("VIEW SERVER STATE")
    database.add_user(LOGIN, {"db_backupoperator", "db_datareader"}, sid=login.sid)
    sql.databases["msdb"].add_user(LOGIN, {"db_datareader"}, sid=login.sid)


def _fill(sql: SqlServer, database: Database) -> None:
    """Room for what the migration writes, and none for a second copy of the files."""
    database.preallocated = {file.file_id: 512 * 1024**2 for file in database.files}
    volume = sql.machine.fs.drives[database.files[0].path[0].upper()]
    sizes = sum(sql.file_size(database, file) for file in database.files)
    volume.capacity = volume.used() + sizes - 1024**2


@dataclass(frozen=True)
class Case:
    """What the database or its server is like, and what is said of it; empty where nothing is in the way."""

    name: str
    change: Change
    says: tuple[str, ...] = ()

    def __str__(self) -> str:
        return self.name


CASES = [
    Case("the rights of the guide are enough", lambda sql, db: _least(sql, db, {"dbcreator"})),
    Case(
        "a login that may not create databases",
        lambda sql, db: _least(sql, db, set()),
        ("may_restore", f"ALTER SERVER ROLE dbcreator ADD MEMBER [{LOGIN}]"),
    ),
    Case("an availability group", lambda _sql, db: setattr(db, "group", "AG1"), ("rollback_possible", "REMOVE DATABASE")),
    Case("mirroring", lambda _sql, db: setattr(db, "mirrored", True), ("rollback_possible", "SET PARTNER OFF")),
    Case("room for one copy of the files only", _fill, ("space_for_rollback", "octopus_rollback_keeps: false")),
]


@pytest.fixture(scope="module")
def scene(make_scene: MakeScene) -> Scene:
    return make_scene(SINGLE)


@contextmanager
def _changed(scene: Scene, change: Change) -> Iterator[None]:
    """The server in that situation, and afterwards as it was."""
    sql = scene.instance.sql
    database = sql.databases[scene.spec.database.lower()]
    login = sql.logins[LOGIN]
    before = set(login.roles), set(login.permissions), {name: one.capacity for name, one in sql.machine.fs.drives.items()}
    try:
        change(sql, database)
        yield
    finally:
        login.roles, login.permissions = before[0], before[1]
        for name, capacity in before[2].items():
            sql.machine.fs.drives[name].capacity = capacity
        for one in (database, sql.databases["msdb"]):
            one.users.pop(LOGIN, None)
        database.group, database.mirrored, database.preallocated = None, False, {}


@pytest.mark.parametrize("case", CASES, ids=str)
def test_the_plan_refuses_what_its_rollback_would_meet(case: Case, scene: Scene) -> None:
    mark = scene.lab.ledger.mark()
    with _changed(scene, case.change):
        run = scene.play("plan")
    assert (run.code == 0) is (not case.says), run.output[-3000:]
    assert [text for text in case.says if text not in run.output] == []
    assert scene.touched(mark) == []


def test_an_msi_that_windows_installer_has_lost_is_noticed_by_the_plan(scene: Scene) -> None:
    host = scene.instance.hosts[0]
    cached = [f"{installer.CACHE}\\{name}" for name in host.fs.listdir(installer.CACHE, host.system)]
    kept = {path: host.fs.read(path, host.system) for path in cached}
    for path in cached:
        host.fs.remove(path, host.system)
    run = scene.play("plan")
    for path, data in kept.items():
        host.fs.write(path, data, host.system)
    assert run.code != 0
    assert "installed_package_cached" in run.output
    assert "msiexec /fv" in run.output


def test_the_rights_of_the_guide_are_enough_for_an_upgrade_and_a_rollback_in_place(scene: Scene) -> None:
    before, databases = scene.look(), set(scene.instance.sql.databases)
    with _changed(scene, lambda sql, db: _least(sql, db, {"dbcreator"})):
        armed = scene.lab.faults.arm("schema.fail", SINGLE.nodes[0], committed=True)
        run = scene.play("upgrade_inplace", octopus_rollback_keeps=False)
        scene.lab.faults.disarm(armed)
    assert run.record(SINGLE.name)["verdict"] == "failed_rolled_back", run.output[-5000:]
    assert scene.unlike(before) == []
    assert set(scene.instance.sql.databases) == databases, "it was restored over the failed one"
