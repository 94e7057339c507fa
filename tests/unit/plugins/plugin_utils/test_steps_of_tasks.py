# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Durable steps in the action plugins' base: begun before the act, done with the result after it, replayed in a resumed run."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ansible.errors import AnsibleActionFail
from ansible_collections.octopus.upgrade.plugins.module_utils._core import stopping
from ansible_collections.octopus.upgrade.plugins.module_utils._core.errors import TaskFailed
from ansible_collections.octopus.upgrade.plugins.module_utils._run import journal, record
from ansible_collections.octopus.upgrade.plugins.module_utils._run.errors import LockLost
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.connection import ConnectionOptions
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.errors import HostUnreachable
from ansible_collections.octopus.upgrade.plugins.plugin_utils import _on_controller
from ansible_collections.octopus.upgrade.plugins.plugin_utils._on_controller import OnController


class FakeHost:
    """The journal on a host; an error by the kind of the event that meets it."""

    def __init__(self) -> None:
        self.events: list[record.Event] = []
        self.errors: dict[str, Exception] = {}
        self.fed: list[list[str]] = []  # the other nodes, by step

    def read(self) -> list[record.Event]:
        return list(self.events)

    def kept_alive(self, others: list[ConnectionOptions], last_fed: Path) -> contextlib.AbstractContextManager[None]:
        self.fed.append([one.name for one in others])
        return contextlib.nullcontext()

    def append(self, events: list[record.Event], uncertain: bool) -> None:
        if events[-1]["event"] in self.errors:
            raise self.errors[events[-1]["event"]]
        self.events += events


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> FakeHost:
    fake = FakeHost()

    @contextlib.contextmanager
    def open_fake(params: dict[str, Any], *_arguments: Any, **_more: Any) -> Iterator[journal.Journal]:
        found = journal.Journal.__new__(journal.Journal)
        found._there, found._path, found._copy = fake, params["path"], Path(params["copy"])  # type: ignore[assignment]
        yield found

    monkeypatch.setattr(_on_controller, "open_journal", open_fake)
    return fake


def fail(error: Exception) -> None:
    raise error


class Act:
    """A module that counts its acts."""

    SPEC: dict[str, Any] = {"argument_spec": {"name": {"type": "str", "default": "x"}, "password": {"type": "str", "no_log": True}}}

    def __init__(self, host: FakeHost) -> None:
        self.acts = 0
        self.seen: list[list[str]] = []
        self.error: Exception | None = None
        self.result: dict[str, Any] = {}
        self._host = host

    def run(self, params: dict[str, Any], check_mode: bool, diff: bool) -> dict[str, Any]:
        self.acts += 1
        self.seen.append([event["event"] for event in self._host.events])
        if self.error:
            fail(self.error)
        return {"changed": True, "acts": self.acts, **self.result}


@pytest.fixture
def act(host: FakeHost) -> Act:
    return Act(host)


@pytest.fixture
def task(act: Act, host: FakeHost, tmp_path: Path) -> Callable[..., dict[str, Any]]:
    """Runs a task with the action plugin; keywords of the task begin with an underscore."""

    def run(**args: Any) -> dict[str, Any]:
        keywords = {name[1:]: args.pop(name) for name in list(args) if name.startswith("_")}
        checking = keywords.pop("play_in_check_mode", False)
        if "journal" not in args:
            args["journal"] = {"path": "C:\\j\\R1.jsonl", "copy": str(tmp_path / "R1.jsonl")}
        known = {"check_mode": False, "diff": False, "no_log": False, "async_val": 0, "poll": 0, "delegate_to": None}
        fake_task = SimpleNamespace(action="octopus_x", args=args, environment=None, **{**known, **keywords})
        shell = SimpleNamespace(tmpdir="x", env_prefix=lambda **_environment: "")
        options = {"remote_addr": "127.0.0.1", "remote_user": "u", "remote_password": "p", "path": "/wsman"}
        connection = SimpleNamespace(transport="winrm", _shell=shell, get_option=options.get)
        plugin_class = type("ActionModule", (OnController,), {"module": act})
        plugin = plugin_class(fake_task, connection, None, None, None, None)
        return plugin.run(task_vars={"inventory_hostname": "octo-a", "ansible_check_mode": checking})

    return run


def events(host: FakeHost) -> list[tuple[str, str]]:
    return [(event["event"], event.get("step", "")) for event in host.events]


def resume(host: FakeHost, tmp_path: Path) -> None:
    """Another control node goes on: it has only what the host has."""
    (tmp_path / "R1.jsonl").unlink(missing_ok=True)
    record.write(tmp_path / "R1.jsonl", host.events)


def test_a_task_without_a_step_writes_nothing(task: Callable[..., Any], act: Act, host: FakeHost) -> None:
    assert task()["acts"] == 1
    assert host.events == []


def test_begin_before_the_act_and_the_result_after_it(task: Callable[..., Any], act: Act, host: FakeHost) -> None:
    result = task(step="quiesce.stop")
    assert act.seen == [["step"]], "the journal had it before the module acted"
    assert (result["acts"], "replayed" in result) == (1, False)
    assert events(host) == [("step", "quiesce.stop"), ("done", "quiesce.stop")]
    assert host.events[1]["result"] == {"changed": True, "acts": 1}


