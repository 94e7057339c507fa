# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the console says about a run, and when."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import ansible_collections.octopus.upgrade as collection
import pytest
import yaml
from ansible_collections.octopus.upgrade.plugins.module_utils._core.progress import Message
from ansible_collections.octopus.upgrade.plugins.plugin_utils import _console, _console_steps, _console_text
from ansible_collections.octopus.upgrade.plugins.plugin_utils._console import FAILED, IGNORED, OK, SKIPPED, UNREACHABLE, Console
from ansible_collections.octopus.upgrade.plugins.plugin_utils._console_state import Task

ROLES = Path(next(iter(collection.__path__))) / "roles"
PATH = ["2025.3.14357", "2026.2.9853"]
BACKUP = Task("Back up the database", "octopus.upgrade.mssql_backup", "upgrade", "backup.database")
SCHEMA = Task("Upgrade the schema", "octopus.upgrade.octopus_database_upgrade", "upgrade", "apply.{{ upgrade_to }}.schema")
PRUNE = Task("Remove old restore points", "octopus.upgrade.octopus_restore_point_prune", "upgrade", "prune")
BEGUN = Task("Open the journal", "octopus.upgrade.octopus_run_record", "run")
REPORT = Task("Record how the run ended", "octopus.upgrade.octopus_run_report", "upgrade")
SHOW = Task("Show how the run ended", "ansible.builtin.debug", "upgrade")
FAIL = Task("Report the failure and the state of the instance", "ansible.builtin.fail", "upgrade")


class Play:
    """A console, and what it has printed of an upgrade of the host octo-a, at times that the tests say."""

    def __init__(self, live: bool = False, begun: bool = True) -> None:
        self.console = Console(1000.0, live)
        self.now = 1000.0
        if begun:
            self.run(BEGUN, 0, {"changed": True, "record": {"run_id": "1", "operation": "upgrade", "ladder": PATH}})

    def begin(self, task: Task, host: str = "octo-a") -> list[str]:
        return texts(self.console.task_begins(host, task, self.now))

    def end(self, task: Task, seconds: float, result: Mapping[str, Any] | None = None, ended: str = OK, host: str = "octo-a") -> list[str]:
        self.now += seconds
        return texts(self.console.task_ends(host, task, result or {}, ended, self.now))

    def run(self, task: Task, seconds: float, result: Mapping[str, Any] | None = None, ended: str = OK, host: str = "octo-a") -> list[str]:
        return self.begin(task, host) + self.end(task, seconds, result, ended, host)

    def say(self, seconds: float, what: str, percent: float | None = None, part: int | None = None) -> list[str]:
        self.now += seconds
        return texts(self.console.progress(Message(what, percent, part, "octo-a"), self.now))

    def wait(self, seconds: float) -> list[str]:
        self.now += seconds
        return texts(self.console.tick(self.now))


def texts(lines: list[_console_text.Line]) -> list[str]:
    return [line.text for line in lines]


# -- the steps


def _steps(tasks: Any) -> list[str]:
    if isinstance(tasks, list):
        return [name for task in tasks for name in _steps(task)]
    if not isinstance(tasks, dict):
        return []
    own = [tasks["step"]] if isinstance(tasks.get("step"), str) else []
    return own + [name for value in tasks.values() for name in _steps(value)]


@pytest.mark.parametrize(
    ("operation", "roles"),
    [("upgrade", {"upgrade"}), ("rollback", {"rollback"}), ("clone", {"clone"}), ("test_instance", {"test_instance"})],
)
def test_the_steps_are_those_of_the_roles(operation: str, roles: set[str]) -> None:
    named = {
        _console_steps.pattern_of(name)
        for role in roles
        for path in (ROLES / role / "tasks").glob("*.yml")
        for name in _steps(yaml.safe_load(path.read_text()))
    }
    known = {name.replace(PATH[0], "*").replace(PATH[1], "*") for name in _console_steps.of_operation(operation, PATH)}
    known |= set(_console_steps.of_operation("restore_service", ())) if operation == "upgrade" else set()
    own_answer = {"clone.old_stop"} if operation == "clone" else set()  # of a refresh that has failed
    assert {name for name in named if name} - own_answer == known


def test_the_steps_stand_in_the_order_of_the_files() -> None:
    names: list[str] = []
    for file in ("stage", "quiesce", "backup", "apply", "verify", "publish"):
        names += [
            _console_steps.pattern_of(name) for name in _steps(yaml.safe_load((ROLES / "upgrade" / "tasks" / f"{file}.yml").read_text()))
        ]
    known = _console_steps.of_operation("upgrade", ["x"])
    places = [known.index(name) for name in names if name in known]
    assert places == sorted(places) and len(places) > 25


