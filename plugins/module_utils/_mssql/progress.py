# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Progress of a module from the percentage that SQL Server reports."""

from __future__ import annotations

from collections.abc import Callable

from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.connection.connection import Message

PERCENT = 3211  # "N percent processed."


def percents(on_progress: Callable[[str, float | None], None], title: str) -> Callable[[Message], None]:
    """A function that takes each message of a statement WITH STATS and reports its percentage.

    Args:
        on_progress: Called with the title and the percentage.
        title: What is being done.
    """

    def report(message: Message) -> None:
        number = message.text.partition(" ")[0]
        if message.number == PERCENT and number.isdecimal():  # the number comes first in every language
            on_progress(title, float(number))

    return report
