# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A restored copy of each schema put under quarantine over real ODBC: what is silenced, what is left, what is refused."""

from __future__ import annotations

import gzip
import json
import sqlite3
import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
from lab.octopus import folders, moments, versions
from scenarios.mssql.clone import GIT, LONG, NAME, POLICY, SECRET, SOURCE, SQL_2014, SQL_2017, WAIVED, Clone
from scenarios.mssql.conftest import World

_AWS = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
one_driver = pytest.mark.parametrize("driver", ["microsoft"], indirect=True)


# Each generation by one of the drivers in turn, the oldest and the newest by both: what a driver does does not depend on the generation.
@pytest.mark.parametrize(
    ("version", "sql", "driver"),
    [
        ("2018.4.1", SQL_2014, "microsoft"),
        ("2018.4.1", SQL_2014, "freetds"),
        ("2018.10.7", SQL_2014, "freetds"),
        ("2019.13.7", SQL_2017, "microsoft"),
        ("2022.2.8552", "15.0.4430.1", "freetds"),
        ("2025.3.14357", SQL_2014, "microsoft"),
        ("2025.3.14357", SQL_2014, "freetds"),
    ],
    indirect=["driver"],
)
def test_silenced_and_verified(make_clone: Callable[..., Clone], version: str, sql: str) -> None:
    clone = make_clone(version, sql)
    had = {
        table: clone.rows(table)
        for table in ("Machine", "Worker", "ProjectTrigger", "Subscription", "Project", "ServerTask", "Configuration")
    }
    clone.write('DELETE FROM "Configuration" WHERE "Id" = ?', "upgrades")
    before = clone.everything()
    assert clone.verify()["failed"] is True
    assert clone.info()["quarantined"] is False
    told = clone.apply(check_mode=True)
    assert not told.get("failed"), told
    assert told["changed"] is True
    assert clone.everything() == before

    result = clone.apply(server_uri="https://clone.lab.example", restore_point="point-1")
    assert not result.get("failed"), result
    assert result["changed"] is True
    assert result["silenced"].keys() == told["silenced"].keys()
    assert result["silenced"] == told["silenced"]
    assert all(check["ok"] for check in result["checks"]) and len(result["checks"]) > 15
    for table in ("Machine", "Worker", "ProjectTrigger", "Subscription"):
        after = clone.rows(table)
        assert after.keys() == had[table].keys()
        assert all(row["IsDisabled"] for row in after.values()), table
        loud = sum(not row["IsDisabled"] for row in had[table].values())
        item = {"Machine": "targets", "Worker": "workers", "ProjectTrigger": "triggers", "Subscription": "subscriptions"}[table]
        assert result["silenced"][item] == {"changed": loud, "were_so_already": len(after) - loud}
    tasks = clone.rows("ServerTask")
    for key, row in tasks.items():
        ended = had["ServerTask"][key]["State"] in ("Success", "Failed")
        assert row["State"] == (had["ServerTask"][key]["State"] if ended else "Canceled")
        assert moments.moment(row["CompletedTime"])
    assert result["silenced"]["tasks"]["changed"] == 5
    assert clone.rows("OctopusServerNode") == {} == (clone.rows("OctopusServerNodeStatus"))
    projects = clone.rows("Project")
    assert not any(row["AutoCreateRelease"] for row in projects.values())
    if versions.at_least(version, "2021.1"):
        assert projects["Projects-1"]["PersistenceSettings"] == {
            **GIT,
            "Url": "https://git.lab.example/web.git",
            "Credentials": {"Type": "Anonymous"},
            "ProtectedDefaultBranch": True,
        }
    assert projects["Projects-1"]["ReleaseNotesTemplate"] == LONG
    if clone.spaces:
        assert all(space["TaskQueueStopped"] for space in clone.rows("Space").values())
        assert [row["IsDisabled"] for row in projects.values()] == [row["IsDisabled"] for row in had["Project"].values()]
    else:
        assert all(row["IsDisabled"] for row in projects.values())
    settings = clone.rows("Configuration")
    assert settings["smtp"] == had["Configuration"]["smtp"] | {"SmtpHost": ""}
    assert settings["server"]["ServerUri"] == "https://clone.lab.example"
    assert settings["letsencrypt"]["Enabled"] is False
    if versions.at_least(version, "2022.4"):
        assert settings["telemetry"]["Enabled"] is settings["audit-stream"]["Active"] is False
        assert settings["audit-stream"]["Splunk"] == {"EndpointUrl": "", "Token": SECRET}
    assert settings["upgrades"] == {"Id": "upgrades", "AllowChecking": False, "IncludeStatistics": False}
    assert settings["nobody-knows"] == had["Configuration"]["nobody-knows"]
    policy = clone.rows("MachinePolicy")["MachinePolicies-9"]
    assert policy["MachineCleanupPolicy"] == {"DeleteMachinesBehavior": "DoNotDelete", "DeleteMachinesElapsedTimeSpan": "00:10:00"}
    assert policy["MachineUpdatePolicy"] == {"CalamariUpdateBehavior": "UpdateOnDeployment", "TentacleUpdateBehavior": "NeverUpdate"}
    lifecycle = clone.rows("Lifecycle")["Lifecycles-1"]
    assert lifecycle["ReleaseRetentionPolicy"]["QuantityToKeep"] == 0 == lifecycle["TentacleRetentionPolicy"]["QuantityToKeep"]
    assert clone.rows("Feed")["feeds-builtin"]["DeleteUnreleasedPackagesAfterDays"] is None
    old, new = had["Configuration"]["upgradeavailability"]["InstallationId"], settings["upgradeavailability"]["InstallationId"]
    assert (result["record"]["previous_installation_id"], result["record"]["installation_id"]) == (old, new)
    assert old != new
    assert set(clone.rows("ExtensionConfiguration")) == set()
    assert len(clone.rows("ApiKey")) == 3  # not asked for
    assert any("licence" in note for note in result["notes"])

    assert clone.verify(source=SOURCE, server_uri="https://clone.lab.example").get("failed") is None
    now = clone.everything()
    again = clone.apply(server_uri="https://clone.lab.example", restore_point="point-1")
    assert (again["changed"], clone.everything()) == (False, now)
    assert again["record"] == result["record"]
    assert all(counts["changed"] == 0 for counts in again["silenced"].values())


