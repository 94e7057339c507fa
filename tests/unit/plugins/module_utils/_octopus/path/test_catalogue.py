# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every row where it applies and where it does not, what a user adds and switches off, and symptoms in an output."""

from __future__ import annotations

import pytest
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.path.catalogue import ROWS, catalogue, explanations, recognise
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.path.conditions import CONDITIONS
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.path.row import Kind, Row
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.version import Version

from .examples import EVERY, EXAMPLES

OWN = {"id": "own", "origin": "<2024.1", "target": ">=2025.1", "kind": "start", "problem": "It breaks here", "way": "Do not"}


def v(text: str) -> Version:
    return Version.parse(text)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)
def test_a_row_applies_to_its_jumps_and_no_others(row: Row) -> None:
    if row.id in EVERY:
        assert row.applies(v("3.2.1"), v("3.2.2"), {})
        assert row.applies(v("2025.3.14408"), v("2026.2.13364"), {})
    else:
        origin, target, other_origin, other_target = map(v, EXAMPLES[row.id])
        assert row.applies(origin, target, {})
        assert not row.applies(other_origin, other_target, {})
        assert not row.applies(v("1.0"), v("1.1"), {}) or row.origin == "any"


@pytest.mark.parametrize("row", [row for row in ROWS if row.when], ids=lambda row: row.id)
def test_a_condition_that_does_not_hold_switches_a_row_off_and_an_unknown_one_does_not(row: Row) -> None:
    origin, target = map(v, EXAMPLES[row.id][:2]) if row.id in EXAMPLES else (v("3.2.1"), v("3.2.2"))
    assert row.applies(origin, target, {row.when: True})
    assert row.applies(origin, target, {row.when: None})
    assert not row.applies(origin, target, {row.when: False})


def test_the_examples_are_of_the_catalogue() -> None:
    ids = [row.id for row in ROWS]
    assert sorted(ids) == sorted(set(ids))
    assert set(ids) == set(EXAMPLES) | EVERY


def test_every_row_says_what_to_do_and_where_it_is_known_from() -> None:
    for row in ROWS:
        assert row.sources, row.id
        assert row.problem and not row.problem.endswith("."), row.id
        assert row.way and not row.way.endswith("."), row.id
        assert all(source.startswith(("#", "https://")) for source in row.sources), row.id
        assert all(link.startswith("https://") for link in row.links()), row.id


def test_conditions_are_those_of_the_rows() -> None:
    assert {row.when for row in ROWS if row.when} == set(CONDITIONS)


def test_what_blocks() -> None:
    blocks = {row.id for row in ROWS if row.blocks}
    assert {"dataversion", "sql-2016", "licence-grace", "halibut-0351"} <= blocks
    assert blocks.isdisjoint({"targets-2008", "spaces", "lvs-permissions", "two-upgraders", "varset-0541"})


def test_a_user_adds_a_row() -> None:
    rows = catalogue([{**OWN, "symptoms": ["boom"], "sources": ["https://wiki.example.com/1"], "when": "sql_alias"}])
    own = rows[-1]
    assert (own.id, own.kind, own.when, own.blocks) == ("own", Kind.START, "sql_alias", True)
    assert own.applies(v("2023.4.8481"), v("2026.2.13364"), {})
    assert own.recognised("it went boom")
    assert len(rows) == len(ROWS) + 1


def test_a_users_row_replaces_the_one_with_its_id() -> None:
    rows = catalogue([{**OWN, "id": "dataversion"}])
    assert len(rows) == len(ROWS)
    assert next(row for row in rows if row.id == "dataversion").problem == "It breaks here"


def test_rows_are_switched_off() -> None:
    rows = catalogue(off=["dataversion", "spaces"])
    assert {row.id for row in ROWS} - {row.id for row in rows} == {"dataversion", "spaces"}


@pytest.mark.parametrize(
    ("added", "off", "message"),
    [
        ([{name: value for name, value in OWN.items() if name != "way"}], [], "lacks way"),
        ([{**OWN, "versions": "1"}], [], "the unknown word versions"),
        ([{**OWN, "kind": "bad"}], [], "of the kind 'bad'"),
        ([{**OWN, "origin": "old"}], [], "found 'old'"),
        ([{**OWN, "target": ">=2025.1,<2024.1"}], [], "the lower bound below the upper one"),
        ([{**OWN, "when": "full_moon"}], [], "the unknown condition full_moon"),
        ([{**OWN, "symptoms": "boom"}], [], "expected lists"),
        ([OWN, OWN], [], "two entries with the id own"),
        ([], ["dataverison"], "unknown rows: dataverison"),
    ],
)
def test_a_mistake_is_named(added: list[dict[str, object]], off: list[str], message: str) -> None:
    with pytest.raises(OctopusError, match=message):
        catalogue(added, off)


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("System.Data.SqlClient.SqlException: Invalid column name 'DataVersion'.", ["dataversion"]),
        ("Executing Database Server script 'Script0432ValidateScopedUserRoleProjectGroups'", ["role-scope-0432"]),
        ("Autofac.Core.DependencyResolutionException: ... WebConfigurationMemento", ["null-dynamic"]),
        ("Unexpected upgrade history detected: Script0321DeleteQueuedCleanupTasks", ["history-0321", "history-0321-early"]),
        ("TargetLimitPolicy': Invalid column name 'CommunicationStyle'", ["target-limit"]),
        ("All went well", []),
        ("TargetLimitPolicy alone", []),
    ],
)
def test_a_symptom_is_recognised(text: str, ids: list[str]) -> None:
    assert [row.id for row in recognise(text)] == ids


def test_a_failure_that_is_known_is_explained() -> None:
    [said] = explanations(["Upgrading", "Invalid column name 'DataVersion'.", "The Octopus server exited unexpectedly"])
    assert said.startswith("This is known as dataversion: The server stops at its first start")
    assert said.endswith("See https://github.com/OctopusDeploy/Issues/issues/10126.")
    assert explanations(["All went well"]) == []
