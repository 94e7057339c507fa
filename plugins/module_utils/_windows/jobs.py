# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Long commands that outlive the WinRM connection: each is a scheduled task that writes its output and exit code to a folder.

A shell's processes end with it, and WinRM itself may end it; a scheduled task goes on, and is found again by its id by whoever asks next.
It also has credentials for a second hop, which a WinRM log-on has not.
"""

from __future__ import annotations

import hashlib
import math
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import partial

from ansible_collections.octopus.upgrade.plugins.module_utils._core.errors import InvalidValue

from . import files, processes, scheduled_tasks
from .connection import SYSTEM32, CommandResult, WindowsHost
from .errors import HostError, HostTimeout, HostUnreachable
from .job_files import Command, JobState, RunAs, command_file, poll_line, prepare_line, read_poll, task_xml, write_line
from .quoting import builtin, cmd_line, word

__all__ = ("Command", "Job", "JobState", "RunAs", "job_id", "wait_all")

DEFAULT_ROOT = r"C:\ProgramData\octopus.upgrade"
FOLDER_EXISTS = 100
TAIL = 20
TASK_FOLDER = "\\octopus.upgrade\\"
FIRST_PAUSE, LONGEST_PAUSE, GROWTH = 0.2, 5.0, 1.5
# How long a host may be unreachable while its job runs on, and how long a task that was started may take to run.
PATIENCE = 300.0
START_GRACE = 60.0
# How long one that somebody failed to wait for may take to end, so that it can be removed.
MOMENT = 10.0
COPY_SECONDS = 1800.0
# How long processes that are ended by force may take to be gone.
ENDING = 60.0
IDENTITY = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")

OnOutput = Callable[[list[str]], object]


def unfinished(host: WindowsHost) -> list[str]:
    """The ids of jobs that run on the host now, whoever started them."""
    ours = [name for name in scheduled_tasks.names(host) if name.startswith(TASK_FOLDER)]
    return [name.removeprefix(TASK_FOLDER) for name in ours if scheduled_tasks.is_running(host, name)]


def job_id(purpose: str, *what: str) -> str:
    """An id that the same purpose with the same parameters gives again, and another never does."""
    text = re.sub(r"[^A-Za-z0-9._-]+", "-", purpose)
    return f"{text[:60]}-{hashlib.sha256(chr(0).join(what).encode()).hexdigest()[:10]}"


class Job:
    """One job of a host.

    Args:
        work_root: Folder on the host; jobs lie in its subfolder ``jobs``.
        identity: Letters, digits, ``.``, ``_`` and ``-``; whoever uses the same id means the same job.
    """

    def __init__(self, host: WindowsHost, work_root: str, identity: str, sleep: Callable[[float], None] = time.sleep) -> None:
        if not IDENTITY.fullmatch(identity):
            raise InvalidValue(f"{identity!r} cannot be the id of a job")
        self.host = host
        self.identity = identity
        self.root = work_root.rstrip("\\")
        self.folder = f"{self.root}\\jobs\\{identity}"
        self.task = TASK_FOLDER + identity
        self.attached = False
        self._sleep = sleep
        self._lines: list[str] = []
        self._pages = True
        self._started_at = -math.inf

    def __repr__(self) -> str:
        return f"Job({self.identity} on {self.host.where})"

    @property
    def output_path(self) -> str:
        """The file on the host that the commands' output goes to."""
        return f"{self.folder}\\output.txt"

    # -- life

    def start(
        self,
        commands: Sequence[Command],
        run_as: RunAs = RunAs(),  # noqa: B008 - frozen
        restart_lost: bool = False,
        inputs: Mapping[str, str] | None = None,
        copies: Mapping[str, str] | None = None,
    ) -> JobState:
        """Start the job, or find it again: one with this id that runs or has finished is attached to (:attr:`attached`), not started twice.

        Args:
            commands: Run one after the other, whatever each ends with.
            restart_lost: Start anew where the last run ended without an exit code.
            inputs: Text files for the commands, by name, written to the job's :attr:`folder`: the one place of the collection's where
                an account that is no administrator may read. They go with the job.
            copies: Files of the host that are copied there too, by name.

        Raises:
            ValueError: A command cannot be said safely.
            HostError: The host refuses, e.g. a wrong password of the account; or the job was lost, and that is not to be ignored.
        """
        text = command_file(self.folder, commands)
        if run_as.needs_password and run_as.password is None:
            raise HostError(
                f"{self.host.where}: a job as {run_as.account} needs the account's password: give job_password, or use SYSTEM or a gMSA.",
                self.host.name,
            )
        if not self._prepare(text, run_as):
            state = self.poll()
            self._lines = []  # whoever waits from here on gets the output from its beginning
            if state.status == "lost" and not restart_lost:
                raise self._lost(state)
            if state.status in ("running", "finished"):
                self.attached = True
                return state
            # What an interrupted start, or a lost run, left.
            self.remove()
            if not self._prepare(text, run_as):
                raise HostError(f"{self.host.where}: somebody else starts the job {self.identity} at the same time.", self.host.name)
        self.attached = False
        for name, content in (inputs or {}).items():
            files.write_text(self.host, f"{self.folder}\\{name}", content)
        for name, path in (copies or {}).items():
            self.host.run_builtin("copy", "/y", "/b", path, f"{self.folder}\\{name}", timeout=COPY_SECONDS, check=True, idempotent=True)
        self._create(run_as)
        self._started_at = time.monotonic()
        return JobState("running")

    def _prepare(self, text: str, run_as: RunAs) -> bool:
        """Make folder and command file; False where the folder was there, which another start made."""
        result = self.host.run_cmd(prepare_line(self.root, self.folder, run_as), stdin=text)
        if result.exit_code not in (0, FOLDER_EXISTS):
            said = " ".join((result.stderr or result.stdout).split())
            raise HostError(
                f"{self.host.where}: the folder {self.folder} for a job cannot be made: {said}",
                self.host.name,
                result.exit_code,
            )
        return result.exit_code == 0

    def _create(self, run_as: RunAs) -> None:
        path = f"{self.folder}\\task.xml"
        xml = task_xml(self.folder, run_as, f"{self.identity}, started by the Ansible collection octopus.upgrade")
        create = [f"{SYSTEM32}schtasks.exe", "/create", "/tn", self.task, "/xml", path, "/ru", run_as.task_account, "/f"]
        run = [f"{SYSTEM32}schtasks.exe", "/run", "/tn", self.task]
        if run_as.needs_password:
            self._good(self.host.run_cmd(write_line(path), stdin=xml), run_as)
            line = f"{cmd_line([*create, '/rp', '*'])} && {cmd_line(run)}"
            # The password is asked for and read from standard input: it is in no command line.
            self._good(self.host.run_cmd(line, stdin=f"{run_as.password}\r\n", secret=True), run_as)
        else:
            self._good(self.host.run_cmd(f"{write_line(path)} && {cmd_line(create)} && {cmd_line(run)}", stdin=xml), run_as)

    def _good(self, result: CommandResult, run_as: RunAs) -> None:
        if result.exit_code:
            said = " ".join(result.stderr.split())
            if run_as.password:
                said = said.replace(run_as.password, "********")
            raise HostError(
                f"{self.host.where}: the job {self.identity} cannot be started as {run_as.account}: {said or result.exit_code}. "
                "The account needs the right to log on as a batch job, and its password has to be the right one.",
                self.host.name,
                result.exit_code,
            )

    def cancel(self) -> None:
        """End what the job runs, and all that this has started, and see that it is gone. The job is lost after that.

        Ending a task ends its own cmd.exe alone; what that has started runs on (https://github.com/syncthing/docs/pull/582).

        Raises:
            HostError: Something of it still runs.
        """
        family = processes.Family(self.host, f"\\jobs\\{self.identity}\\command.cmd")
        family.look()  # while cmd.exe lives, by which its children are told
        # Whether there is such a task, and whether it runs, is all the same: what counts is what is left.
        self.host.run(["schtasks", "/end", "/tn", self.task], idempotent=True)
        give_up, pause = time.monotonic() + ENDING, FIRST_PAUSE
        while left := family.look():
            if time.monotonic() >= give_up:
                raise HostError(
                    f"{self.host.where}: what the job {self.identity} runs cannot be ended: the processes {', '.join(map(str, left))} are "
                    f"still there after {ENDING:.0f} s. End them there before anything else is done.",
                    self.host.name,
                )
            processes.kill_all(self.host, left)
            self._sleep(pause)
            pause = min(pause * GROWTH, LONGEST_PAUSE)

    def remove(self) -> None:
        """Delete the task and the folder; none is fine. What still runs is not ended.

        Raises:
            HostError: The folder is still in use.
        """
        delete = cmd_line([f"{SYSTEM32}schtasks.exe", "/delete", "/tn", self.task, "/f"])
        folder = f"{builtin('rd', '/s', '/q', self.folder)} 2>nul & if exist {word(self.folder + chr(92))} (exit /b 1) else exit /b 0"
        # The task's own cmd.exe may have written the exit code and not ended yet.
        for pause in (0.1, 0.2, 0.4, 0.8, 1.6, None):
            if self.host.run_cmd(f"{delete} >nul 2>nul & {folder}", idempotent=True).exit_code == 0:
                self._lines = []
                return
            if pause is not None:
                self._sleep(pause)
        raise HostError(
            f"{self.host.where}: the folder {self.folder} of the job {self.identity} cannot be deleted. Something in it is in use: by a "
            "program that the job has started, or by a WinRM shell that was cut off while it wrote there, which Windows closes by itself "
            "after a while.",
            self.host.name,
        )

    @contextmanager
    def removed_on_error(self) -> Iterator[None]:
        """Remove the job where what is done within fails, for one that the next run may have no reason to ask for.

        It may just be running, the answer to its start being lost, so it is given a moment. What runs longer stays, for who asks the same.

        Raises:
            HostError: As it comes from within.
        """
        try:
            yield
        except HostTimeout:
            raise
        except HostError:
            with suppress(HostError):
                self._remove_soon()
            raise

    def _remove_soon(self) -> None:
        give_up, pause = time.monotonic() + MOMENT, FIRST_PAUSE
        while self.poll().status == "running":
            if time.monotonic() >= give_up:
                return
            self._sleep(pause)
            pause = min(pause * GROWTH, LONGEST_PAUSE)
        self.remove()

    # -- looking

    def poll(self, on_output: OnOutput | None = None) -> JobState:
        """How the job stands now; ``on_output`` gets the lines that are new since the last poll."""
        state = self._ask(on_output)
        if state.status != "lost":
            return state
        # It may have ended between the look for its exit code and the look at the task.
        state = self._ask(on_output)
        if state.status == "lost" and time.monotonic() - self._started_at < START_GRACE and not self._was_started():
            return JobState("running", (), state.output_tail)
        return state

    def _ask(self, on_output: OnOutput | None) -> JobState:
        # more +N leaves N lines out. That it did is seen by the last known line, which it has to start with.
        skip = len(self._lines) - 1 if self._pages and self._lines else 0
        read = f"{SYSTEM32}more.com +{skip} {word(self.output_path)}" if skip > 0 else builtin("type", self.output_path)
        result = self.host.run_cmd(poll_line(self.task, self.folder, read), idempotent=True)
        polled = read_poll(result.stdout)
        if polled is None:
            raise HostError(
                f"{self.host.where}: the job {self.identity} cannot be looked at: {' '.join(result.stderr.split())}", self.host.name
            )
        lines = polled.output.split("\n")
        # Without its end, a line is not whole yet.
        whole = lines if polled.status == "finished" and lines[-1] else lines[:-1]
        if skip > 0 and polled.status != "absent":
            if not whole or whole[0] != self._lines[skip]:
                self._pages = False
                return self._ask(on_output)
            whole = self._lines[:skip] + whole
        new = whole[len(self._lines) :]
        self._lines = whole
        if on_output and new:
            on_output(new)
        status = polled.status
        if status == "created" and time.monotonic() - self._started_at < START_GRACE:
            status = "running"
        return JobState(status, polled.exit_codes, tuple(line for line in self._lines if line.strip())[-TAIL:])

    def _was_started(self) -> bool:
        return files.exists(self.host, f"{self.folder}\\started")

    def output(self) -> str:
        """Everything that the commands have printed so far, both streams in one."""
        return files.read_text(self.host, self.output_path)

    def wait(self, deadline_seconds: float, on_output: OnOutput | None = None, tick: Callable[[], object] = lambda: None) -> JobState:
        """Wait until the job has finished; ``tick`` is called after every look at it that finds it running.

        Raises:
            HostTimeout: The time is up; the job runs on.
            HostError: The job was lost.
            HostUnreachable: The host has not answered for too long.
        """
        tell = (lambda _name, lines: on_output(lines)) if on_output else (lambda _name, _lines: None)
        return wait_all({self.identity: self}, deadline_seconds, tell, tick, self._sleep)[self.identity]

    def _lost(self, state: JobState) -> HostError:
        last = f" Its output ends with: {' | '.join(state.output_tail[-3:])}" if state.output_tail else ""
        return HostError(
            f"{self.host.where}: the job {self.identity} ended without an exit code: the host was restarted, or somebody ended the task "
            f"{self.task}.{last}",
            self.host.name,
        )


