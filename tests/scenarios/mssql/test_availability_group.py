# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A database out of its availability group, restored, and back in, over two servers; interrupted between any two of these, and run again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.connection.connection import connect
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.connection.options import SqlOptions
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.restore import requirements
from lab.core.network import Machine
from lab.sql import availability
from lab.sql.availability import AUTOMATIC, MANUAL, Group
from lab.sql.server import SqlServer
from lab.tds.server import TdsServer
from scenarios.mssql.conftest import PASSWORD, World

LEAST = "octopus_upgrade"
BACKUP = "D:\\Backup\\rejoin"


@dataclass
class Cluster:
    """The primary's world, and the server of a secondary."""

    world: World
    second: SqlServer
    group: Group
    copies: dict[str, Any] = field(default_factory=dict)

    def leave(self, check_mode: bool = False, **params: Any) -> dict[str, Any]:
        return self.world.module("mssql_availability_group", check_mode, **({"database": "Octopus", "state": "absent"} | params))

    def join(self, check_mode: bool = False, **params: Any) -> dict[str, Any]:
        known = {"database": "Octopus", "group": "AG1", "state": "present", "copies": self.copies, "backup_path": BACKUP}
        return self.world.module("mssql_availability_group", check_mode, **(known | params))

    def restore(self, check_mode: bool = False, **params: Any) -> dict[str, Any]:
        known = {"database": "Octopus", "path": ["D:\\Backup\\a.bak"], "keep_as": "Octopus failed"}
        return self.world.module("mssql_restore", check_mode, **(known | params))

    def read(self, user: str = "backup") -> dict[str, Any]:
        """What preflight reads of the group."""
        login = self.world.login
        options = SqlOptions(login["login_host"], 1433, user, PASSWORD, driver=login["driver"], ca_path=login["ca_path"])
        with connect(options, "Octopus") as connection:
            found = requirements.read(connection, "Octopus", connect)
        return dict(found["surroundings"]["group"] or {})

    @property
    def joined(self) -> list[str]:
        return [server.name for server in availability.joined(self.group, "Octopus")]


@pytest.fixture
def cluster(world: World) -> Iterator[Cluster]:
    """A group of two synchronized servers, read while all is well, and a backup."""
    machine = Machine("sql02", world.network)
    machine.fs.add_drive("D", machine.root / "D")
    second = SqlServer(machine, world.network)
    second.add_login("backup", PASSWORD, roles={"sysadmin"})
    context = world.network.authority.server_context(world.folder / "tls2", machine.address, "sql02")
    tds = TdsServer(second, machine.address, 1433, context, ledger=world.ledger, machine="sql02", faults=world.network.faults)
    tds.start()
    found = Cluster(world, second, availability.create("AG1", world.sql, {second: AUTOMATIC}, ["Octopus"]))
    found.copies = {one["server"]: one["created"] for one in found.read()["secondaries"]}
    assert not world.backup().get("failed")
    yield found
    tds.stop()


def test_out_restored_and_back_in(cluster: Cluster) -> None:
    assert cluster.copies["SQL02"]
    assert "REMOVE DATABASE [Octopus]" in cluster.restore(replace=True, keep_as=None)["msg"]
    told = cluster.leave(check_mode=True, group="AG1")
    assert (told["changed"], told["sql"]) == (True, ["ALTER AVAILABILITY GROUP [AG1] REMOVE DATABASE [Octopus]"])
    # What the rollback asks before anything is touched.
    assert cluster.restore(check_mode=True, leaves_group=True)["kept_as"] == "Octopus failed"
    assert cluster.joined == ["SQL01", "SQL02"], "check mode changes nothing"
    left = cluster.leave(group="AG1")
    assert (left["group"], left["copies"]) == ("AG1", cluster.copies)
    assert (cluster.joined, cluster.second.databases["octopus"].state) == ([], "RESTORING")
    assert not cluster.restore().get("failed")
    told = cluster.join(check_mode=True)
    assert (told["changed"], told["joined"], cluster.joined) == (True, False, [])
    joined = cluster.join()
    assert (joined["joined"], joined["problems"], joined["backup_path"]) == (True, [], f"{BACKUP}.bak")
    assert joined["sql"][1:] == told["sql"][1:] == ["DROP DATABASE [Octopus]", "ALTER AVAILABILITY GROUP [AG1] ADD DATABASE [Octopus]"]
    assert cluster.joined == ["SQL01", "SQL02"]
    again = cluster.join()
    assert (again["changed"], again["joined"]) == (False, True)


def test_each_step_is_done_again_after_an_interruption(cluster: Cluster) -> None:
    assert cluster.leave(group="AG1")["changed"]
    # Killed after REMOVE, before the journal says so: the group is known from the manifest.
    again = cluster.leave(group="AG1")
    assert (again["changed"], again["group"]) == (False, "AG1")
    assert not cluster.restore().get("failed")
    # Killed between the full backup, the drop on the secondary, and ADD.
    assert not cluster.world.backup(path=[f"{BACKUP}.bak"], copy_only=False).get("failed")
    backups = len(cluster.world.backups("done"))
    cluster.second.drop_database(cluster.second.databases["octopus"])
    joined = cluster.join()
    assert (joined["joined"], joined["sql"]) == (True, ["ALTER AVAILABILITY GROUP [AG1] ADD DATABASE [Octopus]"])
    assert len(cluster.world.backups("done")) == backups, "the chain had begun"
    # Killed after ADD.
    assert cluster.join()["joined"] and cluster.joined == ["SQL01", "SQL02"]


