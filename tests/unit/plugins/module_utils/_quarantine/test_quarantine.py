# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a quarantine refuses, and what it makes of rows in forms that the lab does not have. The whole of it is in tests/scenarios."""

from __future__ import annotations

import json
import re
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from ansible_collections.octopus.upgrade.plugins.module_utils._core.waiting import Deadline
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.connection.options import SqlOptions
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.errors import MssqlError
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError
from ansible_collections.octopus.upgrade.plugins.module_utils._quarantine import documents, refusals, row_edits, rules
from ansible_collections.octopus.upgrade.plugins.module_utils._quarantine.checks import outbound, retention, targets, tasks
from ansible_collections.octopus.upgrade.plugins.module_utils._quarantine.checks import tables as table_checks
from ansible_collections.octopus.upgrade.plugins.module_utils._quarantine.checks.look import Check, Look
from ansible_collections.octopus.upgrade.plugins.module_utils._quarantine.request import (
    APPLY_OPTIONS,
    OPTIONS,
    VERIFY_OPTIONS,
    Request,
    Source,
)
from ansible_collections.octopus.upgrade.plugins.module_utils._quarantine.rows import Document, Row, Table

NOW = datetime(2026, 11, 25, 14, tzinfo=timezone.utc)
NODES = {("OctopusServerNode", "Id"), ("OctopusServerNode", "Name"), ("OctopusServerNode", "LastSeen")}


class Server:
    """A SQL Server with one database, whose nodes beat or not; its clock goes on with each pause."""

    def __init__(self, name: str = "SQL01", host: str = "192.0.2.1", database: str = "Octopus") -> None:
        self.options = SqlOptions(host, 1433, "me", "secret")
        self.name = name
        self.database = database
        self.seen: dict[str, datetime | None] = {}
        self.sessions: list[dict[str, Any]] = []
        self.now = NOW
        self.beats = False
        self.may_see_sessions = True
        self.columns = NODES
        self.slept = 0.0

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *_exc: object) -> None:
        return None

    def query(self, sql: str, *params: Any) -> list[dict[str, Any]]:
        assert sql.count("?") == len(params), sql
        if "SERVERPROPERTY('ServerName')" in sql:
            return [{"server_name": self.name, "local_name": self.name, "database_name": self.database}]
        if "HAS_PERMS_BY_NAME" in sql:
            return [{"may": int(self.may_see_sessions)}]
        if "COUNT(*)" in sql:
            return [{"number": len(self.seen)}]
        if "dm_exec_sessions" in sql:
            return self.sessions
        if "INFORMATION_SCHEMA" in sql:
            return [{"table_name": table, "column_name": column} for table, column in self.columns]
        if "SYSDATETIMEOFFSET" in sql:
            return [{"now": self.now.isoformat(sep=" ")}]
        if "OctopusServerNode" in sql:
            return [{"Id": name, "Name": name, "LastSeen": seen and seen.isoformat(sep=" ")} for name, seen in self.seen.items()]
        if "DB_ID(?)" in sql:
            return [{"known": int(params[0].lower() == self.database.lower())}]
        raise AssertionError(f"nobody expects: {sql}")

    def scalar(self, sql: str, *params: Any) -> Any:
        return next(iter(self.query(sql, *params)[0].values()))

    def sleep(self, seconds: float) -> None:
        self.slept += seconds
        self.now += timedelta(seconds=seconds)
        if self.beats:
            self.seen["A"] = self.now

    def watch(self, seconds: float = 150) -> Deadline:
        return Deadline(seconds, first=1, most=10, clock=lambda: self.slept, sleep=self.sleep)


def live(server: Server, stale_after: float = 120) -> None:
    refusals.refuse_live(server, server.database, stale_after, server.watch(stale_after * 1.25))


def ago(seconds: float) -> datetime:
    return NOW - timedelta(seconds=seconds)


def test_an_old_heartbeat_is_not_watched() -> None:
    server = Server()
    server.seen = {"A": ago(121), "B": None}
    live(server)
    assert server.slept == 0


def test_a_young_one_that_stands_still_is_watched_until_it_is_old() -> None:
    server = Server()
    server.seen = {"A": ago(20), "B": ago(90)}
    live(server)
    assert 100 <= server.slept < 115


def test_one_of_the_future_is_watched_for_as_long() -> None:
    server = Server()
    server.seen = {"A": ago(-3600)}
    live(server)
    assert 120 <= server.slept <= 150


