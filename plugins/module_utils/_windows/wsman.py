# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""pywinrm's protocol with two messages of our own: Command and Receive, which are nine of ten that an upgrade sends; and the answer to Create.

pywinrm composes each message as a dictionary and has xmltodict turn that into XML, which costs more CPU time than all else that the control
node does for a message but HTTP. Here each is a text. The content is the same ([MS-WSMV] 3.1.4.11 and 3.1.4.14,
https://learn.microsoft.com/openspecs/windows_protocols/ms-wsmv), and so is everything else: transport, encryption, errors.
"""

from __future__ import annotations

import base64
import uuid
import xml.etree.ElementTree as ET
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import escape, quoteattr

if TYPE_CHECKING:
    from winrm.protocol import Protocol as _Protocol
else:
    try:
        from winrm.protocol import Protocol as _Protocol
    except ImportError:  # whoever opens a connection says so
        _Protocol = object

_SHELL = "http://schemas.microsoft.com/wbem/wsman/1/windows/shell"
_ENVELOPE = (
    '<?xml version="1.0" encoding="utf-8"?>\n'
    '<env:Envelope xmlns:env="http://www.w3.org/2003/05/soap-envelope" xmlns:a="http://schemas.xmlsoap.org/ws/2004/08/addressing" '
    'xmlns:w="http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd" xmlns:p="http://schemas.microsoft.com/wbem/wsman/1/wsman.xsd" '
    f'xmlns:rsp="{_SHELL}"><env:Header><a:To>http://windows-host:5985/wsman</a:To><a:ReplyTo><a:Address mustUnderstand="true">'
    "http://schemas.xmlsoap.org/ws/2004/08/addressing/role/anonymous</a:Address></a:ReplyTo>"
    '<w:MaxEnvelopeSize mustUnderstand="true">153600</w:MaxEnvelopeSize><a:MessageID>uuid:{message}</a:MessageID>'
    '<w:Locale mustUnderstand="false" xml:lang="en-US"></w:Locale><p:DataLocale mustUnderstand="false" xml:lang="en-US"></p:DataLocale>'
    '<w:OperationTimeout>PT{timeout}S</w:OperationTimeout><w:ResourceURI mustUnderstand="true">'
    f'{_SHELL}/cmd</w:ResourceURI><a:Action mustUnderstand="true">{_SHELL}/{{action}}</a:Action>'
    '<w:SelectorSet><w:Selector Name="ShellId">{shell}</w:Selector></w:SelectorSet>{options}</env:Header>'
    "<env:Body>{body}</env:Body></env:Envelope>"
)
_OPTION = '<w:Option Name="{}">{}</w:Option>'


class Protocol(_Protocol):
    """pywinrm's ``Protocol``; what is not here is its own.

    Attributes:
        client_address: Where the host sees this computer, as it said of the last shell ([MS-WSMV] 2.2.4.37, ClientIP); empty before that.
    """

    client_address = ""
    _answer = b""

    def send_message(self, message: str) -> bytes:
        """Send a message, and return the answer; arguments and errors are those of pywinrm."""
        answer: bytes = super().send_message(message)
        self._answer = answer
        return answer

    def open_shell(self, *arguments: Any, **options: Any) -> str:
        """Open a shell, and return its id; arguments and errors are those of pywinrm."""
        shell: str = super().open_shell(*arguments, **options)
        answer = ET.fromstring(self._answer)  # noqa: S314 - as pywinrm reads all its answers; the host is trusted
        self.client_address = next((node.text or "" for node in answer.iter() if node.tag.endswith("ClientIP")), "").strip()
        return shell

    def run_command(
        self,
        shell_id: str,
        command: str,
        arguments: Iterable[str | bytes] = (),
        console_mode_stdin: bool = True,
        skip_cmd_shell: bool = False,
    ) -> str:
        """Start a command, and return its id; arguments and errors are those of pywinrm."""
        options = (("WINRS_CONSOLEMODE_STDIN", console_mode_stdin), ("WINRS_SKIP_CMD_SHELL", skip_cmd_shell))
        line = " ".join(one if isinstance(one, str) else one.decode("utf-8") for one in arguments)
        written = f"<rsp:Arguments>{escape(line)}</rsp:Arguments>" if line else ""
        answer = self._ask(
            "Command",
            shell_id,
            f"<rsp:CommandLine><rsp:Command>{escape(command)}</rsp:Command>{written}</rsp:CommandLine>",
            f"<w:OptionSet>{''.join(_OPTION.format(name, str(value).upper()) for name, value in options)}</w:OptionSet>",
        )
        return next(node.text or "" for node in answer.iter() if node.tag.endswith("CommandId"))

    def get_command_output_raw(self, shell_id: str, command_id: str) -> tuple[bytes, bytes, int, bool]:
        """Return what a command has written since the last time, its exit code, and whether it has ended; errors are those of pywinrm."""
        stream = f"<rsp:DesiredStream CommandId={quoteattr(command_id)}>stdout stderr</rsp:DesiredStream>"
        answer = self._ask("Receive", shell_id, f"<rsp:Receive>{stream}</rsp:Receive>")
        written: dict[str, list[bytes]] = {"stdout": [], "stderr": []}
        code, done = -1, False
        for node in answer.iter():
            if node.tag.endswith("Stream") and node.text and node.attrib["Name"] in written:
                written[node.attrib["Name"]].append(base64.b64decode(node.text.encode("ascii")))
            elif node.get("State", "").endswith("CommandState/Done"):
                done = True
            elif node.tag.endswith("ExitCode"):
                code = int(node.text or -1)
        return b"".join(written["stdout"]), b"".join(written["stderr"]), code if done else -1, done

    def _ask(self, action: str, shell: str, body: str, options: str = "") -> ET.Element:
        message = _ENVELOPE.format(
            message=uuid.uuid4(), timeout=int(self.operation_timeout_sec), action=action, shell=escape(shell), options=options, body=body
        )
        return ET.fromstring(self.send_message(message))  # noqa: S314 - as pywinrm reads all its answers; the host is trusted
