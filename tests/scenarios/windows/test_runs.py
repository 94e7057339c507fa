# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Journals and locks on a host of the lab: several control nodes, one that is killed, a connection that is lost."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.octopus.upgrade.plugins.module_utils._run import journal_copy
from ansible_collections.octopus.upgrade.plugins.module_utils._run import record as run_record
from ansible_collections.octopus.upgrade.plugins.module_utils._run import steps as run_steps
from ansible_collections.octopus.upgrade.plugins.module_utils._run.errors import LockLost, RunError
from ansible_collections.octopus.upgrade.plugins.module_utils._run.holder import Holder
from ansible_collections.octopus.upgrade.plugins.module_utils._run.host_journal import HostJournal, remember
from ansible_collections.octopus.upgrade.plugins.module_utils._run.journals import Journals
from ansible_collections.octopus.upgrade.plugins.module_utils._run.lock import LEFT, Broken, RunLock
from ansible_collections.octopus.upgrade.plugins.module_utils._run.shared_shell import shared_shell
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.connection import WindowsHost
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.errors import HostError, HostUnreachable
from scenarios.windows.controller import Controller, wait_until
from scenarios.windows.setting import PASSWORD, ROOT, SYSTEM, WAIT, World

FOLDER = f"{ROOT}\\runs\\prod"
LOCK = f"{FOLDER}\\lock"
JOURNAL = f"{FOLDER}\\R1.jsonl"
JOB = {"job_user": "SYSTEM", "job_password": None, "work_root": ROOT}
WHERE = {"path": JOURNAL, "copy": "run.jsonl"}


def somebody(name: str) -> Holder:
    """A process of another control node."""
    return Holder(f"{name}@ctrl-{name}", f"machine-{name}", f"boot-{name}", "pid:[1]", 7, "1")


@pytest.fixture
def me() -> Holder:
    holder = Holder.of(os.getpid())
    assert holder is not None
    return holder


@pytest.fixture
def killed() -> Holder:
    """A process of this control node that is no more."""
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    holder = Holder.of(process.pid)
    process.kill()
    process.wait()
    assert holder is not None
    return holder


def names_there(world: World) -> list[str]:
    host = world.hosts["octo-a"]
    return host.fs.listdir(FOLDER, SYSTEM) if host.fs.is_dir(FOLDER, SYSTEM) else []


def text_there(world: World, path: str = JOURNAL) -> str:
    return world.hosts["octo-a"].fs.read(path, SYSTEM).decode()


def lines_there(world: World) -> list[str]:
    """The journal's lines. Where the one before may have been cut off, an event begins with a new line: some are empty."""
    return [line for line in text_there(world).splitlines() if line]


def at_once(world: World, holders: list[Holder], break_lock: str | None = None) -> dict[str, Any]:
    """All take the lock at the same moment: what each got, or was told."""
    outcomes: dict[str, Any] = {}
    barrier = threading.Barrier(len(holders))

    def take(holder: Holder) -> None:
        with world.client() as host:
            host.run(["hostname"])  # the connection is made
            barrier.wait(WAIT)
            try:
                outcomes[holder.owner] = RunLock(host, FOLDER, "prod", holder).take(f"R-{holder.owner}", None, break_lock)
            except RunError as error:
                outcomes[holder.owner] = str(error)

    threads = [threading.Thread(target=take, args=(holder,)) for holder in holders]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(WAIT)
    return outcomes


def check_one_won(world: World, outcomes: dict[str, Any], holders: list[Holder]) -> tuple[bool, Broken | None]:
    won = {owner: outcome for owner, outcome in outcomes.items() if not isinstance(outcome, str)}
    assert len(outcomes) == len(holders) and len(won) == 1, outcomes
    [winner] = won
    refused = [told for told in outcomes.values() if isinstance(told, str)]
    assert [told for told in refused if f"by {winner} for the run R-{winner}" not in told] == []
    assert names_there(world) == ["lock"]
    assert json.loads(text_there(world, f"{LOCK}\\owner.json"))["owner"] == winner
    return won[winner]


# -- the lock


def test_of_several_at_once_one_wins(world: World) -> None:
    holders = [somebody(name) for name in "abcde"]
    assert check_one_won(world, at_once(world, holders), holders) == (True, None)


