# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A copy of an instance's configuration from before the first change, on its own host, which tells a second run that the first has not ended.

The program overwrites the file in place (XmlFileKeyValueStore.cs of https://github.com/OctopusDeploy/OctopusTentacle), so a process that is killed can
leave a part of it, without the Tentacle's key. The copy is made before the first change and removed after the last one, so it exists exactly where it
is not certain that the service runs with what the file says. Its name tells whether the service was running before.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from ansible_collections.octopus.upgrade.plugins.module_utils._core.errors import UpgradeError
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.host import config_file
from ansible_collections.octopus.upgrade.plugins.module_utils._windows import files
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.connection import WindowsHost
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.job_files import protect_line
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.jobs import job_id

_STATES = {True: "running", False: "stopped"}


@dataclass(frozen=True)
class Copy:
    """The copy. ``content`` contains the encrypted private key; ``running`` is whether the service was running before."""

    path: str
    content: bytes = field(repr=False)
    running: bool


def find(host: WindowsHost, work_root: str, config_path: str) -> Copy | None:
    """Return the copy that an interrupted run has left; None where there is none.

    Args:
        host: The host.
        work_root: The collection's folder on it.
        config_path: The instance's configuration file.

    Raises:
        OctopusError: The copy cannot be read.
        HostError: The host failed.
    """
    there = {name.lower() for name in files.names(host, work_root.rstrip("\\")) or []}
    for running in _STATES:
        path = _path(work_root, config_path, running)
        if path.rpartition("\\")[2].lower() in there:
            content = config_file.read(host, path)
            if content is not None:
                return Copy(path, content, running)
    return None


def make(host: WindowsHost, work_root: str, config_path: str, content: bytes, running: bool) -> Copy:
    """Copy the configuration, and compare.

    Args:
        host: The host.
        work_root: The collection's folder on it, which is created for administrators only where it does not exist.
        config_path: The instance's configuration file.
        content: What the file is known to contain.
        running: Whether its service is running.

    Raises:
        OctopusError: Somebody else has changed the file meanwhile.
        HostError: The host failed.
    """
    host.run_cmd(protect_line(work_root.rstrip("\\")), check=True, idempotent=True)
    copy = Copy(_path(work_root, config_path, running), content, running)
    config_file.copy_aside(host, config_path, copy.path)
    if config_file.read(host, copy.path) != content:
        remove(host, copy)
        raise OctopusError(f"{host.where}: somebody else has changed {config_path} meanwhile. Nothing was changed.")
    return copy


def restore(host: WindowsHost, work_root: str, config_path: str, copy: Copy) -> None:
    """Overwrite the file with its copy, so that it keeps its rights, and compare. The copy stays.

    Raises:
        OctopusError: The file differs from the copy afterwards.
        HostError: The host failed.
    """
    config_file.write(host, work_root, config_path, copy.content, copy.path)


def put_back(host: WindowsHost, work_root: str, config_path: str, copy: Copy) -> tuple[bool, str]:
    """Restore the file after a failure.

    Returns:
        Whether it is as it was, and how that went, as a sentence.
    """
    try:
        if config_file.read(host, config_path) == copy.content:
            return True, "Its configuration is as it was."
    except UpgradeError:
        pass  # a file that cannot be read is overwritten
    try:
        restore(host, work_root, config_path, copy)
    except UpgradeError as error:
        return False, f"Its configuration could not be restored ({error}). The former one is {copy.path} on the host; run the task again."
    return True, "Its configuration was restored."


def remove(host: WindowsHost, copy: Copy) -> None:
    """Remove the copy: the instance is whole.

    Raises:
        HostError: It still exists.
    """
    files.remove(host, copy.path)


def _path(work_root: str, config_path: str, running: bool) -> str:
    folder = work_root.rstrip("\\")
    return f"{folder}\\{job_id('tentacle', config_path.lower())}.{_STATES[running]}.config"
