# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How long users wait for a rollback, against what SQL Server and the file copies need by themselves.

``make bench``, on a computer that has nothing else to do: Ansible takes real time, which is compared with the lab's. The restore takes two
minutes, like that of a database of about 20 GB; a revert takes as long as the lab says (*assumed*).
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from lab.core.ledger import Event
from lab.estate import SINGLE, Lab
from scenarios.rollback.scene import Scene

SCALE = 40.0
RESTORE_SECONDS = 120.0  # real seconds
AT_MOST, WITH_SNAPSHOT = 1.2, 0.25
PATIENCE = 600.0


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    folder = tmp_path_factory.mktemp("bench")
    with Lab(folder / "lab", SINGLE, scale=SCALE) as lab:
        yield Scene(lab, SINGLE, folder)


@pytest.mark.timeout(900)
def test_rollback_time(scene: Scene, capsys: pytest.CaptureFixture[str]) -> None:
    operator = scene.operator
    run = operator.play("upgrade_inplace")
    assert run.code == 0, run.output[-5000:]
    slow = _slow_while_restoring(scene)
    run = operator.play("rollback", octopus_confirm_loss=True, deadline=PATIENCE)
    slow.join()
    assert run.code == 0, run.output[-5000:]
    record = run.record(SINGLE.name)
    own = _own_seconds(scene)
    total = _rollback_seconds(record)

    scene.lab.faults.arm("schema.fail", SINGLE.nodes[0])
    run = operator.play("upgrade_inplace", octopus_on_failure="stop", octopus_database_snapshot=True)
    assert run.record(SINGLE.name)["verdict"] == "failed_stopped", run.output[-5000:]
    mark = scene.lab.ledger.mark()
    run = operator.play("rollback", deadline=PATIENCE)
    assert run.code == 0, run.output[-5000:]
    assert [event["files"] for event in scene.restores(mark)] == [[]], "by the snapshot"
    quick = _rollback_seconds(run.record(SINGLE.name))

    with capsys.disabled():
        print(
            f"\nrollback: out of service {total:.1f} s, of which SQL Server's restore and the folders' own {own:.1f} s: {total / own:.2f} times that"
        )
        for step in record["steps"]:
            print(f"  {step['seconds']:8.1f} s  {step['name']}")
        print(f"with a snapshot: {quick:.1f} s: {quick / (own * AT_MOST):.2f} of what it may take without one")
    assert total <= AT_MOST * own
    assert quick <= WITH_SNAPSHOT * AT_MOST * own


def _slow_while_restoring(scene: Scene) -> threading.Thread:
    """Slow SQL Server down for the restore in the outage only, not for the reads before it."""
    sql, mark = scene.instance.sql, scene.lab.ledger.mark()
    fast = sql.backup_rate

    def watch() -> None:
        scene.lab.ledger.wait_for(_is_stopped, PATIENCE, mark)
        sql.backup_rate = _size(scene) / (RESTORE_SECONDS * SCALE)
        scene.lab.ledger.wait_for(lambda event: event.kind == "sql.restore" and event["action"] == "done", PATIENCE, mark)
        sql.backup_rate = fast

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    return thread


def _is_stopped(event: Event) -> bool:
    return event.kind == "service.state" and event["state"] == "STOPPED"


def _size(scene: Scene) -> int:
    done = scene.lab.ledger.events("sql.backup", action="done")
    return int(done[-1]["size"])


def _own_seconds(scene: Scene) -> float:
    """Return the real seconds in which SQL Server restored the database, or robocopy the folders."""
    ledger = scene.lab.ledger
    restored = ledger.events("sql.restore", database=SINGLE.database)
    [start], [done] = ([event for event in restored if event["action"] == action] for action in ("start", "done"))
    programs = ledger.events("msi", since=done.seq)[0]
    copies = [event for event in ledger.events("process.start", since=done.seq) if _is_copy(event) and event.seq < programs.seq]
    assert copies, "there are folders to restore"
    ends = {(event.machine, event["pid"]): event.t for event in ledger.events("process.end", since=done.seq)}
    seconds, until = done.t - start.t, done.t
    for began, ended in sorted((event.t, ends[event.machine, event["pid"]]) for event in copies):
        seconds += max(0.0, ended - max(began, until))  # several at once count once
        until = max(until, ended)
    return seconds / SCALE


def _is_copy(event: Event) -> bool:
    return "robocopy" in str(event["argv"][0]).lower()


def _rollback_seconds(record: dict[str, Any]) -> float:
    """Return the seconds of the rollback's steps but the clean-up. A run that was left stopped had its outage before."""
    steps = record["steps"]
    first = next(place for place, step in enumerate(steps) if step["name"] == "rollback.watchdog")
    return sum(step["seconds"] for step in steps[first:] if step["name"].startswith("rollback.") and step["name"] != "rollback.cleanup")