def test_the_guards_of_the_other_nodes_are_told_until_they_are_disarmed(
    task: Callable[..., Any], act: Act, host: FakeHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        OnController, "_options_of", lambda self, node, name, task_vars: {"name": node, "host": f"{node}.example", "username": "u"}
    )
    act.result = {"guarded": ["octo-a", "octo-b"]}
    task(step="quiesce.guard")
    act.result = {}
    task(step="quiesce.stop")
    act.result = {"guarded": []}
    task(step="backup.unguard")
    act.result = {}
    task(step="apply.1.install")
    assert host.fed == [[], ["octo-b"], ["octo-b"], []]


def test_a_step_that_is_done_is_replayed(task: Callable[..., Any], act: Act, host: FakeHost, tmp_path: Path) -> None:
    first = task(step="quiesce.stop")
    resume(host, tmp_path)
    again = task(step="quiesce.stop")
    assert again == {**first, "replayed": True} and act.acts == 1
    assert len(host.events) == 2


def test_a_step_that_was_interrupted_acts_again(
    task: Callable[..., Any], act: Act, host: FakeHost, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stopping, "_ended", threading.Event())
    act.error = KeyboardInterrupt()  # type: ignore[assignment]
    with pytest.raises(KeyboardInterrupt):
        task(step="quiesce.stop")
    assert events(host) == [("step", "quiesce.stop")]
    act.error = None
    resume(host, tmp_path)
    assert task(step="quiesce.stop")["acts"] == 2
    assert events(host) == [("step", "quiesce.stop"), ("step", "quiesce.stop"), ("done", "quiesce.stop")]


def test_a_step_that_failed_is_not_done(task: Callable[..., Any], act: Act, host: FakeHost) -> None:
    act.error = TaskFailed("it broke", {"nodes": {"a": "down"}})
    result = task(step="quiesce.stop")
    assert (result["failed"], result["msg"], result["nodes"]) == (True, "it broke", {"a": "down"})
    assert events(host) == [("step", "quiesce.stop")]
    act.error = None
    assert task(step="quiesce.stop")["acts"] == 2


def test_a_step_is_repeated_until_a_later_one_is_done(task: Callable[..., Any], act: Act, host: FakeHost) -> None:
    asked = {"step": "rollback.verify", "repeat_until": "rollback.database"}
    assert [task(**asked)["acts"], task(**asked)["acts"]] == [1, 2]
    task(step="rollback.database")
    assert task(**asked) == {"changed": True, "acts": 2, "replayed": True}


def test_the_outage_begins_before_its_step_and_ends_after_the_one_that_ends_it(task: Callable[..., Any], host: FakeHost) -> None:
    task(step="quiesce.maintenance", outage="begins")
    task(step="publish.maintenance", outage="ends")
    assert [event.get("outage") for event in host.events] == ["begins", None, None, "ends"]
    assert record.summary([record.make("begun", 0), *host.events])["outage_seconds"] is not None


def test_an_outage_does_not_end_with_a_step_that_failed(task: Callable[..., Any], act: Act, host: FakeHost) -> None:
    act.error = TaskFailed("it broke", {})
    task(step="publish.maintenance", outage="ends")
    assert [event.get("outage") for event in host.events] == [None]


def test_what_is_for_the_screen_is_not_recorded(task: Callable[..., Any], act: Act, host: FakeHost) -> None:
    act.result = {"diff": {"before": "a"}, "warnings": ["w"], "sql": ["SELECT 1"], "_ansible_x": 1, "kept": {"deep": [1, None]}}
    task(step="quiesce.stop")
    assert host.events[1]["result"] == {"changed": True, "acts": 1, "kept": {"deep": [1, None]}}


def test_a_secret_is_not_recorded(task: Callable[..., Any], act: Act, host: FakeHost, tmp_path: Path) -> None:
    act.result = {"said": "with s3cret-value in it"}
    task(step="quiesce.stop", password="s3cret-value")
    assert "s3cret-value" not in repr(host.events) and "s3cret-value" not in (tmp_path / "R1.jsonl").read_text()


def test_check_mode_writes_and_replays_nothing(task: Callable[..., Any], act: Act, host: FakeHost, tmp_path: Path) -> None:
    assert "replayed" not in task(step="quiesce.stop", _check_mode=True)
    assert host.events == [] and not (tmp_path / "R1.jsonl").exists()
    task(step="quiesce.stop")
    assert task(step="quiesce.stop", _check_mode=True)["acts"] == 3, "the prediction is made anew"


def test_a_task_that_reads_in_check_mode_too_is_no_step_there(task: Callable[..., Any], act: Act, host: FakeHost) -> None:
    assert task(step="backup.read", _play_in_check_mode=True)["acts"] == 1
    assert host.events == []


