# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What an operation depends on, judged as checks of its plan: each assumption blocks where it is contradicted, and nothing else does."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus import assumption_checks, plan
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.check import Check
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.compatibility import of_program, of_server, report
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.compatibility.probe import (
    BACKUP,
    CLONE,
    DATABASE,
    DEPENDS_ON,
    NO_ROW,
    PROGRAM,
    REFUSED,
    REST,
    UPGRADE,
    WINDOWS,
    Probe,
    Seen,
    judge_all,
    of_operation,
)

ALL = (*of_program.PROBES, *of_server.PROBES)
VERSION = "2025.3.14357"
NAMES = {
    PROGRAM: "program_as_assumed",
    WINDOWS: "windows_as_assumed",
    REST: "rest_api_as_assumed",
    DATABASE: "database_as_assumed",
}
NEEDED = [one for one in of_operation(ALL, UPGRADE) if one.applies(VERSION)]


def as_assumed() -> Seen:
    seen = Seen(versions=dict.fromkeys(NAMES, VERSION))
    for one in ALL:
        seen.there(one.part, one.subject, {*seen.names.get(one.part, {}).get(one.subject, ()), *one.names})
    return seen


def looked(seen: Seen, operation: str = UPGRADE) -> dict[str, Any]:
    return {"report": report.document(judge_all(of_operation(ALL, operation), seen), seen, {})}


def found(result: dict[str, Any]) -> dict[str, Check]:
    return {one.name: one for one in assumption_checks.checks(result, "prod")}


def test_a_server_that_is_as_assumed_passes_each_check() -> None:
    checks = found(looked(as_assumed()))
    assert {name: one.verdict for name, one in checks.items()} == dict.fromkeys(NAMES.values(), "ok")
    assert {one.part for one in NEEDED} == set(NAMES), "otherwise one of them could never fail"


@pytest.mark.parametrize("probe", NEEDED, ids=[one.id for one in NEEDED])
def test_each_contradiction_blocks_and_is_named_with_the_step_that_depends_on_it(probe: Probe) -> None:
    seen = as_assumed()
    seen.there(probe.part, probe.subject, seen.names[probe.part][probe.subject] - set(probe.names))
    checks = found(looked(seen))
    own = checks[NAMES[probe.part]]
    assert own.blocks and own.verdict == "blocker"
    assert all(name in own.found for name in probe.names) and probe.step in own.found
    assert [name for name, one in checks.items() if one.blocks] == [own.name]


@pytest.mark.parametrize("probe", NEEDED, ids=[one.id for one in NEEDED])
def test_what_could_not_be_looked_up_is_unknown_and_blocks_nothing(probe: Probe) -> None:
    seen = as_assumed()
    del seen.names[probe.part][probe.subject]
    seen.unknown(probe.part, probe.subject, REFUSED)
    own = found(looked(seen))[NAMES[probe.part]]
    assert (own.verdict, own.blocks) == ("unknown", False)
    assert f"{probe.subject}: {REFUSED}" in own.found


def test_nobody_reads_a_row_where_there_is_none() -> None:
    seen = as_assumed()
    del seen.names[REST]["row of artifacts"]
    seen.unknown(REST, "row of artifacts", NO_ROW)
    own = found(looked(seen))[NAMES[REST]]
    assert own.verdict == "ok" and "of 1 more there is nothing yet" in own.found


def test_a_look_that_failed_makes_all_of_it_unknown() -> None:
    checks = found({"failed": True, "msg": "the host does not answer"})
    assert {one.verdict for one in checks.values()} == {"unknown"} and len(checks) == len(NAMES)
    assert all("the host does not answer" in one.found and not one.blocks for one in checks.values())
    assert found({}) == {} and found({"skipped": True}) == {}


@pytest.mark.parametrize("operation", DEPENDS_ON)
def test_an_operation_asks_for_what_it_depends_on_and_for_nothing_else(operation: str) -> None:
    needed = of_operation(ALL, operation)
    assert needed and all(set(one.needed_by) & set(DEPENDS_ON[operation]) for one in needed)
    others = [one for one in ALL if one not in needed]
    assert not [one.id for one in others if operation in one.needed_by]
    assert len(of_operation(ALL, BACKUP)) < len(of_operation(ALL, UPGRADE)) < len(ALL)


def test_only_a_clone_needs_what_only_a_clone_needs() -> None:
    seen = as_assumed()
    seen.there(PROGRAM, "create-instance", ())
    assert not [one for one in found(looked(seen)).values() if one.blocks]
    assert [name for name, one in found(looked(seen, CLONE)).items() if one.blocks] == ["program_as_assumed"]


def test_they_can_be_waived_by_name() -> None:
    assert set(NAMES.values()) <= set(plan.NAMES)
