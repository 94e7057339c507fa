# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Our messages say what pywinrm's say, and their answers are read alike."""

from __future__ import annotations

import base64
import re
import xml.etree.ElementTree as ET
from typing import Any

import pytest

pytest.importorskip("winrm")

from ansible_collections.octopus.upgrade.plugins.module_utils._windows.wsman import Protocol
from winrm.protocol import Protocol as Theirs

DONE = "http://schemas.microsoft.com/wbem/wsman/1/windows/shell/CommandState/Done"
RUNNING = DONE.replace("Done", "Running")


def answer(body: str) -> bytes:
    return (
        '<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope" xmlns:rsp="http://schemas.microsoft.com/wbem/wsman/1/windows/shell">'
        f"<s:Header/><s:Body>{body}</s:Body></s:Envelope>"
    ).encode()


def received(*streams: tuple[str, bytes | None], state: str = DONE, code: str = "") -> bytes:
    written = "".join(
        f'<rsp:Stream Name="{name}" CommandId="c">{"" if data is None else base64.b64encode(data).decode()}</rsp:Stream>'
        for name, data in streams
    )
    return answer(
        f'<rsp:ReceiveResponse>{written}<rsp:CommandState CommandId="c" State="{state}">{code}</rsp:CommandState></rsp:ReceiveResponse>'
    )


def ask(kind: type[Any], reply: bytes, method: str, *arguments: Any, **more: Any) -> tuple[str, Any]:
    """What a protocol sends, without what differs between any two messages, and what it returns."""
    sent: list[str] = []

    def send(message: str) -> bytes:
        sent.append(message)
        return reply

    protocol = kind("https://h:5986/wsman", "ssl", username="u", password="p", operation_timeout_sec=7)
    protocol.send_message = send
    result = getattr(protocol, method)(*arguments, **more)
    root = ET.fromstring(re.sub(r"uuid:[0-9a-f-]{36}", "uuid:", sent[0]))
    return ET.canonicalize(ET.tostring(root)), result


@pytest.mark.parametrize("arguments", [[], ['/d /s /c "echo <&> ü"'], ["a", b"b"]])
@pytest.mark.parametrize("console", [True, False])
def test_a_command_is_what_pywinrm_sends(arguments: list[Any], console: bool) -> None:
    reply = answer("<rsp:CommandResponse><rsp:CommandId>C-1</rsp:CommandId></rsp:CommandResponse>")
    asked = ("run_command", "shell<1>", r"C:\a & b\x.exe", arguments)
    ours = ask(Protocol, reply, *asked, console_mode_stdin=console, skip_cmd_shell=True)
    assert ours == ask(Theirs, reply, *asked, console_mode_stdin=console, skip_cmd_shell=True)
    assert ours[1] == "C-1" and "WINRS_SKIP_CMD_SHELL" in ours[0]


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        (
            received(("stdout", b"a"), ("stderr", b"b"), ("stdout", b"\xff"), code="<rsp:ExitCode>3</rsp:ExitCode>"),
            (b"a\xff", b"b", 3, True),
        ),
        (received(("stdout", None), code="<rsp:ExitCode>4294967295</rsp:ExitCode>"), (b"", b"", 4294967295, True)),
        (received(("stdout", b"half"), state=RUNNING), (b"half", b"", -1, False)),
    ],
)
def test_output_is_asked_for_and_read_as_by_pywinrm(reply: bytes, expected: tuple[bytes, bytes, int, bool]) -> None:
    ours = ask(Protocol, reply, "get_command_output_raw", "s", "c")
    assert ours == ask(Theirs, reply, "get_command_output_raw", "s", "c")
    assert ours[1] == expected
