# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Begin an outage only while the control node has processor time left for it.

Instances that are upgraded side by side share the control node's processors. Where these are busy, each further outage makes all of them longer,
while an instance that waits before its outage is still in service. So an outage begins at once where no other is under way in this
ansible-playbook, and else as soon as the processors are not busy; one after the other, so that each sees what the one before needs.
"""

from __future__ import annotations

import fcntl
import time
from collections.abc import Callable
from pathlib import Path

from ansible_collections.octopus.upgrade.plugins.module_utils._core import stopping

STAT = Path("/proc/stat")  # proc_stat(5); other systems have none, and nobody waits there
SAMPLE = 1.0  # seconds
BUSY = 0.6  # share of all processors
PATIENCE = 300.0  # seconds, after which an outage begins all the same


class Room:
    """The outages of one ansible-playbook.

    Args:
        folder: A folder that all workers of this ansible-playbook have, and no other process.
        host: The instance's coordinator.
    """

    def __init__(self, folder: Path, host: str) -> None:
        self._folder = folder / "outages"
        self._mine = self._folder / host.encode().hex()

    def enter(self, tell: Callable[[], None]) -> None:
        """Wait until there is room for this outage, and begin it.

        Args:
            tell: Is called once where it has to wait.
        """
        deadline = time.monotonic() + PATIENCE
        self._folder.mkdir(mode=0o700, exist_ok=True)
        with (self._folder / ".turn").open("w") as turn:
            fcntl.flock(turn, fcntl.LOCK_EX)
            told = False
            while self._others() and time.monotonic() < deadline and busy(SAMPLE) > BUSY:
                stopping.check()
                if not told:
                    tell()
                told = True
            self._mine.touch()

    def leave(self) -> None:
        """The outage is over, or the run."""
        self._mine.unlink(missing_ok=True)

    def _others(self) -> bool:
        return any(path != self._mine and path.name != ".turn" for path in self._folder.iterdir())


def busy(seconds: float) -> float:
    """Return the share of all processors that was busy for some seconds from now; 0.0 where the system does not tell.

    Args:
        seconds: For how long to look.
    """
    before = _times()
    if before is None:
        return 0.0
    time.sleep(seconds)
    after = _times()
    if after is None or after[1] <= before[1]:
        return 0.0
    return 1.0 - (after[0] - before[0]) / (after[1] - before[1])


def _times() -> tuple[int, int] | None:
    """Ticks since boot in which processors were idle, or waited for a disk, and all ticks."""
    try:
        name, *ticks = STAT.read_text(encoding="ascii").partition("\n")[0].split()
        user, nice, system, idle, iowait, irq, softirq, steal = (int(tick) for tick in ticks[:8])
    except (OSError, ValueError):
        return None
    return (idle + iowait, user + nice + system + idle + iowait + irq + softirq + steal) if name == "cpu" else None
