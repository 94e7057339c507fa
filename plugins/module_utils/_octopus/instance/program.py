# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Octopus.Server.exe for setting an instance up: run over WinRM, or as a job where only that reaches the database.

A WinRM log-on has no credentials for a second hop, so that integrated security fails on the way to another machine's SQL Server; a job's
account has them. A secret is in no job: the command file and the output of one lie on the host's disk.
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
# Settings without which nothing is proven, and which hold no secret where security is integrated. Others might.
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
        secrets: What must be in no message.
    """

    def __init__(self, octopus: OctopusHost, instance: str, run_as: RunAs, work_root: str, secrets: list[str]) -> None:
        self._octopus = octopus
        self._instance = instance
        self._run_as = run_as
        self._work_root = work_root
        self._secrets = secrets
        self._help: dict[str, str] = {}
        self.by_job = False  # whether what asks the database runs as a job

    @property
    def account(self) -> str:
        """Who asks the database, for messages."""
        return f"a job as {self._run_as.account}" if self.by_job else "the account of the WinRM connection"

    def knows(self, command: str, switch: str) -> bool:
        """Whether this version's command has a switch. Where it does not say, what is documented is believed."""
        known = {found.lower() for found in _SWITCH.findall(self.help(command))}
        return not known or switch.lower() in known

    def help(self, command: str) -> str:
        """Return what the program says of a command; nothing where it says nothing."""
        if command not in self._help:
            done = self._octopus.host.run([self._octopus.cli.program, command, "--help"], timeout=_SECONDS, idempotent=True)
            self._help[command] = done.stdout if done.exit_code == 0 else ""
        return self._help[command]

    def run(self, command: str, *switches: str, database: bool = False, env: dict[str, str] | None = None) -> None:
        """Run a command that changes something.

        Args:
            command: Its name.
            switches: Its switches beside the instance. The master key is the only secret that may be among them, and not in a job.
            database: Whether it asks the database.
            env: Secrets that it reads from its environment.

        Raises:
            OctopusError: It failed; the message has its last line, without secrets.
            HostError: The host cannot do it.
        """
        if database and self.by_job:
            code, said = self._in_job(command, batch_line(self._argv(command, *switches)))
            if code:
                raise self._failed(command, code, said)
            return
        done = self._octopus.host.run(self._argv(command, *switches), env=env, timeout=_SECONDS, secret=True)
        if done.exit_code:
            raise self._failed(command, done.exit_code, _said(done))

    def settings(self) -> dict[str, str]:
        """Return the instance's settings, which the program asks its database for; it refuses a database of another version.

        Raises:
            OctopusError: It cannot say them.
        """
        if not self.by_job:
            return self._octopus.cli.show_configuration(self._instance)
        shown = batch_line(self._argv("show-configuration", "--format=XML"))
        kept = batch_line([files.FINDSTR, "/i", *(f"/c:{text}" for text in _WITHOUT_SECRETS)])
        # In brackets, because a job sends the output of a line's last program alone to its file.
        code, said = self._in_job("show-configuration", f"({shown} | {kept})")
        found: dict[str, str] = {}
        for element in _SET.findall(said):
            entry = ET.fromstring(element)  # noqa: S314 - printed by the product itself, on its own host
            found[entry.get("key", "")] = (entry.text or "").strip()
        if cli_output.setting(found, CONNECTION_STRING) is None:
            raise self._failed("show-configuration", code, said)
        return found

    def _argv(self, command: str, *switches: str) -> list[str]:
        return [self._octopus.cli.program, command, f"--instance={self._instance}", *switches]

    def _in_job(self, command: str, line: str) -> tuple[int, str]:
        """Return exit code and output of a job."""
        job = Job(self._octopus.host, self._work_root, job_id(f"instance-{command}", self._instance.lower(), line))
        job.remove()  # one that an interrupted run left: what it did may be undone since
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

    def _failed(self, command: str, code: int, said: str) -> OctopusError:
        lines = [line.strip() for line in said.splitlines() if line.strip()]
        text = lines[-1] if lines else "it said nothing"
        low = text.lower()
        text = connection_string.mask(text) if "password" in low or "pwd" in low else text
        for secret in self._secrets:
            text = text.replace(secret, connection_string.MASK)
        return OctopusError(f"{self._octopus.host.where}: {SERVER_EXE} {command} of {self._instance} ended with {code}: {text}")


def _said(done: CommandResult) -> str:
    return done.stderr if done.stderr.strip() else done.stdout
