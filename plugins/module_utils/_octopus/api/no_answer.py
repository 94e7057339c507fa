# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Why a request had no answer: something about the server, or the control node's own trust, name resolution or proxy. No I/O."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator

from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import NotAsked, OctopusError

from .adapter import REQUESTS_IMPORT_ERROR
from .options import ApiOptions

if REQUESTS_IMPORT_ERROR is None:
    import requests
    from urllib3.exceptions import ReadTimeoutError
    from urllib3.util.ssl_match_hostname import CertificateError

# X509_V_ERR_… of https://github.com/openssl/openssl/blob/master/include/openssl/x509_vfy.h.in
_NOT_YET, _EXPIRED, _UNKNOWN_AUTHORITY, _OTHER_NAME = 9, 10, (2, 18, 19, 20, 21, 27), (62, 63, 64)


def why(method: str, url: str, options: ApiOptions, error: Exception) -> OctopusError:
    """Return the error to raise; the texts of requests alone name library internals first.

    Args:
        method: Of the request.
        url: Of the request.
        options: How it was sent.
        error: What requests raised.
    """
    what, cause = f"{method} {url}", innermost(error)
    if isinstance(error, (requests.exceptions.ProxyError, requests.exceptions.InvalidProxyURL)):
        return NotAsked(
            f"{what}: the proxy of the control node's environment did not let it through ({_text(cause)}). Check https_proxy and http_proxy "
            "there, or name the host in no_proxy."
        )
    if isinstance(error, requests.exceptions.SSLError):
        if broken_handshake(error):
            return OctopusError(f"{what}: the server broke off the TLS handshake ({cause}). Does its port have a certificate?")
        return NotAsked(f"{what}: no trust in the server's certificate ({cause}). {_advice(error, options)}")
    if any(isinstance(one, socket.gaierror) for one in _causes(error)):
        return NotAsked(f"{what}: the control node cannot resolve the name ({_text(cause)}). Check its DNS, or use an address.")
    if isinstance(error, requests.exceptions.ConnectTimeout):
        return OctopusError(
            f"{what}: no connection within {options.timeout:g} s. Is the address right, and the port open from the control node?"
        )
    # Where retries were used up, requests calls a timeout of reading a ConnectionError.
    if isinstance(error, requests.exceptions.Timeout) or isinstance(cause, ReadTimeoutError):
        return OctopusError(f"{what}: connected, but no answer within {options.timeout:g} s.")
    if isinstance(error, OSError) and not isinstance(error, requests.RequestException):
        return NotAsked(f"{what}: {error}. Is ca_path ({options.ca_path}) a file of certificates?")
    return OctopusError(
        f"{what}: no connection ({_text(cause)}). Is the server running, the address right, and the port open from the control node?"
    )


def may_have_another_name(error: Exception) -> bool:
    """Return whether the server may answer to another name: its certificate is for one, or it has none for this one.

    Without a certificate for the name that the client sends, http.sys ends the handshake.
    """
    if isinstance(error, requests.exceptions.SSLError):
        return _is_for_another_name(error) or broken_handshake(error)
    return isinstance(error, requests.exceptions.ConnectionError) and isinstance(innermost(error), ConnectionResetError)


def broken_handshake(error: Exception) -> bool:
    """Return whether the server ended the handshake, which says nothing about the control node's trust."""
    return any(
        isinstance(one, (ssl.SSLEOFError, ssl.SSLZeroReturnError, ConnectionError)) or "ALERT" in (getattr(one, "reason", None) or "")
        for one in _causes(error)
        if isinstance(one, (ssl.SSLError, ConnectionError)) and not isinstance(one, requests.RequestException)
    )


def innermost(error: BaseException) -> BaseException:
    """Return the error that began it, such as ``[Errno 111] Connection refused``."""
    while True:
        inner = getattr(error, "reason", None) or next((arg for arg in error.args if isinstance(arg, BaseException)), None)
        if not isinstance(inner, BaseException) or inner is error:
            return error
        error = inner


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield the error and all that led to it."""
    left, seen = [error], set()
    while left:
        one = left.pop()
        if id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        left += [
            other for other in (one.__cause__, one.__context__, getattr(one, "reason", None), *one.args) if isinstance(other, BaseException)
        ]


def _is_for_another_name(error: Exception) -> bool:
    return any(getattr(one, "verify_code", None) in _OTHER_NAME or isinstance(one, CertificateError) for one in _causes(error))


def _advice(error: Exception, options: ApiOptions) -> str:
    """Return what to do about a certificate, each reason having its own remedy."""
    codes = {getattr(one, "verify_code", None) for one in _causes(error)}
    if _is_for_another_name(error):
        portal = f", nor for that of {options.portal_url}" if options.portal_name else ""
        return (
            f"It is not for the name in this address{portal}. Use the name that it is for (octopus_url, or octopus_node_url of the host), or say "
            "validate_certs: false."
        )
    if _EXPIRED in codes:
        return "It has expired: renew it."
    if _NOT_YET in codes:
        return "It is not valid yet: check the clock of the control node."
    if codes.intersection(_UNKNOWN_AUTHORITY):
        return "Give the authority's certificate in ca_path (octopus_ca_path), or say validate_certs: false."
    return (
        "Python 3.13 and later accept only certificates that keep to RFC 5280 (https://docs.python.org/3/whatsnew/3.13.html#ssl). Have it issued "
        "anew, run Ansible with an older Python, or say validate_certs: false."
    )


def _text(cause: BaseException) -> str:
    text = str(cause)
    return text.rpartition(": ")[2] if "object at 0x" in text else text
