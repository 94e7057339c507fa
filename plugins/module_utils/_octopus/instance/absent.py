# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Removal of an instance from a host: its service, its registration and, on request, its files. Its database is never touched."""

from __future__ import annotations

from ansible_collections.octopus.upgrade.plugins.module_utils._core.waiting import Deadline
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.folders.copies import normal
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.host import connection_string
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.host.instances import InstanceEntry
from ansible_collections.octopus.upgrade.plugins.module_utils._windows import disks, files, services
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.connection import WindowsHost

from . import registration
from .found import FoundInstance
from .request import InstanceRequest
from .results import InstanceResult

_GONE_SECONDS = 60.0


class Absent:
    """The removal of one instance from one host."""

    def __init__(self, host: WindowsHost, request: InstanceRequest, result: InstanceResult) -> None:
        self.host, self.request, self.result = host, request, result
        self.found = FoundInstance(host, request, result)

    def run(self) -> None:
        """Remove whatever exists of the instance.

        Raises:
            OctopusError: It is running, uses a forbidden database or shares its folder with something else; or it still exists afterwards.
        """
        service = self.found.look_at_service()
        entry = self.found.entry() if self.found.has_program() else None
        if entry is None and service is None:
            self.result.verified = True
            return
        if entry is None:
            raise OctopusError(
                f"{self.host.where}: there is a service {self.found.service_name}, but the instance {self.request.name} is not registered, so the "
                f'program cannot uninstall the service. Remove it manually: sc delete "{self.found.service_name}".'
            )
        self.result.registered, self.result.config_path = True, entry.config_path
        home = self._home_of(entry)
        purged = self._to_purge(entry, home) if self.request.purge else []
        self.found.check_may_change()
        if service is not None:
            self._uninstall()
        for path in purged:
            self._purge(path, is_file=path == entry.config_path)
        # The registration goes last, so that after an interruption the next run still finds the rest.
        self.result.change("registration", entry.config_path, None)
        if not self.request.check_mode:
            self.request.tell(f"{self.host.name}: removing the registration of {entry.name}")
            registration.delete(self.found.octopus, entry.name)
            self.result.registered, self.result.verified = False, True

    def _home_of(self, entry: InstanceEntry) -> str | None:
        """Read the configuration file, refuse an instance with a forbidden database, and return the home of any other.

        Raises:
            OctopusError: The instance uses a forbidden database.
        """
        configuration = self.found.file_settings(entry.config_path) if entry.config_path else None
        if configuration is None:
            return None
        self.result.home, self.result.server_node_name = configuration.home, configuration.node_name
        text = configuration.connection_string
        if text:
            self.result.connection_string = connection_string.mask(text)
            forbidden = self.found.forbidden(text)
            if forbidden:
                raise OctopusError(
                    f"{self.host.where}: the instance {entry.name} uses the database {forbidden}, which is listed in never, so it is an instance "
                    "that must not be removed. Nothing was removed."
                )
        return configuration.home

    def _to_purge(self, entry: InstanceEntry, home: str | None) -> list[str]:
        """Return the files and folders to remove with the instance, the configuration file last.

        Raises:
            OctopusError: Something else would be removed too.
        """
        folder = normal(home) or normal(entry.config_path.rpartition("\\")[0])
        where = f"{self.host.where}: purge would remove {folder}, the home of {entry.name}"
        if disks.is_unc(folder):
            raise OctopusError(f"{where}, which is on a share. Remove it manually if nobody else uses it. Nothing was removed.")
        if folder + "\\" == disks.root_of(folder):
            raise OctopusError(f"{where}, which is the root of a drive. Nothing was removed.")
        others = [one.config_path for one in self.found.octopus.instances() if one.name.lower() != entry.name.lower() and one.config_path]
        for path in (
            *others,
            *self._homes(others),
            self.found.octopus.cli.program.rpartition("\\")[0],
            self.request.work_root,
            "C:\\Windows",
        ):
            if _contains(folder, path):
                raise OctopusError(f"{where}, but {path} is in it. Remove its files manually. Nothing was removed.")
        outside = [] if _contains(folder, entry.config_path) else [entry.config_path]
        return [path for path in (folder, *outside) if files.exists(self.host, path)]

    def _homes(self, config_paths: list[str]) -> list[str]:
        found = [self.found.file_settings(path) for path in config_paths]
        return [configuration.home for configuration in found if configuration and configuration.home]

    def _uninstall(self) -> None:
        self.result.change("service", self.found.service_name, None)
        if self.request.check_mode:
            return
        self.request.tell(f"{self.host.name}: uninstalling the service {self.found.service_name}")
        self.found.program.run("service", "--uninstall")
        # It is only marked for deletion while a program has a handle to it, such as an open services console.
        deadline = Deadline(_GONE_SECONDS)
        while services.query(self.host, self.found.service_name) is not None:
            if not deadline.pause():
                raise OctopusError(
                    f"{self.host.where}: expected the service {self.found.service_name} to be gone within {_GONE_SECONDS:g} s after it was "
                    "uninstalled, but it still exists. Close programs that use it, such as the services console."
                )
        self.result.service = None

    def _purge(self, path: str, is_file: bool) -> None:
        self.result.change("files", path, None)
        self.result.removed.append(path)
        if not self.request.check_mode:
            self.request.tell(f"{self.host.name}: removing {path}")
            (files.remove if is_file else files.remove_folder)(self.host, path)


def _contains(folder: str, path: str) -> bool:
    """Whether the path is the folder or is in it."""
    return (normal(path).lower() + "\\").startswith(folder.lower() + "\\")
