# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The survey before a restore, which changes nothing: count each copy, compare each live folder with it, check the free space."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError
from ansible_collections.octopus.upgrade.plugins.module_utils._windows import disks, links, robocopy
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.connection import WindowsHost
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.jobs import Command, Job
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.quoting import batch_builtin, batch_word

from . import aside, mirrors
from .copies import MADE_WHEN_NEEDED
from .linked import look_for_links, refuse_links
from .places import MARKER, RETAINED_MARKER, Found, look, refuse_foreign
from .restore_request import RestoreRequest

_A_COPY_ITSELF = 102
# A line of the command file each; more are copied, and more links are refused.
_MOVED_AT_MOST = 500


@dataclass(frozen=True)
class Seen:
    """One folder before it is restored.

    Attributes:
        from_empty: Whether it did not exist when the restore point was created, so that there is no copy.
        there: Whether the live folder exists.
        same: Whether there is nothing to do.
        retained: Whether an earlier run recorded that its retained copy is complete.
        files: Files of the copy.
        bytes: Bytes of the copy.
        copy_files: Files that restoring would copy.
        copy_bytes: Bytes that restoring would copy.
        delete_files: Files that restoring would delete.
        to_retain: Bytes to copy to the retained copy first; 0 where that was not measured.
        growth: Bytes that the live folder grows by; 0 where that was not measured.
        live_bytes: Bytes of the live folder that its retained copy will hold, at most.
        beyond: What is moved aside before anything is copied.
        aside_exists: Whether something of this restore was moved aside already.
    """

    from_empty: bool
    there: bool
    same: bool
    retained: bool
    files: int
    bytes: int
    copy_files: int
    copy_bytes: int
    delete_files: int
    to_retain: int = 0
    growth: int = 0
    live_bytes: int = 0
    beyond: aside.Found = field(default_factory=aside.Found)
    aside_exists: bool = False

    @property
    def needs_retaining(self) -> bool:
        return self.there and not self.same and not self.retained

    @property
    def moves(self) -> bool:
        return bool(self.beyond.links or self.beyond.folders)


def survey(request: RestoreRequest, host: WindowsHost) -> dict[str, Seen]:
    """Look at everything, by jobs.

    Raises:
        OctopusError: A copy belongs to another restore point or differs from the manifest, a folder cannot be reached, or space is missing.
        HostError: The host failed.
    """
    asides = request.asides
    retained = [request.retained_place] if request.retained_place else []
    found = look(request.means, host, request.place, *retained, *asides.values())
    refuse_unmarked(request, host, found[0])
    if request.retained_place:
        refuse_foreign(host, request.retained_place, found[1], request.restore_point, "retain_in")
    for beside, one in zip(asides.values(), found[2:], strict=True):
        refuse_foreign(host, beside, one, request.restore_point, "retain_in")
    marked = {path for path, one in zip(asides, found[2:], strict=True) if one.mark}
    jobs = {name: job_of(request, host, name) for name in request.folders}
    ended = mirrors.run_all(request.means, jobs, {name: _commands(request, name, job) for name, job in jobs.items()}, "comparing")
    seen = {}
    refusals = []
    for name in request.folders:
        try:
            place = request.aside_of(name)
            seen[name] = replace(_judge(request, ended[name], name), aside_exists=bool(place and place.path in marked))
        except OctopusError as error:
            refusals.append(error.message)
    if refusals:
        raise OctopusError(" ".join([*refusals, "Nothing was changed."]))
    refuse_without_space(request, host, seen)
    return seen


# -- places


def refuse_unmarked(request: RestoreRequest, host: WindowsHost, found: Found) -> None:
    """Refuse copies that are not marked with the restore point.

    Raises:
        OctopusError: They are not.
    """
    if found.mark != request.restore_point:
        says = f"found {found.mark}" if found.mark else f"{request.means.run_as.account} cannot find or read it"
        raise OctopusError(
            f"{host.where}: expected {request.place.marker_path} to name the restore point {request.restore_point}, but {says}. Check source "
            "and restore_point. Nothing was changed."
        )


