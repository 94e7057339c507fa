# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Journals are read while they are written, from the coordinator where it has them; outcomes become a table; a controller dies whole."""

from __future__ import annotations

import base64
import json
import subprocess
import time
import uuid
import zlib
from pathlib import Path
from typing import Any

import pytest
from scenarios.chaos import controller as chaos_controller
from scenarios.chaos import journal
from scenarios.chaos.case import Broken, how, lock_owner
from scenarios.chaos.controller import MARK, Controller, marked
from scenarios.chaos.journal import Journals
from scenarios.chaos.outcome import AS_BEFORE, NEITHER, UPGRADED, Outcome, read, summary, table

ENTRIES = [
    {"event": "begun", "run_id": "20261125T132400Z"},
    {"event": "step", "step": "backup.folders"},
    {"event": "failed", "error": "x"},
    {"event": "step", "step": "restore_service.start"},
    {"event": "resumed"},
    {"event": "step", "step": "backup.folders"},
    {"event": "finished", "verdict": "failed_service_restored"},
]


def _journal(folder: Path, name: str, entries: list[dict[str, str]], rest: str = "") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text("".join(json.dumps(entry) + "\n" for entry in entries) + rest)
    return path


def test_the_coordinators_journals_count_else_those_of_all_control_nodes(tmp_path: Path) -> None:
    journals = Journals([tmp_path / "coordinator"], [tmp_path / "first", tmp_path / "second"])
    assert journals.entries() == []
    _journal(tmp_path / "second", "1.jsonl", ENTRIES[:1])
    _journal(tmp_path / "first", "2.jsonl", ENTRIES[1:2])
    assert journals.entries() == ENTRIES[:2]
    _journal(tmp_path / "coordinator", "2.jsonl", ENTRIES[3:4])
    _journal(tmp_path / "coordinator", "1.jsonl", ENTRIES[2:3])
    assert journals.entries() == ENTRIES[2:4]
    (tmp_path / "first" / "2.json").write_text('{"kept": "OctopusDeploy-failed"}')
    assert "OctopusDeploy-failed" in journals.text()


@pytest.mark.parametrize("rest", ['{"event": "st', '{"event": "step", "step": "x"', "\0\0", "[1]\n", "{}\n"])
def test_a_line_that_is_not_whole_is_left_out(tmp_path: Path, rest: str) -> None:
    _journal(tmp_path, "1.jsonl", ENTRIES[:2], rest)
    assert Journals([tmp_path], []).entries() == ENTRIES[:2]


def test_a_journal_that_has_changed_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    assert journal.read(path) == []
    for count in (1, 2):
        with path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"event": "step", "step": "backup.folders", "id": str(count)}) + "\n")
        assert len(journal.read(path)) == count
    path.unlink()
    assert journal.read(path) == []


def test_steps_are_numbered_where_they_come_again() -> None:
    assert journal.step_names(ENTRIES) == ["backup.folders", "restore_service.start", "backup.folders#2"]
    assert journal.steps_after_failure(ENTRIES) == ["restore_service.start", "backup.folders#2"]
    assert journal.steps_after_failure(ENTRIES[:2]) == []
    assert journal.run_ids(ENTRIES) == ["20261125T132400Z"]


def test_the_verdict_is_the_last_runs() -> None:
    assert journal.verdict(ENTRIES) == "failed_service_restored"
    assert journal.verdict([{"event": "finished", "data": {"verdict": "upgraded"}}]) == "upgraded"
    assert journal.verdict(ENTRIES[:3]) == journal.verdict([]) == "unfinished"


def test_how_it_came_to_its_end() -> None:
    assert how(ENTRIES, AS_BEFORE, True) == "resumed, service restored"
    assert how([{"event": "finished", "verdict": "rolled_back"}], AS_BEFORE, False) == "rolled back"
    assert how(ENTRIES[:2], UPGRADED, True) == "run again"
    assert how(ENTRIES[:2], UPGRADED, False) == "tolerated"


DONE: list[dict[str, Any]] = [
    {"event": "step", "step": "one"},
    {"event": "done", "step": "one", "result": {"changed": True}},
    {"event": "step", "step": "two"},
    {"event": "step", "step": "two"},
    {"event": "done", "step": "two", "result": {"changed": False}},
    {"event": "step", "step": "one"},
]


def test_a_step_is_done_under_the_number_with_which_it_began() -> None:
    assert journal.done_names(DONE) == ["one", "two#2"]
    assert journal.results(DONE) == {"two": {"changed": False}}, "what began again is not done"
    assert (journal.last(DONE), journal.last(DONE[:2]), journal.last([])) == ("step one", "done one", "none")


