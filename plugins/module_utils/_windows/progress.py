# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a module tells while it works: JSON lines in a file that the action plugin shows."""

from __future__ import annotations

import json
import threading


class Progress:
    """Appends messages to the file; without one, nothing happens. Several threads may tell at once.

    Args:
        path: The module's option ``progress_file``.
    """

    def __init__(self, path: str | None) -> None:
        self._path = path
        self._lock = threading.Lock()

    @property
    def is_shown(self) -> bool:
        """Whether anybody reads it: what is only looked up to be told need not be."""
        return self._path is not None

    def __call__(self, message: str, percent: float | None = None) -> None:
        """Tell something; never a secret."""
        if self._path is None:
            return
        event = {"message": message} if percent is None else {"message": message, "percent": round(percent, 1)}
        with self._lock, open(self._path, "a", encoding="utf-8") as stream:
            stream.write(json.dumps(event) + "\n")
