# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a module reports while it works, shown at once by the worker of ansible-playbook that runs it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

Listener = Callable[[str], object]

_listener: Listener | None = None


@contextmanager
def listening(listener: Listener) -> Iterator[None]:
    """Within this, the listener gets each message of this process, from whichever thread. One task is all that a worker runs."""
    global _listener  # noqa: PLW0603 - threads of the module have to find it, and contextvars do not reach those of a pool
    _listener = listener
    try:
        yield
    finally:
        _listener = None


class Progress:
    """Reports to whoever listens; where nobody does, as in a module that runs as a process of its own, nothing happens."""

    @property
    def is_shown(self) -> bool:
        """Whether anybody reads it; what is looked up only to be reported need not be looked up otherwise."""
        return _listener is not None

    def __call__(self, message: str, percent: float | None = None) -> None:
        """Report something; never a secret."""
        if _listener is not None:
            _listener(message if percent is None else f"{message} ({percent:.0f} %)")
