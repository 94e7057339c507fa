# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The run record: what is on disk after each event, and what it amounts to."""

from __future__ import annotations

import json
import stat
import uuid
from pathlib import Path

import pytest
from ansible_collections.octopus.upgrade.plugins.module_utils._run import record as run_record


def at(second: int, event: str, **fields: object) -> dict:
    return {"event": event, "at": f"2026-11-23T21:00:{second:02}.000+00:00", **fields}


def test_append_is_on_disk_line_by_line_and_private(tmp_path: Path) -> None:
    journal = tmp_path / "runs" / "prod" / "1.jsonl"
    run_record.append(journal, "begun", instance="prod")
    run_record.append(journal, "step", step="stage")
    assert [json.loads(line)["event"] for line in journal.read_text().splitlines()] == ["begun", "step"]
    assert stat.S_IMODE(journal.stat().st_mode) == 0o600


def test_read_forgives_a_line_that_a_killed_controller_cut_off(tmp_path: Path) -> None:
    journal = tmp_path / "1.jsonl"
    run_record.append(journal, "begun", instance="prod")
    journal.write_text(journal.read_text() + '{"event": "st')
    assert [event["event"] for event in run_record.read(journal)] == ["begun"]


def test_read_forgives_a_line_that_was_cut_off_and_sent_again(tmp_path: Path) -> None:
    journal = tmp_path / "1.jsonl"
    event = run_record.append(journal, "begun", instance="prod")
    whole = journal.read_text()
    journal.write_text(whole[:40] + "\n" + whole)
    assert run_record.read(journal) == [event]


def test_read_does_not_forgive_an_event_that_is_missing(tmp_path: Path) -> None:
    journal = tmp_path / "1.jsonl"
    for step in ("stage", "quiesce", "seal"):
        run_record.append(journal, "step", step=step)
    first, second, third = journal.read_text().splitlines(keepends=True)
    journal.write_text(first + second[:30] + "\n" + third)
    with pytest.raises(run_record.RunRecordError, match="event 2 is missing"):
        run_record.read(journal)


def test_read_does_not_forgive_two_writers(tmp_path: Path) -> None:
    journal = tmp_path / "1.jsonl"
    run_record.append(journal, "begun", instance="prod")
    run_record.write(journal, [*run_record.read(journal), run_record.make("step", 1, step="stage")])
    with pytest.raises(run_record.RunRecordError, match="two events number 1"):
        run_record.read(journal)


def test_read_does_not_forgive_a_line_that_is_something_else(tmp_path: Path) -> None:
    journal = tmp_path / "1.jsonl"
    journal.write_text('{"event": "step", "at": "2026-11-23T21:00:00+00:00"}\n')
    with pytest.raises(run_record.RunRecordError, match=r"line 1 of .* is no event"):
        run_record.read(journal)


def test_data_has_no_names_of_the_journals_own() -> None:
    with pytest.raises(run_record.RunRecordError, match="data names at, id"):
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


def test_append_says_where_it_could_not_write(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(run_record.RunRecordError, match="octopus_run_dir"):
        run_record.append(tmp_path / "file" / "1.jsonl", "begun")


def test_summary_of_a_whole_run() -> None:
    record = run_record.summary(
        [
            at(0, "begun", instance="prod", run_id="r", from_version="2020.5.7", to_version="2026.2.9853", ladder=["2026.2.9853"]),
            at(1, "step", step="stage"),
            at(5, "step", step="quiesce", outage="begins"),
            at(9, "step", step="publish"),
            at(20, "step", step="publish.watchdog", outage="ends"),
            at(22, "finished", verdict="upgraded", backup={"paths": ["x"]}, proof={"project": "p"}),
        ]
    )
    assert [(step["name"], step["seconds"], step["result"]) for step in record["steps"]] == [
        ("stage", 4.0, "ok"),
        ("quiesce", 4.0, "ok"),
        ("publish", 11.0, "ok"),
        ("publish.watchdog", 2.0, "ok"),
    ]
    assert record["outage_seconds"] == 15.0
    assert (record["verdict"], record["backup"], record["proof"]) == ("upgraded", {"paths": ["x"]}, {"project": "p"})
    assert (record["from_version"], record["to_version"]) == ("2020.5.7", "2026.2.9853")


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
    at(0, "begun", instance="prod", purpose="upgrade"),
    at(1, "step", step="stage", facts={"a": 1, "b": 1}),
    at(2, "step", step="quiesce", outage="begins"),
    at(5, "step", step="seal", facts={"b": 2}),
    at(6, "resumed"),
    at(8, "step", step="quiesce"),
    at(9, "step", step="seal", facts={"c": {"d": None}}),
]


def test_whoever_takes_a_run_up_to_go_back_names_the_restore_point() -> None:
    begun = at(0, "begun", instance="prod", purpose="upgrade", restore_point="own")
    assert run_record.summary([begun, at(1, "resumed")])["restore_point"] == "own"
    assert run_record.summary([begun, at(1, "resumed", restore_point="older")])["restore_point"] == "older"


