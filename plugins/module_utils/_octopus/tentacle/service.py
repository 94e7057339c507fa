# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The Windows service of a Tentacle, restarted so that it reads its configuration, and verified by its process and its log."""

from __future__ import annotations

from collections.abc import Sequence

from ansible_collections.octopus.upgrade.plugins.module_utils._core.errors import UpgradeError
from ansible_collections.octopus.upgrade.plugins.module_utils._core.waiting import Deadline
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError
from ansible_collections.octopus.upgrade.plugins.module_utils._windows import services
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.connection import WindowsHost

from .cli import TentacleCli
from .polls import polled_by
from .reading import Instance

# Seconds until a process that runs has said in its log what it polls.
_SAYS_SO = 60.0


class TentacleService:
    """The service of one instance.

    Args:
        host: The host.
        cli: The program.
        found: The instance as it was found.
        running: Whether the service was running before the first change. One that was not is never started.
        timeout: Seconds that it may take to stop and start.
    """

    def __init__(self, host: WindowsHost, cli: TentacleCli, found: Instance, *, running: bool, timeout: float) -> None:
        self._host, self._cli, self._found, self._timeout = host, cli, found, timeout
        self.running = running
        self._former = found.service.pid if found.service and found.service.state == "running" else 0
        self._restarted = False

    def state(self) -> str | None:
        """The present state; None where there is no such service."""
        now = services.query(self._host, self._found.service_name)
        return now.state if now else None

    def restart(self) -> bool:
        """Let the service run with a new process, and return whether that was necessary: one that was stopped stays stopped.

        Raises:
            OctopusError: The former process is still running.
            HostError: The service does not stop or start.
        """
        if not self.running:
            return False
        name = self._found.service_name
        self._restarted = True
        if self._former:
            self._cli.restart(self._found.name, self._timeout)
        now = services.query(self._host, name)
        if now is not None and now.state == "stopped":
            services.start(self._host, name)
        now = services.wait_for(self._host, name, "running", self._timeout, tell=self._refuse_stopped)
        if now.pid == self._former:
            raise OctopusError(f"The service {name} could not be restarted: its process {now.pid} is still running.")
        self._former = now.pid
        return True

    def _refuse_stopped(self, now: services.ServiceState) -> None:
        """Windows has accepted the start, so a service that is stopped has ended."""
        if now.state == "stopped":
            raise OctopusError(f"The service {now.name} stopped during its start (exit code {now.exit_code}).")

    def polls(self, home: str | None, wanted: Sequence[str]) -> bool | None:
        """Wait until the restarted process says in its log that it polls these addresses.

        Returns:
            None where nothing was restarted; False where the log says nothing of this process.

        Raises:
            OctopusError: The process has ended, or polls others only.
        """
        if not self._restarted:
            return None
        deadline = Deadline(min(self._timeout, _SAYS_SO))
        while True:
            said = polled_by(self._host, home, self._former)
            if said is not None and said.issuperset(wanted):
                return True
            now = services.query(self._host, self._found.service_name)
            if now is None or now.state != "running" or now.pid != self._former:
                raise OctopusError(
                    f"The service {self._found.service_name} ended after its start: it is {now.state if now else 'gone'}. Its log in {home}\\Logs says why."
                )
            if not deadline.pause():
                break
        if said is None:
            return False
        raise OctopusError(f"By its log, the service {self._found.service_name} polls {', '.join(sorted(said))} only.")

    def as_before(self) -> tuple[bool, str]:
        """After the configuration is as it was: let the service run with it where it was running.

        Returns:
            Whether it does as it did, and how that went, as a sentence.
        """
        name = self._found.service_name
        if not self.running:
            return True, f"The service {name} was not running before and was not started."
        try:
            now = services.query(self._host, name)
            if now is not None and now.state == "running" and not self._restarted:
                return True, f"The service {name} was not restarted."
            self._former = now.pid if now is not None and now.state == "running" else 0
            self.restart()
        except UpgradeError as error:
            return False, f"The service {name} does not run as before: {error}"
        return True, f"The service {name} is running as before."