def test_of_several_who_break_at_once_one_wins(world: World, killed: Holder) -> None:
    for dummy in range(4):
        with world.client() as host:
            assert RunLock(host, FOLDER, "prod", killed).take("R1", "upgrade", None) == (True, None)
        holders = [somebody(name) for name in "abcd"]
        taken, broken = check_one_won(world, at_once(world, holders), holders)
        # Who has broken it may still lose it to somebody who was quicker to take it.
        assert taken and (broken is None or (broken.why, broken.lock.run_id) == ("gone", "R1"))
        world.hosts["octo-a"].fs.rmtree(LOCK, SYSTEM)


def test_the_lock_is_taken_once_and_released_once(client: WindowsHost, world: World, me: Holder) -> None:
    lock = RunLock(client, FOLDER, "prod", me)
    assert lock.read() is None
    assert lock.take("R1", "upgrade", None) == (True, None)
    assert lock.take("R1", "upgrade", None) == (False, None)
    found = lock.read()
    assert found is not None and (found.owner, found.run_id, found.operation) == (me.owner, "R1", "upgrade")
    assert found.age_seconds is not None and found.age_seconds < WAIT
    assert lock.release() is True
    assert lock.release() is False
    assert lock.read() is None and names_there(world) == []


def test_the_same_process_may_say_for_which_run(client: WindowsHost, me: Holder) -> None:
    lock = RunLock(client, FOLDER, "prod", me)
    lock.take("R2", None, None)
    lock.take("R1", "rollback", None)
    found = lock.read()
    assert found is not None and (found.run_id, found.operation) == ("R1", "rollback")


def test_another_control_nodes_lock_is_refused_and_then_broken_deliberately(client: WindowsHost, world: World, me: Holder) -> None:
    other = RunLock(client, FOLDER, "prod", somebody("anna"))
    other.take("R1", "upgrade", None)
    mine = RunLock(client, FOLDER, "prod", me)
    said = r"by anna@ctrl-anna for the run R1, operation upgrade\..* octopus_break_lock: R1$"
    with pytest.raises(RunError, match=said):
        mine.take("R2", None, None)
    with pytest.raises(RunError, match="octopus_break_lock names R7, but this lock is not held by it"):
        mine.take("R2", None, "R7")
    assert mine.release() is False
    taken, broken = mine.take("R2", None, "R1")
    assert taken and broken is not None and broken.to_dict()["why"] == "deliberate"
    assert other.release() is False
    assert names_there(world) == ["lock"]
    with pytest.raises(RunError, match=f"by {me.owner} for the run R2"):
        other.take("R1", None, "R1")


def test_a_lock_that_does_not_say_whose_it_is_is_broken_deliberately_only(client: WindowsHost, world: World, me: Holder) -> None:
    world.hosts["octo-a"].fs.mkdir(LOCK, SYSTEM)
    lock = RunLock(client, FOLDER, "prod", me)
    with pytest.raises(RunError, match=r"since an unknown time by unknown for the run unknown.* octopus_break_lock: unknown$"):
        lock.take("R1", None, None)
    taken, broken = lock.take("R1", None, "unknown")
    assert taken and broken is not None and broken.lock.age_seconds is None
    assert names_there(world) == ["lock"]


@pytest.mark.parametrize("action", ["Command", "Receive"])
@pytest.mark.parametrize("executed", [True, False])
def test_a_connection_lost_while_the_lock_is_taken(client: WindowsHost, world: World, me: Holder, action: str, executed: bool) -> None:
    world.network.faults.arm("winrm.drop", action=action, executed=executed)
    lock = RunLock(client, FOLDER, "prod", me)
    assert lock.take("R1", None, None) == (True, None)
    found = lock.read()
    assert lock.is_ours(found)
    assert world.ledger.events("fault", name="winrm.drop", action="met")


def test_the_lock_comes_to_be_by_one_renaming_and_is_never_there_in_part(client: WindowsHost, world: World, me: Holder) -> None:
    RunLock(client, FOLDER, "prod", me).take("R1", None, None)
    below = [
        event for event in world.ledger.events("file") if str(event["path"]).lower().startswith(LOCK.lower()) and LEFT not in event["path"]
    ]
    assert [(event["action"], event["path"]) for event in below] == [("move", LOCK)]