def test_a_resumed_run_knows_what_is_done() -> None:
    assert run_record.steps(RESUMED) == ["stage", "quiesce", "seal"]
    assert run_record.done(RESUMED[:4]) == ["stage", "quiesce"]
    assert run_record.done(RESUMED[:5]) == ["stage", "quiesce"]
    assert run_record.done(RESUMED[:6]) == ["stage"]
    assert run_record.done(RESUMED) == ["stage", "quiesce"]
    assert run_record.done([*RESUMED, at(10, "finished")]) == ["stage", "quiesce", "seal"]
    assert run_record.done([*RESUMED, at(10, "failed"), at(11, "finished")]) == ["stage", "quiesce"]
    assert run_record.facts(RESUMED) == {"a": 1, "b": 2, "c": {"d": None}}


def test_summary_of_a_resumed_run_counts_the_outage_on() -> None:
    record = run_record.summary([*RESUMED, at(12, "step", step="publish", outage="ends"), at(20, "finished", verdict="upgraded")])
    assert record["outage_seconds"] == 10.0
    assert [(step["name"], step["seconds"], step["result"]) for step in record["steps"]] == [
        ("stage", 1.0, "ok"),
        ("quiesce", 3.0, "ok"),
        ("seal", None, "interrupted"),
        ("quiesce", 1.0, "ok"),
        ("seal", 3.0, "ok"),
        ("publish", 8.0, "ok"),
    ]
    assert (record["verdict"], record["purpose"], len(record["resumed"])) == ("upgraded", "upgrade", 1)


def test_summary_of_a_run_taken_up_after_its_failure_adds_up_both_outages() -> None:
    failed = [
        at(0, "begun"),
        at(1, "step", step="quiesce", outage="begins"),
        at(3, "failed", error="no"),
        at(4, "step", step="recover", outage="ends"),
        at(5, "finished", verdict="failed_service_returned"),
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
    at(1, "step", step="quiesce", outage="begins"),
    at(2, "step", step="apply"),
    at(4, "failed", error="no"),
    at(5, "step", step="rollback"),
    at(8, "stopped", verdict="failed_rollback", kept={"database": "old"}),
]


def test_a_run_that_stopped_has_something_left_to_do() -> None:
    assert run_record.is_unfinished(STOPPED)
    assert run_record.done(STOPPED) == ["quiesce"], "neither what failed nor what it stopped in is done"
    record = run_record.summary(STOPPED)
    assert (record["verdict"], record["error"], record["finished"]) == ("failed_rollback", "no", None)
    assert record["kept"] == {"database": "old"}
    assert record["outage_seconds"] == 7.0, "users wait on"
    assert [(step["name"], step["seconds"], step["result"]) for step in record["steps"]] == [
        ("quiesce", 1.0, "ok"),
        ("apply", 2.0, "failed"),
        ("rollback", 3.0, "failed"),
    ]


def test_a_run_that_stopped_is_taken_up_and_finishes() -> None:
    again = [*STOPPED, at(20, "resumed")]
    assert run_record.is_unfinished(again)
    record = run_record.summary(again)
    assert (record["verdict"], record["error"], record["resumed"][0]["error"]) == ("unfinished", None, "no")
    again += [at(21, "step", step="rollback"), at(25, "step", step="watched", outage="ends"), at(26, "finished", verdict="rolled_back")]
    assert not run_record.is_unfinished(again)
    assert run_record.done(again) == ["quiesce", "rollback", "watched"]
    record = run_record.summary(again)
    assert (record["verdict"], record["outage_seconds"], record["finished"]) == ("rolled_back", 24.0, again[-1]["at"])


def test_what_goes_back_takes_nothing_from_the_record_but_what_was_kept() -> None:
    stopped = at(1, "stopped", verdict="failed_stopped", backup={"paths": ["x"]}, proof={}, kept={"database": "old"})
    record = run_record.summary([at(0, "begun"), stopped])
    assert (record["backup"], record["proof"], record["kept"]) == ({"paths": ["x"]}, {}, {"database": "old"})
    record = run_record.summary([at(0, "begun"), stopped, at(2, "finished", verdict="rolled_back", backup={}, proof={"a": 1}, kept={})])
    assert (record["backup"], record["proof"], record["kept"]) == ({"paths": ["x"]}, {"a": 1}, {})


def test_a_run_that_stopped_and_nobody_begun_is_none() -> None:
    assert not run_record.is_unfinished([at(0, "step", step="stage"), at(1, "stopped", verdict="failed_stopped")])


def test_stopped_after_finished_does_not_open_a_run_again() -> None:
    assert not run_record.is_unfinished([at(0, "begun"), at(1, "finished"), at(2, "stopped")])
