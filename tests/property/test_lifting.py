# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whatever a clone had: what its quarantine has changed comes back, all of it and nothing else, wherever lifting it is interrupted.

The statements run in SQLite, with the few words of T-SQL that it lacks put in its own. Over real ODBC: tests/scenarios/mssql.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime, timezone
from typing import Any

import pytest
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.connection.options import SqlOptions
from ansible_collections.octopus.upgrade.plugins.module_utils._quarantine import apply, lifting, record, renewal
from ansible_collections.octopus.upgrade.plugins.module_utils._quarantine.request import Request
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

SCHEMA = {
    "OctopusServerInstallationHistory": {"Id": "int", "Version": "nvarchar(50)", "Node": "nvarchar(50)", "Installed": "datetimeoffset"},
    "SchemaVersions": {"Id": "int", "ScriptName": "nvarchar(255)"},
    "OctopusServerNode": {"Id": "nvarchar(250)", "Name": "nvarchar(250)", "LastSeen": "datetimeoffset", "JSON": "nvarchar(max)"},
    "Machine": {"Id": "nvarchar(50)", "IsDisabled": "bit", "JSON": "nvarchar(max)"},
    "Worker": {"Id": "nvarchar(50)", "JSON": "nvarchar(max)"},
    "ProjectTrigger": {"Id": "nvarchar(50)", "IsDisabled": "bit", "JSON": "nvarchar(max)"},
    "Subscription": {"Id": "nvarchar(50)", "IsDisabled": "bit", "JSON": "nvarchar(max)"},
    "Project": {"Id": "nvarchar(50)", "AutoCreateRelease": "bit", "JSON": "nvarchar(max)"},
    "Space": {"Id": "nvarchar(50)", "JSON": "nvarchar(max)"},
    "Lifecycle": {"Id": "nvarchar(50)", "JSON": "nvarchar(max)"},
    "MachinePolicy": {"Id": "nvarchar(50)", "JSON": "nvarchar(max)"},
    "ServerTask": {"Id": "nvarchar(50)", "State": "nvarchar(50)", "JSON": "nvarchar(max)"},
    "Feed": {"Id": "nvarchar(50)", "FeedType": "nvarchar(50)", "FeedUri": "nvarchar(512)", "JSON": "nvarchar(max)"},
    "ApiKey": {"Id": "nvarchar(50)", "ApiKeyHashed": "varbinary(max)", "Created": "datetimeoffset", "JSON": "nvarchar(max)"},
    "Configuration": {"Id": "nvarchar(150)", "JSON": "nvarchar(max)"},
    "ExtensionConfiguration": {"Id": "nvarchar(50)", "Name": "nvarchar(50)", "JSON": "nvarchar(max)"},
}
SOURCE = {"host": "sql", "database": "Octopus", "server_name": "SQL"}


class Killed(BaseException):
    """The control node is gone."""


