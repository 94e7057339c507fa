# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Sealed files as a Windows host sees them: on its drives, or on a share that only a job of it reaches."""

from __future__ import annotations

from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError
from ansible_collections.octopus.upgrade.plugins.module_utils._windows import disks, files
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.connection import WindowsHost

from .vault import is_sealed


class HostFile:
    """A file on a drive of the host; only ever sealed content."""

    def __init__(self, host: WindowsHost, path: str) -> None:
        if disks.is_unc(path):
            raise OctopusError(f"{path} is on a share, which a WinRM log-on cannot reach.")
        self._host = host
        self._path = path
        self.name = f"{path} on {host.name}"

    def read(self) -> bytes | None:
        # Through the console the line ends come back as Windows has them; a vault opens with either.
        return files.read_bytes(self._host, self._path) if files.exists(self._host, self._path) else None

    def write(self, content: bytes) -> None:
        if not is_sealed(content):
            raise OctopusError(f"{self.name} was to be written with something that is not sealed; it was not.")
        files.make_folder(self._host, self._path.rpartition("\\")[0])
        part = self._path + ".part"
        files.write_text(self._host, part, content.decode("ascii"))
        files.move(self._host, part, self._path)

    def set_aside(self, suffix: str) -> str:
        kept = self._path + suffix
        if files.exists(self._host, kept):
            raise OctopusError(f"The old {self.name} cannot be kept as {kept}: that exists.")
        files.move(self._host, self._path, kept)
        return kept

    def loose(self) -> bool:
        """Rights of a Windows folder are its owner's business: what is here is sealed."""
        return False

    def tighten(self) -> None:
        raise OctopusError(f"The rights on {self.name} are not changed.")
