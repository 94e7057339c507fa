# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Octopus.Server.exe for setting up an instance: run over WinRM, or as a job where only a job reaches the database.

A WinRM logon has no credentials for a second hop, so integrated security fails for the SQL Server of another machine; the account of a job
has them. No secret goes into a job, because its command file and its output are on the host's disk.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.host import cli_output, connection_string
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.host.cli import CONNECTION_STRING, SERVER_EXE
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.host.instances import OctopusHost
from ansible_collections.octopus.upgrade.plugins.module_utils._windows import files
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.connection import CommandResult
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.errors import HostTimeout
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.jobs import Job, RunAs, job_id
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.quoting import batch_line

_SECONDS = 300.0  # the program starts slowly on a busy host, and asks its database
_SWITCH = re.compile(r"--([A-Za-z][A-Za-z0-9-]*)")
_SET = re.compile(r"<set\b[^>]*(?:/>|>[^<]*</set\s*>)")
# Settings that the verification needs, and that contain no secret with integrated security. Others might.
_WITHOUT_SECRETS = (
    "Octopus.Folders.",
    "Octopus.Home",
    "NodeName",
    "Octopus.WebPortal.",
    "Octopus.Communications.ServicesPort",
    CONNECTION_STRING,
)


class InstanceProgram:
    """The program, for one instance of one host.

    Args:
        octopus: The host.
        instance: The instance.
        run_as: The account of jobs.
        work_root: The collection's folder on the host.
        secrets: Texts that must not appear in any message.
    """

    def __init__(self, octopus: OctopusHost, instance: str, run_as: RunAs, work_root: str, secrets: list[str]) -> None:
        self._octopus = octopus
        self._instance = instance
        self._run_as = run_as
        self._work_root = work_root
        self._secrets = secrets
        self._help: dict[str, str] = {}
        self.by_job = False  # whether commands that query the database run as a job

    @property
    def account(self) -> str:
        """The account that queries the database, for messages."""
        return f"a job as {self._run_as.account}" if self.by_job else "the account of the WinRM connection"

    def knows(self, command: str, switch: str) -> bool:
        """Whether a command of the installed version has a switch. Where its help does not tell, the documentation is trusted."""
        known = self.listed(command)
        return not known or switch.lower() in known

    def listed(self, command: str) -> set[str]:
        """The switches that the help of a command lists, in lower case; none where it does not tell."""
        return {found.lower() for found in _SWITCH.findall(self.help(command))}

    def help(self, command: str) -> str:
        """Return the program's help of a command; empty where there is none."""
        if command not in self._help:
            self._help[command] = self._octopus.cli.help(command)
        return self._help[command]

    def run(self, command: str, *switches: str, database: bool = False, env: dict[str, str] | None = None) -> None:
        """Run a command that changes something.

        Args:
            command: Its name.
            switches: Its switches except the instance. The master key is the only secret that they may contain, and never in a job.
            database: Whether it queries the database.
            env: Secrets that it reads from its environment.

        Raises:
            OctopusError: It failed; the message has the last line of its output, without secrets.
            HostError: The host failed.
        """
        if database and self.by_job:
            code, said = self._in_job(command, batch_line(self.argv(command, *switches)))
            if code:
                raise self.failed(command, code, said)
            return
        done = self._octopus.host.run(self.argv(command, *switches), env=env, timeout=_SECONDS, secret=True)
        if done.exit_code:
            raise self.failed(command, done.exit_code, _said(done))

    def read(self, command: str, *switches: str) -> str:
        """Return the output of a command that queries the database, changes nothing, and neither takes nor prints a secret.

        Raises:
            OctopusError: It failed.
            HostError: The host failed.
        """
        if self.by_job:
            code, said = self._in_job(command, batch_line(self.argv(command, *switches)))
        else:
            done = self._octopus.host.run(self.argv(command, *switches), timeout=_SECONDS, idempotent=True)
            code, said = done.exit_code, done.stdout if done.exit_code == 0 else _said(done)
        if code:
            raise self.failed(command, code, said)
        return said

    def settings(self) -> dict[str, str]:
        """Return the instance's settings, which the program reads from its database; it refuses a database of another version.

        Raises:
            OctopusError: The program cannot read them.
        """
        if not self.by_job:
            return self._octopus.cli.show_configuration(self._instance)
        shown = batch_line(self.argv("show-configuration", "--format=XML"))
        kept = batch_line([files.FINDSTR, "/i", *(f"/c:{text}" for text in _WITHOUT_SECRETS)])
        # In parentheses, because a job redirects only the output of the last program in a line.
        code, said = self._in_job("show-configuration", f"({shown} | {kept})")
        found: dict[str, str] = {}
        for element in _SET.findall(said):
            entry = ET.fromstring(element)  # noqa: S314 - printed by the product itself, on its own host
            found[entry.get("key", "")] = (entry.text or "").strip()
        if cli_output.setting(found, CONNECTION_STRING) is None:
            raise self.failed("show-configuration", code, said)
        return found

    def argv(self, command: str, *switches: str) -> list[str]:
        """Return the command line of a command."""
        return [self._octopus.cli.program, command, f"--instance={self._instance}", *switches]

    def _in_job(self, command: str, line: str) -> tuple[int, str]:
        """Return exit code and output of a job."""
        job = Job(self._octopus.host, self._work_root, job_id(f"instance-{command}", self._instance.lower(), line))
        job.remove()  # left by an interrupted run; its effect may have been undone since
        try:
            job.start([line], self._run_as)
            try:
                state: Any = job.wait(_SECONDS)
            except HostTimeout:
                job.cancel()
                raise
            return state.exit_code or 0, job.output()
        finally:
            job.remove()

    def failed(self, command: str, code: int, said: str) -> OctopusError:
        """Return the error of a command that failed, with the last line of its output, without secrets."""
        lines = [line.strip() for line in said.splitlines() if line.strip()]
        text = lines[-1] if lines else "there was no message"
        low = text.lower()
        text = connection_string.mask(text) if "password" in low or "pwd" in low else text
        for secret in self._secrets:
            text = text.replace(secret, connection_string.MASK)
        return OctopusError(f"{self._octopus.host.where}: {SERVER_EXE} {command} of {self._instance} ended with {code}: {text}")


def _said(done: CommandResult) -> str:
    return done.stderr if done.stderr.strip() else done.stdout
