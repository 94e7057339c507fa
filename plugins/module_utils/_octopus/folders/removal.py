# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a restore kept of the server's folders, or a clone's folders, removed once nobody needs them: by the marker, nothing that is not ours."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError
from ansible_collections.octopus.upgrade.plugins.module_utils._windows import disks
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.connection import WindowsHost
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.jobs import Command
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.quoting import batch_builtin, batch_word

from . import mirrors
from .copies import NAME, Means, check_own, check_point, normal
from .places import CLONE_MARKER, KEPT_MARKER, Found, Place, look, look_here, needs_job
from .restore_request import COMPLETE
from .survey import empty_folder, make_empty


@dataclass(frozen=True)
class RemovalRequest:
    """What a module was asked to remove."""

    keep: str
    restore_point: str
    marker: str = KEPT_MARKER
    means: Means = field(default_factory=Means)

    @classmethod
    def from_params(cls, params: dict[str, Any], check_mode: bool) -> RemovalRequest:
        """Read a module's parameters.

        Raises:
            OctopusError: They name no folder of ours.
        """
        option, marker = ("dest", CLONE_MARKER) if params["state"] == "clone_removed" else ("keep", KEPT_MARKER)
        request = cls(normal(params[option]), params["restore_point"], marker, Means.from_params(params, check_mode))
        check_point(request.restore_point)
        check_own(option, request.keep)
        return request

    @property
    def place(self) -> Place:
        return Place(self.keep, self.marker)


def remove_kept(request: RemovalRequest, host: WindowsHost) -> dict[str, Any]:
    """Remove the folder; none is fine.

    Returns:
        What the module returns.

    Raises:
        OctopusError: It is not what a restore of this restore point kept, holds something else beside, or cannot be removed.
        HostError: The host cannot do it.
    """
    if request.means.check_mode and needs_job(request.keep):
        return {"changed": True, "keep": request.keep, "removed": None}  # reached by jobs only, and a job would write on the host
    found = look_here(host, request.place) if request.means.check_mode else look(request.means, host, request.place)[0]
    folders = _ours(request, host, found)
    if found.exists and not request.means.check_mode:
        _remove(request, host, folders)
    return {"changed": bool(found.exists), "keep": request.keep, "removed": folders}


def _ours(request: RemovalRequest, host: WindowsHost, found: Found) -> list[str]:
    """Return the names of the kept copies.

    Raises:
        OctopusError: Something is not ours.
    """
    if found.exists is None:
        raise OctopusError(
            f"{host.where}: {disks.root_of(request.keep)} cannot be reached as {request.means.run_as.account}, so what was kept in "
            f"{request.keep} cannot be removed. A share is reached with the rights of job_user, SYSTEM as the computer account."
        )
    if found.names and found.mark != request.restore_point:
        says = f"says {found.mark}" if found.mark else "is not there"
        raise OctopusError(
            f"{host.where}: {request.place.marker_path} has to say {request.restore_point}, and {says}. Only what a restore of that restore "
            "point kept, or a clone of it had, is removed. Nothing was removed."
        )
    ours = [name for name in found.names if name.lower() != request.marker]
    strange = [name for name in ours if not NAME.fullmatch(name.removesuffix(COMPLETE))]
    if strange:
        raise OctopusError(
            f"{host.where}: {request.keep} also holds {', '.join(strange[:5])}, which was not put there by that. Nothing was removed: move it away."
        )
    return [name for name in ours if not name.endswith(COMPLETE)]


def _remove(request: RemovalRequest, host: WindowsHost, folders: list[str]) -> None:
    """Delete the notes, then the copies, and the marker last, so that a second run still knows what is left."""
    place, keep = request.place, batch_word(request.keep + "\\")
    job = request.means.job(host, "folders-unkeep", request.keep, request.restore_point)
    commands: list[Command] = [make_empty(job), batch_builtin("del", "/f", "/q", f"{request.keep}\\*{COMPLETE}")]
    left = ""
    for name in folders:
        kept = f"{request.keep}\\{name}"
        # robocopy knows paths that are too long for rd, and packages have such.
        emptied = mirrors.mirror(empty_folder(job), kept, request.means.threads)
        commands.append(f"({emptied} & {batch_builtin('rd', '/s', '/q', kept)})")
        left += f"if not exist {batch_word(kept + chr(92))} "
    commands += [
        f"({left}{batch_builtin('del', '/f', '/q', place.marker_path)})",
        f"if not exist {batch_word(place.marker_path)} {batch_builtin('rd', request.keep)}",
        f"if exist {keep} {mirrors.leave(1)}",
    ]
    ended = mirrors.run_all(request.means, {request.keep: job}, {request.keep: commands}, "removing")[request.keep]
    if ended.codes[-1]:
        raise OctopusError(
            f"{host.where}: {request.keep} cannot be removed whole as {ended.account}: {ended.said} Is something in it in use?"
        )
