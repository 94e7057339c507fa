# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The screen of ansible-playbook, with lines at its end that show what is running now. Private to this collection."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import threading
from collections.abc import Callable, Sequence
from typing import Any

from ansible import constants as C
from ansible.utils.display import Display
from ansible_collections.octopus.upgrade.plugins.module_utils._core.progress import Message
from ansible_collections.octopus.upgrade.plugins.plugin_utils._console import EVERY
from ansible_collections.octopus.upgrade.plugins.plugin_utils._console_text import BAD, GOOD, TITLE, WARN, Line, wrapped

_COLORS = {TITLE: C.COLOR_HIGHLIGHT, GOOD: C.COLOR_OK, BAD: C.COLOR_ERROR, WARN: C.COLOR_WARN}


def has_terminal() -> bool:
    """Whether the output goes to a terminal that can go back to the beginning of a line."""
    return sys.stdout.isatty() and os.environ.get("TERM", "dumb") != "dumb"


class Screen:
    """Prints lines through Ansible's own Display, which colours and logs them, and keeps the status below them.

    Ansible's Display prints everything of this process: warnings, and what workers say, whose progress comes here as a :class:`Message`.
    So its method is replaced by one that takes the status away first. A worker, which is forked with that, goes on with Ansible's own.

    Args:
        display: Ansible's.
        live: Whether there is a status at all.
        on_message: Gets what a module reports, within the lock.
        on_tick: Called from time to time, within the lock.
        status: The lines of the status for a width, within the lock.
    """

    def __init__(
        self,
        display: Display,
        live: bool,
        on_message: Callable[[Message], object],
        on_tick: Callable[[], object],
        status: Callable[[int], Sequence[str]],
    ) -> None:
        self.lock = threading.RLock()
        self._display, self._live = display, live
        self._on_message, self._on_tick, self._status = on_message, on_tick, status
        self._own = display.display
        self._process = os.getpid()
        self._drawn = 0
        self._closed = threading.Event()

    def open(self) -> None:
        """Take everything that is displayed from now on."""
        self._display.display = self._displayed
        threading.Thread(target=self._tick, name="octopus.upgrade.progress", daemon=True).start()

    def close(self) -> None:
        """Leave the display as it was, and the cursor below what was printed."""
        if self._closed.is_set() or os.getpid() != self._process:
            return
        with self.lock:
            self._closed.set()
            self._erase()
            # Nobody else's, who may have replaced it since.
            if self._display.__dict__.get("display") == self._displayed:
                del self._display.display

    def show(self, lines: Sequence[Line]) -> None:
        """Print lines, and the status below them."""
        with self.lock:
            self._erase()
            for line in lines:
                words = wrapped(line.text, shutil.get_terminal_size().columns - 1) if self._live else line.text
                self._own(words, color=_COLORS.get(line.tone))
            self._draw()

    # -- parts

    def _displayed(self, msg: str, *args: Any, **options: Any) -> None:
        if os.getpid() != self._process:  # a worker; the lock may have been forked while another thread held it
            self._own(msg, *args, **options)
            return
        with self.lock:
            if isinstance(msg, Message) and msg.host:
                self._on_message(msg)
                return
            self._erase()
            self._own(msg, *args, **options)
            self._draw()

    def _tick(self) -> None:
        while not self._closed.wait(EVERY):
            with self.lock:
                if not self._closed.is_set():
                    self._on_tick()

    def _draw(self) -> None:
        if not self._live or self._closed.is_set():
            return
        lines = self._status(shutil.get_terminal_size().columns)
        if lines:
            # The cursor stays at the beginning of the last line.
            self._write("\n".join(lines) + "\r")
            self._drawn = len(lines)

    def _erase(self) -> None:
        if self._drawn:
            up = f"\x1b[{self._drawn - 1}A" if self._drawn > 1 else ""
            self._write(f"{up}\r\x1b[J")
            self._drawn = 0

    @staticmethod
    def _write(words: str) -> None:
        with contextlib.suppress(OSError):  # a terminal that has gone
            sys.stdout.write(words)
            sys.stdout.flush()