def _measures_space(request: RestoreRequest) -> bool:
    """Whether the space for the retained copies can be measured: that of a share cannot, because of the double hop and of quotas."""
    return request.retain_in is not None and not disks.is_unc(request.retain_in)


def refuse_without_space(request: RestoreRequest, host: WindowsHost, seen: Mapping[str, Seen]) -> None:
    """Refuse to begin where the drive of the retained copies has no room for them.

    Raises:
        OctopusError: It has none.
        HostError: The host failed.
    """
    if request.retain_in is None or not _measures_space(request):
        return
    root = disks.root_of(request.retain_in)
    needed = sum(one.to_retain for name, one in seen.items() if one.needs_retaining)
    needed += sum(
        one.growth
        for name, one in seen.items()
        if request.folders[name].upper().startswith(root) and one.needs_retaining and one.growth > 0
    )
    if not needed:
        return
    free = disks.free_bytes(host, request.retain_in)
    if needed > free:
        raise OctopusError(
            f"{host.where}: retaining the present content of the server folders in {request.retain_in} needs {needed} bytes, but only {free} "
            f"are free on {root}. Free some space, or set retain_in to a folder elsewhere. Nothing was changed."
        )


# -- folders, with jobs


def job_of(request: RestoreRequest, host: WindowsHost, name: str) -> Job:
    """Return a folder's job. All steps use the same one, so that a second run waits for whichever step is still running."""
    return request.means.job(host, f"folders-restore-{name}", request.copy_of(name), request.folders[name])


def empty_folder(job: Job) -> str:
    """Return the empty folder that a job creates to mirror from."""
    return f"{job.folder}\\empty"


def make_empty(job: Job) -> str:
    """Return the line of a command file that creates :func:`empty_folder`."""
    return batch_builtin("mkdir", empty_folder(job))


def _commands(request: RestoreRequest, name: str, job: Job) -> list[Command]:
    copy, live = request.copy_of(name), request.folders[name]
    # A folder that did not exist according to the manifest is not restored, whatever the copy holds.
    source = empty_folder(job) if request.of(name).exists is False else copy
    # The folder's own job looks for it, which begins after that of an earlier run has ended, so that nobody writes it afterwards.
    recorded = f"(if exist {batch_word(request.complete_file_of(name))} (ver >nul) else ({mirrors.exit_with(mirrors.ABSENT)}))"
    compare = mirrors.compare(source, live, coarse_times=request.of(name).coarse_times)
    commands: list[Command] = [
        mirrors.look_for(source),
        mirrors.look_for(live),
        recorded if request.retain_in else mirrors.exit_with(mirrors.ABSENT),
        _is_a_copy(live),
        look_for_links(live, job),
        make_empty(job),
        f"(if exist {batch_word(copy + chr(92))} ({compare}) else ({mirrors.compare(empty_folder(job), live)}))",
    ]
    if _measures_space(request):
        commands.append(f"if exist {batch_word(live + chr(92))} {mirrors.compare(live, request.retained_of(name))}")
    return [*commands, aside.look_line(live, empty_folder(job) if request.of(name).exists is False else copy)]


def _is_a_copy(live: str) -> str:
    """Return the line that exits with another code than 0 where the live folder or its parent has one of our markers."""
    line = "ver >nul"
    for folder in (live, live.rpartition("\\")[0]):
        for marker in (MARKER, RETAINED_MARKER):
            line = f"if exist {batch_word(folder + chr(92) + marker)} ({mirrors.exit_with(_A_COPY_ITSELF)}) else {line}"
    return f"({line})"


