# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

r"""What the guard's task runs: a command file, made of what is known when the guard is armed. No I/O.

Each way through it can be broken off anywhere, as by a restart of the host, and begun again by the next tick of the task:

* ``fed`` is there: the control node is alive.
* ``armed`` becomes ``acting``: a rename, of which either this or the one that disarms the guard succeeds.
* The holder's file in the lock becomes ``lock\guard``: the run can write no further event, and so begin no further step.
* The journal is read once more: what the run had begun before that is there.
* ``RUN.guarded`` is written before anything is started: the next run knows that what the run has done no longer holds.
"""

from __future__ import annotations

from dataclasses import dataclass

from ansible_collections.octopus.upgrade.plugins.module_utils._windows.connection import SYSTEM32
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.quoting import batch_builtin, batch_line, batch_word
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.services import SETTABLE

from .holder import Holder
from .lock import LEFT
from .lock_lines import GUARDED, PROGRAMS, guard_folder, marker_of

# Not the folder of the jobs, which are removed as left over.
TASK_FOLDER = "\\octopus.upgrade guard\\"
SHARES = 3  # how often the task runs in the time that is left beside the last look
LAST_LOOK = 60  # seconds by which the second missed heartbeat is waited for; whatever the clock does, they pass
STARTS = 5  # how often it tries to start the service
START_SECONDS = 30
# Of eventcreate, which takes 1 to 1000: https://learn.microsoft.com/windows-server/administration/windows-commands/eventcreate
RESTORED_EVENT, CHANGED_EVENT, FAILED_EVENT = 701, 702, 703
ARMED, ACTING, DISARMED = "armed", "acting", "disarmed"  # one file, renamed
_TAKEN = "guard"  # what the holder's file in the lock is renamed to
# STATE is the one line of sc query whose value begins with that number and a blank; the words are translated.
_RUNNING = ": 4 "


