# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What somebody is told at two in the morning: how the instance is, where everything lies, what to do. No lab, but for the last test.

The roles recover and report run as the role upgrade runs them, after a failure at a place that the variables say.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from lab.estate import CLUSTER, Lab
from patience import patient
from scenarios.operator import ROOT, Operator
from scenarios.world import look

PLAY: list[dict[str, Any]] = [
    {
        "hosts": "octo-a",
        "gather_facts": False,
        "module_defaults": {
            "octopus.upgrade.octopus_run_record": {"path": "{{ playbook_dir }}/runs/prod/now.jsonl"},
            "group/octopus.upgrade.mssql": {"login_host": "127.0.0.1", "login_port": 1, "login_user": "x", "login_password": "x"},
        },
        "tasks": [
            {
                "name": "Come so far",
                "octopus.upgrade.octopus_run_record": {"step": "{{ item }}"},
                "loop": "{{ begun_steps }}",
            },
            {
                "block": [{"name": "Do it", "ansible.builtin.fail": {"msg": "it broke"}}],
                "rescue": [{"ansible.builtin.include_role": {"name": "octopus.upgrade.recover"}}],
                "always": [{"ansible.builtin.include_role": {"name": "octopus.upgrade.report"}}],
            },
        ],
    }
]
FACTS: dict[str, Any] = {
    "octopus_instance": "prod",
    "octopus_nodes": ["octo-a", "octo-b"],
    "octopus_backup_folder": "\\\\nas\\backups\\prod",
    "octopus_sql_backup_folder": "\\\\nas\\backups\\prod",
    "octopus_run_dir": "/runs",
    "octopus_run_id": "now",
    "run_id": "now",
    "octopus_start_timeout": 5,
    "octopus_on_failure": "stop",
    "octopus_database_snapshot": False,
    "octopus_test_restore": False,
    "preflight_here": {"name": "OctopusServer"},
    "preflight_sql": {"host": "127.0.0.1", "port": 1, "database": "Octopus"},
    "preflight_plan": {
        "installed": "2025.3.14357",
        "rungs": ["2026.2.9853"],
        "before": {"maintenance": False, "drained": ["octo-b"], "watched": ["octo-a"]},
    },
    "preflight_restore_point": "now-2025.3.14357",
    "run_record": {"error": None},
    "run_facts": {},
    "run_steps": [],
    "run_done": [],
    "begun_steps": [],
}
WATCHED = ["stage.master_key", "quiesce.watchdog"]
STOPPED = [*WATCHED, "quiesce.maintenance", "quiesce.stop"]
APPLIED = [*STOPPED, "backup.sign", "apply.2026.2.9853.install", "apply.2026.2.9853.schema"]
PROVEN = [*APPLIED, "verify.reads", "publish.undrain"]


