# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the WS-Management service does with a request that somebody authenticated sent."""

from __future__ import annotations

import base64
import binascii
import xml.etree.ElementTree as ET
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from urllib.parse import urlsplit

from lab.windows.host import WindowsHost

from . import faults
from .answers import OVERHEAD, Answers, identity, shell_element
from .envelope import Malformed, Request, seconds
from .faults import WSManFault
from .names import CMD_SHELL, NS, SIGNALS
from .shells import Shells

SHORTEST_WAIT = 0.2
"""Real seconds that a Receive waits at least, so that clients of a lab with a very fast clock do not spin."""
DEFAULT_CODEPAGE = 437


@dataclass(frozen=True)
class Caller:
    """Who asks: account and address."""

    account: str
    address: str


@dataclass(frozen=True)
class Answer:
    """HTTP status and body; ``fault`` is the fault's number, 0 where it is none."""

    status: int
    body: bytes
    fault: int = 0


class Service:
    """The service of one host, over all its listeners."""

    def __init__(self, host: WindowsHost, shells: Shells) -> None:
        self._host = host
        self._shells = shells
        self._answers = Answers(activity_ids=int(host.os_build.split(".")[0]) >= 10)

    def identify(self, authenticated: bool) -> Answer:
        """DSP0226 11."""
        return Answer(200, identity(self._host.os_build if authenticated else "0.0.0"))

    def answer(self, request: Request, caller: Caller) -> Answer:
        """Do what a request asks for."""
        if request.identifies:
            return self.identify(authenticated=True)
        try:
            return Answer(200, self._dispatch(request, caller))
        except Malformed as error:
            fault = faults.malformed(str(error))
        except WSManFault as error:
            fault = error
        machine = urlsplit(request.to).hostname or self._host.name
        return Answer(500, self._answers.fault(request, fault, machine), fault.code)

    def _dispatch(self, request: Request, caller: Caller) -> bytes:
        if request.resource.rstrip("/") != CMD_SHELL:
            raise faults.unknown_resource(request.resource)
        self._meet_faults(request, caller)
        if request.name == "Create":
            return self._create(request, caller)
        if request.name == "Delete":
            with self._shells.use(request.shell_id, caller.account) as shell:
                self._shells.delete(shell)
            return self._answers.deleted(request)
        handler = {"Command": self._command, "Send": self._send, "Receive": self._receive, "Signal": self._signal}.get(request.name)
        if handler is None:
            raise faults.unknown_action(request.action)
        return handler(request, caller)

    def _meet_faults(self, request: Request, caller: Caller) -> None:
        """The faults winrm.quota and winrm.shell_gone, before the request is carried out."""
        quotas = self._shells.quotas
        refusals: dict[str, dict[str, Callable[[], WSManFault]]] = {
            "Create": {"shells": partial(faults.too_many_shells, quotas.max_shells_per_user), "users": faults.too_many_users},
            "Command": {
                "operations": partial(faults.too_many_operations, quotas.max_operations_per_user),
                "commands": faults.too_many_commands,
            },
        }
        for quota, refusal in refusals.get(request.name, {}).items():
            met = self._host.faults.hit("winrm.quota", self._host.name, quota=quota)
            if met is not None:
                fault = refusal()
                # Which quotas are told as an MSFT_WmiError is known of one each way (:mod:`.faults`).
                fault.wmi = met.get("wmi", fault.wmi)
                raise fault
        if request.shell_id and self._host.faults.hit("winrm.shell_gone", self._host.name, action=request.name) is not None:
            with self._shells.use(request.shell_id, caller.account) as shell:
                self._shells.delete(shell)

    def _create(self, request: Request, caller: Caller) -> bytes:
        wanted = _body(request, "Shell")
        environment = {one.get("Name") or "": one.text or "" for one in wanted.iterfind("rsp:Environment/rsp:Variable", NS)}
        codepage = request.option("WINRS_CODEPAGE") or str(DEFAULT_CODEPAGE)
        if not codepage.isdigit():
            raise Malformed(f"WINRS_CODEPAGE {codepage!r}")
        shell = self._shells.create(
            caller.account,
            environment,
            _text(wanted, "WorkingDirectory"),
            int(codepage),
            seconds(_text(wanted, "IdleTimeOut") or _text(wanted, "IdleTimeout")),
        )
        element = shell_element(
            shell_id=shell.id,
            owner=shell.owner,
            client_ip=caller.address,
            environment=environment,
            working_directory=shell.working_directory,
            idle_timeout=shell.idle_timeout,
            streams=(_text(wanted, "InputStreams") or "stdin", _text(wanted, "OutputStreams") or "stdout stderr"),
        )
        return self._answers.created(request, shell.id, element)

    def _command(self, request: Request, caller: Caller) -> bytes:
        wanted = _body(request, "CommandLine")
        # Neither is stripped: quoting is the client's business.
        command = wanted.findtext("rsp:Command", default="", namespaces=NS)
        arguments = " ".join(one.text or "" for one in wanted.iterfind("rsp:Arguments", NS))
        if not command:
            raise faults.no_command()
        with self._shells.use(request.shell_id, caller.account) as shell:
            started = self._shells.start(shell, command, arguments, request.flag("WINRS_SKIP_CMD_SHELL"), wanted.get("CommandId") or "")
        return self._answers.commanded(request, started.id)

    def _send(self, request: Request, caller: Caller) -> bytes:
        with self._shells.use(request.shell_id, caller.account) as shell:
            for stream in _body(request, "Send").iterfind("rsp:Stream", NS):
                if stream.get("Name") != "stdin":
                    raise Malformed(f"no input stream {stream.get('Name')!r}")
                try:
                    data = base64.b64decode(stream.text or "", validate=True)
                except binascii.Error as error:
                    raise Malformed(f"stdin is not base64: {error}") from error
                # pywinrm writes "true" (Protocol.send_command_input), pypsrp "True" (WinRS.send).
                end = (stream.get("End") or "").lower() in ("true", "1")
                self._shells.command(shell, stream.get("CommandId") or "").send(data, end)
        return self._answers.sent(request)

    def _receive(self, request: Request, caller: Caller) -> bytes:
        desired = _body(request, "Receive").find("rsp:DesiredStream", NS)
        if desired is None:
            raise Malformed("Receive without DesiredStream")
        quotas = self._shells.quotas
        timeout = quotas.max_timeout if request.operation_timeout is None else request.operation_timeout
        room = min(request.max_envelope or quotas.max_envelope_size, quotas.max_envelope_size) - OVERHEAD
        with self._shells.use(request.shell_id, caller.account) as shell:
            command = self._shells.command(shell, desired.get("CommandId") or "")
            # The time-out is the lab's time, as everything that a program waits for is.
            pieces, exit_code = command.receive(max(self._host.clock.real(timeout), SHORTEST_WAIT), room)
        return self._answers.received(request, command.id, pieces, exit_code)

    def _signal(self, request: Request, caller: Caller) -> bytes:
        body = _body(request, "Signal")
        code = _text(body, "Code")
        signal = SIGNALS.get(code.lower())
        if signal is None:
            raise Malformed(f"unknown signal {code!r}")
        with self._shells.use(request.shell_id, caller.account) as shell:
            self._shells.signal(shell, body.get("CommandId") or "", signal)
        return self._answers.signalled(request)


def _body(request: Request, name: str) -> ET.Element:
    if request.body is None or request.body.tag != f"{{{NS['rsp']}}}{name}":
        raise Malformed(f"{request.name} wants a body of rsp:{name}")
    return request.body


def _text(parent: ET.Element, name: str) -> str:
    return (parent.findtext(f"rsp:{name}", default="", namespaces=NS) or "").strip()
