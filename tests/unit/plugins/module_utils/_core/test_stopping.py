# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The end of a task ends its threads, and a worker whose ansible-playbook is gone acts no more."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator

import pytest
from ansible_collections.octopus.upgrade.plugins.module_utils._core import stopping

WAIT = 20.0


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What a task ends, it ends for its process; here for one test."""
    monkeypatch.setattr(stopping, "_ended", threading.Event())
    monkeypatch.setattr(stopping, "_parent", None)
    yield


class Worker(threading.Thread):
    """Asks before each of its acts, and remembers what has ended it."""

    def __init__(self) -> None:
        super().__init__()
        self.acted, self.go_on = threading.Event(), threading.Event()
        self.ended_by: BaseException | None = None

    def run(self) -> None:
        try:
            stopping.check()
            self.acted.set()
            self.go_on.wait(WAIT)
            stopping.check()
        except BaseException as error:
            self.ended_by = error


def test_a_task_that_goes_on_is_not_stopped() -> None:
    worker = Worker()
    worker.go_on.set()
    worker.start()
    worker.join(WAIT)
    assert worker.acted.is_set() and worker.ended_by is None


def test_a_stopped_task_ends_its_threads_at_their_next_act_but_not_the_main_one() -> None:
    worker = Worker()
    worker.start()
    assert worker.acted.wait(WAIT)
    stopping.stop()
    stopping.check()  # the main thread has an exception of its own, and cleans up
    worker.go_on.set()
    stopping.join([worker], WAIT)
    assert not worker.is_alive() and isinstance(worker.ended_by, stopping.Stopped)


def test_nothing_that_retries_catches_it() -> None:
    assert not issubclass(stopping.Stopped, Exception)


def test_a_worker_without_its_ansible_playbook_acts_no_more() -> None:
    stopping.belong_to(os.getppid())
    stopping.check()
    stopping.belong_to(os.getppid() + 1)
    with pytest.raises(stopping.Stopped, match="ansible-playbook has ended"):
        stopping.check()


def test_joining_has_an_end() -> None:
    worker = Worker()
    worker.start()
    stopping.join([worker], 0.01)
    assert worker.is_alive()
    worker.go_on.set()
    stopping.join([worker], WAIT)
    assert not worker.is_alive()


def test_a_pool_gives_results_and_waits_after_an_error() -> None:
    done = threading.Event()
    with stopping.Pool(max_workers=2) as pool:
        assert pool.submit(lambda: 7).result() == 7
    with pytest.raises(ValueError, match="no"), stopping.Pool(max_workers=1) as pool:
        pool.submit(done.set)
        raise ValueError("no")
    assert done.is_set()


def test_a_pool_does_not_wait_for_the_work_of_a_task_that_was_ended() -> None:
    begun, go_on, later = threading.Event(), threading.Event(), threading.Event()
    ended: list[BaseException] = []

    def act() -> None:
        begun.set()
        go_on.wait(WAIT)
        try:
            stopping.check()
        except stopping.Stopped as error:
            ended.append(error)
            raise

    with pytest.raises(KeyboardInterrupt), stopping.Pool(max_workers=1) as pool:
        running, waiting = pool.submit(act), pool.submit(later.set)
        assert begun.wait(WAIT)
        raise KeyboardInterrupt
    assert waiting.cancelled() and not running.done(), "it has not waited"
    go_on.set()
    with pytest.raises(stopping.Stopped):
        running.result(WAIT)
    assert ended and not later.is_set()
