# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is told while a package is installed or removed: what Windows Installer is doing."""

from __future__ import annotations

import time
from collections.abc import Callable

from ansible_collections.octopus.upgrade.plugins.module_utils._core.progress import Progress
from ansible_collections.octopus.upgrade.plugins.module_utils._windows import msi_log
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.connection import WindowsHost
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.errors import HostError

EVERY = 15.0  # seconds between two looks at the log
# The actions that take long, as a person says it.
_WORDS = {"InstallFiles": "copying files", "RemoveFiles": "removing files"}


class Watch:
    """Tells from time to time which action of an installation is running, of how many, and how much of its files is done.

    Args:
        host: The node.
        log: The log of the installation there.
        doing: What is being done.
        tell: Takes the messages.
        clock: Seconds that only grow.
    """

    def __init__(self, host: WindowsHost, log: str, doing: str, tell: Progress, clock: Callable[[], float] = time.monotonic) -> None:
        self._host, self._log, self._doing, self._tell, self._clock = host, log, doing, tell, clock
        self._next = clock() + EVERY
        self._lines: list[str] = []

    def __call__(self) -> None:
        if not self._tell.is_shown or self._clock() < self._next:
            return
        try:
            self._lines = msi_log.look(self._host, self._log, self._lines)
        except HostError:
            self._lines = []  # nobody's installation fails because the host does not say
        self._next = self._clock() + EVERY
        found = msi_log.read(self._lines)
        if found:
            number = f", action {found.number} of {found.of}" if found.number else ""
            self._tell(f"{self._host.name}: {self._doing}: {_WORDS.get(found.action, found.action)}{number}", found.percent)
