# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Copies of the server's folders in a restore point: made by robocopy as jobs on a node, compared, never over another restore point's."""

from __future__ import annotations

import re
import time
from dataclasses import asdict, dataclass, field
from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._windows import disks, files, robocopy
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.connection import CMD, SYSTEM32, WindowsHost
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.jobs import Command, Job, JobState, RunAs, job_id, wait_all
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.progress import Progress
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.quoting import batch_builtin, batch_line, batch_word

from .errors import OctopusError

# Says whose copy a folder is. Written before the first file is copied.
MARKER = "restore-point.txt"
# Folders that a server makes when it first needs them.
MADE_WHEN_NEEDED = ("imports", "event_exports", "telemetry")
ABSENT, UNREACHABLE = 100, 101

_MARK = "--octopus.upgrade--"
_NAME = re.compile(r"[a-z][a-z0-9_]{0,40}")
_POINT = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._:-]{0,100}")
_PREPARE_SECONDS = 300.0


@dataclass(frozen=True)
class BackupRequest:
    """What a module was asked to copy. ``timeout`` is in seconds.

    Raises:
        OctopusError: A name or path cannot be used.
    """

    folders: dict[str, str]
    dest: str
    restore_point: str
    threads: int = 8
    live: bool = False
    timeout: float = 14400
    work_root: str = r"C:\ProgramData\octopus.upgrade"
    run_as: RunAs = field(default_factory=RunAs)
    check_mode: bool = False
    tell: Progress = field(default_factory=lambda: Progress(None))

    @classmethod
    def from_params(cls, params: dict[str, Any], check_mode: bool) -> BackupRequest:
        """Read a module's parameters."""
        dest = params["dest"].replace("/", "\\").rstrip("\\")
        request = cls(
            {name: str(path or "").replace("/", "\\").rstrip("\\") for name, path in params["folders"].items()},
            dest,
            params["restore_point"] or dest.rpartition("\\")[2],
            params["threads"],
            params["live"],
            params["timeout"],
            params["work_root"],
            RunAs(params["job_user"], params["job_password"]),
            check_mode,
            Progress(params["progress_file"]),
        )
        request.check()
        return request

    def check(self) -> None:
        """Refuse what could not work, or would copy over something."""
        if not _POINT.fullmatch(self.restore_point):
            raise OctopusError(f"restore_point {self.restore_point!r} is no id: letters, digits, blanks and . _ : - only.")
        if not 1 <= self.threads <= 128:
            raise OctopusError(f"threads has to be 1 to 128, not {self.threads}: that is what robocopy takes.")
        _absolute("dest", self.dest)
        if self.dest + "\\" == disks.root_of(self.dest):
            raise OctopusError(
                f"dest {self.dest!r} is the root of a drive or share: give a folder of its own, which will hold nothing else."
            )
        for name, path in self.folders.items():
            if not _NAME.fullmatch(name):
                raise OctopusError(f"folders: {name!r} cannot be the name of a folder: small letters, digits and _ only.")
            if not path:
                raise OctopusError(f"folders: {name} has no path.")
            _absolute(f"folders: {name}", path)
            if _below(path, self.dest) or _below(self.dest, path):
                raise OctopusError(
                    f"folders: {name} is {path} and dest is {self.dest}: one lies in the other, so the copy would copy itself."
                )

    def dest_of(self, name: str) -> str:
        return f"{self.dest}\\{name}"


@dataclass
class FolderCopy:
    """What came of one folder. ``files`` and ``bytes`` are what the copy holds; None where it was not looked at."""

    source: str
    dest: str
    exists: bool = True
    files: int | None = None
    bytes: int | None = None
    copied_files: int | None = None
    copied_bytes: int | None = None
    deleted_files: int | None = None
    complete: bool = False
    seconds: float = 0.0
    changed: bool = False


@dataclass
class Backup:
    """What came of all."""

    folders: dict[str, FolderCopy]
    warnings: list[str] = field(default_factory=list)

    def as_result(self, diff: bool = False) -> dict[str, Any]:
        """Return what the module returns."""
        shown = {name: {key: value for key, value in asdict(copy).items() if key != "changed"} for name, copy in self.folders.items()}
        result: dict[str, Any] = {"changed": any(copy.changed for copy in self.folders.values()), "folders": shown}
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


