# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Folders copied by robocopy jobs on a node, into a restore point or out of one for a clone, and compared with their sources."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError
from ansible_collections.octopus.upgrade.plugins.module_utils._windows import disks, files, links, robocopy
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.connection import WindowsHost
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.jobs import Command, Job
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.quoting import batch_builtin, batch_word

from . import listing, mirrors, rights, room
from .copies import MADE_WHEN_NEEDED, Copies, FolderCopy, Means, check_folders, check_own, check_point, named_folders, normal, overlap
from .linked import LINKED, look_for_links, refuse_links, unless_linked
from .places import MARKER, Found, Place, look, look_here, needs_job, refuse_foreign, refuse_signed


@dataclass(frozen=True)
class BackupRequest:
    """Which folders are copied where.

    Attributes:
        newer_than_days: Copy only the files written in the last days.
        coarse_times: Whether an earlier copy has found that ``dest`` keeps times to two seconds only.
        needs_room: Whether there has to be room for the database backup beside the copies, and for what a rollback retains.
        backup_bytes: How large that backup will be; None where that is not known.
        planned: How many bytes are copied, where that was counted before, for the progress.
    """

    folders: dict[str, str]
    dest: str
    restore_point: str
    live: bool = False
    marker: str = MARKER
    newer_than_days: int | None = None
    coarse_times: bool = False
    needs_room: bool = False
    backup_bytes: int | None = None
    planned: Mapping[str, int] = field(default_factory=dict)
    means: Means = field(default_factory=Means)

    @classmethod
    def from_params(cls, params: dict[str, Any], check_mode: bool) -> BackupRequest:
        """Read the parameters of ``octopus_folders_backup``.

        Raises:
            OctopusError: They cannot work, or the copy would overwrite something else.
        """
        dest = normal(params["dest"])
        request = cls(
            named_folders(params["folders"]),
            dest,
            params["restore_point"] or dest.rpartition("\\")[2],
            params["live"],
            coarse_times=params["coarse_times"],
            needs_room=params["needs_room"],
            backup_bytes=params["backup_bytes"],
            planned={name: one["copied_bytes"] for name, one in params["planned"].items() if one.get("copied_bytes") is not None},
            means=Means.from_params(params, check_mode),
        )
        request.check()
        return request

    def check(self) -> None:
        """Refuse a request that cannot work or would overwrite something else.

        Raises:
            OctopusError: The message names the option.
        """
        check_point(self.restore_point)
        check_own("dest", self.dest)
        check_folders(self.folders)
        for name, path in self.folders.items():
            if overlap(path, self.dest):
                raise OctopusError(
                    f"folders: {name} is {path} and dest is {self.dest}. One contains the other, so the copy would copy itself. "
                    "Choose another dest."
                )

    @property
    def place(self) -> Place:
        return Place(self.dest, self.marker)

    @property
    def lists(self) -> bool:
        """Whether the copy gets a list of its files, so that a later check of the restore point finds a file that was changed or replaced."""
        return self.marker == MARKER

    @property
    def counts(self) -> bool:
        """Whether the files of a copy are counted separately, because it may differ from its source."""
        return self.live or self.newer_than_days is not None

    def dest_of(self, name: str) -> str:
        return f"{self.dest}\\{name}"


@dataclass
class BackedUpFolder(FolderCopy):
    """The outcome for one folder of a restore point. ``listing_sha256``: that of the list of its files; None where there is none."""

    listing_sha256: str | None = None


def back_up(request: BackupRequest, host: WindowsHost) -> Copies:
    """Copy all folders at once, and compare the copies with their sources.

    Raises:
        OctopusError: A folder cannot be read, its copy cannot be written or differs, the destination belongs to another restore point or to
            a signed one, or there is no room beside the copies.
        HostError: The host failed.
    """
    kind = BackedUpFolder if request.lists else FolderCopy
    backup = Copies({name: kind(path, request.dest_of(name)) for name, path in request.folders.items()})
    if request.means.check_mode:
        if not needs_job(request.dest):
            _check_place(request, host, look_here(host, request.place))
        for name in request.folders:
            _predict(request, host, name, backup.folders[name])
        return backup
    _check_place(request, host, look(request.means, host, request.place, make=True)[0])
    jobs = {name: request.means.job(host, f"folders-{name}", path, request.dest_of(name)) for name, path in request.folders.items()}
    commands = {name: _commands(request, name, job) for name, job in jobs.items()}
    ended = mirrors.run_all(request.means, jobs, commands, "copying", total_bytes=request.planned)
    for name, copy in backup.folders.items():
        _judge(request, ended[name], name, copy, backup.warnings)
    if request.needs_room:
        free = room.free_bytes(request.means, host, request.dest)
        found = room.check(disks.root_of(request.dest), backup.folders.values(), request.backup_bytes, free)
        if found.blocks:
            raise OctopusError(f"{host.where}: {found.sentence()} The server folders were not changed.")
    return backup


