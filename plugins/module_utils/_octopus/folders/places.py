# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Markers that tell what a folder belongs to. They are read before anything in a folder is overwritten or deleted."""

from __future__ import annotations

from dataclasses import dataclass, field

from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError
from ansible_collections.octopus.upgrade.plugins.module_utils._windows import disks, files
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.connection import CMD, WindowsHost
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.jobs import Command
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.quoting import batch_builtin, batch_word

from .copies import Means

# In a restore point's folder of copies, in a folder of copies that a restore retained, and in the folder of a clone. Each holds the id
# of the restore point. Their names differ, so that none can be mistaken for another.
MARKER, RETAINED_MARKER, CLONE_MARKER = "restore-point.txt", "retained-by-restore.txt", "octopus-clone.txt"
# Beside a restore point's folder of copies once the restore point is signed. After that, nothing is added to it.
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
    def signature_path(self) -> str:
        return f"{self.path.rpartition(chr(92))[0]}\\{SIGNATURE}"

    @property
    def marker_path(self) -> str:
        return f"{self.path}\\{self.marker}"

    def mark(self, restore_point: str) -> str:
        """Return the line of a command file that writes the marker, or fails. It is written before the first file is copied.

        The jobs of several folders write it at the same time. One of them opens it, and the others are refused; what counts is that it is there.
        """
        marker = batch_word(self.marker_path)
        # cmd.exe acts on nothing in an id. The parentheses are needed because a digit before ">" would name a stream.
        write = f"(if not exist {marker} ((echo {restore_point})>{marker}))"
        return f"({write} & (if exist {marker} (ver >nul) else ({CMD} /d /c exit 1)))"

    def make(self) -> str:
        """Return the line of a command file that creates the folder."""
        return f"if not exist {batch_word(self.path + chr(92))} {batch_builtin('mkdir', self.path)}"


@dataclass(frozen=True)
class Found:
    """What a place holds: the id in its marker, and the names in it. ``exists`` is None where its drive or share cannot be reached.

    ``signed`` tells whether it belongs to a signed restore point.
    """

    exists: bool | None
    mark: str = ""
    names: list[str] = field(default_factory=list)
    signed: bool = False


def look(means: Means, host: WindowsHost, *places: Place, make: bool = False) -> list[Found]:
    """Look at places by a job, because only a job reaches a share.

    Args:
        means: How jobs run on the host.
        host: The host.
        places: The places.
        make: Whether to create the first of them where it is missing.

    Raises:
        OctopusError: It cannot be created.
        HostError: The host failed.
    """
    commands: list[Command] = [places[0].make() if make else "ver >nul", f"echo {_MARK}"]
    for place in places:
        folder, marker = batch_word(place.path + "\\"), batch_word(place.marker_path)
        reached = f"if exist {batch_word(disks.root_of(place.path))} echo {_ABSENT}"
        commands += [
            # In parentheses, because a job redirects each line: without them, only what follows "else" would be redirected.
            f"(if exist {folder} (echo {_THERE}) else ({reached}))",
            f"echo {_MARK}",
            f"if exist {marker} {batch_builtin('type', place.marker_path)}",
            f"echo {_MARK}",
            f"({batch_builtin('dir', '/b', '/a', place.path)} 2>nul)",
            f"echo {_MARK}",
            f"if exist {batch_word(place.signature_path)} echo {_THERE}",
            f"echo {_MARK}",
        ]
    job = means.job(host, "folders-place", *(place.path for place in places))
    job.remove()  # what an earlier run found may have changed since
    with job.removed_on_error():
        job.start(commands, means.run_as)
        state = job.wait(_SECONDS)
        output = job.output()
        job.remove()
    said = output.split(_MARK)
    if state.exit_codes[0]:
        raise OctopusError(
            f"{host.where}: cannot create the folder {places[0].path} as {means.run_as.account}: {' '.join(said[0].split())} "
            "A share is accessed with the rights of job_user; SYSTEM accesses it as the computer account."
        )
    found = []
    for there, mark, listing, signature in zip(said[1::4], said[2::4], said[3::4], said[4::4], strict=False):
        names = [line for line in listing.splitlines() if line.strip()]
        found.append(Found({_THERE: True, _ABSENT: False}.get(there.strip()), mark.strip(), names, signature.strip() == _THERE))
    return found


def needs_job(path: str) -> bool:
    """Whether only a job can look at a path: one on a share, or one with ``%``, which cmd.exe takes safely in a command file only."""
    return disks.is_unc(path) or "%" in path


def look_here(host: WindowsHost, place: Place) -> Found:
    """Look at a place on the host itself without a job, which would write files."""
    names = files.names(host, place.path)
    if names is None:
        return Found(False)
    marked = place.marker in (name.lower() for name in names)
    signed = marked and files.exists(host, place.signature_path)
    return Found(True, files.read_text(host, place.marker_path).strip() if marked else "", names, signed)


def refuse_foreign(host: WindowsHost, place: Place, found: Found, restore_point: str, what: str) -> None:
    """Refuse a place that is neither empty nor marked with this restore point.

    Args:
        host: The host.
        place: The place.
        found: What it holds.
        restore_point: Id of the restore point.
        what: The option that names the place.

    Raises:
        OctopusError: It belongs to something else.
    """
    if found.mark and found.mark != restore_point:
        raise OctopusError(
            f"{host.where}: expected {place.path} to be empty or to belong to the restore point {restore_point}, but found the restore point "
            f"{found.mark}. Copies of another restore point are never overwritten. Set {what} to a folder of its own."
        )
    if not found.mark and found.names:
        raise OctopusError(
            f"{host.where}: expected {place.path} to be empty or to hold {place.marker}, but found {', '.join(found.names[:5])} without it. "
            f"A copy could delete files of others. Set {what} to a folder of its own."
        )


def refuse_signed(host: WindowsHost, place: Place, found: Found) -> None:
    """Refuse to copy into a signed restore point, which would then no longer match its manifest.

    Raises:
        OctopusError: It is signed.
    """
    if found.signed and found.mark:
        raise OctopusError(
            f"{host.where}: {place.path} belongs to the restore point {found.mark}, which is signed ({place.signature_path}) and cannot be "
            "changed. Create another restore point."
        )