def test_each_step_has_a_phase() -> None:
    for operation in ("upgrade", "backup", "rollback", "clone", "restore_service", "test_instance"):
        assert all(_console_steps.phase_of(name) for name in _console_steps.of_operation(operation, PATH))


# -- without a terminal


def test_a_step_is_counted_and_timed_under_the_headline_of_its_phase() -> None:
    play = Play()
    assert play.run(BACKUP, 2) == [
        "00:00:02  octo-a  == Make the restore point",
        "00:00:02  octo-a  step  1 of 16  00:00:02  Back up the database",
    ]
    assert play.run(SCHEMA, 3)[-1] == "00:00:05  octo-a  step  2 of 13  00:00:03  Upgrade the schema"


def test_a_skipped_step_is_neither_shown_nor_counted() -> None:
    play = Play()
    play.run(BACKUP, 1)
    skipped = Task("Create a snapshot", "octopus.upgrade.mssql_snapshot", "upgrade", "backup.snapshot")
    assert play.run(skipped, 1, ended=SKIPPED) == []
    assert "step  2 of 13" in play.run(SCHEMA, 1)[-1]
    assert play.run(PRUNE, 1, ended=SKIPPED) == [], "no headline either"


def test_a_step_that_two_tasks_can_take_is_counted_once() -> None:
    play = Play()
    revert = Task("Revert", "octopus.upgrade.mssql_snapshot_revert", "rollback", "rollback.database")
    restore = Task("Restore", "octopus.upgrade.mssql_restore", "rollback", "rollback.database")
    play.run(BACKUP, 1)
    assert play.run(revert, 1, ended=SKIPPED) == []
    assert play.run(restore, 1) == [
        "00:00:03  octo-a  == Roll back to the restore point",
        "00:00:03  octo-a  step  1 of 13  00:00:01  Restore",
    ]


def test_a_long_step_is_announced_once_and_told_from_time_to_time() -> None:
    play = Play()
    assert play.begin(BACKUP) == [], "it may be skipped yet"
    assert play.wait(0.5) == []
    assert play.wait(1) == ["00:00:02  octo-a  == Make the restore point", "00:00:02  octo-a  step  1 of 16  Back up the database"]
    assert play.say(1, "Backing up Octopus: 1.0 GB of 9.0 GB, 99.0 MB/s, about 2 min left", 11) == []
    assert play.wait(10) == []
    assert play.say(10, "Backing up Octopus: 3.0 GB of 9.0 GB", 33) == [
        "00:00:23  octo-a    Back up the database: 33 %, Backing up Octopus: 3.0 GB of 9.0 GB, 00:00:23 so far"
    ]
    assert play.say(1, "Backing up Octopus: 5.0 GB of 9.0 GB", 55) == [], "not all too often"
    assert play.wait(28) == []
    assert play.wait(2) == ["00:00:54  octo-a    Back up the database: 55 %, Backing up Octopus: 5.0 GB of 9.0 GB, 00:00:54 so far"]
    assert play.end(BACKUP, 6) == ["00:01:00  octo-a    done after 00:01:00"]


def test_what_a_program_prints_has_no_control_characters_on_the_screen() -> None:
    play = Play()
    play.begin(SCHEMA)
    play.say(1, "\x1b[2J\x07Executing\ttask")
    [line] = play.wait(31)
    assert line.endswith("Upgrade the schema: [2JExecutingtask, 00:00:32 so far")


def test_two_instances_have_lines_of_their_own() -> None:
    play = Play(live=True, begun=False)
    play.console.named("octo-a", "prod")
    play.console.named("octo-x", "staging")
    play.begin(BACKUP)
    play.begin(SCHEMA, "octo-x")
    play.say(5, "Backing up", 40)
    assert play.console.status(play.now, 200) == [
        "00:00:05  prod     40 % | Back up the database 00:00:05 | Backing up",
        "00:00:05  staging  Upgrade the schema 00:00:05",
    ]
    assert all(len(line) == 29 for line in play.console.status(play.now, 30)), "a line that is too long would break the screen"
    assert play.run(PRUNE, 1, ended=SKIPPED) == [] and len(play.console.status(play.now, 80)) == 1


# -- in a terminal