def test_what_cannot_be_rejoined_is_told_and_nothing_is_changed(cluster: Cluster) -> None:
    cluster.group.replicas[cluster.second] = MANUAL
    cluster.leave()
    assert not cluster.restore().get("failed")
    told = cluster.join()
    assert (told.get("failed"), told["changed"], told["joined"], cluster.joined) == (None, False, False, [])
    assert "SQL02 has manual seeding" in told["problems"][0]
    assert told["by_hand"] == [
        f"on the primary: BACKUP DATABASE [Octopus] TO DISK = N'{BACKUP}.bak'",
        f"on the primary: BACKUP LOG [Octopus] TO DISK = N'{BACKUP}.trn'",
        f"on SQL02: RESTORE DATABASE [Octopus] FROM DISK = N'{BACKUP}.bak' WITH NORECOVERY",
        f"on SQL02: RESTORE LOG [Octopus] FROM DISK = N'{BACKUP}.trn' WITH NORECOVERY",
        "on the primary: ALTER AVAILABILITY GROUP [AG1] ADD DATABASE [Octopus]",
        "on SQL02: ALTER DATABASE [Octopus] SET HADR AVAILABILITY GROUP = [AG1]",
    ]
    assert cluster.second.databases["octopus"].state == "RESTORING"


def test_another_database_on_the_secondary_is_never_dropped(cluster: Cluster) -> None:
    cluster.leave()
    assert not cluster.restore().get("failed")
    other = cluster.second.databases["octopus"]
    for state, copies in (("ONLINE", cluster.copies), ("RESTORING", {"SQL02": "2001-01-01T00:00:00"}), ("RESTORING", {})):
        other.state = state
        told = cluster.join(copies=copies)
        assert (told["changed"], told["joined"]) == (False, False)
        assert "is not the copy that was left there" in told["problems"][0]
        assert cluster.second.databases["octopus"] is other


@pytest.mark.parametrize(
    ("break_it", "problem"),
    [
        (lambda cluster: cluster.second.logins["backup"].roles.clear(), "may not drop the old copy on SQL02"),
        (lambda cluster: cluster.second.logins.clear(), "SQL02 could not be asked"),
        # The endpoint's name leads to another server, which has a database of that name too.
        (lambda cluster: setattr(cluster.second.machine, "address", cluster.world.machine.address), "but SQL01 answers there"),
    ],
)
def test_a_secondary_that_does_not_let_us_is_told(cluster: Cluster, break_it: Any, problem: str) -> None:
    cluster.leave()
    assert not cluster.restore().get("failed")
    break_it(cluster)
    told = cluster.join()
    assert (told.get("failed"), told["changed"], told["joined"], cluster.joined) == (None, False, False, [])
    assert problem in told["problems"][0]
    assert told["by_hand"][0] == "on SQL02, once it is certain that this is only the old copy: DROP DATABASE [Octopus]"
    assert cluster.world.database("Octopus").state == "ONLINE"


def test_nothing_is_done_over_a_connection_to_a_secondary(cluster: Cluster) -> None:
    availability.fail_over(cluster.group, cluster.second)
    for told in (cluster.leave(), cluster.leave(check_mode=True)):
        assert "leads to the SECONDARY replica of the availability group AG1" in told["msg"]
    assert cluster.joined == ["SQL01", "SQL02"]
    # And where a former attempt has taken it out before the failover.
    availability.fail_over(cluster.group, cluster.world.sql)
    cluster.leave()
    availability.fail_over(cluster.group, cluster.second)
    assert "leads to the SECONDARY replica" in cluster.leave(group="AG1")["msg"]


def test_rights(cluster: Cluster) -> None:
    login = cluster.world.sql.add_login(LEAST, PASSWORD, roles={"dbcreator"})
    cluster.world.database("Octopus").add_user(LEAST, {"db_backupoperator", "db_datareader"})
    cluster.world.sql.databases["msdb"].add_user(LEAST, {"db_datareader"})
    assert cluster.read(LEAST) == {}, "a group that the login does not see"
    login.permissions |= {"VIEW SERVER STATE", "VIEW ANY DEFINITION"}
    found = cluster.read(LEAST)
    assert (found["may_alter"], found["secondaries"][0]["problem"] != "") == (False, True)
    assert "GRANT ALTER ON AVAILABILITY GROUP::[AG1]" in cluster.leave(login_user=LEAST)["msg"]
    login.permissions.add(availability.PERMISSION)
    cluster.second.add_login(LEAST, PASSWORD, roles={"dbcreator"})
    assert cluster.read(LEAST)["secondaries"][0]["may_drop"] is True
    assert cluster.leave(login_user=LEAST)["changed"]
    assert not cluster.restore(login_user=LEAST, owner=LEAST).get("failed")
    cluster.world.database("Octopus").owner = LEAST
    assert cluster.join(login_user=LEAST)["joined"] is True
