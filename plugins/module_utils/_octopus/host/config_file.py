# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An instance's configuration file on its host, read and written. It contains a SQL password, which no argument and no readable file shows."""

from __future__ import annotations

import hashlib

from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError
from ansible_collections.octopus.upgrade.plugins.module_utils._windows import disks, files
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.connection import WindowsHost
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.job_files import ADMINISTRATORS_SID, ICACLS, SYSTEM_SID, protect_line
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.jobs import job_id
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.quoting import builtin, word


def read(host: WindowsHost, path: str) -> bytes | None:
    """Return the content of the file, verified by its hash; None where the file does not exist.

    Raises:
        OctopusError: It is on a share, or the console does not transfer it unchanged.
        HostError: The host failed.
    """
    if disks.is_unc(path) or not path:
        raise OctopusError(
            f"{host.where}: expected the configuration file on a drive of the node but found {path!r}, which cannot be read there."
        )
    if not files.exists(host, path):
        return None
    result = host.run_builtin("type", path, idempotent=True, secret=True)
    if result.exit_code:
        raise OctopusError(f"{host.where}: cannot read the configuration file {path}: {' '.join(result.stderr.split())}")
    digest = files.sha256(host, path)
    # The console prints a UTF-16 file in its own code page: the hash tells which bytes are those of the file.
    for content in (result.stdout_bytes, b"\xff\xfe" + result.stdout_bytes.decode("utf-8", "replace").encode("utf-16-le")):
        if hashlib.sha256(content).hexdigest() == digest:
            return content
    raise OctopusError(f"{host.where}: the configuration file {path} changed while it was read, or has an unsupported encoding.")


def write(host: WindowsHost, work_root: str, path: str, content: bytes, aside: str) -> None:
    """Copy the present file to ``aside`` unless that exists, overwrite the file, so that it keeps its rights, and compare.

    Args:
        host: The host.
        work_root: The collection's folder on it, which only administrators have rights on.
        path: The file.
        content: The new content. It appears in no command line, and in no file that others may read.
        aside: Name of the copy of the former file, readable by administrators only.

    Raises:
        OctopusError: The file differs from the content afterwards.
        HostError: The host failed.
    """
    # Only administrators may read this folder.
    new = f"{work_root.rstrip(chr(92))}\\{job_id('config', path)}.new"
    try:
        host.run_cmd(protect_line(work_root.rstrip("\\")), check=True, idempotent=True)
        files.write_bytes(host, new, content)
        files.make_folder(host, path.rpartition("\\")[0])
        # A second run must not replace the copy of the first, because by then the file may be incomplete.
        if files.exists(host, path) and not files.exists(host, aside):
            copy_aside(host, path, aside)
        host.run_cmd(f"{builtin('copy', '/y', '/b', new, path)} >nul", check=True, idempotent=True)
    finally:
        for left in (new, f"{new}.b64"):
            files.remove(host, left)
    if read(host, path) != content:
        raise OctopusError(f"{host.where}: {path} was written, but its content is not as expected. The former file is {aside}.")


def copy_aside(host: WindowsHost, path: str, aside: str) -> None:
    """Copy the file, for administrators only, completely or not at all.

    Args:
        host: The host.
        path: The file.
        aside: Name of the copy, in a folder that exists.

    Raises:
        HostError: It cannot be copied.
    """
    part = f"{aside}.part"
    rights = f'"*{SYSTEM_SID}:F" "*{ADMINISTRATORS_SID}:F"'
    copied = f"{builtin('copy', '/y', '/b', path, part)} >nul && {ICACLS} {word(part)} /inheritance:r /grant:r {rights} /q >nul"
    host.run_cmd(f"{copied} && {builtin('move', '/y', part, aside)} >nul", check=True, idempotent=True)
