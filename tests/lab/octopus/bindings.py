# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which certificate http.sys has for which port of a host: part of the machine, not of the instance.

See octopus.com/docs/security/exposing-octopus.
"""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

if TYPE_CHECKING:
    from ..core.pki import Authority
    from ..windows.host import WindowsHost

_BOUND: WeakKeyDictionary[WindowsHost, dict[int, ssl.SSLContext]] = WeakKeyDictionary()


def bind(host: WindowsHost, port: int, *names: str) -> None:
    """A certificate of the lab's authority for that port, for the host's address and name and for ``names``."""
    authority = host.network.authority
    folder = host.root / "tls"
    _BOUND.setdefault(host, {})[port] = authority.server_context(folder, host.address, host.name, *names)


def bind_only(host: WindowsHost, port: int, *names: str, authority: Authority | None = None, days: int = 30) -> None:
    """A certificate for ``names`` alone, such as a bought one for the portal's public name; it counts from the next start of the service.

    Args:
        names: What it is for.
        authority: Who issued it; None: the lab's own.
        days: How long it is valid; it has expired where that is negative.
    """
    folder = host.root / "tls-only"
    _BOUND.setdefault(host, {})[port] = (authority or host.network.authority).server_context(folder, *names, days=(min(-1, days - 1), days))


def bound(host: WindowsHost, port: int) -> ssl.SSLContext | None:
    return _BOUND.get(host, {}).get(port)
