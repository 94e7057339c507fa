# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What of a database is on no list: what looks like a danger, what the list covers, and what is told of it."""

from __future__ import annotations

import ast
import gzip
import json
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus import plan
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.version import Version
from ansible_collections.octopus.upgrade.plugins.module_utils._quarantine import record
from ansible_collections.octopus.upgrade.plugins.module_utils._quarantine.checks import verify
from ansible_collections.octopus.upgrade.plugins.module_utils._quarantine.unlisted import places, read, scan
from ansible_collections.octopus.upgrade.plugins.module_utils._quarantine.unlisted.known.catalogue import ENTRIES, NEWEST
from ansible_collections.octopus.upgrade.plugins.module_utils._quarantine.unlisted.known.entry import known
from ansible_collections.octopus.upgrade.plugins.module_utils._quarantine.unlisted.signs import SIGNS, Own, signs

OWN = Own(frozenset({"clone.example.com", "sql01"}), datetime(2026, 11, 25, 14, tzinfo=timezone.utc))
SEALED = "c2VjcmV0LW9mLWdpdC1zZWNyZXQ=|MDEyMzQ1Njc4OWFiY2RlZg=="


@pytest.mark.parametrize(
    ("name", "value", "found"),
    [
        ("IsEnabled", True, "switch"),
        ("IsEnabled", "True", "switch"),
        ("Enabled", 1, "switch"),
        ("Whatever", True, "switch"),
        ("IsDisabled", False, "switch"),
        ("IsDisabled", 0, "switch"),
        ("IsDisabled", None, "switch"),
        ("MutedByUser", False, "switch"),
        ("Mode", "Automatic", "switch"),
        ("DeleteMachinesBehavior", "DeleteUnavailableMachines", "switch"),
        ("Schedule", "0 0/5 * * * ?", "schedule"),
        ("Schedule", "15 3 * * MON-FRI", "schedule"),
        ("Every", "PT5M", "schedule"),
        ("Interval", "01:00:00", "schedule"),
        ("IntervalMinutes", 5, "schedule"),
        ("Runs", "@daily", "schedule"),
        ("Rule", "RRULE:FREQ=DAILY;COUNT=3", "schedule"),
        ("NextRun", "2020-01-01 00:00:00.0000000 +00:00", "schedule"),
        ("Anything", "2026-11-25T14:00:01Z", "schedule"),
        ("Anything", datetime(2031, 1, 1), "schedule"),
        ("A", "https://hooks.example.com/x", "address"),
        ("A", "see ftp://files.example.com for more", "address"),
        ("A", "ops@example.com", "address"),
        ("A", "smtp.example.com:587", "address"),
        ("A", "192.0.2.7", "address"),
        ("A", "192.0.2.7:8080", "address"),
        ("A", "2001:db8::7", "address"),
        ("A", "\\\\nas\\share", "address"),
        ("A", "Server=db.example.com;Database=x", "address"),
        ("SmtpHost", "mail", "address"),
        ("A", SEALED, "secret"),
        ("Password", "x", "secret"),
        ("ApiKey", "x", "secret"),
        ("AccessToken", "x", "secret"),
        ("A", "-----BEGIN PRIVATE KEY-----", "secret"),
        ("A", "ghp_0123456789abcdefghijABCDEFGHIJ", "secret"),
        ("A", "0123456789abcdef0123456789abcdef01234567", "secret"),
        ("A", "https://me:secret@example.com/", "address secret"),
        # What is off, passes, is the clone's own, or is no value of that kind.
        ("IsEnabled", False, ""),
        ("IsEnabled", None, ""),
        ("IsDisabled", True, ""),
        ("IsPaused", 1, ""),
        ("Enabled", 0, ""),
        ("Number", 1, ""),
        ("TaskQueueStopped", True, ""),
        ("DeleteMachinesBehavior", "DoNotDelete", ""),
        ("Interval", "00:00:00", ""),
        ("IntervalMinutes", 0, ""),
        ("Created", "2020-01-01T00:00:00Z", ""),
        ("ServerUri", "https://clone.example.com/app", ""),
        ("Server", "SQL01", ""),
        ("A", "https://quarantine.invalid/", ""),
        ("Url", "http://localhost:8080", ""),
        ("IPAddress", "0.0.0.0", ""),
        ("Version", "2025.3.14357", ""),
        ("ServerNodeId", "OctopusServerNodes-octo", ""),
        ("FeedId", "Feeds-12", ""),
        ("PasswordId", "x", ""),
        ("InstallationId", "2b8f7c3e-6c1e-4a0d-9d37-0a0a4f8f5f11", ""),
        ("Title", "Some words, 3 of them", ""),
        ("Password", "", ""),
        ("Address", None, ""),
    ],
)
def test_what_a_value_looks_like(name: str, value: Any, found: str) -> None:
    assert signs(name, value, OWN) == set(found.split())


