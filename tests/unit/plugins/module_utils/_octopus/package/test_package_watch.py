# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is told while a package is installed."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.octopus.upgrade.plugins.module_utils._core import progress
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.package import watch
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.errors import HostError
from ansible_collections.octopus.upgrade.tests.unit.windows_host import FakeHost


def _told(monkeypatch: pytest.MonkeyPatch, found: Any, listens: bool = True) -> tuple[list[str], int]:
    asked: list[str] = []

    def last_action(_host: FakeHost, log: str) -> Any:
        asked.append(log)
        if isinstance(found, Exception):
            raise found
        return found

    monkeypatch.setattr(watch.msi, "last_action", last_action)
    times = iter((0.0, 5.0, 16.0, 16.5, 20.0))
    told: list[str] = []
    with progress.listening(told.append):
        tested = watch.Watch(FakeHost(), "C:\\a.log", "installing 2026.2.9853", progress.Progress(), clock=lambda: next(times))
        if listens:
            for _poll in range(3):
                tested()
    if not listens:
        tested()
    return told, len(asked)


def test_the_action_is_told_from_time_to_time(monkeypatch: pytest.MonkeyPatch) -> None:
    assert _told(monkeypatch, (42, "InstallFiles")) == (["octo-a: installing 2026.2.9853: InstallFiles, action 42"], 1)


@pytest.mark.parametrize("found", [None, HostError("gone", "octo-a")])
def test_a_log_that_does_not_tell_fails_no_installation(monkeypatch: pytest.MonkeyPatch, found: Any) -> None:
    assert _told(monkeypatch, found) == ([], 1)


def test_a_host_is_not_asked_for_what_nobody_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    assert _told(monkeypatch, (42, "InstallFiles"), listens=False) == ([], 0)
