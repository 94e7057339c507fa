# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What holds for every test. By its full name, as ansible-test loads this file too, without the settings of pyproject.toml."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator

import pytest
from ansible_collections.octopus.upgrade.tests.patience import patient

GENERAL = 300.0  # seconds, where pyproject.toml is not read: as there


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Scale the timeout of each test, its own or the general one, by OCTOPUS_TEST_PATIENCE."""
    if not config.pluginmanager.hasplugin("timeout"):
        return
    general = config.getoption("timeout") or config.getini("timeout") or GENERAL
    for item in items:
        marker = item.get_closest_marker("timeout")
        seconds = float(marker.args[0] if marker else general)
        if seconds:
            item.add_marker(pytest.mark.timeout(patient(seconds)), append=False)


def _processor_seconds() -> float:
    return sum(os.times()[:4])


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """Write what a test cost to the file that OCTOPUS_TEST_CPU names: seconds of a processor, of real time, and its name.

    Processes that it started count when they have been waited for, and fixtures for the first test that uses them.
    """
    path, cpu, wall = os.environ.get("OCTOPUS_TEST_CPU"), _processor_seconds(), time.monotonic()
    yield
    if path:
        with open(path, "a", encoding="utf-8") as file:
            file.write(f"{_processor_seconds() - cpu:.2f}\t{time.monotonic() - wall:.2f}\t{item.nodeid}\n")