def test_one_that_goes_on_is_of_a_node_that_lives() -> None:
    server = Server()
    server.seen, server.beats = {"A": ago(20), "B": ago(9000)}, True
    with pytest.raises(OctopusError, match=r"new heartbeats of A in Octopus on SQL Server 192\.0\.2\.1,1433"):
        live(server)
    assert server.slept < 10


def test_a_node_that_appears_while_it_is_watched() -> None:
    server = Server()
    server.seen = {"B": ago(20)}
    server.beats = True
    with pytest.raises(OctopusError, match="new heartbeats of A"):
        live(server)


@pytest.mark.parametrize("may_see_sessions", [True, False])
def test_a_heartbeat_in_an_unknown_column_is_no_sign_of_a_stopped_node(may_see_sessions: bool) -> None:
    server = Server()
    server.seen, server.may_see_sessions = {"A": None}, may_see_sessions
    server.columns = {("OctopusServerNode", "Id"), ("OctopusServerNode", "Name")}
    server.columns |= {("OctopusServerNodeStatus", "Id"), ("OctopusServerNodeStatus", "LastHeartbeat")}
    if may_see_sessions:
        live(server)
        return
    with pytest.raises(OctopusError, match=r"in a column that is not known\. Nothing was changed\. Grant the login VIEW SERVER STATE"):
        live(server)


def test_a_session_refuses_it_at_once() -> None:
    server = Server()
    server.seen = {"A": ago(20)}
    server.sessions = [{"session_id": 60, "login_name": "octopus", "host_name": "OCTO-A", "program_name": "Octopus Server"}]
    with pytest.raises(OctopusError, match=r"session 60, octopus from OCTO-A \(Octopus Server\)"):
        live(server)
    assert server.slept == 0


# -- the source


def check_source(server: Server, there: Server | MssqlError, **given: Any) -> None:
    known = {"host": "192.0.2.2", "port": 1433, "database": "Octopus", "name": None} | given
    source = Source(SqlOptions(known["host"], known["port"], "me", "secret"), known["database"], known["name"])

    def connect(options: SqlOptions) -> Server:
        assert options is source.options
        if isinstance(there, MssqlError):
            raise there
        return there

    refusals.refuse_source(server, source, connect)


AWAY = MssqlError("Login failed", 18456)


@pytest.mark.parametrize(
    ("server", "there", "given"),
    [
        (Server(), AWAY, {"host": "192.0.2.1"}),
        (Server(), AWAY, {"name": "sql01"}),
        (Server(), AWAY, {"name": "SQL01.example.com"}),
        (Server("SQL01\\PROD"), AWAY, {"name": "sql01.example.com\\prod"}),
        (Server(), Server("sql01"), {}),
        (Server(), Server("SQL01"), {"name": "ANOTHER"}),
        (Server(database="OCTOPUS"), Server("SQL01"), {}),
        (Server(host="127.0.0.1"), AWAY, {"host": "localhost"}),
    ],
)
def test_the_sources_own_database_is_refused(server: Server, there: Server | MssqlError, given: dict[str, Any]) -> None:
    with pytest.raises(OctopusError, match="is the source's own"):
        check_source(server, there, **given)


@pytest.mark.parametrize(
    ("server", "there", "given"),
    [
        (Server(database="Clone"), AWAY, {"host": "192.0.2.1"}),
        (Server(), Server("SQL02"), {}),
        (Server(), AWAY, {"name": "SQL02"}),
        (Server("SQL01\\TEST"), Server("SQL01\\PROD"), {}),
    ],
)
def test_another_database_is_none_of_the_sources(server: Server, there: Server | MssqlError, given: dict[str, Any]) -> None:
    check_source(server, there, **given)


def test_where_nobody_can_tell_it_is_refused() -> None:
    with pytest.raises(OctopusError, match=r"cannot be asked what it calls itself.*Give source\.server_name"):
        check_source(Server(), AWAY)


def test_a_named_instance_on_one_host_is_another_server() -> None:
    check_source(Server(host="192.0.2.1"), Server("SQL01\\PROD"), host="192.0.2.1", port=1444)


# -- options


def request(**params: Any) -> Request:
    known = {name: spec.get("default") for name, spec in (OPTIONS | APPLY_OPTIONS | VERIFY_OPTIONS).items()}
    login = {
        "login_host": "sql-test",
        "login_port": 1444,
        "login_user": "me",
        "login_password": "secret",
        "driver": "auto",
        "encrypt": "mandatory",
        "validate_certs": True,
        "ca_path": None,
        "login_timeout": 15,
        "certificate_host": "sql-test.example.com",
    }
    given = {**login, **known, "database": "Clone", **params}
    return Request.from_params(given, SqlOptions.from_params(given))


