# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Bad input: each fails before anything is changed, and says what was wanted, what was found, where, and what to do."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml
from lab.estate import SINGLE, Lab
from lab.winrm.logons import Logons
from scenarios import exact
from scenarios.leftovers import leftovers
from scenarios.operator import Operator, Run
from scenarios.world import World, look

CHANGING_KINDS = ("service.state", "sql.backup", "sql.restore", "msi")


@dataclass
class Scene:
    """One lab for all cases: each leaves it as it was. ``runs``: the journals that there have to be."""

    lab: Lab
    folder: Path
    runs: set[str] = field(default_factory=set)

    def operator(self, name: str) -> Operator:
        return Operator(self.lab, self.folder / name)


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    folder = tmp_path_factory.mktemp("bad")
    with Lab(folder / "lab", SINGLE) as lab:
        lab.instances["single"].sql.add_login("weak", "W3ak!password")
        yield Scene(lab, folder)


def _limited(lab: Lab) -> str:
    return lab.instances["single"].handle.limited_key


def _closed_port(lab: Lab) -> str:
    return f"https://{lab.network.prefix}.250:8443"


@dataclass(frozen=True)
class Case:
    name: str
    variables: Callable[[Lab], dict[str, Any]]
    says: tuple[str, ...]


CASES = [
    Case("unknown_version", lambda lab: {"octopus_version": "2026.9.1"}, ("2026.9.1", "Octopus.2026.9.1-x64.msi", "40")),
    Case("no_version", lambda lab: {"octopus_version": "newest"}, ("newest", "2018.10.7")),
    Case("lower_version", lambda lab: {"octopus_version": "2024.3.13097"}, ("2024.3.13097", "2025.3.14357", "target_not_older")),
    Case(
        "falling_ladder",
        lambda lab: {"octopus_ladder": ["2026.2.9853", "2025.4.10423", "2026.2.9853"]},
        ("octopus_ladder must rise", "2025.4.10423"),
    ),
    Case("unreachable_host", lambda lab: {"ansible_host": f"{lab.network.prefix}.251"}, ("octo01", ".251", "5986")),
    Case("unreachable_api", lambda lab: {"octopus_url": _closed_port(lab)}, (".250:8443",)),
    Case("unreachable_sql", lambda lab: {"octopus_sql_host": f"{lab.network.prefix}.252"}, (".252", "1433")),
    Case("wrong_api_key", lambda lab: {"octopus_api_key": "API-WRONG"}, ("does not accept the API key",)),
    Case("limited_api_key", lambda lab: {"octopus_api_key": _limited(lab)}, ("AdministerSystem",)),
    Case(
        "login_without_rights", lambda lab: {"octopus_sql_user": "weak", "octopus_sql_password": "W3ak!password"}, ("weak", "OctopusDeploy")
    ),
    Case("backup_path", lambda lab: {"octopus_sql_backup_root": "D:\\nowhere"}, ("D:\\nowhere", "SQL Server")),
    Case("other_share", lambda lab: {"octopus_backup_root": "\\\\nas\\other"}, ("\\\\nas\\other",)),
    Case("no_seal", lambda lab: {"octopus_vault_password_file": ""}, ("octopus_vault_password_file",)),
    Case("unknown_waiver", lambda lab: {"octopus_waivers": ["licence"]}, ("licence", "license_compliant")),
    Case("wrong_hash", lambda lab: {"octopus_msi_sha256": {"2026.2.9853": "0" * 64}}, ("0" * 64, "2026.2.9853")),
    Case("self_signed_sql", lambda lab: {"octopus_sql_ca_path": ""}, ("certificate",)),
    Case("self_signed_api", lambda lab: {"octopus_ca_path": ""}, ("certificate", "ca_path")),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_bad_input_fails_before_anything_is_changed(case: Case, scene: Scene) -> None:
    lab = scene.lab
    before, mark = look(lab.instances["single"]), lab.ledger.mark()
    run = scene.operator(case.name).play("upgrade_inplace", **case.variables(lab))
    output = " ".join(run.output.split())
    assert run.code != 0, run.output[-3000:]
    for words in case.says:
        assert words in output, f"{words!r} is not in\n{run.output[-4000:]}"
    if case.name == "wrong_hash":  # only the download itself can show it: users notice nothing of that either
        record = run.record("single")
        assert record["verdict"] == "failed_before_outage"
        _unchanged(scene, before, mark, own_runs={f"{record['run_id']}.jsonl"})
    else:
        _nothing_begun(scene, run, mark)
        _unchanged(scene, before, mark)


def _nothing_begun(scene: Scene, run: Run, mark: int) -> None:
    """A run that never began leaves no record, not even half of one, and writes nothing anywhere."""
    assert not (run.folder / "octopus-runs").exists()
    events = scene.lab.ledger.events("file", since=mark)
    assert [event for event in events if event.get("by") != "trigger"] == []


def _unchanged(scene: Scene, before: World, mark: int, own_runs: Collection[str] = ()) -> None:
    """The instance is exactly as it was, and nothing is left over.

    Args:
        own_runs: The journals that a run of its own has left on the coordinator; there is never a lock.
    """
    instance = scene.lab.instances["single"]
    events = scene.lab.ledger.events(since=mark)
    assert [event for event in events if event.kind in CHANGING_KINDS] == []
    assert [event for event in events if event.kind == "rest" and event["method"] != "GET"] == []
    assert exact.changed(before, look(instance)) == []
    scene.runs |= set(own_runs)
    ours = instance.hosts[0].root / "C" / "ProgramData" / "octopus.upgrade"
    assert {path.name for path in (ours / "runs").rglob("*") if path.is_file()} == scene.runs
    assert not (ours / "runs" / "single" / "lock").exists()
    backups = scene.lab.backup_share.volume.root
    assert {path.name for path in backups.rglob("*") if path.is_file()} == scene.runs, "nothing but the copies of journals"
    assert leftovers(scene.lab, instance) == []


def test_a_wrong_windows_password_is_tried_once(scene: Scene) -> None:
    logons = Logons.of(scene.lab.network)
    account = next(name for name in scene.lab.network.accounts if name.endswith("single-admin"))
    failed = logons.failures[account]
    run = scene.operator("windows-password").play("upgrade_inplace", ansible_password="wrong")
    assert run.code != 0
    assert "octo01" in run.output and "single-admin" in run.output
    assert logons.failures[account] == failed + 1
    assert not logons.locked(account)


def test_a_wrong_sql_password_is_tried_once(scene: Scene) -> None:
    mark = scene.lab.ledger.mark()
    run = scene.operator("sql-password").play("upgrade_inplace", octopus_sql_password="wrong")
    assert run.code != 0
    assert "octopus_upgrade" in run.output and "18456" in run.output
    failed = [event for event in scene.lab.ledger.events("sql.session", since=mark) if event.get("error") == 18456]
    assert len(failed) == 1


def test_a_host_without_an_instance_stops_everything(scene: Scene) -> None:
    operator = scene.operator("stray")
    hosts = operator.inventory / "hosts.yml"
    inventory = yaml.safe_load(hosts.read_text())
    inventory["octopus"]["hosts"] = {"stray": {"ansible_host": f"{scene.lab.network.prefix}.253"}}
    hosts.write_text(yaml.safe_dump(inventory))
    mark = scene.lab.ledger.mark()
    run = operator.play("upgrade_inplace")
    assert run.code != 0
    assert "octopus_instance" in run.output and "stray" in run.output
    assert scene.lab.ledger.events("winrm.", since=mark) == []


def test_a_limit_that_cuts_a_cluster_is_refused(tmp_path: Path) -> None:
    from lab.estate import CLUSTER

    with Lab(tmp_path / "lab", CLUSTER) as lab:
        run = Operator(lab, tmp_path / "operator").play("upgrade_inplace", "--limit", "octo-b")
        assert run.code != 0
        assert "octo-a" in run.output and "--limit" in run.output
        assert lab.ledger.events("winrm.") == []


def test_too_little_room_on_the_node(scene: Scene) -> None:
    drive = scene.lab.instances["single"].hosts[0].fs.drives["C"]
    before, mark = look(scene.lab.instances["single"]), scene.lab.ledger.mark()
    capacity, drive.capacity = drive.capacity, drive.used() + 700 * 1024  # the packages fit, an installation does not
    try:
        run = scene.operator("room").play("upgrade_inplace")
    finally:
        drive.capacity = capacity
    assert run.code != 0
    assert "space_on_node" in run.output and "octo01" in run.output
    _nothing_begun(scene, run, mark)
    _unchanged(scene, before, mark)


@pytest.mark.parametrize("more", [False, True])
def test_check_mode_shows_the_steps_and_changes_nothing(more: bool, scene: Scene) -> None:
    """``more``: with what an upgrade can be asked to do besides."""
    before, mark = look(scene.lab.instances["single"]), scene.lab.ledger.mark()
    variables = {"octopus_test_restore": True, "octopus_database_snapshot": True} if more else {}
    run = scene.operator("check").play("upgrade_inplace", "--check", **variables)
    assert run.code == 0, run.output[-4000:]
    steps = ["Switch maintenance mode on", "Stop the nodes", "Back up", "Upgrade the schema"]
    for step in [*steps, "Restore under another name", "Make the snapshot"] if more else steps:
        assert step in run.output
    _nothing_begun(scene, run, mark)
    _unchanged(scene, before, mark)
    assert [event for event in scene.lab.ledger.events("task.run", since=mark) if event.get("by") != "trigger"] == []
    shutil.rmtree(run.folder)
