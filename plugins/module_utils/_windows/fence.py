# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A condition that the host itself checks in the same command as the act.

For an act that would harm where somebody else has taken over while this process slept, or could not reach the host: it goes on with a step
that it has begun before, and what it asked then no longer holds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from .connection import SYSTEM32, CommandResult, WindowsHost
from .quoting import cmd_line


@dataclass(frozen=True)
class Fence:
    """The condition.

    Attributes:
        line: A line of cmd.exe, made by :mod:`quoting`, that ends the command where the act is refused.
        code: The exit code then.
        refused: Makes the error that is raised then.
    """

    line: str
    code: int
    refused: Callable[[WindowsHost], Exception]


_fence: Fence | None = None  # of this process: a worker runs one task


@contextmanager
def standing(fence: Fence) -> Iterator[None]:
    """Let the fence stand while the body runs, in each of its threads."""
    global _fence  # noqa: PLW0603 - one per process
    before, _fence = _fence, fence
    try:
        yield
    finally:
        _fence = before


def run(host: WindowsHost, name: str, *arguments: str) -> CommandResult:
    """Run a program of Windows that may run twice, if the fence lets it pass.

    Args:
        host: The host.
        name: The program, by its bare name.
        *arguments: Its arguments.

    Raises:
        InvalidValue: An argument cannot be passed safely.
        HostUnreachable: The host does not answer.
        Exception: The fence's own, where it stands in the way.
    """
    fence = _fence
    if fence is None:
        return host.run([name, *arguments], idempotent=True)
    result = host.run_cmd(f"{fence.line}& {cmd_line([f'{SYSTEM32}{name}.exe', *arguments])}", idempotent=True)
    if result.exit_code == fence.code:
        raise fence.refused(host)
    return result
