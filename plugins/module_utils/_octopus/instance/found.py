# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One instance on one host as it is found, and what keeps it from being changed."""

from __future__ import annotations

from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.host import cli_output, config_file, connection_string, watchdog
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.host.instances import (
    Configuration,
    InstanceEntry,
    OctopusHost,
    computer_name,
    service_name,
)
from ansible_collections.octopus.upgrade.plugins.module_utils._windows import files, services
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.connection import WindowsHost, text_of

from . import same_database
from .program import InstanceProgram
from .request import InstanceRequest
from .results import InstanceResult


class FoundInstance:
    """The instance of a request on a host: what is there, and what may be done.

    Args:
        host: The host.
        request: What is asked for.
        result: Gets what is found.
    """

    def __init__(self, host: WindowsHost, request: InstanceRequest, result: InstanceResult) -> None:
        self.host = host
        self.request = request
        self.result = result
        self.octopus = OctopusHost(host)
        self.program = InstanceProgram(self.octopus, request.name, request.run_as, request.work_root, request.secrets)
        self.service_name = service_name(request.name)
        self.may_change = False  # whether it was looked at, and nothing spoke against it

    def has_program(self) -> bool:
        return files.exists(self.host, self.octopus.cli.program)

    def entry(self) -> InstanceEntry | None:
        """Return the instance in the host's register."""
        wanted = self.request.name.lower()
        return next((entry for entry in self.octopus.instances() if entry.name.lower() == wanted), None)

    def file_settings(self, path: str) -> Configuration | None:
        """Return what a configuration file says; None where there is no file."""
        content = config_file.read(self.host, path)
        if content is None:
            return None
        return Configuration(cli_output.settings_in_xml(text_of(content), f"{self.host.where}: {path}"))

    def forbidden(self, text: str) -> same_database.Forbidden | None:
        """Return which of the databases to keep off a connection string leads to."""
        database = connection_string.parse(text)
        return same_database.find(database, self.host.options.host, lambda: computer_name(self.host), self.request.never)

    def look_at_service(self) -> services.ServiceState | None:
        """Look at the service, and put it into the result."""
        now = services.query(self.host, self.service_name)
        config = services.config(self.host, self.service_name) if now else None
        self.result.service = (
            {"name": self.service_name, "state": now.state, "account": config.account, "start_type": config.start_type}
            if now and config
            else None
        )
        return now

    def check_may_change(self) -> None:
        """Refuse to change an instance that runs, or that a watchdog may start in the middle of it. Looked at once.

        Raises:
            OctopusError: It is so.
        """
        if self.may_change:
            return
        state = self.result.service["state"] if self.result.service else None
        if state not in (None, "stopped"):
            raise OctopusError(
                f"{self.host.where}: the service {self.service_name} is {state}, and the instance {self.request.name} has to be stopped to be "
                "changed. Stop it with octopus_node and state: stopped, if it is the right one. Nothing was changed."
            )
        task = watchdog.find(self.host)
        if task and task.enabled and watchdog.covers(task, self.request.name):
            raise OctopusError(
                f"{self.host.where}: the watchdog {task.name} is enabled, and would start the instance {self.request.name} while it is set up. "
                "Disable it with octopus_node and watchdog: disabled. Nothing was changed."
            )
        self.may_change = True
