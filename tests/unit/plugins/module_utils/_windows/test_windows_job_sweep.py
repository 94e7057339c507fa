# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which jobs are waited for, ended, put away, and in which order; what a survey finds is scripted, and time."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.octopus.upgrade.plugins.module_utils._windows import job_sweep
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.errors import HostError, HostUnreachable
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.job_survey import FoundJob
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.job_sweep import NodeJobs, NodeSweep, SweepRequest, Swept, sweep
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.options import ConnectionOptions
from ansible_collections.octopus.upgrade.tests.unit.windows_host import FakeHost

ROOT = "C:\\ProgramData\\octopus.upgrade"


class Node:
    """A node; ``surveys`` is what each look finds, the last one for ever. ``did`` is what was done, in order."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *surveys: Any) -> None:
        self.surveys = list(surveys)
        self.did: list[str] = []
        self.removed: list[str] = []  # files
        self.now = 0.0
        self.fails: dict[str, Exception] = {}
        self.jobs = NodeJobs()
        node = self

        class Job:
            def __init__(self, _host: object, root: str, identity: str, _sleep: object) -> None:
                assert root == ROOT
                self.identity = identity

            def cancel(self) -> None:
                node.do(f"cancel {self.identity}")

            def remove(self) -> None:
                node.do(f"remove {self.identity}")

        monkeypatch.setattr(job_sweep, "Job", Job)
        monkeypatch.setattr(job_sweep, "survey", lambda _host, _root: self.look())
        monkeypatch.setattr(job_sweep.files, "make_folder", lambda _host, _path: True)
        monkeypatch.setattr(job_sweep.files, "remove", lambda _host, path: self.removed.append(path))
        monkeypatch.setattr(job_sweep.files, "move", lambda _host, source, _target: self.do(f"keep {source.split(chr(92))[-2]}"))

    def look(self) -> list[FoundJob]:
        found = self.surveys.pop(0) if len(self.surveys) > 1 else self.surveys[0]
        if isinstance(found, Exception):
            raise found
        return found

    def do(self, what: str) -> None:
        self.did.append(what)
        if what in self.fails:
            raise self.fails.pop(what)

    def sleep(self, seconds: float) -> None:
        assert seconds > 0
        self.did.append("sleep")
        self.now += seconds

    def sweep(self, **options: Any) -> dict[str, tuple[str, str]]:
        request = SweepRequest(ROOT, **options)
        NodeSweep(FakeHost(), request, self.jobs, self.sleep, lambda: self.now).run()
        return self.actions

    @property
    def actions(self) -> dict[str, tuple[str, str]]:
        return {job.id: (job.status, job.action) for job in self.jobs.jobs.values()}


def job(identity: str, status: str, **more: Any) -> FoundJob:
    files = {"running": {"started", "output.txt"}, "lost": {"started", "output.txt"}, "finished": {"exit.code", "output.txt"}}
    code = 0 if status == "finished" else None
    return FoundJob(identity, status, **{"exit_code": code, "files": files.get(status, set()), "since": "23.11.2026 21:00:00", **more})


def test_nothing_there(monkeypatch):
    node = Node(monkeypatch, [])
    assert node.sweep() == {}
    assert (node.did, node.jobs.remaining, node.jobs.changed) == ([], 0, False)


def test_what_does_not_run_is_removed_while_another_is_waited_for(monkeypatch):
    runs = job("fetch-1", "running")
    node = Node(monkeypatch, [runs, job("a-1", "lost")], [runs], [job("fetch-1", "finished")], [])
    assert node.sweep() == {"fetch-1": ("finished", "waited"), "a-1": ("lost", "removed")}
    assert node.did == ["keep a-1", "remove a-1", "sleep", "sleep", "remove fetch-1"]
    assert node.jobs.first == {"fetch-1": "running", "a-1": "lost"}
    assert (node.jobs.remaining, node.jobs.changed) == (0, True)
    assert node.removed == [f"{ROOT}\\packages\\*.part"], "when no job is left that may write one"


@pytest.mark.parametrize(
    ("status", "more", "kept"),
    [
        ("finished", {}, False),
        ("finished", {"exit_code": 3010}, True),
        ("finished", {"exit_code": None}, True),
        ("lost", {}, True),
        ("lost", {"files": {"started"}}, False),
        ("absent", {}, False),
    ],
)
def test_whose_output_is_kept(monkeypatch, status, more, kept):
    node = Node(monkeypatch, [job("x-1", status, **more)], [])
    node.sweep()
    assert ("keep x-1" in node.did) is kept
    path = node.jobs.jobs["x-1"].log_path
    assert path.startswith(f"{ROOT}\\logs\\x-1-2") if kept else path is None


def test_only_what_may_be_cancelled_is(monkeypatch):
    first = [job(name, "running") for name in ("schema-1", "schematic-1", "install-1", "folders-logs-1", "folders-packages-1")]
    last = [job("Schema-1", "lost"), *(job(name.identity, "finished") for name in first[1:])]
    node = Node(monkeypatch, first, last, [])
    # Not even where nobody refused it.
    actions = node.sweep(cancel=("schema", "install", "folders-logs"))
    assert [what for what in node.did if what.startswith("cancel")] == ["cancel schema-1", "cancel folders-logs-1"]
    assert {name: action for name, (_status, action) in actions.items()} == {
        "schema-1": "cancelled",
        "schematic-1": "waited",
        "install-1": "waited",
        "folders-logs-1": "waited",  # it was done before it could be ended
        "folders-packages-1": "waited",
    }


def test_who_does_not_end_in_time_is_left(monkeypatch):
    runs, other = job("folders-1", "running"), job("b-1", "finished")
    node = Node(monkeypatch, [runs, other], [runs])
    with pytest.raises(HostError) as caught:
        node.sweep(timeout=100)
    assert str(caught.value) == (
        "octo-a (octo-a.example.com:5986): expected the job folders-1 to end within 100 s, but its task \\octopus.upgrade\\folders-1 has been "
        "running since 23.11.2026 21:00:00 (in the host's time format). It was left running. Wait for it with a longer timeout, or cancel it with "
        "folders in cancel."
    )
    assert node.now == pytest.approx(100)
    assert node.actions == {"folders-1": ("running", "none"), "b-1": ("finished", "removed")}
    assert (node.jobs.remaining, node.did[0]) == (1, "remove b-1")


def test_an_installation_that_does_not_end_in_time(monkeypatch):
    node = Node(monkeypatch, [job("uninstall-1", "running", since=None)])
    with pytest.raises(HostError, match=r"since an unknown time.*It must not be cancelled: wait for it with a longer timeout"):
        node.sweep(timeout=0)
    assert (node.did, node.removed) == ([], [])


def test_an_orphan_that_cannot_be_told_is_named(monkeypatch):
    node = Node(monkeypatch, [job("schema-1", "running", orphaned=True)])
    with pytest.raises(
        HostError, match=r"the job schema-1 to end after it was cancelled\. Its task is not running any more, but a process.*output\.txt"
    ):
        node.sweep(timeout=0, cancel=("schema",))
    assert node.did.count("cancel schema-1") == 1
    assert "remove schema-1" not in node.did


def test_what_cannot_be_ended_or_removed_does_not_keep_the_others(monkeypatch):
    first = [job("schema-1", "running"), job("a-1", "lost"), job("b-1", "lost")]
    node = Node(monkeypatch, first, first[:2])
    node.fails = {"cancel schema-1": HostError("cannot be ended"), "remove a-1": HostError("cannot be deleted")}
    with pytest.raises(HostError, match=r"^cannot be ended cannot be deleted$"):
        node.sweep(cancel=("schema",))
    assert node.actions["b-1"] == ("lost", "removed")
    assert node.jobs.remaining == 2


def test_what_comes_back_is_told(monkeypatch):
    node = Node(monkeypatch, [job("a-1", "finished")])
    with pytest.raises(HostError, match=r"the job a-1 appeared again after it was removed\. Who starts it\?"):
        node.sweep()
    assert node.jobs.remaining == 1


def test_a_task_that_never_ran_is_watched_first(monkeypatch):
    created = job("a-1", "created")
    node = Node(monkeypatch, *[[created]] * 4, [job("a-1", "running")], [job("a-1", "finished")], [])
    assert node.sweep(grace=60) == {"a-1": ("finished", "waited")}
    never = Node(monkeypatch, [created])
    with pytest.raises(HostError, match="appeared again"):
        never.sweep(grace=60, timeout=1)
    assert never.did.count("remove a-1") == 1
    assert 60 <= never.now < 70


def test_a_node_that_is_away_for_a_while_is_waited_for(monkeypatch):
    runs, away = job("fetch-1", "running"), HostUnreachable("away")
    node = Node(monkeypatch, [runs], away, away, [job("fetch-1", "finished")], away, [])
    node.fails = {"remove fetch-1": HostUnreachable("away")}
    assert node.sweep() == {"fetch-1": ("finished", "waited")}
    assert node.jobs.remaining == 0
    gone = Node(monkeypatch, [runs], away)
    with pytest.raises(HostUnreachable):
        gone.sweep()
    assert gone.now > job_sweep.PATIENCE
    unknown = Node(monkeypatch, away)
    with pytest.raises(HostUnreachable):
        unknown.sweep()
    assert (unknown.now, unknown.jobs.remaining) == (0.0, None)


def params(**given: Any) -> dict[str, Any]:
    return {"work_root": ROOT, "cancel": [], "timeout": 10, **given}


@pytest.mark.parametrize("kind", ["install", "INSTALL", "install-2026.2", "uninstall", "Uninstall-x", "msiexec", "MsiExec-1"])
def test_an_installation_may_not_be_cancelled(kind):
    with pytest.raises(ValueError, match="is never cancelled"):
        SweepRequest.from_params(params(cancel=["schema", kind]), False)


@pytest.mark.parametrize("kind", ["", " ", "a b", "*", "a\\b"])
def test_what_is_no_kind(kind):
    with pytest.raises(ValueError, match="expected the beginning of a job's id"):
        SweepRequest.from_params(params(cancel=[kind]), False)


def test_which_jobs_a_kind_means():
    request = SweepRequest.from_params(params(cancel=["Schema", "folders-logs"], work_root="D:/tasks/"), False)
    assert request.work_root == "D:\\tasks"
    assert [request.cancels(name) for name in ("schema-1", "SCHEMA", "schematic-1", "folders-logs-1", "folders-1", "install-schema-1")] == [
        True,
        True,
        False,
        True,
        False,
        False,
    ]


def test_what_the_module_returns(monkeypatch):
    node = Node(monkeypatch, [job("schema-1", "running")], [job("schema-1", "lost")], [])
    node.sweep(cancel=("schema",))
    result = Swept(SweepRequest(ROOT), {"octo-a": node.jobs, "octo-b": NodeJobs(first={})}).as_result(diff=True)
    assert (result["changed"], result["remaining"]) == (True, 0)
    [shown] = result["nodes"]["octo-a"]["jobs"]
    assert shown.pop("log_path").startswith(ROOT)
    assert shown == {"id": "schema-1", "kind": "schema", "status": "lost", "exit_code": None, "action": "cancelled"}
    assert result["diff"] == {"before": "octo-a: schema-1: running\n", "after": ""}


def test_check_mode_changes_nothing(monkeypatch):
    node = Node(monkeypatch, [job("schema-1", "running")])
    request = SweepRequest(ROOT, ("schema",), check_mode=True)
    result = sweep(request, [ConnectionOptions(name="octo-a", host="x")], lambda _options: FakeHost()).as_result(diff=True)
    assert (node.did, result["changed"], result["remaining"]) == ([], True, 1)
    assert result["diff"] == {"before": "octo-a: schema-1: running\n", "after": ""}


def test_there_have_to_be_nodes():
    with pytest.raises(HostError, match="No node to act on"):
        sweep(SweepRequest(ROOT), [])
