# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Long commands that outlive the WinRM connection: each runs as a scheduled task that writes its output and exit code to a folder.

The processes of a shell end with the shell, and WinRM itself may end it. A scheduled task continues, and any later run finds it by its id.
It also has credentials for a second hop, which a WinRM logon lacks.
"""

from __future__ import annotations

import hashlib
import math
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress

from ansible_collections.octopus.upgrade.plugins.module_utils._core import stopping
from ansible_collections.octopus.upgrade.plugins.module_utils._core.errors import InvalidValue

from . import files, processes, scheduled_tasks
from .connection import SYSTEM32, CommandResult, WindowsHost
from .errors import HostError, HostTimeout
from .job_files import Command, JobState, RunAs, command_file, poll_line, prepare_line, read_poll, task_xml, write_line
from .job_group import FIRST_PAUSE, GROWTH, LONGEST_PAUSE, OnOutput, remove_all, wait_all
from .quoting import builtin, cmd_line, word

__all__ = ("Command", "Job", "JobState", "RunAs", "job_id")

DEFAULT_ROOT = r"C:\ProgramData\octopus.upgrade"
FOLDER_EXISTS = 100
TAIL = 20
TASK_FOLDER = "\\octopus.upgrade\\"
# How long a started task may take to run.
START_GRACE = 60.0
# How long a job may take to end, so that it can be removed, after waiting for it has failed.
MOMENT = 10.0
COPY_SECONDS = 1800.0
# How long processes may take to end after they were killed.
ENDING = 60.0
IDENTITY = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


def unfinished(host: WindowsHost) -> list[str]:
    """Return the ids of the jobs that are running on the host, whoever started them."""
    ours = [name for name in scheduled_tasks.names(host) if name.startswith(TASK_FOLDER)]
    return [name.removeprefix(TASK_FOLDER) for name in ours if scheduled_tasks.is_running(host, name)]


def job_id(kind: str, *what: str) -> str:
    """Return an id that is the same for the same kind and parameters, and different for any others."""
    text = re.sub(r"[^A-Za-z0-9._-]+", "-", kind)
    return f"{text[:60]}-{hashlib.sha256(chr(0).join(what).encode()).hexdigest()[:10]}"


class Job:
    """One job of a host.

    Args:
        host: The host.
        work_root: The collection's folder on the host; jobs are in its subfolder ``jobs``.
        identity: Letters, digits, ``.``, ``_`` and ``-``. The same id means the same job.
        sleep: Waits for seconds.
    """

    def __init__(self, host: WindowsHost, work_root: str, identity: str, sleep: Callable[[float], None] = time.sleep) -> None:
        if not IDENTITY.fullmatch(identity):
            raise InvalidValue(f"expected the id of a job but found {identity!r}")
        self.host = host
        self.identity = identity
        self.root = work_root.rstrip("\\")
        self.folder = f"{self.root}\\jobs\\{identity}"
        self.task = TASK_FOLDER + identity
        self.attached = False
        self.pause = sleep
        self._lines: list[str] = []
        self._output: str | None = None  # where the poll that found the job finished has read all of it
        self._pages = True
        self._started_at = -math.inf

    def __repr__(self) -> str:
        return f"Job({self.identity} on {self.host.where})"

    @property
    def output_path(self) -> str:
        """The file on the host that the commands write their output to."""
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
        """Start the job, or attach to it (:attr:`attached`) where a job with this id is running or has finished.

        Args:
            commands: They run one after the other, whatever their exit codes.
            run_as: The account of the job.
            restart_lost: Whether to start again where the last run ended without an exit code.
            inputs: Text files for the commands, by name. They are written to the job's :attr:`folder`, the only folder of the collection
                that an account other than an administrator may read, and removed with it.
            copies: Files of the host that are copied there too, by name.

        Returns:
            Its state.

        Raises:
            InvalidValue: A command cannot be passed safely.
            HostError: The host refuses, for example because the password of the account is wrong; or the job was lost.
        """
        text = command_file(self.folder, commands)
        if run_as.needs_password and run_as.password is None:
            raise HostError(
                f"{self.host.where}: a job as {run_as.account} needs the password of the account. Set job_password, or use SYSTEM or a gMSA.",
                self.host.name,
            )
        if not self._prepare(text, run_as):
            state = self.poll()
            self._lines = []  # waiting from here on reports the output from its beginning
            if state.status == "lost" and not restart_lost:
                raise self.lost(state)
            if state.status in ("running", "finished"):
                self.attached = True
                return state
            # Left by an interrupted start or a lost run.
            self.remove()
            if not self._prepare(text, run_as):
                raise HostError(f"{self.host.where}: somebody else is starting the job {self.identity} at the same time.", self.host.name)
        self.attached = False
        self._output = None
        for name, content in (inputs or {}).items():
            files.write_text(self.host, f"{self.folder}\\{name}", content)
        for name, path in (copies or {}).items():
            self.host.run_builtin("copy", "/y", "/b", path, f"{self.folder}\\{name}", timeout=COPY_SECONDS, check=True, idempotent=True)
        self._create(run_as)
        self._started_at = time.monotonic()
        return JobState("running")

    def _prepare(self, text: str, run_as: RunAs) -> bool:
        """Create folder and command file; False where another start has created the folder."""
        result = self.host.run_cmd(prepare_line(self.root, self.folder, run_as), stdin=text)
        if result.exit_code not in (0, FOLDER_EXISTS):
            said = " ".join((result.stderr or result.stdout).split())
            raise HostError(
                f"{self.host.where}: cannot create the folder {self.folder} for a job: {said}",
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
            # schtasks prompts for the password and reads it from standard input, so that no command line shows it.
            self._good(self.host.run_cmd(line, stdin=f"{run_as.password}\r\n", secret=True), run_as)
        else:
            self._good(self.host.run_cmd(f"{write_line(path)} && {cmd_line(create)} && {cmd_line(run)}", stdin=xml), run_as)

    def _good(self, result: CommandResult, run_as: RunAs) -> None:
        if result.exit_code:
            said = " ".join(result.stderr.split())
            if run_as.password:
                said = said.replace(run_as.password, "********")
            raise HostError(
                f"{self.host.where}: cannot start the job {self.identity} as {run_as.account}: {said or result.exit_code}. "
                "Check that the account has the right to log on as a batch job, and that its password is correct.",
                self.host.name,
                result.exit_code,
            )

    def cancel(self) -> None:
        """End every process of the job, and verify that they are gone. The job is lost after that.

        Ending a task ends only its cmd.exe; what that has started continues (https://github.com/syncthing/docs/pull/582).

        Raises:
            HostError: A process of the job is still running.
        """
        family = processes.Family(self.host, f"\\jobs\\{self.identity}\\command.cmd")
        family.look()  # while cmd.exe is running, which identifies its children
        # It does not matter whether the task exists or is running, only which processes are left.
        self.host.run(["schtasks", "/end", "/tn", self.task], idempotent=True)
        give_up, pause = time.monotonic() + ENDING, FIRST_PAUSE
        while left := family.look():
            stopping.check()
            if time.monotonic() >= give_up:
                raise HostError(
                    f"{self.host.where}: expected the processes of the job {self.identity} to end within {ENDING:.0f} s, but "
                    f"{', '.join(map(str, left))} are still running. End them on the host before you continue.",
                    self.host.name,
                )
            processes.kill_all(self.host, left)
            self.pause(pause)
            pause = min(pause * GROWTH, LONGEST_PAUSE)

    def remove(self) -> None:
        """Delete the task and the folder, if they exist. A process that is still running is not ended.

        Raises:
            HostError: The folder is still in use.
        """
        remove_all([self])

    def forget(self) -> None:
        """Forget what was read, because the job was removed."""
        self._lines, self._output = [], None

    @contextmanager
    def removed_on_error(self) -> Iterator[None]:
        """Remove the job if the body fails, for a job that the next run may not ask for.

        The job may be running although the answer to its start was lost, so it is given a moment to end. If it takes longer, it stays, and a
        later run that asks for the same job attaches to it.

        Raises:
            HostError: As raised in the body.
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
            stopping.check()
            if time.monotonic() >= give_up:
                return
            self.pause(pause)
            pause = min(pause * GROWTH, LONGEST_PAUSE)
        self.remove()

    # -- looking

    def poll(self, on_output: OnOutput | None = None) -> JobState:
        """Return the job's state; ``on_output`` gets the lines that are new since the last poll."""
        state = self._ask(on_output)
        if state.status != "lost":
            return state
        # It may have ended after the query for its exit code and before that for its task.
        state = self._ask(on_output)
        if state.status == "lost" and time.monotonic() - self._started_at < START_GRACE and not self._was_started():
            return JobState("running", (), state.output_tail)
        return state

    def _ask(self, on_output: OnOutput | None) -> JobState:
        result = self.host.run_cmd(self.poll_line(), idempotent=True)
        state = self.take_poll(result.stdout, on_output)
        if state is None:
            raise HostError(f"{self.host.where}: cannot query the job {self.identity}: {' '.join(result.stderr.split())}", self.host.name)
        return self._ask(on_output) if state.status == "unread" else state

    @property
    def _skipped(self) -> int:
        """How many lines of the output the next poll leaves out."""
        # more +N skips N lines. The last known line, which has to come first, shows that it did.
        return max(0, len(self._lines) - 1) if self._pages and self._lines else 0

    def poll_line(self) -> str:
        """Return the line that prints the job's state, and its output but for what is known."""
        skip = self._skipped
        read = f"{SYSTEM32}more.com +{skip} {word(self.output_path)}" if skip else builtin("type", self.output_path)
        return poll_line(self.task, self.folder, read)

    def take_poll(self, text: str, on_output: OnOutput | None) -> JobState | None:
        """Read what the poll line has printed; None where a part is missing, ``unread`` where the output has to be read from its start."""
        skip = self._skipped
        polled = read_poll(text)
        if polled is None:
            return None
        # Nothing may mean that the file is missing; what is not plain UTF-8 was decoded together with the rest of the answer. Both are read again.
        if polled.status == "finished" and polled.output and not skip and not any(sign in polled.output for sign in "\0\ufeff\ufffd"):
            self._output = polled.output
        lines = polled.output.split("\n")
        # A line without its end is not complete yet.
        whole = lines if polled.status == "finished" and lines[-1] else lines[:-1]
        if skip and polled.status != "absent":
            if not whole or whole[0] != self._lines[skip]:
                self._pages = False
                return JobState("unread")
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
        """Return the output of the commands so far, both streams in one."""
        return files.read_text(self.host, self.output_path) if self._output is None else self._output

    def wait(self, deadline_seconds: float, on_output: OnOutput | None = None, tick: Callable[[], object] = lambda: None) -> JobState:
        """Wait until the job has finished.

        Args:
            deadline_seconds: How long to wait.
            on_output: Gets new lines of output.
            tick: Called after every poll that finds the job running.

        Returns:
            Its final state.

        Raises:
            HostTimeout: The time is up; the job continues.
            HostError: The job was lost.
            HostUnreachable: The host has not answered for too long.
        """
        tell = (lambda _name, lines: on_output(lines)) if on_output else (lambda _name, _lines: None)
        return wait_all({self.identity: self}, deadline_seconds, tell, tick, self.pause)[self.identity]

    def lost(self, state: JobState) -> HostError:
        """Return the error of a job that has ended without an exit code."""
        last = f" Its output ends with: {' | '.join(state.output_tail[-3:])}" if state.output_tail else ""
        return HostError(
            f"{self.host.where}: the job {self.identity} ended without an exit code. The host was restarted, or somebody ended the task "
            f"{self.task}.{last}",
            self.host.name,
        )
