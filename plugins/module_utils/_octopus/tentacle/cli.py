# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tentacle.exe on a Windows host: the few commands that a move to another server takes.

Commands, switches and output: https://github.com/OctopusDeploy/OctopusTentacle, source/Octopus.Tentacle/Commands and Startup. Exit codes are
0, 1 for a failure with a message, 2 for an unknown command, 42 without an administrator's rights, 100 for anything else (OctopusProgram.cs). What
the commands log in between is English in every Windows, and is not read.
"""

from __future__ import annotations

import json

from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.host import cli_output
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.version import Version
from ansible_collections.octopus.upgrade.plugins.module_utils._windows import registry
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.connection import CommandResult, WindowsHost

from .configuration import Address
from .decision import KEEPS_SUBSCRIPTION

# Where the installer puts the program and what it records (Product.wxs).
KEY = r"HKLM\SOFTWARE\Octopus\Tentacle"
_DEFAULT_FOLDER = r"C:\Program Files\Octopus Deploy\Tentacle"
EXE = "Tentacle.exe"
# Name of the default instance, whose service has no name of an instance (ApplicationInstanceRecord.cs, ServiceName.cs).
DEFAULT_INSTANCE = "Tentacle"
SERVICE = "OctopusDeploy Tentacle"
# All that is ever run. What removes trust or a registration (configure --remove-trust and --reset-trust, clear-trusted-servers, deregister-from,
# deregister-worker, delete-instance, new-certificate) would make a return to the old server impossible, so it is refused here whoever asks for it.
_ALLOWED = {
    "version": ("--format",),
    "list-instances": ("--format",),
    "server-comms": ("--instance", "--thumbprint", "--style", "--host", "--port"),
    "service": ("--instance", "--restart"),
}
_TIMEOUT = 180.0  # seconds; .NET starts slowly on a busy host


def service_name(instance: str) -> str:
    """Return the name of an instance's Windows service."""
    return SERVICE if instance == DEFAULT_INSTANCE else f"{SERVICE}: {instance}"


class TentacleCli:
    """The program on one host, in the folder that the installer recorded."""

    def __init__(self, host: WindowsHost) -> None:
        self._host = host
        self.program = (registry.get(host, KEY, "InstallLocation") or _DEFAULT_FOLDER).rstrip("\\") + "\\" + EXE
        self._version: tuple[str | None] | None = None

    def version(self) -> str | None:
        """Return the version that the program reports; None where it reports none."""
        if self._version is None:
            result = self._run("version", "--format=json")
            self._version = (version_in(result.stdout) if result.exit_code == 0 else None,)
        return self._version[0]

    def list_instances(self) -> list[tuple[str, str]]:
        """Return name and configuration file of each instance.

        Raises:
            OctopusError: The program failed.
        """
        result = self._good("list-instances", "--format=json")
        return cli_output.instances_in_json(cli_output.json_payload(result.stdout, "list-instances"))

    def server_comms(self, instance: str, thumbprint: str, address: Address) -> None:
        """Let an instance poll a further address of a server that it polls. The service does so after its next start.

        It asks nobody and needs no secret (ServerCommsCommand.cs).

        Args:
            instance: Name of the instance.
            thumbprint: As the configuration spells it.
            address: The new address.

        Raises:
            OctopusError: The version would make up a subscription, or the program failed.
        """
        version = self.version()
        if version is None or Version.parse(version) < KEEPS_SUBSCRIPTION:
            raise OctopusError(
                f"{self._host.where}: server-comms of Tentacle {version or 'without a version'} would lose the registration of {instance}."
            )
        self._good(
            "server-comms",
            f"--instance={instance}",
            f"--thumbprint={thumbprint}",
            "--style=TentacleActive",
            f"--host={address.host}",
            f"--port={address.port}",
        )

    def restart(self, instance: str, timeout: float) -> CommandResult:
        """Stop and start the service of an instance by one command, which goes on where the connection is lost.

        Its exit code does not tell: it is 0 too where the service could not be stopped (WindowsServiceConfigurator.cs), and 100 where the watchdog
        has started the service in between.
        """
        return self._run("service", "--restart", f"--instance={instance}", timeout=timeout, idempotent=False)

    def _good(self, command: str, *switches: str) -> CommandResult:
        result = self._run(command, *switches)
        if result.exit_code:
            said = " ".join((result.stderr or result.stdout).split())
            raise OctopusError(f"{self._host.where}: {EXE} {command} ended with {result.exit_code}: {said or 'there was no message'}")
        return result

    def _run(self, command: str, *switches: str, timeout: float = _TIMEOUT, idempotent: bool = True) -> CommandResult:
        unknown = [switch for switch in switches if switch.partition("=")[0] not in _ALLOWED.get(command, ())]
        if command not in _ALLOWED or unknown:
            raise OctopusError(
                f"{EXE} {' '.join((command, *unknown))} is never run: after it, a return to the old server may be impossible."
            )
        return self._host.run([self.program, command, *switches], timeout=timeout, idempotent=idempotent)


def version_in(text: str) -> str | None:
    """Return the version in the output of ``version --format=json``: three numbers, without the name of a branch (VersionCommand.cs)."""
    try:
        told = json.loads(text[text.index("{") :])["MajorMinorPatch"]
    except (ValueError, KeyError, TypeError):
        return cli_output.version_in(text)
    return str(told)
