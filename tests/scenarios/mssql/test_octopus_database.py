# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The database of an Octopus Server with its node up and down, and its schema upgrade over WinRM."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.database.schema_upgrade import SchemaUpgrade, UpgradeRequest
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.host.instances import OctopusHost
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.connection import ConnectionOptions, WindowsHost
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.jobs import RunAs
from ansible_collections.octopus.upgrade.tests.unit.run_module import run_module
from lab.core.clock import Clock
from lab.core.faults import Faults
from lab.core.filesystem import Logon
from lab.core.ledger import Event, Ledger
from lab.core.network import Machine, Network
from lab.octopus import media
from lab.octopus.build import InstanceHandle, install_instance
from lab.sql.server import SqlServer
from lab.sql.views import objects
from lab.tds.server import TdsServer
from lab.windows import host as windows
from lab.windows import installer
from lab.winrm.server import WinRMServer
from patience import patient

OLD, NEW = "2018.10.7", "2021.1.8045"
SQL_PASSWORD, PRODUCT_PASSWORD, ADMIN_PASSWORD = "Sq1!upgrade", "Oc2!product", "Wr3!admin"
WAIT = patient(60.0)
WORK = "C:\\ProgramData\\octopus.upgrade"


@dataclass
class Estate:
    """One node, its SQL Server, and the module run against them."""

    network: Network
    host: windows.WindowsHost
    sql: SqlServer
    instance: InstanceHandle
    driver: str

    @property
    def ledger(self) -> Ledger:
        return self.network.ledger

    @property
    def connection(self) -> dict[str, Any]:
        return {
            "name": "octo01",
            "host": self.host.address,
            "port": 5986,
            "scheme": "https",
            "username": "LAB\\octo-admin",
            "password": ADMIN_PASSWORD,
            "transport": ["basic"],
            "ca_trust_path": str(self.network.authority.path),
        }

    @property
    def login(self) -> dict[str, Any]:
        return {
            "login_host": self.sql.machine.address,
            "login_user": "upgrade",
            "login_password": SQL_PASSWORD,
            "driver": self.driver,
            "ca_path": str(self.network.authority.path),
            "database": "OctopusDeploy",
        }

    def database(self, kind: str = "info", check_mode: bool = False, **params: Any) -> dict[str, Any]:
        result = run_module(f"octopus_database_{kind}", check_mode, **(self.login | params))
        result.pop("invocation", None)
        assert not any(secret in json.dumps(result) for secret in (SQL_PASSWORD, PRODUCT_PASSWORD, ADMIN_PASSWORD))
        return result

    def quarantine(self, kind: str, **params: Any) -> dict[str, Any]:
        return dict(run_module(f"octopus_quarantine{kind}", **(self.login | params)))

    def upgrade(self, expected: str | None = NEW, check_mode: bool = False, **params: Any) -> dict[str, Any]:
        return self.database("upgrade", check_mode, expected_version=expected, connection=self.connection, **({"timeout": 60} | params))

    def install(self, version: str) -> None:
        """Put another version of the program there, as its MSI does."""
        run = installer.Run(self.host, lambda _seconds: None, lambda _line: None)
        assert installer.install(run, media.build_msi(version), "C:\\", {}) == 0

    def stop(self) -> None:
        mark = self.ledger.mark()
        self.host.services.stop(self.instance.service)
        self.ledger.wait_for(lambda event: event.kind == "service.state" and event["state"] == "STOPPED", patient(30), mark)

    def start(self) -> None:
        mark = self.ledger.mark()
        self.instance.start()
        self.instance.wait_until_healthy(30, mark)

    def schema(self, action: str) -> list[Event]:
        return self.ledger.events("octopus", what="schema upgrade", action=action)

    def scripts(self) -> int:
        return self.count("SchemaVersions")

    def count(self, table: str) -> int:
        connection = self.sql.open("OctopusDeploy", login="octopus", program="test")
        try:
            return int(connection.execute(f'SELECT count(*) FROM "{table}"').fetchone()[0])
        finally:
            connection.close()

    def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """Have the REST API make something, as a user does."""
        url = next(iter(self.instance.urls.values()))
        answer = requests.post(f"{url}/api/{path}", json=body, headers={"X-Octopus-ApiKey": self.instance.api_key}, timeout=patient(30))
        assert answer.status_code == 201, answer.text
        return answer.json()

    def is_file(self, path: str) -> bool:
        return self.host.fs.is_file(path, Logon.service("SYSTEM"))


