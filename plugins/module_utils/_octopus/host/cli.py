# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Octopus.Server.exe on a Windows host: its read-only commands.

See https://octopus.com/docs/octopus-rest-api/octopus.server.exe-command-line. Older builds refuse unknown switches, so the newest form of a
command is tried first, then the older ones.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.connection import CommandResult, WindowsHost
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.job_files import MARK
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.quoting import cmd_line

from . import cli_output, connection_string

SERVER_EXE = "Octopus.Server.exe"
DEFAULT_INSTANCE = "OctopusServer"
CONNECTION_STRING = "Octopus.Storage.ExternalDatabaseConnectionString"
_TIMEOUT = 180.0  # seconds; the program starts slowly on a busy host, and queries its database


class ServerCli:
    """The program on one host.

    Args:
        host: The host.
        folder: The program folder.
    """

    def __init__(self, host: WindowsHost, folder: str) -> None:
        self._host = host
        self._version: tuple[str | None] | None = None
        self.program = folder.rstrip("\\") + "\\" + SERVER_EXE

    def version(self) -> str | None:
        """Return the version that the program reports; None where it is too old to report one."""
        if self._version is None:
            result = self._first(("version", "--format=json"), ("version",))
            self._version = (cli_output.version_in(result.stdout) if result.exit_code == 0 else None,)
        return self._version[0]

    def help(self, command: str) -> str:
        """Return the help of a command; empty where there is none."""
        done = self._run(command, "--help")
        return done.stdout if done.exit_code == 0 else ""

    def all_help(self, commands: Sequence[str]) -> tuple[str, dict[str, str]]:
        """Return the list of commands, and the help of some of them, with one remote command; empty where there is none."""
        lines = [cmd_line([self.program, "help"]), *(cmd_line([self.program, command, "--help"]) for command in commands)]
        # What a command that does not exist says goes to standard error.
        printed = self._host.run_cmd(f" & echo {MARK}& ".join(lines), timeout=_TIMEOUT * len(lines), idempotent=True).stdout
        listed, *texts = re.split(re.escape(MARK) + r"\r?\n", printed)
        return listed, dict(zip(commands, texts, strict=False))

    def list_instances(self) -> list[tuple[str, str]]:
        """Return name and configuration file of each instance on the host."""
        # Always with a format: the documented default was JSON when the actual one was text.
        result = self._run("list-instances", "--format=json")
        if result.exit_code == 0:
            return cli_output.instances_in_json(cli_output.json_payload(result.stdout, "list-instances"))
        text = self._run("list-instances")
        if text.exit_code != 0:
            raise self._failed("list-instances", text)
        return cli_output.instances_in_text(text.stdout)

    def show_configuration(self, instance: str) -> dict[str, str]:
        """Return the settings of an instance, with dotted keys. They contain secrets. The program reads most of them from its database.

        Raises:
            OctopusError: The program is older than this command, cannot reach its database, or finds another version of it.
        """
        command = ("show-configuration", f"--instance={instance}")
        result = self._first((*command, "--format=json", "--noconsolelogging"), (*command, "--format=json"))
        if result.exit_code == 0:
            return cli_output.flat(cli_output.json_payload(result.stdout, "show-configuration"))
        result = self._run(*command)
        if result.exit_code != 0:
            raise self._failed("show-configuration", result)
        return cli_output.settings_in_xml(result.stdout, f"The output of show-configuration on {self._host.where}")

    def show_master_key(self, instance: str) -> str:
        """Return the master key.

        Raises:
            OctopusError: The program does not show it. No message contains output that could be the key.
        """
        command = ("show-master-key", f"--instance={instance}")
        result = self._first((*command, "--noconsolelogging"), command, secret=True)
        if result.exit_code != 0:
            said = f": {cli_output.without_keys(_last_line(result.stderr))}" if result.stderr.strip() else ""
            raise OctopusError(
                f"{self._host.where}: show-master-key of the instance {instance} ended with {result.exit_code}{said}. The account has to "
                "be an administrator of the host. Builds without this command show the key in Octopus Manager."
            )
        return cli_output.master_key_in(result.stdout)

    def _first(self, *commands: tuple[str, ...], secret: bool = False) -> CommandResult:
        """Return the first result with exit code 0, else the last one."""
        for command in commands:
            result = self._run(*command, secret=secret)
            if result.exit_code == 0:
                break
        return result

    def _run(self, *arguments: str, secret: bool = False) -> CommandResult:
        return self._host.run([self.program, *arguments], timeout=_TIMEOUT, idempotent=True, secret=secret)

    def _failed(self, command: str, result: CommandResult) -> OctopusError:
        said = _last_line(result.stderr) or _last_line(result.stdout)
        return OctopusError(f"{self._host.where}: {SERVER_EXE} {command} ended with {result.exit_code}: {said or 'there was no message'}")


def _last_line(text: str) -> str:
    """Return the last line of an output without the secrets of a connection string in it."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if not lines:
        return ""
    low = lines[-1].lower()
    return connection_string.mask(lines[-1]) if "password" in low or "pwd" in low else lines[-1]
