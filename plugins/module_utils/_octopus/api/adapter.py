# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How requests connects: what is repeated, and a server at its own address that is spoken to under another name."""

from __future__ import annotations

import traceback
from typing import Any

try:
    from requests.adapters import HTTPAdapter
    from urllib3.exceptions import MaxRetryError, SSLError
    from urllib3.util.retry import Retry

    REQUESTS_IMPORT_ERROR: str | None = None
except ImportError:
    REQUESTS_IMPORT_ERROR = traceback.format_exc()
    Retry = HTTPAdapter = object  # type: ignore[assignment, misc]  # only so that the classes below can be defined

_BUSY = (502, 503, 504)  # a load balancer whose node is just going or coming
_TOO_MANY_REQUESTS = 429
_LONGEST_WAIT = 60.0  # seconds; a server that asks for more is treated as asking for this


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

    def increment(self, method=None, url=None, response=None, error=None, _pool=None, _stacktrace=None):
        if isinstance(error, SSLError):  # a certificate is no better the next moment
            raise MaxRetryError(_pool, url, error) from error
        return super().increment(method, url, response, error, _pool, _stacktrace)


class NamedAdapter(HTTPAdapter):
    """Connects to the address in a URL, and asks there for another name: in TLS (SNI and the certificate) and in the header Host.

    Args:
        retries: How often a request that may be repeated is repeated.
        name: The other name; None for the one in the URL.
    """

    def __init__(self, retries: int, name: str | None = None) -> None:
        self._tls = {"server_hostname": name} if name else {}
        self._name = name
        super().__init__(
            max_retries=_SafeRetry(
                total=retries,
                read=min(retries, 1),  # each of these has already waited for the whole timeout
                backoff_factor=0.2,
                allowed_methods=("GET", "HEAD"),
                raise_on_status=False,
                redirect=False,
            )
        )

    def init_poolmanager(self, connections: int, maxsize: int, block: bool = False, **settings: Any) -> None:
        super().init_poolmanager(connections, maxsize, block, **settings, **self._tls)

    def proxy_manager_for(self, proxy: str, **settings: Any):
        return super().proxy_manager_for(proxy, **settings, **self._tls)

    def add_headers(self, request, **settings: Any) -> None:
        super().add_headers(request, **settings)
        if self._name:
            _scheme, _slashes, rest = request.url.partition("://")
            port = rest.split("/")[0].rpartition("]")[2].partition(":")[2]
            name = f"[{self._name}]" if ":" in self._name else self._name
            request.headers["Host"] = f"{name}:{port}" if port else name
