# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Compare the files of a copy with the list that was made with it, where the hashes of the two lists differ."""

from __future__ import annotations

from functools import partial
from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.folders import listing
from ansible_collections.octopus.upgrade.plugins.module_utils._windows import files
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.connection import WindowsHost
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.errors import HostError
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.quoting import batch_builtin

from .share import Share, certutil

_SHOWN = 5


def compare_listings(share: Share, path: str, folder: dict[str, Any], timeout: float) -> str | None:
    """Compare the copy of a folder with its list.

    Args:
        share: Reaches the copy.
        path: The copy.
        folder: Its entry in the manifest.
        timeout: Seconds for the job that lists it again.

    Returns:
        Why they cannot be compared; None where all files are the same, and only the time zone or the order of the list is another.

    Raises:
        OctopusError: Files differ; the message names some of them.
    """
    try:
        found = _differences(share, path, folder, timeout)
    except (OctopusError, HostError) as error:
        return error.message
    if found:
        more = f" and {len(found) - _SHOWN} or more others" if len(found) > _SHOWN else ""
        raise OctopusError(f"{path} was altered since it was signed: {', '.join(found[:_SHOWN])}{more}")
    return None


def _differences(share: Share, path: str, folder: dict[str, Any], timeout: float) -> list[str]:
    job = share.job("listing", path)
    then, now = f"{job.folder}\\then.txt", f"{job.folder}\\now.txt"
    lines = [
        batch_builtin("copy", "/y", "/b", f"{path}{listing.SUFFIX}", then),
        certutil(then),
        listing.list_line(path, f"{job.folder}\\no-such-folder", now),
    ]
    job.remove()  # what an earlier run listed may have changed since
    with job.removed_on_error():
        job.start(lines, share.run_as)
        state, hashed = job.wait(timeout), job.output()
        try:
            if state.exit_codes[0] or files.hash_in(hashed) != folder["listing_sha256"]:
                raise OctopusError(f"{path}{listing.SUFFIX} is missing or was altered")
            if state.exit_codes[2]:
                raise OctopusError(f"the files of {path} cannot be listed")
            return listing.differences(
                partial(read_list, share.host, then, timeout), folder["dest"], partial(read_list, share.host, now, timeout), path
            )
        finally:
            job.remove()


def read_list(host: WindowsHost, path: str, timeout: float, take: listing.Take) -> None:
    """Read a list piece by piece: it may be larger than the memory of the control node.

    Raises:
        OctopusError: It does not exist.
    """
    if host.run_builtin("type", path, timeout=timeout, take=take).exit_code:
        raise OctopusError(f"{host.where}: cannot read {path}")
