# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Exceptions of pywinrm and requests, translated to messages that say what to do."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from urllib.parse import urlsplit

from ansible_collections.octopus.upgrade.plugins.module_utils._core import tls as core_tls

from . import tls
from .errors import HostError, HostRefused, HostUnreachable
from .options import HTTP_PORT, HTTPS_PORT, ConnectionOptions

try:
    import requests.exceptions
    import requests.utils
    import urllib3.exceptions
    from winrm.exceptions import (
        AuthenticationError,
        WinRMError,
        WinRMOperationTimeoutError,
        WinRMTransportError,
        WSManFaultError,
    )
except ImportError:
    HAS_FAULTS = False  # connection.py reports what is missing
else:
    HAS_FAULTS = True

# Numbers of wsmerror.h (https://learn.microsoft.com/windows/win32/winrm/windows-remote-management-error-codes) and HRESULTs.
FILE_NOT_FOUND = 2147942402  # HRESULT of ERROR_FILE_NOT_FOUND
PATH_NOT_FOUND = 2147942403
ACCESS_DENIED = (5, 2147942405)  # as a Windows error and as an HRESULT
# ERROR_WSMAN_UNEXPECTED_SELECTORS: closed, timed out, or the WinRM service was restarted. What the request asked for was not done.
SHELL_UNKNOWN = 2150858843
# ERROR_OPERATION_ABORTED: the shell ended while a command ran in it.
SHELL_ENDED = 995
# What allows no further shell, and its cure.
_SHELLS = "Wait until other shells of the account are closed, or increase MaxShellsPerUser (winrm/config/winrs)."
_OPERATIONS = "Wait until other shells of the account are closed, or increase MaxConcurrentOperationsPerUser (winrm/config/service)."
_USERS = "Wait until others have finished, or increase MaxConcurrentUsers (winrm/config/winrs)."
_PLUGIN = (
    "Wait until others have finished, or increase the quotas of the plug-in (WSMan:\\localhost\\Plugin\\microsoft.winrm.shell\\Quotas)."
)
QUOTAS = {
    2150859173: ("shell", _SHELLS),  # ERROR_WSMAN_QUOTA_MAX_SHELLS
    2150859174: ("command", _OPERATIONS),  # ERROR_WSMAN_QUOTA_MAX_OPERATIONS
    2150859175: ("request", _OPERATIONS),  # ERROR_WSMAN_QUOTA_USER
    2150859176: ("request", "Wait until the host is less busy: this is the limit of the whole service."),  # ERROR_WSMAN_QUOTA_SYSTEM
    2150859179: ("user", _USERS),  # ERROR_WSMAN_QUOTA_MAX_SHELLUSERS
    2150859236: ("shell", _PLUGIN),  # ERROR_WSMAN_QUOTA_MAX_SHELLS_PPQ
    2150859237: ("user", _PLUGIN),  # ERROR_WSMAN_QUOTA_MAX_USERS_PPQ
    2150859238: ("shell", _PLUGIN),  # ERROR_WSMAN_QUOTA_MAX_PLUGINSHELLS_PPQ
    2150859239: ("command", _PLUGIN),  # ERROR_WSMAN_QUOTA_MAX_PLUGINOPERATIONS_PPQ
    2150859240: ("command", _PLUGIN),  # ERROR_WSMAN_QUOTA_MAX_OPERATIONS_USER_PPQ
    2150859241: ("command", "Increase MaxProcessesPerShell (winrm/config/winrs)."),  # ERROR_WSMAN_QUOTA_MAX_COMMANDS_PER_SHELL_PPQ
}

# HTTP answers to a message that was not understood: an encrypted one over a connection that was renewed beneath an old security context (the
# host closes idle ones, and all of them when its service restarts), or any while HTTP.sys listens for a service that does not run.
NOT_READ = (400, 503)
_KERBEROS = (
    " Where Kerberos gave a ticket, the password is right: the service principal name may belong to another account (setspn -Q HTTP/the-host), "
    "or the clocks differ by more than five minutes."
)
# Elements of a fault's detail that hold a text ([MS-WSMV] 2.2.4.43 and the CIM class MSFT_WmiError).
_DETAILS = ("Message", "ProviderFault", "error_WindowsErrorMessage")


