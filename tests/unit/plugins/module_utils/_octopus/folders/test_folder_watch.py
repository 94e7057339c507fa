# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How far copies are, as it is told."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.octopus.upgrade.plugins.module_utils._core import progress as core_progress
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.folders import watch
from ansible_collections.octopus.upgrade.plugins.module_utils._windows import processes
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.errors import HostError

MB, GB = 1024**2, 1024**3


def _told(monkeypatch: pytest.MonkeyPatch, written: Any, total: dict[str, int]) -> list[str]:
    monkeypatch.setattr(processes, "written_by_jobs", written)
    jobs: Any = {name: SimpleNamespace(identity=f"job-{name}", host=None) for name in ("logs", "packages")}
    times = iter((0.0, 10.0, 60.0, 60.0))
    told: list[str] = []
    with core_progress.listening(told.append):
        watcher = watch.Watch(core_progress.Progress(), "copying", jobs, total, clock=lambda: next(times))
        watcher()
        assert told == [], "not so soon"
        watcher()
    return told


def test_a_job_that_has_ended_counts_as_done(monkeypatch: pytest.MonkeyPatch) -> None:
    told = _told(monkeypatch, lambda host: {"job-packages": GB}, {"logs": GB, "packages": 3 * GB})
    assert told == ["still copying logs, packages after 60 s: 2.0 GB of 4.0 GB, 34.1 MB/s, about 1 min left (50 %)"]


def test_a_total_that_is_not_known_is_not_guessed(monkeypatch: pytest.MonkeyPatch) -> None:
    told = _told(monkeypatch, lambda host: {"job-logs": MB, "job-packages": MB}, {"logs": GB})
    assert told == ["still copying logs, packages after 60 s: 2.0 MB, 0.0 MB/s"]


def test_a_host_that_does_not_say_fails_no_copy(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(host: Any) -> dict[str, int]:
        raise HostError("PowerShell is not allowed here")

    assert _told(monkeypatch, fails, {}) == ["still copying logs, packages after 60 s"]