def test_a_short_name_is_not_that_of_another_domain() -> None:
    assert signs("A", "https://sql01.example.net/", OWN) == {"address"}


def found_in(**row: Any) -> set[tuple[str, str]]:
    return set(places.in_row(row, OWN))


def test_every_depth_and_every_form_is_looked_into() -> None:
    inner = {"Inner": [{"List": [{"IsOn": True}]}, {"IsOn": False}]}
    text = json.dumps(inner)
    assert found_in(JSON=text) == {("Inner.List.IsOn", "switch")}
    for encoding in ("utf-16-le", "utf-8"):
        assert found_in(JSONBlob=gzip.compress(text.encode(encoding))) == {("Inner.List.IsOn", "switch")}
        assert found_in(Stored=gzip.compress(text.encode(encoding))) == {("Stored.Inner.List.IsOn", "switch")}
    assert found_in(Settings=text) == {("Settings.Inner.List.IsOn", "switch")}
    assert found_in(JSON=json.dumps({"Text": text})) == {("Text.Inner.List.IsOn", "switch")}
    assert found_in(JSON=json.dumps({"Token": {"HasValue": True, "NewValue": None}})) >= {("Token", "secret")}
    assert found_in(Stored=b"https://example.com/") == {("Stored", "address")}


def test_a_deep_document_is_no_way_around() -> None:
    deep = "[" * 2000 + "true" + "]" * 2000
    assert found_in(JSON='{"IsOn":' + deep + "}") in ({("IsOn", "switch")}, {("JSON", "unreadable")})


@pytest.mark.parametrize("value", [b"\x01" * 40, gzip.compress(b"\xff\xfe\x00")], ids=["no JSON", "compressed"])
def test_what_cannot_be_read_is_no_nothing(value: bytes) -> None:
    assert ("Stored", "unreadable") in found_in(Stored=value) or len(value) <= 16
    assert found_in(JSON="{broken") == {("JSON", "unreadable")}
    assert found_in(Flags=b"\x01\x00") == set()


def test_a_key_that_is_a_value_is_not_told() -> None:
    text = json.dumps({"ByHost": {"hooks.example.com": {"IsOn": True}}, "ById": {"Spaces-7": {"IsOn": True}}})
    assert found_in(JSON=text) == {("ByHost.*.IsOn", "switch"), ("ById.*.IsOn", "switch"), ("ByHost.*", "address")}


# -- the list

PLACES = [
    *known("Some", "it is", "a source", "A.B: switch", "C.**", "D*: address", since="2020.1", until="2023.1"),
    *known("Past", "it is", "a source"),
    *known("*", "it is", "a source", "Name: switch"),
]


@pytest.mark.parametrize(
    ("version", "table", "place", "sign", "harmless"),
    [
        ("2021.2.3", "some", "a.b", "switch", True),
        ("2021.2.3", "Some", "A.B", "secret", False),
        ("2021.2.3", "Some", "A.B.C", "switch", False),
        ("2021.2.3", "Some", "C", "secret", True),
        ("2021.2.3", "Some", "C.x.y", "schedule", True),
        ("2021.2.3", "Some", "Cx", "switch", False),
        ("2021.2.3", "Some", "Domain", "address", True),
        ("2021.2.3", "Some", "Domain.x", "address", False),
        ("2021.2.3", "Other", "A.B", "switch", False),
        ("2021.2.3", "Other", "Name", "switch", True),
        ("2021.2.3", "Past", "What.ever", "secret", True),
        ("2019.13.7", "Some", "A.B", "switch", False),
        ("2023.1.0", "Some", "A.B", "switch", False),
        (None, "Some", "A.B", "switch", True),
    ],
)
def test_what_the_list_covers(version: str | None, table: str, place: str, sign: str, harmless: bool) -> None:
    listed = scan.List(version, PLACES)
    assert listed.has(table, place, sign) is harmless
    assert listed.whole("PAST") and not listed.whole("Some") and not listed.whole("Other")


