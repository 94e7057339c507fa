# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""octopus_rehearsal and octopus_rehearsal_info: records beside the restore points, on a share that only jobs reach."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from ansible_collections.octopus.upgrade.tests.unit.run_module import run_module
from scenarios.restore_point.setting import Setting

LADDER = ["2025.3.14357", "2026.2.9853"]
CLONE = {"clone": "pair clone", "clone_of": "pair", "restore_point": "20261123T210000Z-2020.5.7"}
SIZES = {"before": {"data_bytes": 100, "log_bytes": 50, "version": "2020.5.7"}, "after": {"data_bytes": 130, "log_bytes": 50}}


def run_record(run_id: str, days: float, **more: Any) -> dict[str, Any]:
    """The record of a clone's upgrade that ended so many days ago."""
    ended = datetime.now(timezone.utc) - timedelta(days=days)
    return {
        "run_id": run_id,
        "instance": CLONE["clone"],
        "from_version": "2020.5.7",
        "to_version": LADDER[-1],
        "ladder": LADDER,
        "started": (ended - timedelta(hours=1)).isoformat(),
        "finished": ended.isoformat(),
        "verdict": "upgraded",
        "outage_seconds": 412.7,
        "steps": [
            {"name": f"step.{number}", "start": "2026-11-23T21:00:00.000+00:00", "seconds": 1.5, "result": "ok"} for number in range(60)
        ],
        "error": 'Übel: "100%" & more',
        "backup": {"paths": []},
        **more,
    }


def expected(record: dict[str, Any], growth: dict[str, int]) -> dict[str, Any]:
    """The record of its rehearsal, as it is to be written."""
    taken = {name: value for name, value in record.items() if name not in ("instance", "backup")}
    return {**taken, **CLONE, "growth": growth, "format": 1}


@pytest.fixture
def rehearsal(cluster: Setting, point: str) -> Callable[..., dict[str, Any]]:
    def run(module: str, **options: Any) -> dict[str, Any]:
        given = {"connection": cluster.connections[0], "root": cluster.root, **(CLONE if module == "octopus_rehearsal" else {})}
        return run_module(module, **{**given, **options})

    return run


def test_recorded_once_and_found_again(cluster: Setting, rehearsal: Callable[..., Any], job_folders: None) -> None:
    jump = {"from_version": "2020.5.7", "ladder": LADDER}
    nothing = rehearsal("octopus_rehearsal_info", **jump)
    assert (nothing["changed"], nothing["rehearsals"], nothing["outlook"]) == (False, [], None), nothing
    assert nothing["free_bytes"] > 0, "the share's root is there before anything in it"
    old, new = run_record("20261120T010000Z", 5), run_record("20261124T010000Z", 1)
    folder = cluster.backups / "rehearsals"
    assert rehearsal("octopus_rehearsal", record=old, **SIZES, check_mode=True)["changed"] and not folder.exists()
    result = rehearsal("octopus_rehearsal", record=old, **SIZES)
    assert result["changed"] and result["path"] == f"{cluster.root}\\rehearsals\\20261120T010000Z.json", result
    assert json.loads((folder / "20261120T010000Z.json").read_text()) == expected(old, {"data_bytes": 30, "log_bytes": 0})
    assert not rehearsal("octopus_rehearsal", record=old, **SIZES)["changed"]
    other = rehearsal("octopus_rehearsal", record={**old, "verdict": "failed_rolled_back"}, **SIZES)
    assert other["failed"] and "already holds another rehearsal" in other["msg"]

    rehearsal("octopus_rehearsal", record=new)
    found = rehearsal("octopus_rehearsal_info", **jump)
    assert [one["run_id"] for one in found["rehearsals"]] == ["20261124T010000Z", "20261120T010000Z"]
    assert found["free_bytes"] > 0
    outlook = found["outlook"]
    assert (outlook["run_id"], outlook["succeeded"], outlook["outage_seconds"]) == ("20261124T010000Z", True, 412.7)
    assert 0.99 <= outlook["age_days"] <= 1.01
    assert found["rehearsals"][1]["growth"] == {"data_bytes": 30, "log_bytes": 0} and outlook["growth"] == {}, (
        "the sizes after it are not known"
    )
    assert rehearsal("octopus_rehearsal_info", from_version="2020.5.7", ladder=[LADDER[-1]])["outlook"] is None, "another way up"
    assert rehearsal("octopus_rehearsal_info", from_version="2020.5.8", ladder=LADDER)["outlook"] is None
    # A test instance's upgrade is told, and counts as none.
    trial = rehearsal(
        "octopus_rehearsal", record=run_record("20261125T010000Z", 0.5), kind="test_instance", clone="pair test", restore_point=None
    )
    assert trial["path"] == f"{cluster.root}\\rehearsals\\test-20261125T010000Z.json", trial
    found = rehearsal("octopus_rehearsal_info", **jump)
    assert found["outlook"]["run_id"] == "20261124T010000Z" and len(found["rehearsals"]) == 3
    assert (found["tested"]["test_instance"], found["tested"]["verdict"], found["tested"]["same_path"]) == ("pair test", "upgraded", True)
    # They are no restore points, nor in the way of those.
    assert all("rehearsals" not in one["id"] for one in cluster.info()["restore_points"])


def test_one_that_failed_or_cannot_be_read(cluster: Setting, rehearsal: Callable[..., Any], job_folders: None) -> None:
    rehearsal("octopus_rehearsal", record=run_record("20261120T010000Z", 5))
    rehearsal("octopus_rehearsal", record=run_record("20261124T010000Z", 1, verdict="failed_rolled_back", outage_seconds=None))
    (cluster.backups / "rehearsals" / "20261125T010000Z.json").write_text("{half")
    found = rehearsal("octopus_rehearsal_info", from_version="2020.5.7", ladder=LADDER)
    assert len(found["rehearsals"]) == 2
    assert (found["outlook"]["run_id"], found["outlook"]["succeeded"]) == ("20261124T010000Z", False)


@pytest.mark.parametrize(
    "wrong", [{"verdict": ""}, {"run_id": "..\\x"}, {"ladder": []}, {"finished": "yesterday"}, {"outage_seconds": None}]
)
def test_what_is_no_record(rehearsal: Callable[..., Any], cluster: Setting, wrong: dict[str, Any]) -> None:
    result = rehearsal("octopus_rehearsal", record={**run_record("20261120T010000Z", 5), **wrong})
    assert result["failed"] and next(iter(wrong)) in result["msg"], result
    assert not (cluster.backups / "rehearsals").exists()


def test_a_share_that_cannot_be_reached(cluster: Setting, rehearsal: Callable[..., Any], job_folders: None) -> None:
    cluster.lab.backup_share.reachable = False
    result = rehearsal("octopus_rehearsal_info", from_version="2020.5.7", ladder=LADDER)
    assert result["failed"] and "cannot be read by a job as" in result["msg"], result
