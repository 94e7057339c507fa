# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

r"""The guard of a run: a scheduled task on the coordinator that acts when the control node has been gone for too long.

It needs no clock. Every event of the journal, and during a long step a heartbeat, writes the file ``fed`` in ``ROOT\INSTANCE\guard``. The task
runs three times in the set time: it deletes the file, or notes that it was missing, and acts where it was missing twice in a row. So it acts
when nothing was heard for at least two thirds of the time, and at most for the whole.

It acts beside no living run: before it starts anything, it renames the holder's file of the lock, as a process does that breaks it, so that a
run that has only been slow gets no further than its next event. It reads from the journal whether something was changed, and starts the service
only where nothing was; else it only tells. ``RUN.guarded`` beside the journal tells the next run what it has done.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from ansible_collections.octopus.upgrade.plugins.module_utils._core.errors import UpgradeError
from ansible_collections.octopus.upgrade.plugins.module_utils._windows import files, scheduled_tasks
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.connection import SYSTEM32, ConnectionOptions, WindowsHost
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.errors import HostError
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.job_files import RunAs, task_xml
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.quoting import (
    batch_builtin,
    batch_line,
    batch_word,
    builtin,
    cmd_line,
    word,
)
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.services import SETTABLE

from .errors import LockLost
from .holder import Holder
from .lock import LEFT
from .lock_lines import NOT_OURS, feed_line, folder_line, guard_folder, still_ours_line

# Not the folder of the jobs, which are removed as left over.
TASK_FOLDER = "\\octopus.upgrade guard\\"
SUFFIX = ".guarded"
SHARES = 3  # how often the task runs in the set time
HEARTBEAT = 30.0  # seconds; a share of the time is at least a minute
MOMENT = 5.0
ABSENT, STAYS = 100, 102
# Of eventcreate, which takes 1 to 1000: https://learn.microsoft.com/windows-server/administration/windows-commands/eventcreate
RESTORED_EVENT, CHANGED_EVENT = 701, 702
_TAKEN = "guard"  # what the holder's file in the lock is renamed to


@dataclass(frozen=True)
class Guard:
    """What the task needs to know.

    Attributes:
        folder: The instance's folder of runs on the coordinator.
        instance: The name of the instance.
        run_id: The run.
        minutes: The time after which it acts at the latest.
        service: The instance's service on the coordinator.
        start_type: The start type to set before the service is started; None where it is left alone.
        watchdog: The watchdog's task to enable; None where there is none or it was disabled.
        webhook: An address to post a message to.
        portal_rule: The firewall rule to remove, which closes the portal of the node; None where there can be none.
    """

    folder: str
    instance: str
    run_id: str
    minutes: int
    service: str
    start_type: str | None = None
    watchdog: str | None = None
    webhook: str | None = None
    portal_rule: str | None = None

    @property
    def own(self) -> str:
        return guard_folder(self.folder)

    @property
    def task(self) -> str:
        return TASK_FOLDER + self.instance

    @property
    def restored_text(self) -> str:
        return (
            f"The control node of run {self.run_id} of the Octopus Deploy instance {self.instance} has not been heard of for {self.minutes} minutes. "
            f"Nothing was changed yet, so the service {self.service} was started on this node. Maintenance mode and drained nodes are still as the "
            "run has set them, and other nodes were not started. Run the same playbook again, which returns the instance to its users."
        )

    @property
    def changed_text(self) -> str:
        return (
            f"The control node of run {self.run_id} of the Octopus Deploy instance {self.instance} has not been heard of for {self.minutes} minutes. "
            "Programs or database may be changed, so nothing was touched, and the instance may be out of service. Run the same playbook again, which "
            "resumes the run, or rollback.yml."
        )


def command_file(guard: Guard) -> str:
    """Return what the task runs.

    Raises:
        InvalidValue: A name cannot be passed safely.
    """

    def path(*names: str) -> str:
        return batch_word("\\".join((guard.folder, *names)))

    def begun(*patterns: str) -> str:
        """Find a step in the journal, in which the beginning of a step is a short line of its own."""
        journal = f"{guard.folder}\\{guard.run_id}.jsonl"
        return f"{batch_line([f'{SYSTEM32}findstr.exe', '/r', *(f'/c:{one}' for one in patterns), journal])} >nul 2>nul"

    def told(event: int, text: str, message: str) -> list[str]:
        create = [f"{SYSTEM32}eventcreate.exe", "/l", "APPLICATION", "/t", "ERROR", "/so", "octopus.upgrade", "/id", str(event), "/d", text]
        post = [f"{SYSTEM32}curl.exe", "-fsS", "-m", "30", "--retry", "3", "-H", "Content-Type: application/json", "--data-binary"]
        hook = [batch_line([*post, f"@{guard.own}\\{message}", guard.webhook])] if guard.webhook else []
        return [f"{line} >nul 2>nul <nul" for line in (batch_line(create), *hook)]

    changed = ("step.: .apply[.]", "step.: .rollback[.]")
    sc, schtasks = f"{SYSTEM32}sc.exe", f"{SYSTEM32}schtasks.exe"
    start_type = [batch_line([sc, "config", guard.service, "start=", SETTABLE[guard.start_type]])] if guard.start_type else []
    rule = [f"{SYSTEM32}netsh.exe", "advfirewall", "firewall", "delete", "rule", f"name={guard.portal_rule}"]
    portal = [batch_line(rule)] if guard.portal_rule else []
    watchdog = [batch_line([schtasks, "/change", "/tn", guard.watchdog, "/enable"])] if guard.watchdog else []
    left = f"{LEFT}guard"
    lines = [
        "@echo off",
        "chcp 65001 >nul",
        f"if exist {path('guard', 'fed')} ({batch_builtin('del', '/f', '/q', guard.own + chr(92) + 'fed', guard.own + chr(92) + 'missed')} & exit /b 0)",
        f"if not exist {path('guard', 'missed')} ((echo missed)>{path('guard', 'missed')} & exit /b 0)",
        f"{begun('event.: .finished')} && goto disarm",
        f"{begun('step.: .quiesce[.]watchdog')} || goto disarm",
        f"{begun(*changed)} && goto changed",
        f"if exist {path('lock', _TAKEN)} goto taken",
        # A lock that nobody holds was released by a run that could not disarm its guard.
        f"if not exist {path('lock', '')} (mkdir {path('lock')} 2>nul && (echo held)>{path('lock', _TAKEN)})",
        f'for %%h in ({path("lock", "holder-*")}) do ren "%%h" {_TAKEN}',
        f"if not exist {path('lock', _TAKEN)} exit /b 0",
        ":taken",
        # Once more, now that the run cannot begin another step.
        f"{begun(*changed)} && goto changed",
        f"(echo restored)>{path(guard.run_id + SUFFIX)}",
        *(f"{line} >nul 2>nul <nul" for line in (*start_type, *portal, batch_line([sc, "start", guard.service]), *watchdog)),
        *told(RESTORED_EVENT, guard.restored_text, "restored.json"),
        "goto disarm",
        ":changed",
        *told(CHANGED_EVENT, guard.changed_text, "changed.json"),
        ":disarm",
        f"if exist {path('lock', _TAKEN)} (ren {path('lock')} {left} && rd /s /q {path(left)})",
        f"{batch_line([schtasks, '/delete', '/tn', guard.task, '/f'])} >nul 2>nul",
    ]
    return "\r\n".join(lines) + "\r\n"


def trigger(minutes: int) -> str:
    """Return the trigger that runs the task :data:`SHARES` times in the set time, from a moment that has passed on every host."""
    interval = f"PT{max(1, minutes // SHARES)}M"
    return (
        f"<Triggers><TimeTrigger><Repetition><Interval>{interval}</Interval></Repetition>"
        "<StartBoundary>2000-01-01T00:00:00</StartBoundary></TimeTrigger></Triggers>"
    )


def arm(host: WindowsHost, guard: Guard, holder: Holder, check_mode: bool) -> bool:
    """Arm the guard, or arm it again with what is known now, and return whether it was not armed before.

    Raises:
        InvalidValue: A name cannot be passed safely.
        LockLost: This process does not hold the lock.
        HostError: It cannot be armed; nobody has noticed anything then.
    """
    text = command_file(guard)
    if guard.webhook and not files.exists(host, f"{SYSTEM32}curl.exe"):
        raise HostError(
            f"{host.where}: expected curl.exe, which calls octopus_guard_webhook, but this Windows has none (it came with Windows Server 2019). "
            "Leave octopus_guard_webhook out; the event log is written nevertheless.",
            host.name,
        )
    armed = scheduled_tasks.get(host, guard.task) is not None
    if check_mode:
        return not armed
    # Fed first: a task that is there already does nothing while its files are replaced.
    result = host.run_cmd(
        f"{still_ours_line(guard.folder, holder)}& {folder_line(guard.folder)}& "
        f"(if not exist {word(guard.own + chr(92))} {builtin('mkdir', guard.own)})& {feed_line(guard.folder)}",
        idempotent=True,
    )
    _check(host, guard.folder, result.exit_code, result.stderr)
    for name, message in (("restored", guard.restored_text), ("changed", guard.changed_text)):
        data = {"text": message, "instance": guard.instance, "run_id": guard.run_id, "event": name}
        files.write_text(host, f"{guard.own}\\{name}.json", json.dumps(data))
    files.write_text(host, f"{guard.own}\\command.cmd", text, secret=True)
    xml = task_xml(guard.own, RunAs(), f"guard of run {guard.run_id}, Ansible collection octopus.upgrade", trigger(guard.minutes))
    files.write_text(host, f"{guard.own}\\task.xml", xml)
    create = [f"{SYSTEM32}schtasks.exe", "/create", "/tn", guard.task, "/xml", f"{guard.own}\\task.xml", "/ru", "SYSTEM", "/f"]
    result = host.run_cmd(f"{feed_line(guard.folder)}& {cmd_line(create)}", idempotent=True)
    _check(host, guard.folder, result.exit_code, result.stderr)
    return not armed


def disarm(host: WindowsHost, folder: str, instance: str, holder: Holder, check_mode: bool) -> bool:
    """Disarm the guard, and return whether there was one.

    Raises:
        LockLost: This process does not hold the lock: the guard may be another run's, or has acted.
        HostError: It cannot be disarmed.
    """
    own, task = word(guard_folder(folder) + "\\"), word(TASK_FOLDER + instance)
    if check_mode:
        return files.exists(host, guard_folder(folder))
    schtasks = f"{SYSTEM32}schtasks.exe"
    result = host.run_cmd(
        f"(if not exist {own} exit /b {ABSENT})& {still_ours_line(folder, holder)}& {schtasks} /delete /tn {task} /f >nul 2>nul & "
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
    if code:
        raise HostError(f"{host.where}: cannot change the guard in {folder}: {' '.join(said.split()) or code}", host.name, code)


@contextmanager
def fed(options: ConnectionOptions, folder: str, holder: Holder, seconds: float = HEARTBEAT) -> Iterator[None]:
    """Feed the guard while the body runs, where that takes longer than ``seconds``, over a connection of its own.

    Args:
        options: The connection to the coordinator.
        folder: The instance's folder of runs.
        holder: This process. A run whose lock was broken keeps nobody's guard quiet.
        seconds: The time between two heartbeats.
    """
    ended = threading.Event()

    def beat() -> None:
        while not ended.wait(seconds):
            # A host that does not answer is asked again; what the body itself finds is what is told.
            with suppress(UpgradeError), WindowsHost(options) as host:
                host.run_cmd(f"{still_ours_line(folder, holder)}& {feed_line(folder)}", idempotent=True)

    thread = threading.Thread(target=beat, name="guard", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join(MOMENT)  # it may be waiting for a host that does not answer
