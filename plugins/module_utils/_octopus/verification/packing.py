# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A baseline in a quarter of its size, for the manifest of a restore point: all manifests of a folder are read at once. No I/O."""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Mapping
from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError

_LINE = 4000  # characters
_PACKED = "packed"


def packed(baseline: Mapping[str, Any]) -> dict[str, Any]:
    """Return a baseline as its version and lines of Base64; one that is packed or empty as it is."""
    if not baseline or _PACKED in baseline:
        return dict(baseline)
    text = base64.b64encode(zlib.compress(json.dumps(baseline).encode(), 9)).decode("ascii")
    return {"version": baseline["version"], _PACKED: [text[start : start + _LINE] for start in range(0, len(text), _LINE)]}


def unpacked(baseline: Mapping[str, Any]) -> dict[str, Any]:
    """Return a baseline that may be packed.

    Raises:
        OctopusError: It is damaged, or none of this version of the collection.
    """
    found: Any = dict(baseline)
    if _PACKED in baseline:
        try:
            found = json.loads(zlib.decompress(base64.b64decode("".join(baseline[_PACKED]))))
        except (ValueError, TypeError, zlib.error) as error:
            raise OctopusError(f"The packed baseline is damaged: {error}") from error
    if found and not (isinstance(found, dict) and {"version", "counts", "contents"} <= found.keys()):
        raise OctopusError("Expected what octopus_baseline_info returns as baseline, but found something else.")
    return found
