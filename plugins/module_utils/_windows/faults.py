# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Exceptions of pywinrm and requests, translated to messages that say what to do."""

from __future__ import annotations

from .errors import HostError, HostRefused, HostUnreachable
from .options import ConnectionOptions

try:
    import requests.exceptions
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

FILE_NOT_FOUND = 2147942402  # HRESULT of ERROR_FILE_NOT_FOUND
PATH_NOT_FOUND = 2147942403
ACCESS_DENIED = 5
# The shell or command is gone: closed, timed out, or the WinRM service was restarted.
# https://learn.microsoft.com/windows/win32/winrm/windows-remote-management-error-codes (0x8033005B, 0x80338029 is the operation timeout)
SHELL_GONE = (2150858843, 2150859002, 995)
QUOTA_SHELLS = (2150859173, 2150859174, 2150859078)


def translate(error: Exception, options: ConnectionOptions) -> HostError | None:
    """Return our exception for one of theirs, without the content of the request; None where it is not about the connection."""
    if not HAS_FAULTS:
        return None
    where, name = options.where, options.name
    if isinstance(error, AuthenticationError):
        return HostRefused(
            f"{where}: the WinRM service refused {options.username!r}: the name or password is wrong, or the account lacks the right to log on. "
            "There was only one attempt, so that the account is not locked. Check ansible_user, ansible_password and ansible_winrm_transport.",
            name,
            401,
        )
    if isinstance(error, WSManFaultError):
        return _fault(error, options)
    if isinstance(error, WinRMTransportError):
        return _http(error, options)
    if isinstance(error, requests.exceptions.SSLError):
        return HostRefused(
            f"{where}: the certificate of the WinRM service is not trusted: {_reason(error)} Set "
            "ansible_winrm_ca_trust_path to the authority that issued it, or accept any certificate with ansible_winrm_server_cert_validation: ignore.",
            name,
        )
    if isinstance(error, requests.exceptions.RequestException):
        return HostUnreachable(
            f"{where}: no WinRM answer from {options.endpoint}: {_reason(error)} Check that the host is up, that its WinRM service is running "
            "and that the port is open (ansible_port, ansible_winrm_scheme).",
            name,
        )
    if isinstance(error, WinRMOperationTimeoutError):
        return HostUnreachable(f"{where}: the WinRM service did not answer within {options.operation_timeout} s.", name)
    if isinstance(error, WinRMError):
        return HostRefused(f"{where}: {error}", name)
    return None


def _fault(error: WSManFaultError, options: ConnectionOptions) -> HostError:
    code = error.wsman_fault_code
    if code in (FILE_NOT_FOUND, PATH_NOT_FOUND):
        return HostError(f"{options.where}: the program does not exist on the host (WinRM fault {code}).", options.name, 2)
    if code in SHELL_GONE:
        return HostUnreachable(f"{options.where}: the WinRM shell is gone (fault {code}): {_sentence(error.reason)}", options.name, code)
    if code in QUOTA_SHELLS:
        return HostError(
            f"{options.where}: the host allows no further WinRM shell for {options.username!r} (fault {code}): {_sentence(error.reason)} "
            "Wait until other shells are closed, or increase MaxShellsPerUser.",
            options.name,
            code,
        )
    if code == ACCESS_DENIED:
        return HostRefused(
            f"{options.where}: access denied (WinRM fault 5): {options.username!r} is not allowed to use WinRM. "
            "The account has to be an administrator of the host.",
            options.name,
            code,
        )
    return HostError(f"{options.where}: WinRM fault {code}: {_sentence(error.reason)}", options.name, code)


def _http(error: WinRMTransportError, options: ConnectionOptions) -> HostError:
    status = error.code
    advice = {
        403: "The account is not allowed to use WinRM, or there is a proxy in between.",
        404: f"There is no service at {options.path}. Check ansible_winrm_path.",
        411: "There is a proxy in between.",
    }.get(status, "Check that a WinRM service listens there.")
    return HostUnreachable(
        f"{options.where}: HTTP {status} instead of a WinRM answer from {options.endpoint}. {advice}", options.name, status
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
