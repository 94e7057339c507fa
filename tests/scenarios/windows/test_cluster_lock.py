# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The locks of a cluster: two control nodes whose inventories list the nodes in another order, or call the instance otherwise."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.claim import Claim
from ansible_collections.octopus.upgrade.plugins.module_utils._run.database_claim import Claimed
from ansible_collections.octopus.upgrade.plugins.module_utils._run.errors import RunError
from ansible_collections.octopus.upgrade.plugins.module_utils._run.holder import Holder
from ansible_collections.octopus.upgrade.plugins.module_utils._run.host_journal import HostJournal, remember
from ansible_collections.octopus.upgrade.plugins.module_utils._run.instance_runs import InstanceRuns
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.errors import HostUnreachable
from scenarios.windows.setting import ROOT, SYSTEM, WAIT, World

RUNS, PROGRAMS = f"{ROOT}\\runs", f"{ROOT}\\programs"


def somebody(name: str) -> Holder:
    """A process of another control node."""
    return Holder(f"{name}@ctrl-{name}", f"machine-{name}", f"boot-{name}", "pid:[1]", 7, "1")


@pytest.fixture
def cluster(make_world: Callable[..., World]) -> World:
    return make_world("octo-a", "octo-b")


@contextmanager
def runs(world: World, names: Sequence[str], holder: Holder, instance: str = "prod") -> Iterator[InstanceRuns]:
    """The instance as an inventory has it: its coordinator is the first."""
    with ExitStack() as stack:
        first, *others = [stack.enter_context(world.client(name)) for name in names]
        yield InstanceRuns(first, {"instance": instance, "root": RUNS}, holder, others)


def locked(world: World, folder: str = f"{RUNS}\\prod") -> list[str]:
    """The hosts that have a lock in that folder."""
    return [name for name, host in world.hosts.items() if host.fs.is_dir(f"{folder}\\lock", SYSTEM)]


def test_it_is_taken_on_every_node_and_released_on_every_node(cluster: World) -> None:
    with runs(cluster, ("octo-b", "octo-a"), somebody("anna")) as mine:
        assert mine.take("R1", "upgrade", None, check_mode=True)["changed"] and locked(cluster) == []
        assert mine.take("R1", "upgrade", None, check_mode=False)["changed"]
        assert (locked(cluster), locked(cluster, PROGRAMS)) == (["octo-a", "octo-b"], ["octo-a", "octo-b"])
        assert not mine.take("R1", "upgrade", None, check_mode=False)["changed"]
        assert mine.release("R1", check_mode=False)["changed"]
        assert (locked(cluster), locked(cluster, PROGRAMS)) == ([], [])
        assert not any(host.fs.is_dir(folder, SYSTEM) for host in cluster.hosts.values() for folder in (PROGRAMS, f"{RUNS}\\prod"))
        assert not mine.release("R1", check_mode=False)["changed"]


def test_a_backup_leaves_the_programs_to_others(cluster: World) -> None:
    with runs(cluster, ("octo-a", "octo-b"), somebody("anna")) as mine:
        mine.take("R1", "backup", None, check_mode=False)
        assert (locked(cluster), locked(cluster, PROGRAMS)) == (["octo-a", "octo-b"], [])