@pytest.fixture
def make_estate(tmp_path: Path, driver: str) -> Iterator[Callable[..., Estate]]:
    stops: list[Callable[[], object]] = []

    def make(version: str = OLD, scale: float = 100.0, **options: Any) -> Estate:
        clock = Clock(scale)
        ledger = Ledger(clock)
        network = Network(tmp_path / "lab", clock, ledger, Faults(ledger))
        network.add_account("octo-admin", ADMIN_PASSWORD)
        machine = Machine("sql01", network)
        sql = SqlServer(machine, network)
        sql.add_login("octopus", PRODUCT_PASSWORD, roles={"dbcreator"})
        sql.add_login("upgrade", SQL_PASSWORD, roles={"sysadmin"})
        context = network.authority.server_context(tmp_path / "tls", machine.address, "sql01")
        tds = TdsServer(sql, machine.address, 1433, context, ledger=ledger, machine="sql01", faults=network.faults).start()
        host = windows.WindowsHost("octo01", network)
        instance = install_instance(
            [host], sql, version=version, sql_login="octopus", sql_password=PRODUCT_PASSWORD, **({"size": 0.2} | options)
        )
        host.boot()
        winrm = WinRMServer(host, network)
        winrm.start()
        stops.extend([winrm.stop, host.shutdown, tds.stop, network.close])
        instance.wait_until_healthy(30)
        return Estate(network, host, sql, instance, driver)

    yield make
    for stop in stops:
        stop()


@pytest.fixture
def up(make_estate: Callable[..., Estate]) -> Estate:
    """The node runs."""
    return make_estate()


@pytest.fixture
def estate(up: Estate) -> Estate:
    """The node is stopped and has the new program."""
    up.stop()
    up.install(NEW)
    return up


one_driver = pytest.mark.parametrize("driver", ["microsoft"], indirect=True)


def test_whether_the_account_of_the_jobs_is_db_owner(up: Estate) -> None:
    database = up.sql.database("OctopusDeploy")
    assert database is not None

    def account(name: str, **login: Any) -> dict[str, Any]:
        result = up.database(gather=[], account=name, **login)
        assert not result.get("failed"), result
        return result["account"]

    service = up.sql.add_login("LAB\\svc-octopus")
    database.add_user(service.name, {"db_owner"}, sid=service.sid)
    assert account("lab\\svc-octopus")["db_owner"] is True
    machine = account("OCTO01$")
    assert machine["db_owner"] is False
    assert "no login for OCTO01$" in machine["found"]
    up.sql.add_login("LAB\\OCTO01$")
    assert "LAB\\OCTO01$ may log in, but is not db_owner" in account("OCTO01$")["found"]
    up.sql.add_login("LAB\\OCTO02$", roles={"sysadmin"})
    assert account("OCTO02$")["db_owner"] is True
    up.sql.add_login("weak", "W3ak!password")
    database.add_user("weak", {"db_datareader"})
    assert account("OTHER$", login_user="weak", login_password="W3ak!password")["db_owner"] is None