def _check_place(request: BackupRequest, host: WindowsHost, found: Found) -> None:
    refuse_foreign(host, request.place, found, request.restore_point, "dest")
    if request.marker == MARKER:
        refuse_signed(host, request.place, found)


def _commands(request: BackupRequest, name: str, job: Job) -> list[Command]:
    """Look for the source and for links in it, mark the destination, mirror, then list what a second mirror would do."""
    source, dest = request.folders[name], request.dest_of(name)
    how = (request.newer_than_days, request.coarse_times)
    listed = f"{job.folder}\\listing.txt"
    # As many files as there are, so outside the outage where there was a first copy.
    saved = rights.save_lines(source, dest, job)
    listing_lines = [
        saved if request.live else f"if not exist {batch_word(f'{dest}{rights.ACLS}')} {saved}",
        listing.list_line(dest, f"{job.folder}\\no-such-folder", listed),
        batch_builtin("copy", "/y", "/b", listed, f"{dest}{listing.SUFFIX}"),
    ]
    count = [mirrors.compare(dest, f"{job.folder}\\no-such-folder")] if request.counts else []
    return [
        mirrors.look_for(source),
        look_for_links(source, job),
        request.place.mark(request.restore_point),
        unless_linked(mirrors.mirror(source, dest, request.means.threads, *how), job),
        *count,
        mirrors.compare_after(source, dest, *how),
        *(listing_lines if request.lists else []),
    ]


def _judge(request: BackupRequest, ended: mirrors.Ended, name: str, copy: FolderCopy, warnings: list[str]) -> None:
    """Record the outcome for one folder.

    Raises:
        OctopusError: The copy is incomplete or wrong.
    """
    looked, _linked, marked, mirrored, *listed = ended.codes
    if looked == mirrors.ABSENT and name in MADE_WHEN_NEEDED:
        copy.nothing()
        return
    mirrors.refuse_missing(ended, name, copy.source, looked)
    if mirrored == LINKED:
        refuse_links(ended.host.where, name, copy.source, links.links_in(ended.output) or ["(unnamed)"], "Nothing was copied.")
    if marked:
        raise OctopusError(f"{ended.host.where}: cannot write {request.place.marker_path}: {' '.join(ended.output.split())[:300]}")
    copy.coarse_times = request.coarse_times
    differs = mirrors.read_mirror(ended, name, copy, mirrored, live=request.live, counted=request.counts)
    if differs:
        warnings.append(f"{name}: the copy is incomplete because the server is running: {differs}")
    if isinstance(copy, BackedUpFolder) and listed[-3]:
        warnings.append(
            f"{name}: the rights and owners of {copy.source} cannot be saved in {copy.dest}{rights.ACLS} and {copy.dest}{rights.OWNERS}."
        )
    if isinstance(copy, BackedUpFolder) and copy.files:
        # Written by the job itself and copied to the restore point: a hash without the copy would be of no use.
        copy.listing_sha256 = files.hash_in(ended.output) if not any(listed[-2:]) else None
        if copy.listing_sha256 is None:
            warnings.append(
                f"{name}: the files of {copy.dest} cannot be listed in {copy.dest}{listing.SUFFIX}, so that later checks can only count them."
            )
    if copy.coarse_times and not request.coarse_times:
        warnings.append(f"{name}: {copy.dest} keeps the times of files to two seconds only, so they are compared to two seconds.")


def _predict(request: BackupRequest, host: WindowsHost, name: str, copy: FolderCopy) -> None:
    """Predict what a copy would do. Only a job reaches a share, and a job would write to the host, so nothing is known of their content."""
    copy.changed = True
    if disks.is_unc(copy.source):
        return
    if not needs_job(copy.source):
        refuse_links(host.where, name, copy.source, links.look(host, copy.source), "Nothing would be copied.")
    # Of a copy on a share it is not known what it has already, so that everything may have to be copied.
    dest = f"{request.means.work_root}\\no-such-folder" if disks.is_unc(copy.dest) else copy.dest
    result = host.run(robocopy.compare(copy.source, dest, request.newer_than_days), timeout=request.means.timeout, idempotent=True)
    found = robocopy.summaries(result.stdout)
    if result.exit_code & robocopy.FATAL or not found:
        if name in MADE_WHEN_NEEDED and not files.exists(host, copy.source):
            copy.exists, copy.changed = False, False
            return
        said = " | ".join(robocopy.errors(result.stdout)) or " ".join(result.stdout.split())[-300:]
        raise OctopusError(f"{host.where}: cannot read the folder {name}, {copy.source}: {said}")
    would = found[0]
    copy.files, copy.bytes = would.files.total, would.bytes.total
    copy.copied_files, copy.copied_bytes, copy.deleted_files = would.files.copied, would.bytes.copied, would.files.extra
    copy.complete = would.is_same
    copy.changed = not would.is_same
