# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Server folders restored exactly as a restore point holds them, with their present content retained first.

There are three steps. Each handles all folders at once, and begins only after the previous one has succeeded for every folder:

1. Survey: check the copies against marker and manifest, compare them with the live folders, check free space. Changes nothing.
2. Retain: copy each folder that differs to ``retain_in``, and compare. Changes nothing in the live folders.
3. Restore: mirror each copy to its live folder, and compare.

Once a mirror has begun, a live folder no longer holds the failed state. So step 3 first records that the retained copy is complete, and
a second run does not touch that copy. A folder that did not exist when the restore point was created is emptied. Every live folder itself
stays, with its rights.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError
from ansible_collections.octopus.upgrade.plugins.module_utils._windows import links, robocopy
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.connection import WindowsHost
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.jobs import Command, Job
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.quoting import batch_word

from . import aside, mirrors, rights
from .copies import Copies, FolderCopy, overlap
from .linked import LINKED, look_for_links, refuse_links, unless_linked
from .predict import predict
from .restore_request import RestoreRequest
from .survey import Seen, empty_folder, job_of, make_empty, survey

_NOT_RECORDED, _RETAINED_BEFORE = 103, 104


@dataclass
class RestoredFolder(FolderCopy):
    """The outcome for one folder: ``source`` is the copy, ``dest`` the live folder. ``exists``: whether the restore point has the folder.

    ``retained`` is the copy of the former content, with its counts where this run made the copy; None where nothing was retained.
    ``moved`` are the links and folders that this run has moved from the live folder to ``moved_to``, on the same volume, instead.
    """

    retained: str | None = None
    retained_files: int | None = None
    retained_bytes: int | None = None
    moved_to: str | None = None
    moved: list[str] = field(default_factory=list)
    moved_files: int = 0
    moved_bytes: int = 0


def restore(request: RestoreRequest, host: WindowsHost) -> Copies:
    """Restore the folders.

    Raises:
        OctopusError: The message says whether live folders were changed, and where their former content is.
        HostError: The host failed.
    """
    if request.means.check_mode:
        return Copies({name: _predicted(request, name, seen) for name, seen in predict(request, host).items()})
    all_seen = survey(request, host)
    restored = {name: _before(request, name, seen) for name, seen in all_seen.items()}
    jobs = {name: job_of(request, host, name) for name, seen in all_seen.items() if not seen.same}
    moved = {name: seen for name, seen in all_seen.items() if seen.moves}
    _move_aside(request, host, moved, restored)
    if request.retained_place:
        _retain(request, {name: job for name, job in jobs.items() if all_seen[name].needs_retaining}, all_seen, restored)
    for group in in_turn({name: request.folders[name] for name in jobs}):
        _restore(request, {name: jobs[name] for name in group}, all_seen, restored)
    # An earlier run that has recorded a retained copy may have restored the folder, and may have ended before this.
    begun = [name for name, seen in all_seen.items() if not seen.from_empty and (name in jobs or seen.retained)]
    told = rights.put_back(request.means, host, [rights.Restored(name, request.folders[name], request.copy_of(name)) for name in begun])
    return Copies(dict(restored), [*_link_warnings(moved, restored), *told])


def _before(request: RestoreRequest, name: str, seen: Seen) -> RestoredFolder:
    """Return what the survey says of a folder. Where it equals its copy, that is the final outcome."""
    folder = RestoredFolder(request.copy_of(name), request.folders[name], not seen.from_empty)
    folder.files, folder.bytes = seen.files, seen.bytes
    folder.copied_files = folder.copied_bytes = folder.deleted_files = 0
    folder.complete = seen.same
    folder.retained = request.retained_of(name) if seen.retained else None
    place = request.aside_of(name)
    folder.moved_to = f"{place.path}\\{name}" if place and (seen.aside_exists or seen.moves) else None
    return folder


def _predicted(request: RestoreRequest, name: str, seen: Seen | None) -> RestoredFolder:
    """Predict what restoring a folder would do."""
    if seen is None:
        exists = request.of(name).exists
        return RestoredFolder(request.copy_of(name), request.folders[name], exists is not False, changed=True)
    folder = _before(request, name, seen)
    folder.copied_files, folder.copied_bytes, folder.deleted_files = seen.copy_files, seen.copy_bytes, seen.delete_files
    folder.changed = not seen.same
    if request.retained_place and seen.needs_retaining:
        folder.retained = request.retained_of(name)
    return folder


