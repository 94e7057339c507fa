# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A valid manifest, to take apart in tests, and a vault key without cryptography."""

from __future__ import annotations

import copy
from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._secrets.errors import SecretError
from ansible_collections.octopus.upgrade.plugins.module_utils._secrets.vault import VaultKey

POINT = "20261123T210000Z-2025.3.14357"
_SECRET = {"file": "master-key.vault", "fingerprint": "0123456789abcdef"}
MANIFEST: dict[str, Any] = {
    "format": 1,
    "id": POINT,
    "instance": "prod",
    "run_id": "20261123T210000Z",
    "operation": "upgrade",
    "signed_at": "2026-11-23T21:14:09Z",
    "signed_by": "operator@control",
    "version": "2025.3.14357",
    "coordinator": "octo-a",
    "service_stopped": True,
    "before": {},
    "nodes": {
        "octo-a": {
            "instance_name": "OctopusServer",
            "config_path": "C:\\Octopus\\OctopusServer.config",
            "config": {"file": "nodes\\octo-a.config.vault", "fingerprint": "0123456789abcdef"},
        }
    },
    "database": {"name": "Octopus", "backup": {"paths": ["\\\\nas\\b\\p\\database.bak"], "files": [{"name": "database.bak", "bytes": 7}]}},
    "folders": {"logs": {"exists": True, "files": 3, "bytes": 12}},
    "package": {"file": "packages\\Octopus.2025.3.14357-x64.msi", "version": "2025.3.14357", "sha256": "0" * 64, "size": 9},
    "master_key": _SECRET,
    "license": {**_SECRET, "file": "license.vault"},
}


def manifest(**changes: Any) -> dict[str, Any]:
    """The manifest with other values: ``database__backup__files=…`` goes down to the value."""
    made = copy.deepcopy(MANIFEST)
    for path, value in changes.items():
        *folders, name = path.split("__")
        inner = made
        for folder in folders:
            inner = inner[folder]
        inner[name] = value
    return made


class Reversing(VaultKey):
    """Encrypts by reversing the bytes; another key cannot decrypt it. Counts what it decrypts."""

    def __init__(self, key: bytes = b"k") -> None:
        super().__init__("default", "/password")
        object.__setattr__(self, "_head", b"$ANSIBLE_VAULT;" + key)
        object.__setattr__(self, "decrypted", [])

    def encrypt(self, secret: bytes) -> bytes:
        return self._head + secret[::-1]

    def decrypt(self, encrypted: bytes, where: str) -> bytes:
        self.decrypted.append(where)
        if not encrypted.startswith(self._head):
            raise SecretError(f"{where} cannot be decrypted.")
        return encrypted[len(self._head) :][::-1]
