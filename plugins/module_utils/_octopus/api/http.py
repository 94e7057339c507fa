# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""HTTP as the API needs it: retries that are safe, and an API key that goes to its server and nowhere else."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import BinaryIO
from urllib.parse import urljoin

from ansible_collections.octopus.upgrade.plugins.module_utils._core import stopping
from ansible_collections.octopus.upgrade.plugins.module_utils._core.errors import MissingLibrary
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import NotAsked, OctopusError

from .adapter import REQUESTS_IMPORT_ERROR, NamedAdapter
from .links import same_origin
from .multipart import FileForm
from .no_answer import may_have_another_name, why
from .options import ApiOptions

if REQUESTS_IMPORT_ERROR is None:
    import requests

_REDIRECTS = (301, 302, 303, 307, 308)
_MOST_REDIRECTS = 5


@dataclass(frozen=True)
class Asked:
    """A request that is to be sent another way. ``path`` is below the server's address, with its query; ``body`` is JSON."""

    method: str
    path: str
    headers: dict[str, str]
    body: str | None
    timeout: float
    error: NotAsked


@dataclass(frozen=True)
class Answered:
    """The answer to it."""

    status: int
    content_type: str
    body: bytes


OtherWay = Callable[[Asked], Answered]


def _no_other_sign_in(request):
    """Keep requests from adding what it finds in a .netrc file."""
    return request


