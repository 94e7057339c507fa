# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether a host can open a TCP connection, tried by curl.exe on the host.

``telnet://`` connects and sends nothing, so that no server is disturbed. ``time_connect`` is above zero once a connection exists, in every version of
curl and whatever follows (https://curl.se/docs/manpage.html#-w). A connection that Windows Firewall refuses ends at once, with WSAEACCES (Chromium's
net/base/net_error_list.h, NETWORK_ACCESS_DENIED), for which curl ends with 7; a packet that the network drops ends with 28, a timeout.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass

from .connection import WindowsHost
from .errors import HostError

SECONDS = 5
NOT_CONNECTED, TIMED_OUT = 7, 28
BLOCKED, REACHED, UNKNOWN = "blocked", "reached", "unknown"
_TIME = re.compile(r"time_connect=([0-9.,]+)\s*$")


@dataclass(frozen=True)
class Attempt:
    """How a try to connect ended: curl's exit code, and whether there was a connection."""

    exit_code: int
    connected: bool


def attempt(host: WindowsHost, address: str, port: int) -> Attempt:
    """Try to connect from the host.

    Raises:
        HostError: There is no curl.exe, or it says nothing that is known.
    """
    where = f"[{address}]" if ipaddress.ip_address(address).version == 6 else address
    patience = ["--connect-timeout", str(SECONDS), "--max-time", str(SECONDS)]
    argv = ["curl", "-q", "-s", "--noproxy", "*", *patience, "-w", "\\ntime_connect=%{time_connect}", f"telnet://{where}:{port}"]
    result = host.run(argv, idempotent=True)
    found = _TIME.search(result.stdout)
    if not found:
        raise HostError(
            f"{host.where}: expected curl.exe to say whether it could connect to {where}:{port}, but it ended with {result.exit_code}: "
            f"{' '.join((result.stderr or result.stdout).split()) or 'there was no message'}",
            host.name,
            result.exit_code,
        )
    return Attempt(result.exit_code, any(digit in "123456789" for digit in found[1]))


def verdict(before: Attempt | None, after: Attempt) -> str:
    """Return whether what was tried under a rule is blocked, reached, or neither can be told.

    Args:
        before: The same try without the rule; None where there was none.
        after: The try under the rule.
    """
    if after.connected:
        return REACHED
    if after.exit_code == NOT_CONNECTED or (after.exit_code == TIMED_OUT and before is not None and before.connected):
        return BLOCKED
    return UNKNOWN


def tells(before: Attempt | None, after: Attempt) -> bool:
    """Whether the rule made the difference: the same try ended in another way without it."""
    return before is not None and verdict(before, after) == BLOCKED and before != after
