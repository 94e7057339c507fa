# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""nslookup.exe: the addresses of a machine of the lab (https://learn.microsoft.com/windows-server/administration/windows-commands/nslookup).

First the DNS server that was asked, then an empty line and the answer, as in that page's example. The lab's DNS has no records but addresses.
"""

from __future__ import annotations

from lab.windows.process import Process

from ._base import SYSTEM32, unsupported


def nslookup(proc: Process) -> int:
    words = proc.argv[1:]
    if not words or len(words) > 2 or (len(words) == 2 and words[0].lower() != "-type=srv"):
        return unsupported(proc, " ".join(words))
    network, name = proc.host.network, words[-1]
    proc.print(f"Server:  dns.lab\r\nAddress:  {network.prefix}.1\r\n")
    address = network.address_of(name) if len(words) == 1 else None
    if address is None:
        proc.error(f"*** dns.lab can't find {name}: Non-existent domain")
    else:
        proc.print(f"Name:    {name.rstrip('.')}\r\nAddress:  {address}\r\n")
    return 0


COMMANDS = {f"{SYSTEM32}\\nslookup.exe": nslookup}
