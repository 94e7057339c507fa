# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Pipes between processes, and the console that they share."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Protocol

CODECS = {437: "cp437", 850: "cp850", 852: "cp852", 1250: "cp1250", 1252: "cp1252", 65001: "utf-8"}


class ProcessKilled(BaseException):
    """Raised in a handler at its next wait, read or write after its process was killed. Not an Exception: nobody handles death."""


class Sink(Protocol):
    """Where a process writes to."""

    def write(self, data: bytes) -> None: ...

    def close(self) -> None: ...

    def inherit(self) -> Callable[[], None]:
        """Have one more process hold it; what is returned lets go again."""


class Console:
    """What processes inherit from each other: the output code page (``chcp`` changes it for all of them)."""

    def __init__(self, codepage: int = 437) -> None:
        self.codepage = codepage

    @property
    def codec(self) -> str:
        return CODECS[self.codepage]

    def encode(self, text: str) -> bytes:
        return text.encode(self.codec, "replace")

    def decode(self, data: bytes) -> str:
        return data.decode(self.codec, "replace")


class Pipe:
    """Bytes from writers to a reader, without a limit. ``changed`` may be shared, to wait for several pipes at once."""

    def __init__(self, data: bytes = b"", closed: bool = False, changed: threading.Condition | None = None) -> None:
        self.changed = changed or threading.Condition()
        self._data = bytearray(data)
        self.closed = closed

    def write(self, data: bytes) -> None:
        """A write into a pipe that nobody reads any more is dropped."""
        with self.changed:
            if not self.closed:
                self._data += data
                self.changed.notify_all()

    def close(self) -> None:
        with self.changed:
            self.closed = True
            self.changed.notify_all()

    def inherit(self) -> Callable[[], None]:
        """Whoever made it closes it."""
        return _nothing

    def take(self) -> bytes:
        """What there is now."""
        with self.changed:
            data = bytes(self._data)
            self._data.clear()
            return data

    def wait_data(self, stop: Callable[[], bool]) -> bytes:
        """What there is, waiting for the first byte; empty at the end, or when ``stop`` says so after a notification."""
        with self.changed:
            while not self._data and not self.closed and not stop():
                self.changed.wait()
            return self.take()

    def __bool__(self) -> bool:
        return True

    @property
    def waiting(self) -> bool:
        """Whether there are bytes to read."""
        with self.changed:
            return bool(self._data)


class Null:
    """The device NUL."""

    def write(self, data: bytes) -> None:
        """Forget it."""

    def close(self) -> None:
        """Nothing is held."""

    def inherit(self) -> Callable[[], None]:
        return _nothing


def _nothing() -> None:
    """Nothing to let go of."""
