# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The service control manager. A service's settings lie in the registry, as the real ones do."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lab.core.filesystem import Logon, WinError

from .process import Handler, Process

if TYPE_CHECKING:
    from .host import WindowsHost

STOPPED, START_PENDING, STOP_PENDING, RUNNING = 1, 2, 3, 4
STATES = {STOPPED: "STOPPED", START_PENDING: "START_PENDING", STOP_PENDING: "STOP_PENDING", RUNNING: "RUNNING"}
AUTO, DEMAND, DISABLED = 2, 3, 4
KEY = "HKLM\\SYSTEM\\CurrentControlSet\\Services"

# https://learn.microsoft.com/windows/win32/debug/system-error-codes
NOT_STOPPABLE_NOW, ALREADY_RUNNING, IS_DISABLED, NO_SUCH_SERVICE, NOT_STARTED = 1061, 1056, 1058, 1060, 1062
ENDED_UNEXPECTEDLY, NEVER_STARTED, MARKED_FOR_DELETE, EXISTS, LOGON_FAILED = 1067, 1077, 1072, 1073, 1069


@dataclass(frozen=True)
class Service:
    """What a query shows. ``state``: 1 stopped, 2 starting, 3 stopping, 4 running. ``start_type``: 2 auto, 3 manual, 4 disabled."""

    name: str
    display: str
    command_line: str
    account: str
    start_type: int
    state: int
    pid: int
    exit_code: int
    delayed: bool = False


class _Running:
    """What is known of a service beyond its settings."""

    def __init__(self) -> None:
        self.state = STOPPED
        self.process: Process | None = None
        self.exit_code = NEVER_STARTED
        self.deleted = False


def _ends_with(exit_code: int) -> Handler:
    return lambda _process: exit_code


