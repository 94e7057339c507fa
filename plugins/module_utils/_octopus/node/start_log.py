# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the server's own log says of a start that failed, where the catalogue of upgrade jumps knows its symptom."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.host.instances import Configuration, OctopusHost
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.path.catalogue import explanations
from ansible_collections.octopus.upgrade.plugins.module_utils._windows import files
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.errors import HostError

# A log beyond this is not read, because users wait.
MOST_BYTES = 10_000_000
_TIME = re.compile(r"(\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2})[.,]\d+\s")
_BEFORE = timedelta(seconds=5)  # what is logged while the start is asked for


def explained(error: OctopusError, octopus: OctopusHost, instance: str, seconds: float) -> OctopusError:
    """Add to the error of a failed start what is known of its symptom.

    Args:
        error: The error.
        octopus: The host.
        instance: The instance.
        seconds: How long ago the start was asked for.

    Returns:
        The error itself, or one that says more. A log that cannot be read is named too, and hides nothing.
    """
    try:
        known = explanations(since(_read(octopus, instance), seconds))
    except (HostError, OctopusError) as unread:
        known = [f"The server's log could not be read: {unread}"]
    return OctopusError(" ".join([error.message, *known]), error.status) if known else error


def since(text: str, seconds: float) -> list[str]:
    """Return the lines of a log that belong to its last seconds, counted from its newest line, so that no clock is compared.

    Args:
        text: The log. Lines without a time belong to the one above them. Without any time there is none.
        seconds: How far back.
    """
    lines = text.splitlines()
    times = [_moment(line) for line in lines]
    newest = max((time for time in times if time), default=None)
    if newest is None:
        return []
    first = newest - timedelta(seconds=seconds) - _BEFORE
    found, inside = [], False
    for line, time in zip(lines, times, strict=True):
        inside = time >= first if time else inside
        if inside:
            found.append(line)
    return found


def _moment(line: str) -> datetime | None:
    found = _TIME.match(line)
    try:
        return datetime.fromisoformat(found[1]) if found else None
    except ValueError:
        return None


def _read(octopus: OctopusHost, instance: str) -> str:
    home = Configuration(octopus.file_settings(octopus.one_instance(instance))).home
    if not home:
        raise OctopusError("the configuration names no home folder")
    path = rf"{home}\Logs\OctopusServer.txt"
    size = files.size(octopus.host, path)
    if size is None or size > MOST_BYTES:
        raise OctopusError(f"{path} {'does not exist' if size is None else f'has {size} bytes'}")
    return files.read_text(octopus.host, path)
