# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Processes: a thread that runs a handler, with pipes, a console, a logon and a job object."""

from __future__ import annotations

import threading
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lab.core.filesystem import Logon, WinError

from .env import Environment
from .streams import Console, Pipe, ProcessKilled, Sink

if TYPE_CHECKING:
    from .host import WindowsHost

Handler = Callable[["Process"], int]

FAULT = 0xC0000005  # a program that crashes (here: a handler that raises) ends with a status like this one
__all__ = ["Handler", "Job", "Process", "ProcessKilled"]


class Job:
    """A job object: the processes that end together, such as all that a WinRM shell started."""

    def __init__(self) -> None:
        self._members: list[Process] = []
        self._lock = threading.Lock()
        self.closed = False

    def add(self, process: Process) -> None:
        with self._lock:
            self._members.append(process)
            closed = self.closed
        if closed:
            process.kill()

    def members(self) -> list[Process]:
        """Those that still run."""
        with self._lock:
            self._members = [one for one in self._members if not one.ended]
            return list(self._members)

    def kill(self, exit_code: int = 1) -> None:
        """End all, and whatever is started in it from now on."""
        with self._lock:
            self.closed = True
            members = list(self._members)
        for process in members:
            process.kill(exit_code)


class Process:
    """One running program. Handlers get it as their only argument and return the exit code (any 32-bit number)."""

    def __init__(
        self,
        host: WindowsHost,
        pid: int,
        path: str,
        *,
        real: Path | None,
        info: dict[str, Any],
        handler: Handler,
        command_line: str,
        argv: list[str],
        logon: Logon,
        env: Environment,
        cwd: str,
        console: Console,
        stdin: Pipe,
        stdout: Sink | None,
        stderr: Sink | None,
        parent: Process | None = None,
        job: Job | None = None,
    ) -> None:
        self.host, self.pid, self.path, self.info, self.command_line, self.argv = host, pid, path, info, command_line, argv
        self.logon, self.env, self.cwd, self.console, self.parent, self.job = logon, env, cwd, console, parent, job
        self.changed = threading.Condition()
        self.stdin = Input(self, stdin)
        self.output = Pipe(changed=self.changed)  # what nobody redirected
        self.errors = Pipe(changed=self.changed)
        self.stdout = Output(self, stdout or self.output)
        self.stderr = Output(self, stderr or self.errors)
        self.killed = threading.Event()
        self.stop_requested = threading.Event()
        self.ended = False
        self.written = 0  # bytes, by what copies files
        self.exit_code: int | None = None
        self._inherited = [sink.inherit() for sink in {id(one): one for one in (stdout, stderr) if one}.values()]
        self._real = real
        self._handler = handler
        self._kill_code = 1
        self._blocked: list[threading.Condition] = []
        self._on_running: Callable[[], None] | None = None
        self._on_end: list[Callable[[Process], None]] = []
        self.started = host.clock.now()
        self.service_name = ""  # where the service control manager started it

    @property
    def name(self) -> str:
        """The image name, such as ``msiexec.exe``."""
        return self.path.rpartition("\\")[2]

    @property
    def codepage(self) -> int:
        return self.console.codepage

    # -- for handlers

    def print(self, text: str = "", end: str = "\r\n") -> None:
        """Text to standard output, in the console's code page."""
        self.stdout.write(self.console.encode(text.replace("\r\n", "\n").replace("\n", "\r\n") + end))

    def error(self, text: str = "", end: str = "\r\n") -> None:
        """Text to standard error."""
        self.stderr.write(self.console.encode(text.replace("\r\n", "\n").replace("\n", "\r\n") + end))

    def sleep(self, lab_seconds: float) -> None:
        """
        Raises:
            ProcessKilled: The process was killed meanwhile.
        """
        if self.host.clock.sleep(lab_seconds, self.killed):
            raise ProcessKilled

    def check(self) -> None:
        """
        Raises:
            ProcessKilled: The process was killed.
        """
        if self.killed.is_set():
            raise ProcessKilled

    def service_running(self) -> None:
        """Tell the service control manager that the service has started."""
        self.check()
        if self._on_running:
            self._on_running()

    def full(self, path: str) -> str:
        """The absolute path that the process means by ``path``."""
        text = path.replace("/", "\\")
        if text.startswith("\\\\"):
            return text
        if len(text) > 1 and text[1] == ":":
            if text[2:3] == "\\":
                return text
            base = self.cwd if self.cwd[:2].lower() == text[:2].lower() else text[:2] + "\\"
            return base.rstrip("\\") + "\\" + text[2:]
        if text.startswith("\\"):
            return self.cwd[:2] + text
        return self.cwd.rstrip("\\") + "\\" + text

    def wait_for(self, child: Process) -> int:
        """Wait for another process, giving its exit code.

        Raises:
            ProcessKilled: This one was killed meanwhile; the other goes on.
        """
        with self.blocked(child.changed):
            while not child.ended and not self.killed.is_set():
                child.changed.wait()
        self.check()
        return child.exit_code or 0

    def blocked(self, condition: threading.Condition) -> _Blocked:
        """Within this, a kill notifies ``condition`` (whose lock is held)."""
        return _Blocked(self._blocked, condition)

    # -- for those that started it

    def wait(self, timeout: float | None = None) -> int | None:
        """The exit code, or None if it still runs after ``timeout`` real seconds."""
        with self.changed:
            self.changed.wait_for(lambda: self.ended, timeout)
            return self.exit_code

    def wait_output(self, timeout: float) -> tuple[bytes, bytes, bool]:
        """Output, error output and whether it ended; waits at most ``timeout`` real seconds for any of them."""
        with self.changed:
            self.changed.wait_for(lambda: self.ended or self.output.waiting or self.errors.waiting, timeout)
            return self.output.take(), self.errors.take(), self.ended

    def kill(self, exit_code: int = 1) -> None:
        """TerminateProcess: its children go on. Its handler ends at its next wait, read or write."""
        if self.killed.is_set() or self.ended:
            return
        self._kill_code = exit_code
        self.killed.set()
        for condition in list(self._blocked):
            with condition:
                condition.notify_all()

    def on_end(self, callback: Callable[[Process], None]) -> None:
        """Call this when it has ended; at once if it has."""
        with self.changed:
            if not self.ended:
                self._on_end.append(callback)
                return
        callback(self)

    # -- life

    def start(self) -> None:
        if self._real:
            self.host.fs.lock(self._real)
        if self.job:
            self.job.add(self)
        threading.Thread(target=self._run, name=f"{self.host.name}:{self.pid}:{self.name}", daemon=True).start()

    def _run(self) -> None:
        try:
            code = self._handler(self)
        except ProcessKilled:
            code = self._kill_code
        except WinError as error:
            # A handler that let a Windows error through: the program would have said this and ended with the number.
            self.errors.write(self.console.encode(f"{error.text}\r\n"))
            code = error.code
        except Exception:  # pylint: disable=broad-exception-caught  # a crash of one program is not one of the host
            self.host.crashed(self, traceback.format_exc())
            self.errors.write(self.console.encode(traceback.format_exc().replace("\n", "\r\n")))
            code = FAULT
        if self.killed.is_set():
            code = self._kill_code
        self._finish(code & 0xFFFFFFFF)

    def _finish(self, code: int) -> None:
        if self._real:
            self.host.fs.unlock(self._real)
        # Before anybody learns that it has ended: a handle of an ended process holds nothing.
        for let_go in self._inherited:
            let_go()
        self.host.process_ended(self, code)
        self.output.close()
        self.errors.close()
        with self.changed:
            self.exit_code = code
            self.ended = True
            callbacks = list(self._on_end)
            self.changed.notify_all()
        for callback in callbacks:
            callback(self)


