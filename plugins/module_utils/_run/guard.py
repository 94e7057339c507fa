# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

r"""The guard of a run: a scheduled task on each node that acts when the control node has been gone for too long (:mod:`guard_script`).

It needs no clock. Every event of the journal, and during a long step a heartbeat, writes the file ``fed`` in ``ROOT\INSTANCE\guard``. The task
runs three times in the set time: it deletes the file, or notes that it was missing, and acts where it was missing twice in a row and for a
last minute. So it acts when nothing was heard for at least two thirds of the time, and at most for the whole.

It acts beside no living run: before it starts anything, it renames the holder's file of the lock, as a process does that breaks it. A run
that has only been slow, or asleep, then begins no further step, its next heartbeat ends the step that it is in, and the hosts themselves
refuse to stop a service for it (:mod:`_windows.fence`).

The coordinator's guard reads from the journal whether something was changed, and starts the service only where nothing was; else it only
tells. The computer account of one node has no rights on another one, so each node has a guard of its own. Those of the others cannot read the
journal. They watch until shortly before something is changed: then they are disarmed, and the run goes on only where none has acted.
"""

from __future__ import annotations

import json
import threading
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from ansible_collections.octopus.upgrade.plugins.module_utils._core import stopping
from ansible_collections.octopus.upgrade.plugins.module_utils._core.errors import UpgradeError
from ansible_collections.octopus.upgrade.plugins.module_utils._core.waiting import Deadline
from ansible_collections.octopus.upgrade.plugins.module_utils._windows import fence, files, scheduled_tasks
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.connection import SYSTEM32, ConnectionOptions, WindowsHost
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.errors import HostError
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.job_files import RunAs, task_xml
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.quoting import builtin, cmd_line, word

from .errors import LockLost
from .guard_script import ACTING, ARMED, DISARMED, TASK_FOLDER, Guard, command_file, trigger
from .holder import Holder
from .lock_lines import GUARDED, NOT_OURS, feed_line, fence_line, folder_line, guard_folder, still_ours_line

LEAST_MINUTES = 4  # the task runs once a minute at most, three times, and then waits for a minute
HEARTBEAT = 30.0  # seconds; a share of the time is at least a minute
MOMENT = 5.0
ABSENT, STAYS, ACTS = 100, 102, 103


def arm(host: WindowsHost, guard: Guard, holder: Holder, check_mode: bool) -> bool:
    """Arm the guard, or arm it again with what is known now, and return whether it was not armed before.

    Raises:
        InvalidValue: A name cannot be passed safely.
        LockLost: This process does not hold the lock.
        HostError: It cannot be armed; nobody has noticed anything then.
    """
    text = command_file(guard, holder)
    if guard.webhook and not files.exists(host, f"{SYSTEM32}curl.exe"):
        raise HostError(
            f"{host.where}: expected curl.exe, which calls octopus_guard_webhook, but this Windows has none (it came with Windows Server 2019). "
            "Leave octopus_guard_webhook out; the event log is written nevertheless.",
            host.name,
        )
    armed = scheduled_tasks.get(host, guard.task) is not None
    if check_mode:
        return not armed
    own = word(guard.own + chr(92))
    # Of a task that is there already: it does nothing while it is fed; and one that runs ends where its command file is gone, which
    # cmd.exe reads line by line.
    result = host.run_cmd(
        f"{still_ours_line(guard.folder, holder)}& {folder_line(guard.folder)}& {feed_line(guard.folder)}& "
        f'(if exist {own} (for /d %d in ({word(guard.own + chr(92) + "*")}) do {builtin("rd", "/s", "/q")} "%d"))& '
        f"(if exist {word(guard.own + chr(92) + ACTING)} exit /b {ACTS})& (if not exist {own} {builtin('mkdir', guard.own)})& "
        f"{feed_line(guard.folder)}",
        idempotent=True,
    )
    _check(host, guard.folder, result.exit_code, result.stderr)
    for name, (_number, message) in guard.messages.items():
        data = {"text": message, "instance": guard.instance, "run_id": guard.run_id, "event": name}
        files.write_text(host, f"{guard.own}\\{name}.json", json.dumps(data))
    place = f"{guard.own}\\{uuid.uuid4().hex[:12]}"
    _check(host, guard.folder, host.run_cmd(builtin("mkdir", place)).exit_code, "mkdir")
    files.write_text(host, f"{place}\\command.cmd", text, secret=True)
    xml = task_xml(place, RunAs(), f"guard of run {guard.run_id}, Ansible collection octopus.upgrade", trigger(guard.minutes))
    files.write_text(host, f"{place}\\task.xml", xml)
    create = [f"{SYSTEM32}schtasks.exe", "/create", "/tn", guard.task, "/xml", f"{place}\\task.xml", "/ru", "SYSTEM", "/f"]
    stale = "" if guard.journalled else f"{builtin('del', '/f', '/q', f'{guard.folder}{chr(92)}{guard.run_id}{GUARDED}')} 2>nul& "
    result = host.run_cmd(
        f"{still_ours_line(guard.folder, holder)}& {stale}{feed_line(guard.folder)}& (echo armed)>{word(f'{guard.own}{chr(92)}{ARMED}')}& "
        f"{cmd_line(create)}",
        idempotent=True,
    )
    _check(host, guard.folder, result.exit_code, result.stderr)
    return not armed