def back_up(request: BackupRequest, host: WindowsHost) -> Backup:
    """Copy the folders, all at once, and compare.

    Raises:
        OctopusError: A folder cannot be read, the copy cannot be written or differs, or the place belongs to another restore point.
        WindowsError: The host cannot do it.
    """
    backup = Backup({name: FolderCopy(path, request.dest_of(name)) for name, path in request.folders.items()})
    if request.check_mode:
        for name in request.folders:
            _foresee(request, host, name, backup.folders[name])
        return backup
    _prepare(request, host)
    _run(request, {name: _job(request, host, name) for name in request.folders}, backup)
    return backup


# -- the place


def _prepare(request: BackupRequest, host: WindowsHost) -> None:
    """See that the place is free or ours."""
    marker = f"{request.dest}\\{MARKER}"
    job = Job(host, request.work_root, job_id("folders-place", request.dest, request.restore_point))
    commands: list[Command] = [
        f"if not exist {batch_word(request.dest + chr(92))} {batch_builtin('mkdir', request.dest)}",
        f"echo {_MARK}",
        f"if exist {batch_word(marker)} {batch_builtin('type', marker)}",
        f"echo {_MARK}",
        f"({batch_builtin('dir', '/b', '/a', request.dest)} 2>nul)",
    ]
    job.remove()  # how an earlier run found the place says nothing of today
    job.start(commands, request.run_as)
    state = job.wait(_PREPARE_SECONDS)
    output = job.output()
    job.remove()
    made, mark, listing = [*output.split(_MARK), "", ""][:3]
    if state.exit_codes[0]:
        raise OctopusError(
            f"{host.where}: the folder {request.dest} cannot be made as {request.run_as.account}: {' '.join(made.split())} "
            "A share is reached with the rights of job_user, SYSTEM as the computer account."
        )
    there = mark.strip()
    if there and there != request.restore_point:
        raise OctopusError(
            f"{host.where}: {request.dest} holds the restore point {there}, not {request.restore_point}. A copy is never made over another "
            "restore point's: give dest a folder of its own."
        )
    if not there and listing.strip():
        raise OctopusError(
            f"{host.where}: {request.dest} holds something ({', '.join(listing.split()[:5])}) and no {MARKER}, so it is no restore point's. "
            "Copying there could delete what is not ours: give dest a folder of its own."
        )


# -- the copies


def _job(request: BackupRequest, host: WindowsHost, name: str) -> Job:
    source = request.folders[name]
    return Job(host, request.work_root, job_id(f"folders-{name}", source, request.dest_of(name)))


def _commands(request: BackupRequest, name: str) -> list[Command]:
    """Look for the source, mark the place, mirror, list what a second mirror would do."""
    source, dest = request.folders[name], request.dest_of(name)
    parent = source.rpartition("\\")[0]
    # A folder that is not there, and a share that cannot be reached, look the same but for the folder above.
    missing = f"if exist {batch_word(parent + chr(92))} ({CMD} /d /c exit {ABSENT}) else {CMD} /d /c exit {UNREACHABLE}"
    looked = f"if exist {batch_word(source + chr(92))} (ver >nul) else {missing}"
    # An id holds nothing that cmd.exe acts on; in parentheses, since a digit before ">" would name a stream.
    marker = batch_word(request.dest + chr(92) + MARKER)
    marked = f"((echo {request.restore_point})>{marker})"
    copied = _robocopy(robocopy.mirror(source, dest, request.threads))
    return [looked, marked, copied, _robocopy(robocopy.compare(source, dest))]


def _robocopy(argv: list[str]) -> str:
    return batch_line([f"{SYSTEM32}robocopy.exe", *argv[1:]])


def _run(request: BackupRequest, jobs: dict[str, Job], backup: Backup) -> None:
    """Run all jobs at once. One that an earlier run started is waited for, then run again: what it copied may be old."""
    waiting = dict(jobs)
    started = time.monotonic()
    while waiting:
        for name, job in waiting.items():
            job.start(_commands(request, name), request.run_as, restart_lost=True)
            request.tell(f"{job.host.name}: copying {name}")
        states = wait_all(waiting, request.timeout, tick=_Watch(request, waiting))
        outputs = {name: job.output() for name, job in waiting.items()}
        for job in waiting.values():
            job.remove()
        for name, job in waiting.items():
            if not job.attached:
                copy = backup.folders[name]
                copy.seconds = round(time.monotonic() - started, 3)
                _judge(request, _Ended(job.host, name, states[name], outputs[name]), copy, backup.warnings)
        waiting = {name: job for name, job in waiting.items() if job.attached}


@dataclass(frozen=True)
class _Ended:
    """A copy's job that has finished."""

    host: WindowsHost
    name: str
    state: JobState
    output: str


