# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Packages staged on nodes: fetched by a job under another name, hashed, renamed. A correct package is not fetched again."""

from __future__ import annotations

import time
from dataclasses import dataclass

from ansible_collections.octopus.upgrade.plugins.module_utils._core.progress import Progress, how_far
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError
from ansible_collections.octopus.upgrade.plugins.module_utils._windows import disks, files
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.connection import SYSTEM32, WindowsHost
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.job_files import protect_line
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.jobs import Command, Job, RunAs, job_id
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.quoting import batch_builtin, batch_line, builtin

from .source import PackageSource

CURL = f"{SYSTEM32}curl.exe"
POWERSHELL = f"{SYSTEM32}WindowsPowerShell\\v1.0\\powershell.exe"
# https://curl.se/docs/manpage.html#EXIT-CODES
CURL_CODES = {
    6: "the server name cannot be resolved",
    7: "the server cannot be reached",
    18: "the connection ended before the file was complete",
    22: "the server refused (HTTP 400 or above)",
    23: "the file cannot be written; is the disk full?",
    28: "the time was up",
    35: "the TLS handshake failed",
    56: "the connection broke",
    60: "the node does not trust the server's certificate",
}
_MARK = "--octopus.upgrade--"
_SPACE = 1.02  # including what is needed beside the package itself
_TELL_EVERY = 5.0  # seconds


@dataclass(frozen=True)
class Place:
    """Where and how packages are staged on a node: folders, account of the jobs, and seconds that a job may take."""

    work_root: str
    stage_dir: str
    run_as: RunAs
    timeout: float


@dataclass(frozen=True)
class Staged:
    """A package on a node. In check mode, hash and size of a package that would be fetched are those that its origin states.

    Attributes:
        stated_by: What states the hash that it is verified with; None where nothing does.
    """

    path: str
    sha256: str | None
    size: int | None
    fetched: bool
    stated_by: str | None = None


@dataclass(frozen=True)
class _Found:
    size: int | None
    recorded: str | None
    has_curl: bool


@dataclass(frozen=True)
class _Expected:
    """The path of the package, and what is known about it: its hash, what states or will state the hash, its size."""

    path: str
    digest: str | None
    stated_by: str | None
    size: int | None


def stage(host: WindowsHost, source: PackageSource, place: Place, tell: Progress, *, check_mode: bool = False, ask: bool = True) -> Staged:
    """Bring the package to the node, and verify it.

    Args:
        host: The node.
        source: The origin of the package.
        place: Where and how it is staged.
        tell: Gets messages about the progress.
        check_mode: Whether to change nothing.
        ask: Whether to ask the origin even where the hash was recorded when the package was staged.

    Raises:
        OctopusError: The package cannot be fetched or has the wrong hash, or there is not enough space for it.
        HostError: The host failed.
    """
    path = f"{place.stage_dir.rstrip(chr(92))}\\{source.name}"
    found = _look(host, path)
    wanted = _expected(source, path, found, ask)
    if found.size is not None and wanted.digest is not None and wanted.size in (None, found.size):
        # In check mode the record is enough: nothing depends on it yet, and hashing a package takes seconds.
        digest = found.recorded if check_mode and found.recorded else files.sha256(host, path)
        if digest == wanted.digest:
            if found.recorded != digest and not check_mode:
                _record(host, path, digest)
            return Staged(path, digest, found.size, False, wanted.stated_by)
    if wanted.size is not None:
        _refuse_without_space(host, place.stage_dir, wanted.size)
    if check_mode:
        return Staged(path, wanted.digest, wanted.size, True, wanted.stated_by)
    job = Job(host, place.work_root, job_id(f"fetch-{source.version}", source.text, path))
    # Only administrators have rights on the folder of packages, so an account that reads a share copies to the folder of its job.
    own = source.kind == "unc" and not place.run_as.is_system
    way = _Way(source, f"{job.folder}\\{source.name}" if own else f"{path}.part", found.has_curl)
    return _fetch(job, place, wanted, way, tell)


def _expected(source: PackageSource, path: str, found: _Found, ask: bool) -> _Expected:
    record = f"{path}.sha256, written when it was staged"
    if found.recorded and not ask and source.sha256 is None:
        return _Expected(path, found.recorded, record, None)
    digest, stated_by = source.expected()
    if digest is None and found.recorded:
        digest, stated_by = found.recorded, record
    if digest is None:  # the job that copies a file computes its hash too
        return _Expected(path, None, None if source.kind == "url" else f"the file {source.text} itself", source.remote().size)
    return _Expected(path, digest, stated_by, source.remote().size)


def _record(host: WindowsHost, path: str, digest: str) -> None:
    files.write_text(host, f"{path}.sha256", f"{digest}  {path.rpartition(chr(92))[2]}\n")


def _look(host: WindowsHost, path: str) -> _Found:
    """Find the size of the file, the hash recorded beside it, and whether there is a curl.exe, by one command."""
    parts = (builtin("dir", "/-c", "/a-d", path), builtin("type", f"{path}.sha256"), builtin("dir", "/b", CURL))
    result = host.run_cmd(f" & echo {_MARK}& ".join(f"{part} 2>nul" for part in parts), idempotent=True)
    listing, record, curl = [*result.stdout.split(_MARK), "", ""][:3]
    recorded = record.split()
    return _Found(
        files.size_in(listing, path.rpartition("\\")[2]),
        recorded[0].lower() if recorded and len(recorded[0]) == 64 else None,
        "curl" in curl.lower(),
    )


