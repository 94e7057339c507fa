# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An instance's configuration file on its host, read and written. It holds a SQL password: never in an argument, never where others read."""

from __future__ import annotations

import hashlib

from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError
from ansible_collections.octopus.upgrade.plugins.module_utils._windows import disks, files
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.connection import WindowsHost
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.job_files import ADMINISTRATORS_SID, ICACLS, SYSTEM_SID, protect_line
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.jobs import job_id
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.quoting import builtin, word


def read(host: WindowsHost, path: str) -> bytes | None:
    """Return the file's bytes, proven by its hash; None where there is no file.

    Raises:
        OctopusError: It is on a share, or does not come through the console as it is.
        HostError: The host cannot do it.
    """
    if disks.is_unc(path) or not path:
        raise OctopusError(f"{host.where}: the configuration file {path!r} is not on a drive of the node, so it cannot be read there.")
    if not files.exists(host, path):
        return None
    result = host.run_builtin("type", path, idempotent=True, secret=True)
    if result.exit_code:
        raise OctopusError(f"{host.where}: the configuration file {path} cannot be read: {' '.join(result.stderr.split())}")
    digest = files.sha256(host, path)
    # The console shows a UTF-16 file in its own code page: the bytes are those that have the file's hash.
    for content in (result.stdout_bytes, b"\xff\xfe" + result.stdout_bytes.decode("utf-8", "replace").encode("utf-16-le")):
        if hashlib.sha256(content).hexdigest() == digest:
            return content
    raise OctopusError(f"{host.where}: the configuration file {path} changed while it was read, or has an encoding that cannot be read.")


def write(host: WindowsHost, work_root: str, path: str, content: bytes, aside: str) -> None:
    """Keep the file that is there, once; write the new content over it, so that the file keeps its rights; compare.

    Args:
        host: The host.
        work_root: The collection's folder on it, which only administrators have rights on.
        path: The file.
        content: What it shall hold. It is in no command line, and in no other place that others may read.
        aside: The name that the old file is kept under, for administrators alone.

    Raises:
        OctopusError: It was written, and does not hold that.
        HostError: The host cannot do it.
    """
    # Where only administrators may read, until it is in its place.
    new = f"{work_root.rstrip(chr(92))}\\{job_id('config', path)}.new"
    try:
        host.run_cmd(protect_line(work_root.rstrip("\\")), check=True, idempotent=True)
        files.write_bytes(host, new, content)
        files.make_folder(host, path.rpartition("\\")[0])
        # A second run finds the first one's: what is there by then may be half of what was written.
        if files.exists(host, path) and not files.exists(host, aside):
            _keep(host, path, aside)
        host.run_cmd(f"{builtin('copy', '/y', '/b', new, path)} >nul", check=True, idempotent=True)
    finally:
        for left in (new, f"{new}.b64"):
            files.remove(host, left)
    if read(host, path) != content:
        raise OctopusError(
            f"{host.where}: {path} was written, and does not hold what it should. The file that was there is kept as {aside}."
        )


def _keep(host: WindowsHost, path: str, aside: str) -> None:
    """Copy the file beside itself, for administrators alone, whole or not at all."""
    part = f"{aside}.part"
    rights = f'"*{SYSTEM_SID}:F" "*{ADMINISTRATORS_SID}:F"'
    copied = f"{builtin('copy', '/y', '/b', path, part)} >nul && {ICACLS} {word(part)} /inheritance:r /grant:r {rights} /q >nul"
    host.run_cmd(f"{copied} && {builtin('move', '/y', part, aside)} >nul", check=True, idempotent=True)