class Database:
    """A clone's database. ``fuse`` counts statements down; at 0 the control node is gone, and the server rolls back."""

    def __init__(self) -> None:
        self.options = SqlOptions("192.0.2.1", 1433, "me", "secret")
        self.fuse: int | None = None
        self.raw = sqlite3.connect(":memory:", isolation_level=None, detect_types=sqlite3.PARSE_DECLTYPES)
        self.raw.create_function("SYSDATETIMEOFFSET", 0, lambda: datetime.now(timezone.utc).isoformat(sep=" "))
        self.raw.create_function("SCHEMA_ID", 1, lambda _name: 1)
        for name in ("dbo", "sys", "INFORMATION_SCHEMA", record.SCHEMA):
            self.raw.execute(f"ATTACH ':memory:' AS [{name}]")
        self.raw.execute("CREATE TABLE sys.schemas (name text)")
        self.raw.execute("CREATE TABLE sys.tables (object_id int, name text, schema_id int)")
        self.raw.execute("CREATE TABLE sys.columns (object_id int, name text, is_identity int, is_computed int)")
        self.raw.execute("CREATE TABLE INFORMATION_SCHEMA.TABLES (TABLE_SCHEMA text, TABLE_NAME text, TABLE_TYPE text)")
        self.raw.execute(
            "CREATE TABLE INFORMATION_SCHEMA.COLUMNS (TABLE_SCHEMA text, TABLE_NAME text, COLUMN_NAME text, DATA_TYPE text, IS_NULLABLE text,"
            " CHARACTER_MAXIMUM_LENGTH int, COLUMN_DEFAULT text)"
        )
        for table, columns in SCHEMA.items():
            self.add_table(table, columns)

    def add_table(self, table: str, columns: dict[str, str]) -> None:
        number = self.raw.execute("SELECT COUNT(*) FROM sys.tables").fetchone()[0] + 1
        declared = ", ".join(f"[{name}] {self.plain(kind)}" for name, kind in columns.items())
        self.raw.execute(f"CREATE TABLE dbo.[{table}] ({declared})")
        self.raw.execute("INSERT INTO sys.tables VALUES (?, ?, 1)", (number, table))
        self.raw.execute("INSERT INTO INFORMATION_SCHEMA.TABLES VALUES ('dbo', ?, 'BASE TABLE')", (table,))
        for name, kind in columns.items():
            self.raw.execute("INSERT INTO sys.columns VALUES (?, ?, 0, 0)", (number, name))
            plain, _paren, size = kind.partition("(")
            length = int(size[:-1]) if size[:-1].isdigit() else None
            nullable = "NO" if name == "Id" else "YES"
            self.raw.execute(
                "INSERT INTO INFORMATION_SCHEMA.COLUMNS VALUES ('dbo', ?, ?, ?, ?, ?, NULL)", (table, name, plain, nullable, length)
            )

    @staticmethod
    def plain(sql: str) -> str:
        for word, other in (("(max)", ""), ("varbinary", "BLOB"), ("int IDENTITY(1,1) NOT NULL PRIMARY KEY", "INTEGER PRIMARY KEY")):
            sql = sql.replace(word, other)
        return sql

    def query(self, sql: str, *params: Any) -> list[dict[str, Any]]:
        if "dm_exec_sessions" in sql or "HAS_PERMS_BY_NAME" in sql:
            return [{"may": 1}] if "HAS_PERMS" in sql else []
        if "OBJECT_ID(?)" in sql:
            name = params[0].rpartition("[")[2].rstrip("]")
            found = self.raw.execute(f"SELECT name FROM {record.SCHEMA}.sqlite_master WHERE name = ?", (name,)).fetchone()
            return [{"id": found}]
        self.burn()
        cursor = self.raw.execute(self.plain(sql), params)
        names = [one[0] for one in cursor.description or ()]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    def scalar(self, sql: str, *params: Any) -> Any:
        rows = self.query(sql, *params)
        return next(iter(rows[0].values())) if rows else None

    def execute_drained(self, sql: str) -> None:
        if sql.startswith("SET "):
            return
        if "@@TRANCOUNT" in sql:
            if self.raw.in_transaction:
                self.raw.execute("ROLLBACK")
            return
        self.burn()
        if sql.startswith("CREATE SCHEMA"):
            self.raw.execute("INSERT INTO sys.schemas VALUES (?)", (record.SCHEMA,))
        else:
            self.raw.execute(self.plain(sql))

    def burn(self) -> None:
        if self.fuse is not None:
            self.fuse -= 1
            if self.fuse < 0:
                raise Killed

    def insert(self, table: str, **values: Any) -> None:
        columns = ", ".join(f"[{name}]" for name in values)
        self.raw.execute(f"INSERT INTO dbo.[{table}] ({columns}) VALUES ({', '.join('?' * len(values))})", tuple(values.values()))

    def rows(self) -> dict[str, dict[str, Any]]:
        """Every row but those that are not meant to come back, with its JSON read."""
        found = {}
        for table, columns in SCHEMA.items():
            for row in self.raw.execute(f"SELECT {', '.join(f'[{name}]' for name in columns)} FROM dbo.[{table}]"):
                values = dict(zip(columns, row, strict=True))
                if values.get("JSON"):
                    values["JSON"] = json.loads(values["JSON"])
                found[f"{table} {row[0]}"] = values
        return found


sqlite3.register_converter("bit", lambda text: bool(int(text)))


