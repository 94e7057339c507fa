# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""ping.exe to the host itself, which is how a command file waits without a console; and to a name, which tells its address.

``-n`` requests (https://learn.microsoft.com/windows-server/administration/windows-commands/ping), one a second
(https://stackoverflow.com/q/1672338, where ``ping -n 6 127.0.0.1`` is how to sleep for five seconds).
``-4`` and ``-6`` decide about the family, and the first line has the address of a name in brackets (same page). Machines of the lab have IPv4 alone,
and nobody answers.
"""

from __future__ import annotations

from lab.windows.process import Process

from ._base import SYSTEM32, unsupported


def ping(proc: Process) -> int:
    words = proc.argv[1:]
    if len(words) == 6 and words[0] in ("-4", "-6") and words[1:5] == ["-n", "1", "-w", "1"]:
        return _resolve(proc, words[0], words[5])
    if len(words) != 3 or words[0].lower() != "-n" or not words[1].isdigit() or words[2] != "127.0.0.1":
        return unsupported(proc, " ".join(words))
    proc.host.clock.sleep(int(words[1]) - 1, proc.killed)
    proc.check()
    proc.print(f"\r\nPackets: Sent = {words[1]}, Received = {words[1]}, Lost = 0 (0% loss),")
    return 0


def _resolve(proc: Process, family: str, name: str) -> int:
    address = proc.host.network.address_of(name) if family == "-4" else None
    if address is None:
        proc.print(f"Ping request could not find host {name}. Please check the name and try again.")
        return 1
    proc.print(f"\r\nPinging {name} [{address}] with 32 bytes of data:\r\nRequest timed out.\r\n")
    proc.print(f"Ping statistics for {address}:\r\n    Packets: Sent = 1, Received = 0, Lost = 1 (100% loss),")
    return 1


COMMANDS = {f"{SYSTEM32}\\ping.exe": ping}
