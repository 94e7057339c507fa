# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The verdict of what was seen on what is assumed, and which names a report may have."""

from __future__ import annotations

import json

import pytest
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.compatibility import of_program, of_server, probe, report
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.compatibility.names import is_products, plain_version, publishable
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.compatibility.probe import Probe, Seen, judge, judge_all
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.database import names as database_names
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.version import Version

SWITCHES = Probe(probe.PROGRAM, "database", ("upgrade", "masterKey"), since="3.13.9", needed_by=(probe.UPGRADE,), step="apply")
ALL = (*of_program.PROBES, *of_server.PROBES)


def seen(*names: str, version: str | None = "2025.3.14357") -> Seen:
    found = Seen(versions={probe.PROGRAM: version})
    found.there(probe.PROGRAM, "database", names)
    return found


def test_every_name_is_there_whatever_its_case() -> None:
    assert judge(SWITCHES, seen("UPGRADE", "masterkey", "grant")).verdict == probe.OK


def test_a_name_that_is_missing_contradicts_and_blocks_only_what_needs_it() -> None:
    found = judge(SWITCHES, seen("upgrade"))
    assert (found.verdict, found.missing) == (probe.CONTRADICTION, ("masterKey",))
    assert found.blocks(probe.UPGRADE) and not found.blocks(probe.CLONE)
    # A subject that does not exist has no names.
    assert judge(SWITCHES, seen()).missing == ("upgrade", "masterKey")


def test_what_was_not_seen_is_unknown_and_says_why() -> None:
    assert (judge(SWITCHES, Seen()).verdict, judge(SWITCHES, Seen()).reason) == (probe.UNKNOWN, probe.NOT_ASKED)
    refused = Seen()
    refused.unknown(probe.PROGRAM, "database", probe.REFUSED)
    assert judge(SWITCHES, refused).reason == probe.REFUSED
    assert not judge(SWITCHES, refused).blocks(probe.UPGRADE)


def test_one_of_several_names_is_enough_where_it_is_said_so() -> None:
    either = Probe(probe.PROGRAM, "database", ("a", "b"), any_of=True)
    assert [judge(either, seen(*names)).verdict for names in (("a",), ("b", "c"), ("c",))] == [probe.OK, probe.OK, probe.CONTRADICTION]


def test_a_name_that_may_be_left_out_contradicts_nothing() -> None:
    assert judge(Probe(probe.PROGRAM, "database", ("a",), optional=True), seen("b")).reason == probe.LEFT_OUT


@pytest.mark.parametrize(
    ("version", "verdicts"),
    [("3.13.8", []), ("3.13.9", ["contradiction"]), ("2026.1.0", []), (None, ["unknown"]), ("nonsense", ["contradiction"])],
)
def test_only_versions_that_it_is_assumed_of_are_judged(version: str | None, verdicts: list[str]) -> None:
    until = Probe(probe.PROGRAM, "database", ("upgrade",), since="3.13.9", until="2026.1.0")
    assert [finding.verdict for finding in judge_all([until], seen("other", version=version))] == verdicts


def test_the_assumptions_are_well_formed() -> None:
    ids = [one.id for one in ALL]
    assert len(set(ids)) == len(ids)
    for one in ALL:
        assert one.part in probe.PARTS and one.names and set(one.needed_by) <= {"upgrade", "rollback", "clone", "backup"}
        assert one.step or one.optional, f"{one.id}: what depends on it, or which other way is there?"
        assert all(Version.parse(version) for version in (one.since, one.until) if version)
        assert not (one.optional and one.needed_by), f"{one.id} could never block"


def test_what_is_assumed_of_the_database_is_read_from_it() -> None:
    subjects = {one.subject for one in of_server.PROBES if one.part == probe.DATABASE} - {of_server.CONFIGURATION}
    rows = {f"row {name}" for name in database_names.ROWS}
    assert subjects == {*database_names.TABLES, *rows}


# -- names


@pytest.mark.parametrize(
    "name",
    [
        "LastSeen",
        "OctopusServerNodeId",
        "noconsolelogging",
        "Octopus.Folders.ImportsDirectory",
        "dynamic-extensions-scripts",
        "RunningTaskCount",
    ],
)
def test_names_of_the_product(name: str) -> None:
    assert is_products(name)


@pytest.mark.parametrize(
    "name",
    [
        "AcmeServer", "server-acme", "OCTO01", "octo-a", "10.1.2.3", "https://octopus.example.com", "API-ABCDEF", "hunter2", "Octopus.Acme.Password", "",
        "Servers-12", "LastSeen\nhunter", "é", "Name" * 40, "C:\\Octopus", "anna@ctrl",
    ],
)  # fmt: skip
def test_names_that_somebody_may_have_given(name: str) -> None:
    assert not is_products(name)
    assert publishable([name, "Name"]) == (["Name"], 1)


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("2025.4.10423", "2025.4.10423"),
        ("2025.4.10423-acme", "2025.4.10423"),
        ("3.17.14", "3.17.14"),
        ("10.1.2.3", None),
        ("192.168.0.1", None),
        ("4711", None),
        ("acme", None),
        ("2025.1.123456", None),
        ("2025.1.1.1.1", None),
        (None, None),
    ],
)
def test_a_version_is_nothing_but_numbers(text: str | None, version: str | None) -> None:
    assert plain_version(text) == version


# -- what is told


def test_the_table_says_what_stands_in_the_way() -> None:
    found = seen("upgrade")
    findings = judge_all([SWITCHES, Probe(probe.REST, "/api", ("Version",), step="messages")], found)
    told = report.lines("prod", findings, found)
    assert told[0] == "prod (2025.3.14357): 2 assumptions, 1 contradiction, 1 unknown, 0 ok"
    assert told[-3] == "contradiction: program: database: upgrade, masterKey: without masterKey; upgrade needs it (apply)"
    assert told[-2] == f"unknown: rest: /api: Version: {probe.NOT_ASKED}; messages"
    assert told[-1] == "Do not upgrade yet: 1 of the contradictions concern a later step of an upgrade."
    assert report.lines("prod", [], found)[-1] == "Nothing here stands in the way of an upgrade."


def test_the_report_has_the_names_of_the_product_and_counts_the_others() -> None:
    found = seen("upgrade", "AcmeSwitch", version="2025.3.14357-acme")
    document = report.document(judge_all([SWITCHES], found), found, {"sql_server": 15, "windows": 31337})
    assert document["seen"]["program"]["database"] == {"names": ["upgrade"], "others": 1}
    assert document["environment"] == {"sql_server": 15, "windows": None}
    assert document["versions"] == {"program": "2025.3.14357", "windows": None, "rest": None, "database": None}
    assert document["probes"][0]["missing"] == ["masterKey"]
    assert "acme" not in json.dumps(document).lower()
