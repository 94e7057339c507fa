# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Nobody waits for a host that these tests know to be away."""

from __future__ import annotations

import pytest
from ansible_collections.octopus.upgrade.plugins.module_utils._core.waiting import Deadline
from ansible_collections.octopus.upgrade.plugins.module_utils._windows import connection


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    monkeypatch.setattr(connection, "_patience", lambda: Deadline(0))