class _Blocked:
    def __init__(self, blocked: list[threading.Condition], condition: threading.Condition) -> None:
        self._blocked, self._condition = blocked, condition

    def __enter__(self) -> None:
        self._condition.acquire()
        self._blocked.append(self._condition)

    def __exit__(self, *exc: object) -> None:
        self._blocked.remove(self._condition)
        self._condition.release()


class Input:
    """A process's end of its standard input; :attr:`pipe` is the other one."""

    def __init__(self, process: Process, pipe: Pipe) -> None:
        self._process = process
        self.pipe = pipe

    def read_some(self) -> bytes:
        """The next bytes; empty at the end of the input."""
        with self._process.blocked(self.pipe.changed):
            data = self.pipe.wait_data(self._process.killed.is_set)
        self._process.check()
        return data

    def read(self) -> bytes:
        """All, up to the end of the input."""
        out = bytearray()
        while data := self.read_some():
            out += data
        return bytes(out)

    def read_line(self) -> str:
        """The next line, without its end. What follows it stays to be read."""
        out = bytearray()
        while data := self.read_some():
            line, found, rest = data.partition(b"\n")
            out += line
            if found:
                with self.pipe.changed:
                    self.pipe._data[:0] = rest
                break
        return self._process.console.decode(bytes(out)).rstrip("\r\n")


class Output:
    """A process's end of an output stream."""

    def __init__(self, process: Process, sink: Sink) -> None:
        self._process = process
        self.sink = sink

    def write(self, data: bytes) -> None:
        self._process.check()
        self.sink.write(data)

    def close(self) -> None:
        """An inherited stream is closed by whoever made it."""
