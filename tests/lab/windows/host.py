# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A Windows host: what it has, and how a process starts on it."""

from __future__ import annotations

import itertools
import json
import threading
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from lab.core.filesystem import Logon, WinError
from lab.core.network import DOMAIN, Machine, Network

from . import argv
from .env import Environment
from .process import Handler, Job, Process
from .registry import Registry
from .streams import Console, Pipe, Sink

SYSTEM32 = "C:\\Windows\\System32"
POWERSHELL = SYSTEM32 + "\\WindowsPowerShell\\v1.0"
BAD_EXE_FORMAT = 193
PRODUCTS = {
    "9600": "Windows Server 2012 R2 Standard",
    "14393": "Windows Server 2016 Standard",
    "17763": "Windows Server 2019 Standard",
    "20348": "Windows Server 2022 Standard",
    "26100": "Windows Server 2025 Standard",
}


class WindowsHost(Machine):
    """``os_build`` decides what :func:`ver` shows; ``has_curl`` is False before Windows Server 2019."""

    def __init__(self, name: str, network: Network, os_build: str = "10.0.17763", has_curl: bool = True) -> None:
        super().__init__(name, network)
        # Only here, since these import Process and the host's type.
        from .commands import install_commands
        from .firewall import Firewall
        from .services import ServiceManager
        from .tasks import TaskScheduler

        self.os_build = os_build
        self.has_curl = has_curl
        self.crashes: list[str] = []
        self.clock_ahead = 0.0  # seconds that its clock is wrong by
        self.copy_rate = 50 * 1024**2  # bytes a lab second
        self.download_rate = 20 * 1024**2  # bytes a lab second
        self.programs: dict[str, Handler] = {}
        self.registry = Registry()
        self.firewall = Firewall(self.registry)
        self._name_system()
        self.acls: dict[str, dict[str, Any]] = {}  # by path in lower case: who was granted what, by icacls
        self.installer_lock = threading.Lock()  # the mutex _MSIExecute
        self.installed_packages: dict[str, bytes] = {}  # by product code; what Windows Installer knows of a product without its package
        self.reboot_files: list[tuple[str, bytes | None]] = []  # replaced (None: deleted) at the next boot
        self._pids = itertools.count(1004, 4)  # Windows numbers processes by multiples of four
        self._processes: dict[int, Process] = {}
        self._lock = threading.Lock()
        self.system = Logon.service("SYSTEM")
        self.fs.add_drive("C", self.root / "C")
        for folder in (POWERSHELL, "C:\\Windows\\Temp", "C:\\Program Files", "C:\\Program Files (x86)", "C:\\ProgramData", "C:\\Users"):
            self.fs.mkdir(folder, self.system)
        self.services = ServiceManager(self)
        self.tasks = TaskScheduler(self)
        install_commands(self)
        self.running = False

    def _name_system(self) -> None:
        """What winver reads (https://learn.microsoft.com/windows/release-health/release-information for the builds)."""
        key = "HKLM\\SOFTWARE\\Microsoft\\Windows NT\\CurrentVersion"
        build = self.os_build.split(".")[2]
        for value, text in (("ProductName", PRODUCTS.get(build, "Windows Server")), ("CurrentBuild", build), ("CurrentBuildNumber", build)):
            self.registry.set(key, value, "REG_SZ", text)
        # What came with Windows: https://learn.microsoft.com/dotnet/framework/install/versions-and-dependencies, and the number of each:
        # https://learn.microsoft.com/dotnet/framework/install/how-to-determine-which-versions-are-installed
        net = {"9600": 378675, "14393": 394802, "17763": 461814}.get(build, 528049)
        self.registry.set("HKLM\\SOFTWARE\\Microsoft\\NET Framework Setup\\NDP\\v4\\Full", "Release", "REG_DWORD", net)
        # On in every profile: https://learn.microsoft.com/windows/security/operating-system-security/network-security/windows-firewall/
        policy = "HKLM\\SYSTEM\\CurrentControlSet\\Services\\SharedAccess\\Parameters\\FirewallPolicy"
        for profile in ("DomainProfile", "StandardProfile", "PublicProfile"):
            self.registry.set(f"{policy}\\{profile}", "EnableFirewall", "REG_DWORD", 1)

    def refuses(self, server: str) -> bool:
        """Whether the firewall refuses a connection of the host to an address; what stays on the host is not filtered."""
        return server != self.address and self.firewall.refuses(server)

    # -- programs

    def add_program(self, path: str, handler_name: str, **info: Any) -> None:
        """Write an executable: a file that names its handler in :attr:`programs`. Its folder is made."""
        folder = path.rpartition("\\")[0]
        if not self.fs.is_dir(folder, self.system):
            self.fs.mkdir(folder, self.system)
        self.fs.write(path, json.dumps({"lab_program": handler_name, **info}).encode(), self.system)

    def program_info(self, path: str) -> dict[str, Any]:
        """What an executable file says about itself.

        Raises:
            WinError: 2 or 3 missing, 193 not an executable.
        """
        try:
            info = json.loads(self.fs.read(path, self.system))
        except ValueError as error:
            raise WinError(BAD_EXE_FORMAT, path) from error
        if not isinstance(info, dict) or "lab_program" not in info:
            raise WinError(BAD_EXE_FORMAT, path)
        return info

    def environment(self, logon: Logon) -> Environment:
        """The variables that a process of that account starts with."""
        domain, _dot, user = logon.account.rpartition("\\")
        system = user.upper() == "SYSTEM" or domain.upper() == "NT SERVICE"
        return Environment(
            {
                "ALLUSERSPROFILE": "C:\\ProgramData",
                "CommonProgramFiles": "C:\\Program Files\\Common Files",
                "COMPUTERNAME": self.name.upper(),
                "ComSpec": f"{SYSTEM32}\\cmd.exe",
                "NUMBER_OF_PROCESSORS": "2",
                "OS": "Windows_NT",
                "Path": f"{SYSTEM32};C:\\Windows;{POWERSHELL}",
                "PATHEXT": ".COM;.EXE;.BAT;.CMD",
                "PROCESSOR_ARCHITECTURE": "AMD64",
                "ProgramData": "C:\\ProgramData",
                "ProgramFiles": "C:\\Program Files",
                "ProgramFiles(x86)": "C:\\Program Files (x86)",
                "ProgramW6432": "C:\\Program Files",
                "SystemDrive": "C:",
                "SystemRoot": "C:\\Windows",
                "TEMP": "C:\\Windows\\Temp",
                "TMP": "C:\\Windows\\Temp",
                "USERDOMAIN": DOMAIN,
                "USERNAME": f"{self.name.upper()}$" if system else user,
                "USERPROFILE": f"{SYSTEM32}\\config\\systemprofile" if system else f"C:\\Users\\{user}",
                "windir": "C:\\Windows",
            }
        )

    def start_folder(self, logon: Logon) -> str:
        """Where a process starts: the profile for a WinRM shell (as in its recordings), else System32."""
        if logon.kind != "network":
            return SYSTEM32
        folder = self.environment(logon)["USERPROFILE"]
        if not self.fs.is_dir(folder, self.system):
            self.fs.mkdir(folder, self.system)
        return folder

    # -- CreateProcess

    def spawn(
        self,
        application: str | None,
        command_line: str,
        logon: Logon,
        *,
        env: Mapping[str, str] | None = None,
        cwd: str | None = None,
        parent: Process | None = None,
        stdin: bytes | Pipe | None = None,
        stdout: Sink | None = None,
        stderr: Sink | None = None,
        console: Console | None = None,
        job: Job | None = None,
        prepare: Callable[[Process], None] | None = None,
        handler: Handler | None = None,
    ) -> Process:
        """CreateProcess, and start it.

        Args:
            application: The file to run, taken as it is; None: the command line's first word, searched for in System32 and PATH.
            env: All variables (None: the parent's, or the account's).
            stdin: Bytes to read, or a pipe that somebody writes to; None: empty.
            stdout: Where output goes (default: kept in ``process.output``, see ``process.wait_output``). Likewise ``stderr``.
            job: The job object it belongs to (default: its parent's).
            prepare: Called before its first instruction.
            handler: Run this instead of what the file says (faults).

        Raises:
            WinError: 2 no such file, 3 no such folder, 5 no access, 193 not an executable.
        """
        variables = Environment(env if env is not None else parent.env if parent else self.environment(logon))
        folder = cwd or (parent.cwd if parent else self.start_folder(logon))
        path = application if application is not None else self._search(command_line, variables, folder, logon)
        if application is not None:
            path = path if path[1:2] == ":" or path.startswith("\\\\") else f"{folder.rstrip(chr(92))}\\{path}"
            if not self.fs.is_file(path, logon):
                raise WinError(2, application)
        if path.lower().endswith((".cmd", ".bat")):
            # CreateProcess runs a batch file through cmd.exe.
            path, command_line = f"{SYSTEM32}\\cmd.exe", f'cmd.exe /c "{command_line}"'
        info = self.program_info(path)
        run = handler or self.programs.get(info["lab_program"])
        if run is None:
            raise LookupError(f"{self.name}: {path} names the handler {info['lab_program']!r}, which host.programs does not have")
        process = Process(
            self,
            next(self._pids),
            path,
            real=self.fs.real(path, logon),
            info=info,
            handler=run,
            command_line=command_line,
            argv=argv.split(command_line),
            logon=logon,
            env=variables,
            cwd=folder,
            console=console or (parent.console if parent else Console()),
            stdin=stdin if isinstance(stdin, Pipe) else Pipe(stdin or b"", closed=True),
            stdout=stdout,
            stderr=stderr,
            parent=parent,
            job=job or (parent.job if parent else None),
        )
        if prepare:
            prepare(process)
        with self._lock:
            self._processes[process.pid] = process
        self.ledger.record(
            "process.start",
            self.name,
            pid=process.pid,
            path=path,
            argv=process.argv,
            command_line=command_line,
            account=logon.account,
            logon=logon.kind,
            parent=parent.pid if parent else None,
        )
        process.start()
        return process

    def _search(self, command_line: str, env: Environment, cwd: str, logon: Logon) -> str:
        for candidate in argv.candidates(command_line):
            names = [candidate] if "." in candidate.rpartition("\\")[2] else [candidate + ".exe", candidate]
            folders = [cwd, SYSTEM32, "C:\\Windows", *env.get("Path", "").split(";")]
            for name in names:
                absolute = name[1:2] == ":" or name.startswith("\\\\")
                paths = [name] if absolute else [f"{one.rstrip(chr(92))}\\{name}" for one in folders if one]
                for path in paths:
                    if self.is_program(path, logon):
                        return path
        raise WinError(2, argv.candidates(command_line)[0])

    def is_program(self, path: str, logon: Logon) -> bool:
        """Whether there is such a file; a name that cannot be one is none."""
        try:
            return self.fs.is_file(path, logon)
        except WinError:
            return False

    def now(self) -> datetime:
        """The time by its own clock."""
        return self.clock.now() + timedelta(seconds=self.clock_ahead)

    def copy_seconds(self, size: int) -> float:
        """Lab seconds that reading and writing that many bytes takes, at :attr:`copy_rate`."""
        return size / self.copy_rate

    def processes(self) -> list[Process]:
        """Those that run."""
        with self._lock:
            return list(self._processes.values())

    def process_ended(self, process: Process, code: int) -> None:
        with self._lock:
            self._processes.pop(process.pid, None)
        self.ledger.record("process.end", self.name, pid=process.pid, path=process.path, exit_code=code, killed=process.killed.is_set())

    def crashed(self, process: Process, trace: str) -> None:
        """A handler raised: a defect of the lab, for :attr:`crashes`, which tests should look at."""
        self.crashes.append(f"{self.name}: {process.command_line}\n{trace}")

    # -- power

    def boot(self) -> None:
        """Finish what waited for a restart, then start the task scheduler and the automatic services."""
        self.running = True
        for path, data in self.reboot_files:
            if data is not None:
                self.fs.write(path, data, self.system)
            elif self.fs.exists(path, self.system):
                self.fs.remove(path, self.system)
        self.reboot_files.clear()
        self.tasks.boot()
        self.services.boot()

    def restart(self) -> None:
        """Shut down and boot, as msiexec does without /norestart."""
        self.shutdown()
        self.boot()

    def shutdown(self, timeout: float = 10.0) -> None:
        """Stop services, end every process; waits at most ``timeout`` real seconds for each.

        Raises:
            TimeoutError: A handler did not notice that its process was killed.
        """
        self.running = False
        self.tasks.shutdown()
        self.services.shutdown()
        left = self.processes()
        for process in left:
            process.kill(0x40010004)
        for process in left:
            if process.wait(timeout) is None:
                raise TimeoutError(f"{self.name}: {process.command_line} does not end")
