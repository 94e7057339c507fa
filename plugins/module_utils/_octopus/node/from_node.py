# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Ask a node from the node itself, with its curl.exe over WinRM: what the control node's trust, names or proxy keep it from asking.

Windows has curl.exe from Server 2019 on (https://techcommunity.microsoft.com/blog/containers/tar-and-curl-come-to-windows/382409).
Options: https://curl.se/docs/manpage.html. All of them go through its standard input, so the API key is in no command line.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator, Sequence

from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.api.client import OctopusApi
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.api.http import Answered, Asked
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.api.options import ApiOptions
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import NotAsked, OctopusError
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.host.instances import OctopusHost
from ansible_collections.octopus.upgrade.plugins.module_utils._windows import files
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.connection import SYSTEM32, ConnectionOptions, WindowsHost
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.errors import HostError

from .health import local_url

_CURL = f"{SYSTEM32}curl.exe"
# More does not go through WinRM in a reasonable time; curl ends with 63.
_MOST_BYTES = 8 * 1024 * 1024
_TOO_LARGE = 63


class FromNode:
    """What :class:`OctopusApi` takes as ``other_way``.

    Args:
        octopus: The host that is asked, and asks.
        instance: The instance; None for the only one.

    Attributes:
        warning: What to tell where this way was taken; empty where it was not.
    """

    def __init__(self, octopus: OctopusHost, instance: str | None) -> None:
        self._octopus = octopus
        self._instance = instance
        self._url: str | None = None
        self._turn = threading.Lock()  # collections are counted in several threads, and a connection is for one at a time
        self.warning = ""

    def __call__(self, asked: Asked) -> Answered:
        """Ask, whatever the node's certificate says: the question does not leave the machine.

        Raises:
            NotAsked: The node has no curl.exe or no listen prefix, does not answer over WinRM, or the answer is too large to be handed on.
            OctopusError: The node does not answer itself either.
        """
        with self._turn:
            return self._ask(asked)

    def _ask(self, asked: Asked) -> Answered:
        host = self._octopus.host
        if self._url is None:
            self._url = self._find_url(asked.error)
            self.warning = f"{host.where} was asked from the node itself, because the control node could not: {asked.error.message}"
        url = self._url + asked.path
        lines = [
            *_setting("url", url),
            *_setting("request", asked.method),
            *(line for name, value in asked.headers.items() for line in _setting("header", f"{name}: {value}")),
            *(_setting("data-raw", asked.body) if asked.body is not None else []),
            *_setting("connect-to", "::localhost:"),  # whatever the name in the listen prefix
            *_setting("noproxy", "*"),
            *_setting("max-time", f"{asked.timeout:g}"),
            *_setting("max-filesize", str(_MOST_BYTES)),
            *_setting("write-out", "\\n%{http_code} %{content_type}"),
            "silent",
            "show-error",
            "insecure",
        ]
        config = "".join(f"{line}\n" for line in lines)
        command, once_more = [_CURL, "-q", "--config", "-"], asked.method == "GET"
        try:
            result = host.run(command, stdin=config, timeout=asked.timeout + 30, idempotent=once_more, secret=True)
        except HostError as error:
            raise NotAsked(f"{asked.error.message} Nor could it be asked from the node itself: {error}") from error
        if result.exit_code == _TOO_LARGE:
            raise NotAsked(f"{asked.error.message} From the node itself, {url} was too large to be read.")
        if result.exit_code:
            said = (result.stderr.strip().splitlines() or ["no message"])[-1]
            raise OctopusError(
                f"{host.where}: {asked.method} {url}, asked from the node itself: {said} (exit code {result.exit_code} of curl.exe)."
            )
        body, _line, told = result.stdout_bytes.rpartition(b"\n")
        status, _blank, content_type = told.decode().partition(" ")
        return Answered(int(status), content_type.strip(), body)

    def _find_url(self, error: NotAsked) -> str:
        host = self._octopus.host
        try:
            has_curl = files.exists(host, _CURL)
            prefixes = self._octopus.configuration(self._octopus.one_instance(self._instance).name).listen_prefixes if has_curl else []
        except (HostError, OctopusError) as second:
            raise NotAsked(f"{error.message} Nor could it be asked from the node itself: {second}") from second
        if not has_curl:
            raise NotAsked(f"{error.message} {host.where} has no curl.exe to be asked with instead, as Windows has from Server 2019 on.")
        url = local_url(prefixes)
        if url is None:
            raise NotAsked(f"{error.message} {host.where} has no listen prefix to be asked at instead.")
        return url


@contextlib.contextmanager
def open_api(
    options: ApiOptions, connections: Sequence[ConnectionOptions], instance: str | None, warnings: list[str]
) -> Iterator[OctopusApi]:
    """Open the API of a server, which is asked from a node of it where the control node cannot.

    Args:
        options: The server.
        connections: Its nodes, of which the first is asked; none where no other way is wanted.
        instance: The instance on them; None for the only one.
        warnings: Gets what to tell where the node was asked.
    """
    if not connections:
        with OctopusApi(options) as api:
            yield api
        return
    with WindowsHost(connections[0]) as host:  # which connects with its first command only
        way = FromNode(OctopusHost(host), instance)
        try:
            with OctopusApi(options, other_way=way) as api:
                yield api
        finally:
            warnings += [way.warning] if way.warning else []


def _setting(name: str, value: str) -> list[str]:
    """Return a line of curl's configuration: in quotes, with a backslash before what would end them."""
    escaped = value if name == "write-out" else value.replace("\\", "\\\\").replace('"', '\\"')
    return [f'{name} = "{escaped}"']
