# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A secret of a restore point, decrypted: from a file of the restore point, or from plain text on the control node that the manifest names."""

from __future__ import annotations

import socket
from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError
from ansible_collections.octopus.upgrade.plugins.module_utils._secrets.stored_secret import LocalFile, fingerprint
from ansible_collections.octopus.upgrade.plugins.module_utils._secrets.vault import VaultKey, is_encrypted


def read_secret(entry: dict[str, Any], text: str | None, vault_key: VaultKey | None) -> bytes:
    """The secret, verified against its fingerprint in the manifest.

    Args:
        entry: The secret's entry in the manifest.
        text: The content of its file in the restore point; None where there is no such file.
        vault_key: Decrypts it.

    Raises:
        OctopusError: It is missing, or is not the one that was signed.
        SecretError: It cannot be decrypted.
    """
    secret = _decrypted(entry, text, vault_key)
    if fingerprint(secret) != entry["fingerprint"]:
        path = entry.get("file") or entry["control_node"]["path"]
        raise OctopusError(f"{path} holds another content than the one that was signed.")
    return secret


def _decrypted(entry: dict[str, Any], text: str | None, vault_key: VaultKey | None) -> bytes:
    if entry.get("file") is None:
        return _from_control_node(entry["control_node"])
    if text is None:
        raise OctopusError(f"there is no {entry['file']}.")
    content = text.encode()
    if not is_encrypted(content):
        raise OctopusError(f"{entry['file']} is not encrypted.")
    if vault_key is None:
        raise OctopusError(f"{entry['file']} is encrypted, but plaintext is true: give vault_password_file or vault_id.")
    return vault_key.decrypt(content, entry["file"])


def _from_control_node(place: dict[str, str]) -> bytes:
    content = LocalFile(place["path"]).read()
    if content is None:
        raise OctopusError(
            f"it was left as plain text on the control node {place['host']} in {place['path']}, but there is no such file on this control "
            f"node ({socket.gethostname()})."
        )
    return content
