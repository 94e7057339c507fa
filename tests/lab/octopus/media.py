# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The installers: one MSI a version, named ``Octopus.<version>-x64.msi`` (octopus.com/docs/installation, silent installation)."""

from __future__ import annotations

import json
import uuid
from functools import lru_cache

from ..windows import msi
from . import register, versions

PRODUCT = "Octopus Deploy Server"
UPGRADE_CODE = "{" + str(uuid.uuid5(uuid.NAMESPACE_DNS, "upgrade.octopus-server.lab.example")).upper() + "}"
HANDLER = "octopus-server"
PADDING = 256 * 1024  # the real ones have up to 1.4 GB; this much still comes in several reads


def product_code(version: str) -> str:
    """Each version has its own."""
    return "{" + str(uuid.uuid5(uuid.NAMESPACE_DNS, f"{version}.octopus-server.lab.example")).upper() + "}"


def file_name(version: str) -> str:
    return f"Octopus.{version}-x64.msi"


@lru_cache(maxsize=64)
def build_msi(version: str) -> bytes:
    """The package's bytes: programs, a library, and the registry value that says where they are. How long it takes is *assumed*."""

    def program(name: str) -> bytes:
        return json.dumps({"lab_program": HANDLER, "version": version, "name": name}).encode()

    files = {
        "Octopus.Server.exe": program("server"),
        "Octopus.Migrator.exe": program("migrator"),
        "Octopus.Core.dll": f"Octopus.Core {version}".encode() * 50,
        "LICENSE.txt": b"The lab's own stand-in; nothing of the product is in it.\r\n",
    }
    if not versions.at_least(version, "2025.1"):
        files["BundledTools\\tools.txt"] = b"Calamari and others, up to 2025.1\r\n"
    return msi.build(
        None,
        product_name=PRODUCT,
        product_code=product_code(version),
        upgrade_code=UPGRADE_CODE,
        version=version,
        manufacturer="Octopus Deploy Pty. Ltd.",
        files=files,
        install_folder=register.PROGRAM_FOLDER + "\\",
        registry=[(register.KEY, "InstallLocation", "REG_SZ", register.PROGRAM_FOLDER + "\\")],
        seconds=40.0 if versions.at_least(version, "2020.1") else 25.0,
        padding=PADDING,
    )
