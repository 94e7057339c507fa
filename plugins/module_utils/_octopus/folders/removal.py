# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Removal of retained copies and of a clone's folders, identified by their marker. Nothing else is removed."""

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
from .linked import look_for_links, unless_linked
from .places import RETAINED_MARKER, Found, Place, look, look_here, needs_job
from .restore_request import COMPLETE
from .survey import empty_folder, make_empty


@dataclass(frozen=True)
class RemovalRequest:
    """The folder to remove, and the restore point that its marker has to name."""

    path: str
    restore_point: str
    marker: str = RETAINED_MARKER
    means: Means = field(default_factory=Means)

    @classmethod
    def from_params(cls, params: dict[str, Any], check_mode: bool) -> RemovalRequest:
        """Read the parameters of ``octopus_retained_folders``.

        Raises:
            OctopusError: They name no folder that a restore could have retained copies in.
        """
        return cls.of("path", RETAINED_MARKER, params, check_mode)

    @classmethod
    def of(cls, option: str, marker: str, params: dict[str, Any], check_mode: bool) -> RemovalRequest:
        """Read the parameters of a module that removes a folder with a marker.

        Args:
            option: The option that names the folder.
            marker: Name of its marker.
            params: The module's parameters.
            check_mode: Whether to remove nothing.

        Raises:
            OctopusError: They name no dedicated folder.
        """
        request = cls(normal(params[option]), params["restore_point"], marker, Means.from_params(params, check_mode))
        check_point(request.restore_point)
        check_own(option, request.path)
        return request

    @property
    def place(self) -> Place:
        return Place(self.path, self.marker)


def remove(request: RemovalRequest, host: WindowsHost) -> dict[str, Any]:
    """Remove the folder; a missing one is no error.

    Returns:
        The module's result.

    Raises:
        OctopusError: The marker does not name this restore point, the folder also holds something else, or it cannot be removed.
        HostError: The host failed.
    """
    if request.means.check_mode and needs_job(request.path):
        return {"changed": True, "path": request.path, "removed": None}  # only a job reaches it, and a job would write to the host
    found = look_here(host, request.place) if request.means.check_mode else look(request.means, host, request.place)[0]
    folders = _ours(request, host, found)
    if found.exists and not request.means.check_mode:
        _remove(request, host, folders)
    return {"changed": bool(found.exists), "path": request.path, "removed": folders}


def _ours(request: RemovalRequest, host: WindowsHost, found: Found) -> list[str]:
    """Return the names of the copies.

    Raises:
        OctopusError: Something in the folder is not known to be ours.
    """
    if found.exists is None:
        raise OctopusError(
            f"{host.where}: cannot reach {disks.root_of(request.path)} as {request.means.run_as.account}, so {request.path} cannot be removed. "
            "A share is accessed with the rights of job_user; SYSTEM accesses it as the computer account."
        )
    if found.names and found.mark != request.restore_point:
        says = f"found {found.mark}" if found.mark else "the file does not exist"
        raise OctopusError(
            f"{host.where}: expected {request.place.marker_path} to name the restore point {request.restore_point}, but {says}. Only folders "
            "that belong to this restore point are removed. Nothing was removed."
        )
    ours = [name for name in found.names if name.lower() != request.marker]
    strange = [name for name in ours if not NAME.fullmatch(name.removesuffix(COMPLETE))]
    if strange:
        raise OctopusError(
            f"{host.where}: expected {request.path} to hold nothing but copies, but found {', '.join(strange[:5])}. Nothing was removed. "
            "Move these files elsewhere."
        )
    return [name for name in ours if not name.endswith(COMPLETE)]


def _remove(request: RemovalRequest, host: WindowsHost, folders: list[str]) -> None:
    """Delete the completion files, then the copies, then the marker, so that a second run still recognises what is left."""
    place, folder = request.place, batch_word(request.path + "\\")
    job = request.means.job(host, "folders-remove", request.path, request.restore_point)
    commands: list[Command] = [make_empty(job), batch_builtin("del", "/f", "/q", f"{request.path}\\*{COMPLETE}")]
    left = ""
    for name in folders:
        copy = f"{request.path}\\{name}"
        # robocopy handles paths that are too long for rd, which packages have.
        emptied = mirrors.mirror(empty_folder(job), copy, request.means.threads)
        # rd removes a link itself and nothing behind it.
        unlinked = f"({look_for_links(copy, job)} & {unless_linked(emptied, job)} & {batch_builtin('rd', '/s', '/q', copy)})"
        commands.append(unlinked)
        left += f"if not exist {batch_word(copy + chr(92))} "
    commands += [
        f"({left}{batch_builtin('del', '/f', '/q', place.marker_path)})",
        f"if not exist {batch_word(place.marker_path)} {batch_builtin('rd', request.path)}",
        f"if exist {folder} {mirrors.exit_with(1)}",
    ]
    ended = mirrors.run_all(request.means, {request.path: job}, {request.path: commands}, "removing")[request.path]
    if ended.codes[-1]:
        raise OctopusError(
            f"{host.where}: cannot remove {request.path} completely as {ended.account}: {ended.said} Is something in it in use?"
        )