def test_in_a_terminal_the_status_shows_what_runs_and_lines_stay_of_what_is_done() -> None:
    play = Play(live=True)
    play.begin(BACKUP)
    assert play.wait(1) == ["00:00:01  octo-a  == Make the restore point"]
    assert play.say(60, "Backing up Octopus", 33) == [] == play.wait(60)
    assert play.console.status(play.now, 200) == [
        "00:02:01  octo-a  step  1 of 16 | 33 % | Back up the database 00:02:01 | Backing up Octopus"
    ]
    assert play.end(BACKUP, 1) == ["00:02:02  octo-a  step  1 of 16  00:02:02  Back up the database"]
    assert play.console.status(play.now, 200) == []


def test_lines_are_broken_between_words_and_indented() -> None:
    line = "00:00:05  demo  step  2 of 13  00:00:03  Upgrade the schema to a version"
    assert _console_text.wrapped(line, 60) == "00:00:05  demo  step  2 of 13  00:00:03  Upgrade the schema\n" + " " * 41 + "to a version"
    assert _console_text.wrapped("C:\\" + "x" * 90, 60) == "C:\\" + "x" * 90, "a path can be copied"
    assert _console_text.wrapped("", 60) == ""


# -- after a rehearsal

REHEARSED = {
    "succeeded": True,
    "steps": [
        {"name": "backup.database", "seconds": 100.0},
        {"name": "apply.2025.3.14357.schema", "seconds": 60.0, "scripts": 10},
        {"name": "apply.2026.2.9853.schema", "seconds": 40.0, "scripts": 4},
        {"name": "stage.package.2026.2.9853", "seconds": 500.0},
    ],
}
LOOKED_UP = Task("Look up the rehearsal", "octopus.upgrade.octopus_rehearsal_info", "preflight")


def test_a_rehearsal_tells_how_long_the_rest_takes_and_how_many_scripts_there_are() -> None:
    play = Play(live=True)
    play.run(LOOKED_UP, 0, {"outlook": REHEARSED})
    play.begin(BACKUP)
    play.now += 40
    assert "| about 3 min left of the run |" in play.console.status(play.now, 200)[0]  # 60 + 60 + 40 s
    play.end(BACKUP, 1)
    play.begin(SCHEMA)
    play.say(70, "Executing Database Server script 'a'", part=6)
    status = play.console.status(play.now, 200)[0]
    assert "| 50 % | about 40 s left of the run |" in status, "one that takes longer than in the rehearsal is about done"
    play.say(1, "Executing Database Server script 'z'", part=99)
    assert "| 99 % |" in play.console.status(play.now, 200)[0]


def test_a_rehearsal_that_failed_or_is_none_tells_nothing() -> None:
    assert _console_steps.rehearsed({**REHEARSED, "succeeded": False}) == ({}, {})
    assert _console_steps.rehearsed(None) == ({}, {})


# -- failures


def test_a_failure_is_told_once_and_in_full_and_the_end_has_the_rest() -> None:
    play = Play()
    play.run(BACKUP, 2)
    why = "The schema upgrade failed:\nline 2. " + "x" * 300
    assert play.run(SCHEMA, 3, {"msg": why}, FAILED) == [
        "00:00:05  octo-a  == Apply",
        "00:00:05  octo-a  FAILED  step  2 of 13  Upgrade the schema  after 00:00:03",
        "00:00:05  octo-a    The schema upgrade failed:\n                  line 2. " + "x" * 300,
    ]
    summary = ["prod: failed_rolled_back", "2018.10.7 -> 2026.2.9853", "outage: 00:00:20 (schema upgrade 00:00:20)", "record: 1.json"]
    message = f"Upgrade the schema: {why}\nInstance prod was rolled back.\nRun record: 1.json"
    record = {"outage_seconds": 20.2, "outage_by_cause": {"schema upgrade": 19.9, "stop": 0.3}}
    play.run(REPORT, 1, {"summary": summary, "message": message, "record": record})
    assert play.run(SHOW, 0, {"msg": summary}) == []
    assert play.run(FAIL, 0, {"msg": message}, FAILED) == []
    assert texts(play.console.end(play.now, {})) == [
        "",
        "prod: failed_rolled_back",
        "  2018.10.7 -> 2026.2.9853",
        "  outage: 00:00:20",
        "    schema upgrade  00:00:20",
        "  record: 1.json",
        "  Instance prod was rolled back.",
        "",
        "00:00:06 in all",
    ]


