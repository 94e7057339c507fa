# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The record of a rehearsal."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._run import rehearsal

RECORD: dict[str, Any] = {
    "run_id": "r",
    "instance": "prod-clone",
    "from_version": "2025.3.14357",
    "to_version": "2026.2.9853",
    "ladder": ["2026.2.9853"],
    "started": "2026-11-23T20:58:00.000+00:00",
    "finished": "2026-11-23T21:30:00.000+00:00",
    "verdict": "upgraded",
    "outage_seconds": 12.5,
    "steps": [{"name": "a"}],
    "error": None,
    "backup": {"paths": []},
}
WHOSE = {"clone": "prod-clone", "clone_of": "prod", "restore_point": "point"}
BEFORE = {"data_bytes": 100, "log_bytes": 50, "version": "x"}


def test_a_rehearsal_that_ended_well() -> None:
    found = rehearsal.document(RECORD, **WHOSE, before=BEFORE, after={"data_bytes": 130, "log_bytes": 40})
    taken = ("run_id", "from_version", "to_version", "ladder", "started", "verdict", "outage_seconds", "steps", "finished")
    assert found == {**{name: RECORD[name] for name in taken}, **WHOSE, "error": "", "growth": {"data_bytes": 30, "log_bytes": 0}}


def test_one_that_failed_and_has_not_finished() -> None:
    now = datetime(2026, 11, 23, 22, 0, tzinfo=timezone.utc)
    record = RECORD | {"finished": None, "error": "no", "verdict": "rollback_failed"}
    found = rehearsal.document(record, **WHOSE, before=BEFORE, after=None, now=now)
    assert (found["finished"], found["error"], found["growth"]) == ("2026-11-23T22:00:00+00:00", "no", {})


def test_what_a_test_instance_took_says_nothing() -> None:
    found = rehearsal.of_test_instance(RECORD, clone="prod-test", clone_of="prod")
    assert (found["kind"], found["verdict"], found["steps"], found["clone"]) == ("test_instance", "upgraded", [], "prod-test")
    assert not {"outage_seconds", "growth", "restore_point"} & set(found)


def test_a_size_that_is_not_known_is_no_growth() -> None:
    assert rehearsal.growth(BEFORE, {"data_bytes": 130, "log_bytes": None}) == {}
    assert rehearsal.growth({"data_bytes": None, "log_bytes": 1}, {"data_bytes": 130, "log_bytes": 1}) == {}
