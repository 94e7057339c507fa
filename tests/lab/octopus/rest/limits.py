# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rate limiting of 2026.3 and later, and the named faults of the API."""

from __future__ import annotations

import math
import threading

from flask import Response, g, request

from ...core.clock import Clock
from .context import node
from .errors import answer


class Limiter:
    """A bucket of tokens on lab time: 200 a minute with a burst of 200 by default for new installs of 2026.3 and later.

    Args:
        per_minute: None: no limit. It may be changed while the server runs.
    """

    def __init__(self, clock: Clock, per_minute: int | None) -> None:
        self.clock = clock
        self.per_minute = per_minute
        self._tokens = float(per_minute or 0)
        self._at = clock.seconds()
        self._lock = threading.Lock()

    def take(self) -> int | None:
        """None: go on; else after how many seconds to come again."""
        with self._lock:
            if self.per_minute is None:
                return None
            now = self.clock.seconds()
            rate = self.per_minute / 60
            self._tokens = min(float(self.per_minute), self._tokens + (now - self._at) * rate)
            self._at = now
            if self._tokens >= 1:
                self._tokens -= 1
                return None
            return max(1, math.ceil((1 - self._tokens) / rate))


def inject() -> Response | None:
    """The answer that a fault makes of this request: ``api.error`` (path=prefix, status, method, message), ``api.limit``."""
    here = node()
    limit = here.faults.hit("api.limit", here.machine)
    if limit is not None:
        return answer(429, "Too many requests. Please try again later.", [], {"Retry-After": str(limit.get("retry_after", 1))})
    for armed in here.faults.armed("api.error"):
        if armed.machine not in (None, here.machine):
            continue
        if not g.path.lower().startswith(str(armed.params.get("path", "/api")).lower()):
            continue
        if armed.params.get("method", request.method) != request.method:
            continue
        if armed.skip > 0:
            armed.skip -= 1
            continue
        here.faults.met(armed, here.machine, path=g.path, method=request.method)
        return answer(int(armed.params.get("status", 500)), str(armed.params.get("message", "An unexpected error occurred.")), [], {})
    return None