def refused(clone: Clone, *said: str, check_modes: tuple[bool, ...] = (True, False), **params: Any) -> None:
    """It fails, says that, and leaves everything as it was."""
    before = clone.everything()
    for check_mode in check_modes:
        result = clone.apply(check_mode, **params)
        assert result.get("failed") is True, result
        assert [piece for piece in said if piece not in result["msg"]] == [], result["msg"]
    assert clone.everything() == before


def names(result: dict[str, Any]) -> set[str]:
    """The checks that failed."""
    failed = {check["name"] for check in result["checks"] if not check["ok"]}
    assert bool(failed) == bool(result.get("failed"))
    assert all(f"{name}: " in result["msg"] for name in failed)
    return failed


@one_driver
def test_heartbeats_that_go_on_are_of_a_live_database(make_clone: Callable[..., Clone]) -> None:
    clone = make_clone(age=5)
    database = clone.world.sql.database(NAME)
    assert database is not None
    over = threading.Event()

    def beat() -> None:
        rows = database.connect()
        while not over.wait(0.05):
            rows.execute(
                'UPDATE "OctopusServerNodeStatus" SET "LastSeen" = ? WHERE rowid = 1', (moments.text(clone.world.network.clock.now()),)
            )
        rows.close()

    node = threading.Thread(target=beat)
    node.start()
    try:
        for check_mode in (True, False):
            result = clone.apply(check_mode)
            assert result["failed"] is True
            assert "new heartbeats of OCTO-A" in result["msg"]
    finally:
        over.set()
        node.join()
    assert clone.info()["quarantined"] is False
    assert not any(row["IsDisabled"] for row in list(clone.rows("Machine").values())[:7])


@one_driver
def test_a_copy_that_was_just_made_is_watched_and_taken(make_clone: Callable[..., Clone]) -> None:
    clone = make_clone(age=1)
    clock = clone.world.network.clock
    began = clock.seconds()
    assert clone.apply(stale_after=40)["changed"] is True
    assert clock.seconds() - began > 30


