# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What counts as the record of a rehearsal, and which of them speaks for an upgrade."""

from __future__ import annotations

import dataclasses
import json
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError
from ansible_collections.octopus.upgrade.plugins.module_utils._restore_point.rehearsals import (
    Jump,
    checked,
    keep,
    kept,
    last_test,
    look,
    outlook,
)
from ansible_collections.octopus.upgrade.tests.unit.windows_host import FakeHost

NOW = datetime(2026, 11, 25, 12, tzinfo=timezone.utc)


def record(**more: Any) -> dict[str, Any]:
    return {
        "clone": "copy",
        "clone_of": "prod",
        "run_id": "20261124T120000Z",
        "restore_point": "20261124T100000Z-2020.5.7",
        "from_version": "2020.5.7",
        "to_version": "2026.2.9853",
        "ladder": ["2025.3.14357", "2026.2.9853"],
        "finished": "2026-11-24T12:00:00+00:00",
        "verdict": "upgraded",
        "outage_seconds": 100.5,
        "steps": [],
        **more,
    }


JUMP = Jump("2020.5.7", ["2025.3.14357", "2026.2.9853"])


def test_the_newest_of_this_very_jump_speaks_even_if_it_failed():
    failed = record(run_id="b", verdict="failed_rolled_back", outage_seconds=None)
    other = record(run_id="c", ladder=["2026.2.9853"])
    found = outlook([other, failed, record()], JUMP, NOW)
    assert found is not None
    assert (found["run_id"], found["succeeded"], found["age_days"]) == ("b", False, 1.0)
    found = outlook([record(growth={"data_bytes": 1}), failed], JUMP, NOW)
    assert found is not None
    assert (found["succeeded"], found["outage_seconds"], found["growth"], found["steps"]) == (True, 100.5, {"data_bytes": 1}, [])
    assert outlook([other], JUMP, NOW) is None
    assert outlook([record()], Jump("2020.5.8", JUMP.ladder), NOW) is None


def test_the_steps_of_a_rehearsal_tell_how_long_those_of_the_upgrade_will_take():
    schema = {"name": "apply.2026.2.9853.schema", "start": "x", "seconds": 60.5, "result": "ok", "scripts": 12}
    steps = [
        schema,
        {"name": "prune", "seconds": 1.0, "result": "failed"},
        {"name": "stage.license", "seconds": None, "result": "ok"},
        "what?",
    ]
    found = outlook([record(steps=steps)], JUMP, NOW)
    assert found is not None
    assert found["steps"] == [{"name": schema["name"], "seconds": 60.5, "scripts": 12}, {"name": "stage.license"}]


@pytest.mark.parametrize(
    "wrong",
    [{"clone": None}, {"run_id": "a\\b"}, {"finished": "soon"}, {"ladder": "2026.2.9853"}, {"steps": None}, {"outage_seconds": None}],
)
def test_what_is_none_is_not_written(wrong: dict[str, Any]):
    with pytest.raises(OctopusError, match=next(iter(wrong))):
        checked(record(**wrong))


def of_test(**more: Any) -> dict[str, Any]:
    left = {name: value for name, value in record().items() if name not in ("restore_point", "outage_seconds")}
    return {**left, "kind": "test_instance", "clone": "prod-test", **more}


def test_a_test_instance_is_told_and_no_rehearsal(tmp_path: Path):
    assert outlook([checked(of_test())], JUMP, NOW) is None
    found = last_test([record(run_id="c"), of_test(verdict="failed_rolled_back"), of_test(run_id="a")], JUMP, NOW)
    assert found == {
        **{"run_id": "20261124T120000Z", "from_version": "2020.5.7", "to_version": "2026.2.9853", "finished": "2026-11-24T12:00:00+00:00"},
        **{"verdict": "failed_rolled_back", "test_instance": "prod-test", "age_days": 1.0, "succeeded": False, "same_path": True},
    }
    other = last_test([of_test()], Jump("2025.3.14357", ["2026.2.9853"]), NOW)
    assert other is not None and other["same_path"] is False
    assert last_test([record()], JUMP, NOW) is None
    # One of the same run hides none.
    for one in (record(), of_test()):
        keep(str(tmp_path), checked(one))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["20261124T120000Z.json", "test-20261124T120000Z.json"]
    assert len(kept(str(tmp_path))) == 2