# -- move aside


def _move_aside(request: RestoreRequest, host: WindowsHost, moving: dict[str, Seen], restored: dict[str, RestoredFolder]) -> None:
    """Move links, and folders that the restore point does not have, out of the live folders.

    Raises:
        OctopusError: A link cannot be moved, or the place for them cannot be written.
    """
    jobs = {name: job_of(request, host, name) for name in moving}
    commands = {name: _move_commands(request, name, seen, jobs[name]) for name, seen in moving.items()}
    ended = mirrors.run_all(request.means, jobs, commands, "moving aside what is not in the restore point of")
    failures = []
    for name, one in ended.items():
        try:
            _judge_moved(request, one, name, moving[name], restored[name])
        except OctopusError as error:
            failures.append(error.message)
    if failures:
        raise OctopusError(" ".join([*failures, "No folder was restored."]))


def _move_commands(request: RestoreRequest, name: str, seen: Seen, job: Job) -> list[Command]:
    place = request.aside_of(name)
    if place is None:
        raise OctopusError(f"There is no place to move the content of {name} to.")
    lines = aside.move_lines(place, name, request.folders[name], request.restore_point, seen.beyond)
    return [*lines, mirrors.compare(f"{place.path}\\{name}", f"{job.folder}\\no-such-folder")]


def _judge_moved(request: RestoreRequest, ended: mirrors.Ended, name: str, seen: Seen, folder: RestoredFolder) -> None:
    _made, marked, *moves, _counted = ended.codes
    where, live = ended.host.where, request.folders[name]
    if marked:
        raise OctopusError(f"{where}: cannot write {folder.moved_to} as {ended.account}: {' '.join(ended.output.split())[:300]}")
    links_left = [path for path, code in zip(seen.beyond.links, moves, strict=False) if code]
    refuse_links(where, name, live, links_left, f"They cannot be moved to {folder.moved_to}: {' '.join(ended.output.split())[:300]}.")
    paths = (*seen.beyond.links, *(f"{live}\\{one}" for one in seen.beyond.folders))
    # A folder that cannot be moved, such as one that another volume is mounted in, is copied with the rest.
    folder.moved = [path[len(live) + 1 :] for path, code in zip(paths, moves, strict=True) if not code]
    found = robocopy.summaries(ended.output)
    if found:
        folder.moved_files, folder.moved_bytes = found[-1].files.total, found[-1].bytes.total
    folder.changed = True


def _link_warnings(moved: Mapping[str, Seen], restored: Mapping[str, RestoredFolder]) -> list[str]:
    return [
        f"{name}: links that were made since the restore point were moved from {restored[name].dest} to {restored[name].moved_to}: "
        f"{', '.join(path[len(restored[name].dest) + 1 :] for path in seen.beyond.links)}. What they point to was left alone."
        for name, seen in moved.items()
        if seen.beyond.links
    ]


# -- retain


def _retain(request: RestoreRequest, jobs: dict[str, Job], all_seen: dict[str, Seen], restored: dict[str, RestoredFolder]) -> None:
    sizes = {name: all_seen[name].live_bytes for name in jobs}
    commands = {name: _retain_commands(request, name) for name in jobs}
    ended = mirrors.run_all(request.means, jobs, commands, "retaining", total_bytes=sizes)
    failures = []
    for name, one in ended.items():
        retained = FolderCopy(request.folders[name], request.retained_of(name))
        try:
            _judge_retained(request, one, name, retained)
        except OctopusError as error:
            failures.append(error.message)
            continue
        folder = restored[name]
        folder.retained, folder.retained_files, folder.retained_bytes = retained.dest, retained.files, retained.bytes
        folder.seconds, folder.changed = retained.seconds, folder.changed or retained.changed
    if failures:
        raise OctopusError(" ".join([*failures, "No live folder was restored, because their content has to be retained first."]))