def test_what_a_running_instance_shows(up: Estate) -> None:
    mark = up.ledger.mark()
    result = up.database()
    assert not result.get("failed"), result
    assert (result["changed"], result["version"], result["server"], result["database"]) == (False, OLD, "SQL01", "OctopusDeploy")
    assert result["schema_scripts"] == up.scripts()
    assert None in [row["version"] for row in result["history"]]  # as old versions leave them
    (row,) = result["node_rows"]
    assert row["name"].upper() == "OCTO01"
    assert 0 <= row["last_seen_age_seconds"] < 60
    assert result["sessions_visible"] is True
    assert {(one["login"], one["host"].upper()) for one in result["sessions"]} == {("octopus", "OCTO01")}
    assert result["operations"] == []
    assert 0 < result["used_bytes"] <= result["data_bytes"] and result["log_bytes"] > 0
    assert all(volume["free"] > 0 for volume in result["volumes"]) and result["volumes"]
    ran = {event["sql"].split()[0] for event in up.ledger.events("sql", since=mark) if event["login"] == "upgrade"}
    # Drivers ask for the types of parameters by themselves.
    assert {word for word in ran if "sp_datatype_info" not in word} <= {"SELECT", "USE"}


def test_what_a_stopped_instance_shows(up: Estate) -> None:
    up.stop()
    result = up.database()
    assert (result["version"], result["sessions"]) == (OLD, [])


def test_the_sessions_of_a_node_that_is_stopped_are_waited_for(up: Estate) -> None:
    running = up.database("wait", timeout=0.1)
    assert running["failed"] and "octopus from " in running["msg"]
    assert up.database("wait", check_mode=True, timeout=0.1)["sessions"] == running["sessions"] != []
    up.stop()
    result = up.database("wait", timeout=WAIT)
    assert (result.get("failed"), result["changed"], result["sessions"], result["sessions_visible"]) == (None, False, [], True)


def test_a_login_that_may_not_see_others(up: Estate) -> None:
    up.sql.add_login("reader", "Reader!1")
    up.sql.databases["octopusdeploy"].add_user("reader", {"db_datareader"})
    result = up.database(login_user="reader", login_password="Reader!1")
    assert not result.get("failed"), result
    assert (result["version"], result["sessions_visible"], result["sessions"], result["volumes"]) == (OLD, False, [], [])
    waited = up.database("wait", login_user="reader", login_password="Reader!1")
    assert (waited.get("failed"), waited["sessions_visible"]) == (None, False)


