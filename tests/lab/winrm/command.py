# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A command in a shell: a process, the pipe into it, and its output in pieces as it comes."""

from __future__ import annotations

import re
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping

from lab.core.filesystem import Logon, WinError
from lab.windows.host import SYSTEM32, WindowsHost
from lab.windows.process import Job, Process
from lab.windows.streams import Console, Pipe

from . import faults
from .answers import STREAM_OVERHEAD, new_id

FULL_PATH = re.compile(r"(?:[A-Za-z]:\\|\\\\)\S+$")
CONTROL_C_EXIT = 0xC000013A
"""STATUS_CONTROL_C_EXIT: how a console program that handles no Ctrl+C ends."""
LARGEST_PIECE = 32768
"""Bytes of one Stream element at most; *assumed*."""


def start_line(command: str, arguments: str, skip_cmd_shell: bool) -> tuple[str, str]:
    """Application name and command line for CreateProcess.

    With WINRS_SKIP_CMD_SHELL ([MS-WSMV] 3.1.4.11) the command is the application name: a real host refuses one without
    its full path as a missing file. That a path with a space is refused likewise is *assumed*: no recording shows one,
    and what depends on the other answer would break where this one holds. Without it cmd.exe gets the line.

    Raises:
        WinError: 2 the command is no full path, or has a space.
    """
    line = f"{command} {arguments}" if arguments else command
    if not skip_cmd_shell:
        return f"{SYSTEM32}\\cmd.exe", f'{SYSTEM32}\\cmd.exe /C "{line}"'
    if not FULL_PATH.match(command):
        raise WinError(2, command)
    return command, line


class _Stream:
    """What a process writes standard output or error to: pieces, in the order in which both came."""

    def __init__(self, command: Command, name: str) -> None:
        self._command = command
        self._name = name

    def write(self, data: bytes) -> None:
        self._command.add_output(self._name, data)

    def close(self) -> None:
        """The command ends with its process, whoever else holds the pipe; *assumed*."""

    def inherit(self) -> Callable[[], None]:
        return self.close


class Command:
    """One command. Several threads may use it at once: one that waits for output, others that send input or a signal."""

    def __init__(self) -> None:
        self.id = new_id()
        self.stdin = Pipe()
        self.stdout = _Stream(self, "stdout")
        self.stderr = _Stream(self, "stderr")
        self.process: Process | None = None
        self._changed = threading.Condition()
        self._output: deque[tuple[str, bytes]] = deque()
        self._ended = False
        self._aborted = False
        self._receiving = False

    def run(
        self, host: WindowsHost, application: str, line: str, *, logon: Logon, env: Mapping[str, str], cwd: str, console: Console, job: Job
    ) -> None:
        """Start it.

        Raises:
            WinError: As CreateProcess.
        """
        self.process = host.spawn(
            application,
            line,
            logon,
            env=env,
            cwd=cwd,
            stdin=self.stdin,
            stdout=self.stdout,
            stderr=self.stderr,
            console=console,
            job=job,
        )
        self.process.on_end(self._on_end)

    def add_output(self, stream: str, data: bytes) -> None:
        """Output came; it stays until somebody asks for it."""
        with self._changed:
            for start in range(0, len(data), LARGEST_PIECE):
                self._output.append((stream, data[start : start + LARGEST_PIECE]))
            self._changed.notify_all()

    def _on_end(self, _process: Process) -> None:
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def send(self, data: bytes, end: bool) -> None:
        """Input for the program; ``end`` closes the pipe.

        Raises:
            WSManFault: The pipe was closed before, or the program has ended.
        """
        with self._changed:
            if self.stdin.closed or self._ended:
                raise faults.pipe_closed()
        self.stdin.write(data)
        if end:
            self.stdin.close()

    def receive(self, timeout: float, room: int) -> tuple[list[tuple[str, bytes]], int | None]:
        """Output, at once where there is some, and the exit code once all output was taken and the program has ended.

        Args:
            timeout: Real seconds to wait.
            room: Bytes that the answer's streams may take.

        Raises:
            WSManFault: Nothing came in time; somebody else receives; the command was terminated or its shell deleted.
        """
        deadline = time.monotonic() + timeout
        with self._changed:
            if self._receiving:
                raise faults.receive_in_progress()
            self._receiving = True
            self._changed.notify_all()
            try:
                while not self._output and not self._ended and not self._aborted:
                    left = deadline - time.monotonic()
                    if left <= 0:
                        raise faults.operation_timeout()
                    self._changed.wait(left)
                if self._aborted:
                    raise faults.aborted()
                pieces = self._take(room)
                done = self._ended and not self._output
            finally:
                self._receiving = False
        return pieces, self.process.exit_code if done and self.process else None

    def wait_receiver(self, timeout: float) -> bool:
        """Wait at most ``timeout`` real seconds until somebody waits for output; for whoever has to act just then."""
        with self._changed:
            return self._changed.wait_for(lambda: self._receiving, timeout)

    def _take(self, room: int) -> list[tuple[str, bytes]]:
        pieces: list[tuple[str, bytes]] = []
        while self._output:
            fits = (room - STREAM_OVERHEAD) // 4 * 3
            if fits <= 0:
                break
            stream, data = self._output.popleft()
            if len(data) > fits:
                self._output.appendleft((stream, data[fits:]))
                data = data[:fits]
            pieces.append((stream, data))
            room -= STREAM_OVERHEAD + (len(data) + 2) // 3 * 4
        return pieces

    def interrupt(self) -> None:
        """Ctrl+C or Ctrl+Break, which reach every process of the console: they end, what they wrote can still be read."""
        if self.process is None:
            return
        for process in [self.process, *self.process.host.processes()]:
            if self._started(process):
                process.kill(CONTROL_C_EXIT)

    def _started(self, process: Process | None) -> bool:
        """Whether that is the command's program or a descendant of it."""
        while process is not None and process is not self.process:
            process = process.parent
        return process is not None

    def abort(self) -> None:
        """The end of the command: its program dies, whoever waits for output gets a fault."""
        with self._changed:
            self._aborted = True
            self._changed.notify_all()
        self.stdin.close()
        if self.process:
            self.process.kill()
