# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a module reports while it works, shown at once by the worker of ansible-playbook that runs it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Message(str):
    """One message as a person reads it, which remembers what it was made of for a console that shows it in its own way.

    It is a text, so that it takes the way of any text of a worker: Ansible's queue to ansible-playbook, and to the screen.

    Attributes:
        what: What is being done.
        percent: How much of it is done; None where that is not known.
        part: The number of the part of it that has begun; None where it has none, or they are not counted.
        host: The inventory name that it is shown with; empty where it is not shown yet.
    """

    __slots__ = ("host", "part", "percent", "what")

    what: str
    percent: float | None
    part: int | None
    host: str

    def __new__(cls, what: str, percent: float | None = None, part: int | None = None, host: str = "") -> Message:
        """Make the message."""
        text = str(what) if percent is None else f"{what} ({percent:.0f} %)"
        made = super().__new__(cls, f"[{host}] {text}" if host else text)
        made.what, made.percent, made.part, made.host = str(what), percent, part, host
        return made

    def __getnewargs__(self) -> tuple[str, float | None, int | None, str]:  # type: ignore[override]
        return (self.what, self.percent, self.part, self.host)


Listener = Callable[[Message], object]

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

    def __call__(self, message: str, percent: float | None = None, part: int | None = None) -> None:
        """Report something; never a secret.

        Args:
            message: What is being done.
            percent: How much of it is done, where that is known.
            part: The number of its part that has begun, where nobody here knows how many there are.
        """
        if _listener is not None:
            _listener(Message(message, percent, part))


# -- how far something is


def how_far(done: float, total: float | None, seconds: float) -> str:
    """Return how much of something is copied, how fast, and how long the rest will take, as the end of a sentence.

    Args:
        done: Bytes that are done.
        total: Bytes that there are; None where that is not known.
        seconds: How long that has taken.
    """
    if done <= 0:
        return ""
    rate = done / seconds if seconds >= 1 else None  # what is measured over less says nothing
    speed = f", {rate / 1024**2:.1f} MB/s" if rate else ""
    if not total:
        return f"{size(done)}{speed}"
    # A file that grows meanwhile, or is copied a second time, is counted more than once.
    done = min(done, total)
    left = f", about {duration((total - done) / rate)} left" if rate and done < total else ""
    return f"{size(done)} of {size(total)}{speed}{left}"


def size(number: float) -> str:
    """Return a number of bytes as a person reads it."""
    return f"{number / 1024**3:.1f} GB" if number >= 1024**3 else f"{number / 1024**2:.1f} MB"


def duration(seconds: float) -> str:
    """Return about how long something takes: in seconds below a minute, else in whole minutes."""
    if seconds < 60:
        return f"{max(1, round(seconds))} s"
    hours, minutes = divmod(int(seconds + 59) // 60, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"


def clock(seconds: float) -> str:
    """Return exactly how long something took, as hh:mm:ss."""
    minutes, rest = divmod(int(seconds + 0.5), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{rest:02}"
