# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The run record: what is on disk after each event, and the summary of it."""

from __future__ import annotations

import json
import stat
import uuid
from pathlib import Path

import pytest
from ansible_collections.octopus.upgrade.plugins.module_utils._run import record as run_record


def at(second: int, event: str, **fields: object) -> dict:
    return {"event": event, "at": f"2026-11-23T21:00:{second:02}.000+00:00", **fields}


def append(path: Path, kind: str, **fields: object) -> run_record.Event:
    events = run_record.read(path)
    event = run_record.make(kind, len(events) + 1, **fields)
    run_record.write(path, [*events, event])
    return event


def test_an_event_is_on_disk_as_one_line_for_its_owner_only(tmp_path: Path) -> None:
    journal = tmp_path / "runs" / "prod" / "1.jsonl"
    append(journal, "begun", instance="prod")
    append(journal, "step", step="stage")
    assert [json.loads(line)["event"] for line in journal.read_text().splitlines()] == ["begun", "step"]
    assert stat.S_IMODE(journal.stat().st_mode) == 0o600


def test_read_forgives_a_line_that_a_killed_controller_cut_off(tmp_path: Path) -> None:
    journal = tmp_path / "1.jsonl"
    append(journal, "begun", instance="prod")
    journal.write_text(journal.read_text() + '{"event": "st')
    assert [event["event"] for event in run_record.read(journal)] == ["begun"]


def test_read_forgives_a_line_that_was_cut_off_and_sent_again(tmp_path: Path) -> None:
    journal = tmp_path / "1.jsonl"
    event = append(journal, "begun", instance="prod")
    whole = journal.read_text()
    journal.write_text(whole[:40] + "\n" + whole)
    assert run_record.read(journal) == [event]


def test_read_does_not_forgive_an_event_that_is_missing(tmp_path: Path) -> None:
    journal = tmp_path / "1.jsonl"
    for step in ("stage", "quiesce", "backup"):
        append(journal, "step", step=step)
    first, second, third = journal.read_text().splitlines(keepends=True)
    journal.write_text(first + second[:30] + "\n" + third)
    with pytest.raises(run_record.RunRecordError, match="event 2 is missing"):
        run_record.read(journal)


def test_read_does_not_forgive_two_writers(tmp_path: Path) -> None:
    journal = tmp_path / "1.jsonl"
    append(journal, "begun", instance="prod")
    run_record.write(journal, [*run_record.read(journal), run_record.make("step", 1, step="stage")])
    with pytest.raises(run_record.RunRecordError, match="two events number 1"):
        run_record.read(journal)


def test_read_does_not_forgive_a_line_that_is_something_else(tmp_path: Path) -> None:
    journal = tmp_path / "1.jsonl"
    journal.write_text('{"event": "step", "at": "2026-11-23T21:00:00+00:00"}\n')
    with pytest.raises(run_record.RunRecordError, match=r"line 1 of .* is not an event of a run\."):
        run_record.read(journal)


def test_data_has_no_names_of_the_journals_own() -> None:
    with pytest.raises(run_record.RunRecordError, match="data has at, id, which the journal itself writes"):
        run_record.make("begun", 1, id="mine", at="now")


def test_a_long_event_stands_in_several_lines_of_bounded_length() -> None:
    event = run_record.make("step", 1, step="stage", facts={"random": [uuid.uuid4().hex for _number in range(1000)]})
    lines = run_record.host_lines(event)
    assert len(lines) > 3
    assert max(len(line) for line in lines) <= run_record.LONGEST
    assert run_record.parse("\r\n".join(lines), "it") == [event]
    assert run_record.parse("\r\n".join(lines[:-1]), "it") == []


def test_read_of_no_journal_is_no_event(tmp_path: Path) -> None:
    assert run_record.read(tmp_path / "none.jsonl") == []