def test_without_the_lock_nothing_acts(task: Callable[..., Any], act: Act, host: FakeHost, tmp_path: Path) -> None:
    host.errors["step"] = LockLost("octo-a: this run does not hold the lock.", "octo-a")
    result = task(step="quiesce.stop")
    assert (result["failed"], result["lock_lost"], act.acts) == (True, True, 0)
    assert "Expected to write the event quiesce.stop to the journal C:\\j\\R1.jsonl, but found: octo-a: this run does not" in result["msg"]
    assert record.read(tmp_path / "R1.jsonl") == [], "the event is nowhere"


def test_a_lock_that_is_lost_while_the_module_acts_fails_the_task(task: Callable[..., Any], act: Act, host: FakeHost) -> None:
    host.errors["done"] = LockLost("octo-a: this run does not hold the lock.", "octo-a")
    result = task(step="quiesce.stop")
    assert (result["failed"], result["lock_lost"], act.acts) == (True, True, 1)


def test_a_step_that_cannot_be_begun_does_not_act_and_waits(task: Callable[..., Any], act: Act, host: FakeHost, tmp_path: Path) -> None:
    host.errors["step"] = HostUnreachable("octo-a: no answer.", "octo-a")
    result = task(step="quiesce.stop")
    assert (result["failed"], act.acts) == (True, 0)
    assert f"It waits in {tmp_path / 'R1.jsonl'} and is written along with the next event." in result["msg"]
    assert result["steps"] == ["quiesce.stop"], "whatever follows knows that it may have begun"
    assert [event.get("pending") for event in record.read(tmp_path / "R1.jsonl")] == [True]


def test_a_result_that_cannot_be_written_is_written_along_with_the_next_event(
    task: Callable[..., Any], act: Act, host: FakeHost, tmp_path: Path
) -> None:
    host.errors["done"] = HostUnreachable("octo-a: no answer.", "octo-a")
    assert task(step="quiesce.stop")["failed"]
    host.errors.clear()
    task(step="quiesce.down")
    assert events(host)[:2] == [("step", "quiesce.stop"), ("done", "quiesce.stop")]
    resume(host, tmp_path)
    assert task(step="quiesce.stop") == {"changed": True, "acts": 1, "replayed": True}


def test_where_the_journal_is_not_required_a_step_acts_all_the_same_and_warns(
    task: Callable[..., Any], act: Act, host: FakeHost, tmp_path: Path
) -> None:
    host.errors = dict.fromkeys(("step", "done"), HostUnreachable("octo-a: no answer.", "octo-a"))
    act.result = {"warnings": ["mind the gap"]}
    result = task(step="restore_service.start", journal_required=False)
    assert (result["acts"], result.get("failed")) == (1, None)
    assert result["warnings"][0] == "mind the gap" and len(result["warnings"]) == 3
    assert "Expected to write the event restore_service.start" in result["warnings"][1]
    host.errors.clear()
    assert task(step="restore_service.undrain")["acts"] == 2
    assert [event["event"] for event in host.events] == ["step", "done", "step", "done"], "what waited went along"


def test_a_copy_that_cannot_be_read_is_borne_where_the_journal_is_not_required(
    task: Callable[..., Any], act: Act, host: FakeHost, tmp_path: Path
) -> None:
    (tmp_path / "R1.jsonl").write_text("[]\n")
    assert "is not an event of a run" in task(step="restore_service.start")["msg"]
    result = task(step="restore_service.start", journal_required=False)
    assert result["acts"] == 1 and "is not an event of a run" in result["warnings"][0]


def test_without_the_lock_nothing_acts_even_where_the_journal_is_not_required(task: Callable[..., Any], act: Act, host: FakeHost) -> None:
    host.errors["step"] = LockLost("octo-a: this run does not hold the lock.", "octo-a")
    result = task(step="restore_service.start", journal_required=False)
    assert (result["failed"], result["lock_lost"], act.acts) == (True, True, 0)


@pytest.mark.parametrize(
    ("args", "said"),
    [
        ({"journal": None}, "step quiesce.stop needs journal"),
        ({"_no_log": True}, "step quiesce.stop cannot have no_log: its result is written to the journal"),
        ({"_async_val": 60}, "step quiesce.stop cannot be async"),
    ],
    ids=["journal", "no_log", "async"],
)
def test_what_cannot_be_a_step_is_refused(task: Callable[..., Any], act: Act, host: FakeHost, args: dict[str, Any], said: str) -> None:
    with pytest.raises(AnsibleActionFail) as refused:
        task(step="quiesce.stop", **args)
    assert said in str(refused.value)
    assert (act.acts, host.events) == (0, [])


def test_no_log_without_a_step_is_nobodys_concern(task: Callable[..., Any]) -> None:
    assert task(_no_log=True)["acts"] == 1


def test_the_arguments_of_the_task_stay_as_they_are(task: Callable[..., Any], act: Act) -> None:
    """A retry, or the next item of a loop, has the same ones."""
    given = {"path": "C:\\j", "copy": "/nowhere"}
    task(journal=given)
    assert given == {"path": "C:\\j", "copy": "/nowhere"}