@one_driver
def test_a_clock_that_is_ahead_is_watched_for_as_long(make_clone: Callable[..., Clone]) -> None:
    clone = make_clone(age=-7200)
    assert clone.apply(stale_after=20)["changed"] is True


@one_driver
def test_whoever_is_connected_is_named(make_clone: Callable[..., Clone]) -> None:
    clone = make_clone()
    session = clone.world.sql.open(NAME, login="backup", host="OCTO-A", program="Octopus Server")
    try:
        refused(clone, "backup from OCTO-A (Octopus Server)", "A live database is never put under quarantine")
        assert clone.info().get("failed") is None
        assert "targets" in names(clone.verify())
    finally:
        session.close()
    assert clone.apply()["changed"] is True


@one_driver
@pytest.mark.parametrize("spelt", ["Octopus [clone]", "OCTOPUS [CLONE]"])
def test_the_sources_own_database(make_clone: Callable[..., Clone], spelt: str) -> None:
    clone = make_clone()
    here = clone.world.machine.address
    own = "is the source's own"
    refused(clone, own, source={"host": here, "database": spelt})
    refused(clone, own, source={"host": f"tcp:{here},1433", "database": spelt, "server_name": "ANOTHER"})
    for name in ("sql01", "SQL01.lab.example"):
        refused(clone, own, source={"host": "127.0.0.1", "port": 9, "database": spelt, "server_name": name})
    # Nobody can tell, and nobody guesses.
    refused(clone, "cannot be asked", "Give source.server_name", source={"host": "127.0.0.1", "port": 9, "database": spelt})
    assert clone.apply(source={"host": "127.0.0.1", "port": 9, "database": spelt, "server_name": "SQL02"})["changed"] is True
    result = clone.verify(source={"host": here, "database": spelt})
    assert "source" in names(result)


@one_driver
def test_a_source_that_answers_under_another_address(make_clone: Callable[..., Clone], make_world: Callable[..., World]) -> None:
    clone = make_clone()
    other = make_world()  # calls itself SQL01 as well: the same one for all that is known
    asked = {"host": other.machine.address, "database": NAME}
    result = clone.apply(source=asked)
    assert "is the source's own" in result["msg"] or "certificate" in result["msg"], result["msg"]
    result = clone.apply(True, source=asked, validate_certs=False, ca_path=None)
    assert "is the source's own" in result["msg"]
    other.sql.name = "SQL02"
    result = clone.apply(True, source=asked, validate_certs=False, ca_path=None)
    assert result.get("failed") is None and result["changed"] is True


@one_driver
@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        ('CREATE TRIGGER "t" BEFORE UPDATE ON "Subscription" BEGIN SELECT RAISE(ABORT, \'the disk is full\'); END', "the disk is full"),
        (
            'CREATE TRIGGER "t" AFTER UPDATE ON "Machine" BEGIN UPDATE "Machine" SET "IsDisabled" = 0; END',
            "targets: not disabled in Machine",
        ),
        ('UPDATE "Project" SET "JSON" = \'{"Name": \' WHERE "Id" = \'Projects-2\'', "that of Projects-2 cannot be read"),
        ('ALTER TABLE "Worker" RENAME TO "ServerWorker"', "has no Worker"),
        ('DROP TABLE "SchemaVersions"', "has no table SchemaVersions"),
        ('ALTER TABLE "Space" DROP COLUMN "Id"', ""),
    ],
)
def test_all_or_nothing(make_clone: Callable[..., Clone], spoil: str, said: str) -> None:
    clone = make_clone()
    with suppress(Exception):  # a key cannot be dropped: that one is renamed instead
        clone.write(spoil)
        spoil = ""
    if spoil:
        clone.write('ALTER TABLE "Space" RENAME COLUMN "Id" TO "Number"')
        said = "it has no column Id"
    refused(clone, said, check_modes=(False,))
    assert clone.info().get("quarantined") in (False, None)


