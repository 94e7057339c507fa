# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is told while folders are copied: which ones, how much is done, and when the rest will be."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from ansible_collections.octopus.upgrade.plugins.module_utils._core.progress import Progress, how_far
from ansible_collections.octopus.upgrade.plugins.module_utils._windows import processes
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.errors import HostError
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.jobs import Job

EVERY = 30.0  # seconds between two messages


class Watch:
    """Tells from time to time which jobs are still running, and how far they are.

    Args:
        tell: Takes the messages.
        doing: What the jobs do.
        jobs: The jobs by the name of their folder, all on one host.
        total_bytes: How much each of them will write, where that is known.
        clock: Seconds that only grow.
    """

    def __init__(
        self,
        tell: Progress,
        doing: str,
        jobs: Mapping[str, Job],
        total_bytes: Mapping[str, int],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._tell, self._doing, self._jobs, self._total, self._clock = tell, doing, jobs, total_bytes, clock
        self._start = clock()
        self._next = self._start + EVERY

    def __call__(self) -> None:
        now = self._clock()
        if now < self._next:
            return
        elapsed = now - self._start
        done, total = self._written()
        how = how_far(done, total, elapsed)
        percent = 100 * min(done, total) / total if total else None
        self._tell(f"still {self._doing} {', '.join(self._jobs)} after {elapsed:.0f} s{f': {how}' if how else ''}", percent)
        self._next = self._clock() + EVERY

    def _written(self) -> tuple[int, int | None]:
        """Return how much is written and how much will be, where that is known. Nobody's copy fails because the host does not say."""
        if not self._tell.is_shown or not self._jobs:
            return 0, None
        try:
            written = processes.written_by_jobs(next(iter(self._jobs.values())).host)
        except HostError:
            return 0, None
        # A job that has ended has written all that it had to write.
        done = {name: written.get(job.identity, self._total.get(name, 0)) for name, job in self._jobs.items()}
        known = all(name in self._total for name in self._jobs)
        return sum(done.values()), sum(self._total[name] for name in self._jobs) if known else None
