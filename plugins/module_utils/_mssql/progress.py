# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a module reports while it runs, for its action plugin to show."""

from __future__ import annotations

import json
from collections.abc import Callable

from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.connection.connection import Message

PERCENT = 3211  # "N percent processed."


class Progress:
    """Appends JSON lines to a file.

    Args:
        path: The module's option ``progress_file``; None: nobody listens.
    """

    def __init__(self, path: str | None) -> None:
        self._path = path

    def __call__(self, message: str, percent: float | None = None) -> None:
        if self._path is None:
            return
        event = {"message": message} if percent is None else {"message": message, "percent": percent}
        with open(self._path, "a", encoding="utf-8") as stream:
            stream.write(json.dumps(event) + "\n")


def percents(on_progress: Callable[[str, float | None], None], title: str) -> Callable[[Message], None]:
    """What to call with each message of a statement WITH STATS, so that its percentage is shown under a title."""

    def report(message: Message) -> None:
        number = message.text.partition(" ")[0]
        if message.number == PERCENT and number.isdecimal():  # the number comes first in every language
            on_progress(title, float(number))

    return report
