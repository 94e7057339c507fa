# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One factor for every deadline of the tests: a busy computer is slow, and that is no failure.

``OCTOPUS_TEST_PATIENCE`` sets it. The deadlines themselves are written for a computer that has nothing else to do.
"""

from __future__ import annotations

import os
from typing import TypeVar

Seconds = TypeVar("Seconds", int, float)
FACTOR = float(os.environ.get("OCTOPUS_TEST_PATIENCE") or 1)


def patient(seconds: Seconds) -> Seconds:
    """Scale a deadline in seconds of real time. Not for a deadline whose expiry is what a test waits for.

    Args:
        seconds: The deadline on a computer that has nothing else to do.

    Returns:
        The deadline here, of the same type: some libraries take whole seconds only.
    """
    return type(seconds)(seconds * FACTOR)