def test_one_that_failed_needs_no_outage():
    assert checked(record(verdict="failed_rolled_back", outage_seconds=None))["format"] == 1


# -- read without a job

LOCAL = "D:\\Backups\\prod"


def host(root: str = LOCAL, **answers: Any) -> FakeHost:
    listed = f'if exist "{root}\\rehearsals"'
    return FakeHost({listed: "a.json\r\nb.json\r\nnotes.txt\r\n", "dir /-c": "1 Dir(s)  5000 bytes free\r\n", **answers})


def test_many_tests_hide_no_rehearsal() -> None:
    names = [f"test-202611{number:02}T120000Z.json" for number in range(1, 26)]
    answers = {f'type "{LOCAL}\\rehearsals\\{name}"': json.dumps(of_test(run_id=name[5:-5])) for name in names}
    listed = f'if exist "{LOCAL}\\rehearsals"'
    fake = host(
        **{listed: "\r\n".join(["20261101T120000Z.json", *names, ""]), **answers},
        **{f'type "{LOCAL}\\rehearsals\\20261101T120000Z.json"': json.dumps(record())},
    )
    found = look(fake, LOCAL)  # type: ignore[arg-type]
    assert found is not None and outlook(found[0], JUMP, NOW) is not None and len(found[0]) == 21


def test_a_local_folder_is_read_without_a_job_and_the_newest_is_first() -> None:
    newer = record(run_id="b", finished="2026-11-25T12:00:00+00:00")
    fake = host(**{f'type "{LOCAL}\\rehearsals\\a.json"': json.dumps(record()), f'type "{LOCAL}\\rehearsals\\b.json"': json.dumps(newer)})
    found = look(fake, LOCAL)  # type: ignore[arg-type]
    assert found is not None
    assert [one["run_id"] for one in found[0]] == ["b", "20261124T120000Z"] and found[1] == 5000
    assert not [command for command in fake.commands if "schtasks" in command or ">" in command.replace("2>", "").replace(">nul", "")]


def test_a_share_is_read_where_the_connection_passes_its_credentials_on_and_only_there() -> None:
    share = "\\\\nas\\backups\\prod"
    fake = host(share)
    assert look(fake, share) is None  # type: ignore[arg-type]
    assert fake.commands == []
    fake.options = dataclasses.replace(fake.options, transport=("credssp",))
    fake.answers[f'if exist "{share}\\rehearsals"'] = (3, "")
    assert look(fake, share) == ([], 5000)  # type: ignore[arg-type]


def test_a_folder_that_this_account_may_not_read_is_not_known() -> None:
    fake = host(type=(1, "Access is denied."))
    assert look(fake, LOCAL) is None  # type: ignore[arg-type]


def test_copies_on_the_control_node_are_found_again_and_what_is_none_is_left_out(tmp_path: Path) -> None:
    folder = tmp_path / "prod" / "rehearsals"
    assert kept(str(folder)) == []
    newer = checked(record(run_id="a", finished="2026-11-25T12:00:00+00:00"))
    for one in (newer, checked(record()), newer):
        keep(str(folder), one)
    (folder / "torn.json").write_text('{"clone":')
    (folder / "other.json").write_text("[]")
    assert [one["run_id"] for one in kept(str(folder))] == ["a", "20261124T120000Z"]
    assert kept(str(folder))[0] == newer
    (tmp_path / "file").write_text("")
    with pytest.raises(OctopusError, match="no copy of it"):
        keep(str(tmp_path / "file"), newer)
