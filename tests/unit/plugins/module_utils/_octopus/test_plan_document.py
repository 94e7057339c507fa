# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The plan as a document that fits its schema, and as the text of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus import (
    outage,
    path_checks,
    plan,
    plan_document,
    plan_text,
)
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.check_guide.catalogue import GUIDE
from ansible_collections.octopus.upgrade.tests.unit import json_schema
from ansible_collections.octopus.upgrade.tests.unit.plugins.module_utils._octopus.ready_facts import (
    INSTALLED,
    NOW,
    READY,
    TARGET,
    made,
    planted,
)
from ansible_collections.octopus.upgrade.tests.unit.run_module import run_module

SCHEMA = json.loads((Path(__file__).resolve().parents[5] / "docs" / "plan.schema.json").read_text(encoding="utf-8"))


TESTED = {
    **{"run_id": "r", "test_instance": "prod-test", "from_version": INSTALLED, "to_version": TARGET, "verdict": "upgraded"},
    **{"finished": "2026-11-24T12:00:00+00:00", "age_days": 1.0, "succeeded": True, "same_path": False},
}

# -- the document and its schema


def test_a_plan_fits_its_schema_whatever_it_says() -> None:
    for one in (
        made(),
        made({"server/license/is_compliant": None}),
        made({"database/used_bytes": None}),
        made({"rehearsal/outlook": None}),
        made({"rehearsal/tested": TESTED}),
    ):
        assert list(json_schema.errors(json.loads(json.dumps(one)), SCHEMA)) == []


@pytest.mark.parametrize(
    ("path", "value"),
    [("verdict", "perhaps"), ("format", 2), ("made", "today"), ("checks/0/phase", "later"), ("checks/0/more", 1), ("nodes", None),
     ("staged/0/sha256", "ABC"), ("path/0/to", ""), ("running_tasks", True), ("outage/seconds", "60")],
)  # fmt: skip
def test_the_schema_refuses_what_is_no_plan(path: str, value: Any) -> None:
    one: Any = json.loads(json.dumps(made()))
    place = one
    *above, last = path.split("/")
    for key in above:
        place = place[int(key) if isinstance(place, list) else key]
    place[last] = value
    assert list(json_schema.errors(one, SCHEMA)) != []


def test_the_module_returns_what_fits_the_schema_also_where_there_is_nothing_to_do() -> None:
    given = {name: READY[name] for name in ("instance", "nodes", "server", "hosts", "database")}
    result = run_module("octopus_plan", **given, version=INSTALLED, partial=True)
    assert list(json_schema.errors(result["plan"], SCHEMA)) == []
    assert result["plan"]["verdict"] == "nothing_to_do"
    assert result["lines"] == [f"Plan of prod: it is at {INSTALLED} already; there is nothing to do."]


def test_a_partial_plan_refuses_and_tells_nothing() -> None:
    given = {name: READY[name] for name in ("instance", "nodes", "server", "hosts")}
    result = run_module("octopus_plan", **given, database={**READY["database"], "sessions_visible": False}, version=TARGET, partial=True)
    assert not result.get("failed") and (result["plan"], result["lines"]) == ({}, [])
    assert result["upgrade_path"] == [TARGET]
    whole = run_module("octopus_plan", **given, database={**READY["database"], "sessions_visible": False}, version=TARGET)
    assert whole["failed"] and whole["plan"]["verdict"] == "blocked" and "may_see_sessions" in whole["msg"]


# -- the text


def test_the_text_of_a_plan() -> None:
    text = plan_text.lines(
        made({"server/license/is_compliant": False, "server/maintenance": {"enabled": True}}, waivers=("license_compliant",))
    )
    assert text[0] == f"Plan of prod: {INSTALLED} -> {TARGET}"
    assert text[1].startswith("  Nothing stops it (1 warning, 1 waived, ")
    for line in (
        f"Upgrade path: {INSTALLED} -> 2025.3.14357 -> {TARGET}",
        "  2025.3.14357: no known jump asks for it by itself",
        f"  {TARGET}: the wanted version",
        "Nodes: octo-a (coordinator), octo-b",
        "Database: Octopus on sql.example.com, SQL Server 15.0.4430.1, 0.0 MiB in use",
        "Restore points: \\\\nas\\prod",
        "Tentacles: 0 polling and 1 listening, of 1 targets and workers. Polling ones come back by themselves once each node",
        f"  {TARGET}: 1.0 MiB as C:\\p\\Octopus.msi on octo-a, octo-b; its signature is verified",
        "  database backup: about 0.0 MiB",
        "  folders: 3 files, 0.0 MiB to copy to \\\\nas\\prod",
        "Estimated outage: 0:06:53 (h:mm:ss), since the rehearsal on test 2.5 days ago took that long",
        "  - It is encrypted.",
        "To go on:",
        "  ansible-playbook up.yml",
    ):
        assert line in text, "\n".join(text)
    assert any(line.startswith("    warning  maintenance_off (prod): expected maintenance mode off") for line in text)
    assert any(line.startswith("    waived   license_compliant (prod): expected a compliant licence") for line in text)


