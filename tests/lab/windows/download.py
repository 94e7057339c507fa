# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Downloads by a host's programs: real HTTP, to machines of the lab only, at the host's pace."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit, urlunsplit

import requests
from lab.core.network import Network
from requests.adapters import HTTPAdapter

if TYPE_CHECKING:
    from .host import WindowsHost
    from .process import Process

CHUNK = 256 * 1024


class UnknownHost(Exception):
    """No machine of the lab has that name: nothing leaves this computer."""


class Refused(Exception):
    """The host's own firewall refuses the connection."""


class LabAdapter(HTTPAdapter):
    """Resolves names of machines, refuses everything that is not of the lab, and what the host's firewall refuses."""

    def __init__(self, network: Network, host: str) -> None:
        self._network, self._host = network, host
        super().__init__()

    def send(self, request: requests.PreparedRequest, *args: Any, **settings: Any) -> requests.Response:
        """
        Raises:
            UnknownHost: The URL's host is not of the lab.
            Refused: A firewall is in the way.
        """
        parts = urlsplit(str(request.url))
        host = parts.hostname or ""
        machine = self._network.machines.get(host.lower())
        if machine is None and not is_loopback(host):
            raise UnknownHost(host)
        if (machine or is_address(host)) and self._network.refuses(self._host, machine.address if machine else host):
            raise Refused(host)
        if machine is not None:
            request.headers.setdefault("Host", parts.netloc)
            request.url = urlunsplit(parts._replace(netloc=machine.address + (f":{parts.port}" if parts.port else "")))
        return super().send(request, *args, **settings)


def is_address(text: str) -> bool:
    """Whether a text is an address rather than a name."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def is_loopback(host: str) -> bool:
    """Whether a name or an address is of this computer, and so of the lab."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def session(host: WindowsHost, verify: bool = True) -> requests.Session:
    """A client on a host that trusts the lab's authority, as a host of the domain does, and no proxy of this computer's."""
    client = requests.Session()
    client.trust_env = False
    client.verify = str(host.network.authority.path) if verify else False
    for scheme in ("http://", "https://"):
        client.mount(scheme, LabAdapter(host.network, host.name))
    return client


def save(proc: Process, response: requests.Response, path: str) -> int:
    """The body into a file, at :attr:`WindowsHost.download_rate`; gives the bytes written. What came before a failure stays.

    Raises:
        WinError: The file cannot be written.
        requests.RequestException: The connection failed.
    """
    size = 0
    proc.host.fs.write(path, b"", proc.logon)
    for chunk in response.iter_content(CHUNK):
        proc.sleep(len(chunk) / proc.host.download_rate)
        proc.host.fs.write(path, chunk, proc.logon, append=True)
        size += len(chunk)
    proc.host.ledger.record("file", proc.host.name, action="download", path=path, size=size)
    return size
