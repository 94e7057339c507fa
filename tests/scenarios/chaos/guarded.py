# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A control node dies at a step and nobody starts it again: within the set minutes the guard restores service, or tells and touches nothing."""

from __future__ import annotations

import time

from lab.windows.host import WindowsHost
from patience import patient
from scenarios.chaos import journal
from scenarios.chaos.case import Broken, CaseRun
from scenarios.chaos.outcome import ALARM, LEFT_ALONE, RESTORED
from scenarios.guards import FOLDER, MINUTES, let_time_pass, task_of
from scenarios.world import look

BEGINS = "quiesce.watchdog"  # from here on users may notice, and the guard acts
CHANGES = ("apply.", "rollback.")
PATIENCE = patient(60.0)  # real seconds until what was begun before the kill has ended, or what the guard has started runs
SETTLED = 1.5  # real seconds without a change


class GuardedRun(CaseRun):
    """A case that is not run again."""

    def _go_on(self) -> None:
        """
        Raises:
            Broken: What the dead run has begun does not end.
        """
        hosts = self.instance.hosts
        begun = journal.step_names(self._journals().entries())
        self._settle(hosts)
        before = {host.name: self._flags(host) for host in hosts}
        mark = self.lab.ledger.mark()
        spent = let_time_pass(self.lab, hosts)
        told = [event["id"] for event in self.lab.ledger.events("event.log", since=mark)]
        problems = self.outcome.problems
        if any(step.startswith(CHANGES) for step in begun):
            self.outcome.outcome = ALARM
            self._expect("the event log", [702], told)
            for host in hosts:
                self._expect(f"what {host.name} has", before[host.name], self._flags(host))
            problems += [f"touched: {event.fields}" for event in self.lab.ledger.events("service.state", since=mark) if event["by"] == "sc"]
        else:
            outage = BEGINS in begun
            self.outcome.outcome = RESTORED if outage else LEFT_ALONE
            self._expect("the event log", [701] * len(hosts) if outage else [], told)
            now = look(self.instance)
            self._expect("services", self.before.services, now.services)
            self._expect("watchdogs", self.before.watchdogs, now.watchdogs)
            self._expect("programs", self.before.programs, now.programs)
        if spent > MINUTES * 60:
            problems.append(f"the guard took {spent / 60:.0f} minutes, not {MINUTES}")
        problems += [f"the guard of {host.name} is still armed" for host in hosts if task_of(host)]
        problems += [f"the lab: {crash}" for host in hosts for crash in host.crashes]
        self.outcome.how = f"the guard, after {spent / 60:.0f} min"

    def _settle(self, hosts: list[WindowsHost]) -> None:
        """Wait until what the dead run has begun on the hosts has ended: jobs, services that start or stop."""
        deadline, since, last = time.monotonic() + PATIENCE, time.monotonic(), ""
        while time.monotonic() - since < SETTLED:
            busy = [
                task.name for host in hosts for task in host.tasks.all() if not task.name.startswith(FOLDER) and self._busy(host, task.name)
            ]
            now = str((busy, [self._flags(host) for host in hosts]))
            if now != last or busy:
                since, last = time.monotonic(), now
            if time.monotonic() > deadline:
                raise Broken(f"what was begun does not end: {now}")
            time.sleep(0.05)

    @staticmethod
    def _busy(host: WindowsHost, name: str) -> bool:
        return name.startswith("\\octopus.upgrade") and host.tasks.is_running(name)

    def _flags(self, host: WindowsHost) -> tuple[int, int, bool, list[bool]]:
        service = host.services.query(self.instance.handle.service)
        watched = [task.enabled for task in host.tasks.all() if "watchdog" in task.name.lower()]
        return service.state, service.start_type, service.delayed, watched

    def _expect(self, what: str, wanted: object, found: object) -> None:
        if wanted != found:
            self.outcome.problems.append(f"{what}: expected {wanted}, found {found}")
