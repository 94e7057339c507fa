# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Windows Remote Shells: what Create makes, quotas, idle time-outs, and the end of all that was started in them."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass, field

from lab.core.filesystem import Logon, WinError
from lab.windows.host import WindowsHost
from lab.windows.process import Job
from lab.windows.streams import CODECS, Console

from . import faults
from .answers import new_id
from .command import Command, start_line


@dataclass
class Quotas:
    """winrm/config of a server, with the defaults of Windows Server 2012 R2 and later
    (https://learn.microsoft.com/windows/win32/winrm/installation-and-configuration-for-windows-remote-management)."""

    max_envelope_size: int = 500 * 1024
    max_shells_per_user: int = 30
    max_operations_per_user: int = 1500
    idle_timeout: float = 7200.0  # lab seconds
    max_timeout: float = 60.0  # MaxTimeoutms: of a request that names no time, in lab seconds


@dataclass(eq=False)
class Shell:
    """One shell: a job object, a console, an environment, and the commands in it."""

    owner: str
    environment: dict[str, str]
    working_directory: str
    codepage: int
    idle_timeout: float
    last_used: float
    id: str = field(default_factory=new_id)
    job: Job = field(default_factory=Job)
    commands: dict[str, Command] = field(default_factory=dict)
    start_folder: str = ""
    operations: int = 0
    busy: int = 0  # requests that are being answered: a shell that somebody waits for is not idle


class Shells:
    """The shells of one host."""

    def __init__(self, host: WindowsHost, quotas: Quotas) -> None:
        self._host = host
        self.quotas = quotas
        self._lock = threading.Lock()
        self._shells: dict[str, Shell] = {}
        self._operations: Counter[str] = Counter()
        self._wake = threading.Event()
        self._sweeper: threading.Thread | None = None
        self._open = False

    # -- the service

    def open(self) -> None:
        """Begin to look for idle shells."""
        self._open = True
        self._wake.clear()
        self._sweeper = threading.Thread(target=self._sweep, name=f"{self._host.name}:winrm-idle", daemon=True)
        self._sweeper.start()

    def close(self) -> None:
        """The WinRM service stops: all shells go, and their processes with them."""
        self._open = False
        self._wake.set()
        for shell in self.all():
            self._end(shell)
        if self._sweeper:
            self._sweeper.join()
            self._sweeper = None

    def all(self) -> list[Shell]:
        """Those that exist now."""
        with self._lock:
            return list(self._shells.values())

    # -- requests

    def create(self, owner: str, environment: dict[str, str], working_directory: str, codepage: int, idle_timeout: float | None) -> Shell:
        """A new shell.

        Raises:
            WSManFault: Too many of them, or a code page that Windows lacks.
        """
        if codepage not in CODECS:
            raise faults.code_page(codepage)
        shell = Shell(owner, environment, working_directory, codepage, idle_timeout or self.quotas.idle_timeout, self._host.clock.seconds())
        with self._lock:
            if sum(one.owner == owner for one in self._shells.values()) >= self.quotas.max_shells_per_user:
                raise faults.too_many_shells(self.quotas.max_shells_per_user)
            # A shell loads its user's profile, and starts there; two at once must not both make that folder.
            shell.start_folder = working_directory or self._host.start_folder(Logon.network(owner))
            self._shells[shell.id] = shell
        self._wake.set()
        return shell

    def use(self, shell_id: str, owner: str) -> _Use:
        """Within this, a shell is found and not idle.

        Raises:
            WSManFault: There is none of that id, or it is somebody else's.
        """
        with self._lock:
            shell = self._shells.get(shell_id)
        if shell is None:
            raise faults.shell_not_found(shell_id)
        if shell.owner != owner:
            raise faults.windows_error(WinError(5))  # Shells belong to whoever made them; the number is *assumed*.
        return _Use(self, shell)

    def start(self, shell: Shell, command: str, arguments: str, skip_cmd_shell: bool, command_id: str = "") -> Command:
        """Start a command; ``command_id`` is the client's wish ([MS-WSMV] 2.2.4.7).

        Raises:
            WSManFault: It cannot be started, or too many were started in shells that still exist.
        """
        logon = Logon.network(shell.owner)
        with self._lock:
            # Signal does not give an operation back in a text shell ([MS-WSMV] appendix A, 118;
            # https://github.com/ansible/ansible/pull/83656): only the end of the shell does.
            if self._operations[shell.owner] >= self.quotas.max_operations_per_user:
                raise faults.too_many_operations(self.quotas.max_operations_per_user)
            self._operations[shell.owner] += 1
            shell.operations += 1
        one = Command()
        if command_id:
            one.id = command_id.upper()
        self._host.ledger.record(
            "winrm.command",
            self._host.name,
            command=command,
            arguments=arguments,
            logon=logon.account,
            skip_cmd_shell=skip_cmd_shell,
            shell=shell.id,
            command_id=one.id,
        )
        try:
            if not self._host.fs.is_dir(shell.start_folder, logon):
                raise faults.directory_invalid()
            application, line = start_line(command, arguments, skip_cmd_shell)
            environment = {**self._host.environment(logon), **shell.environment}
            one.run(
                self._host,
                application,
                line,
                logon=logon,
                env=environment,
                cwd=shell.start_folder,
                console=Console(shell.codepage),
                job=shell.job,
            )
        except WinError as error:
            raise faults.windows_error(error) from error
        shell.commands[one.id] = one
        return one

    @staticmethod
    def command(shell: Shell, command_id: str) -> Command:
        """
        Raises:
            WSManFault: The shell has no such command, or no longer.
        """
        if not command_id:
            raise faults.no_command_id()
        found = shell.commands.get(command_id.upper())
        if found is None:
            raise faults.command_not_found()
        return found

    def signal(self, shell: Shell, command_id: str, signal: str) -> None:
        """``terminate``, ``ctrl_c`` or ``ctrl_break``. A command that has ended, or been forgotten, does not mind."""
        command = shell.commands.get(command_id.upper())
        if command is None:
            return
        if signal == "terminate":
            shell.commands.pop(command.id, None)
            command.abort()
        else:
            command.interrupt()

    def delete(self, shell: Shell) -> None:
        """The end of a shell and of all that was started in it."""
        self._end(shell)

    # -- ends

    def _end(self, shell: Shell) -> None:
        with self._lock:
            if self._shells.pop(shell.id, None) is None:
                return
            self._operations[shell.owner] -= shell.operations
        for command in list(shell.commands.values()):
            command.abort()
        shell.job.kill()

    def _sweep(self) -> None:
        while self._open:
            now = self._host.clock.seconds()
            idle = {shell: shell.last_used + shell.idle_timeout for shell in self.all() if not shell.busy}
            for shell, ends in idle.items():
                if ends <= now:
                    self._end(shell)
            left = [ends - now for ends in idle.values() if ends > now]
            # A shell in use becomes idle unannounced: look again before it could be due.
            left += [shell.idle_timeout for shell in self.all() if shell.busy]
            self._wake.wait(self._host.clock.real(min(left)) if left else None)
            if self._open:
                self._wake.clear()


class _Use:
    def __init__(self, shells: Shells, shell: Shell) -> None:
        self._shells, self.shell = shells, shell

    def __enter__(self) -> Shell:
        with self._shells._lock:
            self.shell.busy += 1
        return self.shell

    def __exit__(self, *exc: object) -> None:
        with self._shells._lock:
            self.shell.busy -= 1
            self.shell.last_used = self._shells._host.clock.seconds()