def test_of_two_with_another_order_of_nodes_one_gets_it(cluster: World) -> None:
    outcomes: dict[str, Any] = {}
    barrier = threading.Barrier(2)

    def take(name: str, nodes: tuple[str, str]) -> None:
        with runs(cluster, nodes, somebody(name)) as mine:
            barrier.wait(WAIT)
            try:
                outcomes[name] = mine.take(f"R-{name}", "upgrade", None, check_mode=False)["lock"]["ours"]
            except RunError as error:
                outcomes[name] = str(error)

    threads = [
        threading.Thread(target=take, args=("anna", ("octo-a", "octo-b"))),
        threading.Thread(target=take, args=("bert", ("octo-b", "octo-a"))),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(WAIT)
    [winner] = [name for name, outcome in outcomes.items() if outcome is True]
    [refused] = [outcome for outcome in outcomes.values() if outcome is not True]
    assert f"by {winner}@ctrl-{winner} for the run R-{winner}" in refused
    assert (locked(cluster), locked(cluster, PROGRAMS)) == (["octo-a", "octo-b"], ["octo-a", "octo-b"])


def test_who_is_refused_on_the_second_node_leaves_the_first_free(cluster: World) -> None:
    with runs(cluster, ("octo-b",), somebody("anna")) as other:
        other.take("R1", "upgrade", None, check_mode=False)
    with runs(cluster, ("octo-a", "octo-b"), somebody("bert")) as mine:
        with pytest.raises(RunError, match=r"found .*lock on octo-b held .* by anna@ctrl-anna for the run R1"):
            mine.take("R2", "upgrade", None, check_mode=True)
        with pytest.raises(RunError, match=r"found .*lock on octo-b held .* by anna@ctrl-anna for the run R1"):
            mine.take("R2", "upgrade", None, check_mode=False)
        assert (locked(cluster), locked(cluster, PROGRAMS)) == (["octo-b"], ["octo-b"])
        assert mine.take("R2", "upgrade", "R1", check_mode=False)["broke"]["why"] == "deliberate"


def test_what_is_left_of_a_run_that_the_guard_has_ended_is_nobodys(cluster: World) -> None:
    """The guard has taken the lock on the coordinator, and has said so there; another control node needs no leave for the other locks."""
    with runs(cluster, ("octo-a", "octo-b"), somebody("anna")) as hers:
        hers.take("R1", "upgrade", None, check_mode=False)
    fs = cluster.hosts["octo-a"].fs
    with runs(cluster, ("octo-a", "octo-b"), somebody("bert")) as mine:
        with pytest.raises(RunError, match="octopus_break_lock: R1"):
            mine.take("R2", "upgrade", None, check_mode=False)
        fs.write(f"{RUNS}\\prod\\R1.guarded", b"restored", SYSTEM)
        assert mine.take("R2", "upgrade", None, check_mode=True)["broke"]["why"] == "guarded"
        assert mine.take("R2", "upgrade", None, check_mode=False)["broke"]["why"] == "guarded"
    assert (locked(cluster), locked(cluster, PROGRAMS)) == (["octo-a", "octo-b"], ["octo-a", "octo-b"])


def test_an_instance_under_another_name_cannot_replace_the_same_programs(cluster: World) -> None:
    anna = somebody("anna")
    with runs(cluster, ("octo-a",), anna) as mine, runs(cluster, ("octo-a",), somebody("bert"), "production") as other:
        mine.take("R1", "upgrade", None, check_mode=False)
        with pytest.raises(RunError, match="Expected the lock of the programs on octo-a to be free"):
            other.take("R2", "rollback", None, check_mode=False)
        assert locked(cluster, f"{RUNS}\\production") == []
        other.take("R2", "backup", None, check_mode=False)
    with runs(cluster, ("octo-a",), anna, "second") as second:
        with pytest.raises(RunError, match="this same playbook holds it for another instance"):
            second.take("R1", "upgrade", "R1", check_mode=False)
        second.release("R1", check_mode=False)
    assert locked(cluster, PROGRAMS) == ["octo-a"]


def test_a_node_that_does_not_answer_keeps_the_others_free(cluster: World) -> None:
    with runs(cluster, ("octo-a", "octo-b"), somebody("anna")) as mine:
        cluster.servers[1].stop()
        with pytest.raises(HostUnreachable):
            mine.take("R1", "upgrade", None, check_mode=False)
    assert locked(cluster) == []


def test_a_run_that_began_with_another_coordinator_is_not_begun_again(cluster: World) -> None:
    holder = somebody("anna")
    begun = '{"n": 1, "id": "a", "event": "begun", "at": "2026-11-30T10:00:00.000+00:00", "operation": "upgrade", "instance": "prod"}'
    step = '{"n": 2, "id": "b", "event": "step", "at": "2026-11-30T10:00:01.000+00:00", "step": "quiesce.maintenance"}'
    host = cluster.hosts["octo-b"]
    host.fs.mkdir(f"{RUNS}\\prod", SYSTEM)
    host.fs.write(f"{RUNS}\\prod\\20261130T100000Z.jsonl", f"{begun}\r\n{step}\r\n".encode(), SYSTEM)
    with runs(cluster, ("octo-a", "octo-b"), holder) as mine:
        with pytest.raises(
            RunError, match=r"run 20261130T100000Z \(upgrade, at the step quiesce.maintenance\) is on octo-b.* List octo-b first"
        ):
            mine.info([])
        ended = '{"n": 3, "id": "c", "event": "finished", "at": "2026-11-30T10:00:02.000+00:00", "verdict": "upgraded"}'
        host.fs.write(f"{RUNS}\\prod\\20261130T100000Z.jsonl", f"{ended}\r\n".encode(), SYSTEM, append=True)
        assert mine.info([])["unfinished"] is None


class Recorded:
    """Stands in for the claim on a database, and writes down what is asked of it."""

    def __init__(self, refusal: Exception | None = None) -> None:
        self.refusal = refusal
        self.calls: list[tuple[str, ...]] = []

    def take(self, wanted: Claim, nodes: Sequence[str], break_lock: str | None, resumes: bool, check_mode: bool) -> Claimed:
        self.calls.append(("take", wanted.run_id, wanted.coordinator, " ".join(sorted(nodes)), "resumes" if resumes else "begins"))
        if self.refusal:
            raise self.refusal
        return Claimed(True)

    def release(self, holder: str) -> Claimed:
        self.calls.append(("release", holder))
        return Claimed(True)


@contextmanager
def claiming(world: World, database: Recorded, holder: Holder) -> Iterator[InstanceRuns]:
    with world.client("octo-b") as first, world.client("octo-a") as other:
        claim: Any = database
        yield InstanceRuns(first, {"instance": "prod", "root": RUNS}, holder, [other], claim)


def test_a_claim_is_dropped_by_a_run_that_has_ended_or_never_began(cluster: World, tmp_path: Path) -> None:
    anna, database = somebody("anna"), Recorded()
    with claiming(cluster, database, anna) as mine, cluster.client("octo-b") as client:
        mine.take("R1", "upgrade", None, check_mode=False)
        assert database.calls == [("take", "R1", "octo-b", "octo-a octo-b", "begins")]
        mine.release("R1", check_mode=False)
        assert database.calls[1:] == [("release", anna.token)], "without a journal it has not begun"
        mine.take("R1", "upgrade", None, check_mode=False)
        remember(tmp_path / "R1.jsonl", HostJournal(client, f"{RUNS}\\prod\\R1.jsonl", anna), "begun", operation="upgrade")
        del database.calls[:]
        mine.release("R1", check_mode=False)
        mine.release("R1", check_mode=False, stays_open=True)
        assert database.calls == []
        mine.take("R2", "rollback_cleanup", None, check_mode=False)
        mine.release("R2", check_mode=False, stays_open=True)
        assert database.calls == [], "an unfinished run keeps its claim from whoever is going to be refused"
        mine.take("R1", "upgrade", None, check_mode=False)
        mine.release("R1", check_mode=False, stays_open=False)
        assert [call[0] for call in database.calls] == ["take", "release"]


def test_who_may_not_claim_the_database_leaves_the_nodes_free(cluster: World) -> None:
    with claiming(cluster, Recorded(RunError("claimed")), somebody("anna")) as mine:
        with pytest.raises(RunError, match="claimed"):
            mine.take("R1", "upgrade", None, check_mode=False)
        assert (locked(cluster), locked(cluster, PROGRAMS)) == ([], [])
