# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The lab's answers have the shape of what real hosts answered: elements, namespaces, prefixes, attributes, order.

The recordings are pypsrp's (https://github.com/jborean93/pypsrp, tests/responses/test_winrs_*.yml): lists of messages,
each with ``request`` and ``response``. They are not part of this repository; WINRM_RECORDINGS names a folder with them.
Every recorded request is sent as it is, but for the ids that our host gave. The programs of the recordings are played
by one that writes what was recorded, in the same pieces.
"""

from __future__ import annotations

import base64
import os
import queue
import re
import threading
import xml.etree.ElementTree as ET
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml
from lab.windows.process import Process
from lab.winrm.names import DONE, NS

from .conftest import ACCOUNT, CMD, PASSWORD, WAIT, Lab

FOLDER = os.environ.get("WINRM_RECORDINGS", "")
RECORDINGS = sorted(Path(FOLDER).glob("*.yml")) if FOLDER else []
POWERSHELL = "C:\\Windows\\System32\\WindowsPowerShell\\v1.0\\powershell.exe"
GUID = re.compile(r"[0-9A-F]{8}-(?:[0-9A-F]{4}-){3}[0-9A-F]{12}")
OURS_DIFFER = {f"{{{NS['rsp']}}}Owner", f"{{{NS['rsp']}}}ClientIP"}
VARIABLE = f"{{{NS['rsp']}}}Variable"
"""Its name: where it has a backslash, the recorded answer lost it."""


class Player:
    """Plays the program of a recording: writes what it is told to, then ends as it is told to."""

    def __init__(self) -> None:
        self.steps: queue.Queue[tuple[str, bytes] | int] = queue.Queue()
        self.started: queue.Queue[Process] = queue.Queue()

    def __call__(self, process: Process) -> int:
        self.started.put(process)
        while not isinstance(step := self.steps.get(timeout=WAIT), int):
            stream, data = step
            getattr(process, stream).write(data)
            self.steps.task_done()
        self.steps.task_done()
        return step

    def play(self, answer: ET.Element) -> None:
        """Have the program write, and end, as in a recorded answer to Receive; returns when it has."""
        for stream in answer.iterfind(".//rsp:Stream", NS):
            if stream.text:
                self.steps.put((stream.attrib["Name"], base64.b64decode(stream.text)))
        ended = threading.Event()
        code = answer.findtext(".//rsp:ExitCode", namespaces=NS)
        if code is not None:
            self.started.get(timeout=WAIT).on_end(lambda process: ended.set())
            self.steps.put(int(code))
        self.steps.join()
        assert code is None or ended.wait(WAIT)


def shape(element: ET.Element) -> Any:
    """An element without what differs from host to host: ids, account, address."""
    if element.tag in OURS_DIFFER:
        return element.tag
    attributes = {name: GUID.sub("ID", value) for name, value in element.attrib.items()}
    if element.tag == VARIABLE:
        attributes["Name"] = attributes["Name"].replace("\\", "")
    return element.tag, attributes, GUID.sub("ID", element.text or ""), [shape(child) for child in element]


def declarations(text: str) -> list[tuple[str, str]]:
    """Prefixes and namespaces, in the order of their declarations."""
    return [pair for _event, pair in ET.iterparse(BytesIO(text.encode()), events=("start-ns",))]


@pytest.mark.skipif(not RECORDINGS, reason="WINRM_RECORDINGS names no folder with recordings of real hosts")
@pytest.mark.parametrize("path", RECORDINGS, ids=lambda path: path.stem)
def test_answers_have_the_recorded_shape(make_lab: Callable[..., Lab], path: Path) -> None:
    messages = yaml.safe_load(path.read_text(encoding="utf-8"))["messages"]
    assert messages
    # Hosts before Windows 10 and Server 2016 send no ActivityId.
    build = "10.0.14393" if "ActivityId" in messages[0]["response"] else "6.1.7601"
    lab = make_lab(scale=200.0, os_build=build)
    player = Player()
    lab.host.programs["player"] = player
    for program in (CMD, POWERSHELL):
        lab.host.add_program(program, "player")
    ids: dict[str, str] = {}
    with requests.Session() as session:
        session.auth = (ACCOUNT, PASSWORD)
        trust = str(lab.network.authority.path)
        for number, message in enumerate(messages):
            recorded = ET.fromstring(message["response"])
            if recorded.findtext(".//a:Action", namespaces=NS) == f"{NS['rsp']}/ReceiveResponse":
                player.play(recorded)
            request = message["request"]
            for theirs, ours in ids.items():
                request = request.replace(theirs, ours)
            response = session.post(lab.server.endpoint, data=request.encode(), verify=trust, timeout=WAIT)
            answer = ET.fromstring(response.content)
            where = f"message {number} of {path.name}"
            assert response.status_code == message.get("transport_error", {}).get("code", 200), where
            assert declarations(response.text) == declarations(message["response"]), where
            assert shape(answer) == shape(recorded), where
            related = answer.findtext(".//a:RelatesTo", namespaces=NS)
            assert related == ET.fromstring(request).findtext(".//a:MessageID", namespaces=NS), where
            for kind in ("ShellId", "CommandId"):
                if given := recorded.findtext(f".//rsp:{kind}", namespaces=NS):
                    ids[given] = answer.findtext(f".//rsp:{kind}", default="", namespaces=NS)
    assert any(f'"{DONE}"' in message["response"] for message in messages)