def wait_all(
    jobs: Mapping[str, Job],
    deadline_seconds: float,
    on_output: Callable[[str, list[str]], object] = lambda name, lines: None,
    tick: Callable[[], object] = lambda: None,
    sleep: Callable[[float], None] = time.sleep,
) -> dict[str, JobState]:
    """Wait until all of these jobs have finished; a host that is away for a while is waited for.

    Raises:
        HostTimeout: The time is up; what runs goes on, and the same task run again finds it.
        HostError: One was lost, or does not exist.
    """
    done: dict[str, JobState] = {}
    deadline = time.monotonic() + deadline_seconds
    answered = time.monotonic()
    pause = FIRST_PAUSE
    while True:
        for name in [name for name in jobs if name not in done]:
            job = jobs[name]
            try:
                state = job.poll(partial(on_output, name))
            except HostUnreachable:
                if time.monotonic() - answered > PATIENCE or time.monotonic() >= deadline:
                    raise
                continue
            answered = time.monotonic()
            if state.status == "finished":
                done[name] = state
            elif state.status == "lost":
                raise job._lost(state)
            elif state.status != "running":
                raise HostError(f"{job.host.where}: the job {job.identity} is {state.status}: nobody started it.", job.host.name)
        if len(done) == len(jobs):
            return {name: done[name] for name in jobs}
        tick()
        if time.monotonic() >= deadline:
            left = ", ".join(jobs[name].identity for name in jobs if name not in done)
            where = next(iter(jobs.values())).host
            raise HostTimeout(
                f"{where.where}: not done after {deadline_seconds:.0f} s: {left}. It goes on there; run the task again to wait on.",
                where.name,
            )
        sleep(min(pause, max(0.0, deadline - time.monotonic())))
        pause = min(pause * GROWTH, LONGEST_PAUSE)
