# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The run record: what is on disk after each event, and what it amounts to."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus import run_record


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


def test_read_does_not_forgive_a_broken_line_in_the_middle(tmp_path: Path) -> None:
    journal = tmp_path / "1.jsonl"
    journal.write_text('{"event": "st\n{"event": "step", "at": "2026-11-23T21:00:00+00:00"}\n')
    with pytest.raises(run_record.RunRecordError, match="line 1"):
        run_record.read(journal)


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