@pytest.fixture
def after(tmp_path: Path) -> Callable[..., tuple[str, dict[str, Any] | None]]:
    """Runs both roles after these steps; gives what is told, and the record."""
    (tmp_path / "play.yml").write_text(json.dumps(PLAY))
    node = {"ansible_connection": "winrm", "ansible_host": "127.0.0.1", "ansible_port": 1, "ansible_user": "x", "ansible_password": "x"}
    hosts = dict.fromkeys(FACTS["octopus_nodes"], node)
    (tmp_path / "hosts.yml").write_text(json.dumps({"octopus": {"hosts": hosts}}))

    def run(steps: list[str], *arguments: str, **facts: Any) -> tuple[str, dict[str, Any] | None]:
        command = [str(Path(sys.executable).parent / "ansible-playbook"), "play.yml", "-i", "hosts.yml", *arguments]
        kept = {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")}
        ansible = {
            "ANSIBLE_COLLECTIONS_PATH": str(ROOT / "build" / "tree"),
            "ANSIBLE_NOCOLOR": "1",
            "ANSIBLE_LOCAL_TEMP": str(tmp_path / "tmp"),
        }
        process = subprocess.run(
            [*command, "--extra-vars", json.dumps(FACTS | {"begun_steps": steps} | facts)],
            cwd=tmp_path, env=kept | ansible, capture_output=True, text=True, timeout=patient(200), check=False,
        )  # fmt: skip
        assert process.returncode == 2, process.stdout + process.stderr
        told = process.stdout[process.stdout.index("TASK [octopus.upgrade.upgrade : Fail") :]
        record = tmp_path / "runs" / "prod" / "now.json"
        return " ".join(told.split()), json.loads(record.read_text()) if record.exists() else None

    return run


def test_a_failure_while_staging_is_before_the_outage(after: Callable[..., Any], tmp_path: Path) -> None:
    told, record = after(["stage.package"])
    assert "Do it: it broke" in told
    assert "Instance prod was not touched: its service runs as before." in told
    assert f"Run record: {tmp_path}/runs/prod/now.json" in told
    assert "What could not be cleaned up: Let no job work on" in told, "what is left behind is told too"
    assert (record["verdict"], record["error"]) == ("failed_before_outage", "it broke")


def test_a_watchdog_that_is_off_and_no_outage_yet(after: Callable[..., Any]) -> None:
    told, record = after(WATCHED)
    assert record["verdict"] == "failed_before_outage"
    assert "was not touched, except its watchdog: its service runs as before." in told
    assert "Giving back failed too: Switch the service watchdog on again where it was on: octo-a" in told


def test_a_failed_check_mode_has_stopped_nothing_and_leaves_no_record(after: Callable[..., Any]) -> None:
    told, record = after(APPLIED, "--check")
    assert "was not touched" in told
    assert "Run record" not in told
    assert record is None


def test_an_instance_that_is_left_stopped_with_its_database_changed(after: Callable[..., Any], tmp_path: Path) -> None:
    told, record = after(APPLIED)
    assert record["verdict"] == "failed_stopped"
    assert "out of service" in told
    assert "The service is stopped on no node; elsewhere: octo-a unknown, octo-b unknown." in told
    assert "Run the same playbook again to go on where this run failed, or rollback.yml to go back." in told
    assert "restore that backup, install 2025.3.14357 on every node" in told
    for place in ("database.bak", "now-2025.3.14357", "folders", "packages", f"Run record: {tmp_path}/runs/prod/now.json"):
        assert place in told
    assert "maintenance mode off, octo-a undrained, watchdog on at octo-a." in told


def test_an_instance_that_cannot_be_given_back(after: Callable[..., Any]) -> None:
    told, record = after(STOPPED)
    assert record["verdict"] == "failed_stopped"
    assert "Neither its programs nor its database were changed." in told
    assert "restore that backup" not in told
    assert "Giving back failed too: Start the nodes again" in told
    assert "Run the same playbook again" in told


def test_a_way_back_that_fails_says_what_is_where_and_how_to_go_on(after: Callable[..., Any]) -> None:
    told, record = after(APPLIED, octopus_on_failure="rollback")
    assert record["verdict"] == "rollback_failed"
    assert "Do it: it broke" in told, "the first error first"
    assert "Going back failed too: Prove the restore point" in told
    assert "holds the database (database.bak), the server folders (folders), the package of 2025.3.14357 (packages)" in told
    assert "By hand, in this order: restore database.bak over Octopus, copy folders back, install 2025.3.14357" in told


def test_after_the_proof_nobody_is_told_to_restore(after: Callable[..., Any]) -> None:
    told, record = after(PROVEN)
    assert record["verdict"] == "failed_after_upgrade"
    assert "upgraded and proven" in told
    assert "Do not restore the backup" in told
    assert "out of service" not in told


def test_a_record_that_cannot_be_kept_stops_nobody_from_helping(after: Callable[..., Any], tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("no folder")
    told, _record = after([], run_steps=STOPPED)
    assert "Do it: it broke" in told
    assert "Giving back failed too: Start the nodes again" in told, "it was tried"
    assert "The run record could not be finished" in told
    assert "out of service" in told


def test_the_nodes_of_a_cluster_that_are_stopped_are_named(tmp_path: Path) -> None:
    with Lab(tmp_path / "lab", CLUSTER, scale=40) as lab:
        before = look(lab.instances["cluster"])
        lab.faults.arm("schema.fail")
        run = Operator(lab, tmp_path / "operator").play("upgrade_inplace", octopus_on_failure="stop")
        after = look(lab.instances["cluster"])
        assert lab.ledger.events("fault", action="met")
    told = " ".join(run.output[run.output.index("TASK [octopus.upgrade.upgrade : Fail") :].split())
    [record] = (run.folder / "octopus-runs" / "cluster").glob("*.json")
    assert json.loads(record.read_text())["verdict"] == "failed_stopped"
    assert f"The service is stopped on {', '.join(before.services)}. Do not start" in told
    assert {state for state, _start in after.services.values()} == {1}
    assert f"Run record: {record}" in told
