# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Progress of a module from the percentage that SQL Server reports."""

from __future__ import annotations

import time
from collections.abc import Callable

from ansible_collections.octopus.upgrade.plugins.module_utils._core.progress import how_far
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.connection.connection import Message

PERCENT = 3211  # "N percent processed."


def percents(
    on_progress: Callable[[str, float | None], None],
    title: str,
    total_bytes: int | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> Callable[[Message], None]:
    """A function that takes each message of a statement WITH STATS and reports its percentage, and what that makes in MB per second.

    Args:
        on_progress: Called with the title and the percentage.
        title: What is being done.
        total_bytes: How much the statement reads or writes, where that is known.
        clock: Seconds that only grow.
    """
    start = clock()

    def report(message: Message) -> None:
        number = message.text.partition(" ")[0]
        if message.number == PERCENT and number.isdecimal():  # the number comes first in every language
            how = how_far(total_bytes * float(number) / 100, total_bytes, clock() - start) if total_bytes else ""
            on_progress(f"{title}: {how}" if how else title, float(number))

    return report