def test_either_module_needs_only_its_own_options() -> None:
    found = request()
    assert (found.stale_after, found.folders, found.home) == (120, None, None)
    for own in (APPLY_OPTIONS, VERIFY_OPTIONS):
        given = {name: spec.get("default") for name, spec in (OPTIONS | own).items()} | {"database": "Clone"}
        assert Request.from_params(given, SqlOptions("sql-test")) == found


SOURCE = {"host": "sql-prod", "port": None, "database": "Octopus", "server_name": "", "login_user": None, "login_password": None}


def test_the_source_is_reached_as_the_clone_is() -> None:
    found = request(source=SOURCE).source
    assert found is not None
    assert (found.options.where, found.options.user, found.options.certificate_host) == ("sql-prod,1444", "me", None)
    other = request(source={**SOURCE, "host": "sql-prod,1500", "login_user": "you", "login_password": "s"}).source
    assert other is not None
    assert (other.options.where, other.options.user) == ("sql-prod,1500", "you")
    assert "secret" not in repr(found)


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({"stale_after": 0}, "stale_after"),
        ({"keep_api_keys": ["apikeys-1"]}, "keep_api_keys together with api_keys"),
        ({"folders": ["Packages"]}, "each as a full path"),
        ({"folders": ["C:\\OCTOPU~1"]}, "short name"),
        ({"database": " "}, "but it is empty"),
        ({"source": {**SOURCE, "database": ""}}, "but its database is empty"),
    ],
)
def test_options_that_cannot_be_meant(params: dict[str, Any], said: str) -> None:
    with pytest.raises(OctopusError, match=said):
        request(**params)


# -- rows


def row(table: str, columns: dict[str, Any], **value: Any) -> Row:
    spelt = {name.lower(): (name, "nvarchar") for name in ("Id", "JSON", *columns)}
    held = [Document("json", value)] if value else []
    return Row(Table(table, spelt), f"{table}-1", {name.lower(): one for name, one in columns.items()}, held)


def silence(one: Row, what: str, **options: Any) -> list[tuple[str, str | None]]:
    tables = {one.table.name.lower(): one.table}
    found = []
    for rule in rules.rules(Request("Clone", **options), tables, "new-id", set()):
        if rule.what == what and rule.takes(one.table.name) and rule.of(one) and not rule.remove:
            found += [(edit.path, edit.before) for edit in row_edits.apply(rule, one)[1]]
    return found


@pytest.mark.parametrize(("columns", "removed"), [({}, True), ({"IsDisabled": False}, False)])
def test_a_trigger_that_cannot_be_disabled_is_removed(columns: dict[str, Any], removed: bool) -> None:
    one = row("ProjectTrigger", columns, Name="Nightly")
    found = rules.rules(Request("Clone"), {"projecttrigger": one.table}, "new-id", set())
    assert [rule.remove for rule in found if rule.takes("projecttrigger")] == [removed]
    assert silence(one, "triggers") == ([] if removed else [("IsDisabled", "false")])


def test_a_subscription_of_a_version_without_that_column() -> None:
    one = row("Subscription", {}, Name="All")
    assert silence(one, "subscriptions") == [("JSON.IsDisabled", None)]
    assert one.documents[0].value == {"Name": "All", "IsDisabled": True}
    assert silence(one, "subscriptions") == []


def test_what_has_neither_column_nor_json_is_refused() -> None:
    with pytest.raises(OctopusError, match="neither such a column nor JSON"):
        silence(row("Subscription", {}), "subscriptions")


class Tables:
    """A clone's database for checks: each table's rows, of which each has a value for every column."""

    options = SqlOptions("sql01")

    def __init__(self, **tables: list[dict[str, Any]]) -> None:
        self.tables = tables

    def look(self) -> Look:
        look = Look.__new__(Look)
        look.connection, look.request = self, request()
        look.names = {name.lower(): name for name in self.tables}
        look.columns = {name.lower(): {column.lower(): column for column in rows[0]} for name, rows in self.tables.items()}
        return look

    def query(self, sql: str, *_params: Any) -> list[dict[str, Any]]:
        table = next(name for name in self.tables if f"dbo.[{name}]" in sql)
        if "WHERE" in sql and "IS NULL" not in sql:
            return []
        empty = re.findall(r"\[(\w+)\] IS NULL", sql)
        rows = [one for one in self.tables[table] if all(one[column] is None for column in empty)]
        value = re.search(r"\[(\w+)\] AS value", sql)
        return [{"id": one["Id"], **({"value": one[value[1]]} if value else {})} for one in rows]


