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