@dataclass(frozen=True)
class Guard:
    """What the task needs to know.

    Attributes:
        folder: The instance's folder of runs on the host.
        instance: The name of the instance.
        run_id: The run.
        minutes: The time after which it acts at the latest.
        service: The instance's service on the host.
        start_type: The start type to set before the service is started; None where it is left alone.
        watchdog: The watchdog's task to enable; None where there is none or it was disabled.
        webhook: An address to post a message to.
        portal_rule: The firewall rule to remove, which closes the portal of the node; None where there can be none.
        journalled: Whether the run's journal is on this host, the coordinator. The guard of another node is disarmed before anything
            is changed.
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
    journalled: bool = True

    @property
    def own(self) -> str:
        return guard_folder(self.folder)

    @property
    def task(self) -> str:
        return TASK_FOLDER + self.instance

    @property
    def _silent(self) -> str:
        return f"The control node of run {self.run_id} of the Octopus Deploy instance {self.instance} has not been heard of for {self.minutes} minutes. "

    @property
    def messages(self) -> dict[str, tuple[int, str]]:
        """The number and the text of the event by what it tells: restored, changed or failed."""
        again = "Run the same playbook again, which returns the instance to its users."
        restored = (
            f"{self._silent}Nothing was changed yet, so the service {self.service} was started on this node. Maintenance mode and drained nodes "
            f"are still as the run has set them. {again}"
        )
        changed = (
            f"{self._silent}Programs or database may be changed, so nothing was touched, and the instance may be out of service. Run the same "
            "playbook again, which resumes the run, or rollback.yml."
        )
        failed = (
            f"{self._silent}Nothing was changed yet, but the service {self.service} on this node was not running after it was started {STARTS} "
            f"times. See its log, and start it. {again}"
        )
        return {"restored": (RESTORED_EVENT, restored), "changed": (CHANGED_EVENT, changed), "failed": (FAILED_EVENT, failed)}


def trigger(minutes: int) -> str:
    """Return the trigger: :data:`SHARES` times in the set time, less the last look.

    It repeats without an end from a moment that has passed on every host, so that it goes on after a restart; in UTC, so that daylight
    saving time changes nothing (https://learn.microsoft.com/windows/win32/taskschd/taskschedulerschema-startboundary-triggerbasetype-element).
    """
    interval = f"PT{max(60, (minutes * 60 - LAST_LOOK) // SHARES)}S"
    return (
        f"<Triggers><TimeTrigger><Repetition><Interval>{interval}</Interval></Repetition>"
        "<StartBoundary>2000-01-01T00:00:00Z</StartBoundary></TimeTrigger></Triggers>"
    )


def command_file(guard: Guard, holder: Holder) -> str:
    """Return what the task runs.

    Args:
        guard: What it needs to know.
        holder: The process that holds the locks of this host.

    Raises:
        InvalidValue: A name cannot be passed safely.
    """

    def path(*names: str) -> str:
        return batch_word("\\".join((guard.folder, *names)))

    def mine(name: str) -> str:
        return path("guard", name)

    def begun(*patterns: str) -> str:
        """Find a step in the journal, in which the beginning of a step is a short line of its own."""
        journal = f"{guard.folder}\\{guard.run_id}.jsonl"
        return f"{batch_line([f'{SYSTEM32}findstr.exe', '/r', *(f'/c:{one}' for one in patterns), journal])} >nul 2>nul"

    changed = ("step.: .apply[.]", "step.: .rollback[.]")
    asked, again = [], []
    if guard.journalled:
        asked = [
            f"{begun('event.: .finished')} && goto over",
            f"{begun('step.: .quiesce[.]watchdog')} || goto over",
            f"{begun(*changed)} && goto changed",
        ]
        # Once more, now that the run cannot begin another step.
        again = [f"{begun(*changed)} && goto changed"]
    # A lock that nobody holds was released by a run that could not disarm its guard. Only the coordinator has the journal that says how it ended.
    free = f"(mkdir {path('lock')} 2>nul && (echo held)>{path('lock', _TAKEN)})" if guard.journalled else "goto over"
    lines = [
        "@echo off",
        "chcp 65001 >nul",
        # Alive; or, where this was broken off while it acted, another process has taken the lock over since.
        f"if exist {mine('fed')} ({batch_builtin('del', '/f', '/q', guard.own + chr(92) + 'fed', guard.own + chr(92) + 'missed')} & "
        f"(ren {mine(ACTING)} {ARMED} 2>nul) & exit /b 0)",
        f"if exist {mine(ACTING)} goto acting",
        f"if not exist {mine(ARMED)} goto over",
        f"if not exist {mine('missed')} ((echo missed)>{mine('missed')} & exit /b 0)",
        # A clock that jumps makes ticks follow each other closely. These seconds pass all the same.
        _wait(LAST_LOOK),
        f"if exist {mine('fed')} exit /b 0",
        *asked,
        f"ren {mine(ARMED)} {ACTING} 2>nul",
        f"if not exist {mine(ACTING)} exit /b 0",
        ":acting",
        f"if exist {path('lock', _TAKEN)} goto taken",
        f"if not exist {path('lock', '')} {free}",
        f'for %%h in ({path("lock", "holder-*")}) do ren "%%h" {_TAKEN}',
        f"if not exist {path('lock', _TAKEN)} exit /b 0",
        ":taken",
        *again,
        f"(echo restored)>{path(guard.run_id + GUARDED)}",
        *_restoring(guard, path("lock", _TAKEN)),
        *_told(guard, "failed"),
        "goto release",
        ":running",
        *_told(guard, "restored"),
        ":release",
        _freed(guard.folder.rpartition("\\")[0].rpartition("\\")[0] + f"\\{PROGRAMS}", marker_of(holder, guard.instance)),
        "goto over",
        ":changed",
        *_told(guard, "changed"),
        ":over",
        _freed(guard.folder, _TAKEN),
        f"{batch_line([f'{SYSTEM32}schtasks.exe', '/delete', '/tn', guard.task, '/f'])} >nul 2>nul",
        f"{batch_builtin('del', '/f', '/q', *(guard.own + chr(92) + name for name in (ARMED, ACTING, 'fed', 'missed')))} 2>nul",
    ]
    return "\r\n".join(lines) + "\r\n"


def _wait(seconds: int) -> str:
    """Wait. ping sends one request a second (https://learn.microsoft.com/windows-server/administration/windows-commands/ping); timeout needs a console."""
    return f"{batch_line([f'{SYSTEM32}ping.exe', '-n', str(seconds + 1), '127.0.0.1'])} >nul 2>nul"


def _restoring(guard: Guard, taken: str) -> list[str]:
    """Set the start type, enable the watchdog, and start the service until it runs, as long as no other run has taken the lock."""
    sc, schtasks = f"{SYSTEM32}sc.exe", f"{SYSTEM32}schtasks.exe"
    runs = f"{batch_line([sc, 'query', guard.service])} 2>nul | {batch_line([f'{SYSTEM32}findstr.exe', '/l', f'/c:{_RUNNING}'])} >nul"
    commands = [[sc, "config", guard.service, "start=", SETTABLE[guard.start_type]]] if guard.start_type else []
    if guard.portal_rule:
        commands += [[f"{SYSTEM32}netsh.exe", "advfirewall", "firewall", "delete", "rule", f"name={guard.portal_rule}"]]
    commands += [[schtasks, "/change", "/tn", guard.watchdog, "/enable"]] if guard.watchdog else []
    lines = [f"{batch_line(command)} >nul 2>nul <nul" for command in commands]
    for _attempt in range(STARTS):
        lines += [
            f"if not exist {taken} exit /b 0",
            f"{batch_line([sc, 'start', guard.service])} >nul 2>nul <nul",
            _wait(START_SECONDS),
            f"{runs} && goto running",
        ]
    return lines


def _told(guard: Guard, what: str) -> list[str]:
    event, text = guard.messages[what]
    create = [f"{SYSTEM32}eventcreate.exe", "/l", "APPLICATION", "/t", "ERROR", "/so", "octopus.upgrade", "/id", str(event), "/d", text]
    post = [f"{SYSTEM32}curl.exe", "-fsS", "-m", "30", "--retry", "3", "-H", "Content-Type: application/json", "--data-binary"]
    hook = [batch_line([*post, f"@{guard.own}\\{what}.json", guard.webhook])] if guard.webhook else []
    return [f"{line} >nul 2>nul <nul" for line in (batch_line(create), *hook)]


def _freed(folder: str, held: str) -> str:
    """Release the lock in a folder, where a file in it says that it is that of the run."""
    lock, left = f"{folder}\\lock", f"{folder}\\{LEFT}guard"
    return f"if exist {batch_word(lock + chr(92) + held)} (ren {batch_word(lock)} {LEFT}guard && {batch_builtin('rd', '/s', '/q', left)})"
