# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Encrypted files on the drives of a Windows host."""

from __future__ import annotations

from ansible_collections.octopus.upgrade.plugins.module_utils._secrets.errors import SecretError
from ansible_collections.octopus.upgrade.plugins.module_utils._windows import disks, files
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.connection import WindowsHost

from .vault import is_encrypted


class HostFile:
    """A file on a drive of the host. Its content is always encrypted."""

    def __init__(self, host: WindowsHost, path: str) -> None:
        if disks.is_unc(path):
            raise SecretError(f"{path} is on a share, which a WinRM log-on cannot reach.")
        self._host = host
        self._path = path
        self.name = f"{path} on {host.name}"

    def read(self) -> bytes | None:
        # The console returns Windows line ends; Ansible Vault decrypts with either.
        return files.read_bytes(self._host, self._path) if files.exists(self._host, self._path) else None

    def write(self, content: bytes) -> None:
        if not is_encrypted(content):
            raise SecretError(f"Expected encrypted content for {self.name}, but found plain text. Nothing was written.")
        files.make_folder(self._host, self._path.rpartition("\\")[0])
        part = self._path + ".part"
        files.write_text(self._host, part, content.decode("ascii"))
        files.move(self._host, part, self._path)

    def set_aside(self, suffix: str) -> str:
        backup = self._path + suffix
        if files.exists(self._host, backup):
            raise SecretError(f"The old {self.name} cannot be backed up as {backup}: that exists.")
        files.move(self._host, self._path, backup)
        return backup

    def loose(self) -> bool:
        """The rights on a Windows folder are left to its owner: the file is encrypted."""
        return False

    def tighten(self) -> None:
        raise SecretError(f"The rights on {self.name} are not changed.")