@pytest.mark.parametrize("version", ["2018.10.7", "2020.5.7", "2025.3.14357"])
def test_what_was_done_since_a_moment(make_estate: Callable[..., Estate], version: str) -> None:
    """The instance is in use when the moment is noted, has a history, and a deployment that is scheduled for tomorrow."""
    estate = make_estate(version, trigger_minutes=100000)
    since = estate.database()["now"]
    before = estate.database(since=since)
    assert not before.get("failed"), before
    nothing: dict[str, Any] = {"count": 0, "first": None, "last": None, "names": {}, "users": {}, "examples": []}
    assert before["newer"] == dict.fromkeys(("tasks", "releases", "deployments", "events"), nothing)

    mark = estate.ledger.mark()
    packages = [{"ActionName": "Deploy", "Version": "9.0.1"}]
    release = estate.post(
        "releases", {"ProjectId": "Projects-1", "ChannelId": "Channels-1", "Version": "9.0.1", "SelectedPackages": packages}
    )
    deployment = estate.post("deployments", {"ReleaseId": release["Id"], "EnvironmentId": "Environments-1"})
    estate.ledger.wait_for(
        lambda event: event.kind == "octopus" and event.get("task") == deployment["TaskId"] and event.get("state") == "Success", WAIT, mark
    )
    estate.ledger.wait_for(lambda event: event.kind == "contact" and event.get("what") == "mail", WAIT, mark)  # after its event
    newer = estate.database(since=since)["newer"]
    assert {kind: entry["count"] for kind, entry in newer.items()} == {"tasks": 1, "releases": 1, "deployments": 1, "events": 2}
    assert (newer["tasks"]["names"], newer["events"]["names"]) == ({"Deploy": 1}, {"Created": 1, "DeploymentSucceeded": 1})
    (task,), (made,), (deployed,), (created, told) = (newer[kind]["examples"] for kind in ("tasks", "releases", "deployments", "events"))
    assert (task["id"], task["state"], task["project"]) == (deployment["TaskId"], "Success", "Web Shop")
    assert "release 9.0.1" in task["name"] and "release 9.0.1" in told["name"]
    assert (made["id"], made["name"], made["state"], made["project"]) == (release["Id"], "9.0.1", None, "Web Shop")
    assert (deployed["id"], deployed["state"], deployed["project"]) == (deployment["Id"], "Success", "Web Shop")
    assert since < made["when"] <= created["when"] <= deployed["when"] <= task["when"] <= told["when"] <= estate.database()["now"]
    assert [entry["first"] for entry in newer.values()] == [task["when"], made["when"], deployed["when"], created["when"]]
    assert [entry["last"] for entry in newer.values()] == [task["when"], made["when"], deployed["when"], told["when"]]

    # With the node stopped the same can be told, and everything since the beginning with no more than five examples of each.
    estate.stop()
    assert estate.database(since=since)["newer"] == newer
    every = estate.database(since="2000-01-01T00:00:00+01:00")["newer"]
    for kind, table in (("tasks", "ServerTask"), ("releases", "Release"), ("deployments", "Deployment"), ("events", "Event")):
        scheduled = 1 if kind == "tasks" else 0
        assert every[kind]["count"] == estate.count(table) - scheduled
        # What the server itself has written comes after what users did.
        shown = [(one["user"] != "system", one["when"]) for one in every[kind]["examples"]]
        assert len(shown) == 5 and shown == sorted(shown, reverse=True)
        if kind != "events":
            assert shown[0][1] == every[kind]["last"]
    assert every["tasks"]["first"] < since


PLANTED = {
    "dynamic_extensions_null": """INSERT INTO Configuration (Id, JSON) VALUES ('dynamic-extensions-scripts', '{"Csp": null}')""",
    "event_indexes_missing": "DROP INDEX IX_EventRelatedDocument_RelatedDocumentId",
    "legacy_variable_set": "UPDATE LibraryVariableSet SET Name = 'Legacy Variable Mappings'",
    "history_version_null": "UPDATE OctopusServerInstallationHistory SET Version = NULL",
}


@one_driver
def test_what_a_database_says_of_known_jumps(up: Estate) -> None:
    before = up.database(gather=["conditions"])["conditions"]
    assert [name for name, holds in before.items() if holds and name in PLANTED] == []
    assert (before["sql_below_2016"], before["azure_sql"], before["database_case_sensitive"]) == (False, False, False)
    assert before["role_scope_empty"] is False  # 2018.10 has no such table yet
    connection = up.sql.open("OctopusDeploy", login="octopus", program="test")
    for statement in PLANTED.values():
        connection.execute(statement)
    connection.close()
    after = up.database(gather=["conditions"])["conditions"]
    assert {name: after[name] for name in PLANTED} == dict.fromkeys(PLANTED, True)


@one_driver
def test_what_lets_a_schema_upgrade_write(up: Estate) -> None:
    ready = up.database(gather=["readiness"], server_login="octopus")["readiness"]
    assert (ready["engine_edition"], ready["own_objects"], ready["server_login"]["db_owner"]) == (2, [], True)
    assert ready["files"] and all(file["grows"] for file in ready["files"])
    up.sql.add_login("reports", SQL_PASSWORD)
    up.sql.databases["octopusdeploy"].add_user("reports", {"db_datareader"}, sid=up.sql.logins["reports"].sid)
    connection = up.sql.open("OctopusDeploy", login="octopus", program="test")
    for statement in (
        f"CREATE TABLE IF NOT EXISTS {objects.SCHEMAS} (name TEXT COLLATE NOCASE PRIMARY KEY)",
        f"INSERT INTO {objects.SCHEMAS} VALUES ('reports')",
        'CREATE TABLE "reports.Sales" (Id INTEGER)',
    ):
        connection.execute(statement)
    connection.close()
    found = up.database(gather=["readiness"], server_login="reports")["readiness"]
    assert found["own_objects"] == ["reports.Sales"]
    assert found["server_login"] == {"name": "reports", "db_owner": False, "found": "that it is a user without that role"}
    assert up.database(gather=["readiness"], server_login="nobody")["readiness"]["server_login"]["found"] == "no user for it"
    hidden = up.database(gather=["readiness"], server_login="nobody", login_user="reports")["readiness"]
    assert hidden["server_login"]["db_owner"] is None, "a login with few rights does not see other users"


