# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One instance on one host as it was found, and the checks before it is changed."""

from __future__ import annotations

from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.folders.copies import normal
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.host import cli_output, config_file, connection_string, watchdog
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.host.cli import DEFAULT_INSTANCE
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


def default_home(name: str) -> str:
    """Return the home of a new instance that is given none."""
    return "C:\\Octopus" if name.lower() == DEFAULT_INSTANCE.lower() else f"C:\\Octopus\\{name}"


class FoundInstance:
    """The instance of a request on a host: its present state, and whether it may be changed.

    Args:
        host: The host.
        request: The wanted state.
        result: Receives what is found.
    """

    def __init__(self, host: WindowsHost, request: InstanceRequest, result: InstanceResult) -> None:
        self.host = host
        self.request = request
        self.result = result
        self.octopus = OctopusHost(host)
        self.program = InstanceProgram(self.octopus, request.name, request.run_as, request.work_root, request.secrets)
        self.service_name = service_name(request.name)
        self.may_change = False  # whether check_may_change() has passed

    def has_program(self) -> bool:
        return files.exists(self.host, self.octopus.cli.program)

    def entry(self) -> InstanceEntry | None:
        """Return the registered instance; None where it is not registered."""
        wanted = self.request.name.lower()
        return next((entry for entry in self.octopus.instances() if entry.name.lower() == wanted), None)

    def locate(self) -> tuple[str, Configuration | None]:
        """Find the configuration file of the instance, or the one that it will have; with the present settings in it, None where it is not there.

        Raises:
            OctopusError: The instance is registered with another file than the wanted one, or its file does not exist.
        """
        entry, request = self.entry(), self.request
        self.result.registered = entry is not None
        home = request.home or default_home(request.name)
        path = (entry.config_path if entry else None) or request.config_path or f"{home}\\OctopusServer.config"
        if entry and request.config_path and normal(entry.config_path).lower() != request.config_path.lower():
            raise OctopusError(
                f"{self.host.where}: expected the instance {entry.name} to be registered with the configuration file {request.config_path} but "
                f"found {entry.config_path}. Nothing was changed. Omit config_path, or remove the instance first."
            )
        self.result.config_path = path
        before = self.file_settings(path)
        if entry and before is None:
            raise OctopusError(
                f"{self.host.where}: the instance {entry.name} is registered with the configuration file {path}, which does not exist. Nothing "
                "was changed. Remove its registration with octopus_instance and state: absent first."
            )
        return path, before

    def file_settings(self, path: str) -> Configuration | None:
        """Return the settings in a configuration file; None where the file does not exist."""
        content = config_file.read(self.host, path)
        if content is None:
            return None
        return Configuration(cli_output.settings_in_xml(text_of(content), f"{self.host.where}: {path}"))

    def forbidden(self, text: str) -> same_database.Forbidden | None:
        """Return the forbidden database that a connection string leads to, if any."""
        database = connection_string.parse(text)
        return same_database.find(database, self.host.options.host, lambda: computer_name(self.host), self.request.never)

    def look_at_service(self) -> services.ServiceState | None:
        """Query the service, and record it in the result."""
        now = services.query(self.host, self.service_name)
        config = services.config(self.host, self.service_name) if now else None
        self.result.service = (
            {"name": self.service_name, "state": now.state, "account": config.account, "start_type": config.start_type}
            if now and config
            else None
        )
        return now

    def check_may_change(self) -> None:
        """Refuse to change an instance that is running, or that a watchdog may start during the change. Checked once.

        Raises:
            OctopusError: The message says what to do.
        """
        if self.may_change:
            return
        state = self.result.service["state"] if self.result.service else None
        if state not in (None, "stopped"):
            raise OctopusError(
                f"{self.host.where}: expected the service {self.service_name} to be stopped, because the instance {self.request.name} has to be "
                f"changed, but it is {state}. If this is the right instance, stop it with octopus_node and state: stopped. Nothing was changed."
            )
        task = watchdog.find(self.host)
        if task and task.enabled and watchdog.covers(task, self.request.name):
            raise OctopusError(
                f"{self.host.where}: the watchdog {task.name} is enabled, and could start the instance {self.request.name} during the change. "
                "Disable it with octopus_node and watchdog: disabled. Nothing was changed."
            )
        self.may_change = True
