# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Ending a module's work when its task is ended.

Ansible ends a task by an exception in the main thread of its worker (a task timeout). Other threads know nothing of that, and would go on
acting on remote systems beside whatever follows, such as a rollback. A worker whose ansible-playbook was killed is in the same position:
nobody hears it any more, and another control node may have taken over. So whatever sends something to a remote system asks here before.
"""

from __future__ import annotations

import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

_ended = threading.Event()
_parent: int | None = None
_refused: Exception | None = None


class Stopped(BaseException):
    """The task has ended; nothing more must be sent. No Exception, so that nothing that retries catches it."""


def belong_to(parent: int) -> None:
    """Remember the process without which this one must not act.

    Args:
        parent: Process id of ansible-playbook, which has forked this worker.
    """
    global _parent  # noqa: PLW0603 - one per process
    _parent = parent


def stop() -> None:
    """Let every thread but the main one end at its next :func:`check`."""
    _ended.set()


def refuse(error: Exception | None) -> None:
    """Let every thread fail with this error at its next :func:`check`; None: no longer."""
    global _refused  # noqa: PLW0603 - one per process
    _refused = error


def check() -> None:
    """Ask before anything is sent to a remote system.

    Raises:
        Stopped: The task has ended (not in the main thread, which has its own exception and cleans up), or ansible-playbook is gone.
        Exception: What :func:`refuse` was given.
    """
    if _refused is not None:
        raise _refused
    if _ended.is_set() and threading.current_thread() is not threading.main_thread():
        raise Stopped("the task has ended")
    if _parent is not None and os.getppid() != _parent:
        raise Stopped("ansible-playbook has ended")


def join(threads: list[threading.Thread], seconds: float) -> None:
    """Wait until threads have ended.

    Args:
        threads: Those that the module has started.
        seconds: How long all of them together may take: about as long as a request that one of them has just sent.
    """
    deadline = time.monotonic() + seconds
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))


class Pool(ThreadPoolExecutor):
    """A thread pool that does not wait for the work of a task that was ended."""

    def __exit__(self, exc_type: Any, exc_value: Any, traceback: Any) -> bool | None:
        if exc_type is not None and not issubclass(exc_type, Exception):
            stop()
            self.shutdown(wait=False, cancel_futures=True)
            return None
        return super().__exit__(exc_type, exc_value, traceback)