@one_driver
def test_what_was_enabled_since_is_silenced_again(make_clone: Callable[..., Clone]) -> None:
    clone = make_clone()
    first = clone.apply()
    before = clone.info()["changes"]
    assert {"item": "targets", "table": "Machine", "row": "Machines-2", "column": "IsDisabled", "before": False} in [
        {name: one[name] for name in ("item", "table", "row", "column", "before")} for one in before
    ]
    assert {one["before"] for one in before if one["item"] == "tasks"} == {"Queued", "Executing", "Cancelling", "Paused"}
    clone.change("Machine", "Machines-8", IsDisabled=False)  # it was disabled before
    clone.change("Configuration", "smtp", SmtpHost="smtp.lab.example")
    clone.change("Configuration", "upgradeavailability", InstallationId=first["record"]["previous_installation_id"])
    clone.add("ExtensionConfiguration", Id="servicenow-integration", Name="ServiceNow", ExtensionAuthor="Octopus Deploy", IsEnabled=True)
    clone.add("OctopusServerNode", Id="OctopusServerNodes-x", Name="X", MaxConcurrentTasks=5, IsInMaintenanceMode=True)
    assert names(clone.verify()) == {"targets", "mail", "installation_id", "extensions", "server_nodes"}
    again = clone.apply()
    assert {name: counts["changed"] for name, counts in again["silenced"].items() if counts["changed"]} == {
        "targets": 1,
        "mail": 1,
        "installation_id": 1,
        "extensions": 1,
        "server_nodes": 1,
    }
    assert again["record"]["installation_id"] == first["record"]["installation_id"]
    assert clone.rows("Configuration")["upgradeavailability"]["InstallationId"] == first["record"]["installation_id"]
    assert again["record"]["silenced"]["targets"] == {"changed": 8, "were_so_already": 1}
    after = clone.info()["changes"]
    assert after[: len(before)] == before
    assert {(one["item"], one["row"], one["column"], one["before"]) for one in after[len(before) :]} == {
        ("targets", "Machines-8", "IsDisabled", False),
        ("extensions", "servicenow-integration", "JSON.IsEnabled", True),
        ("mail", "smtp", "JSON.SmtpHost", None),
        ("installation_id", "upgradeavailability", "JSON.InstallationId", None),
        ("server_nodes", "OctopusServerNodes-x", None, None),
    }
    assert clone.verify().get("failed") is None


def test_json_that_is_compressed_and_json_that_repeats_a_column(make_clone: Callable[..., Clone]) -> None:
    clone = make_clone()
    clone.write('ALTER TABLE "MachinePolicy" ADD COLUMN "JSONBlob" [varbinary(max)]')
    packed = gzip.compress(json.dumps({**POLICY, "Description": LONG}).encode("utf-16-le"))
    clone.write('UPDATE "MachinePolicy" SET "JSON" = NULL, "JSONBlob" = ? WHERE "Id" = ?', packed, "MachinePolicies-9")
    clone.write('UPDATE "Machine" SET "JSON" = ? WHERE "Id" = ?', '{"isDisabled":false,"Weight":1.50}', "Machines-8")
    assert clone.apply()["changed"] is True
    row = clone.rows("MachinePolicy")["MachinePolicies-9"]
    inner = json.loads(gzip.decompress(row["JSONBlob"]).decode("utf-16-le"))
    assert inner["MachineCleanupPolicy"]["DeleteMachinesBehavior"] == "DoNotDelete"
    assert inner["Description"] == LONG
    connection = clone.world.sql.open(NAME, login="backup")
    assert connection.execute('SELECT "JSON" FROM "Machine" WHERE "Id" = ?', ("Machines-8",)).fetchone() == (
        '{"isDisabled":true,"Weight":1.50}',
    )
    connection.close()
    assert clone.verify().get("failed") is None