@one_driver
def test_a_moment_that_cannot_be(up: Estate) -> None:
    assert "ISO 8601 with its offset" in up.database(since="2026-11-23T20:00:00")["msg"]
    assert "it is SQL Server's own time" in up.database(since="2999-01-01T00:00:00+00:00")["msg"]


def test_a_database_of_something_else(up: Estate) -> None:
    up.sql.create_database("Shop [1]")
    assert "Shop [1] on SQL Server" in up.database(database="Shop [1]")["msg"]


@one_driver
def test_an_upgrade_runs_once_as_a_job(estate: Estate) -> None:
    before = estate.scripts()
    result = estate.upgrade()
    assert not result.get("failed"), result
    assert (result["changed"], result["job"], result["exit_code"]) == (True, "started", 0)
    assert "Upgrade successful" in result["log_tail"]
    assert estate.is_file(result["output_path"])
    assert result["schema_scripts"] == estate.scripts() > before
    assert [event.machine for event in estate.schema("done")] == ["octo01"]
    assert not estate.host.fs.exists(f"{WORK}\\jobs\\{result['job_id']}", Logon.service("SYSTEM"))

    estate.start()
    again = estate.upgrade()
    assert (again["changed"], again["version"], again["job"]) == (False, NEW, None)
    assert len(estate.schema("start")) == 1


@one_driver
def test_a_clone_is_silent_again_after_its_schema_upgrade(estate: Estate) -> None:
    """From 2018.10 to 2021.1: spaces come with it, whose queues run."""
    source = {"host": "sql-prod.lab.example", "database": "Octopus", "server_name": "SQL-PROD"}
    assert not estate.quarantine("", name="copy", source=source).get("failed")
    assert not estate.quarantine("_verify").get("failed")
    result = estate.upgrade()
    assert not result.get("failed"), result
    assert result["job"] == "started" and result["quarantine"]["name"] == "copy"
    assert result["quarantine"]["silenced"]["execution"] == 1 and "execution" in result["quarantine"]["verified"]
    assert not estate.quarantine("_verify").get("failed")
    brought = [one for one in estate.quarantine("_info")["changes"] if one["reason"] == "upgrade"]
    assert {(one["item"], one["table"]) for one in brought} >= {("execution", "Space")}
    assert estate.quarantine("", renew=True)["changed"] is False
    # What a lifting that is not finished has enabled must not be silenced in passing, nor be started by a new version.
    assert not estate.quarantine("", state="absent", source_retired=True, items=["targets"]).get("failed")
    refused = estate.upgrade(None)
    assert "it is lifted in part" in refused["msg"] and len(estate.schema("start")) == 1


@one_driver
def test_check_mode_begins_nothing(up: Estate) -> None:
    mark = up.ledger.mark()
    result = up.upgrade(check_mode=True)
    assert (result.get("failed"), result["changed"]) == (None, True)
    assert not up.ledger.events("task.run", since=mark)
    assert not up.ledger.events("file", since=mark)


@one_driver
def test_a_running_node_is_named(up: Estate) -> None:
    result = up.upgrade(None)
    assert "octopus from octo01" in result["msg"].lower().replace("OCTO01", "octo01")
    assert not up.schema("start")