def _judge(request: BackupRequest, ended: _Ended, copy: FolderCopy, warnings: list[str]) -> None:
    """Fill in what came of a folder.

    Raises:
        OctopusError: The copy is not what it has to be.
    """
    host, name, output = ended.host, ended.name, ended.output
    looked, marked, mirrored, _compared = ended.state.exit_codes
    if looked == ABSENT and name in MADE_WHEN_NEEDED:
        copy.exists, copy.complete = False, True
        copy.files = copy.bytes = copy.copied_files = copy.copied_bytes = copy.deleted_files = 0
        return
    if looked:
        why = "it does not exist" if looked == ABSENT else "neither it nor the folder above can be reached"
        raise OctopusError(f"{host.where}: the folder {name}, {copy.source}, cannot be read as {request.run_as.account}: {why}.")
    if marked:
        raise OctopusError(f"{host.where}: {request.dest}\\{MARKER} cannot be written: {' '.join(output.split())[:300]}")
    found = robocopy.summaries(output)
    errors = " | ".join(robocopy.errors(output))
    failed = mirrored if mirrored & robocopy.FATAL or len(found) != 2 else 0
    if failed or (mirrored >= robocopy.FAILED and not request.live):
        raise OctopusError(
            f"{host.where}: robocopy of {name} from {copy.source} to {copy.dest} ended with {robocopy.meaning(mirrored)}. "
            f"{errors or ' '.join(output.split())[-300:]}"
        )
    if len(found) != 2:
        raise OctopusError(f"{host.where}: what robocopy said of {name} cannot be read: {' '.join(output.split())[-300:]}")
    did, left = found
    copy.files, copy.bytes = left.files.total - left.files.copied, left.bytes.total - left.bytes.copied
    copy.copied_files, copy.copied_bytes, copy.deleted_files = did.files.copied, did.bytes.copied, did.files.extra
    copy.changed = bool(did.files.copied or did.files.extra or did.folders.copied or did.folders.extra)
    copy.complete = left.is_same and robocopy.is_success(mirrored)
    if copy.complete:
        return
    differs = (
        f"of {left.files.total} files {left.files.copied} differ or are missing, {left.files.mismatched} are of another kind, "
        f"{left.files.failed} cannot be read, {left.files.extra} are too many"
    )
    if not request.live:
        raise OctopusError(
            f"{host.where}: the copy of {name} in {copy.dest} is not what {copy.source} holds: {differs}. Does something still write there? "
            f"{errors}".strip()
        )
    warnings.append(f"{name}: not complete while the server runs: {differs}. {errors}".strip())


def _foresee(request: BackupRequest, host: WindowsHost, name: str, copy: FolderCopy) -> None:
    """What a copy would do. A share is reached by jobs only, and a job would write on the host: of those nothing is known."""
    copy.changed = True
    if disks.is_unc(copy.source) or disks.is_unc(copy.dest):
        return
    result = host.run(robocopy.compare(copy.source, copy.dest), timeout=request.timeout, idempotent=True)
    found = robocopy.summaries(result.stdout)
    if result.exit_code & robocopy.FATAL or not found:
        if name in MADE_WHEN_NEEDED and not files.exists(host, copy.source):
            copy.exists, copy.changed = False, False
            return
        said = " | ".join(robocopy.errors(result.stdout)) or " ".join(result.stdout.split())[-300:]
        raise OctopusError(f"{host.where}: the folder {name}, {copy.source}, cannot be read: {said}")
    would = found[0]
    copy.files, copy.bytes = would.files.total, would.bytes.total
    copy.copied_files, copy.copied_bytes, copy.deleted_files = would.files.copied, would.bytes.copied, would.files.extra
    copy.complete = would.is_same
    copy.changed = not would.is_same


class _Watch:
    """Tells now and then which copies still run."""

    def __init__(self, request: BackupRequest, jobs: dict[str, Job], every: float = 15.0) -> None:
        self._request, self._jobs, self._every = request, jobs, every
        self._start = time.monotonic()
        self._next = self._start + every

    def __call__(self) -> None:
        now = time.monotonic()
        if now < self._next:
            return
        self._next = now + self._every
        self._request.tell(f"still copying after {now - self._start:.0f} s: {', '.join(self._jobs)}")


def _absolute(what: str, path: str) -> None:
    try:
        disks.root_of(path)
    except ValueError as error:
        raise OctopusError(f"{what}: {error}") from error


def _below(path: str, folder: str) -> bool:
    return (path.lower() + "\\").startswith(folder.lower() + "\\")


def _or_unknown(number: int | None) -> str:
    return "an unknown number of" if number is None else str(number)