def test_only_the_last_event_is_forgotten_and_only_of_that_step(tmp_path: Path) -> None:
    events = [{"id": str(number), **entry} for number, entry in enumerate(DONE[:5])]
    _journal(tmp_path, "1.jsonl", events)
    journals = Journals([tmp_path], [])
    assert not journals.forget_done("one") and journals.entries() == events
    assert journals.forget_done("two") and journals.entries() == events[:4]


def test_an_event_that_was_split_is_put_together_and_counts_once() -> None:
    event = {"n": 1, "id": "a", "event": "done", "step": "one", "result": {}}
    packed = base64.b64encode(zlib.compress(json.dumps(event).encode())).decode()
    halves = [packed[:20], packed[20:]]
    lines = [json.dumps({"n": 1, "id": "a", "part": part, "of": 2, "packed": half}) for part, half in enumerate(halves, 1)]
    assert journal.parse(lines[0]) == []
    assert journal.parse("\n".join([*lines, lines[0], json.dumps(event)])) == [event]


@pytest.mark.parametrize("name", ["20261125T132400Z", "anna@ctrl1", "unknown"])
def test_a_refusal_names_whose_lock_is_to_be_broken(name: str) -> None:
    said = f'"msg": "Expected the lock to be free, but it is taken.\n Break it to resume:\n octopus_break_lock: {name}."}}'
    assert lock_owner(said) == name
    with pytest.raises(Broken, match="does not name"):
        lock_owner("octopus_break_lock is a variable")


GOOD = Outcome("upgrade", "backup.database", "kill", "SIGKILL", UPGRADED, "resumed", 41.4)
BAD = Outcome(
    "roll back", "rollback.files", "break", "winrm.drop@octo01", NEITHER, "", 70.0, problems=["lost: Project 1", "left over: a task"]
)


def test_the_table_has_a_line_for_each_case_and_says_what_is_wrong() -> None:
    lines = table([GOOD, BAD]).splitlines()
    assert lines[0].split() == ["step", "fault", "armed", "outcome", "how", "seconds"]
    assert lines[2].split() == ["backup.database", "kill", "SIGKILL", "upgraded", "resumed", "41"]
    assert lines[3].startswith("roll back: rollback.files  break  winrm.drop@octo01  NEITHER !")
    assert lines[4:6] == ["    ! lost: Project 1", "    ! left over: a task"]
    assert "1 of 2 legitimate ends (50 %); 1 upgraded (resumed)" in lines
    assert "1 lost rows and files, 1 leftovers" in lines


def test_an_end_with_a_problem_is_not_legitimate() -> None:
    assert GOOD.legitimate and not BAD.legitimate
    assert not Outcome("upgrade", "x", "kill", "", UPGRADED, problems=["left over: a lock"]).legitimate
    assert summary([]).startswith("0 of 0")


def test_outcomes_survive_a_file_and_one_that_is_missing_is_told(tmp_path: Path) -> None:
    GOOD.write(tmp_path, "upgrade/backup.database/kill")
    found, missing = read(tmp_path, ["upgrade/backup.database/kill", "upgrade/backup.folders/kill-within"])
    assert found == GOOD
    assert (missing.step, missing.kind, missing.legitimate) == ("backup.folders", "kill within", False)
    assert missing.problems == ["the case was not run to its end"]


class _Parent:
    """An operator whose ansible-playbook is one that starts a child in a session of its own, and waits."""

    def __init__(self, folder: Path) -> None:
        self.folder = self.inventory = folder

    @staticmethod
    def environment() -> dict[str, str]:
        return {"PATH": "/usr/bin:/bin"}


@pytest.mark.parametrize("another", [False, True])
def test_a_killed_controller_takes_everything_with_it(another: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "ansible-playbook"
    program.write_text("#!/bin/sh\nsetsid sleep 300 &\nsleep 300\n")
    program.chmod(0o755)
    monkeypatch.setattr(chaos_controller, "PROGRAM", (str(program),))
    with Controller(_Parent(tmp_path), "x", tmp_path / "log.txt", another) as controller:
        deadline = time.monotonic() + 20
        while len(marked(controller.mark)) < 3:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        assert not controller.ended and controller.code is None and not controller.wait(0.01)
        controller.kill()
        assert marked(controller.mark) == []
        assert controller.code == -9


def test_others_are_not_killed() -> None:
    another = uuid.uuid4().hex
    with subprocess.Popen(["/bin/sleep", "300"], env={MARK: another}) as process:
        try:
            assert marked(uuid.uuid4().hex) == []
            assert marked(another) == [process.pid]
        finally:
            process.kill()
