# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where redirected output goes: files held open, and NUL."""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock

from lab.core.filesystem import Logon
from lab.windows.host import WindowsHost
from lab.windows.streams import Null, Sink

_OPENING = Lock()


class FileSink:
    """A file opened for writing: others may read it, not write, move or delete it, until all have closed it that have it.

    Programs inherit what is redirected, so that one which outlives its cmd.exe keeps the file from being opened for writing
    (https://stackoverflow.com/a/9048097 makes a lock of that).
    """

    def __init__(self, host: WindowsHost, path: str, logon: Logon, append: bool) -> None:
        self._host, self._path, self._logon = host, path, logon
        with _OPENING:  # of two that open it at once, Windows lets one
            host.fs.write(path, b"", logon, append=append)
            self._real = host.fs.real(path, logon)
            host.fs.lock(self._real)
        host.ledger.record("file", host.name, action="append" if append else "write", path=path)

    def write(self, data: bytes) -> None:
        """
        Raises:
            WinError: 112, no room.
        """
        self._host.fs.room(self._path, len(data), self._logon)
        with self._real.open("ab") as stream:
            stream.write(data)

    def close(self) -> None:
        self._host.fs.unlock(self._real)

    def inherit(self) -> Callable[[], None]:
        self._host.fs.lock(self._real)
        return self.close


def open_sink(host: WindowsHost, path: str, logon: Logon, append: bool) -> Sink:
    """
    Raises:
        WinError: It cannot be opened.
    """
    if path.rpartition("\\")[2].lower() in ("nul", "nul:"):
        return Null()
    return FileSink(host, path, logon, append)
