# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Named faults. A part of the lab asks whether one is armed where the real thing could fail; a test arms it."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import Any

from .ledger import Ledger

# name: what happens, and its parameters.
FAULTS: dict[str, str] = {
    "winrm.drop": "the TCP connection is closed before the answer (after=N: lets N requests pass first; action=Command: only those)",
    "winrm.refuse": "nothing listens: connections to the WinRM port are closed at once",
    "winrm.quota": "a request finds a quota full: quota=shells|users (at Create), operations|commands (at Command); wmi=True: as an MSFT_WmiError",
    "winrm.shell_gone": "the host closes the shell before a request for it (action=Command: only before those)",
    "winrm.certificate": "HTTPS shows a certificate that is flaw=expired|early|other_name|self_signed|unidentified",
    "winrm.tls": "HTTPS speaks version=TLSv1|TLSv1_2|TLSv1_3 only (reset=True: and resets the connection at the first request)",
    "msi.fail": "msiexec ends with exit_code=1603 after rolling back (phase=install|uninstall)",
    "msi.busy": "msiexec ends with 1618, another installation is running",
    "msi.reboot": "msiexec succeeds with 3010",
    "download.corrupt": "the download site sends other bytes of the same length",
    "download.fail": "the download site closes the connection half-way",
    "disk.full": "writes below path=… fail for want of space (Windows error 112)",
    "schema.fail": "a migration script fails; the transaction is rolled back (script=name, committed=True: leaves it half done)",
    "schema.undrain": "an upgrade that succeeds makes the rows of the nodes anew, so that none is drained (version=of the program)",
    "service.hang_stop": "the service stays in STOP_PENDING (seconds=…, default for ever)",
    "service.fail_start": "the service process ends at once with exit_code=1",
    "api.slow_start": "the REST API opens seconds=… after the service has started",
    "api.never": "the service runs, its REST API never opens",
    "api.error": "REST calls under path=… get status=… (method=…: only those; message=…)",
    "api.limit": "REST calls get 429 with Retry-After: retry_after=1",
    "sql.refuse": "SQL Server closes connections at once",
    "sql.kill_backup": "the backup's session is killed half-way",
    "sql.kill_revert": "the session that reverts to a database snapshot is killed before a page is put back",
    "sql.kill_restore": "the restore's session is killed half-way (database=name: only of that one)",
    "sql.undo": "a session that ends leaves a transaction that is undone for seconds=… (database=, program=: only theirs; stuck=percent: for ever)",
    "sql.break": "when a session ends, its database breaks down, to state=SUSPECT|RECOVERY_PENDING (database=, program=: only theirs)",
    "task.stuck": "a server task named task=… never ends, and cannot be cancelled",
    "tentacle.torn": "Tentacle.exe is killed when it has written half of its configuration",
    "job.vanish": "a scheduled task's process is killed (as by a reboot)",
}


@dataclass
class Armed:
    name: str
    machine: str | None
    times: int | None
    skip: int
    params: dict[str, Any] = field(default_factory=dict)


class Faults:
    """The armed faults of one lab."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._armed: list[Armed] = []
        self._lock = threading.Lock()

    def arm(self, name: str, machine: str | None = None, times: int | None = 1, skip: int = 0, **params: Any) -> Armed:
        """Arm a fault on one machine (None: all): the first ``skip`` occasions pass, the next ``times`` (None: all) meet it."""
        if name not in FAULTS:
            raise ValueError(f"unknown fault {name!r}; known: {', '.join(sorted(FAULTS))}")
        armed = Armed(name, machine, times, skip, params)
        with self._lock:
            self._armed.append(armed)
        self._ledger.record("fault", machine or "", name=name, action="armed", params=params)
        return armed

    def disarm(self, armed: Armed | None = None) -> None:
        """Take one fault back, or all of them."""
        with self._lock:
            self._armed = [] if armed is None else [one for one in self._armed if one is not armed]

    def armed(self, name: str) -> list[Armed]:
        """The armed faults of that name, for a caller that matches them itself."""
        with self._lock:
            return [armed for armed in self._armed if armed.name == name]

    def met(self, armed: Armed, machine: str, **where: Any) -> None:
        """A caller's own match struck: count it down and remember it."""
        with self._lock:
            if armed.times is not None:
                armed.times -= 1
                if armed.times <= 0 and armed in self._armed:
                    self._armed.remove(armed)
        self._ledger.record("fault", machine, name=armed.name, action="met", params=armed.params, where=where)

    def hit(self, name: str, machine: str, **where: Any) -> dict[str, Any] | None:
        """The parameters of the fault that strikes here now, or None.

        A parameter of the armed fault that ``where`` also names must be equal for it to strike.
        """
        if name not in FAULTS:
            raise ValueError(f"unknown fault {name!r}")
        with self._lock:
            for armed in self._armed:
                if armed.name != name or armed.machine not in (None, machine):
                    continue
                if any(key in armed.params and armed.params[key] != value for key, value in where.items()):
                    continue
                if armed.skip > 0:
                    armed.skip -= 1
                    continue
                if armed.times is not None:
                    armed.times -= 1
                    if armed.times <= 0:
                        self._armed.remove(armed)
                params = dict(armed.params)
                break
            else:
                return None
        self._ledger.record("fault", machine, name=name, action="met", params=params, where=where)
        return params