def test_a_refresh_and_the_rehearsal_on_it_are_two_runs() -> None:
    play = Play(begun=False)
    cloned = Task("Restore the database", "octopus.upgrade.mssql_restore", "clone", "clone.database")
    play.run(BEGUN, 0, {"record": {"run_id": "1", "operation": "clone"}})
    assert "step  1 of 9" in play.run(cloned, 1)[-1]
    play.run(Task("Write the result", "octopus.upgrade.octopus_clone_report", "clone"), 0, {"summary": ["copy: refreshed"], "message": ""})
    play.run(BEGUN, 0, {"record": {"run_id": "2", "operation": "upgrade", "ladder": PATH}})
    assert "step  1 of 16" in play.run(BACKUP, 1)[-1]
    play.run(REPORT, 0, {"summary": ["copy: upgraded"], "message": ""})
    end = texts(play.console.end(play.now, {}))
    assert end.index("copy: refreshed") < end.index("copy: upgraded")


def test_each_failed_item_of_a_loop_is_told() -> None:
    play = Play()
    play.begin(BACKUP)
    for why in ("a is full", "b is gone"):
        assert play.console.item_fails("octo-a", {"msg": why}) == []
    told = play.end(BACKUP, 1, {"msg": "One or more items failed"}, FAILED)
    assert [line.split("  ", 2)[-1].strip() for line in told[-2:]] == ["a is full", "b is gone"]
    assert not any("One or more" in line for line in told)


def test_what_no_log_hides_stays_hidden() -> None:
    told = Play().run(BACKUP, 1, {"failed": True, "censored": "the output has been hidden", "stdout": "s3cret"}, FAILED)
    assert "the output has been hidden" in told[-1] and not any("s3cret" in line for line in told)


def test_a_host_that_does_not_answer_is_told_and_named_at_the_end() -> None:
    play = Play()
    assert "UNREACHABLE" in play.run(BACKUP, 1, {"msg": "no route"}, UNREACHABLE)[-2]
    assert "octo-a: failed, as told above" in texts(play.console.end(play.now, {}, ["octo-a"]))


def test_a_failure_that_is_ignored_fails_nothing() -> None:
    play = Play()
    assert play.run(BACKUP, 1, {"msg": "no"}, IGNORED)[-1].endswith("Back up the database: no (this does not stop the run)")
    assert "octo-a: done" in texts(play.console.end(play.now, {"octo-a": 3}))
    assert texts(play.console.retries("octo-a", BACKUP, {"msg": "busy"}, play.now))[0].endswith("busy; it is tried again")


def test_a_crash_of_a_module_says_where_to_look() -> None:
    assert "-vvv" in Play().run(BACKUP, 1, {"msg": "KeyError: 'x'", "exception": "Traceback (most recent call last): ..."}, FAILED)[-1]


# -- everything else


def test_other_tasks_are_shown_where_they_change_something() -> None:
    play = Play()
    unlock = Task("Unlock the instance", "octopus.upgrade.octopus_run_lock", "run")
    assert play.run(unlock, 1, {"changed": True})[-1].endswith("octo-a  Unlock the instance")
    assert play.run(unlock, 1, {"changed": False}) == []
    assert play.run(Task("Keep it", "ansible.builtin.set_fact", "run"), 1, {"changed": True}) == []


def test_a_step_of_an_earlier_part_of_the_run_is_not_done_again() -> None:
    assert Play().run(BACKUP, 1, {"replayed": True})[-1].endswith("Back up the database: done by an earlier part of the run")


def test_what_a_task_shows_is_shown_as_text() -> None:
    play = Play()
    assert play.run(SHOW, 1, {"msg": ["one", "two"]}) == ["00:00:01  octo-a  one", "00:00:01  octo-a  two"]
    assert play.run(SHOW, 0, {"msg": "one\ntwo"}) == ["00:00:01  octo-a  one", "00:00:01  octo-a  two"]
    assert play.run(SHOW, 0, {"value": [1], "changed": False, "_ansible_verbose_always": True})[0].endswith("{")


def test_reading_is_headed_preflight_and_finding_the_instances_is_not() -> None:
    play = Play(begun=False)
    play.begin(Task("Check that the host says which instance it belongs to", "ansible.builtin.assert"))
    assert play.wait(5) == []
    play.begin(Task("Read the nodes", "octopus.upgrade.octopus_info", "preflight"))
    assert play.wait(2) == ["00:00:07  octo-a  == Preflight: reads and checks everything, changes nothing"]
    assert texts(play.console.end(play.now, {}))[1] == "octo-a: done, nothing was changed"


def test_the_first_line_names_the_playbook_and_check_mode() -> None:
    assert texts(Console(0, live=False).begin("plan.yml", check_mode=False)) == ["plan.yml"]
    assert texts(Console(0, live=False).begin("plan.yml", check_mode=True)) == ["plan.yml (check mode: nothing is changed)"]


def test_a_message_about_a_host_that_does_nothing_is_not_shown() -> None:
    assert Play().say(1, "late") == []
    assert _console.EVERY < _console.QUIET_SECONDS
