# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Copies of the server folders: what backing up, restoring, cloning and removing have in common."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass, field
from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._core.progress import Progress
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError
from ansible_collections.octopus.upgrade.plugins.module_utils._windows import disks
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.connection import CONNECTION_SPEC, JOB_SPEC, WindowsHost
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.jobs import Job, RunAs, job_id

# Options of every module that copies folders; documented in the fragment octopus.upgrade.folders.
COPY_SPEC: dict[str, Any] = {
    **CONNECTION_SPEC,
    **JOB_SPEC,
    "threads": {"type": "int", "default": 8},
    "timeout": {"type": "int", "default": 14400},
}

# Folders that the server creates when it first needs them.
MADE_WHEN_NEEDED = ("imports", "event_exports", "telemetry")

NAME = re.compile(r"[a-z][a-z0-9_]{0,40}")
_POINT = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._:-]{0,100}")


@dataclass(frozen=True)
class Means:
    """How folders are copied on a host. ``timeout`` is in seconds."""

    threads: int = 8
    timeout: float = 14400
    work_root: str = r"C:\ProgramData\octopus.upgrade"
    run_as: RunAs = field(default_factory=RunAs)
    check_mode: bool = False
    tell: Progress = field(default_factory=Progress)

    @classmethod
    def from_params(cls, params: dict[str, Any], check_mode: bool) -> Means:
        """Read the parameters of :data:`COPY_SPEC`.

        Raises:
            OctopusError: robocopy does not accept this number of threads.
        """
        if not 1 <= params["threads"] <= 128:
            raise OctopusError(f"threads: expected 1 to 128, as robocopy accepts, but found {params['threads']}.")
        return cls(
            params["threads"],
            params["timeout"],
            params["work_root"],
            RunAs(params["job_user"], params["job_password"]),
            check_mode,
            Progress(),
        )

    def job(self, host: WindowsHost, kind: str, *what: str) -> Job:
        return Job(host, self.work_root, job_id(kind, *what))


@dataclass
class FolderCopy:
    """The outcome for one folder. ``files`` and ``bytes`` are what ``dest`` holds; None where that is unknown.

    ``coarse_times``: whether ``dest`` keeps the times of files to two seconds only.
    """

    source: str
    dest: str
    exists: bool = True
    files: int | None = None
    bytes: int | None = None
    copied_files: int | None = None
    copied_bytes: int | None = None
    deleted_files: int | None = None
    complete: bool = False
    coarse_times: bool = False
    seconds: float = 0.0
    changed: bool = False

    def nothing(self) -> None:
        """Record that the folder does not exist, so that there was nothing to copy."""
        self.exists, self.complete = False, True
        self.files = self.bytes = self.copied_files = self.copied_bytes = self.deleted_files = 0


@dataclass
class Copies:
    """The outcome for all folders."""

    folders: dict[str, FolderCopy]
    warnings: list[str] = field(default_factory=list)

    def as_result(self, diff: bool = False) -> dict[str, Any]:
        """Return the module's result."""
        shown = {name: {key: value for key, value in asdict(copy).items() if key != "changed"} for name, copy in self.folders.items()}
        result: dict[str, Any] = {"changed": any(copy.changed for copy in self.folders.values()), "folders": shown}
        if self.warnings:
            result["warnings"] = self.warnings
        if diff:
            result["diff"] = {
                "before": "",
                "after": "".join(
                    f"{copy.dest}: {_or_unknown(copy.copied_files)} files to copy, {_or_unknown(copy.deleted_files)} to delete\n"
                    for copy in self.folders.values()
                    if copy.changed
                ),
            }
        return result


def normal(path: Any) -> str:
    """Return a path with backslashes, and without one at its end."""
    return str(path or "").replace("/", "\\").rstrip("\\")


def named_folders(given: dict[str, Any] | None) -> dict[str, str]:
    """Read the option ``folders``.

    Raises:
        OctopusError: It is null, which a specification does not refuse.
    """
    if given is None:
        raise OctopusError("folders: expected the folders by name but found nothing.")
    return {name: normal(path) for name, path in given.items()}


def check_point(restore_point: str | None) -> None:
    """Refuse anything but an id of a restore point, because a command line writes it into markers.

    Raises:
        OctopusError: It is not such an id.
    """
    if not _POINT.fullmatch(restore_point or ""):
        raise OctopusError(f"restore_point: expected an id of letters, digits, blanks and . _ : - but found {restore_point!r}.")


def check_folders(folders: dict[str, str]) -> None:
    """Refuse names that a copy cannot have, and paths that are not absolute.

    Raises:
        OctopusError: The message names the folder.
    """
    for name, path in folders.items():
        if not NAME.fullmatch(name):
            raise OctopusError(f"folders: expected a name of lower-case letters, digits and _ but found {name!r}.")
        if not path:
            raise OctopusError(f"folders: {name} has no path.")
        check_absolute(f"folders: {name}", path)


def check_own(what: str, path: str) -> None:
    """Refuse a path that cannot be a dedicated folder.

    Raises:
        OctopusError: The message names the option.
    """
    check_absolute(what, path)
    if path + "\\" == disks.root_of(path):
        raise OctopusError(f"{what}: {path!r} is the root of a drive or share. Give a dedicated folder that holds nothing else.")


def check_absolute(what: str, path: str) -> None:
    """Refuse a relative path.

    Raises:
        OctopusError: The message names the option.
    """
    try:
        disks.root_of(path)
    except ValueError as error:
        raise OctopusError(f"{what}: {error}") from error


def overlap(one: str, other: str) -> bool:
    """Whether two folders are the same, or one contains the other."""
    first, second = one.lower() + "\\", other.lower() + "\\"
    return first.startswith(second) or second.startswith(first)


def _or_unknown(number: int | None) -> str:
    return "an unknown number of" if number is None else str(number)
