# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An instance removed from a host: its service and its registration; with purge its files. Its database is never touched."""

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
        """Remove what is there.

        Raises:
            OctopusError: It runs, is the source's, or shares its folder with something else; or it is still there afterwards.
        """
        service = self.found.look_at_service()
        entry = self.found.entry() if self.found.has_program() else None
        if entry is None and service is None:
            self.result.proven = True
            return
        if entry is None:
            raise OctopusError(
                f"{self.host.where}: there is a service {self.found.service_name}, and no instance {self.request.name} is registered, so the "
                f'program cannot uninstall it. Remove it by hand: sc delete "{self.found.service_name}".'
            )
        self.result.registered, self.result.config_path = True, entry.config_path
        home = self._look(entry)
        purged = self._to_purge(entry, home) if self.request.purge else []
        self.found.check_may_change()
        if service is not None:
            self._uninstall()
        for path in purged:
            self._purge(path, is_file=path == entry.config_path)
        # Last, so that a run that breaks off before finds the rest again.
        self.result.change("registration", entry.config_path, None)
        if not self.request.check_mode:
            self.request.tell(f"{self.host.name}: removing the registration of {entry.name}")
            registration.delete(self.found.octopus, entry.name)
            self.result.registered, self.result.proven = False, True

    def _look(self, entry: InstanceEntry) -> str | None:
        """Read what the instance is, and refuse the source's. Return its home."""
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
                    f"{self.host.where}: the instance {entry.name} uses the database {forbidden}, which it must never be: that is the instance "
                    "that must not be harmed. Nothing was removed."
                )
        return configuration.home

    def _to_purge(self, entry: InstanceEntry, home: str | None) -> list[str]:
        """Return what is removed with the instance, the configuration file last.

        Raises:
            OctopusError: Something else would go with it.
        """
        folder = normal(home) or normal(entry.config_path.rpartition("\\")[0])
        where = f"{self.host.where}: purge would remove {folder}, the home of {entry.name}"
        if disks.is_unc(folder):
            raise OctopusError(f"{where}, which is on a share. Remove it yourself if nobody else uses it. Nothing was removed.")
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
                raise OctopusError(f"{where}, and {path} is in it. Remove what is to go yourself. Nothing was removed.")
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
        # It is only marked for deletion while anybody has a handle to it, such as an open services.msc.
        deadline = Deadline(_GONE_SECONDS)
        while services.query(self.host, self.found.service_name) is not None:
            if not deadline.pause():
                raise OctopusError(
                    f"{self.host.where}: the service {self.found.service_name} was uninstalled, and is still there after {_GONE_SECONDS:g} s. "
                    "Close the programs that look at it, such as the services console."
                )
        self.result.service = None

    def _purge(self, path: str, is_file: bool) -> None:
        self.result.change("files", path, None)
        self.result.removed.append(path)
        if not self.request.check_mode:
            self.request.tell(f"{self.host.name}: removing {path}")
            (files.remove if is_file else files.remove_folder)(self.host, path)


def _contains(folder: str, path: str) -> bool:
    """Whether the path is the folder, or lies in it."""
    return (normal(path).lower() + "\\").startswith(folder.lower() + "\\")
