# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A secret of a restore point, opened: sealed in a file of it, or plain on the control node where the manifest says."""

from __future__ import annotations

import socket
from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError
from ansible_collections.octopus.upgrade.plugins.module_utils._secrets.stored_secret import LocalFile
from ansible_collections.octopus.upgrade.plugins.module_utils._secrets.vault import Sealer, is_sealed


def open_kept(kept: dict[str, Any], text: str | None, sealer: Sealer | None) -> bytes:
    """Return what was kept.

    Args:
        kept: What the manifest says of it.
        text: The content of its file in the restore point; None where there is none.
        sealer: Opens it.

    Raises:
        OctopusError: It is not there, or does not open.
    """
    if kept.get("file") is None:
        return _from_control_node(kept["control_node"])
    if text is None:
        raise OctopusError(f"there is no {kept['file']}.")
    content = text.encode()
    if not is_sealed(content):
        raise OctopusError(f"{kept['file']} is not sealed.")
    if sealer is None:
        raise OctopusError(f"{kept['file']} is sealed, and plaintext is true: give vault_password_file or vault_id.")
    return sealer.open(content, kept["file"])


def _from_control_node(place: dict[str, str]) -> bytes:
    content = LocalFile(place["path"]).read()
    if content is None:
        raise OctopusError(
            f"it was left as plain text on the control node {place['host']} in {place['path']}, and on this one ({socket.gethostname()}) "
            "there is no such file."
        )
    return content