def test_a_file_that_cannot_be_written_says_what_to_set(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(run_record.RunRecordError, match="octopus_run_dir"):
        append(tmp_path / "file" / "1.jsonl", "begun")


def test_a_file_that_cannot_be_read_has_no_events_for_whoever_must_go_on(tmp_path: Path) -> None:
    (tmp_path / "1.jsonl").write_text("[]\n")
    assert run_record.read_if_possible(tmp_path / "1.jsonl") == []
    event = append(tmp_path / "2.jsonl", "begun")
    assert run_record.read_if_possible(tmp_path / "2.jsonl") == [event]


def test_the_document_is_beside_the_journal_and_private(tmp_path: Path) -> None:
    path = run_record.write_document(tmp_path / "1.jsonl", {"verdict": "größer"})
    assert path == str(tmp_path / "1.json") and json.loads(Path(path).read_text()) == {"verdict": "größer"}
    assert stat.S_IMODE(Path(path).stat().st_mode) == 0o600
    with pytest.raises(run_record.RunRecordError, match="cannot be written"):
        run_record.write_document(tmp_path / "none" / "1.jsonl", {})


def step(name: str, begin: int, end: int, outage: str | None = None, **result: object) -> list[dict]:
    """The two events of a step that is done."""
    begins = {"outage": "begins"} if outage == "begins" else {}
    ends = {"outage": "ends"} if outage == "ends" else {}
    return [at(begin, "step", step=name, **begins), at(end, "done", step=name, result=result, **ends)]


def test_summary_of_a_whole_run() -> None:
    record = run_record.summary(
        [
            at(0, "begun", instance="prod", run_id="r", from_version="2020.5.7", to_version="2026.2.9853", ladder=["2026.2.9853"]),
            *step("stage", 1, 4),
            *step("quiesce", 5, 9, "begins"),
            *step("publish", 9, 19),
            *step("publish.maintenance", 20, 22, "ends"),
            at(25, "finished", verdict="upgraded", backup={"paths": ["x"]}, evidence={"project": "p"}),
        ]
    )
    assert [(one["name"], one["seconds"], one["result"]) for one in record["steps"]] == [
        ("stage", 3.0, "ok"),
        ("quiesce", 4.0, "ok"),
        ("publish", 10.0, "ok"),
        ("publish.maintenance", 2.0, "ok"),
    ]
    assert record["outage_seconds"] == 17.0
    assert sum(record["outage_by_cause"].values()) == 17.0
    assert (record["verdict"], record["backup"], record["evidence"]) == ("upgraded", {"paths": ["x"]}, {"project": "p"})
    assert (record["from_version"], record["to_version"]) == ("2020.5.7", "2026.2.9853")


def test_an_outage_begins_before_its_step_and_ends_after_the_step_that_ends_it() -> None:
    events = [*step("quiesce", 10, 15, "begins"), *step("publish", 20, 30, "ends")]
    assert run_record.summary(events[:3])["outage_seconds"] == 10.0, "the end is not there yet"
    assert run_record.summary(events)["outage_seconds"] == 20.0


def test_summary_of_a_run_that_failed_in_its_outage_counts_it_to_the_end() -> None:
    record = run_record.summary(
        [
            at(0, "begun", instance="prod"),
            at(1, "step", step="quiesce", outage="begins"),
            at(4, "failed", error="no"),
            at(8, "finished", verdict="failed_stopped"),
        ]
    )
    assert record["outage_seconds"] == 7.0
    assert record["error"] == "no"
    assert record["steps"][0]["result"] == "failed"


def test_summary_of_a_run_that_broke_off() -> None:
    record = run_record.summary([at(0, "begun", instance="prod"), at(1, "step", step="stage")])
    assert record["verdict"] == "unfinished"
    assert record["outage_seconds"] is None
    assert record["steps"][0]["result"] == "unfinished"


RESUMED = [
    at(0, "begun", instance="prod", operation="upgrade", facts={"a": 1, "b": 1}),
    *step("stage", 1, 2),
    *step("quiesce", 2, 5, "begins"),
    at(5, "step", step="backup"),
    at(6, "resumed", facts={"b": 2}),
    *step("quiesce", 8, 9),
    at(9, "step", step="backup", facts={"c": {"d": None}}),
]


def test_a_rollback_that_resumes_a_run_names_the_restore_point() -> None:
    begun = at(0, "begun", instance="prod", operation="upgrade", restore_point="own")
    assert run_record.summary([begun, at(1, "resumed")])["restore_point"] == "own"
    assert run_record.summary([begun, at(1, "resumed", restore_point="older")])["restore_point"] == "older"


def test_the_operation_is_the_newest_but_the_record_says_how_the_run_began() -> None:
    begun = at(0, "begun", operation="upgrade")
    assert run_record.operation([]) is None
    assert run_record.operation([begun, at(1, "resumed")]) == "upgrade"
    events = [begun, at(1, "resumed", operation="rollback")]
    assert (run_record.operation(events), run_record.summary(events)["operation"]) == ("rollback", "upgrade")


def test_a_resumed_run_has_the_facts_and_the_steps_of_the_interrupted_one() -> None:
    found = run_record.result(RESUMED)
    assert (found["steps"], found["done"]) == (["stage", "quiesce", "backup"], ["stage", "quiesce"])
    assert found["facts"] == {"a": 1, "b": 2, "c": {"d": None}}


def test_summary_of_a_resumed_run_counts_the_outage_on() -> None:
    record = run_record.summary(
        [*RESUMED, at(11, "done", step="backup"), *step("publish", 11, 12, "ends"), at(20, "finished", verdict="upgraded")]
    )
    assert record["outage_seconds"] == 10.0
    assert [(one["name"], one["seconds"], one["result"]) for one in record["steps"]] == [
        ("stage", 1.0, "ok"),
        ("quiesce", 3.0, "ok"),
        ("backup", None, "interrupted"),
        ("quiesce", 1.0, "ok"),
        ("backup", 2.0, "ok"),
        ("publish", 1.0, "ok"),
    ]
    assert (record["verdict"], record["operation"], len(record["resumed"])) == ("upgraded", "upgrade", 1)


def test_summary_of_a_run_resumed_after_its_failure_adds_up_both_outages() -> None:
    failed = [
        at(0, "begun"),
        at(1, "step", step="quiesce", outage="begins"),
        at(3, "failed", error="no"),
        *step("restore_service", 3, 4, "ends"),
        at(5, "finished", verdict="failed_service_restored"),
    ]
    assert not run_record.is_unfinished(failed)
    again = [*failed, at(10, "resumed")]
    assert run_record.is_unfinished(again)
    record = run_record.summary(again)
    assert (record["verdict"], record["error"], record["finished"]) == ("unfinished", None, None)
    assert record["resumed"][0]["error"] == "no"
    record = run_record.summary([*again, at(11, "step", step="quiesce", outage="begins"), at(13, "finished", verdict="upgraded")])
    assert record["outage_seconds"] == 5.0


def test_a_run_is_unfinished_only_when_it_has_begun() -> None:
    assert not run_record.is_unfinished([])
    assert not run_record.is_unfinished([at(0, "step", step="stage")])
    assert run_record.is_unfinished([at(0, "begun"), at(1, "failed")])


STOPPED = [
    at(0, "begun", instance="prod"),
    *step("quiesce", 1, 2, "begins"),
    at(2, "step", step="apply"),
    at(4, "failed", error="no"),
    at(5, "step", step="rollback"),
    at(8, "stopped", verdict="rollback_failed", retained={"database": "old"}),
]


def test_a_run_that_stopped_has_something_left_to_do() -> None:
    assert run_record.is_unfinished(STOPPED)
    assert run_record.result(STOPPED)["done"] == ["quiesce"], "neither what failed nor what it stopped in is done"
    record = run_record.summary(STOPPED)
    assert (record["verdict"], record["error"], record["finished"]) == ("rollback_failed", "no", None)
    assert record["retained"] == {"database": "old"}
    assert record["outage_seconds"] == 7.0, "users wait on"
    assert [(one["name"], one["seconds"], one["result"]) for one in record["steps"]] == [
        ("quiesce", 1.0, "ok"),
        ("apply", 2.0, "failed"),
        ("rollback", 3.0, "failed"),
    ]


def test_a_run_that_stopped_is_resumed_and_finishes() -> None:
    again = [*STOPPED, at(20, "resumed")]
    assert run_record.is_unfinished(again)
    record = run_record.summary(again)
    assert (record["verdict"], record["error"], record["resumed"][0]["error"]) == ("unfinished", None, "no")
    again += [*step("rollback", 21, 25), *step("rollback.watched", 25, 26, "ends"), at(27, "finished", verdict="rolled_back")]
    assert not run_record.is_unfinished(again)
    assert run_record.result(again)["done"] == ["quiesce", "rollback", "rollback.watched"]
    record = run_record.summary(again)
    assert (record["verdict"], record["outage_seconds"], record["finished"]) == ("rolled_back", 25.0, again[-1]["at"])


def test_a_rollback_takes_nothing_from_the_record_but_what_was_retained() -> None:
    stopped = at(1, "stopped", verdict="failed_stopped", backup={"paths": ["x"]}, evidence={}, retained={"database": "old"})
    record = run_record.summary([at(0, "begun"), stopped])
    assert (record["backup"], record["evidence"], record["retained"]) == ({"paths": ["x"]}, {}, {"database": "old"})
    rolled_back = at(2, "finished", verdict="rolled_back", backup={}, evidence={"a": 1}, retained={})
    record = run_record.summary([at(0, "begun"), stopped, rolled_back])
    assert (record["backup"], record["evidence"], record["retained"]) == ({"paths": ["x"]}, {"a": 1}, {})


def test_a_run_that_stopped_but_never_began_is_not_unfinished() -> None:
    assert not run_record.is_unfinished([at(0, "step", step="stage"), at(1, "stopped", verdict="failed_stopped")])


def test_stopped_after_finished_does_not_open_a_run_again() -> None:
    assert not run_record.is_unfinished([at(0, "begun"), at(1, "finished"), at(2, "stopped")])
