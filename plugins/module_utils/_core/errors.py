# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The root of every exception that this collection raises on purpose. A module turns one into a failed task; anything else is a bug."""

from __future__ import annotations

from typing import Any


class UpgradeError(Exception):
    """Something could not be done as wanted.

    Attributes:
        result: What the failed task returns beside its message, such as the state of each node. Never holds a secret.
    """

    result: dict[str, Any] = {}


class InvalidValue(UpgradeError, ValueError):
    """A value that cannot be what it is given for: a path, a name, a number, or text that cannot be passed to Windows safely."""


class TaskFailed(UpgradeError):
    """A module's work ended in failure, with a result worth returning.

    Args:
        message: What was expected, what was found, where, and what to do.
        result: As for :class:`UpgradeError`.
    """

    def __init__(self, message: str, result: dict[str, Any]) -> None:
        super().__init__(message)
        self.result = result


class MissingLibrary(UpgradeError):
    """A Python library that the control node needs is not installed.

    Args:
        library: What to give to pip.
        trace: The traceback of the failed import.
    """

    def __init__(self, library: str, trace: str) -> None:
        super().__init__(
            f"Expected the Python library {library} on the control node, in the environment that runs Ansible, but it cannot be imported. "
            f"Install it there: pip install {library}"
        )
        self.result = {"exception": trace}
