# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The folders of a clone: copied from a restore point as a backup is, into a folder with a marker of its own, and removed by that marker."""

from __future__ import annotations

from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError

from .backup import BackupRequest
from .copies import Means, named_folders, normal
from .places import CLONE_MARKER
from .removal import RemovalRequest


def copy_request(params: dict[str, Any], check_mode: bool) -> BackupRequest:
    """Read the parameters of ``octopus_folders_clone`` with ``state: present``.

    Raises:
        OctopusError: They cannot work, or the copy would overwrite something else.
    """
    days = params["newer_than_days"]
    if days is not None and days < 1:
        raise OctopusError(f"newer_than_days: expected 1 or more but found {days}. Omit it to copy all files.")
    request = BackupRequest(
        named_folders(params["folders"]),
        normal(params["dest"]),
        params["restore_point"],
        marker=CLONE_MARKER,
        newer_than_days=days,
        means=Means.from_params(params, check_mode),
    )
    request.check()
    return request


def removal_request(params: dict[str, Any], check_mode: bool) -> RemovalRequest:
    """Read the parameters of ``octopus_folders_clone`` with ``state: absent``.

    Raises:
        OctopusError: They name no folder that could be a clone's.
    """
    return RemovalRequest.of("dest", CLONE_MARKER, params, check_mode)