SILENT: dict[str, dict[str, Any]] = {
    "MachinePolicy": {
        "MachineCleanupPolicy": {"DeleteMachinesBehavior": "DoNotDelete"},
        "MachineUpdatePolicy": {"TentacleUpdateBehavior": "NeverUpdate"},
    },
    "Lifecycle": {"ReleaseRetentionPolicy": rules.FOREVER, "TentacleRetentionPolicy": rules.FOREVER},
    "Runbook": {"RunRetentionPolicy": rules.FOREVER},
}


@pytest.mark.parametrize(
    ("check", "table"),
    [
        (targets.machine_policies, "MachinePolicy"),
        (targets.automatic_releases, "Project"),
        (outbound.extensions, "ExtensionConfiguration"),
        (outbound.mail, "Configuration"),
        (outbound.audit_stream, "Configuration"),
        (outbound.lets_encrypt, "Configuration"),
        (outbound.git, "Project"),
        (retention.retention, "Lifecycle"),
        (retention.retention, "Runbook"),
        (retention.retention, "Feed"),
        (tasks.tasks, "ServerTask"),
    ],
)
def test_a_table_whose_form_is_not_known_is_no_table_without_findings(check: Any, table: str) -> None:
    for row in ({"Id": "1", "Name": "a"}, {"Id": "1", "JSON": None}, {"Id": "1", "JSON": None, "JSONBlob": None}):
        found = check(Tables(**{table: [row]}).look())
        assert not found.ok and f"{table} (neither a known column nor JSON" in found.detail
    text = json.dumps({"State": "Success", **SILENT.get(table, {})})
    held = [{"Id": "1", "JSON": text, "JSONBlob": None}, {"Id": "2", "JSON": None, "JSONBlob": documents.pack(text, "utf-8")}]
    assert check(Tables(**{table: held}).look()).ok


@pytest.mark.parametrize("name", ["DeleteMachinesBehavior", "TentacleUpdateBehavior", "ReleaseRetentionPolicy", "RunRetentionPolicy"])
def test_a_row_without_the_property_says_nothing(name: str) -> None:
    for table, check in (("MachinePolicy", targets.machine_policies), ("Lifecycle", retention.retention), ("Runbook", retention.retention)):
        lacking = {key: value for key, value in SILENT[table].items() if key != name and name not in value}
        found = check(Tables(**{table: [{"Id": "1", "JSON": json.dumps(lacking)}]}).look())
        assert found.ok is (lacking == SILENT[table])
        assert found.ok or f"1 (no {name})" in found.detail


def test_without_a_strategy_it_is_the_spaces_default_that_counts() -> None:
    policy = {"QuantityToKeep": 0, "ShouldKeepForever": True}
    assert not retention.retention(Tables(Runbook=[{"Id": "1", "JSON": json.dumps({"RunRetentionPolicy": policy})}]).look()).ok


def test_the_audit_streams_switch() -> None:
    def check(**settings: Any) -> Check:
        return outbound.audit_stream(Tables(Configuration=[{"Id": "auditstream", "JSON": json.dumps(settings)}]).look())

    assert not check(Active=True, StreamConfigurationResource={"Host": "splunk"}).ok
    assert check(Active=False).ok


def test_triggers_that_only_say_that_they_are_disabled() -> None:
    silenced = [{"Id": "1", "JSON": '{"IsDisabled": true}'}]
    assert not targets.disabled(Tables(ProjectTrigger=silenced).look(), "triggers", "ProjectTrigger").ok
    assert targets.disabled(Tables(Subscription=silenced).look(), "subscriptions", "Subscription").ok


def test_a_column_and_its_copy() -> None:
    one = row("Machine", {"IsDisabled": False}, IsDisabled="False", Name="web")
    assert silence(one, "targets") == [("IsDisabled", "false"), ("JSON.IsDisabled", '"False"')]
    assert (one.changed, one.documents[0].value["IsDisabled"]) == ({"IsDisabled": True}, True)


@pytest.mark.parametrize("value", [True, 1, "True"])
def test_what_is_so_already_is_left(value: Any) -> None:
    assert silence(row("Machine", {"IsDisabled": True}, IsDisabled=value), "targets") == []


