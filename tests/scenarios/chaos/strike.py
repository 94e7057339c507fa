# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A fault at work: armed, met, and taken back."""

from __future__ import annotations

import threading
import time

from lab.core.faults import Armed
from lab.core.ledger import Event
from lab.estate import SINGLE, Lab
from lab.windows.services import STOP_PENDING
from lab.windows.tasks import ENDED_BY_SHUTDOWN
from patience import patient
from scenarios import leftovers
from scenarios.chaos.effects import HANG, JOB_ENDS, Break, Moment


class Strike:
    """One break of one lab. :meth:`go_on` arms it when first called, and has to be called often: it takes the fault back in time."""

    def __init__(self, lab: Lab, what: Break) -> None:
        self.lab, self.what = lab, what
        self.met_at: float | None = None
        self.over = False
        # Shells that were open while connections broke: nobody may be left who could close them.
        self.shells: set[str] = set()
        self._since: int | None = None
        self._armed: Armed | None = None

    def go_on(self) -> None:
        if self._since is None:
            self._since = self.lab.ledger.mark()
            self._arm()
        if self.met_at is None:
            self._look()
        elif not self.over and self.what.hold is not None and time.monotonic() - self.met_at > self.what.hold:
            self.end()

    def end(self) -> None:
        """Take it back: whatever was away is there again.

        Raises:
            TimeoutError: A service that was to hang for a while hangs on.
        """
        if self._since is not None and self.met_at is None:
            self._look()
        if self.over:
            return
        self.over = True
        if self._armed:
            self.lab.faults.disarm(self._armed)
        self._keep_shells()
        if self.what.fault == "service.hang_stop" and self.met_at is not None:
            self._wait_for_service()

    def _arm(self) -> None:
        if self.what.fault == JOB_ENDS:
            threading.Thread(target=self._end_job, args=(self._since,), daemon=True).start()
            return
        params = dict(self.what.params)
        if self.what.fault == "service.hang_stop":
            params["seconds"] = HANG * self.lab.clock.scale
        self._armed = self.lab.faults.arm(self.what.fault, self.what.machine, self.what.times, self.what.skip, **params)

    def _look(self) -> None:
        met = self.lab.ledger.events("fault", since=self._since or 0, name=self.what.fault, action="met")
        if met:
            self.met_at = time.monotonic()
            self._keep_shells()

    def _keep_shells(self) -> None:
        if self.what.fault.startswith("winrm."):
            for instance in self.lab.instances.values():
                self.shells |= leftovers.shells(instance)

    def _end_job(self, since: int) -> None:
        """Kill what the job's task runs, as a restart of the host does."""
        moment = Moment("task.run", str(self.what.machine), begins=("name", str(self.what.params["task"])))
        host = next(host for host in self.lab.instances[SINGLE.name].hosts if host.name == self.what.machine)
        while not self.over:
            try:
                event: Event = self.lab.ledger.wait_for(moment.is_it, 1.0, since)
            except TimeoutError:
                continue
            with host.tasks.changed:
                known = {task.name: task for task in host.tasks.all()}
                runs = list(known[event["name"]].runs) if event["name"] in known else []
            for process in runs:
                assert process.job is not None, "what a task runs is in a job object"
                process.job.kill(ENDED_BY_SHUTDOWN)
            # Only now: what was not ended was not met, and is told.
            self.lab.ledger.record("fault", host.name, name=JOB_ENDS, action="met", params=self.what.params, where=event["name"])
            return

    def _wait_for_service(self) -> None:
        instance = self.lab.instances[SINGLE.name]
        deadline = time.monotonic() + patient(2 * HANG)
        for host in instance.hosts:
            while host.services.query(instance.handle.service).state == STOP_PENDING:
                if time.monotonic() > deadline:
                    raise TimeoutError(f"{host.name}: the service still stops")
                time.sleep(0.05)
