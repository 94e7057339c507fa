# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What clients do not usually send: Identify, nonsense, other resources."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

import pytest
import requests
from lab.winrm.envelope import Malformed, parse, seconds
from lab.winrm.names import CMD_SHELL, NS, SHELL, TRANSFER

from .conftest import ACCOUNT, PASSWORD, WAIT, Lab

IDENTIFY = f'<s:Envelope xmlns:s="{NS["s"]}" xmlns:wsmid="{NS["wsmid"]}"><s:Header/><s:Body><wsmid:Identify/></s:Body></s:Envelope>'


def envelope(action: str, resource: str = CMD_SHELL, body: str = "", header: str = "") -> str:
    declared = " ".join(f'xmlns:{prefix}="{NS[prefix]}"' for prefix in ("s", "a", "w", "rsp"))
    return (
        f'<?xml version="1.0" encoding="utf-8"?><s:Envelope {declared}><s:Header><a:To>http://there:5985/wsman</a:To>'
        f"<a:MessageID>uuid:1</a:MessageID><a:Action>{action}</a:Action><w:ResourceURI>{resource}</w:ResourceURI>{header}</s:Header>"
        f"<s:Body>{body}</s:Body></s:Envelope>"
    )


def post(lab: Lab, data: str, url: str = "", anonymous: bool = False, headers: dict[str, str] | None = None) -> requests.Response:
    return requests.post(
        url or lab.server.endpoint,
        data=data.encode(),
        headers=headers,
        auth=None if anonymous else (ACCOUNT, PASSWORD),
        verify=str(lab.network.authority.path),
        timeout=WAIT,
    )


@pytest.mark.parametrize(
    ("port", "path", "headers"),
    [("http://{}:5985", "/wsman-anon/identify", {}), ("https://{}:5986", "/wsman", {"WSMANIDENTIFY": "unauthenticated"})],
)
def test_anybody_may_identify_the_service_but_not_the_system(lab: Lab, port: str, path: str, headers: dict[str, str]) -> None:
    response = post(lab, IDENTIFY, port.format(lab.host.address) + path, anonymous=True, headers=headers)
    root = ET.fromstring(response.content)
    assert response.status_code == 200
    assert root.findtext(".//wsmid:ProductVendor", namespaces=NS) == "Microsoft Corporation"
    assert root.findtext(".//wsmid:ProductVersion", namespaces=NS) == "OS: 0.0.0 SP: 0.0 Stack: 3.0"


def test_an_account_learns_the_version(lab: Lab) -> None:
    root = ET.fromstring(post(lab, IDENTIFY).content)
    assert root.findtext(".//wsmid:ProductVersion", namespaces=NS) == "OS: 10.0.17763 SP: 0.0 Stack: 3.0"


def test_the_anonymous_path_answers_nothing_else(lab: Lab) -> None:
    response = post(lab, envelope(f"{TRANSFER}/Create"), lab.server.endpoint + "-anon/identify", anonymous=True)
    assert response.status_code == 401


def test_other_paths_are_not_found(lab: Lab) -> None:
    assert post(lab, IDENTIFY, lab.server.endpoint + "/elsewhere").status_code == 404


@pytest.mark.parametrize(
    ("message", "code", "subcode"),
    [
        (envelope(f"{SHELL}/Dance"), "2150858753", "a:ActionNotSupported"),
        (envelope(f"{TRANSFER}/Get", "http://schemas.microsoft.com/wbem/wsman/1/config"), "2150858811", "a:DestinationUnreachable"),
        (envelope(f"{TRANSFER}/Create"), "2150858817", "w:SchemaValidationError"),
        (
            envelope(
                f"{TRANSFER}/Create",
                body="<rsp:Shell/>",
                header='<w:OptionSet><w:Option Name="WINRS_CODEPAGE">12345</w:Option></w:OptionSet>',
            ),
            "2150859072",
            "w:InternalError",
        ),
    ],
)
def test_what_the_service_cannot_do_is_a_fault(lab: Lab, message: str, code: str, subcode: str) -> None:
    response = post(lab, message)
    fault = ET.fromstring(response.content).find("s:Body/s:Fault", NS)
    assert fault is not None
    detail = fault.find("s:Detail/f:WSManFault", NS)
    assert detail is not None
    assert (response.status_code, detail.attrib) == (500, {"Code": code, "Machine": "there"})
    assert fault.findtext("s:Code/s:Subcode/s:Value", namespaces=NS) == subcode
    assert response.headers["Content-Type"] == "application/soap+xml;charset=UTF-8"


@pytest.mark.parametrize("data", ["no xml", "<a/>", "<!DOCTYPE a []>" + IDENTIFY, f'<s:Envelope xmlns:s="{NS["s"]}"/>'])
def test_what_is_no_soap_gets_400(lab: Lab, data: str) -> None:
    assert post(lab, data).status_code == 400


@pytest.mark.parametrize(("text", "value"), [("PT20S", 20.0), ("PT1.5S", 1.5), ("P1DT2H3M4S", 93784.0), ("PT0.000S", 0.0), ("", None)])
def test_durations(text: str, value: float | None) -> None:
    assert seconds(text) == value


@pytest.mark.parametrize("text", ["20", "PT", "P", "P1Y", "PT-1S"])
def test_what_is_no_duration_is_malformed(text: str) -> None:
    with pytest.raises(Malformed, match="duration"):
        seconds(text)


def test_a_request_is_read_whatever_its_prefixes_are() -> None:
    text = envelope(f"{SHELL}/Receive", header='<w:SelectorSet><w:Selector Name="ShellId">ab-1</w:Selector></w:SelectorSet>')
    request = parse(re.sub(r"\bs(?==|:)", "soap", text).encode())
    assert (request.name, request.shell_id, request.message_id, request.operation_timeout) == ("Receive", "AB-1", "uuid:1", None)
