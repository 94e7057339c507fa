# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""eventcreate.exe (https://learn.microsoft.com/windows-server/administration/windows-commands/eventcreate).

What it writes is in the ledger: ``event.log``.
"""

from __future__ import annotations

from lab.windows.process import Process

from ._base import SYSTEM32, unsupported

OPTIONS = {"/l", "/t", "/so", "/id", "/d"}
KINDS = {"ERROR", "WARNING", "INFORMATION", "SUCCESSAUDIT", "FAILUREAUDIT"}
LAST_ID = 1000


def eventcreate(proc: Process) -> int:
    words = proc.argv[1:]
    given = {words[place].lower(): words[place + 1] for place in range(0, len(words) - 1, 2)}
    if len(words) % 2 or set(given) - OPTIONS or given.get("/l", "").upper() not in ("APPLICATION", "SYSTEM"):
        return unsupported(proc, " ".join(words))
    number = given.get("/id", "")
    if not number.isdigit() or not 1 <= int(number) <= LAST_ID or given.get("/t", "").upper() not in KINDS or not given.get("/d"):
        proc.error("ERROR: Invalid syntax.")
        return 1
    proc.host.ledger.record(
        "event.log", proc.host.name, log=given["/l"], type=given["/t"], source=given.get("/so", ""), id=int(number), text=given["/d"]
    )
    proc.print(
        f"\r\nSUCCESS: An event of type '{given['/t']}' was created in the '{given['/l']}' log with '{given.get('/so', '')}' as the source."
    )
    return 0


COMMANDS = {f"{SYSTEM32}\\eventcreate.exe": eventcreate}
