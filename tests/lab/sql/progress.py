# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What takes long: lab time passes, the client hears of it, and may cancel."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from ..tds.engine_api import Output

if TYPE_CHECKING:
    from .session import Session

SLICE = 0.02  # real seconds between two looks at the client
PROGRESS = 3211


class Progress:
    """The progress of one BACKUP, RESTORE or DBCC.

    Args:
        seconds: Lab seconds that it takes.
        step: Percent between two messages (STATS); None: no messages.
    """

    def __init__(self, session: Session, out: Output, seconds: float, step: int | None = None) -> None:
        self._session = session
        self._out = out
        self._seconds = max(seconds, 1e-6)
        self._step = step
        self._shown = 0
        self._done = 0.0

    def run(self, until: float, check: Callable[[], None] | None = None) -> None:
        """Let the time pass up to ``until`` percent; ``check`` is called at each look.

        Raises:
            Attention, ConnectionError: The client cancelled, went, or was killed.
        """
        clock = self._session.server.clock
        end = clock.seconds() + (until - self._done) / 100 * self._seconds
        start = self._done
        length = max(end - clock.seconds(), 1e-9)
        while True:
            left = end - clock.seconds()
            self._done = until if left <= 0 else max(start, until - left / length * (until - start))
            self._look()
            if check is not None:
                check()
            if left <= 0:
                return
            clock.sleep(min(left, SLICE * clock.scale), self._session.client.killed)

    def _look(self) -> None:
        client = self._session.client
        request = client.request
        if request is not None:
            request.percent = self._done
            request.remaining = (100 - self._done) / 100 * self._seconds
        if client.killed.is_set():
            raise ConnectionError("the session was killed")
        self._out.poll()
        if self._step is None:
            return
        # A busy server reports what it has reached, not each step that it has passed.
        reached = int(self._done) // self._step * self._step
        if reached > self._shown and reached < 100:
            self._shown = reached
            self._out.progress(PROGRESS, f"{reached} percent processed.")

    def last(self) -> None:
        """The message of the last percent."""
        if self._step is not None:
            self._out.progress(PROGRESS, "100 percent processed.")