def _judge(request: RestoreRequest, ended: mirrors.Ended, name: str) -> Seen:
    looked, there, recorded, strange, linked, made, compared, *_space = ended.codes
    where, live = ended.host.where, request.folders[name]
    from_empty = is_from_empty(request, where, name, looked)
    if there == mirrors.UNREACHABLE:
        mirrors.refuse_missing(ended, name, live, there)
    if strange:
        raise OctopusError(
            f"{where}: folders: {name} is {live}, which is a copy in a restore point or a retained copy instead of a live folder. "
            "It is not overwritten."
        )
    beyond = _beyond(request, ended, name) if not there else aside.Found()
    if linked == 0 and not beyond.links:
        refuse_links(where, name, live, links.links_in(ended.output) or ["(unnamed)"], "Nothing was restored.")
    found = robocopy.summaries(ended.output)
    measured = _measures_space(request) and not there
    if made or compared >= robocopy.FAILED or len(found) != 1 + measured:
        raise OctopusError(
            f"{where}: cannot compare {name} in {live} with its copy {request.copy_of(name)} as {ended.account}: "
            f"exit code {robocopy.meaning(compared)}. {ended.said}"
        )
    seen = seen_of(request, where, name, Counted(from_empty, not there, not recorded, found[0], found[1] if measured else None))
    # What is moved stays on the volume, so that everything that is copied back needs room of its own.
    fits = seen.needs_retaining and beyond.free is not None and beyond.free >= seen.copy_bytes + seen.to_retain
    return replace(seen, beyond=beyond if fits else replace(beyond, folders=()))


def _beyond(request: RestoreRequest, ended: mirrors.Ended, name: str) -> aside.Found:
    """Return what can be moved aside."""
    if request.aside_of(name) is None:
        return aside.Found()
    others = [path for other, path in request.folders.items() if other != name]
    found = aside.found_in(ended.output, request.folders[name], links.links_in(ended.output), others)
    return replace(
        found,
        links=found.links if len(found.links) <= _MOVED_AT_MOST else (),
        folders=found.folders if len(found.folders) <= _MOVED_AT_MOST else (),
    )


def is_from_empty(request: RestoreRequest, where: str, name: str, looked: int) -> bool:
    """Whether the folder did not exist when the restore point was created.

    Raises:
        OctopusError: It did, and its copy is missing.
    """
    expected = request.of(name).exists
    if expected is False or (expected is None and looked == mirrors.ABSENT and name in MADE_WHEN_NEEDED):
        return True
    if looked:
        why = "is missing" if looked == mirrors.ABSENT else "cannot be reached"
        raise OctopusError(f"{where}: the copy of {name}, {request.copy_of(name)}, {why}. The restore point is damaged: choose another.")
    return False


@dataclass(frozen=True)
class Counted:
    """robocopy's lists: ``would`` of mirroring the copy to the live folder, ``space`` of mirroring the live folder to its retained copy."""

    from_empty: bool
    there: bool
    retained: bool
    would: robocopy.Summary
    space: robocopy.Summary | None


def seen_of(request: RestoreRequest, where: str, name: str, counted: Counted) -> Seen:
    """Return what there is to do.

    Raises:
        OctopusError: The copy differs from the manifest.
    """
    would, space, expected = counted.would, counted.space, request.of(name)
    if not counted.from_empty and not (expected.files in (None, would.files.total) and expected.bytes in (None, would.bytes.total)):
        raise OctopusError(
            f"{where}: expected the copy of {name} in {request.copy_of(name)} to hold {expected.files} files and {expected.bytes} bytes, as its "
            f"manifest says, but found {would.files.total} and {would.bytes.total}. It was changed or damaged: choose another restore point."
        )
    return Seen(
        counted.from_empty,
        counted.there,
        would.is_same if counted.there else counted.from_empty,
        counted.retained,
        would.files.total,
        would.bytes.total,
        would.files.copied,
        would.bytes.copied,
        would.files.extra,
        space.bytes.copied if space else 0,
        would.bytes.total - space.bytes.total if space else 0,
        would.bytes.skipped + would.bytes.extra + would.bytes.copied,
    )
