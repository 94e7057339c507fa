# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Events that are not steps: what is written, what follows a failure even where nothing can be written, and the end of a run."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.octopus.upgrade.plugins.module_utils._core.errors import InvalidValue, TaskFailed
from ansible_collections.octopus.upgrade.plugins.module_utils._run import ending, host_journal, journal, record, recording
from ansible_collections.octopus.upgrade.plugins.module_utils._run.errors import JournalError, LockLost
from ansible_collections.octopus.upgrade.plugins.module_utils._run.holder import Holder
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.errors import HostUnreachable

HOLDER = Holder("anna@ctrl", "m", "b", "", os.getpid(), "1")


def fail(error: Exception) -> None:
    raise error


class FakeHost:
    """The journal on a host, or a reason why it cannot be reached."""

    def __init__(self) -> None:
        self.events: list[record.Event] = []
        self.error: Exception | None = None
        self.read_error: Exception | None = None

    def read(self) -> list[record.Event]:
        if self.read_error:
            fail(self.read_error)
        return list(self.events)

    def append(self, events: list[record.Event], uncertain: bool) -> None:
        if self.error:
            fail(self.error)
        self.events += events

    def check_not_resumed(self, known: list[record.Event]) -> None:
        host_journal.HostJournal.check_not_resumed(self, known)  # type: ignore[arg-type]

    def _lost(self) -> LockLost:
        return LockLost("octo-a: another control node has it.", "octo-a")


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> FakeHost:
    fake = FakeHost()

    @contextlib.contextmanager
    def open_fake(params: dict[str, Any], options: Any, holder: Holder, last: bool = False) -> Iterator[journal.Journal]:
        found = journal.Journal.__new__(journal.Journal)
        found._there, found._path, found._copy = fake, params["path"], Path(params["copy"])  # type: ignore[assignment]
        yield found

    monkeypatch.setattr(recording, "open_journal", open_fake)
    monkeypatch.setattr(ending, "open_journal", open_fake)
    return fake


@pytest.fixture
def params(tmp_path: Path) -> dict[str, Any]:
    return {
        "journal": {"path": "C:\\j\\R1.jsonl", "copy": str(tmp_path / "runs" / "R1.jsonl")},
        "connection": {"name": "octo-a", "host": "127.0.0.1", "username": "u", "password": "p"},
        "holder": HOLDER.to_dict(),
        "event": "failed",
        "data": {"error": "it broke"},
        "on_failure": "rollback",
        "rollback_possible": True,
        "known_steps": [],
        "clone": None,
        "migration": None,
    }


def write(params: dict[str, Any], event: str, check_mode: bool = False, **data: Any) -> dict[str, Any]:
    return recording.write({**params, "event": event, "data": data}, check_mode)


def step(params: dict[str, Any], host: FakeHost, name: str) -> None:
    host_journal.remember(Path(params["journal"]["copy"]), host, "step", step=name)  # type: ignore[arg-type]


def refused(params: dict[str, Any]) -> TaskFailed:
    with pytest.raises(TaskFailed) as caught:
        recording.write(params, False)
    return caught.value


def test_an_event_is_here_and_there(host: FakeHost, params: dict[str, Any]) -> None:
    found = write(params, "begun", operation="upgrade", facts={"a": 1})
    assert (found["changed"], found["record"]["operation"], found["facts"]) == (False, "upgrade", {"a": 1})
    assert host.events == record.read(Path(params["journal"]["copy"]))
    assert "path" not in found and "outcome" not in found


def test_facts_have_names(host: FakeHost, params: dict[str, Any]) -> None:
    with pytest.raises(InvalidValue, match=r"Expected data\.facts to be a dictionary of facts by name, but found list"):
        write(params, "begun", facts=["a"])


@pytest.mark.parametrize("event", record.ENDS)
def test_the_last_event_leaves_a_document(host: FakeHost, params: dict[str, Any], event: str) -> None:
    write(params, "begun")
    found = write(params, event, verdict="upgraded")
    assert json.loads(Path(found["path"]).read_text()) == found["record"]


def test_check_mode_writes_nothing(host: FakeHost, params: dict[str, Any]) -> None:
    write(params, "begun", operation="upgrade")
    found = write(params, "finished", check_mode=True)
    assert found["record"]["verdict"] == "unfinished" and "path" not in found
    assert [event["event"] for event in host.events] == ["begun"]


def test_a_failure_is_written_and_decided(host: FakeHost, params: dict[str, Any]) -> None:
    write(params, "begun")
    for name in ("stage.license", "quiesce.watchdog", "quiesce.maintenance"):
        step(params, host, name)
    found = recording.write(params, False)
    assert found["record"]["error"] == "it broke"
    assert found["outcome"]["action"] == "restore_service" and found["outcome"]["steps"] == found["steps"]
    assert "clone_outcome" not in found


