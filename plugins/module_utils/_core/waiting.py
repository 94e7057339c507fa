# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Waiting for something with a deadline: often at first, more rarely later."""

from __future__ import annotations

import time
from collections.abc import Callable

_GROWTH = 1.4


class Deadline:
    """A point in time, and pauses until then that grow.

    Args:
        seconds: From now.
        first: Seconds of the first pause.
        most: Seconds of the longest pause, which is how late an end is noticed at most.
        clock: Gives seconds that only grow.
        sleep: Waits for seconds.
    """

    def __init__(
        self,
        seconds: float,
        first: float = 0.2,
        most: float = 1.0,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        self.seconds = seconds
        self._clock = clock
        self._sleep = sleep
        self._pause = first
        self._most = most
        self._start = clock()

    @property
    def left(self) -> float:
        """Seconds left; 0 when it is over."""
        return max(0.0, self._start + self.seconds - self._clock())

    @property
    def elapsed(self) -> float:
        """Seconds since the beginning."""
        return self._clock() - self._start

    def pause(self) -> bool:
        """Wait a little, and tell whether there is time left to look once more; the last look is at the deadline itself."""
        left = self.left
        if left <= 0:
            return False
        self._sleep(min(self._pause, left))
        self._pause = min(self._pause * _GROWTH, self._most)
        return True