def test_what_somebody_left_behind_is_tidied_up(client: WindowsHost, world: World, me: Holder) -> None:
    world.hosts["octo-a"].fs.mkdir(f"{FOLDER}\\{LEFT}1", SYSTEM)
    lock = RunLock(client, FOLDER, "prod", me)
    lock.take("R1", None, None)
    lock.read()
    lock.tidy()
    assert names_there(world) == ["lock"]


def test_a_host_that_cannot_make_the_lock_says_why(client: WindowsHost, world: World, me: Holder) -> None:
    world.network.faults.arm("disk.full", times=None, path="C:\\ProgramData")
    with pytest.raises(RunError, match=r"lock cannot be created: .*space on the disk"):
        RunLock(client, FOLDER, "prod", me).take("R1", None, None)
    world.network.faults.disarm()
    assert RunLock(client, FOLDER, "prod", me).take("R1", None, None)[0]


# -- the journal


def test_an_event_is_one_command_without_input(client: WindowsHost, world: World, me: Holder, tmp_path: Path) -> None:
    RunLock(client, FOLDER, "prod", me).take("R1", None, None)
    journal = HostJournal(client, JOURNAL, me)
    remember(tmp_path / "run.jsonl", journal, "begun", instance="prod")
    mark = world.ledger.mark()
    with world.client() as fresh:
        events = remember(
            tmp_path / "run.jsonl", HostJournal(fresh, JOURNAL, me), "step", step="stage", error='50 % of "C:\\users" & <all> /?'
        )
    asked = [event["action"] for event in world.ledger.events("winrm.request", since=mark) if event["action"] != "authenticate"]
    # On a busy computer the first Receive may come before the end, and a second is sent.
    assert list(dict.fromkeys(asked)) == ["Create", "Command", "Receive", "Delete"]
    assert asked.count("Command") == 1
    assert journal.read() == run_record.read(tmp_path / "run.jsonl") == events
    assert [json.loads(line) for line in lines_there(world)] == events


def test_the_events_of_a_run_share_a_shell(world: World, tmp_path: Path) -> None:
    """Each event has a connection of its own, as it has under ansible-playbook; more of them than a shell should have to do with."""
    here, shell, steps = tmp_path / "run.jsonl", tmp_path / "run.shell", 30

    def add(kind: str, **fields: str) -> list[run_record.Event]:
        with world.client() as host, shared_shell(host, shell, last=kind == "finished"):
            return remember(here, HostJournal(host, JOURNAL), kind, **fields)

    add("begun")
    mark = world.ledger.mark()
    for number in range(steps):
        add("step", step=f"step {number}")
    asked = [event["action"] for event in world.ledger.events("winrm.request", since=mark) if event["action"] != "authenticate"]
    assert (asked.count("Command"), asked.count("Create"), asked.count("Delete")) == (steps, 1, 1)
    assert set(asked) == {"Command", "Receive", "Create", "Delete"}
    world.servers[0].stop()
    world.servers[0].start()  # its shells are gone
    assert len(add("step", step="last")) == steps + 2
    events = add("finished")
    assert run_record.read(here) == events and len(lines_there(world)) == len(events) == steps + 3
    assert world.servers[0].shells.all() == [] and not shell.exists()


def test_an_error_closes_the_shell(world: World, tmp_path: Path) -> None:
    world.network.faults.arm("disk.full", times=None, path="C:\\ProgramData")
    with (
        pytest.raises(HostError, match="space on the disk"),
        world.client() as host,
        shared_shell(host, tmp_path / "run.shell", last=False),
    ):
        remember(tmp_path / "run.jsonl", HostJournal(host, JOURNAL), "begun")
    assert world.servers[0].shells.all() == [] and not (tmp_path / "run.shell").exists()


def test_the_folder_is_closed_when_it_is_made(client: WindowsHost, world: World, tmp_path: Path) -> None:
    for step in ("one", "two"):
        remember(tmp_path / "run.jsonl", HostJournal(client, JOURNAL), "step", step=step)
    [closed] = [event["argv"] for event in world.ledger.events("process.start") if "icacls" in event["argv"][0]]
    assert closed[1] == ROOT and "/inheritance:r" in closed
    other = HostJournal(client, "D:\\Journals\\R1.jsonl")
    world.hosts["octo-a"].fs.add_drive("D", tmp_path / "D")
    remember(tmp_path / "other.jsonl", other, "begun")
    assert world.ledger.events("process.start")[-2]["argv"][1] == "D:\\Journals"


