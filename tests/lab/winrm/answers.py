# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""WinRM's answers, element for element and namespace for namespace as real hosts send them.

They are written as text, not built as a tree: some values are qualified names (``w:TimedOut``), so the prefixes and
their declarations are part of the message.
"""

from __future__ import annotations

import base64
import uuid
from dataclasses import dataclass
from xml.sax.saxutils import escape, quoteattr

from .envelope import Request
from .faults import WSManFault
from .names import ANONYMOUS, CMD_SHELL, DONE, FAULT, NS, RUNNING, SHELL, TRANSFER

WMI_ERROR = "http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/MSFT_WmiError"
SHELL_PREFIXES = ("s", "a", "x", "w", "rsp", "p")
OVERHEAD = 2048
"""Bytes of an answer to Receive beside its streams, generously."""
STREAM_OVERHEAD = 160
"""Bytes of one Stream element beside its data."""


def new_id() -> str:
    """A GUID as WinRM writes it."""
    return str(uuid.uuid4()).upper()


def tag(name: str, /, *children: str, **attributes: str) -> str:
    """One element; its children are XML already."""
    written = "".join(f" {key}={quoteattr(value)}" for key, value in attributes.items())
    return f"<{name}{written}>{''.join(children)}</{name}>"


@dataclass(frozen=True)
class Answers:
    """Writes the answers of one host. ``activity_ids``: Windows 10 and Server 2016 on add an ActivityId header."""

    activity_ids: bool = True

    def _envelope(self, prefixes: tuple[str, ...], action: str, request: Request, body: str) -> bytes:
        declared = "".join(f' xmlns:{prefix}="{NS[prefix]}"' for prefix in prefixes)
        header = tag("a:Action", escape(action)) + tag("a:MessageID", f"uuid:{new_id()}")
        if self.activity_ids:
            header += tag("p:ActivityId", new_id())
        header += tag("a:To", ANONYMOUS)
        if request.message_id:
            header += tag("a:RelatesTo", escape(request.message_id))
        return f'<s:Envelope xml:lang="en-US"{declared}>{tag("s:Header", header)}{tag("s:Body", body)}</s:Envelope>'.encode()

    def created(self, request: Request, shell_id: str, shell: str) -> bytes:
        """[MS-WSMV] 3.1.4.5.2; ``shell`` is what :func:`shell_element` gives."""
        selectors = tag("w:SelectorSet", tag("w:Selector", shell_id, Name="ShellId"))
        reference = tag("a:ReferenceParameters", tag("w:ResourceURI", CMD_SHELL), selectors)
        resource = tag("x:ResourceCreated", tag("a:Address", escape(request.to)), reference)
        return self._envelope(SHELL_PREFIXES, f"{TRANSFER}/CreateResponse", request, resource + shell)

    def commanded(self, request: Request, command_id: str) -> bytes:
        """[MS-WSMV] 3.1.4.11."""
        body = tag("rsp:CommandResponse", tag("rsp:CommandId", command_id))
        return self._envelope(SHELL_PREFIXES, f"{SHELL}/CommandResponse", request, body)

    def sent(self, request: Request) -> bytes:
        """[MS-WSMV] 3.1.4.13."""
        return self._envelope(SHELL_PREFIXES, f"{SHELL}/SendResponse", request, "<rsp:SendResponse/>")

    def signalled(self, request: Request) -> bytes:
        """[MS-WSMV] 3.1.4.12."""
        return self._envelope(SHELL_PREFIXES, f"{SHELL}/SignalResponse", request, "<rsp:SignalResponse/>")

    def deleted(self, request: Request) -> bytes:
        """[MS-WSMV] 3.1.4.4."""
        return self._envelope(("s", "a", "w", "p"), f"{TRANSFER}/DeleteResponse", request, "")

    def received(self, request: Request, command_id: str, pieces: list[tuple[str, bytes]], exit_code: int | None) -> bytes:
        """[MS-WSMV] 3.1.4.14; ``exit_code`` is None as long as the command runs."""
        body = "".join(
            tag("rsp:Stream", base64.b64encode(data).decode("ascii"), Name=stream, CommandId=command_id) for stream, data in pieces
        )
        if exit_code is None:
            state = tag("rsp:CommandState", CommandId=command_id, State=RUNNING)
        else:
            body += "".join(tag("rsp:Stream", Name=stream, CommandId=command_id, End="true") for stream in ("stdout", "stderr"))
            # An exit code is a DWORD: -1 reaches the client as 4294967295.
            state = tag("rsp:CommandState", tag("rsp:ExitCode", str(exit_code & 0xFFFFFFFF)), CommandId=command_id, State=DONE)
        return self._envelope(("s", "a", "w", "rsp", "p"), f"{SHELL}/ReceiveResponse", request, tag("rsp:ReceiveResponse", body, state))

    def fault(self, request: Request, fault: WSManFault, machine: str) -> bytes:
        """[MS-WSMV] 2.2.4.43; ``machine`` is the name that the client called the host by."""
        text = escape(fault.text)
        code = tag("s:Code", tag("s:Value", "s:Sender" if fault.sender else "s:Receiver"), tag("s:Subcode", tag("s:Value", fault.subcode)))
        reason = tag("s:Reason", tag("s:Text", text, **{"xml:lang": "en-US"}))
        if fault.wmi:
            detail = _wmi_error(fault)
        else:
            if fault.provider:
                plugin = {"provider": "Shell cmd plugin", "path": r"%systemroot%\system32\winrscmd.dll"}
                text = tag("f:ProviderFault", text, **plugin)
            detail = tag("f:WSManFault", tag("f:Message", text), **{"xmlns:f": NS["f"], "Code": str(fault.code), "Machine": machine})
        if fault.detail:
            detail = tag("w:FaultDetail", f"http://schemas.dmtf.org/wbem/wsman/1/wsman/faultDetail/{fault.detail}") + detail
        body = tag("s:Fault", code, reason, tag("s:Detail", detail))
        return self._envelope(("s", "a", "x", "e", "n", "w", "p"), FAULT, request, body)


def shell_element(
    *,
    shell_id: str,
    owner: str,
    client_ip: str,
    environment: dict[str, str],
    working_directory: str,
    idle_timeout: float,
    streams: tuple[str, str],
) -> str:
    """The Shell that Create answers ([MS-WSMV] 2.2.4.37): what was asked for and what the host made of it."""
    parts = [
        tag("rsp:ShellId", shell_id),
        tag("rsp:ResourceUri", CMD_SHELL),
        tag("rsp:Owner", escape(owner)),
        tag("rsp:ClientIP", client_ip),
    ]
    if environment:
        parts.append(tag("rsp:Environment", *(tag("rsp:Variable", escape(value), Name=name) for name, value in environment.items())))
    if working_directory:
        parts.append(tag("rsp:WorkingDirectory", escape(working_directory)))
    parts += [
        tag("rsp:IdleTimeOut", f"PT{idle_timeout:.3f}S"),
        tag("rsp:InputStreams", escape(streams[0])),
        tag("rsp:OutputStreams", escape(streams[1])),
        tag("rsp:ShellRunTime", "P0DT0H0M0S"),
        tag("rsp:ShellInactivity", "P0DT0H0M0S"),
    ]
    return tag("rsp:Shell", *parts, **{"xmlns:rsp": SHELL})


def identity(os_version: str) -> bytes:
    """DSP0226 11. Whoever has not logged on learns no version of the system
    (https://learn.microsoft.com/windows/win32/winrm/detecting-whether-a-remote-computer-supports-ws-management-protocol)."""
    body = tag(
        "wsmid:IdentifyResponse",
        tag("wsmid:ProtocolVersion", NS["w"]),
        tag("wsmid:ProductVendor", "Microsoft Corporation"),
        tag("wsmid:ProductVersion", f"OS: {os_version} SP: 0.0 Stack: 3.0"),
        **{"xmlns:wsmid": NS["wsmid"]},
    )
    return f'<s:Envelope xmlns:s="{NS["s"]}"><s:Header/>{tag("s:Body", body)}</s:Envelope>'.encode()


def _wmi_error(fault: WSManFault) -> str:
    def value(name: str, kind: str, text: str | None) -> str:
        attributes = {"xsi:type": f"cim:cim{kind}"}
        return tag(f"p:{name}", escape(text), **attributes) if text is not None else tag(f"p:{name}", **attributes, **{"xsi:nil": "true"})

    return tag(
        "p:MSFT_WmiError",
        value("CIMStatusCode", "UnsignedInt", "27"),
        value("CIMStatusCodeDescription", "String", None),
        value("ErrorSource", "String", None),
        value("ErrorSourceFormat", "UnsignedShort", "0"),
        value("ErrorType", "UnsignedShort", "0"),
        value("Message", "String", fault.text),
        value("MessageID", "String", f"HRESULT 0x{fault.code:08x}"),
        value("OtherErrorSourceFormat", "String", None),
        value("OtherErrorType", "String", None),
        value("OwningEntity", "String", None),
        value("PerceivedSeverity", "UnsignedShort", "0"),
        value("ProbableCause", "UnsignedShort", "0"),
        value("ProbableCauseDescription", "String", None),
        value("error_Category", "UnsignedInt", "30"),
        value("error_Code", "UnsignedInt", str(fault.code)),
        value("error_Type", "String", "HRESULT"),
        value("error_WindowsErrorMessage", "String", fault.text),
        **{
            "b:IsCIM_Error": "true",
            "xmlns:xsi": "http://www.w3.org/2001/XMLSchema-instance",
            "xmlns:b": "http://schemas.dmtf.org/wbem/wsman/1/cimbinding.xsd",
            "xmlns:p": WMI_ERROR,
            "xmlns:cim": "http://schemas.dmtf.org/wbem/wscim/1/common",
            "xsi:type": "p:MSFT_WmiError_Type",
        },
    )