@one_driver
def test_what_is_asked_for_beyond_that(make_clone: Callable[..., Clone]) -> None:
    clone = make_clone()
    keys = list(clone.rows("ApiKey"))
    lax: dict[str, Any] = {"execution": "allowed", "git": False, "retention": False}
    assert clone.apply(**lax)["changed"] is True
    assert not any(space["TaskQueueStopped"] for space in clone.rows("Space").values())
    assert clone.rows("Project")["Projects-1"]["PersistenceSettings"] == GIT
    assert clone.rows("Feed")["feeds-builtin"]["DeleteUnreleasedPackagesAfterDays"] == 30
    assert clone.verify(**lax).get("failed") is None
    strict: dict[str, Any] = {"external_feeds": True, "api_keys": True, "keep_api_keys": [keys[0].upper()]}
    assert names(clone.verify(**strict)) == {"execution", "git", "retention", "external_feeds", "api_keys"}
    clone.add("Feed", Id="Feeds-s3", Name="S3", FeedType="S3", AccessKey="a")
    refused(clone, "external_feeds: feeds that reach others", check_modes=(False,), **strict)
    clone.write('DELETE FROM "Feed" WHERE "Id" = ?', "Feeds-s3")
    assert clone.apply(**strict)["silenced"]["api_keys"]["changed"] == len(keys) - 1
    assert list(clone.rows("ApiKey")) == keys[:1]
    feeds = clone.rows("Feed")
    assert {row["FeedUri"] for row in feeds.values() if row["FeedType"] != "BuiltIn"} == {"https://quarantine.invalid/"}
    assert clone.verify(**strict).get("failed") is None
    shown = json.dumps(clone.info())
    assert "ApiKeyHashed" not in shown and "smtp.lab.example" not in shown


@one_driver
def test_accounts_without_credentials_and_who_may_sign_in(make_clone: Callable[..., Clone]) -> None:
    clone = make_clone()
    clone.add(
        "Account", Id="Accounts-aws", Name="AWS", AccountType="AmazonWebServicesAccount", AccessKey="AKIAIOSFODNN7EXAMPLE", SecretKey=_AWS
    )
    clone.add("ExtensionConfiguration", Id="authentication-aad", Name="Azure AD", ExtensionAuthor="x", IsEnabled=True, ClientId="a")
    clone.add("ExtensionConfiguration", Id="authentication-ldap", Name="LDAP", ExtensionAuthor="x", IsEnabled=False)
    key = next(key for key, row in clone.rows("ApiKey").items() if row["UserId"] == "Users-1")
    kept = {row["Password"] for row in clone.rows("Account").values() if row.get("Password")} | {_AWS}
    names_of = sorted(row["Name"] for row in clone.rows("Account").values())
    identity: dict[str, Any] = {"accounts": "scrub", "sign_in": ["Admin"], "by_program": ["certificate", "switches"]}
    refused(clone, "sign_in to name users of Octopus [clone], but it has none of the name nobody", sign_in=["admin", "nobody"])
    refused(clone, "the user of each API key in keep_api_keys", sign_in=["dora"], api_keys=True, keep_api_keys=[key])
    assert "at least one user" in clone.apply(sign_in=[])["msg"]

    before = clone.rows("User")
    result = clone.apply(**identity)
    assert result.get("failed") is None, result["msg"]
    assert result["silenced"]["sign_in"] == {"changed": len(before), "were_so_already": 0}, "all users but one, and one provider"
    assert {row["Username"] for row in clone.rows("User").values() if row["IsActive"]} == {"admin"}
    assert clone.rows("ExtensionConfiguration")["authentication-aad"]["AllowAutoUserCreation"] is False
    assert "AllowAutoUserCreation" not in clone.rows("ExtensionConfiguration")["authentication-ldap"]
    everything = clone.everything()
    assert kept and not [secret for secret in kept if secret in everything], "not in the record either"
    assert clone.rows("Account")["Accounts-aws"]["AccessKey"] == "AKIAIOSFODNN7EXAMPLE", "that is a name"
    assert [one["before"] for one in clone.info()["changes"] if one["item"] == "accounts"] == [None] * len(names_of)
    verified = clone.verify(**identity)
    assert (verified.get("failed"), verified["accounts"]) == (None, [])
    assert clone.apply(**identity)["changed"] is False

    # Somebody enters what he needs in the clone, and lets another one in.
    clone.change("Account", "Accounts-aws", SecretKey=_AWS)
    clone.change("User", "Users-2", IsActive=True)
    clone.change("ExtensionConfiguration", "authentication-aad", AllowAutoUserCreation=None)
    found = clone.verify(**identity)
    assert (names(found), found["accounts"]) == ({"accounts", "sign_in"}, ["AWS"])
    assert "dora, whoever authentication-aad lets in" in found["msg"] and _AWS not in json.dumps(found)
    assert clone.verify()["accounts"] == ["AWS"], "they are named where they are kept too"
    assert clone.apply(renew=True, waivers=[WAIVED])["changed"] is True
    assert clone.verify(**identity).get("failed") is None


