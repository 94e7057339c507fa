# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Export of projects by Octopus.Migrator.exe into a folder that another host can reach, and removal of that folder."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._core.errors import UpgradeError
from ansible_collections.octopus.upgrade.plugins.module_utils._core.progress import Progress
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.api.client import OctopusApi
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.host.instances import OctopusHost
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.version import Version
from ansible_collections.octopus.upgrade.plugins.module_utils._windows import disks, robocopy
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.connection import WindowsHost
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.errors import HostTimeout
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.jobs import Job, JobState, RunAs, job_id
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.quoting import batch_builtin, batch_word

from . import migrator

_DISCARD_SECONDS = 300.0
_THERE = "there"


@dataclass(frozen=True)
class MigratorExport:
    """The wanted export.

    Attributes:
        dest: The folder that gets it, best on a share that the importing host reaches too.
        run_as: The account of the job, with rights in the database and at ``dest``.
        timeout: Seconds for the programs.
    """

    projects: tuple[str, ...]
    password: str = field(repr=False)
    dest: str
    instance_name: str | None
    run_as: RunAs
    work_root: str
    timeout: float = 3600.0
    check_mode: bool = False
    tell: Progress = field(default_factory=Progress)


def folder_of(path: str) -> str:
    """Return the folder of the export in the folder that the user names.

    Raises:
        OctopusError: It is relative, or the root of a drive or share.
    """
    text = path.replace("/", "\\").rstrip("\\")
    try:
        root = disks.root_of(text)
    except ValueError as error:
        raise OctopusError(f"Expected an absolute path of a folder, but found {path!r}: {error}") from error
    if root.rstrip("\\").lower() == text.lower():
        raise OctopusError(f"Expected a folder of its own for the export, but found {path!r}, the root of a drive or share.")
    return f"{text}\\{migrator.FOLDER}"


def export(api: OctopusApi, host: WindowsHost, request: MigratorExport) -> dict[str, Any]:
    """Export the projects; return the module's result.

    Raises:
        OctopusError: A project cannot be exported, or the program failed. What is left of it at ``dest`` was removed.
        HostError: The host failed.
    """
    migrator.check_password(request.password)
    target = folder_of(request.dest)
    migrator.check_projects(api, request.projects)
    octopus = OctopusHost(host)
    instance = octopus.one_instance(request.instance_name).name
    version = octopus.cli.version()
    if version is None or Version.parse(version) != api.version:
        raise OctopusError(
            f"Expected {host.where} to be a node of {api.url}, which has version {api.version}, but its program is {version or 'of an unknown version'}. "
            "Nothing was exported."
        )
    program = migrator.find(octopus)
    runs = migrator.groups(program, request.projects)
    result: dict[str, Any] = {
        "changed": True,
        "version": str(api.version),
        "projects": [one for those in runs for one in those],
        "runs": len(runs),
        "not_carried": migrator.not_carried(program, runs),
        "dest": request.dest,
    }
    if request.check_mode:
        return {**result, "files": None}
    job = _job(host, request)
    local = f"{job.folder}\\export"
    folders = [f"{local}\\{number}" for number in range(1, len(runs) + 1)]
    lines = [
        *migrator.password_lines(job),
        *(batch_builtin("mkdir", folder) for folder in folders),
        *(migrator.export_line(program, instance, folder, names) for folder, names in zip(folders, runs, strict=True)),
        *(
            f"if not exist {batch_word(folder + chr(92) + migrator.METADATA)} (echo {migrator.METADATA} is missing& cmd /c exit 1)"
            for folder in folders
        ),
        migrator.mirror_line(local, target),
    ]
    request.tell(f"{host.name}: exporting {', '.join(result['projects'])}")
    job.start(lines, request.run_as, restart_lost=True, inputs={migrator.INPUT: request.password + "\r\n"})
    try:
        state = job.wait(request.timeout)
    except HostTimeout as error:
        raise OctopusError(
            f"{host.where}: the export of {', '.join(request.projects)} was not done within {request.timeout:g} s. The program goes on; run this again "
            "to wait for it."
        ) from error
    output = job.output()
    job.remove()
    copied = [one for one in robocopy.summaries(output) if one.files.failed == 0]
    if state.exit_code or not copied:
        failed = _failed(host, request, state)
        try:
            discard(host, request)
        except UpgradeError as error:
            raise OctopusError(f"{failed} What was exported could not be removed: {error}") from error
        raise failed
    return {**result, "files": copied[-1].files.total}


def _job(host: WindowsHost, request: MigratorExport) -> Job:
    return Job(host, request.work_root, job_id("migrator-export", folder_of(request.dest).lower()))


def _failed(host: WindowsHost, request: MigratorExport, state: JobState) -> OctopusError:
    said = migrator.wrong_output(state.output_tail, lambda line: migrator.masked(line, request.password))
    return OctopusError(
        f"Expected {host.where} to export {', '.join(request.projects)} to {request.dest} by a job as {request.run_as.account}, but it ended with "
        f"{state.exit_code}: {said}. That account needs rights in the database, and to write there; SYSTEM reaches a share as the computer account."
    )


def discard(host: WindowsHost, request: MigratorExport) -> bool:
    """End an export that still runs, and remove its folder, and the folder around it where that is empty then. Return whether there was anything.

    Raises:
        OctopusError: It cannot be removed.
        HostError: The host failed.
    """
    target = folder_of(request.dest)
    around = target.rpartition("\\")[0]
    exporting = _job(host, request)
    left = exporting.poll().status
    if not request.check_mode:
        if left == "running":
            exporting.cancel()
        exporting.remove()
    job = Job(host, request.work_root, job_id("migrator-discard", target.lower()))
    job.remove()
    look = f"(if exist {batch_word(target + chr(92))} echo {_THERE})"
    remove = [
        f"(if exist {batch_word(target + chr(92))} {batch_builtin('rmdir', '/s', '/q', target)})",
        # One that is not empty is somebody else's too, and stays.
        f"({batch_builtin('rmdir', around)} 2>nul & ver >nul)",
        f"(if exist {batch_word(target + chr(92))} cmd /c exit 1)",
    ]
    try:
        job.start([look, *([] if request.check_mode else remove)], request.run_as)
        state = job.wait(_DISCARD_SECONDS)
        output = job.output()
    finally:
        job.remove()
    if state.exit_code:
        raise OctopusError(
            f"{host.where}: {target} could not be removed by a job as {request.run_as.account}: {' '.join(state.output_tail[-2:])}. It holds the secrets "
            "of the exported projects, encrypted. Remove it."
        )
    return left != "absent" or _THERE in output.split()
