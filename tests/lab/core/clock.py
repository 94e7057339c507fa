# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Lab time: one factor faster than real time, for everything that "takes long" in the lab."""

from __future__ import annotations

import threading
import time
from datetime import datetime, timedelta, timezone


class Clock:
    """Starts at the real time and runs :attr:`scale` times faster."""

    def __init__(self, scale: float = 20.0) -> None:
        if scale <= 0:
            raise ValueError(f"a clock's scale is above 0, not {scale}")
        self.scale = scale
        self.epoch = datetime.now(timezone.utc)
        self._start = time.monotonic()
        self._skipped = 0.0

    def seconds(self) -> float:
        """Lab seconds since the lab started."""
        return (time.monotonic() - self._start) * self.scale + self._skipped

    def skip(self, lab_seconds: float) -> None:
        """Let that much time be over at once. What waits for a moment in it is not woken by this; what sleeps, sleeps on."""
        self._skipped += lab_seconds

    def now(self) -> datetime:
        """Lab time, aware, in UTC."""
        return self.epoch + timedelta(seconds=self.seconds())

    def real(self, lab_seconds: float) -> float:
        """How many real seconds that many lab seconds take."""
        return lab_seconds / self.scale

    def sleep(self, lab_seconds: float, interrupt: threading.Event | None = None) -> bool:
        """Let lab time pass. True where ``interrupt`` was set before it was over."""
        event = interrupt or threading.Event()
        return event.wait(max(0.0, self.real(lab_seconds)))
