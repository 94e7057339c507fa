# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""HTTP as the API needs it: retries that are safe, and an API key that goes to its server and nowhere else."""

from __future__ import annotations

import traceback
from urllib.parse import urljoin

from ansible_collections.octopus.upgrade.plugins.module_utils._core import stopping
from ansible_collections.octopus.upgrade.plugins.module_utils._core.errors import MissingLibrary
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError

from .links import same_origin
from .options import ApiOptions

try:
    import requests
    import requests.adapters
    from urllib3.exceptions import ReadTimeoutError
    from urllib3.util.retry import Retry

    REQUESTS_IMPORT_ERROR: str | None = None
except ImportError:
    REQUESTS_IMPORT_ERROR = traceback.format_exc()
    Retry = object  # type: ignore[assignment, misc]  # only so that the class below can be defined; Http refuses before it is used

_BUSY = (502, 503, 504)  # a load balancer whose node is just going or coming
_TOO_MANY_REQUESTS = 429
_LONGEST_WAIT = 60.0  # seconds; a server that asks for more is treated as asking for this
_REDIRECTS = (301, 302, 303, 307, 308)
_MOST_REDIRECTS = 5


class _SafeRetry(Retry):
    """Retries reading whenever a retry may help, and writing only when the server says that it did nothing.

    From 2026.3 Octopus answers 429 with Retry-After when a client is too quick; such a request was not carried out.
    """

    def is_retry(self, method: str, status_code: int, has_retry_after: bool = False) -> bool:
        if status_code == _TOO_MANY_REQUESTS:
            return bool(self.total)
        return bool(self.total) and method.upper() in ("GET", "HEAD") and status_code in _BUSY

    def get_retry_after(self, response):
        asked = super().get_retry_after(response)
        return None if asked is None else min(asked, _LONGEST_WAIT)


def _no_other_sign_in(request):
    """Keep requests from adding what it finds in a .netrc file."""
    return request


class Http:
    """One session with one server.

    Args:
        options: Where and how.
        retries: How often a request that may be repeated is repeated.
    """

    def __init__(self, options: ApiOptions, retries: int = 4) -> None:
        if REQUESTS_IMPORT_ERROR:
            raise MissingLibrary("requests", REQUESTS_IMPORT_ERROR)
        self.options = options
        self._session = requests.Session()
        self._session.auth = _no_other_sign_in
        # Once for all requests, which go to one server.
        self._session.proxies.update(requests.utils.get_environ_proxies(options.url))
        self._session.trust_env = False
        self._session.headers["Accept"] = "application/json, */*;q=0.5"
        self._session.headers["User-Agent"] = "octopus.upgrade (Ansible)"
        if options.api_key:
            self._session.headers["X-Octopus-ApiKey"] = options.api_key
        adapter = requests.adapters.HTTPAdapter(
            max_retries=_SafeRetry(
                total=retries,
                read=min(retries, 1),  # each of these has already waited for the whole timeout
                backoff_factor=0.2,
                allowed_methods=("GET", "HEAD"),
                raise_on_status=False,
                redirect=False,
            )
        )
        self._session.mount("https://", adapter)
        self._session.mount("http://", adapter)

    def send(self, method: str, url: str, *, json=None, stream: bool = False, timeout: float | None = None) -> requests.Response:
        """Send one request and return the answer, whatever its status. A redirect is followed within the server only.

        Raises:
            OctopusError: There was no answer.
        """
        options = self.options
        for _hop in range(_MOST_REDIRECTS):
            stopping.check()
            try:
                # verify is given each time: otherwise REQUESTS_CA_BUNDLE in the environment would win over ca_path.
                answer = self._session.request(
                    method,
                    url,
                    json=json,
                    stream=stream,
                    timeout=timeout or options.timeout,
                    allow_redirects=False,
                    verify=(options.ca_path or True) if options.validate_certs else False,
                )
            except (requests.RequestException, OSError) as error:
                raise OctopusError(_why_no_answer(method, url, options, error)) from error
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

    def close(self) -> None:
        self._session.close()


def _why_no_answer(method: str, url: str, options: ApiOptions, error: Exception) -> str:
    """Say what kept a request from being answered; the texts of requests alone name library internals first."""
    cause = _innermost(error)
    if isinstance(error, requests.exceptions.SSLError):
        return (
            f"{method} {url}: no trust in the server's certificate ({cause}). Give the authority's certificate in ca_path, "
            "use the name that the certificate is for, or say validate_certs: false."
        )
    if isinstance(error, requests.exceptions.ConnectTimeout):
        return f"{method} {url}: no connection within {options.timeout:g} s. Is the address right, and the port open from the control node?"
    # Where retries were used up, requests calls a timeout of reading a ConnectionError.
    if isinstance(error, requests.exceptions.Timeout) or isinstance(cause, ReadTimeoutError):
        return f"{method} {url}: connected, but no answer within {options.timeout:g} s."
    if isinstance(error, OSError) and not isinstance(error, requests.RequestException):
        return f"{method} {url}: {error}. Is ca_path ({options.ca_path}) a file of certificates?"
    text = str(cause).rpartition(": ")[2] if "object at 0x" in str(cause) else str(cause)
    return f"{method} {url}: no connection ({text}). Is the server running, the address right, and the port open from the control node?"


def _innermost(error: BaseException) -> BaseException:
    """Return the error that began it, such as ``[Errno 111] Connection refused``."""
    while True:
        inner = getattr(error, "reason", None) or next((arg for arg in error.args if isinstance(arg, BaseException)), None)
        if not isinstance(inner, BaseException) or inner is error:
            return error
        error = inner