def test_the_users_choice_counts(host: FakeHost, params: dict[str, Any]) -> None:
    write(params, "begun")
    for name in ("quiesce.maintenance", "apply.1.install"):
        step(params, host, name)
    assert recording.write(params, False)["outcome"]["action"] == "rollback"
    assert recording.write({**params, "on_failure": "stop"}, False)["outcome"]["action"] == "none"


def test_a_failure_in_check_mode_is_decided_too(host: FakeHost, params: dict[str, Any]) -> None:
    found = recording.write({**params, "known_steps": ["quiesce.maintenance"]}, True)
    assert (found["outcome"]["verdict"], found["outcome"]["action"], host.events) == ("failed_before_outage", "none", [])


def test_a_host_that_does_not_answer_keeps_nobody_from_deciding(host: FakeHost, params: dict[str, Any]) -> None:
    write(params, "begun")
    step(params, host, "quiesce.maintenance")
    host.error = HostUnreachable("octo-a: no answer.", "octo-a")
    error = refused({**params, "known_steps": ["apply.1.install"]})
    assert "Expected to write the event failed to the journal C:\\j\\R1.jsonl, but found: octo-a: no answer. It waits in" in str(error)
    assert error.result["steps"] == ["quiesce.maintenance"]
    assert error.result["outcome"]["action"] == "restore_service", "what the copy says counts, not what the play knows"
    assert error.result["record"]["error"] == "it broke", "it is in the copy"


def test_without_a_copy_the_journal_on_the_host_is_read(host: FakeHost, params: dict[str, Any], tmp_path: Path) -> None:
    write(params, "begun")
    step(params, host, "quiesce.maintenance")
    (tmp_path / "runs" / "R1.jsonl").unlink()
    (tmp_path / "runs").rmdir()
    (tmp_path / "runs").write_text("no folder")
    error = refused({**params, "known_steps": ["apply.1.install"]})
    assert "Set octopus_run_dir to a writable folder" in str(error)
    assert error.result["outcome"]["steps"] == ["quiesce.maintenance"]