def translate(error: Exception, options: ConnectionOptions) -> HostError | None:
    """Return our exception for one of theirs, without the content of the request; None where it is not about the connection."""
    if not HAS_FAULTS:
        return None
    where, name = options.where, options.name
    if isinstance(error, AuthenticationError):
        return HostRefused(
            f"{where}: the WinRM service refused {options.username!r}: the name or password is wrong, or the account lacks the right to log on. "
            "There was only one attempt, so that the account is not locked. Check ansible_user, ansible_password and ansible_winrm_transport."
            + (_KERBEROS if "kerberos" in options.wanted_transports else ""),
            name,
            401,
        )
    if isinstance(error, WSManFaultError):
        return _fault(error, options)
    if isinstance(error, WinRMTransportError):
        return _http(error, options)
    if isinstance(error, requests.exceptions.RequestException):
        return _request(error, options)
    if isinstance(error, OSError):
        # What comes from the network is a RequestException; requests looks for its files by itself.
        return HostRefused(
            f"{where}: nothing was sent, because a file on this control node is missing or unreadable: {_sentence(str(error))} Check "
            "ansible_winrm_ca_trust_path and, where it is not set, REQUESTS_CA_BUNDLE and CURL_CA_BUNDLE in the environment.",
            name,
        )
    if isinstance(error, WinRMOperationTimeoutError):
        return HostUnreachable(f"{where}: the WinRM service did not answer within {options.operation_timeout} s.", name)
    if isinstance(error, WinRMError):
        return HostRefused(f"{where}: {error}", name)
    return None


def _request(error: requests.exceptions.RequestException, options: ConnectionOptions) -> HostError:
    where, name = options.where, options.name
    if isinstance(error, requests.exceptions.SSLError) and not core_tls.is_lost(error):
        advice = tls.advice(core_tls.problem(error), options)
        return HostRefused(f"{where}: no trusted TLS connection: {_reason(error)} {advice}{_through(options)}", name)
    if isinstance(error, (requests.exceptions.InvalidURL, requests.exceptions.InvalidSchema, requests.exceptions.MissingSchema)):
        reason = _reason(error)
        return HostRefused(
            # A proxy's address may contain a password.
            f"{where}: nothing was sent, because {options.endpoint} or the address of the proxy is invalid{'.' if '@' in reason else f': {reason}'} Check "
            "ansible_host, ansible_port, ansible_winrm_path and ansible_winrm_proxy.",
            name,
        )
    if type(error).__name__ == "KerberosExchangeError":  # of pywinrm's own copy of requests_kerberos, which needs an optional library
        return HostRefused(
            f"{where}: Kerberos gave no ticket for the service {options.service} on {options.kerberos_hostname_override or options.host}, "
            f"so nothing was sent: {_reason(error)} Check that ansible_host is the name that the domain knows the host by (or set "
            "ansible_winrm_kerberos_hostname_override), the ticket of ansible_user (klist), and the clocks.",
            name,
        )
    if type(error).__name__ == "MutualAuthenticationError":
        return HostRefused(
            f"{where}: the answer does not come from the host that the Kerberos ticket is for: {_reason(error)} Check what listens at "
            f"{options.endpoint}.{_through(options)}",
            name,
        )
    lost = isinstance(error, requests.exceptions.ConnectionError) and not isinstance(error, requests.exceptions.Timeout)
    return HostUnreachable(
        f"{where}: no WinRM answer from {options.endpoint}: {_reason(error)} Check that the host is up, that its WinRM service is running "
        f"and that the port is open (ansible_port, ansible_winrm_scheme).{_usual_port(options)}{_through(options)}{tls.tls13(options) if lost else ''}",
        name,
        not_done=_never_sent(error),
    )


def _never_sent(error: Exception) -> bool:
    """Whether there was no connection to send anything over."""
    never = (requests.exceptions.ConnectTimeout, urllib3.exceptions.NewConnectionError)
    return any(isinstance(one, never) for one in core_tls.causes(error))


def _usual_port(options: ConnectionOptions) -> str:
    other = {("https", HTTP_PORT): "http", ("http", HTTPS_PORT): "https"}.get((options.scheme, options.port))
    return f" Port {options.port} is usually WinRM's port for {other}." if other else ""