@pytest.fixture(autouse=True, scope="module")
def only_the_changes() -> Iterator[None]:
    """What the verification says of documents that no server would write is not what is tested here."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(apply, "verify", lambda *_args, **_named: [])
        yield


REQUEST = Request("Clone", name="copy", external_feeds=True, api_keys=True, source_retired=True)


def silence(database: Database, request: Request = REQUEST, reason: str = record.OWN) -> None:
    before = record.read(database)  # type: ignore[arg-type]  # a stand-in
    apply.silence(database, request, before, "2025.3.1", reason)  # type: ignore[arg-type]  # a stand-in


def lift(database: Database, items: list[str] | None = None, check_mode: bool = False) -> lifting.Outcome:
    return lifting.run(database, REQUEST, lambda *_args: pytest.fail("no source is asked"), items, check_mode)  # type: ignore[arg-type]  # a stand-in


# -- what a clone can have

KEYS = st.sampled_from(
    [
        *(
            "IsDisabled",
            "isdisabled",
            "IsEnabled",
            "AutoCreateRelease",
            "TaskQueueStopped",
            "SmtpHost",
            "Url",
            "Credentials",
            "Type",
            "Enabled",
        ),
        *(
            "Active",
            "IncludeStatistics",
            "AllowChecking",
            "QuantityToKeep",
            "Strategy",
            "ReleaseRetentionPolicy",
            "FeedUri",
            "Unit",
            "Ö",
            "a",
        ),
        *("DeleteUnreleasedPackagesAfterDays", "MachineCleanupPolicy", "DeleteMachinesBehavior", "StreamConfigurationResource"),
    ]
)
VALUES = (
    st.none() | st.booleans() | st.integers(-2, 2) | st.sampled_from(["", "x", "https://me:pw@git.lab/x.git", "1.50"]) | st.floats(0, 1)
)
JSON = st.recursive(VALUES, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(KEYS, inner, max_size=3), max_leaves=8)
DOCUMENT = st.dictionaries(KEYS, JSON, max_size=5)
BITS = {"Machine": "IsDisabled", "ProjectTrigger": "IsDisabled", "Subscription": "IsDisabled", "Project": "AutoCreateRelease"}
IDS = {
    "Configuration": ["smtp", "upgrades", "telemetry", "audit-stream", "letsencrypt", "jira-integration", "x"],
    "ExtensionConfiguration": ["authentication-octopusid", "jira-integration", "servicenow-integration", "authentication-ldap"],
}
PLAIN = ("Machine", "Worker", "ProjectTrigger", "Subscription", "Project", "Space", "Lifecycle", "MachinePolicy")


@st.composite
def clones(draw: st.DrawFn, documents: st.SearchStrategy[dict[str, Any]] = DOCUMENT) -> list[tuple[str, dict[str, Any]]]:
    found: list[tuple[str, dict[str, Any]]] = []
    for table in draw(st.lists(st.sampled_from(PLAIN), max_size=4)):
        values: dict[str, Any] = {"Id": f"{table}s-{len(found)}", "JSON": json.dumps(draw(documents))}
        if table in BITS:
            values[BITS[table]] = draw(st.booleans() | st.none())
        found.append((table, values))
    for table, names in IDS.items():
        for name in draw(st.lists(st.sampled_from(names), unique=True, max_size=3)):
            found.append((table, {"Id": name, "JSON": json.dumps(draw(documents))}))
    if draw(st.booleans()):
        found.append(
            ("Feed", {"Id": "Feeds-1", "FeedType": "Docker", "FeedUri": "https://docker.lab", "JSON": json.dumps(draw(documents))})
        )
        found.append(("ApiKey", {"Id": "apikeys-1", "ApiKeyHashed": b"\x00\xff", "Created": "2026-01-01 10:00:00 +00:00", "JSON": "{}"}))
    return found


def clone_of(content: list[tuple[str, dict[str, Any]]]) -> Database:
    database = Database()
    database.insert("OctopusServerInstallationHistory", Id=1, Version="2025.3.1", Node="A", Installed="2026-01-01 10:00:00 +00:00")
    database.insert("SchemaVersions", Id=1, ScriptName="0001")
    for table, values in content:
        database.insert(table, **values)
    return database


slowly = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large], max_examples=40)


@slowly
@given(clones())
@example([("Lifecycle", {"Id": "Lifecycles-1", "JSON": '{"ReleaseRetentionPolicy":{"QuantityToKeep":3},"a":{"QuantityToKeep":1}}'})])
@example([("Worker", {"Id": "Workers-1", "JSON": '{"IsDisabled":false,"isdisabled":0}'})])
def test_everything_comes_back_and_nothing_else(content: list[tuple[str, dict[str, Any]]]) -> None:
    database = clone_of(content)
    before = database.rows()
    silence(database)
    silent = database.rows()
    told = lift(database, check_mode=True)
    assert database.rows() == silent
    outcome = lift(database)
    assert outcome.left == []
    assert outcome.counts == told.counts
    assert database.rows() == before
    assert outcome.lifted and not record.holds(record.read(database))  # type: ignore[arg-type]  # a stand-in
    assert lift(database).changed is False


@slowly
@example([("Configuration", {"Id": "audit-stream", "JSON": '{"IncludeStatistics": "https://me:pw@git.lab/x.git"}'})], [0])
@example([("Configuration", {"Id": "audit-stream", "JSON": '{"IncludeStatistics": {"IsDisabled": "https://me:pw@git.lab/x.git"}}'})], [0])
@given(clones(), st.lists(st.integers(0, 60), min_size=1, max_size=5))
def test_wherever_it_is_interrupted_the_next_goes_on(content: list[tuple[str, dict[str, Any]]], fuses: list[int]) -> None:
    database = clone_of(content)
    before = database.rows()
    silence(database)
    silent = database.rows()
    for fuse in fuses:
        database.fuse = fuse
        with suppress(Killed):
            lift(database)
        database.fuse = None
        assert not database.raw.in_transaction
        # Each row is as it was or as the quarantine left it: an item of a row is whole.
        for key, row in database.rows().items():
            assert all(
                value in (before.get(key, {}).get(name), silent.get(key, {}).get(name)) for name, value in row.items() if name != "JSON"
            )
    assert lift(database).left == []
    assert database.rows() == before


@slowly
@given(clones(), st.data())
def test_what_was_silenced_again_comes_back_as_the_source_had_it(content: list[tuple[str, dict[str, Any]]], data: st.DataObject) -> None:
    """Somebody enables and changes things in the clone; its next quarantine, and the lifting of that, know what was whose."""
    database = clone_of(content)
    before = database.rows()
    silence(database)
    changed = [(table, values) for table, values in content if table in BITS and data.draw(st.booleans())]
    for table, values in changed:
        database.raw.execute(f"UPDATE dbo.[{table}] SET [{BITS[table]}] = ? WHERE Id = ?", (BITS[table] != "IsDisabled", values["Id"]))
    silent = record.recorded(database)  # type: ignore[arg-type]  # a stand-in
    silence(database)
    again = record.recorded(database)[len(silent) :]  # type: ignore[arg-type]  # a stand-in
    assert all(one.reason == record.OWN for one in again)
    outcome = lift(database)
    assert all(one["verdict"] == "stays" for one in outcome.left)
    after = database.rows()
    for key, row in before.items():
        column = BITS.get(key.partition(" ")[0], "")
        # A switch that the source had off already stays off, whatever the value for that is.
        if column and bool(row[column]) == (column == "IsDisabled") and row[column] is not None:
            assert bool(after[key][column]) == bool(row[column])


DOTTED = st.dictionaries(st.sampled_from(["a", "b", "a.b", "a.IsEnabled", "IsEnabled", "Enabled", "b.Enabled", "A"]), JSON, max_size=4)


@slowly
@given(clones(st.recursive(DOTTED, lambda inner: st.dictionaries(st.sampled_from(["a", "b", "a.b"]), inner, max_size=3), max_leaves=4)))
@example(
    [("ExtensionConfiguration", {"Id": "servicenow-integration", "JSON": '{"a.IsEnabled":true,"a":{"IsEnabled":true},"IsEnabled":true}'})]
)
def test_what_could_be_another_property_too_is_named_and_left(content: list[tuple[str, dict[str, Any]]]) -> None:
    database = clone_of(content)
    before = database.rows()
    silence(database)
    silent = database.rows()
    outcome = lift(database)
    named = {f"{one['table']} {one['row']}" for one in outcome.left}
    after = database.rows()
    for key in before.keys() | after.keys():
        assert after.get(key) == before.get(key) or (key in named and key in silent)


@slowly
@given(clones(), st.data())
def test_what_was_changed_since_is_named_and_left(content: list[tuple[str, dict[str, Any]]], data: st.DataObject) -> None:
    database = clone_of(content)
    before = database.rows()
    silence(database)
    touched = [change for change in record.recorded(database) if change.table == "Configuration" and change.column]  # type: ignore[arg-type]  # a stand-in
    assume(touched)
    mine = data.draw(st.sampled_from(touched))
    document = json.dumps({"somebody": "else"})
    database.raw.execute("UPDATE dbo.Configuration SET JSON = ? WHERE Id = ?", (document, mine.row))
    outcome = lift(database)
    after = database.rows()
    key = f"Configuration {mine.row}"
    assert {one["row"] for one in outcome.left if one["table"] == "Configuration"} <= {mine.row}
    assert after[key]["JSON"] == {"somebody": "else"}
    assert {name: row for name, row in after.items() if name != key} == {name: row for name, row in before.items() if name != key}


def test_the_source_is_asked_whether_it_still_runs() -> None:
    database = clone_of([("Machine", {"Id": "Machines-1", "IsDisabled": False, "JSON": "{}"})])
    silence(database)
    with pytest.raises(Exception, match="or source_retired: true"):
        lifting.run(database, Request("Clone"), lambda *_args: pytest.fail("it is not named"))  # type: ignore[arg-type]  # a stand-in
    assert record.holds(record.read(database))  # type: ignore[arg-type]  # a stand-in


def test_a_stage_waits_for_the_one_before_it() -> None:
    database = clone_of(
        [
            ("Machine", {"Id": "Machines-1", "IsDisabled": False, "JSON": "{}"}),
            ("ProjectTrigger", {"Id": "Triggers-1", "IsDisabled": False, "JSON": "{}"}),
        ]
    )
    silence(database)
    silent = database.rows()
    with pytest.raises(Exception, match="Expected targets to be lifted before triggers"):
        lift(database, ["triggers"])
    assert database.rows() == silent
    with pytest.raises(Exception, match="but found tragets"):
        lift(database, ["tragets"])
    first = lift(database, ["targets"])
    assert (first.changed, first.lifted) == (True, False)
    found = record.read(database)  # type: ignore[arg-type]  # a stand-in
    assert record.holds(found) and found is not None and found["lifting"]["at"]
    assert database.rows()["Machine Machines-1"]["IsDisabled"] is False
    assert database.rows()["ProjectTrigger Triggers-1"]["IsDisabled"] is True
    last = lift(database)
    assert last.lifted and database.rows()["ProjectTrigger Triggers-1"]["IsDisabled"] is False


def test_a_quarantine_that_is_lifted_in_part_can_be_applied_again() -> None:
    content = [
        ("Machine", {"Id": "Machines-1", "IsDisabled": False, "JSON": "{}"}),
        ("ProjectTrigger", {"Id": "Triggers-1", "IsDisabled": False, "JSON": "{}"}),
    ]
    database = clone_of(content)
    before = database.rows()
    silence(database)
    silent = database.rows()
    lift(database, ["targets"])
    silence(database)
    assert database.rows() == silent
    found = record.read(database)  # type: ignore[arg-type]  # a stand-in
    assert found is not None and "lifting" not in found
    assert lift(database).left == [] and database.rows() == before


def test_what_a_schema_upgrade_enables_is_silenced_by_the_record_and_lifted_with_the_rest() -> None:
    """As from 2018 to 2019.1: spaces, whose queues run, and workers come with the upgrade; no project was disabled for them."""
    database = clone_of([("Machine", {"Id": "Machines-1", "IsDisabled": False, "JSON": "{}"})])
    node = {"Id": "OctopusServerNodes-clone", "Name": "CLONE", "JSON": "{}"}
    silence(
        database,
        Request("Clone", name="copy", server_uri="https://clone.lab", retention=False, keep_api_keys=("apikeys-7",), api_keys=True),
    )
    database.insert("OctopusServerNode", **node)  # the clone has started meanwhile
    database.insert("Space", Id="Spaces-1", JSON='{"TaskQueueStopped":false}')
    database.insert("Worker", Id="Workers-1", JSON="{}")
    database.insert("ApiKey", Id="apikeys-7", JSON="{}")
    database.insert("Lifecycle", Id="Lifecycles-1", JSON='{"ReleaseRetentionPolicy":{"QuantityToKeep":3}}')
    brought = database.rows()
    outcome = renewal.renew(database, "Clone", record.UPGRADE)  # type: ignore[arg-type]  # a stand-in
    assert outcome is not None and outcome.record["server_uri"] == "https://clone.lab"
    told = renewal.as_dict(outcome)
    assert told is not None and (told["name"], told["silenced"]) == ("copy", {"workers": 1, "execution": 1})
    after = database.rows()
    assert after["Space Spaces-1"]["JSON"] == {"TaskQueueStopped": True} and after["Worker Workers-1"]["JSON"] == {"IsDisabled": True}
    for key in ("OctopusServerNode OctopusServerNodes-clone", "ApiKey apikeys-7", "Lifecycle Lifecycles-1"):
        assert after[key] == brought[key]
    assert lift(database).left == []
    assert {key: row for key, row in database.rows().items() if not key.startswith("Machine")} == {
        key: row for key, row in brought.items() if not key.startswith(("Machine", "Configuration"))
    }


def test_what_is_waived_for_an_upgrade_goes_into_the_record() -> None:
    database = clone_of([("Machine", {"Id": "Machines-1", "IsDisabled": False, "JSON": "{}"})])
    silence(database, Request("Clone", name="copy", waivers=("unlisted:A",)))
    for asked, kept in ((("unlisted:B", "unlisted:A"), ["unlisted:A", "unlisted:B"]), ((), ["unlisted:A", "unlisted:B"])):
        outcome = renewal.renew(database, "Clone", record.UPGRADE, waivers=asked)  # type: ignore[arg-type]  # a stand-in
        assert outcome is not None and outcome.record["options"]["waivers"] == kept
        found = record.read(database)  # type: ignore[arg-type]  # a stand-in
        assert found is not None and found["options"]["waivers"] == kept


def test_where_there_is_no_quarantine_nothing_is_applied_again() -> None:
    database = clone_of([("Machine", {"Id": "Machines-1", "IsDisabled": False, "JSON": "{}"})])
    before = database.rows()
    assert renewal.renew(database, "Octopus") is None and renewal.as_dict(None) is None  # type: ignore[arg-type]  # a stand-in
    silence(database)
    lift(database)
    assert renewal.renew(database, "Octopus", record.UPGRADE) is None  # type: ignore[arg-type]  # a stand-in
    assert database.rows() == before


def test_a_quarantine_that_is_lifted_in_part_is_not_applied_by_itself() -> None:
    database = clone_of([(table, {"Id": "X-1", "IsDisabled": False, "JSON": "{}"}) for table in ("Machine", "ProjectTrigger")])
    silence(database)
    lift(database, ["targets"])
    with pytest.raises(Exception, match=r"it is lifted in part\. Nothing was changed\. Lift the rest"):
        renewal.renew(database, "Clone", record.UPGRADE)  # type: ignore[arg-type]  # a stand-in


def test_a_subscription_sends_nothing_old() -> None:
    sent = {"EventNotificationSubscription": {"WebhookLastProcessedEventAutoId": 7, "WebhookURI": "https://hook.lab"}}
    database = clone_of([("Subscription", {"Id": "Subscriptions-1", "IsDisabled": False, "JSON": json.dumps(sent)})])
    database.add_table("Event", {"Id": "nvarchar(50)", "AutoId": "bigint"})
    database.insert("Event", Id="Events-1", AutoId=4711)
    silence(database)
    outcome = lift(database)
    row = database.rows()["Subscription Subscriptions-1"]
    assert row["IsDisabled"] is False and row["JSON"]["EventNotificationSubscription"]["WebhookLastProcessedEventAutoId"] == 4711
    assert not any("may send" in note for note in outcome.notes)
    other = clone_of([("Subscription", {"Id": "Subscriptions-1", "IsDisabled": False, "JSON": "{}"})])
    silence(other)
    assert any("The subscription Subscriptions-1 may send" in note for note in lift(other).notes)
