# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What there is to put back, found without changing anything: each copy counted, each live folder compared with it, room for what is kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError
from ansible_collections.octopus.upgrade.plugins.module_utils._windows import disks, robocopy
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.connection import WindowsHost
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.jobs import Command, Job
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.quoting import batch_builtin, batch_word

from . import mirrors
from .copies import MADE_WHEN_NEEDED
from .places import KEPT_MARKER, MARKER, Found, look, look_here, needs_job, refuse_foreign
from .restore_request import COMPLETE, RestoreRequest

_A_COPY_ITSELF = 102


@dataclass(frozen=True)
class Seen:
    """One folder before it is put back.

    ``from_empty``: it was not there when the restore point was made, so that there is no copy. ``there``: there is a live folder.
    ``same``: nothing is to be done. ``kept``: an earlier run noted that its kept copy is complete. Then what the copy holds, and what
    putting it back would do; ``to_keep`` are the bytes to be copied aside before, ``growth`` those that the live folder grows by, both 0
    where that was not looked at.
    """

    from_empty: bool
    there: bool
    same: bool
    kept: bool
    files: int
    bytes: int
    copy_files: int
    copy_bytes: int
    delete_files: int
    to_keep: int = 0
    growth: int = 0

    @property
    def is_to_be_kept(self) -> bool:
        return self.there and not self.same and not self.kept


def survey(request: RestoreRequest, host: WindowsHost) -> dict[str, Seen]:
    """Look at everything, with jobs.

    Raises:
        OctopusError: A copy is not the restore point's or not what the manifest says, a folder cannot be reached, or there is no room.
        HostError: The host cannot do it.
    """
    found = look(request.means, host, request.place, *([request.keep_place] if request.keep_place else []))
    _refuse_unmarked(request, host, found[0])
    if request.keep_place:
        refuse_foreign(host, request.keep_place, found[1], request.restore_point, "keep")
    jobs = {name: job_of(request, host, name) for name in request.folders}
    ended = mirrors.run_all(request.means, jobs, {name: _commands(request, name, job) for name, job in jobs.items()}, "comparing")
    seen = {}
    refusals = []
    for name in request.folders:
        try:
            seen[name] = _judge(request, ended[name], name)
        except OctopusError as error:
            refusals.append(error.message)
    if refusals:
        raise OctopusError(" ".join([*refusals, "Nothing was changed."]))
    _refuse_without_room(request, host, seen)
    return seen


def foresee(request: RestoreRequest, host: WindowsHost) -> dict[str, Seen | None]:
    """Look without jobs, which would write files on the host: at what lies on the host itself. None for a folder on a share, or a copy.

    Raises:
        OctopusError: As :func:`survey`.
        HostError: The host cannot do it.
    """
    if not needs_job(request.source):
        _refuse_unmarked(request, host, look_here(host, request.place))
    noted: set[str] = set()
    if request.keep_place and not needs_job(request.keep_place.path):
        found = look_here(host, request.keep_place)
        refuse_foreign(host, request.keep_place, found, request.restore_point, "keep")
        noted = {name.lower().removesuffix(COMPLETE) for name in found.names if name.lower().endswith(COMPLETE)}
    seen = {name: _look_here(request, host, name, name in noted) for name in request.folders}
    _refuse_without_room(request, host, {name: one for name, one in seen.items() if one})
    return seen


# -- places


def _refuse_unmarked(request: RestoreRequest, host: WindowsHost, found: Found) -> None:
    if found.mark != request.restore_point:
        says = f"says {found.mark}" if found.mark else f"is not there, or cannot be read as {request.means.run_as.account}"
        raise OctopusError(
            f"{host.where}: {request.place.marker_path} has to say {request.restore_point}, and {says}. Only copies of the restore point "
            "that was asked for are put back: check source and restore_point. Nothing was changed."
        )


def _wants_room(request: RestoreRequest) -> bool:
    """Whether the room for what is kept can be found out: a share's is known to jobs only, and to its quota."""
    return request.keep is not None and not disks.is_unc(request.keep)


def _refuse_without_room(request: RestoreRequest, host: WindowsHost, seen: Mapping[str, Seen]) -> None:
    if request.keep is None or not _wants_room(request):
        return
    root = disks.root_of(request.keep)
    needed = sum(one.to_keep for name, one in seen.items() if one.is_to_be_kept)
    needed += sum(
        one.growth for name, one in seen.items() if request.folders[name].upper().startswith(root) and one.is_to_be_kept and one.growth > 0
    )
    if not needed:
        return
    free = disks.free_bytes(host, request.keep)
    if needed > free:
        raise OctopusError(
            f"{host.where}: what the server's folders hold now does not fit into {request.keep}: {needed} bytes are needed and {free} free "
            f"on {root}. Make room, or set keep to a folder elsewhere. Nothing was changed."
        )


# -- folders, with jobs


def job_of(request: RestoreRequest, host: WindowsHost, name: str) -> Job:
    """Return a folder's job. All steps have the same, so that a second run waits for whichever an earlier one left running."""
    return request.means.job(host, f"folders-restore-{name}", request.copy_of(name), request.folders[name])


def empty_folder(job: Job) -> str:
    """Return a folder that a job makes for itself, to mirror from."""
    return f"{job.folder}\\empty"


def make_empty(job: Job) -> str:
    """Return the line of a command file that makes it."""
    return batch_builtin("mkdir", empty_folder(job))