def test_what_the_play_knows_is_used_where_nothing_can_be_read(host: FakeHost, params: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("no folder")
    host.error = host.read_error = HostUnreachable("octo-a: no answer.", "octo-a")
    error = refused({**params, "known_steps": ["quiesce.maintenance", "apply.1.install"]})
    assert error.result["outcome"]["action"] == "rollback"
    assert "record" not in error.result


def test_a_lost_lock_is_told_and_nothing_follows(host: FakeHost, params: dict[str, Any]) -> None:
    write(params, "begun")
    step(params, host, "quiesce.maintenance")
    host.error = host._lost()
    error = refused(params)
    assert error.result["lock_lost"] is True
    assert (error.result["outcome"]["verdict"], error.result["outcome"]["action"]) == ("failed_lock_lost", "none")
    assert [event["event"] for event in record.read(Path(params["journal"]["copy"]))] == ["begun", "step"], "the event is nowhere"


def test_a_clone_has_an_outcome_of_its_own(host: FakeHost, params: dict[str, Any]) -> None:
    clone = {"old_exists": True, "old_running": True, "joined": False}
    write(params, "begun")
    step(params, host, "clone.stop")
    assert recording.write({**params, "clone": clone}, False)["clone_outcome"]["restore_old"] is True
    host.error = host._lost()
    assert refused({**params, "clone": clone}).result["clone_outcome"]["lock_lost"] is True


def test_an_event_that_cannot_be_written_fails_with_what_is_known(host: FakeHost, params: dict[str, Any]) -> None:
    write(params, "begun", facts={"a": 1})
    host.error = HostUnreachable("octo-a: no answer.", "octo-a")
    with pytest.raises(JournalError) as caught:
        write(params, "resumed")
    assert caught.value.result["facts"] == {"a": 1}
    with pytest.raises(JournalError, match="data has id"):
        write(params, "resumed", id="mine")


# -- the end of a run


@pytest.fixture
def final(params: dict[str, Any]) -> dict[str, Any]:
    own = ("journal", "connection", "holder")
    texts = dict.fromkeys(("error", "second_error", "not_removed", "restore_point_path"), "")
    return {
        **{name: params[name] for name in own},
        **texts,
        "instance": "prod",
        "verdict": "upgraded",
        "nodes": ["octo-a"],
        "installed": "2025.3.14357",
        "before": {"maintenance": False, "drained": [], "watched": []},
        "looked": [],
        "instance_name": "OctopusServer",
        "database": "Octopus",
        "changed": False,
        "steps": [],
        "resume_with": "the same playbook",
        "evidence": {"projects_read": 1},
        "retained": {"database": "old", "folders": None},
        "keep_days": 0,
        "lost": [],
        "to_do": [],
    }


def test_what_a_rollback_undoes_is_recorded_and_told(host: FakeHost, params: dict[str, Any], final: dict[str, Any]) -> None:
    write(params, "begun", operation="upgrade", from_version="2025.3.14357", ladder=["2026.2.9853"])
    kept = {"database": "", "folders": "", "files": "", "bytes": 5}
    found = ending.end(
        {**final, "verdict": "failed_rolled_back", "error": "no", "lost": ["1 events by anna"], "to_do": ["a backup"], "retained": kept},
        False,
    )
    assert (found["record"]["lost"], found["record"]["to_do"], found["record"]["retained"]) == (["1 events by anna"], ["a backup"], {})
    assert "To do: a backup" in found["message"] and "to do: a backup" in found["summary"]
    assert "Not in the restore point, and so undone: 1 events by anna." in found["message"]
    assert "not in the restore point: 1 events by anna" in found["summary"]


def test_the_end_of_a_run(host: FakeHost, params: dict[str, Any], final: dict[str, Any]) -> None:
    write(params, "begun", operation="upgrade", from_version="2025.3.14357", ladder=["2026.2.9853"])
    write(params, "done", step="backup.database", result={"paths": ["x"], "backup_set_uuid": "0B52", "verified": True, "server": "SQL01"})
    found = ending.end(final, False)
    assert host.events[-1]["event"] == "finished"
    assert (found["message"], found["changed"]) == ("", False)
    assert found["summary"][:2] == ["prod: upgraded", "2025.3.14357 -> 2026.2.9853"]
    assert found["summary"][-1] == f"record: {found['path']}"
    written = json.loads(Path(found["path"]).read_text())
    assert written == found["record"]
    assert (written["verdict"], written["evidence"], written["retained"]) == ("upgraded", {"projects_read": 1}, {"database": "old"})
    assert (written["backup"]["backup_set_uuid"], "server" in written["backup"]) == ("0B52", False)


def test_a_backup_that_was_not_made_is_not_recorded(host: FakeHost, params: dict[str, Any], final: dict[str, Any]) -> None:
    write(params, "begun", operation="upgrade")
    write(params, "step", step="backup.database")
    assert ending.end(final, False)["record"]["backup"] == {}


@pytest.mark.parametrize(
    "case",
    [("failed_stopped", "", "stopped"), ("failed_rolled_back", "", "finished"), ("failed_before_outage", "watchdog", "stopped")],
)
def test_what_leaves_something_to_do_is_not_finished(
    host: FakeHost, params: dict[str, Any], final: dict[str, Any], case: tuple[str, str, str]
) -> None:
    verdict, second_error, event = case
    write(params, "begun")
    found = ending.end({**final, "verdict": verdict, "second_error": second_error, "error": "no"}, False)
    assert host.events[-1]["event"] == event
    assert found["message"].splitlines()[-1] == f"Run record: {found['path']}"


def test_a_run_that_is_another_control_nodes_now_is_not_ended(host: FakeHost, params: dict[str, Any], final: dict[str, Any]) -> None:
    write(params, "begun")
    found = ending.end({**final, "verdict": "failed_lock_lost", "error": "no"}, False)
    assert [event["event"] for event in host.events] == ["begun"]
    assert "record" not in found and "path" not in found and found["summary"] == []
    assert "Another control node" in found["message"]


def test_an_end_in_check_mode(host: FakeHost, final: dict[str, Any], tmp_path: Path) -> None:
    found = ending.end({**final, "verdict": "failed_before_outage", "error": "no"}, True)
    assert "path" not in found and "Run record" not in found["message"] and "was not touched" in found["message"]
    assert found["summary"][-1] == "record: none"
    assert host.events == [] and not (tmp_path / "runs").exists()


def test_a_record_that_cannot_be_finished_hides_nothing(host: FakeHost, params: dict[str, Any], final: dict[str, Any]) -> None:
    write(params, "begun")
    host.error = HostUnreachable("octo-a: no answer.", "octo-a")
    found = ending.end({**final, "verdict": "failed_stopped", "error": "it broke"}, False)
    assert found["unrecorded"] is True and found["summary"] == [] and "path" not in found
    lines = found["message"].splitlines()
    assert lines[0] == "it broke" and "out of service" in lines[1]
    assert lines[-1].startswith("The run record could not be finished: Expected to write the event stopped")
    assert found["record"]["verdict"] == "failed_stopped", "it waits in the copy"


def test_a_run_that_another_control_node_has_resumed_meanwhile(host: FakeHost, params: dict[str, Any], final: dict[str, Any]) -> None:
    write(params, "begun")
    host.events.append({**record.make("resumed", 2), "id": "theirs"})
    found = ending.end(final, False)
    assert (found["unrecorded"], found["lock_lost"]) == (True, True)
    assert "The run record could not be finished" in found["message"]
    assert [event["event"] for event in host.events] == ["begun", "resumed"]
