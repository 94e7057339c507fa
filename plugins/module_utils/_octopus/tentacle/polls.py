# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which addresses the running process of a Tentacle polls, by what it said in its log when it started.

Windows counts the service as running before it has read its configuration (WindowsServiceAdapter.cs of
https://github.com/OctopusDeploy/OctopusTentacle), so the state of the service does not tell. Its log does: HalibutInitializer.cs writes one line for
each address, alike since 3.24, and Tentacle.exe.nlog puts the id of the process before it. The file is ``Logs\\OctopusTentacle.txt`` in the home of
the instance (LoggingConfiguration.cs); seven older ones, of one day each, are beside it.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from ansible_collections.octopus.upgrade.plugins.module_utils._windows import files
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.connection import WindowsHost

from .configuration import same_place

# Blanks as points: an argument of findstr is quoted whole, and a quoted switch is best without them.
_PATTERN = "Agent.will.poll.Octopus.Server.at"
_LINE = re.compile(
    r"(?P<time>\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2})\S*\s+(?P<pid>\d+)\s+\d+\s+[A-Z]+\s+Agent will poll Octopus Server at (?P<address>\S+) for subscription"
)
# All lines of one start are written within moments. An older process may have had the same id.
_ONE_START = timedelta(seconds=60)


def polled_by(host: WindowsHost, home: str | None, pid: int) -> frozenset[str] | None:
    """Return the addresses that a process polls, in the form of :func:`same_place`.

    Args:
        host: The host.
        home: The home of the instance.
        pid: Id of the process.

    Returns:
        None where the log does not tell, as after a week, or where it is not where it usually is.

    Raises:
        HostError: The host failed.
    """
    if not home or not pid:
        return None
    result = host.run([files.FINDSTR, "/r", f"/c:{_PATTERN}", rf"{home.rstrip(chr(92))}\Logs\OctopusTentacle*.txt"], idempotent=True)
    return polled_in(result.stdout, pid)


def polled_in(log: str, pid: int) -> frozenset[str] | None:
    """Return the addresses that a process polls by the lines of a log; None where none is of that process."""
    said = [
        (datetime.fromisoformat(found["time"]), same_place(found["address"]))
        for found in map(_LINE.search, log.splitlines())
        if found and int(found["pid"]) == pid
    ]
    if not said:
        return None
    newest = max(time for time, _address in said)
    return frozenset(address for time, address in said if time >= newest - _ONE_START)