class Http:
    """One session with one server.

    Args:
        options: Where and how.
        retries: How often a request that may be repeated is repeated.
        other_way: Asks where the control node cannot for a reason of its own; then it is used for the rest of the session.
    """

    def __init__(self, options: ApiOptions, retries: int = 4, other_way: OtherWay | None = None) -> None:
        if REQUESTS_IMPORT_ERROR:
            raise MissingLibrary("requests", REQUESTS_IMPORT_ERROR)
        self.options = options
        self._retries = retries
        self._other_way = other_way
        self._not_asked: NotAsked | None = None
        self._name: str | None = None
        self._session = requests.Session()
        self._session.auth = _no_other_sign_in
        # Once for all requests, which go to one server.
        self._session.proxies.update(requests.utils.get_environ_proxies(options.url))
        self._session.trust_env = False
        self._session.headers["Accept"] = "application/json, */*;q=0.5"
        self._session.headers["User-Agent"] = "octopus.upgrade (Ansible)"
        if options.api_key:
            self._session.headers["X-Octopus-ApiKey"] = options.api_key
        self._call_it(None)

    @property
    def indirect(self) -> bool:
        """Whether requests take the other way."""
        return self._not_asked is not None

    @property
    def cookies(self) -> dict[str, str]:
        """The cookies that the server has set."""
        return dict(self._session.cookies.items())

    def set_header(self, name: str, value: str) -> None:
        """Send a header with every further request that the control node itself sends."""
        self._session.headers[name] = value

    def send(self, method: str, url: str, *, json=None, stream: bool = False, timeout: float | None = None) -> requests.Response:
        """Send one request and return the answer, whatever its status. A redirect is followed within the server only.

        Raises:
            NotAsked: The control node could not ask.
            OctopusError: There was no answer.
        """
        for _hop in range(_MOST_REDIRECTS):
            stopping.check()
            answer = self._ask(method, url, json, stream, timeout or self.options.timeout)
            if answer.status_code not in _REDIRECTS:
                return answer
            target = urljoin(url, answer.headers.get("Location", ""))
            answer.close()
            if method not in ("GET", "HEAD") or not same_origin(url, target):
                raise OctopusError(
                    f"{method} {url} was redirected to {target}. The API key is not sent there: set url to the address "
                    "that the server itself uses.",
                    answer.status_code,
                )
            url = target
        raise OctopusError(f"{method} {url} was redirected more than {_MOST_REDIRECTS} times.")

    @contextlib.contextmanager
    def reading(self, method: str, path: str) -> Iterator[None]:
        """Read the body of an answer that is streamed.

        Raises:
            OctopusError: It broke off.
        """
        try:
            yield
        except (requests.RequestException, OSError) as error:
            raise OctopusError(f"{method} {self.options.url}{path} broke off: {error}") from error

    def upload(self, url: str, name: str, content: bytes | BinaryIO, field: str = "file") -> requests.Response:
        """Post one file in a form, as Octopus.Client does; an open one is sent as it is read. It is not repeated, nor asked another way.

        Raises:
            NotAsked: The control node could not ask.
            OctopusError: There was no answer.
        """
        stopping.check()
        form = FileForm(field, name, io.BytesIO(content) if isinstance(content, bytes) else content)
        headers = {"Content-Type": form.content_type}
        verify = (self.options.ca_path or True) if self.options.validate_certs else False
        try:
            return self._session.post(url, data=form, headers=headers, timeout=self.options.timeout, allow_redirects=False, verify=verify)
        except (requests.RequestException, OSError) as error:
            raise why("POST", url, self.options, error) from error

    def close(self) -> None:
        self._session.close()

    def _ask(self, method: str, url: str, json, stream: bool, timeout: float) -> requests.Response:
        if self._not_asked is None:
            try:
                return self._ask_by_name(method, url, json, stream, timeout)
            except (requests.RequestException, OSError) as error:
                reason = why(method, url, self.options, error)
                if not isinstance(reason, NotAsked) or self._other_way is None:
                    raise reason from error
                self._not_asked = reason
        return self._ask_another_way(method, url, json, timeout, self._not_asked)

    def _ask_by_name(self, method: str, url: str, json, stream: bool, timeout: float) -> requests.Response:
        """Ask under the server's own name; where it has another one, under that of the portal."""
        other = None if self._name else self.options.portal_name
        first: requests.RequestException | None = None
        try:
            answer = self._request(method, url, json, stream, timeout)
            if not other or method != "GET" or not _unknown_name(answer):
                return answer
            answer.close()
        except requests.RequestException as error:
            # In the handshake nothing was sent yet; a connection that breaks off later may have carried something.
            if not other or not may_have_another_name(error) or (method != "GET" and not isinstance(error, requests.exceptions.SSLError)):
                raise
            first = error
        self._call_it(other)
        try:
            return self._request(method, url, json, stream, timeout)
        except (requests.RequestException, OSError) as second:
            self._call_it(None)  # it may be starting, so each request tries both
            raise (first if first is not None and not may_have_another_name(second) else second) from second

    def _call_it(self, name: str | None) -> None:
        self._name = name
        for former in self._session.adapters.values():
            former.close()
        self._session.mount("https://", NamedAdapter(self._retries, name))
        self._session.mount("http://", NamedAdapter(self._retries, name))

    def _request(self, method: str, url: str, json, stream: bool, timeout: float) -> requests.Response:
        options = self.options
        # verify is given each time: otherwise REQUESTS_CA_BUNDLE in the environment would win over ca_path.
        verify = (options.ca_path or True) if options.validate_certs else False
        return self._session.request(method, url, json=json, stream=stream, timeout=timeout, allow_redirects=False, verify=verify)

    def _ask_another_way(self, method: str, url: str, json, timeout: float, error: NotAsked) -> requests.Response:
        if self._other_way is None:
            raise error
        request = self._session.prepare_request(requests.Request(method, url, json=json))
        headers = {name: str(request.headers[name]) for name in ("Accept", "Content-Type", "X-Octopus-ApiKey") if name in request.headers}
        body = request.body.decode() if isinstance(request.body, bytes) else request.body
        path = url.removeprefix(self.options.url)
        try:
            answered = self._other_way(Asked(method, path, headers, body or None, timeout, error))
        except NotAsked:
            self._not_asked = None  # the next request tries the usual way again
            raise
        answer = requests.Response()
        answer.status_code, answer.url, answer.raw = answered.status, url, io.BytesIO(answered.body)
        answer.headers["Content-Type"] = answered.content_type
        return answer


def _unknown_name(answer: requests.Response) -> bool:
    """Whether http.sys itself refused, because no listen prefix has the name that was asked for.

    https://learn.microsoft.com/windows/win32/http/routing-incoming-requests
    """
    server, kind = answer.headers.get("Server", ""), answer.headers.get("Content-Type", "")
    return answer.status_code in (400, 404) and "Microsoft-HTTPAPI" in server and kind.startswith("text/html")
