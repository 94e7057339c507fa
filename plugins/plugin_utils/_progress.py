# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Show what a module reports while it runs. Private to this collection."""

from __future__ import annotations

import json
import threading
from typing import Any

from ansible.utils.display import Display

display = Display()


class ProgressTail:
    """Show each JSON line that a module appends to a file, with the host's name, until the module is done.

    A line is ``{"message": "...", "percent": 42}``; percent may be missing.
    """

    def __init__(self, path: str, host: str, interval: float = 0.2) -> None:
        self._path = path
        self._host = host
        self._interval = interval
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._follow, daemon=True)

    def __enter__(self) -> ProgressTail:
        with open(self._path, "w", encoding="utf-8"):
            pass
        self._thread.start()
        return self

    def __exit__(self, *exc_info: Any) -> None:
        self._done.set()
        self._thread.join(timeout=5)

    def _follow(self) -> None:
        with open(self._path, encoding="utf-8") as stream:
            pending = ""
            while True:
                last = self._done.wait(self._interval)
                pending += stream.read()
                *lines, pending = pending.split("\n")
                for line in lines:
                    display.display(f"[{self._host}] {text_of(line)}")
                if last:
                    return


def text_of(line: str) -> str:
    """One progress line as a person reads it. A line that is no JSON is shown as it is."""
    try:
        event = json.loads(line)
    except ValueError:
        return line
    if not isinstance(event, dict):
        return line
    percent = event.get("percent")
    return str(event.get("message", "")) + (f" ({percent:.0f} %)" if isinstance(percent, (int, float)) else "")
