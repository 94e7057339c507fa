# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What holds for every test. By its full name, as ansible-test loads this file too, without the settings of pyproject.toml."""

from __future__ import annotations

import pytest
from ansible_collections.octopus.upgrade.tests.patience import patient


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Scale the timeout of each test, its own or the general one, by OCTOPUS_TEST_PATIENCE."""
    if not config.pluginmanager.hasplugin("timeout"):
        return
    general = config.getoption("timeout") or config.getini("timeout") or 0
    for item in items:
        marker = item.get_closest_marker("timeout")
        seconds = float(marker.args[0] if marker else general)
        if seconds:
            item.add_marker(pytest.mark.timeout(patient(seconds)), append=False)