@pytest.mark.parametrize("action", ["Command", "Receive"])
@pytest.mark.parametrize("executed", [True, False])
def test_a_connection_lost_in_an_append_leaves_one_event(
    client: WindowsHost, world: World, tmp_path: Path, action: str, executed: bool
) -> None:
    journal = HostJournal(client, JOURNAL)
    remember(tmp_path / "run.jsonl", journal, "begun")
    world.network.faults.arm("winrm.drop", action=action, executed=executed)
    events = remember(tmp_path / "run.jsonl", journal, "step", step="stage")
    assert world.ledger.events("fault", name="winrm.drop", action="met")
    assert [event["event"] for event in events] == ["begun", "step"]
    assert journal.read() == run_record.read(tmp_path / "run.jsonl") == events
    lines = lines_there(world)
    assert len(lines) == (2 if action == "Command" and not executed else 3), "the append itself was repeated, and shows once"


@pytest.mark.usefixtures("impatient")
def test_an_event_that_cannot_arrive_goes_along_with_the_next(client: WindowsHost, world: World, me: Holder, tmp_path: Path) -> None:
    here, journal = tmp_path / "run.jsonl", HostJournal(client, JOURNAL, me)
    RunLock(client, FOLDER, "prod", me).take("R1", None, None)
    remember(here, journal, "begun")
    world.servers[0].stop()
    with pytest.raises(HostUnreachable):
        remember(here, journal, "step", step="stage")
    assert [event.get("pending") for event in run_record.read(here)] == [None, True]
    world.servers[0].start()
    assert [event["event"] for event in journal.read()] == ["begun"]
    events = remember(here, journal, "failed", error="no answer")
    assert [event["event"] for event in events] == ["begun", "step", "failed"]
    assert journal.read() == run_record.read(here) == events


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("kind", run_record.ENDS)
def test_an_end_that_cannot_arrive_waits_too(client: WindowsHost, world: World, tmp_path: Path, kind: str) -> None:
    here, journal = tmp_path / "run.jsonl", HostJournal(client, JOURNAL)
    remember(here, journal, "begun")
    world.servers[0].stop()
    with pytest.raises(HostUnreachable):
        remember(here, journal, kind)
    world.servers[0].start()
    assert [(event["event"], event.get("pending")) for event in run_record.read(here)] == [("begun", None), (kind, True)]
    assert [event["event"] for event in remember(here, journal, "resumed")] == ["begun", kind, "resumed"]


def test_what_was_cut_off_on_the_host_is_no_event_and_hides_none(client: WindowsHost, world: World, tmp_path: Path) -> None:
    journal = HostJournal(client, JOURNAL)
    remember(tmp_path / "first.jsonl", journal, "begun")
    remember(tmp_path / "first.jsonl", journal, "step", step="stage")
    host, whole = world.hosts["octo-a"], text_there(world)
    for left in (len(whole) - 30, len(whole) - 2, len(whole) - 1):  # in the line, before its end, within that
        host.fs.write(JOURNAL, whole[:left].encode(), SYSTEM)
        events = remember(tmp_path / f"{left}.jsonl", HostJournal(client, JOURNAL), "resumed")
        whole_step = [] if left == len(whole) - 30 else ["step"]
        assert [event["event"] for event in events] == ["begun", *whole_step, "resumed"]
        assert journal.read() == events


def test_another_control_node_resumes_the_run(client: WindowsHost, me: Holder, tmp_path: Path) -> None:
    first, second, journal = tmp_path / "first.jsonl", tmp_path / "second.jsonl", HostJournal(client, JOURNAL)
    remember(first, journal, "begun", facts={"restore_point": "r"})
    remember(first, journal, "step", step="stage")
    remember(first, journal, "done", step="stage", result={"path": "C:\\x"})
    remember(first, journal, "step", step="quiesce")
    events = remember(second, journal, "resumed")
    assert (run_steps.results(events), run_record.facts(events)) == ({"stage": {"path": "C:\\x"}}, {"restore_point": "r"})
    remember(second, journal, "step", step="quiesce")
    events = remember(first, journal, "resumed")
    assert [event["event"] for event in events] == ["begun", "step", "done", "step", "resumed", "step", "resumed"]
    assert run_record.read(first) == journal.read() == events


