# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The cases of a matrix, the choice of some, the failures after which a run restores service or rolls back."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from scenarios.chaos.effects import Break, Moment
from scenarios.chaos.matrix import (
    AFTER,
    BREAK,
    FAIL,
    GUARDED,
    KILL,
    KILLS,
    KINDS,
    UNRECORDED,
    WITHIN,
    Case,
    Step,
    Story,
    cases,
    chosen,
    dump,
    full,
    gate,
    load,
    restoring_service,
    rolling_back,
)

DROP = Break("winrm.drop", "octo01", params={"action": "Command"})
HANG = Break("service.hang_stop", "octo01", hold=30.0)
NO_START = Break("service.fail_start", "octo01")
NO_BACKUP = Break("sql.kill_backup", "sql01")
JOB = Moment("task.run", "octo01", begins=("name", "\\octopus.upgrade\\x"))
UPGRADE = [
    Step("stage.packages", [DROP], [Break("job.vanish", "octo01")], [JOB]),
    Step("quiesce.stop", [DROP], [HANG], [JOB]),
    Step("quiesce.down", [DROP]),
    Step("backup.database", [DROP], [NO_BACKUP], [JOB]),
    Step("apply.1.schema", [DROP], [Break("schema.fail", "octo01")], [JOB]),
    Step("apply.1.start", [DROP], [NO_START], [JOB]),
    Step("verify.reads"),
    Step("publish.watchdog", [DROP]),
]
STORIES = [
    Story("upgrade", UPGRADE),
    Story("restore service", [Step("restore_service.start", [DROP])], "backup.database", NO_BACKUP),
    Story("roll back", [], "apply.1.start", NO_START),
]


def test_each_step_meets_each_kind_that_it_allows() -> None:
    matrix = cases(STORIES)
    for story in STORIES:
        for step in story.steps:
            kinds = {case.kind for case in matrix if (case.story, case.step) == (story.name, step.name)}
            wanted = (
                {KILL, UNRECORDED, AFTER}
                | ({BREAK} if step.breaks else set())
                | ({FAIL} if step.failures else set())
                | ({WITHIN} if step.moments else set())
            )
            if story.name == "upgrade":
                wanted |= set(GUARDED) if step.moments else {GUARDED[0]}
            assert kinds == wanted, step.name
    assert len({case.name for case in matrix}) == len(matrix)


def test_a_case_after_a_failure_has_the_failure_that_leads_to_it() -> None:
    own = [case for case in cases(STORIES) if case.story == "restore service"]
    assert own and all((case.at, case.late) == ("backup.database", NO_BACKUP) for case in own)


def test_about_half_of_the_cases_go_on_from_a_second_control_node() -> None:
    matrix = cases(STORIES)
    for kind in (KILL, BREAK):
        own = [case.controller for case in matrix if case.kind == kind]
        assert abs(own.count("same") - own.count("second")) <= 1


def test_each_gate_has_two_deaths_each_other_kind_once_and_one_with_the_guard() -> None:
    matrix, deaths = cases(STORIES), set()
    for number in range(50):
        own = gate(matrix, f"commit {number}")
        kinds = [case.kind for case in own[:-1]]
        died = [kind for kind in kinds if kind in KILLS]
        assert len(died) == 2 and sorted(kinds) == sorted({*died, *(kind for kind in KINDS if kind not in KILLS)})
        deaths |= {*died}
        assert own[-1].kind in GUARDED
        assert own[:-1] == [case for case in matrix if case in own[:-1]], "in the order of the steps"
        assert len({case.phase for case in own[:-1]}) == len(kinds), "where there are as many phases, each kind meets another one"
    assert deaths == {*KILLS}, "everybody's turn comes"


def test_the_gate_depends_on_no_name() -> None:
    def renamed(name: str) -> str:
        return f"new-{name}"

    stories = [replace(story, steps=[replace(step, name=renamed(step.name)) for step in story.steps]) for story in STORIES]
    for one in (STORIES, stories):
        assert {case.name for case in _of_gates(cases(one))} == {case.name for case in cases(one)}, "everybody's turn comes"


def _of_gates(matrix: list[Case]) -> list[Case]:
    return [case for number in range(400) for case in gate(matrix, f"commit {number}")]


def test_the_gate_rotates_with_the_seed() -> None:
    matrix = cases(STORIES)
    assert gate(matrix, "commit 7") == gate(matrix, "commit 7")
    twenty = [case for number in range(20) for case in gate(matrix, f"commit {number}")]
    assert {case.story for case in twenty} == {story.name for story in STORIES if story.steps}, "each story's turn comes soon"


def test_the_full_matrix_kills_and_breaks_each_step_once() -> None:
    matrix = cases(STORIES)
    whole = full(matrix)
    for story in STORIES:
        for step in story.steps:
            own = [case.kind for case in whole if (case.story, case.step) == (story.name, step.name)]
            assert len([kind for kind in own if kind in KILLS]) == 1
            assert len([kind for kind in own if kind in (BREAK, FAIL)]) == (1 if step.breaks or step.failures else 0)


def test_cases_are_chosen_by_name_and_a_strange_name_is_refused() -> None:
    matrix = cases(STORIES)
    assert chosen(matrix, "all") == matrix
    assert chosen(matrix, "full") == full(matrix)
    assert chosen(matrix, "gate", "a commit") == gate(matrix, "a commit")
    assert [case.name for case in chosen(matrix, "upgrade/quiesce.down/kill, restore-service")] == [
        "upgrade/quiesce.down/kill-unrecorded",
        "upgrade/quiesce.down/kill-after",
        "upgrade/quiesce.down/kill",
        *(case.name for case in matrix if case.story == "restore service"),
    ]
    with pytest.raises(ValueError, match="no such case: upgrade/nothing; known: upgrade/stage"):
        chosen(matrix, "upgrade/nothing")


def test_the_first_failure_after_the_stop_restores_service_and_the_last_start_rolls_back() -> None:
    assert restoring_service(UPGRADE) == ("backup.database", NO_BACKUP)
    assert rolling_back(UPGRADE) == ("apply.1.start", NO_START)
    assert rolling_back(UPGRADE[:5]) == ("apply.1.schema", Break("schema.fail", "octo01"))
    assert (restoring_service(UPGRADE[:1]), rolling_back(UPGRADE[:1])) == (None, None)


def test_stories_survive_a_file() -> None:
    assert load(json.loads(json.dumps(dump(STORIES)))) == STORIES


def test_what_was_armed_is_told() -> None:
    assert Case("upgrade", "x", KILL).armed == "SIGKILL"
    assert Case("upgrade", "x", AFTER).armed == "SIGKILL once it is recorded"
    assert Case("upgrade", "x", WITHIN, moment=JOB).armed == "task.run \\octopus.upgrade\\x"
    assert Case("upgrade", "x", BREAK, strike=Break("winrm.refuse", "octo01", None, 2, {"a": 1}, 2.0)).armed == (
        "winrm.refuse@octo01 a=1 after 2 for 2 s"
    )