def test_rows_of_settings_are_told_apart() -> None:
    found = scan.Scan(scan.List("2025.3.1"), OWN)
    for key in ("pager", "smtp", "a@example.com", "https://x"):
        found.row("Configuration", {"Id": key, "JSON": '{"IsOn": true}'})
    names = [finding.name for finding in found.findings()]
    assert names[0] == "unlisted:Configuration/pager.IsOn"
    assert all(name.startswith("unlisted:Configuration/~") for name in names[1:]) and len(names) == 5


def test_a_finding_says_how_often_and_never_what() -> None:
    found = scan.Scan(scan.List("2025.3.1"), OWN)
    for number in range(3):
        found.row(
            "Relay", {"Id": number, "Url": f"https://{number}.example.com", "Key": SEALED, "JSON": '{"Url": "https://x.example.org"}'}
        )
    told = {one.name: one.detail for one in found.findings()}
    assert told == {
        "unlisted:Relay.Url": "an address outside in 3 rows, which is on no list of what is harmless",
        "unlisted:Relay.Key": "a secret of another system in 3 rows, which is on no list of what is harmless",
    }


def test_there_is_an_end_to_what_is_kept() -> None:
    found = scan.Scan(scan.List("2025.3.1"), OWN)
    for number in range(scan.MOST + 7):
        found.row("Relay", {f"Column{chr(65 + number % 26)}{chr(65 + number // 26)}x": True})
    assert (len(found.findings()), found.left_out) == (scan.MOST, 7)


@pytest.mark.parametrize(
    ("version", "name"),
    [
        ("3.17.14", None),
        (f"{NEWEST}.99999", None),
        ("2026.5.1", "unlisted:server-2026.5"),
        ("2031.1.7", "unlisted:server-2031.1"),
        (None, "unlisted:server"),
    ],
)
def test_a_server_that_is_newer_than_the_list(version: str | None, name: str | None) -> None:
    assert scan.newer(version) == name


def test_every_entry_says_why_and_where_from() -> None:
    said = {
        node.value
        for path in Path(verify.__file__).parent.glob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant)
    }
    for one in ENTRIES:
        assert one.why and one.source and one.signs <= set(SIGNS), one
        assert Version.parse(one.since) <= Version.parse(NEWEST), one
        assert not one.by or one.by in said, one
        assert one.until is None or Version.parse(one.since) < Version.parse(one.until), one
        assert one.table not in ("*", "Configuration", "ExtensionConfiguration") or one.place != "**", one


def test_a_waiver_of_the_quarantine_is_no_typing_error_of_a_plan() -> None:
    assert plan.unknown_waivers(["unlisted:Relay", "unlistd:Relay", "service_running"]) == ["unlistd:Relay"]


# -- reading


class Database:
    """A database with some tables: the rows that a statement gets, and which were asked for."""

    def __init__(self, columns: list[tuple[str, str, str, str]], rows: dict[str, list[dict[str, Any]]]) -> None:
        self.columns, self.rows, self.asked = columns, rows, []

    def query(self, sql: str, *_params: Any) -> list[dict[str, Any]]:
        assert "INFORMATION_SCHEMA" in sql
        return [dict(zip(("schema_name", "table_name", "column_name", "data_type"), one, strict=True)) for one in self.columns]

    def stream(self, sql: str, *_params: Any) -> Any:
        self.asked.append(sql)
        yield from self.rows.get(sql.rpartition(" FROM ")[2], [])


def test_every_table_is_read_but_those_that_cannot_act() -> None:
    database = Database(
        [
            ("dbo", "Event", "Id", "nvarchar"),
            ("dbo", "Odd]Name", "Id", "nvarchar"),
            ("dbo", "Odd]Name", "Where", "geography"),
            ("dbo", "Odd]Name", "DataVersion", "timestamp"),
            ("dbo", "Odd]Name", "At", "datetimeoffset"),
            ("other", "Relay", "Url", "nvarchar"),
            (record.SCHEMA, "Quarantine", "Before", "nvarchar"),
        ],
        {"[other].[Relay]": [{"Url": "https://example.com"}]},
    )
    found = scan.Scan(scan.List("2025.3.1"), OWN)
    read.read(database, found)  # type: ignore[arg-type]  # a stand-in
    assert database.asked == [
        "SELECT [Id], CAST([At] AS nvarchar(max)) AS [At] FROM [dbo].[Odd]]Name]",
        "SELECT [Url] FROM [other].[Relay]",
    ]
    assert [one.name for one in found.findings()] == ["unlisted:Odd]Name.Where", "unlisted:other.Relay.Url"]