@one_driver
def test_after_its_first_start(make_clone: Callable[..., Clone]) -> None:
    clone = make_clone()
    clone.apply()
    now = clone.world.network.clock.now()
    clone.add("OctopusServerNode", Id="OctopusServerNodes-clone", Name="OCTO-CLONE", MaxConcurrentTasks=5, IsInMaintenanceMode=False)
    clone.add("OctopusServerNodeStatus", Id="OctopusServerNodes-clone", OctopusServerNodeId="OctopusServerNodes-clone", LastSeen=now)
    clone.add("ServerTask", Id="ServerTasks-own", Name="SystemIntegrityCheck", State="Queued", QueueTime=now)
    assert names(clone.verify()) == {"server_nodes", "tasks"}
    assert clone.verify(nodes=["octo-clone"]).get("failed") is None
    clone.change("ServerTask", "ServerTasks-d", State="Queued")
    assert names(clone.verify(nodes=["octo-clone"])) == {"tasks"}
    clone.write('UPDATE "OctopusServerNodeStatus" SET "LastSeen" = ?', moments.text(now - timedelta(hours=1)))
    again = clone.apply(nodes=["OCTO-CLONE"])
    assert again["silenced"]["server_nodes"]["changed"] == 0
    assert again["silenced"]["tasks"]["changed"] == 2
    assert list(clone.rows("OctopusServerNode")) == ["OctopusServerNodes-clone"] == list(clone.rows("OctopusServerNodeStatus"))
    # The first time, a node goes whatever its name: it is the source's.
    other = make_clone()
    assert other.apply(nodes=["OCTO-A"])["silenced"]["server_nodes"]["changed"] == 4
    assert other.rows("OctopusServerNode") == {}


@one_driver
def test_folders(make_clone: Callable[..., Clone]) -> None:
    clone = make_clone()
    clone.apply()
    assert clone.verify(folders=["\\\\nas\\octopus\\Packages"]).get("failed") is None
    for theirs in ("d:/octopus/packagesdirectory", "D:\\Octopus\\.\\PackagesDirectory\\Spaces-1", "\\\\sql01\\d$\\OCTOPUS"):
        result = clone.verify(folders=[theirs])
        assert names(result) == {"folders"}
        assert "PackagesDirectory (D:\\Octopus\\PackagesDirectory: it is, is in or contains" in result["msg"]
    clone.change("Configuration", folders.ROW, PackagesDirectory=None, ArtifactsDirectory="Artifacts")
    result = clone.verify(folders=["\\\\nas\\octopus\\Packages"])
    assert "empty: it lies below the node's home, which was not given as home" in result["msg"]
    assert "'Artifacts': it lies below" in result["msg"]
    assert names(clone.verify(folders=["\\\\nas\\octopus\\Packages"], home="\\\\nas\\clone")) == {"folders"}
    assert clone.verify(folders=["\\\\nas\\octopus\\Packages"], home="C:\\Octopus").get("failed") is None
    assert names(clone.verify(folders=["C:\\Octopus\\Packages"], home="C:\\Octopus")) == {"folders"}
    clone.write('DELETE FROM "Configuration" WHERE "Id" = ?', folders.ROW)
    assert "none at all" in clone.verify(folders=["\\\\nas\\octopus\\Packages"])["msg"]
    assert "Expected folders" in clone.verify(folders=["Packages"])["msg"]


@one_driver
def test_a_clone_of_something_else(make_clone: Callable[..., Clone]) -> None:
    clone = make_clone()
    clone.apply(restore_point="one")
    refused(clone, "it was made of the restore point one, not two", restore_point="two")
    refused(clone, "it is a clone of Octopus, not of Other", source={**SOURCE, "database": "Other"})
    assert names(clone.verify(source={**SOURCE, "database": "Other"})) == {"record"}
    assert names(clone.verify(name="another")) == {"record"}


