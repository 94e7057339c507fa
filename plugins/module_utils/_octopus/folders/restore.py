# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The server's folders put back as a restore point holds them, exactly; what they held until then kept aside before.

Three steps, each for all folders at once, and none begun before the one before has succeeded for every folder:

1. Look: whose the copies are, whether they are what the manifest says, what differs, whether there is room. Changes nothing.
2. Keep: each folder that differs is copied aside and compared. Changes nothing in the live folders.
3. Put back: each live folder is made what its copy is, and compared.

Once a mirror has begun, a live folder is no longer what failed. So step 3 first notes that the kept copy is complete, and a second run
leaves that alone. A folder that was not there when the restore point was made becomes what an empty one is: it stays itself, with its
rights, as all others do.
"""

from __future__ import annotations

from dataclasses import dataclass

from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.connection import WindowsHost
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.jobs import Command, Job
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.quoting import batch_word

from . import mirrors
from .copies import Copies, FolderCopy, overlap
from .restore_request import RestoreRequest
from .survey import Seen, empty_folder, foresee, job_of, make_empty, survey

_NOT_NOTED, _KEPT_BEFORE = 103, 104


@dataclass
class RestoredFolder(FolderCopy):
    """What came of one folder: ``source`` is the copy, ``dest`` the live folder. ``exists``: whether the restore point has it.

    ``kept`` is where the live folder's former content lies, with its counts where this run copied it; None where nothing was kept.
    """

    kept: str | None = None
    kept_files: int | None = None
    kept_bytes: int | None = None


def restore(request: RestoreRequest, host: WindowsHost) -> Copies:
    """Put the folders back.

    Raises:
        OctopusError: Something is not as it has to be; the message says whether live folders were changed, and where their content is.
        HostError: The host cannot do it.
    """
    if request.means.check_mode:
        return Copies({name: _foreseen(request, name, seen) for name, seen in foresee(request, host).items()})
    all_seen = survey(request, host)
    restored = {name: _restored(request, name, seen) for name, seen in all_seen.items()}
    jobs = {name: job_of(request, host, name) for name, seen in all_seen.items() if not seen.same}
    if request.keep_place:
        _keep(request, {name: job for name, job in jobs.items() if all_seen[name].is_to_be_kept}, restored)
    for group in in_turn({name: request.folders[name] for name in jobs}):
        _put_back(request, {name: jobs[name] for name in group}, all_seen, restored)
    return Copies(dict(restored))


def _restored(request: RestoreRequest, name: str, seen: Seen) -> RestoredFolder:
    """What is known of a folder before anything is done; of one that is the same already, all."""
    folder = RestoredFolder(request.copy_of(name), request.folders[name], not seen.from_empty)
    folder.files, folder.bytes = seen.files, seen.bytes
    folder.copied_files = folder.copied_bytes = folder.deleted_files = 0
    folder.complete = seen.same
    folder.kept = request.kept_of(name) if seen.kept else None
    return folder


def _foreseen(request: RestoreRequest, name: str, seen: Seen | None) -> RestoredFolder:
    """What putting a folder back would do."""
    if seen is None:
        exists = request.of(name).exists
        return RestoredFolder(request.copy_of(name), request.folders[name], exists is not False, changed=True)
    folder = _restored(request, name, seen)
    folder.copied_files, folder.copied_bytes, folder.deleted_files = seen.copy_files, seen.copy_bytes, seen.delete_files
    folder.changed = not seen.same
    if request.keep_place and seen.is_to_be_kept:
        folder.kept = request.kept_of(name)
    return folder


# -- keep


def _keep(request: RestoreRequest, jobs: dict[str, Job], restored: dict[str, RestoredFolder]) -> None:
    ended = mirrors.run_all(request.means, jobs, {name: _keep_commands(request, name) for name in jobs}, "keeping")
    failures = []
    for name, one in ended.items():
        aside = FolderCopy(request.folders[name], request.kept_of(name))
        try:
            _judge_kept(request, one, name, aside)
        except OctopusError as error:
            failures.append(error.message)
            continue
        folder = restored[name]
        folder.kept, folder.kept_files, folder.kept_bytes = aside.dest, aside.files, aside.bytes
        folder.seconds, folder.changed = aside.seconds, aside.changed
    if failures:
        raise OctopusError(" ".join([*failures, "No live folder was changed: what they hold has to be kept first."]))


def _keep_commands(request: RestoreRequest, name: str) -> list[Command]:
    live, kept, place = request.folders[name], request.kept_of(name), request.keep_place
    if place is None:
        raise OctopusError("There is no folder to keep anything in.")
    return [
        mirrors.look_for(live),
        place.make(),  # another folder's job may make it at the same time: that it is there is seen by the marker
        place.mark(request.restore_point),
        f"(if exist {batch_word(request.note_of(name))} ({mirrors.leave(_KEPT_BEFORE)}) else ({mirrors.mirror(live, kept, request.means.threads)}))",
        mirrors.compare(live, kept),
    ]


def _judge_kept(request: RestoreRequest, ended: mirrors.Ended, name: str, aside: FolderCopy) -> None:
    looked, _made, marked, mirrored, _compared = ended.codes
    mirrors.refuse_missing(ended, name, aside.source, looked)
    if marked:
        raise OctopusError(
            f"{ended.host.where}: {request.keep} cannot be written as {ended.account}: {' '.join(ended.output.split())[:300]}"
        )
    if mirrored == _KEPT_BEFORE:
        raise OctopusError(f"{ended.host.where}: somebody else puts {name} back at the same time.")
    mirrors.read_mirror(ended, name, aside, mirrored)


# -- put back


def in_turn(folders: dict[str, str]) -> list[list[str]]:
    """Return the names in groups to be put back one after the other: a folder in another one comes after it, all else at once."""
    groups: list[list[str]] = []
    for name in sorted(folders, key=lambda name: len(folders[name])):
        after = [number for number, group in enumerate(groups) if any(overlap(folders[name], folders[other]) for other in group)]
        turn = after[-1] + 1 if after else 0
        groups[turn : turn + 1] = [[*(groups[turn] if turn < len(groups) else []), name]]
    return groups


def _put_back(request: RestoreRequest, jobs: dict[str, Job], all_seen: dict[str, Seen], restored: dict[str, RestoredFolder]) -> None:
    commands = {name: _put_back_commands(request, name, job, all_seen[name]) for name, job in jobs.items()}
    ended = mirrors.run_all(request.means, jobs, commands, "putting back")
    failures = []
    for name, one in ended.items():
        folder = restored[name]
        kept_before = folder.changed
        try:
            _judge_put_back(request, one, name, folder)
        except OctopusError as error:
            where = f" What {folder.dest} held before is complete in {folder.kept}." if folder.kept else ""
            failures.append(f"{error.message}{where}")
        folder.changed = folder.changed or kept_before
    if failures:
        raise OctopusError(" ".join([*failures, "Run the task again to go on."]))


def _put_back_commands(request: RestoreRequest, name: str, job: Job, seen: Seen) -> list[Command]:
    live, source = request.folders[name], empty_folder(job) if seen.from_empty else request.copy_of(name)
    mirror = mirrors.mirror(source, live, request.means.threads)
    noted = "ver >nul"
    if request.keep_place and seen.there:
        note = request.note_of(name)
        if not seen.kept:
            noted = f"((echo {request.restore_point})>{batch_word(note)})"
        # Without the note, a second run would keep what this one has half put back, in the place of what failed.
        mirror = f"(if exist {batch_word(note)} ({mirror}) else ({mirrors.leave(_NOT_NOTED)}))"
    return [make_empty(job), noted, mirror, mirrors.compare(source, live)]


def _judge_put_back(request: RestoreRequest, ended: mirrors.Ended, name: str, folder: RestoredFolder) -> None:
    made, noted, mirrored, _compared = ended.codes
    if made or noted or mirrored == _NOT_NOTED:
        raise OctopusError(
            f"{ended.host.where}: {name} was not put back, and {folder.dest} not changed, since no note of it can be written in "
            f"{request.keep or request.means.work_root} as {ended.account}: {' '.join(ended.output.split())[:300]}"
        )
    mirrors.read_mirror(ended, name, folder, mirrored)