@one_driver
def test_a_program_of_another_version_is_refused(up: Estate) -> None:
    up.stop()
    result = up.upgrade()
    assert f"but it is {OLD}" in result["msg"]
    assert "octopus_install" in result["msg"]
    assert not up.schema("start")


@one_driver
def test_a_script_that_fails(estate: Estate) -> None:
    before = estate.scripts()
    estate.network.faults.arm("schema.fail", "octo01", message="String or binary data would be truncated.")
    result = estate.upgrade()
    assert result["failed"]
    assert "exit code" in result["msg"]
    assert "String or binary data would be truncated." in result["msg"]
    log = result["msg"].partition("The whole log is ")[2].partition(" there")[0]
    assert estate.is_file(log)
    assert estate.scripts() == before
    assert estate.upgrade()["job"] == "started"
    assert len(estate.schema("done")) == 1


@one_driver
def test_a_job_that_an_earlier_run_has_left_is_followed(estate: Estate) -> None:
    request = UpgradeRequest(None, NEW, 60, RunAs(), WORK)
    with WindowsHost(ConnectionOptions.from_params(estate.connection)) as host:
        earlier = SchemaUpgrade(request, OctopusHost(host), lambda: pytest.fail("not needed"))
        earlier.job.start([[earlier.octopus.cli.program, "database", f"--instance={earlier.instance}", "--upgrade"]])
    result = estate.upgrade()
    assert not result.get("failed"), result
    assert result["job"] in ("attached", "started")  # it may have ended by now, and then runs again without anything to do
    assert len(estate.schema("done")) == 1


@one_driver
def test_a_deadline_ends_it(make_estate: Callable[..., Estate]) -> None:
    estate = make_estate(scale=5.0)
    estate.stop()
    estate.install(NEW)
    before = estate.scripts()
    result = estate.upgrade(timeout=0.5)
    assert "and was ended" in result["msg"]
    assert not estate.schema("done")
    assert estate.scripts() == before


@one_driver
def test_a_schema_upgrade_that_nobody_follows_is_ended_before_a_rollback(make_estate: Callable[..., Estate]) -> None:
    estate = make_estate(scale=5.0)
    estate.stop()
    estate.install(NEW)
    before, mark = estate.scripts(), estate.ledger.mark()
    with WindowsHost(ConnectionOptions.from_params(estate.connection)) as host:
        job = SchemaUpgrade(
            UpgradeRequest(None, NEW, 60, RunAs(), WORK), OctopusHost(host), lambda: pytest.fail("the database is not asked")
        ).job
        job.start([[OctopusHost(host).cli.program, "database", "--instance=OctopusServer", "--upgrade"]])
    estate.ledger.wait_for(lambda event: event.kind == "octopus" and event["what"] == "schema upgrade", patient(30), mark)
    result = run_module("octopus_jobs", connections=[estate.connection], state="absent", cancel=["schema"])
    [left] = result["nodes"]["octo01"]["jobs"]
    assert (left["id"], left["status"], left["action"]) == (job.identity, "lost", "cancelled")
    assert estate.is_file(left["log_path"])
    assert not estate.is_file(f"{job.folder}\\command.cmd")
    assert not estate.schema("done")
    assert estate.scripts() == before
    running = [process.name for process in estate.host.processes() if process.name.startswith(("Octopus", "cmd"))]
    assert running == []
    assert estate.upgrade()["job"] == "started"


@one_driver
def test_the_heartbeat_of_a_node_that_has_just_stopped_is_waited_for(make_estate: Callable[..., Estate]) -> None:
    """From 2023.2.9755 on the product refuses while a heartbeat looks alive (#8241)."""
    estate = make_estate("2020.5.7")
    estate.stop()
    estate.install("2025.3.14357")
    result = estate.upgrade("2025.3.14357")
    assert not result.get("failed"), result
    assert all(row["last_seen_age_seconds"] >= 60 for row in estate.database(gather=["nodes"])["node_rows"])