@pytest.mark.parametrize("sql", [SQL_2014, SQL_2017])
def test_with_the_least_of_permissions(make_clone: Callable[..., Clone], sql: str) -> None:
    clone = make_clone("2019.13.7", sql)
    clone.world.sql.add_login("owner", "0wner!pw")
    database = clone.world.sql.database(NAME)
    assert database is not None
    database.add_user("owner", {"db_datareader", "db_datawriter"})
    who: dict[str, Any] = {"login_user": "owner", "login_password": "0wner!pw"}
    before = clone.everything()
    result = clone.apply(**who)
    assert result["failed"] is True and "permission" in result["msg"]
    assert clone.everything() == before
    database.users["owner"].roles.add("db_owner")
    result = clone.apply(**who)
    assert result.get("failed") is None, result
    assert any("VIEW SERVER STATE" in note for note in result["notes"])
    assert clone.verify(**who).get("failed") is None


@one_driver
def test_the_record_goes_where_the_database_goes(make_clone: Callable[..., Clone]) -> None:
    clone = make_clone()
    result = clone.apply()
    path = "D:\\Backup\\clone.bak"
    assert clone.world.backup(database=NAME, path=[path]).get("failed") is None
    restored = clone.world.module("mssql_restore", database="Moved", path=[path])
    assert restored.get("failed") is None, restored
    clone.database = "Moved"
    assert clone.info()["record"] == result["record"]
    assert clone.apply()["changed"] is False
    assert clone.info(database="master")["failed"] is True


# -- lifting it

_RESTORED = (
    *("Machine", "Worker", "ProjectTrigger", "Subscription", "Project", "Space", "Lifecycle", "MachinePolicy", "Feed", "Runbook", "ApiKey"),
    *("ExtensionConfiguration", "Configuration", "User"),
)


def restored(clone: Clone) -> dict[str, dict[str, Any]]:
    """Each row that lifting restores, without what is never lifted."""
    found = {}
    for table in _RESTORED:
        with suppress(sqlite3.OperationalError):  # this version has no such table
            found.update({f"{table} {key}": row for key, row in clone.rows(table).items()})
    return {key: row for key, row in found.items() if key.partition(" ")[2] not in ("server", "upgradeavailability", "maintenance")}


@pytest.mark.parametrize(
    ("version", "sql", "driver"),
    [
        ("2018.3.13", SQL_2014, "freetds"),
        ("2018.10.7", SQL_2017, "microsoft"),
        ("2025.3.14357", SQL_2017, "microsoft"),
        ("2025.3.14357", SQL_2017, "freetds"),
    ],
    indirect=["driver"],
)
def test_lifting_restores_what_was_recorded(make_clone: Callable[..., Clone], version: str, sql: str) -> None:
    clone = make_clone(version, sql)
    before = restored(clone)
    identity: dict[str, Any] = {"accounts": "scrub", "sign_in": ["admin"], "by_program": ["certificate", "switches"]}
    assert not clone.apply(external_feeds=True, api_keys=True, **identity).get("failed")
    assert restored(clone) != before
    silent = clone.everything()
    told = clone.apply(check_mode=True, state="absent", source_retired=True)
    assert told["changed"] is True and clone.everything() == silent
    assert {one["verdict"] for one in told["plan"]} == {"lift", "stays"}
    ahead = clone.info(lifting=True)
    assert (ahead["plan"], ahead["lifted"], ahead["left"], ahead["notes"]) == (told["plan"], told["lifted"], told["left"], told["notes"])
    assert ahead["changed"] is False and clone.everything() == silent

    first = clone.apply(state="absent", source_retired=True, items=["targets", "workers", "machine_policies", "retention", "execution"])
    assert not first.get("failed"), first
    assert first["quarantined"] is True
    assert "record: it is lifted in part since" in clone.verify()["msg"]
    result = clone.apply(state="absent", source_retired=True, server_uri="https://octopus.lab.example")
    assert not result.get("failed"), result
    assert result["quarantined"] is False and clone.info()["quarantined"] is False
    assert restored(clone) == before
    assert clone.rows("Configuration")["server"]["ServerUri"] == "https://octopus.lab.example"
    scheduled = next(one for one in result["left"] if one["row"] == "ServerTasks-d")
    assert scheduled["about"].startswith(str((clone.world.network.clock.now() + timedelta(days=1)).year))  # when it was due
    assert {one["item"] for one in result["left"]} - {"maintenance"} == {"tasks", "server_nodes", "installation_id", "accounts"}
    assert [note for note in result["notes"] if "export-certificate" in note or "program's own switches" in note] == result["notes"][-2:]
    assert clone.apply(state="absent", source_retired=True)["changed"] is False
    refused(clone, "its quarantine was lifted at", "A live database is never put under quarantine")
    assert clone.apply(renew=True)["changed"] is False


