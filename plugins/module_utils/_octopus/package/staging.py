# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Packages onto nodes: fetched by a job under another name, hashed, renamed; what is there and right is not fetched again."""

from __future__ import annotations

import time
from dataclasses import dataclass

from ansible_collections.octopus.upgrade.plugins.module_utils._core.progress import Progress
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
    6: "the name of the server cannot be resolved",
    7: "the server cannot be reached",
    18: "the connection ended before the whole file was there",
    22: "the server refused (HTTP 400 or above)",
    23: "the file cannot be written; is the disk full?",
    28: "it took too long",
    35: "TLS could not be agreed on",
    56: "the connection broke",
    60: "the server's certificate is not trusted by the node",
}
_MARK = "--octopus.upgrade--"
_ROOM = 1.02  # beside the package itself
_TELL_EVERY = 5.0  # seconds


@dataclass(frozen=True)
class Place:
    """How the collection works on a node: its folder there, where packages lie, who jobs run as, seconds for one."""

    work_root: str
    stage_dir: str
    run_as: RunAs
    timeout: float


@dataclass(frozen=True)
class Staged:
    """A package on a node. In check mode of a package still to be fetched, hash and size are what its origin says."""

    path: str
    sha256: str | None
    size: int | None
    fetched: bool


@dataclass(frozen=True)
class _Found:
    size: int | None
    noted: str | None
    has_curl: bool


@dataclass(frozen=True)
class _Wanted:
    """Where the package is to lie, and what is known of it: its hash, who says so, its size."""

    path: str
    expected: str | None
    by: str
    size: int | None


def stage(host: WindowsHost, source: PackageSource, place: Place, tell: Progress, *, check_mode: bool = False, ask: bool = True) -> Staged:
    """Have the package on the node, right.

    Args:
        ask: Whether the origin is asked even where the node noted the package's hash when it was staged.

    Raises:
        OctopusError: The package cannot be had, is not what it should be, or there is no room for it.
        HostError: The host cannot do it.
    """
    path = f"{place.stage_dir.rstrip(chr(92))}\\{source.name}"
    found = _look(host, path)
    wanted = _wanted(source, path, found, ask)
    if found.size is not None and wanted.expected is not None and wanted.size in (None, found.size):
        # In check mode the note is enough: nothing depends on it yet, and a package takes seconds to hash.
        digest = found.noted if check_mode and found.noted else files.sha256(host, path)
        if digest == wanted.expected:
            if found.noted != digest and not check_mode:
                _note(host, path, digest)
            return Staged(path, digest, found.size, False)
    if wanted.size is not None:
        _refuse_without_room(host, place.stage_dir, wanted.size)
    if check_mode:
        return Staged(path, wanted.expected, wanted.size, True)
    job = Job(host, place.work_root, job_id(f"fetch-{source.version}", source.text, path))
    # Only administrators have rights on the folder of packages. An account that reads a share copies into its own job's folder.
    own = source.kind == "unc" and not place.run_as.is_system
    way = _Way(source, f"{job.folder}\\{source.name}" if own else f"{path}.part", found.has_curl)
    return _fetch(job, place, wanted, way, tell)


def _wanted(source: PackageSource, path: str, found: _Found, ask: bool) -> _Wanted:
    note = f"{path}.sha256, written when it was staged"
    if found.noted and not ask and source.sha256 is None:
        return _Wanted(path, found.noted, note, None)
    expected, by = source.expected()
    if expected is None and found.noted:
        expected, by = found.noted, note
    return _Wanted(path, expected, by, source.remote().size)


def _note(host: WindowsHost, path: str, digest: str) -> None:
    files.write_text(host, f"{path}.sha256", f"{digest}  {path.rpartition(chr(92))[2]}\n")


def _look(host: WindowsHost, path: str) -> _Found:
    """What lies there: one command for the file's size, the hash noted beside it, and whether there is a curl.exe."""
    parts = (builtin("dir", "/-c", "/a-d", path), builtin("type", f"{path}.sha256"), builtin("dir", "/b", CURL))
    result = host.run_cmd(f" & echo {_MARK}& ".join(f"{part} 2>nul" for part in parts), idempotent=True)
    listing, note, curl = [*result.stdout.split(_MARK), "", ""][:3]
    noted = note.split()
    return _Found(
        files.size_in(listing, path.rpartition("\\")[2]),
        noted[0].lower() if noted and len(noted[0]) == 64 else None,
        "curl" in curl.lower(),
    )


def _refuse_without_room(host: WindowsHost, folder: str, size: int) -> None:
    free = disks.free_bytes(host, folder)
    if free < size * _ROOM:
        raise OctopusError(
            f"{host.where}: a package of {size} bytes does not fit into {folder}: {free} bytes are free on {disks.root_of(folder)}. "
            "Make room, or set stage_dir to another drive."
        )


@dataclass(frozen=True)
class _Way:
    """How a package gets to a node: the commands of the job, and what their exit codes mean."""

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
            return "the file cannot be read or copied; a share is reached as job_user, which has to be allowed to read it"
        if self.has_curl:
            return f"curl ended with {code} ({CURL_CODES.get(code, 'see its manual')})"
        return f"PowerShell ended with {code}"


def _fetch(job: Job, place: Place, wanted: _Wanted, way: _Way, tell: Progress) -> Staged:
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
        if not (state.exit_code and attached):  # how an earlier run's attempt failed says nothing of today
            break
    if state.exit_code:
        files.remove(host, part)
        raise OctopusError(
            f"{host.where}: {source.text} cannot be fetched to {path}: {way.why(state.exit_codes)}. {' '.join(output.split())[-500:]}"
        )
    expected, by = wanted.expected, wanted.by
    if expected is None and source.kind != "url":
        expected, by = files.hash_in(output), f"the file {source.text} itself"
    digest = files.sha256(host, part)
    size = files.size(host, part)
    if expected is not None and digest != expected:
        files.remove(host, part)
        raise OctopusError(
            f"{host.where}: the package {source.text} is not what it should be: its SHA-256 is {digest} ({size} bytes), and {by} says "
            f"{expected}. It was deleted. Damaged on the way, or is sha256 that of another version?"
        )
    files.move(host, part, path)
    _note(host, path, digest)
    return Staged(path, digest, size, True)


class _Watch:
    """Tells now and then how much of a file is there."""

    def __init__(self, host: WindowsHost, part: str, size: int | None, name: str, tell: Progress) -> None:
        self._host, self._part, self._size, self._name, self._tell = host, part, size, name, tell
        self._next = time.monotonic() + _TELL_EVERY

    def __call__(self) -> None:
        if not self._tell.is_shown or not self._size or time.monotonic() < self._next:
            return
        self._next = time.monotonic() + _TELL_EVERY
        there = files.size(self._host, self._part) or 0
        self._tell(f"{self._host.name}: fetching {self._name}", 100 * there / self._size)