def proxy_of(options: ConnectionOptions) -> str:
    """Return the proxy that the host is reached through, without its account, and where it is set; empty where there is none."""
    if options.proxy is not None:
        proxy, source = options.proxy, "ansible_winrm_proxy"
    else:
        proxy = requests.utils.select_proxy(options.endpoint, requests.utils.get_environ_proxies(options.endpoint)) or ""
        source = "the environment (HTTPS_PROXY, HTTP_PROXY, ALL_PROXY; NO_PROXY makes exceptions)"
    if not proxy:
        return ""
    parts = urlsplit(proxy if "://" in proxy else f"//{proxy}")
    return f"{parts.netloc.rpartition('@')[2]}, from {source}"


def _through(options: ConnectionOptions) -> str:
    proxy = proxy_of(options)
    return f" It was asked through the proxy {proxy}." if proxy else ""


def number(error: WSManFaultError) -> int | None:
    """Return a fault's number, which hosts report as a WSManFault or, for quotas for example, as an MSFT_WmiError.

    The second form is in pywinrm's own tests/test_exceptions.py, and in https://github.com/ansible/ansible/pull/83656.
    """
    return error.wsman_fault_code if error.wsman_fault_code is not None else error.wmierror_code


def _fault(error: WSManFaultError, options: ConnectionOptions) -> HostError:
    code = number(error)
    reason = _sentence(error.reason) + _detail(error)
    if code in (FILE_NOT_FOUND, PATH_NOT_FOUND):
        return HostError(f"{options.where}: the program does not exist on the host (WinRM fault {code}).", options.name, 2)
    if code in (SHELL_UNKNOWN, SHELL_ENDED):
        return HostUnreachable(
            f"{options.where}: the WinRM shell is gone (fault {code}): {reason}", options.name, code, not_done=code == SHELL_UNKNOWN
        )
    if code in QUOTAS:
        what, advice = QUOTAS[code]
        return HostError(
            f"{options.where}: the host allows no further WinRM {what} for {options.username!r} (fault {code}): {reason} {advice}",
            options.name,
            code,
            not_done=True,
        )
    if code in ACCESS_DENIED:
        return HostRefused(
            f"{options.where}: access denied (WinRM fault 5): {options.username!r} is not allowed to use WinRM. "
            "The account has to be an administrator of the host.",
            options.name,
            5,
        )
    which = f"fault {code}" if code is not None else f"fault without a number ({error.fault_subcode or error.fault_code or 'no code'})"
    return HostError(f"{options.where}: WinRM {which}: {reason}", options.name, code)


def _detail(error: WSManFaultError) -> str:
    """Return what a provider, such as WMI's, says in the fault's detail beyond the reason that is given for the fault itself."""
    try:
        nodes = list(ET.fromstring(error.response).iter())  # noqa: S314 - pywinrm has parsed the same text
    except ET.ParseError:
        return ""
    said = (" ".join((node.text or "").split()) for node in nodes if node.tag.rpartition("}")[2] in _DETAILS)
    more = [text for text in dict.fromkeys(said) if text and text not in " ".join((error.reason or "").split())]
    return "".join(f" {_sentence(text)}" for text in more)


def _http(error: WinRMTransportError, options: ConnectionOptions) -> HostError:
    status = error.code
    advice = {
        403: "The account is not allowed to use WinRM, or there is a proxy in between.",
        404: f"There is no service at {options.path}. Check ansible_winrm_path.",
        407: "The proxy wants an account: ansible_winrm_proxy: http://user:password@proxy:port.",
        411: "There is a proxy in between.",
        413: "The message is longer than the host allows: increase MaxEnvelopeSizekb (winrm/config).",
    }.get(status, "Check that a WinRM service listens there.")
    return HostUnreachable(
        f"{options.where}: HTTP {status} instead of a WinRM answer from {options.endpoint}. {advice}{_usual_port(options)}{_through(options)}",
        options.name,
        status,
        not_done=status in NOT_READ,
    )


def _sentence(text: str | None) -> str:
    words = " ".join((text or "no reason given").split())
    return words if words.endswith(".") else words + "."


def _reason(error: BaseException) -> str:
    """Return the innermost reason, which requests and urllib3 wrap in several layers of repr."""
    seen = error
    while True:
        inner = next((one for one in (getattr(seen, "reason", None), *getattr(seen, "args", ())) if isinstance(one, BaseException)), None)
        inner = inner or seen.__cause__
        if inner is None or inner is seen:
            break
        seen = inner
    text = str(seen)
    # urllib3 puts "<object at 0x...>: " before the reason.
    return _sentence(text.rpartition(">: ")[2] or type(seen).__name__)