def disarm(host: WindowsHost, folder: str, instance: str, holder: Holder, check_mode: bool) -> bool:
    """Disarm the guard, and return whether there was one.

    Raises:
        LockLost: This process does not hold the lock: the guard may be another run's, or has acted.
        HostError: It cannot be disarmed, or is acting.
    """
    own, task = word(guard_folder(folder) + "\\"), word(TASK_FOLDER + instance)
    if check_mode:
        return files.exists(host, guard_folder(folder))
    schtasks = f"{SYSTEM32}schtasks.exe"
    armed, acting = (word(f"{guard_folder(folder)}\\{name}") for name in (ARMED, ACTING))
    result = host.run_cmd(
        f"(if not exist {own} exit /b {ABSENT})& {still_ours_line(folder, holder)}& (ren {armed} {DISARMED} 2>nul)& "
        f"(if exist {acting} exit /b {ACTS})& {schtasks} /delete /tn {task} /f >nul 2>nul & "
        f"({schtasks} /query /tn {task} >nul 2>nul && exit /b {STAYS}) & {builtin('rd', '/s', '/q', guard_folder(folder))} & "
        f"if exist {own} (exit /b {STAYS}) else exit /b 0",
        idempotent=True,
    )
    if result.exit_code == ABSENT:
        return False
    _check(host, folder, result.exit_code, result.stderr)
    return True


def _check(host: WindowsHost, folder: str, code: int, said: str) -> None:
    if code == NOT_OURS:
        raise LockLost(f"{host.where}: this run does not hold the lock of {folder}, so its guard is none of this run's.", host.name, code)
    if code == ACTS:
        raise HostError(
            f"{host.where}: the guard in {folder} is acting at this moment, because nothing was heard of this run.", host.name, code
        )
    if code:
        raise HostError(f"{host.where}: cannot change the guard in {folder}: {' '.join(said.split()) or code}", host.name, code)


@contextmanager
def fed(
    options: Sequence[ConnectionOptions],
    folder: str,
    run_id: str,
    holder: Holder,
    *,
    last_fed: Path | None = None,
    seconds: float = HEARTBEAT,
) -> Iterator[None]:
    """Feed the guards while the body runs, where that takes longer than ``seconds``, over connections of their own.

    Where the guard has taken the lock, or another process has, nothing more is sent to any remote system: the body fails with LockLost.

    Args:
        options: The connections: to the coordinator, whose guard each event of the journal feeds too, then to the other guarded nodes.
        folder: The instance's folder of runs.
        run_id: The run.
        holder: This process. A run whose lock was broken keeps nobody's guard quiet.
        last_fed: A file on the control node that says by its time when the other nodes were fed; steps may follow each other quickly.
        seconds: The time between two heartbeats.
    """
    ended = threading.Event()

    def lost(host: WindowsHost) -> LockLost:
        return LockLost(
            f"{host.where}: the guard, or another control node, has taken over the run {run_id} while this one was not heard of. "
            "So this one does nothing more.",
            host.name,
            NOT_OURS,
        )

    def beat(one: ConnectionOptions, first: float) -> None:
        pause = first
        while not ended.wait(pause):
            pause = seconds
            # A host that does not answer is asked again; what the body itself finds is what is told.
            with suppress(UpgradeError), WindowsHost(one) as host:
                result = host.run_cmd(f"{still_ours_line(folder, holder)}& {feed_line(folder)}", idempotent=True)
                if result.exit_code == NOT_OURS and not ended.is_set():
                    stopping.refuse(lost(host))

    due = 0.0 if len(options) > 1 and _is_due(last_fed, seconds) else seconds
    threads = [
        threading.Thread(target=beat, args=(one, due if place else seconds), name=f"guard {one.name}", daemon=True)
        for place, one in enumerate(options)
    ]
    for thread in threads:
        thread.start()
    try:
        with fence.standing(fence.Fence(fence_line(folder, run_id, holder), NOT_OURS, lost)):
            yield
    finally:
        ended.set()
        left = Deadline(MOMENT)
        for thread in threads:
            thread.join(left.left)  # it may be waiting for a host that does not answer
        stopping.refuse(None)


def _is_due(last_fed: Path | None, seconds: float) -> bool:
    """Whether the other nodes were not fed for a while; then they are now."""
    if last_fed is None:
        return True
    now = time.time()
    with suppress(OSError):
        if 0 <= now - last_fed.stat().st_mtime < seconds:
            return False
    with suppress(OSError):
        last_fed.touch(mode=0o600)
    return True
