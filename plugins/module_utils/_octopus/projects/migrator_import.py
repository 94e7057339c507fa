# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Import of projects by Octopus.Migrator.exe into the database of an instance whose service is stopped."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

from ansible_collections.octopus.upgrade.plugins.module_utils._core.progress import Progress
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.host import connection_string
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.host.instances import Configuration, OctopusHost
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.version import Version
from ansible_collections.octopus.upgrade.plugins.module_utils._windows import services
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.connection import WindowsHost
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.errors import HostTimeout
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.jobs import Job, RunAs, job_id

from . import migrator
from .migrator_export import folder_of

_STOPPED = "stopped"


@dataclass(frozen=True)
class MigratorImport:
    """The wanted import.

    Attributes:
        src: The folder that was ``dest`` of the export.
        database: The database of the instance, which the control node looks into.
        source_version: The version that the projects were exported from.
    """

    src: str
    password: str = field(repr=False)
    projects: tuple[str, ...]
    source_version: str
    instance_name: str | None
    database: str
    run_as: RunAs
    work_root: str
    timeout: float = 3600.0
    tell: Progress = field(default_factory=Progress)


class ProjectsImport:
    """One import on one host.

    Args:
        host: The host.
        request: What is asked for.
    """

    def __init__(self, host: WindowsHost, request: MigratorImport) -> None:
        self.host, self.request = host, request
        self._octopus = OctopusHost(host)
        self._entry = self._octopus.one_instance(request.instance_name)
        self.instance = self._entry.name
        self._folder = folder_of(request.src)
        self.job = Job(host, request.work_root, job_id("migrator-import", self.instance.lower(), self._folder.lower()))

    def check(self) -> migrator.Program:
        """Check that the instance may be written to, and find the program.

        Raises:
            OctopusError: Its service runs, it uses another database, or its version is not the source's.
            HostError: The host failed.
        """
        request, where = self.request, self.host.where
        migrator.check_password(request.password)
        self.check_stopped()
        settings = Configuration(self._octopus.file_settings(self._entry))
        text = settings.connection_string
        has = connection_string.parse(text).database if text else "none"
        if has.lower() != request.database.lower():
            raise OctopusError(
                f"{where}: expected the instance {self.instance} to use the database {request.database}, but it uses {has}. Nothing was imported."
            )
        version = self._octopus.cli.version()
        if version is None or Version.parse(version) != Version.parse(request.source_version):
            raise OctopusError(
                f"{where}: expected the version {request.source_version}, from which the projects were exported, but found {version or 'none'}. "
                f"{migrator.EXE} needs the same on both ends. Nothing was imported."
            )
        return migrator.find(self._octopus)

    def check_stopped(self) -> None:
        """Refuse an instance that runs: what is imported would act at once.

        Raises:
            OctopusError: Its service is not stopped.
            HostError: The host failed.
        """
        state = services.query(self.host, self._entry.service_name)
        if state is not None and state.state != _STOPPED:
            raise OctopusError(
                f"{self.host.where}: expected the service {self._entry.service_name} to be stopped, since imported triggers act as soon as they are there, "
                f"but it is {state.state}. Stop it with octopus_node. Nothing was imported."
            )

    def is_pending(self) -> bool:
        """Whether the program of an earlier run is still at work, or nobody has read how it ended."""
        return self.job.poll().status in ("running", "finished")

    def run(self, program: migrator.Program, there: Collection[str]) -> None:
        """Import what is not there yet, or wait for the job of an earlier run. The job stays until :meth:`end`.

        Args:
            program: The program.
            there: Names of the projects that the database has.

        Raises:
            OctopusError: The program failed, or takes too long.
            HostError: The host failed.
        """
        request, job = self.request, self.job
        local = f"{job.folder}\\import"
        runs = list(enumerate(migrator.groups(program, request.projects), start=1))
        missing = [number for number, names in runs if not set(names) <= set(there)]
        lines = [
            *migrator.password_lines(job),
            migrator.mirror_line(self._folder, local),
            *(migrator.import_line(program, self.instance, f"{local}\\{number}") for number in missing),
        ]
        request.tell(f"{self.host.name}: importing {', '.join(request.projects)}")
        job.start(lines, request.run_as, restart_lost=True, inputs={migrator.INPUT: request.password + "\r\n"})
        try:
            state = job.wait(request.timeout)
        except HostTimeout as error:
            raise OctopusError(
                f"{self.host.where}: the import was not done within {request.timeout:g} s. The program goes on; run this again to wait for it, and do not "
                "start the service before."
            ) from error
        if state.exit_code:
            self.end()
            said = migrator.wrong_output(state.output_tail, lambda line: migrator.masked(line, request.password))
            raise OctopusError(
                f"{self.host.where}: the import of {', '.join(request.projects)} into {request.database} by a job as {request.run_as.account} ended with "
                f"{state.exit_code}: {said}. A project is imported whole or not at all. Do not start the service before the import is repeated or the "
                "instance removed: triggers of what has arrived are enabled."
            )

    def end(self) -> None:
        """Remove the job and the copy of the export in its folder."""
        self.job.remove()
