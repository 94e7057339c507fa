# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The same work on several hosts at once, with a thread and a connection for each."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from ansible_collections.octopus.upgrade.plugins.module_utils._core.errors import UpgradeError
from ansible_collections.octopus.upgrade.plugins.module_utils._core.stopping import Pool

from .connection import ConnectionOptions, WindowsHost

Result = TypeVar("Result")

# A cluster of Octopus Server nodes is far smaller.
MOST_AT_ONCE = 32


def on_each(
    connections: Sequence[ConnectionOptions],
    function: Callable[[WindowsHost], Result],
    open_host: Callable[[ConnectionOptions], WindowsHost] = WindowsHost,
) -> dict[str, Result | Exception]:
    """Call a function with each host, all at once, and wait for all of them.

    Args:
        connections: The hosts.
        function: Gets an open host.
        open_host: Opens a host.

    Returns:
        By inventory name, in the order given, what the function returned, or the exception that ended it: the failure of one host does not
        stop the work on the others.
    """

    def on_one(options: ConnectionOptions) -> Result:
        with open_host(options) as host:
            return function(host)

    if not connections:
        return {}
    with Pool(max_workers=min(len(connections), MOST_AT_ONCE)) as pool:
        running = {options.name: pool.submit(on_one, options) for options in connections}
    outcomes: dict[str, Result | Exception] = {}
    for name, future in running.items():
        error = future.exception()
        if isinstance(error, Exception):
            outcomes[name] = error
        else:
            outcomes[name] = future.result()
    return outcomes


def failures(outcomes: Mapping[str, object]) -> list[str]:
    """Return the messages of the hosts that failed, each with the host's name.

    Args:
        outcomes: What :func:`on_each` returned.

    Raises:
        Exception: One of them is a bug, and no failure that is raised on purpose.
    """
    messages = []
    for name, outcome in outcomes.items():
        if isinstance(outcome, UpgradeError):
            said = str(outcome)
            messages.append(said if said.startswith((f"{name} ", f"{name}:")) else f"{name}: {said}")
        elif isinstance(outcome, Exception):
            raise outcome
    return messages
