# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The least rights with which a rollback works, and a rollback that is known not to.

What else stands in a rollback's way, and is refused by its name before anything is touched: table/test_refused.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from lab.estate import SINGLE
from lab.sql.database import Database
from lab.sql.server import SqlServer
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


@pytest.fixture(scope="module")
def scene(make_scene: MakeScene) -> Scene:
    return make_scene(SINGLE)


@contextmanager
def _changed(scene: Scene, change: Change) -> Iterator[None]:
    """The server in that situation, and afterwards as it was."""
    sql = scene.instance.sql
    database = sql.databases[scene.spec.database.lower()]
    login = sql.logins[LOGIN]
    before = set(login.roles), set(login.permissions)
    try:
        change(sql, database)
        yield
    finally:
        login.roles, login.permissions = before[0], before[1]
        for one in (database, sql.databases["msdb"]):
            one.users.pop(LOGIN, None)
        database.group = None


def test_the_rights_of_the_guide_are_enough_for_an_upgrade_and_a_rollback_in_place(scene: Scene) -> None:
    before, databases = scene.look(), set(scene.instance.sql.databases)
    with _changed(scene, lambda sql, db: _least(sql, db, {"dbcreator"})):
        armed = scene.lab.faults.arm("schema.fail", SINGLE.nodes[0], committed=True)
        run = scene.play("upgrade_inplace", octopus_rollback_keeps=False)
        scene.lab.faults.disarm(armed)
    assert run.record(SINGLE.name)["verdict"] == "failed_rolled_back", run.output[-5000:]
    assert scene.unlike(before) == []
    assert set(scene.instance.sql.databases) == databases, "it was restored over the failed one"
