# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Octopus Server on a Windows host: its program, its instances and their configuration."""

from __future__ import annotations

from dataclasses import dataclass, field

from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.api.folders import configured_folders, resolved
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError
from ansible_collections.octopus.upgrade.plugins.module_utils._windows import registry
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.connection import WindowsHost

from . import cli_output
from .cli import CONNECTION_STRING, DEFAULT_INSTANCE, ServerCli

KEY = r"HKLM\SOFTWARE\Octopus\OctopusServer"
_DEFAULT_FOLDER = r"C:\Program Files\Octopus Deploy\Octopus"
SERVICE = "OctopusDeploy"
# The name by which Windows Installer lists the product, as public package manifests and cookbooks have it.
PRODUCT = "Octopus Deploy Server"


@dataclass(frozen=True)
class InstanceEntry:
    """One registered instance."""

    name: str
    config_path: str

    @property
    def service_name(self) -> str:
        return service_name(self.name)


@dataclass(frozen=True)
class Configuration:
    """An instance's settings, which contain secrets.

    Attributes:
        values: The settings.
        error: Why only those in its file are known, where that is so.
    """

    values: dict[str, str] = field(repr=False)
    error: str | None = None

    @property
    def home(self) -> str | None:
        return cli_output.setting(self.values, "Octopus.Home")

    @property
    def node_name(self) -> str | None:
        # The first name is newer; files written by an old version have the second.
        return cli_output.setting(self.values, "Octopus.Server.NodeName", "Octopus.Storage.NodeName")

    @property
    def connection_string(self) -> str | None:
        return cli_output.setting(self.values, CONNECTION_STRING)

    @property
    def listen_prefixes(self) -> list[str]:
        prefixes = cli_output.setting(self.values, "Octopus.WebPortal.ListenPrefixes") or ""
        return [prefix.strip() for prefix in prefixes.replace(";", ",").split(",") if prefix.strip()]

    def folders(self, version: str | None) -> dict[str, str | None]:
        """Return the server folders, by what the program of that version tells of them."""
        return resolved(configured_folders(self.values, None if self.error else version), self.home)


def service_name(instance: str) -> str:
    """Return the name of an instance's Windows service (https://octopus.com/docs/administration/managing-infrastructure/managing-multiple-instances)."""
    return SERVICE if instance.lower() == DEFAULT_INSTANCE.lower() else f"{SERVICE}: {instance}"


def computer_name(host: WindowsHost) -> str:
    """Return the host's own name, without its domain."""
    return host.run(["hostname"], check=True, idempotent=True).stdout.strip()


class OctopusHost:
    """One host with Octopus Server. Starting the program takes seconds, so its answers are remembered; use one object per module run."""

    def __init__(self, host: WindowsHost) -> None:
        self.host = host
        self._cli: ServerCli | None = None
        self._instances: list[InstanceEntry] | None = None

    @property
    def cli(self) -> ServerCli:
        """The program, in the folder that the installer recorded."""
        if self._cli is None:
            self._cli = ServerCli(self.host, registry.get(self.host, KEY, "InstallLocation") or _DEFAULT_FOLDER)
        return self._cli

    def instances(self) -> list[InstanceEntry]:
        """Return every instance of the host."""
        if self._instances is None:
            self._instances = [InstanceEntry(name, path) for name, path in self.cli.list_instances()]
        return self._instances

    def forget_instances(self) -> None:
        """Ask the program again at the next :meth:`instances`, after a registration has changed."""
        self._instances = None

    def one_instance(self, name: str | None) -> InstanceEntry:
        """Return the instance with a name, in any letter case; without a name, the only one.

        Raises:
            OctopusError: There is none, or several to choose from.
        """
        found = [entry for entry in self.instances() if name is None or entry.name.lower() == name.lower()]
        if len(found) == 1:
            return found[0]
        names = ", ".join(entry.name for entry in self.instances()) or "none"
        if name is not None:
            raise OctopusError(f"{self.host.where}: expected an instance {name!r} of Octopus Server but found {names}.")
        raise OctopusError(
            f"{self.host.where}: expected one instance of Octopus Server but found {len(found)} ({names}). Choose one with instance_name."
        )

    def configuration(self, instance: str) -> Configuration:
        """Return an instance's settings; where the program cannot read them, those in its file, with the reason."""
        try:
            return Configuration(self.cli.show_configuration(instance))
        except OctopusError as error:
            return Configuration(self.file_settings(self.one_instance(instance)), error.message)

    def file_settings(self, entry: InstanceEntry) -> dict[str, str]:
        """Return the settings in the configuration file: connection string, home, node name; since 3.5 little more."""
        if not entry.config_path:
            raise OctopusError(f"{self.host.where}: the registration of the instance {entry.name} names no configuration file.")
        result = self.host.run_builtin("type", entry.config_path, idempotent=True, secret=True)
        if result.exit_code != 0:
            raise OctopusError(f"{self.host.where}: cannot read the configuration file {entry.config_path} of the instance {entry.name}.")
        return cli_output.settings_in_xml(result.stdout, f"{self.host.where}: {entry.config_path}")

    def node_name(self, entry: InstanceEntry) -> str:
        """Return the name of this node on the server, without querying the database."""
        name = Configuration(self.file_settings(entry)).node_name
        return name or computer_name(self.host)
