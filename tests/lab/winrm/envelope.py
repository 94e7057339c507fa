# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""WS-Management requests, read from XML with their real namespaces.

The clients differ, and Windows takes them all: pywinrm writes ``mustUnderstand`` without a namespace
(winrm/protocol.py, build_wsman_header), options as ``TRUE`` (run_command) and all arguments in one element; pypsrp
writes ``True`` and one element for each argument (pypsrp/shell.py, WinRS.command).
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from dataclasses import dataclass

from .names import ACTIONS, NS

DURATION = re.compile(r"P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?)?$")


class Malformed(Exception):
    """No SOAP 1.2 envelope."""


@dataclass(frozen=True)
class Request:
    """One request. ``operation_timeout`` in seconds, ``max_envelope`` in bytes; None where the client names none."""

    action: str
    resource: str
    message_id: str
    to: str
    shell_id: str
    options: dict[str, str]
    operation_timeout: float | None
    max_envelope: int | None
    body: ET.Element | None

    @property
    def name(self) -> str:
        """The action's short name: ``Create``, ``Receive``, ``Identify``; of an unknown one its URI."""
        if self.identifies:
            return "Identify"
        return ACTIONS.get(self.action, self.action or "unknown")

    @property
    def identifies(self) -> bool:
        """DSP0226 11: an Identify message has no headers to speak of, only its body."""
        return self.body is not None and self.body.tag == f"{{{NS['wsmid']}}}Identify"

    def option(self, name: str) -> str:
        """An option's text, or an empty one."""
        return self.options.get(name.upper(), "")

    def flag(self, name: str) -> bool:
        """An option that is a truth value."""
        return self.option(name).strip().lower() in ("true", "1")


def parse(data: bytes) -> Request:
    """Read an envelope.

    Raises:
        Malformed: No XML, a document type (SOAP 1.2 part 1, 5 forbids it), or no envelope with a body.
    """
    if b"<!DOCTYPE" in data:
        raise Malformed("a SOAP message must not contain a document type declaration")
    try:
        root = ET.fromstring(data)
    except ET.ParseError as error:
        raise Malformed(f"not XML: {error}") from error
    body = root.find("s:Body", NS)
    if root.tag != f"{{{NS['s']}}}Envelope" or body is None:
        raise Malformed(f"not a SOAP 1.2 envelope: {root.tag}")
    header = root.find("s:Header", NS)
    if header is None:
        header = ET.Element("none")
    size = _text(header, "w:MaxEnvelopeSize")
    shell_id = ""
    for selector in header.iterfind("w:SelectorSet/w:Selector", NS):
        if selector.get("Name") == "ShellId":
            shell_id = (selector.text or "").strip().upper()
    return Request(
        action=_text(header, "a:Action"),
        resource=_text(header, "w:ResourceURI"),
        message_id=_text(header, "a:MessageID"),
        to=_text(header, "a:To"),
        shell_id=shell_id,
        options={(one.get("Name") or "").upper(): one.text or "" for one in header.iterfind("w:OptionSet/w:Option", NS)},
        operation_timeout=seconds(_text(header, "w:OperationTimeout")),
        max_envelope=int(size) if size.isdigit() else None,
        body=body[0] if len(body) else None,
    )


def seconds(duration: str) -> float | None:
    """Seconds of an xs:duration of days or less, None where there is none.

    Raises:
        Malformed: It is something else.
    """
    if not duration:
        return None
    match = DURATION.match(duration)
    if not match or duration in ("P", "PT"):
        raise Malformed(f"not a duration: {duration!r}")
    days, hours, minutes, rest = (float(part or 0) for part in match.groups())
    return ((days * 24 + hours) * 60 + minutes) * 60 + rest


def _text(parent: ET.Element, path: str) -> str:
    return (parent.findtext(path, default="", namespaces=NS) or "").strip()