def _commands(request: RestoreRequest, name: str, job: Job) -> list[Command]:
    copy, live = request.copy_of(name), request.folders[name]
    # What the manifest does not know is not put back, whatever lies there.
    source = empty_folder(job) if request.of(name).exists is False else copy
    # Asked by the folder's own job, which begins when that of an earlier run has ended: nobody writes a note after that.
    noted = f"(if exist {batch_word(request.note_of(name))} (ver >nul) else ({mirrors.leave(mirrors.ABSENT)}))"
    commands: list[Command] = [
        mirrors.look_for(source),
        mirrors.look_for(live),
        noted if request.keep else mirrors.leave(mirrors.ABSENT),
        _is_a_copy(live),
        make_empty(job),
        f"(if exist {batch_word(copy + chr(92))} ({mirrors.compare(source, live)}) else ({mirrors.compare(empty_folder(job), live)}))",
    ]
    if _wants_room(request):
        commands.append(f"if exist {batch_word(live + chr(92))} {mirrors.compare(live, request.kept_of(name))}")
    return commands


def _is_a_copy(live: str) -> str:
    """Return the line that ends with another code than 0 where the live folder, or the one above, has a marker of ours."""
    line = "ver >nul"
    for folder in (live, live.rpartition("\\")[0]):
        for marker in (MARKER, KEPT_MARKER):
            line = f"if exist {batch_word(folder + chr(92) + marker)} ({mirrors.leave(_A_COPY_ITSELF)}) else {line}"
    return f"({line})"


def _judge(request: RestoreRequest, ended: mirrors.Ended, name: str) -> Seen:
    looked, there, noted, strange, made, compared, *_room = ended.codes
    where, live = ended.host.where, request.folders[name]
    from_empty = _from_empty(request, where, name, looked)
    if there == mirrors.UNREACHABLE:
        mirrors.refuse_missing(ended, name, live, there)
    if strange:
        raise OctopusError(
            f"{where}: folders: {name} is {live}, which is a restore point's copy or what was kept of a restore, no live folder. "
            "It is not overwritten."
        )
    found = robocopy.summaries(ended.output)
    measured = _wants_room(request) and not there
    if made or compared >= robocopy.FAILED or len(found) != 1 + measured:
        raise OctopusError(
            f"{where}: {name} in {live} and its copy {request.copy_of(name)} cannot be compared as {ended.account}: "
            f"{robocopy.meaning(compared)}. {ended.said}"
        )
    return _seen(request, where, name, _Counted(from_empty, not there, not noted, found[0], found[1] if measured else None))


def _from_empty(request: RestoreRequest, where: str, name: str, looked: int) -> bool:
    """Whether the folder was not there when the restore point was made.

    Raises:
        OctopusError: It was, and its copy is not there.
    """
    expected = request.of(name).exists
    if expected is False or (expected is None and looked == mirrors.ABSENT and name in MADE_WHEN_NEEDED):
        return True
    if looked:
        why = "is missing" if looked == mirrors.ABSENT else "cannot be reached"
        raise OctopusError(f"{where}: the copy of {name}, {request.copy_of(name)}, {why}: the restore point is damaged, choose another.")
    return False


@dataclass(frozen=True)
class _Counted:
    """What robocopy listed: ``would`` of the copy onto the live folder, ``room`` of the live folder onto what is kept."""

    from_empty: bool
    there: bool
    kept: bool
    would: robocopy.Summary
    room: robocopy.Summary | None


def _seen(request: RestoreRequest, where: str, name: str, counted: _Counted) -> Seen:
    """Say what there is to do.

    Raises:
        OctopusError: The copy is not what the manifest says.
    """
    would, room, expected = counted.would, counted.room, request.of(name)
    if not counted.from_empty and not (expected.files in (None, would.files.total) and expected.bytes in (None, would.bytes.total)):
        raise OctopusError(
            f"{where}: the copy of {name} in {request.copy_of(name)} holds {would.files.total} files and {would.bytes.total} bytes, and its "
            f"manifest says {expected.files} and {expected.bytes}: it was changed or damaged since, choose another restore point."
        )
    return Seen(
        counted.from_empty,
        counted.there,
        would.is_same if counted.there else counted.from_empty,
        counted.kept,
        would.files.total,
        would.bytes.total,
        would.files.copied,
        would.bytes.copied,
        would.files.extra,
        room.bytes.copied if room else 0,
        would.bytes.total - room.bytes.total if room else 0,
    )


# -- folders on the host itself, without jobs


def _look_here(request: RestoreRequest, host: WindowsHost, name: str, kept: bool) -> Seen | None:
    copy, live = request.copy_of(name), request.folders[name]
    if disks.is_unc(copy) or disks.is_unc(live):
        return None
    would = _list(request, host, copy, live)
    # Nothing can be made to mirror from: what the live folder holds is listed by comparing it with a folder that is not there.
    held = _list(request, host, live, f"{request.means.work_root}\\no-such-folder")
    if _from_empty(request, host.where, name, 0 if would else mirrors.ABSENT):
        size = (held.files.total, held.bytes.total, held.folders.total) if held else (0, 0, 1)
        return Seen(True, held is not None, size == (0, 0, 1), kept, 0, 0, 0, 0, size[0], size[1])
    if would is None:
        raise OctopusError(f"{host.where}: {copy} cannot be read.")
    return _seen(request, host.where, name, _Counted(False, held is not None, kept, would, held))


def _list(request: RestoreRequest, host: WindowsHost, source: str, target: str) -> robocopy.Summary | None:
    """Return what a mirror would do; None where there is no source. Without cmd.exe, to which not every path can be said."""
    result = host.run(robocopy.compare(source, target), timeout=request.means.timeout, idempotent=True)
    if result.exit_code & robocopy.FATAL:
        return None
    found = robocopy.summaries(result.stdout)
    if result.exit_code >= robocopy.FAILED or len(found) != 1:
        said = " | ".join(robocopy.errors(result.stdout)) or " ".join(result.stdout.split())[-300:]
        raise OctopusError(f"{host.where}: {source} and {target} cannot be compared: {said}")
    return found[0]
