# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""URIs of WS-Management and of the Windows Remote Shell ([MS-WSMV] 2.2.1 and 3.1.4)."""

from __future__ import annotations

NS = {
    "s": "http://www.w3.org/2003/05/soap-envelope",
    "a": "http://schemas.xmlsoap.org/ws/2004/08/addressing",
    "x": "http://schemas.xmlsoap.org/ws/2004/09/transfer",
    "e": "http://schemas.xmlsoap.org/ws/2004/08/eventing",
    "n": "http://schemas.xmlsoap.org/ws/2004/09/enumeration",
    "w": "http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd",
    "rsp": "http://schemas.microsoft.com/wbem/wsman/1/windows/shell",
    "p": "http://schemas.microsoft.com/wbem/wsman/1/wsman.xsd",
    "f": "http://schemas.microsoft.com/wbem/wsman/1/wsmanfault",
    "wsmid": "http://schemas.dmtf.org/wbem/wsman/identity/1/wsmanidentity.xsd",
}
ANONYMOUS = "http://schemas.xmlsoap.org/ws/2004/08/addressing/role/anonymous"
FAULT = "http://schemas.dmtf.org/wbem/wsman/1/wsman/fault"

SHELL = NS["rsp"]
CMD_SHELL = f"{SHELL}/cmd"
TRANSFER = NS["x"]

ACTIONS = {
    f"{TRANSFER}/Create": "Create",
    f"{TRANSFER}/Delete": "Delete",
    f"{SHELL}/Command": "Command",
    f"{SHELL}/Send": "Send",
    f"{SHELL}/Receive": "Receive",
    f"{SHELL}/Signal": "Signal",
}
"""What the shell resource can be asked, by URI, and the short name that the ledger and the faults know it by."""

RUNNING = f"{SHELL}/CommandState/Running"
DONE = f"{SHELL}/CommandState/Done"

SIGNALS = {
    f"{SHELL}/signal/terminate": "terminate",
    f"{SHELL}/signal/ctrl_c": "ctrl_c",
    f"{SHELL}/signal/ctrl_break": "ctrl_break",
}
"""[MS-WSMV] 2.2.4.38, in lower case: the specification writes ``Terminate``, pywinrm (Protocol.cleanup_command) ``terminate``."""
