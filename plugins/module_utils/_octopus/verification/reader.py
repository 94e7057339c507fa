# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reading much of a server within a bounded time: several requests at once, a second look at what failed, and a deadline."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from ansible_collections.octopus.upgrade.plugins.module_utils._core.stopping import Pool
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.api.client import OctopusApi
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import NotAsked, OctopusError

_AT_ONCE = 8  # requests; within the connections that one session of requests keeps open
_TOO_MANY_REQUESTS = 429
_SECOND_LOOKS = 25  # a server of which more fails has failed

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass
class Found(Generic[Item, Result]):
    """What came of reading several things.

    Attributes:
        read: Each thing with what was read of it, in the order in which they were given.
        failed: Each thing that the server refused, with its error.
        left: Each thing that was not asked about, with the reason: the deadline, a limit of requests, or no way to ask.
    """

    read: list[tuple[Item, Result]] = field(default_factory=list)
    failed: list[tuple[Item, OctopusError]] = field(default_factory=list)
    left: list[tuple[Item, str]] = field(default_factory=list)


@dataclass
class Gaps:
    """What could not be read, each with the reason, by a name such as ``Spaces-1/projects``.

    Attributes:
        failed: What the server refused.
        left: What it was not asked for, or gave no answer about.
    """

    failed: dict[str, str] = field(default_factory=dict)
    left: dict[str, str] = field(default_factory=dict)

    def take(self, found: Found[Item, Any], name: Callable[[Item], str]) -> None:
        """Add what is missing of something that was read."""
        self.failed |= {name(item): error.message for item, error in found.failed}
        self.left |= {name(item): why for item, why in found.left}


class Reader:
    """Reads from one server until a deadline.

    Args:
        api: The server.
        seconds: For how long, counted from now. What is asked by then is waited for.
    """

    def __init__(self, api: OctopusApi, seconds: float) -> None:
        self.api = api
        self._seconds = seconds
        self._began = time.monotonic()

    @property
    def seconds(self) -> float:
        """Seconds since the beginning."""
        return time.monotonic() - self._began

    def each(self, items: Iterable[Item], read: Callable[[Item], Result]) -> Found[Item, Result]:
        """Read several things at once. What fails is asked for once more, alone: a server that has just started is busy."""
        found: Found[Item, Result] = Found()
        again: list[tuple[Item, OctopusError]] = []
        things = list(items)
        with Pool(_AT_ONCE) as pool:
            for item, outcome in zip(things, pool.map(lambda item: self._try(item, read), things), strict=True):
                if isinstance(outcome, OctopusError) and not _unasked(outcome) and len(again) < _SECOND_LOOKS:
                    again.append((item, outcome))
                else:
                    self._put(found, item, outcome)
        for item, first in again:
            second = self._try(item, read)
            self._put(found, item, first if isinstance(second, str) else second)
        places = {id(item): place for place, item in enumerate(things)}
        found.read.sort(key=lambda entry: places[id(entry[0])])
        return found

    def _try(self, item: Item, read: Callable[[Item], Result]) -> _Read | OctopusError | str:
        if self.seconds >= self._seconds:
            return f"not read within {self._seconds:g} seconds"
        try:
            return _Read(read(item))
        except OctopusError as error:
            return error

    def _put(self, found: Found[Item, Result], item: Item, outcome: _Read | OctopusError | str) -> None:
        if isinstance(outcome, _Read):
            found.read.append((item, outcome.value))
        elif isinstance(outcome, OctopusError):
            if _unasked(outcome):
                found.left.append((item, f"not asked: {outcome.message}"))
            else:
                found.failed.append((item, outcome))
        else:
            found.left.append((item, outcome))


@dataclass(frozen=True)
class _Read:
    """A result, which may itself be a text."""

    value: Any


def _unasked(error: OctopusError) -> bool:
    """Whether the error says nothing about the thing that was asked for."""
    return isinstance(error, NotAsked) or error.status == _TOO_MANY_REQUESTS