def test_policies_as_words_and_as_numbers() -> None:
    one = row("MachinePolicy", {}, MachineCleanupPolicy={"DeleteMachinesBehavior": 1}, MachineUpdatePolicy={"TentacleUpdateBehavior": 0})
    assert silence(one, "machine_policies") == [("JSON.MachineCleanupPolicy.DeleteMachinesBehavior", "1")]


def test_retention_wherever_it_is() -> None:
    phase = {"ReleaseRetentionPolicy": {"QuantityToKeep": 3, "Unit": "Days"}, "TentacleRetentionPolicy": None}
    one = row("Lifecycle", {}, Phases=[phase], ReleaseRetentionPolicy=None)
    silence(one, "retention")
    value = one.documents[0].value
    assert value["ReleaseRetentionPolicy"] == value["TentacleRetentionPolicy"] == rules.FOREVER
    assert value["Phases"] == [
        {"ReleaseRetentionPolicy": {"QuantityToKeep": 0, "Unit": "Items", "Strategy": "Forever"}, "TentacleRetentionPolicy": None}
    ]
    runbook = row("Runbook", {}, RunRetentionPolicy={"QuantityToKeep": 100, "ShouldKeepForever": False})
    silence(runbook, "retention")
    assert runbook.documents[0].value["RunRetentionPolicy"] == {"QuantityToKeep": 0, "ShouldKeepForever": True, "Strategy": "Forever"}
    table = row("SpaceDefaultRetentionPolicy", {}, Strategy="Count", QuantityToKeep=30, Unit="Days")
    silence(table, "retention")
    assert table.documents[0].value == {"Strategy": "Forever", "QuantityToKeep": 0, "Unit": "Items"}


@pytest.mark.parametrize(
    ("url", "wanted"),
    [
        ("https://bot:to@ken@git.example.com/a@b.git", "https://git.example.com/a@b.git"),
        ("https://git.example.com/a.git", "https://git.example.com/a.git"),
        ("git@example.com:a.git", "git@example.com:a.git"),
        ("", ""),
    ],
)
def test_an_address_without_who_goes_there(url: str, wanted: str) -> None:
    assert rules.without_user(url) == wanted


def test_git_settings_of_other_places() -> None:
    git = {"Url": "https://git.example.com/hub.git", "Credentials": {"Type": "GitHub", "Id": "GitHubAppConnections-1"}}
    one = row("Configuration", {}, Repository=git)
    assert silence(one, "git") == [("JSON.Repository.Credentials", '{"Type":"GitHub","Id":"GitHubAppConnections-1"}')]
    plain = row("Project", {}, PersistenceSettings={"Type": "Database"}, Links={"Url": "https://x"})
    assert silence(plain, "git") == []


def test_an_audit_stream_of_unknown_form() -> None:
    one = row("Configuration", {}, Settings={"IsEnabled": True, "Kind": "Splunk", "ServerUrl": "splunk:8088", "Port": 8088, "Token": "x"})
    one = Row(one.table, "AuditStreamConfiguration", one.columns, one.documents)
    assert silence(one, "audit_stream") == [("JSON.Settings.IsEnabled", "true"), ("JSON.Settings.ServerUrl", '"splunk:8088"')]


def test_each_installation_id() -> None:
    one = row("Configuration", {}, InstallationId="old", Inner={"installationId": "old"})
    assert silence(one, "installation_id") == [("JSON.InstallationId", '"old"'), ("JSON.Inner.installationId", '"old"')]
    assert documents.write(one.documents[0].value) == '{"InstallationId":"new-id","Inner":{"installationId":"new-id"}}'


@pytest.mark.parametrize(
    ("version", "lacks", "missing"),
    [
        ("2018.10.7", "space", None),
        ("2018.10.7", "worker", None),
        ("3.4.1", "subscription", None),
        ("2019.1.0", "worker", "Worker"),
        ("2018.10.7", "machine", "Machine"),
        (None, "worker", "Worker"),
        ("2026.4.1", "projecttrigger", "ProjectTrigger"),
    ],
)
def test_a_table_that_should_be_there(version: str | None, lacks: str, missing: str | None) -> None:
    everything = {name.lower() for _since, names in table_checks.KNOWN_TABLES for name in names}
    # A database without spaces is one of before 2019.1, whatever its history says.
    tables = everything - {lacks} - (set() if version is None or version.startswith(("2019", "2026")) else {"space"})
    assert table_checks.missing(tables, version) == ([missing] if missing else [])