def test_a_test_instance_is_told_and_counts_as_no_rehearsal() -> None:
    one = made({"rehearsal/tested": TESTED, "rehearsal/outlook": None})
    text = " ".join("\n".join(plan_text.lines(one)).split())
    assert (
        f"Test instance: the upgrade of prod-test {INSTALLED} -> {TARGET} ended 2026-11-24T12:00, along another upgrade path than this one: "
        "upgraded. It has some of the projects, so it is no rehearsal" in text
    )
    assert next(check for check in one["checks"] if check["name"] == "rehearsed")["found"] == "none of this upgrade"
    assert "Test instance" not in "\n".join(plan_text.lines(made()))


def test_each_check_is_told_once_under_the_heading_of_its_phase() -> None:
    document = made({"hosts/octo-a/readiness/reboot_pending": ["x"]})
    text = plan_text.lines(document)
    told = "\n".join(text[text.index("Checks") :])
    for check in document["checks"]:
        assert check["name"] in told, check
    heading = {entry.phase.value for entry in GUIDE.values() if entry.name in {one["name"] for one in document["checks"]}}
    assert [line.strip() for line in text if line.strip() in heading] == [
        value for value in dict.fromkeys(phase.value for phase in type(GUIDE["rehearsed"].phase)) if value in heading
    ]
    # On octo-a it fires, on octo-b it does not; it is no ok then.
    assert "ok       no_reboot_pending" not in told and ", no_reboot_pending" not in told


def test_the_text_says_what_stops_it_and_how_to_ask_again() -> None:
    text = plan_text.lines(made({"database/sessions_visible": None, "server/license/is_compliant": False}))
    assert text[1].startswith("  2 finding(s) stop it (1 blocker, 1 unknown, ")
    assert any(line.startswith("    unknown (stops it) may_see_sessions") for line in text)
    assert text[-2:] == ["Solve what stops it, or waive it by name in octopus_waivers, and plan again:", "  ansible-playbook plan.yml"]


def test_no_line_is_longer_than_a_terminal_unless_it_is_to_be_copied() -> None:
    for line in plan_text.lines(made({"looked": {"backup": "word " * 100}}, ladder=[TARGET])):
        assert len(line) <= plan_text.WIDTH or line.strip().startswith("ansible-playbook")


def test_a_version_that_the_solver_has_chosen_is_given_its_reason() -> None:
    way = path_checks.find(
        "2018.10.7", TARGET, [], releases=["2018.10.7", "2020.6.4671", "2021.1.8045", "2025.3.14357", TARGET], conditions={}
    )
    facts = plan.Facts(**planted({"server/version": "2018.10.7"}))
    document = plan_document.document(facts, TARGET, way, [], plan_document.Setting(now=NOW))
    text = "\n".join(plan_text.lines(document))
    first = document["path"][0]
    assert len(document["path"]) > 1 and first["reasons"]
    assert f"  {first['to']}: avoids {first['reasons'][0]['id']}" in text
    assert first["reasons"][0]["text"][:40] in " ".join(text.split())


@pytest.mark.parametrize(
    ("used", "rehearsal", "least", "most", "basis"),
    [
        (0, {"outlook": {"succeeded": True, "clone": "c", "age_days": 1, "outage_seconds": 61.4}}, 61, 61, "rehearsal"),
        (0, {"outlook": {"succeeded": False, "clone": "c", "age_days": 1, "outage_seconds": None}}, 210, 840, "sizes"),
        (1000 * 1024**2, None, 220, 880, "sizes"),
        (None, None, None, None, "unknown"),
    ],
)
def test_the_outage_and_what_it_rests_on(used: int | None, rehearsal: Any, least: int | None, most: int | None, basis: str) -> None:
    found = outage.estimate([TARGET], used, rehearsal)
    assert (found["least"], found["most"], found["basis"]) == (least, most, basis)
    assert outage.text(3725) == "1:02:05"
