# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""MSI packages of the lab: a file that starts like a real one, and holds what an installation does as JSON.

Not the real format (a compound document with a database and cabinets); msiexec of the lab is its only reader.
"""

from __future__ import annotations

import base64
import hashlib
import json
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

MAGIC = bytes.fromhex("d0cf11e0a1b11ae1")  # of a compound document, [MS-CFB] 2.2
MARK = b"octopus.upgrade lab msi\0"
HASH = 32


class NotAPackage(Exception):
    """The file is no package, or a damaged one."""


@dataclass(frozen=True)
class Package:
    """``registry`` are (key, value, type, data); ``seconds`` is how long an installation takes, in lab seconds."""

    product_name: str
    product_code: str
    upgrade_code: str
    version: str
    manufacturer: str
    files: dict[str, bytes]
    install_folder: str
    registry: list[tuple[str, str, str, Any]]
    seconds: float
    reboot: bool = False

    @property
    def number(self) -> tuple[int, ...]:
        """What Windows Installer compares: the first three fields (https://learn.microsoft.com/windows/win32/msi/productversion)."""
        return tuple(int(part) for part in self.version.split("-")[0].split(".")[:3])


def build(
    path: Path | None,
    *,
    product_name: str,
    product_code: str,
    upgrade_code: str,
    version: str,
    manufacturer: str,
    files: dict[str, bytes],
    install_folder: str,
    registry: list[tuple[str, str, str, Any]] | None = None,
    seconds: float = 30.0,
    reboot: bool = False,
    padding: int = 0,
) -> bytes:
    """The package's bytes, written to ``path`` if there is one. The same arguments give the same bytes.

    Args:
        files: Contents by path below ``install_folder``.
        padding: Bytes to add, for downloads that take their time.
    """
    body = {
        "product_name": product_name,
        "product_code": product_code.upper(),
        "upgrade_code": upgrade_code.upper(),
        "version": version,
        "manufacturer": manufacturer,
        "files": {name: base64.b64encode(data).decode() for name, data in sorted(files.items())},
        "install_folder": install_folder,
        "registry": [list(entry) for entry in registry or []],
        "seconds": seconds,
        "reboot": reboot,
    }
    packed = zlib.compress(json.dumps(body, sort_keys=True).encode())
    data = MAGIC + MARK + len(packed).to_bytes(8, "little") + packed + _padding(product_code, padding)
    data += hashlib.sha256(data).digest()
    if path is not None:
        path.write_bytes(data)
    return data


def read(data: bytes) -> Package:
    """
    Raises:
        NotAPackage: Not a package, cut off, or changed.
    """
    start = len(MAGIC) + len(MARK)
    if data[: len(MAGIC)] != MAGIC or data[len(MAGIC) : start] != MARK:
        raise NotAPackage("it does not start like an MSI package")
    if hashlib.sha256(data[:-HASH]).digest() != data[-HASH:]:
        raise NotAPackage("it is damaged")
    size = int.from_bytes(data[start : start + 8], "little")
    body = json.loads(zlib.decompress(data[start + 8 : start + 8 + size]))
    body["files"] = {name: base64.b64decode(text) for name, text in body["files"].items()}
    body["registry"] = [tuple(entry) for entry in body["registry"]]
    return Package(**body)


def _padding(seed: str, size: int) -> bytes:
    block = hashlib.shake_256(seed.encode()).digest(min(size, 65536))
    return (block * (size // 65536 + 1))[:size]