def _retain_commands(request: RestoreRequest, name: str) -> list[Command]:
    live, retained, place = request.folders[name], request.retained_of(name), request.retained_place
    if place is None:
        raise OctopusError("retain_in is missing, so nothing can be retained.")
    is_complete = f"if exist {batch_word(request.complete_file_of(name))} ({mirrors.exit_with(_RETAINED_BEFORE)})"
    return [
        mirrors.look_for(live),
        place.make(),  # the job of another folder may create it at the same time; writing the marker shows that it exists
        place.mark(request.restore_point),
        f"({is_complete} else ({mirrors.mirror(live, retained, request.means.threads)}))",
        mirrors.compare_after(live, retained),
    ]


def _judge_retained(request: RestoreRequest, ended: mirrors.Ended, name: str, retained: FolderCopy) -> None:
    looked, _made, marked, mirrored, _compared = ended.codes
    mirrors.refuse_missing(ended, name, retained.source, looked)
    if marked:
        raise OctopusError(
            f"{ended.host.where}: cannot write {request.retain_in} as {ended.account}: {' '.join(ended.output.split())[:300]}"
        )
    if mirrored == _RETAINED_BEFORE:
        raise OctopusError(f"{ended.host.where}: somebody else is restoring {name} at the same time.")
    mirrors.read_mirror(ended, name, retained, mirrored)


# -- restore


def in_turn(folders: dict[str, str]) -> list[list[str]]:
    """Return the names in groups that are restored one after the other: a folder inside another follows it, all others go at once."""
    groups: list[list[str]] = []
    for name in sorted(folders, key=lambda name: len(folders[name])):
        after = [number for number, group in enumerate(groups) if any(overlap(folders[name], folders[other]) for other in group)]
        turn = after[-1] + 1 if after else 0
        groups[turn : turn + 1] = [[*(groups[turn] if turn < len(groups) else []), name]]
    return groups


def _restore(request: RestoreRequest, jobs: dict[str, Job], all_seen: dict[str, Seen], restored: dict[str, RestoredFolder]) -> None:
    commands = {name: _restore_commands(request, name, job, all_seen[name]) for name, job in jobs.items()}
    sizes = {name: all_seen[name].copy_bytes for name in jobs}
    ended = mirrors.run_all(request.means, jobs, commands, "restoring", total_bytes=sizes)
    failures = []
    for name, one in ended.items():
        folder = restored[name]
        was_retained_now = folder.changed
        try:
            _judge_restored(request, one, name, folder)
        except OctopusError as error:
            where = f" The former content of {folder.dest} is complete in {folder.retained}." if folder.retained else ""
            failures.append(f"{error.message}{where}")
        folder.changed = folder.changed or was_retained_now
    if failures:
        raise OctopusError(" ".join([*failures, "Run the task again to continue."]))


def _restore_commands(request: RestoreRequest, name: str, job: Job, seen: Seen) -> list[Command]:
    live, source = request.folders[name], empty_folder(job) if seen.from_empty else request.copy_of(name)
    coarse_times = request.of(name).coarse_times
    mirror = unless_linked(mirrors.mirror(source, live, request.means.threads, coarse_times=coarse_times), job)
    recorded = "ver >nul"
    if request.retained_place and seen.there:
        complete = request.complete_file_of(name)
        if not seen.retained:
            recorded = f"((echo {request.restore_point})>{batch_word(complete)})"
        # Without the record, a second run would retain the half-restored folder over the copy of the failed one.
        mirror = f"(if exist {batch_word(complete)} ({mirror}) else ({mirrors.exit_with(_NOT_RECORDED)}))"
    return [look_for_links(live, job), make_empty(job), recorded, mirror, mirrors.compare_after(source, live, coarse_times=coarse_times)]


def _judge_restored(request: RestoreRequest, ended: mirrors.Ended, name: str, folder: RestoredFolder) -> None:
    _linked, made, recorded, mirrored, _compared = ended.codes
    if mirrored == LINKED:
        refuse_links(ended.host.where, name, folder.dest, links.links_in(ended.output) or ["(unnamed)"], "It was not restored.")
    if made or recorded or mirrored == _NOT_RECORDED:
        raise OctopusError(
            f"{ended.host.where}: {name} was not restored and {folder.dest} was not changed, because {ended.account} cannot write to "
            f"{request.retain_in or request.means.work_root}: {' '.join(ended.output.split())[:300]}"
        )
    mirrors.read_mirror(ended, name, folder, mirrored)
    folder.deleted_files = (folder.deleted_files or 0) + folder.moved_files
