# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whose a folder is: a marker in it says so. Nothing is mirrored over, and nothing deleted, without looking at it first."""

from __future__ import annotations

from dataclasses import dataclass, field

from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError
from ansible_collections.octopus.upgrade.plugins.module_utils._windows import disks, files
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.connection import WindowsHost
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.jobs import Command
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.quoting import batch_builtin, batch_word

from .copies import Means

# In a restore point's folder of copies, in a folder of what a restore replaced, and in the folder of a clone. Each holds the restore
# point's id. They have different names, so that none is ever taken for another.
MARKER, KEPT_MARKER, CLONE_MARKER = "restore-point.txt", "kept-by-restore.txt", "octopus-clone.txt"
# Beside the folder of copies of a signed restore point, to which nothing is added any more.
SIGNATURE = "restore-point.signature"

_THERE, _ABSENT = "there", "absent"
_MARK = "--octopus.upgrade--"
_SECONDS = 300.0


@dataclass(frozen=True)
class Place:
    """A folder and the name of its marker."""

    path: str
    marker: str

    @property
    def seal_path(self) -> str:
        return f"{self.path.rpartition(chr(92))[0]}\\{SIGNATURE}"

    @property
    def marker_path(self) -> str:
        return f"{self.path}\\{self.marker}"

    def mark(self, restore_point: str) -> str:
        """Return the line of a command file that marks it. Written before the first file is copied there."""
        # An id holds nothing that cmd.exe acts on; in parentheses, since a digit before ">" would name a stream.
        return f"((echo {restore_point})>{batch_word(self.marker_path)})"

    def make(self) -> str:
        """Return the line of a command file that makes the folder."""
        return f"if not exist {batch_word(self.path + chr(92))} {batch_builtin('mkdir', self.path)}"


@dataclass(frozen=True)
class Found:
    """What a place holds: the id in its marker, its names. ``exists`` is None where its drive or share cannot be reached.

    ``sealed`` is whether it is the folder of copies of a restore point that is sealed.
    """

    exists: bool | None
    mark: str = ""
    names: list[str] = field(default_factory=list)
    sealed: bool = False


def look(means: Means, host: WindowsHost, *places: Place, make: bool = False) -> list[Found]:
    """Look at places with a job, since a share is reached by jobs only.

    Args:
        make: Whether the first of them is made where it is missing.

    Raises:
        OctopusError: It cannot be made.
        HostError: The host cannot do it.
    """
    commands: list[Command] = [places[0].make() if make else "ver >nul", f"echo {_MARK}"]
    for place in places:
        folder, marker = batch_word(place.path + "\\"), batch_word(place.marker_path)
        reached = f"if exist {batch_word(disks.root_of(place.path))} echo {_ABSENT}"
        commands += [
            # In brackets, because the job sends the output of each line to its file: without, that would only be of what follows an else.
            f"(if exist {folder} (echo {_THERE}) else ({reached}))",
            f"echo {_MARK}",
            f"if exist {marker} {batch_builtin('type', place.marker_path)}",
            f"echo {_MARK}",
            f"({batch_builtin('dir', '/b', '/a', place.path)} 2>nul)",
            f"echo {_MARK}",
            f"if exist {batch_word(place.seal_path)} echo {_THERE}",
            f"echo {_MARK}",
        ]
    job = means.job(host, "folders-place", *(place.path for place in places))
    job.remove()  # how an earlier run found the place says nothing of today
    with job.removed_on_error():
        job.start(commands, means.run_as)
        state = job.wait(_SECONDS)
        output = job.output()
        job.remove()
    said = output.split(_MARK)
    if state.exit_codes[0]:
        raise OctopusError(
            f"{host.where}: the folder {places[0].path} cannot be made as {means.run_as.account}: {' '.join(said[0].split())} "
            "A share is reached with the rights of job_user, SYSTEM as the computer account."
        )
    found = []
    for there, mark, listing, seal in zip(said[1::4], said[2::4], said[3::4], said[4::4], strict=False):
        names = [line for line in listing.splitlines() if line.strip()]
        found.append(Found({_THERE: True, _ABSENT: False}.get(there.strip()), mark.strip(), names, seal.strip() == _THERE))
    return found


def needs_job(path: str) -> bool:
    """Whether a path can be looked at by a job only: one on a share, or with ``%``, which cannot be said to cmd.exe outside of a file."""
    return disks.is_unc(path) or "%" in path


def look_here(host: WindowsHost, place: Place) -> Found:
    """Look at a place on the host itself, without a job, which would write files."""
    names = files.names(host, place.path)
    if names is None:
        return Found(False)
    marked = place.marker in (name.lower() for name in names)
    sealed = marked and files.exists(host, place.seal_path)
    return Found(True, files.read_text(host, place.marker_path).strip() if marked else "", names, sealed)


def refuse_foreign(host: WindowsHost, place: Place, found: Found, restore_point: str, what: str) -> None:
    """Refuse a place that is neither free nor this restore point's.

    Args:
        what: The option that gave it.

    Raises:
        OctopusError: It is somebody else's.
    """
    if found.mark and found.mark != restore_point:
        raise OctopusError(
            f"{host.where}: {place.path} holds the restore point {found.mark}, not {restore_point}. A copy is never made over another "
            f"restore point's: give {what} a folder of its own."
        )
    if not found.mark and found.names:
        raise OctopusError(
            f"{host.where}: {place.path} holds something ({', '.join(found.names[:5])}) and no {place.marker}, so it is no restore point's. "
            f"Copying there could delete what is not ours: give {what} a folder of its own."
        )


def refuse_sealed(host: WindowsHost, place: Place, found: Found) -> None:
    """Refuse to copy into a restore point that is sealed: its manifest says what it holds, and what is added to it makes that untrue.

    Raises:
        OctopusError: It is sealed.
    """
    if found.sealed and found.mark:
        raise OctopusError(
            f"{host.where}: {place.path} is of the restore point {found.mark}, which is sealed ({place.seal_path}). Nothing is copied into it any "
            "more: make another restore point."
        )
