# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""netsh.exe advfirewall firewall: add, show, set and delete a rule that blocks.

https://learn.microsoft.com/previous-versions/windows/it-pro/windows-server-2008-R2-and-2008/dd734783(v=ws.10): no rule of the name is exit code 1
with "No rules match the specified criteria.", and so is a wrong value; "Ok." is 0. The shape of what ``show`` prints is shortened.
"""

from __future__ import annotations

from lab.windows.firewall import Rule, ranges
from lab.windows.process import Process

from ._base import SYSTEM32, unsupported

NO_RULES = "No rules match the specified criteria."
EACH = {"name": None, "action": "block", "protocol": "TCP", "remoteip": None, "profile": "any", "enable": "yes"}
NEEDED: dict[str, dict[str, str | None]] = {"in": {**EACH, "dir": "in", "localport": None}, "out": {**EACH, "dir": "out"}}


def netsh(proc: Process) -> int:
    words = proc.argv[1:]
    if [word.lower() for word in words[:2]] != ["advfirewall", "firewall"] or len(words) < 5 or words[3].lower() != "rule":
        return unsupported(proc, " ".join(words))
    given = {name.lower(): value for name, _equals, value in (word.partition("=") for word in words[4:])}
    firewall, verb, name = proc.host.firewall, words[2].lower(), given.get("name", "")
    if verb == "add":
        return _add(proc, given)
    if verb == "set":
        return _set(proc, [word.lower() for word in words[4:]], given)
    if verb not in ("show", "delete") or set(given) != {"name"} or name.lower() == "all":
        return unsupported(proc, " ".join(words))
    found = firewall.named(name)
    if not found:
        proc.print(f"\r\n{NO_RULES}\r\n")
        return 1
    if verb == "show":
        for rule in found:
            proc.print(f"\r\nRule Name:                            {rule.name}\r\nAction:                               Block\r\n")
        proc.print("Ok.\r\n")
        return 0
    gone = firewall.delete(name)
    proc.host.ledger.record("firewall", proc.host.name, action="deleted", name=name)
    proc.print(f"\r\nDeleted {gone} rule(s).\r\nOk.\r\n")
    return 0


def _add(proc: Process, given: dict[str, str]) -> int:
    needed = NEEDED.get(given.get("dir", "").lower(), {"dir": None})
    for name, wanted in needed.items():
        if name not in given or (wanted is not None and given[name].lower() != wanted.lower()):
            return unsupported(proc, f"add rule with {name}={given.get(name)}")
    if set(given) - set(needed):
        return unsupported(proc, f"add rule with {', '.join(set(given) - set(needed))}")
    try:
        ports = frozenset(int(port) for port in given.get("localport", "").split(",") if port)
        rule = Rule(given["name"], ports, ranges(given["remoteip"]), outbound=given["dir"].lower() == "out")
    except ValueError:
        proc.print("\r\nA specified value is not valid.\r\n")
        return 1
    proc.host.firewall.add(rule)
    proc.host.ledger.record("firewall", proc.host.name, action="added", name=rule.name)
    proc.print("Ok.\r\n\r\n")
    return 0


def _set(proc: Process, words: list[str], given: dict[str, str]) -> int:
    """``set rule name=… new enable=yes|no``."""
    if len(words) != 3 or words[1] != "new" or set(given) != {"name", "new", "enable"} or given["enable"].lower() not in ("yes", "no"):
        return unsupported(proc, f"set rule {' '.join(words)}")
    on = given["enable"].lower() == "yes"
    count = proc.host.firewall.enable(given["name"], on)
    if not count:
        proc.print(f"\r\n{NO_RULES}\r\n")
        return 1
    proc.host.ledger.record("firewall", proc.host.name, action="enabled" if on else "disabled", name=given["name"])
    proc.print(f"\r\nUpdated {count} rule(s).\r\nOk.\r\n")
    return 0


COMMANDS = {f"{SYSTEM32}\\netsh.exe": netsh}