def _refuse_without_space(host: WindowsHost, folder: str, size: int) -> None:
    free = disks.free_bytes(host, folder)
    if free < size * _SPACE:
        raise OctopusError(
            f"{host.where}: the package needs {size} bytes in {folder}, but only {free} are free on {disks.root_of(folder)}. "
            "Free some space, or set stage_dir to another drive."
        )


@dataclass(frozen=True)
class _Way:
    """How a package is fetched: the commands of the job, and what their exit codes mean."""

    source: PackageSource
    part: str
    has_curl: bool

    def commands(self) -> list[Command]:
        source, part = self.source, self.part
        if source.kind != "url":
            certutil = batch_line([f"{SYSTEM32}certutil.exe", "-hashfile", source.text, "SHA256"])
            return [batch_builtin("copy", "/y", "/b", source.text, part), certutil]
        if self.has_curl:
            only = "=https" if source.text.lower().startswith("https") else "=http,https"
            options = ["--fail", "--location", "--silent", "--show-error", "--retry", "3", "--proto", only, "--proto-redir", only]
            return [[CURL, *options, "--output", part, source.text]]
        return [self._powershell()]

    def _powershell(self) -> str:
        # Windows Server 2016 and older have no curl.exe. Its progress bar makes it many times slower, and TLS 1.2 is not its default.
        url, target = self.source.text.replace("'", "''"), self.part.replace("'", "''")
        script = (
            "$ErrorActionPreference = 'Stop'; $ProgressPreference = 'SilentlyContinue'; "
            "[Net.ServicePointManager]::SecurityProtocol = [Net.SecurityProtocolType]::Tls12; "
            f"Invoke-WebRequest -UseBasicParsing -Uri '{url}' -OutFile '{target}'"
        )
        return batch_line([POWERSHELL, "-NoProfile", "-NonInteractive", "-ExecutionPolicy", "Bypass", "-Command", script])

    def why(self, codes: tuple[int, ...]) -> str:
        code = next((code for code in codes if code), 0)
        if self.source.kind != "url":
            return "the file cannot be read or copied; job_user needs the right to read a share"
        if self.has_curl:
            return f"curl ended with {code} ({CURL_CODES.get(code, 'see its manual')})"
        return f"PowerShell ended with {code}"


def _fetch(job: Job, place: Place, wanted: _Expected, way: _Way, tell: Progress) -> Staged:
    host, source, path, part = job.host, way.source, wanted.path, f"{wanted.path}.part"
    run_as = place.run_as if source.kind == "unc" else RunAs()
    host.run_cmd(protect_line(place.work_root.rstrip("\\")), check=True, idempotent=True)
    files.make_folder(host, place.stage_dir)
    tell(f"{host.name}: fetching {source.name}")
    while True:
        job.start(way.commands(), run_as, restart_lost=True)
        state = job.wait(place.timeout, tick=_Watch(host, way.part, wanted.size, source.name, tell))
        output, attached = job.output(), job.attached
        if way.part != part and not state.exit_code:
            # A copy, not a move: moved, the file would keep the rights of the job's account.
            host.run_builtin("copy", "/y", "/b", way.part, part, timeout=place.timeout, check=True, idempotent=True)
        job.remove()
        if not (state.exit_code and attached):  # the failure of an earlier run's attempt may be out of date
            break
    if state.exit_code:
        files.remove(host, part)
        raise OctopusError(
            f"{host.where}: cannot fetch {source.text} to {path}: {way.why(state.exit_codes)}. {' '.join(output.split())[-500:]}"
        )
    expected = files.hash_in(output) if wanted.digest is None and source.kind != "url" else wanted.digest
    digest = files.sha256(host, part)
    size = files.size(host, part)
    if expected is not None and digest != expected:
        files.remove(host, part)
        raise OctopusError(
            f"{host.where}: expected the package {source.text} to have the SHA-256 {expected}, as stated by {wanted.stated_by}, but found {digest} "
            f"({size} bytes). The file was deleted. It was damaged in transit, or sha256 is that of another version."
        )
    files.move(host, part, path)
    _record(host, path, digest)
    return Staged(path, digest, size, True, wanted.stated_by)


class _Watch:
    """Reports from time to time how much of a file has been fetched."""

    def __init__(self, host: WindowsHost, part: str, size: int | None, name: str, tell: Progress) -> None:
        self._host, self._part, self._size, self._name, self._tell = host, part, size, name, tell
        self._start = time.monotonic()
        self._next = self._start + _TELL_EVERY

    def __call__(self) -> None:
        if not self._tell.is_shown or not self._size or time.monotonic() < self._next:
            return
        self._next = time.monotonic() + _TELL_EVERY
        there = files.size(self._host, self._part) or 0
        how = how_far(there, self._size, time.monotonic() - self._start)
        self._tell(f"{self._host.name}: fetching {self._name}{f': {how}' if how else ''}", 100 * there / self._size)