class ServiceManager:
    """Names are case-insensitive. Methods raise WinError with the number that the Windows function gives."""

    def __init__(self, host: WindowsHost) -> None:
        self._host = host
        self._running: dict[str, _Running] = {}
        self.changed = threading.Condition(threading.RLock())

    def create(self, name: str, display: str, command_line: str, account: str = "LocalSystem", start_type: int = AUTO) -> None:
        """
        Raises:
            WinError: 1073 there is one of that name, 1072 it waits to be deleted.
        """
        with self.changed:
            known = self._running.get(name.lower())
            if known:
                raise WinError(MARKED_FOR_DELETE if known.deleted else EXISTS, name)
            self._running[name.lower()] = _Running()
            registry = self._host.registry
            key = f"{KEY}\\{name}"
            registry.set(key, "DisplayName", "REG_SZ", display)
            registry.set(key, "ImagePath", "REG_EXPAND_SZ", command_line)
            registry.set(key, "ObjectName", "REG_SZ", account)
            registry.set(key, "Start", "REG_DWORD", start_type)
            registry.set(key, "Type", "REG_DWORD", 0x10)
            registry.set(key, "ErrorControl", "REG_DWORD", 1)

    def names(self) -> list[str]:
        """All services, as they were created."""
        with self.changed:
            return [name for name in self._host.registry.subkeys(KEY) if name.lower() in self._running]

    def query(self, name: str) -> Service:
        """
        Raises:
            WinError: 1060 no such service.
        """
        with self.changed:
            running = self._get(name)
            pid = running.process.pid if running.process and running.state != STOPPED else 0
            return Service(
                name,
                self._value(name, "DisplayName"),
                self._value(name, "ImagePath"),
                self._value(name, "ObjectName"),
                int(self._value(name, "Start")),
                running.state,
                pid,
                running.exit_code,
                self._value(name, "DelayedAutostart") == "1",
            )

    def config(self, name: str, **values: str | int) -> None:
        """Change settings: ImagePath, ObjectName, Start, DelayedAutostart, DisplayName, DependOnService.

        Raises:
            WinError: 1060, 1072.
        """
        with self.changed:
            if self._get(name).deleted:
                raise WinError(MARKED_FOR_DELETE, name)
            for value, data in values.items():
                kind = "REG_DWORD" if isinstance(data, int) else "REG_EXPAND_SZ" if value == "ImagePath" else "REG_SZ"
                self._host.registry.set(f"{KEY}\\{name}", value, kind, data)

    def start(self, name: str, by: str = "") -> int:
        """Start its process; gives the process id. The service then is in START_PENDING until the process says that it runs.

        Raises:
            WinError: 1056 runs already, 1058 disabled, 1060 no such service, 2/3 its program is missing.
        """
        with self.changed:
            running = self._get(name)
            service = self.query(name)
            if running.deleted:
                raise WinError(MARKED_FOR_DELETE, name)
            if service.start_type == DISABLED:
                raise WinError(IS_DISABLED, name)
            if service.state != STOPPED:
                raise WinError(ALREADY_RUNNING, name)
            fails = self._host.faults.hit("service.fail_start", self._host.name, service=name)
            broken = _ends_with(int(fails.get("exit_code", 1))) if fails is not None else None
            self._set(name, START_PENDING, by)
            try:
                process = self._host.spawn(
                    None,
                    service.command_line,
                    self._logon(service.account),
                    prepare=lambda one: self._prepare(name, one),
                    handler=broken,
                )
            except WinError:
                self._set(name, STOPPED, "scm")
                raise
        process.on_end(lambda ended: self._ended(name, ended))
        return process.pid

    def stop(self, name: str, by: str = "") -> None:
        """Ask it to stop; it is in STOP_PENDING until its process has ended.

        Raises:
            WinError: 1060 no such service, 1061 it is starting or stopping, 1062 it does not run.
        """
        with self.changed:
            running = self._get(name)
            if running.state == STOPPED:
                raise WinError(NOT_STARTED, name)
            if running.state != RUNNING:
                raise WinError(NOT_STOPPABLE_NOW, name)
            hangs = self._host.faults.hit("service.hang_stop", self._host.name, service=name)
            self._set(name, STOP_PENDING, by)
            process = running.process
        if process and hangs is None:
            process.stop_requested.set()
        elif process and hangs and "seconds" in hangs:
            threading.Thread(target=self._stop_later, args=(process, float(hangs["seconds"])), daemon=True).start()

    def delete(self, name: str) -> None:
        """At once when it is stopped, else when it stops.

        Raises:
            WinError: 1060, 1072.
        """
        with self.changed:
            running = self._get(name)
            if running.deleted:
                raise WinError(MARKED_FOR_DELETE, name)
            running.deleted = True
            if running.state == STOPPED:
                self._forget(name)

    def wait(self, name: str, state: int, timeout: float) -> bool:
        """Whether it comes into that state within ``timeout`` real seconds."""
        with self.changed:
            return self.changed.wait_for(lambda: self._get(name).state == state, timeout)

    def boot(self) -> None:
        """Start the automatic ones; one that does not start stays stopped, as at a real boot."""
        for name in self.names():
            service = self.query(name)
            if service.start_type == AUTO and service.state == STOPPED:
                try:
                    self.start(name, by="boot")
                except WinError as error:
                    with self.changed:
                        self._get(name).exit_code = error.code

    def shutdown(self) -> None:
        """Ask the running ones to stop and wait for it at most 20 lab seconds, the time that Windows gives them (*assumed*)."""
        stopping = [name for name in self.names() if self.query(name).state == RUNNING]
        for name in stopping:
            self.stop(name, by="shutdown")
        for name in stopping:
            self.wait(name, STOPPED, self._host.clock.real(20))

    # -- inside

    def _get(self, name: str) -> _Running:
        running = self._running.get(name.lower())
        if running is None:
            raise WinError(NO_SUCH_SERVICE, name)
        return running

    def _value(self, name: str, value: str) -> str:
        found = self._host.registry.get(f"{KEY}\\{name}", value)
        return str(found[1]) if found else ""

    @staticmethod
    def _logon(account: str) -> Logon:
        return Logon.service("SYSTEM" if account.lower() in ("localsystem", "nt authority\\system") else account)

    def _prepare(self, name: str, process: Process) -> None:
        running = self._get(name)
        running.process = process
        process.service_name = name
        process._on_running = lambda: self._set(name, RUNNING, "service", only_from=START_PENDING)

    def _stop_later(self, process: Process, lab_seconds: float) -> None:
        if not self._host.clock.sleep(lab_seconds, process.killed):
            process.stop_requested.set()

    def _set(self, name: str, state: int, by: str, only_from: int | None = None) -> None:
        with self.changed:
            running = self._running.get(name.lower())
            if running is None or (only_from is not None and running.state != only_from):
                return
            running.state = state
            self._host.ledger.record("service.state", self._host.name, name=name, state=STATES[state], by=by)
            self.changed.notify_all()

    def _ended(self, name: str, process: Process) -> None:
        with self.changed:
            running = self._running.get(name.lower())
            if running is None or running.process is not process:
                return
            asked = running.state == STOP_PENDING
            running.exit_code = 0 if asked and not process.killed.is_set() else ENDED_UNEXPECTEDLY
            running.process = None
            self._set(name, STOPPED, "service" if asked else "ended")
            if running.deleted:
                self._forget(name)

    def _forget(self, name: str) -> None:
        del self._running[name.lower()]
        self._host.registry.delete_key(f"{KEY}\\{name}")
        self.changed.notify_all()
