# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Files in use: they can be read, neither changed nor moved."""

from __future__ import annotations

import threading
from pathlib import Path

from .volumes import WinError


class FilesInUse:
    def __init__(self) -> None:
        self._locked: dict[Path, int] = {}
        self._lock = threading.Lock()

    def lock(self, real: Path) -> None:
        """A running program holds its file: it can be read, not changed."""
        with self._lock:
            self._locked[real] = self._locked.get(real, 0) + 1

    def unlock(self, real: Path) -> None:
        with self._lock:
            left = self._locked.get(real, 0) - 1
            if left > 0:
                self._locked[real] = left
            else:
                self._locked.pop(real, None)

    def _refuse_locked(self, real: Path, path: str) -> None:
        with self._lock:
            if real in self._locked:
                raise WinError(32, path)

    def _refuse_locked_below(self, folder: Path, path: str) -> None:
        """A folder with a file in use cannot be renamed."""
        with self._lock:
            if any(folder in one.parents for one in self._locked):
                raise WinError(5, path)
