# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Thumbprints of certificates, as people and the program write them. Pure functions, no I/O."""

from __future__ import annotations

import re

from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError

_THUMBPRINT = re.compile(r"[0-9A-F]{40}|[0-9A-F]{64}")


def thumbprint(text: str) -> str:
    """Return a thumbprint without spaces and colons, in capital letters.

    Raises:
        OctopusError: It is none.
    """
    found = re.sub(r"[\s:\u200e]", "", text).upper()
    if not _THUMBPRINT.fullmatch(found):
        raise OctopusError(f"Expected a thumbprint of 40 or 64 hexadecimal digits, but found {text!r}.")
    return found


def thumbprint_in(printed: str) -> str:
    """Return the thumbprint in the output of ``show-thumbprint``, whatever else is in it.

    Raises:
        OctopusError: There is none, or there are several.
    """
    found = {one.upper() for one in re.findall(r"\b(?:[0-9A-Fa-f]{64}|[0-9A-Fa-f]{40})\b", printed)}
    if len(found) != 1:
        raise OctopusError(f"Expected one thumbprint in the output of show-thumbprint, but found {len(found)}.")
    return found.pop()
