# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""ping.exe to the host itself, which is how a command file waits without a console.

``-n`` requests (https://learn.microsoft.com/windows-server/administration/windows-commands/ping), one a second
(https://stackoverflow.com/q/1672338, where ``ping -n 6 127.0.0.1`` is how to sleep for five seconds).
"""

from __future__ import annotations

from lab.windows.process import Process

from ._base import SYSTEM32, unsupported


def ping(proc: Process) -> int:
    words = proc.argv[1:]
    if len(words) != 3 or words[0].lower() != "-n" or not words[1].isdigit() or words[2] != "127.0.0.1":
        return unsupported(proc, " ".join(words))
    proc.host.clock.sleep(int(words[1]) - 1, proc.killed)
    proc.check()
    proc.print(f"\r\nPackets: Sent = {words[1]}, Received = {words[1]}, Lost = 0 (0% loss),")
    return 0


COMMANDS = {f"{SYSTEM32}\\ping.exe": ping}
