# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Backup devices: DISK files as the service account reaches them, and URLs, which the lab keeps in a folder."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ..core.filesystem import WinError
from . import errors
from .cursor import Cursor
from .media import Family, MediaError, read_family

if TYPE_CHECKING:
    from .server import SqlServer

MAX_DEVICES = 64
MAX_PATH = 259


@dataclass(frozen=True)
class Device:
    """One device of a statement. ``name`` is the path or URL in full, as messages and msdb have it."""

    kind: str  # DISK, URL
    name: str

    @property
    def number(self) -> int:
        """device_type in msdb."""
        return 9 if self.kind == "URL" else 2


def read_devices(cursor: Cursor, server: SqlServer) -> list[Device]:
    """``DISK = '...', DISK = @p`` at the cursor.

    Raises:
        SqlError: 102; or 3206 for a logical device, of which the lab has none.
    """
    out = []
    while True:
        kind = cursor.upper()
        if kind not in ("DISK", "URL", "TAPE", "VIRTUAL_DEVICE"):
            name = cursor.name_or_variable()
            raise errors.SqlError(
                3206,
                f"Backup device '{name}' does not exist. To view existing backup devices, use the sys.backup_devices catalog view.",
                16,
            )
        if kind not in ("DISK", "URL"):
            raise errors.gap(f"a {kind} device")
        cursor.at += 1
        cursor.expect("=")
        name = cursor.string()
        out.append(Device(kind, name if kind == "URL" else full_path(server, name)))
        if not cursor.accept(","):
            return out


def full_path(server: SqlServer, path: str) -> str:
    """A relative path is below the instance's backup folder."""
    if re.match(r"[A-Za-z]:[\\/]|[\\/]{2}", path):
        return path
    return f"{server.backup_folder}\\{path}"


def locate(server: SqlServer, device: Device, what: str) -> Path:
    """Where a device's file is for the lab; it need not exist.

    Raises:
        SqlError: 3201 it cannot be reached: no folder, no share, no access, no credential.
    """
    if device.kind == "URL":
        return _blob(server, device, what)
    try:
        if len(device.name) > MAX_PATH:
            raise WinError(123, device.name)
        real = server.machine.fs.real(device.name, server.logon)
        if not real.parent.is_dir():
            raise WinError(3, device.name)
        if real.is_dir():
            raise WinError(5, device.name)
    except WinError as error:
        raise errors.failed(what, *errors.no_device(device.name, error)) from error
    return real


def _blob(server: SqlServer, device: Device, what: str) -> Path:
    """Block blobs need a credential named as the container's URL.

    https://learn.microsoft.com/sql/relational-databases/backup-restore/sql-server-backup-to-url; the error without one is *assumed*.
    """
    container = device.name.rpartition("/")[0]
    if not any(name.lower() == container.lower() for name in server.credentials):
        raise errors.failed(what, *errors.no_device(device.name, WinError(5)))
    path: Path = server.blob(device.name)
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def existing(server: SqlServer, device: Device, what: str) -> Path:
    """The file of a device that must be there.

    Raises:
        SqlError: 3201.
    """
    path = locate(server, device, what)
    if not path.exists():
        raise errors.failed(what, *errors.no_device(device.name, WinError(2), 2))
    if device.kind == "DISK" and path in server.in_use:
        raise errors.failed(what, *errors.no_device(device.name, WinError(32)))
    return path


def read_media(server: SqlServer, device: Device, what: str) -> Family:
    """What is in a device's file.

    Raises:
        SqlError: 3201; 3241 it is no backup.
    """
    path = existing(server, device, what)
    try:
        return read_family(path)
    except MediaError as error:
        text = f"The media family on device '{device.name}' is incorrectly formed. SQL Server cannot process this media family."
        raise errors.failed(what, 3241, text, 16, 0) from error


def whole_set(server: SqlServer, devices: list[Device], what: str) -> list[Family]:
    """Every family of a media set, in their order, however they were listed.

    Raises:
        SqlError: 3132 one is missing; 3227 they do not belong together; as :func:`read_media`.
    """
    families = [read_media(server, device, what) for device in devices]
    first = families[0].header
    for device, family in zip(devices, families, strict=True):
        if family.header["media_guid"] != first["media_guid"]:
            text = (
                f'The backup media on "{device.name}" is part of media family that is not a member of the media set of the other devices.'
            )
            raise errors.failed(what, 3227, text)
    wanted = first["families"]
    numbers = {family.header["family"] for family in families}
    if len(numbers) < wanted:
        text = f"The media set has {wanted} media families but only {len(numbers)} are provided. All members must be provided."
        raise errors.failed(what, 3132, text)
    return sorted(families, key=lambda family: int(family.header["family"]))