@one_driver
def test_what_does_not_fit_any_more_is_named_and_left(make_clone: Callable[..., Clone]) -> None:
    clone = make_clone()
    clone.apply(external_feeds=True)
    clone.change("Configuration", "smtp", SmtpHost="smtp.another.example")
    clone.write('DELETE FROM "Machine" WHERE "Id" = ?', "Machines-2")
    clone.write('ALTER TABLE "ProjectTrigger" RENAME TO "Trigger"')
    clone.write('ALTER TABLE "ExtensionConfiguration" RENAME COLUMN "ExtensionAuthor" TO "Author"')
    clone.write('ALTER TABLE "Feed" RENAME COLUMN "FeedUri" TO "Address"')
    # SQL Server takes no value there: what the plan cannot know.
    clone.write('CREATE TRIGGER "t" BEFORE UPDATE ON "Worker" BEGIN SELECT RAISE(ABORT, \'CHECK constraint failed: w\'); END')
    result = clone.apply(state="absent", source_retired=True)
    verdicts = {(one["item"], one["row"]): one["verdict"] for one in result["left"] if one["verdict"] != "stays"}
    assert verdicts[("mail", "smtp")] == "changed"
    assert verdicts[("targets", "Machines-2")] == "gone"
    assert {verdict for (item, _row), verdict in verdicts.items() if item == "triggers"} == {"gone"}
    assert verdicts[("extensions", "jira-integration")] == "unfit"
    assert {verdict for (item, _row), verdict in verdicts.items() if item == "external_feeds"} == {"gone"}
    assert {verdict for (item, _row), verdict in verdicts.items() if item == "workers"} == {"refused"}
    assert clone.rows("Configuration")["smtp"]["SmtpHost"] == "smtp.another.example"
    assert clone.rows("Machine")["Machines-1"]["IsDisabled"] is False
    assert any("have to be made by hand" in note for note in result["notes"])


@one_driver
def test_nothing_is_lifted_beside_a_running_source(make_clone: Callable[..., Clone]) -> None:
    clone = make_clone()
    world = clone.world
    clone.apply()
    silent = clone.everything()
    lift: dict[str, Any] = {"state": "absent", "source": {"host": world.machine.address, "database": "Octopus"}}
    assert "the source, to be stopped" in clone.apply(**lift)["msg"]  # a database of another product says nothing of the source
    path = "D:\\Backup\\source.bak"
    assert world.backup(database=NAME, path=[path]).get("failed") is None
    assert world.module("mssql_restore", database="Octopus", path=[path], replace=True).get("failed") is None
    session = world.sql.open("Octopus", login="backup", host="OCTO-A", program="Octopus Server")
    try:
        assert "backup from OCTO-A (Octopus Server)" in clone.apply(**lift)["msg"]
        assert clone.info(lifting=True)["lifted"]["targets"]["lift"] > 0  # what only reads does not mind
    finally:
        session.close()
    own = world.sql.open(NAME, login="backup", host="OCTO-CLONE", program="Octopus Server")
    try:
        assert "backup from OCTO-CLONE (Octopus Server)" in clone.apply(**lift)["msg"]
    finally:
        own.close()
    assert clone.everything() == silent
    assert clone.apply(**lift)["quarantined"] is False
    # Its source takes its place again, and it is a clone again, which can take that place once more.
    loud = clone.rows("Machine"), clone.rows("ProjectTrigger")
    assert "its quarantine was lifted" in clone.apply()["msg"]
    assert clone.apply(after_lift=True)["quarantined"] is True
    assert all(row["IsDisabled"] for row in clone.rows("Machine").values())
    assert clone.apply(**lift)["quarantined"] is False
    assert (clone.rows("Machine"), clone.rows("ProjectTrigger")) == loud