def test_a_run_whose_lock_was_broken_writes_no_more(client: WindowsHost, me: Holder, tmp_path: Path) -> None:
    anna = somebody("anna")
    RunLock(client, FOLDER, "prod", anna).take("R1", None, None)
    hers, mine = HostJournal(client, JOURNAL, anna), HostJournal(client, JOURNAL, me)
    remember(tmp_path / "hers.jsonl", hers, "begun")
    with pytest.raises(HostError, match="this run does not hold the lock"):
        remember(tmp_path / "mine.jsonl", mine, "resumed")
    assert run_record.read(tmp_path / "mine.jsonl") == run_record.read(tmp_path / "hers.jsonl"), "what was refused waits for nothing"
    RunLock(client, FOLDER, "prod", me).take("R2", None, "R1")
    with pytest.raises(HostError, match="this run does not hold the lock"):
        remember(tmp_path / "hers.jsonl", hers, "step", step="quiesce.stop")
    assert [event["event"] for event in remember(tmp_path / "mine.jsonl", mine, "resumed")] == ["begun", "resumed"]


def test_a_run_that_another_one_took_over_and_ended_writes_no_more(client: WindowsHost, me: Holder, tmp_path: Path) -> None:
    """Its control node was suspended; meanwhile the run was taken over and ended, and nobody has the lock."""
    anna = somebody("anna")
    hers, mine = HostJournal(client, JOURNAL, anna), HostJournal(client, JOURNAL, me)
    RunLock(client, FOLDER, "prod", anna).take("R1", None, None)
    remember(tmp_path / "hers.jsonl", hers, "begun")
    lock = RunLock(client, FOLDER, "prod", me)
    lock.take("R1", None, "R1")
    remember(tmp_path / "mine.jsonl", mine, "resumed")
    assert lock.release()
    events = remember(tmp_path / "mine.jsonl", mine, "finished")
    for kind in ("step", "failed", "finished"):
        with pytest.raises(LockLost, match="has resumed or ended the run"):
            remember(tmp_path / "hers.jsonl", hers, kind)
    assert mine.read() == events
    assert [event["event"] for event in events] == ["begun", "resumed", "finished"]


def test_the_newest_run_and_the_last_that_finished(client: WindowsHost, me: Holder, tmp_path: Path) -> None:
    def found() -> tuple[str | None, str | None]:
        lock = RunLock(client, FOLDER, "prod", me)
        lock.read()
        unfinished, last = Journals(client, FOLDER, lock.names).newest()
        return unfinished.run_id if unfinished else None, last.run_id if last else None

    def add(run_id: str, *kinds: str) -> None:
        for kind in kinds:
            remember(tmp_path / f"{run_id}.jsonl", HostJournal(client, f"{FOLDER}\\{run_id}.jsonl"), kind)

    assert found() == (None, None)
    add("20260101T000000Z", "begun")
    assert found() == ("20260101T000000Z", None)
    add("20260102T000000Z", "begun", "finished")
    assert found() == ("20260101T000000Z", "20260102T000000Z"), "a clock that was ahead hides no run that has not ended"
    add("20260101T000000Z", "finished")
    assert found() == (None, "20260102T000000Z")
    for day in range(3, 8):
        add(f"2026010{day}T000000Z", "begun", "failed")
    assert found() == ("20260107T000000Z", "20260102T000000Z")
    add("20260107T000000Z", "finished")
    assert found() == ("20260106T000000Z", "20260107T000000Z")
    add("20260107T000000Z", "resumed")
    assert found() == ("20260107T000000Z", "20260102T000000Z")
    add("20260107T000000Z", "finished")
    add("20260108T000000Z", "begun")
    long = {"evidence": {str(number): os.urandom(16).hex() for number in range(400)}}
    remember(tmp_path / "20260108T000000Z.jsonl", HostJournal(client, f"{FOLDER}\\20260108T000000Z.jsonl"), "finished", **long)
    assert found() == ("20260106T000000Z", "20260108T000000Z"), "an end that is packed in several lines is one too"


def test_a_journal_is_copied_by_a_job(client: WindowsHost, world: World, tmp_path: Path) -> None:
    events = remember(tmp_path / "run.jsonl", HostJournal(client, JOURNAL), "begun", error="größer & <kleiner>")
    dest = "C:\\Backups (100%)\\R1.jsonl".replace("%", "")
    assert journal_copy.copy(client, events, dest, JOB) is True
    assert journal_copy.copy(client, events, dest, JOB) is False
    assert run_record.parse(text_there(world, dest), "it") == events
    assert world.hosts["octo-a"].fs.listdir("C:\\Backups (100)", SYSTEM) == ["R1.jsonl"]
    assert world.hosts["octo-a"].fs.listdir(f"{ROOT}\\jobs", SYSTEM) == []
    with pytest.raises(RunError, match=r"could not be copied to \\\\nas\\none.* as SYSTEM"):
        journal_copy.copy(client, events, "\\\\nas\\none\\R1.jsonl", JOB)


