# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Faults: what WinRM answers instead of a result, with its number, its subcode and its English sentence.

The numbers are those of wsmerror.h (Windows SDK). Every fault travels with HTTP status 500, as the recorded ones of
real hosts do; that faults of the sender's do so too is *assumed*.
"""

from __future__ import annotations

from dataclasses import dataclass

from lab.core.filesystem import WinError


@dataclass(eq=False)
class WSManFault(Exception):
    """A fault. ``provider``: it comes from the shell plug-in; ``wmi``: newer hosts write it as an MSFT_WmiError; ``detail``: the last part of the
    address in its ``w:FaultDetail`` (DSP0226 14.6), where it has one."""

    code: int
    subcode: str
    text: str
    sender: bool = False
    provider: bool = False
    wmi: bool = False
    detail: str = ""

    def __str__(self) -> str:
        return f"{self.code} {self.subcode}: {self.text}"


def operation_timeout() -> WSManFault:
    """ERROR_WSMAN_OPERATION_TIMEDOUT: no output within the operation timeout ([MS-WSMV] 3.1.4.14)."""
    return WSManFault(
        2150858793,
        "w:TimedOut",
        "The WS-Management service cannot complete the operation within the time specified in OperationTimeout.  ",
    )


def shell_not_found(shell_id: str) -> WSManFault:
    """ERROR_WSMAN_UNEXPECTED_SELECTORS, as in https://github.com/WinRb/WinRM/issues/253; the subcode is *assumed*."""
    return WSManFault(
        2150858843,
        "w:InvalidSelectors",
        f"The request for the Windows Remote Shell with ShellId {shell_id} failed because the shell was not found on the server. "
        "Possible causes are: the specified ShellId is incorrect or the shell no longer exists on the server. "
        "Provide the correct ShellId or create a new shell and retry the operation. ",
        sender=True,
        detail="UnexpectedSelectors",
    )


def command_not_found() -> WSManFault:
    """ERROR_WSMAN_UNEXPECTED_SELECTORS: a recording of a real host answers so to a Receive for an unknown CommandId."""
    return WSManFault(
        2150858843,
        "w:InvalidSelectors",
        "The WS-Management service cannot process the request because it contains a command identifier that does not exist. ",
        sender=True,
        detail="UnexpectedSelectors",
    )


def no_command_id() -> WSManFault:
    """ERROR_INVALID_PARAMETER of the plug-in: a recording of a real host answers so to a Receive before a Command, which names none."""
    return WSManFault(87, "w:InvalidParameter", "The parameter is incorrect. ", sender=True, provider=True, detail="InvalidValue")


def no_command() -> WSManFault:
    """E_INVALIDARG, as a request without a command gets (https://github.com/masterzen/winrm/issues/80)."""
    return WSManFault(2147942487, "w:InvalidParameter", "The parameter is incorrect. ", sender=True)


def too_many_shells(allowed: int) -> WSManFault:
    """ERROR_WSMAN_QUOTA_MAX_SHELLS, as in https://github.com/hashicorp/vagrant/issues/7489; the subcode is *assumed*."""
    return WSManFault(
        2150859173,
        "w:InternalError",
        "The WS-Management service cannot process the request. "
        f"This user is allowed a maximum number of {allowed} concurrent shells, which has been exceeded. "
        "Close existing shells or raise the quota for this user. ",
    )


def too_many_operations(allowed: int) -> WSManFault:
    """ERROR_WSMAN_QUOTA_MAX_OPERATIONS, in the form that pywinrm's tests/test_exceptions.py shows for it."""
    return WSManFault(
        2150859174,
        "w:InternalError",
        "The WS-Management service cannot process the request. "
        f"This user is allowed a maximum number of {allowed} concurrent operations, which has been exceeded. "
        "Close existing operations for this user, or raise the quota for this user. ",
        wmi=True,
    )


def too_many_users() -> WSManFault:
    """ERROR_WSMAN_QUOTA_MAX_SHELLUSERS of wsmerror.h; its sentence and its form are *assumed*."""
    return WSManFault(
        2150859179,
        "w:InternalError",
        "The WS-Management service cannot process the request. "
        "The server exceeded the maximum number of users concurrently performing remote operations on the same system. "
        "Retry later or raise the quota for concurrent users. ",
    )


def too_many_commands() -> WSManFault:
    """ERROR_WSMAN_QUOTA_MAX_COMMANDS_PER_SHELL_PPQ; its sentence as in https://github.com/jborean93/pypsrp/issues/148. That a shell of
    cmd's gets it too, and the form, are *assumed*."""
    return WSManFault(
        2150859241,
        "w:InternalError",
        "The WS-Management service cannot process the request. "
        "The maximum number of concurrent commands per shell has been exceeded. "
        "Retry the request later or raise the Maximum Commands per Shell quota. ",
    )


def receive_in_progress() -> WSManFault:
    """ERROR_WINRS_RECEIVE_IN_PROGRESS; its sentence is *assumed*."""
    return WSManFault(2150859047, "w:InternalError", "A Receive operation is already in progress for this command. ", provider=True)


def aborted() -> WSManFault:
    """ERROR_OPERATION_ABORTED: what waits for output when its command is terminated or its shell deleted; *assumed*."""
    return WSManFault(
        995,
        "w:InternalError",
        "The I/O operation has been aborted because of either a thread exit or an application request. ",
        provider=True,
    )


def pipe_closed() -> WSManFault:
    """HRESULT of ERROR_NO_DATA: input for a program that takes none any more; *assumed*."""
    return WSManFault(2147942632, "w:InternalError", "The pipe is being closed. ", provider=True)


def windows_error(error: WinError) -> WSManFault:
    """A system error of the shell plug-in, as HRESULT_FROM_WIN32 gives it: 2 becomes 2147942402."""
    return WSManFault(0x80070000 | error.code, "w:InternalError", f"{error.text} ", provider=True)


def unknown_action(action: str) -> WSManFault:
    """ERROR_WSMAN_INVALID_ACTIONURI with DSP0226's wsa:ActionNotSupported; its sentence is *assumed*."""
    return WSManFault(2150858753, "a:ActionNotSupported", f"The action {action} is not supported by the service. ", sender=True)


def unknown_resource(resource: str) -> WSManFault:
    """ERROR_WSMAN_INVALID_RESOURCE_URI with DSP0226's wsa:DestinationUnreachable; its sentence is *assumed*."""
    return WSManFault(
        2150858811, "a:DestinationUnreachable", f"The service cannot process the request: no such resource URI: {resource} ", sender=True
    )


def malformed(why: str) -> WSManFault:
    """ERROR_WSMAN_SCHEMA_VALIDATION_ERROR (DSP0226 14.6, wsman:SchemaValidationError); its sentence is *assumed*."""
    return WSManFault(2150858817, "w:SchemaValidationError", f"The SOAP XML in the message does not match the schema: {why} ", sender=True)


def code_page(number: int) -> WSManFault:
    """ERROR_WINRS_CODE_PAGE_NOT_SUPPORTED; its sentence is *assumed*."""
    return WSManFault(2150859072, "w:InternalError", f"The code page {number} is not supported. ", provider=True)


def directory_invalid() -> WSManFault:
    """HRESULT of ERROR_DIRECTORY, what CreateProcess says of a working directory that is none."""
    return WSManFault(2147942667, "w:InternalError", "The directory name is invalid. ", provider=True)