# -- under ansible-playbook


@pytest.fixture
def controller(world: World, tmp_path: Path) -> Iterator[Controller]:
    yield Controller(world, tmp_path / "controller")


def lock_task(**arguments: Any) -> dict[str, Any]:
    return {"octopus.upgrade.octopus_run_lock": {"instance": "prod", **arguments}, "register": "kept"}


def info_task() -> dict[str, Any]:
    return {"octopus.upgrade.octopus_run_info": {"instance": "prod"}, "register": "kept"}


def record_task(event: str, **arguments: Any) -> dict[str, Any]:
    return {"octopus.upgrade.octopus_run_record": {"journal": WHERE, "event": event, **arguments}, "register": "kept"}


def step_task(step: str, register: str = "kept", **arguments: Any) -> dict[str, Any]:
    """A task that is a durable step; what it does is to read the runs."""
    return {"octopus.upgrade.octopus_run_info": {"instance": "prod", "step": step, "journal": WHERE, **arguments}, "register": register}


def test_a_killed_owners_lock_is_broken_by_itself(controller: Controller, world: World, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    waits = {"ansible.builtin.wait_for": {"path": str(gate)}, "delegate_to": "localhost", "vars": {"ansible_connection": "local"}}
    first = controller.start(
        lock_task(run_id="R1", operation="upgrade"),
        record_task("begun", data={"instance": "prod", "operation": "upgrade", "facts": {"a": 1}}),
        step_task("stage"),
        waits,
        name="first",
    )
    try:
        wait_until(lambda: "R1.jsonl" in names_there(world) and '"done"' in text_there(world))
        code, output, _kept = controller.play(lock_task(run_id="R2"))
        said = " ".join(output.split())
        assert code != 0 and "for the run R1, operation upgrade" in said and "octopus_break_lock: R1" in said, output
        code, output, kept = controller.play(info_task())
        assert code == 0 and kept["lock"]["ours"] is False and kept["unfinished"]["run_id"] == "R1", output
    finally:
        os.kill(first.pid, signal.SIGKILL)
        first.wait()
        gate.touch()  # its orphan ends
    code, output, kept = controller.play(lock_task(run_id="R2"), arguments=("--check",))
    assert code == 0 and kept["changed"] and kept["broke"]["why"] == "gone" and kept["lock"]["ours"] is False, output
    code, output, kept = controller.play(lock_task(run_id="R2"))
    assert code == 0 and kept["changed"], output
    assert (kept["broke"]["why"], kept["broke"]["run_id"], kept["lock"]["ours"]) == ("gone", "R1", True)
    found = kept["unfinished"]
    assert (found["steps"], found["done"], found["facts"]) == (["stage"], ["stage"], {"a": 1})
    assert (found["operation"], found["playbook"], found["last_step"]) == ("upgrade", "upgrade_inplace.yml", "stage")
    assert (found["resumes"], found["roll_back_first"], found["only_stopped"]) == (False, False, True)


def test_a_whole_run_from_two_control_nodes(controller: Controller, world: World, tmp_path: Path) -> None:
    code, output, kept = controller.play(
        lock_task(run_id="R1", operation="upgrade"),
        record_task("begun", data={"instance": "prod", "facts": {"a": 1}}),
        step_task("stage.license", register="staged"),
        step_task("quiesce.watchdog"),
        step_task("quiesce.maintenance", outage="begins"),
        record_task("failed", data={"error": "no"}, known_steps=["apply.1.install"]) | {"register": "failed"},
        {"ansible.builtin.assert": {"that": "failed.outcome.action == 'restore_service' and failed.outcome.clean_up"}},
        lock_task(state="absent"),
        info_task(),
    )
    assert code == 0, output
    assert (kept["lock"], kept["unfinished"]["record"]["error"], kept["unfinished"]["roll_back_first"]) == (None, "no", True)
    assert kept["unfinished"]["done"] == ["stage.license", "quiesce.watchdog", "quiesce.maintenance"] and kept["unfinished"]["resumes"]
    code, output, kept = Controller(world, tmp_path / "second").play(
        lock_task(run_id="R2"),
        record_task("resumed"),
        step_task("stage.license", register="staged"),
        {"ansible.builtin.assert": {"that": "staged.replayed and staged.lock.run_id == 'R1'"}},
        step_task("publish.maintenance", register="acted", outage="ends"),
        {"ansible.builtin.assert": {"that": "acted.replayed is not defined and acted.lock.run_id == 'R2'"}},
        record_task("finished", data={"verdict": "upgraded"}),
        lock_task(state="absent") | {"register": "released"},
    )
    assert code == 0, output
    assert (kept["done"][-1], kept["facts"], kept["record"]["verdict"]) == ("publish.maintenance", {"a": 1}, "upgraded")
    assert [step["result"] for step in kept["record"]["steps"]] == ["ok"] * 4
    assert json.loads(Path(tmp_path / "second" / kept["path"]).read_text()) == kept["record"]
    assert (tmp_path / "second" / "run.jsonl").read_text().count("\n") == len(lines_there(world)) == 12
    code, output, kept = controller.play(info_task())
    assert code == 0 and kept["unfinished"] is None and kept["last"]["verdict"] == "upgraded", output
    assert kept["last_facts"] == {"a": 1}
    assert names_there(world) == ["R1.jsonl"]


def test_an_event_that_cannot_be_written_fails_and_says_where_it_waits(controller: Controller, world: World, tmp_path: Path) -> None:
    lock = lock_task(run_id="R1")
    code, output, _kept = controller.play(lock, record_task("begun"))
    assert code == 0, output
    world.servers[0].stop()
    code, output, _kept = controller.play(step_task("stage"))
    said = " ".join(output.split())
    assert code != 0 and "Expected to write the event stage to the journal" in said and "is written along with the next event" in said, (
        output
    )
    assert PASSWORD not in output
    code, output, failed = controller.play(record_task("failed", data={"error": "no"}) | {"ignore_errors": True})
    assert code == 0 and failed["failed"] and failed["outcome"]["verdict"] == "failed_before_outage", output
    assert failed["outcome"]["steps"] == ["stage"]
    world.servers[0].start()
    code, output, kept = controller.play(lock, record_task("resumed"))
    assert code == 0 and (kept["steps"], kept["done"]) == (["stage"], []), output
    assert len(lines_there(world)) == 4


def test_the_report_ends_the_run(controller: Controller, world: World, tmp_path: Path) -> None:
    report = {"journal": WHERE, "instance": "prod", "verdict": "upgraded", "evidence": {"projects_read": 4}}
    code, output, kept = controller.play(
        lock_task(run_id="R1"),
        record_task("begun", data={"instance": "prod", "operation": "upgrade", "from_version": "1", "ladder": ["2"]}),
        lock_task(state="absent"),
        {"octopus.upgrade.octopus_run_report": report, "register": "kept"},
    )
    assert code == 0, output
    assert kept["message"] == "" and kept["summary"][:2] == ["prod: upgraded", "1 -> 2"]
    assert json.loads((tmp_path / "controller" / kept["path"]).read_text()) == kept["record"]
    assert [json.loads(line)["event"] for line in lines_there(world)] == ["begun", "finished"]


def test_the_report_of_a_clone_ends_its_run_and_writes_the_result(controller: Controller, world: World, tmp_path: Path) -> None:
    report = {
        "journal": WHERE,
        "instance": "prod",
        "clone_of": "live",
        "path": "results/prod.json",
        "begun": True,
        "status": "failed_clone_down",
    }
    code, output, kept = controller.play(
        lock_task(run_id="R1", operation="clone"),
        record_task("begun", data={"instance": "prod", "operation": "clone"}),
        lock_task(state="absent"),
        {"octopus.upgrade.octopus_clone_report": {**report, "error": "it broke", "old": {"exists": True}}, "register": "kept"},
    )
    assert code == 0, output
    assert (kept["exit_status"], kept["message"].splitlines()[0]) == (24, "it broke")
    assert json.loads((tmp_path / "controller" / "results" / "prod.json").read_text()) == kept["result"]
    assert [json.loads(line)["event"] for line in lines_there(world)] == ["begun", "stopped"]
