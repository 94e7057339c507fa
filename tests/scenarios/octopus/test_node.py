# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The modules of nodes against a Windows host of the lab, through WinRM, the product's command line and its REST API."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from typing import Any

import pytest
from lab.core.network import Machine
from patience import patient

from .conftest import HOME, MASTER_KEY, LabNode

SECRETS = (MASTER_KEY, "Sq1!of-the-lab", "Pw!of-the-lab", "API-REALADMIN")


@pytest.fixture
def node(octopus_node: Any) -> LabNode:
    return octopus_node()


def changes(node: LabNode) -> list[str]:
    return [str(event) for event in node.network.ledger.events() if event.kind in ("file", "service.state", "msi")]


def service_state(node: LabNode) -> int:
    return node.host.services.query("OctopusDeploy").state


@pytest.mark.parametrize("version", ["2018.10.7", "2026.2.9853"])
def test_info_of_a_host_with_and_without_check_mode(octopus_node, version):
    node = octopus_node(version)
    # It answers before Windows has been told that it runs.
    node.network.ledger.wait_for(lambda event: event.kind == "service.state" and event["state"] == "RUNNING", patient(60))
    before = len(changes(node))
    result = node.module("octopus_info", **node.api)
    assert result["changed"] is False
    host = result["hosts"]["octo01"]
    assert host["program"] == {"path": r"C:\Program Files\Octopus Deploy\Octopus", "version": version}
    [instance] = host["instances"]
    assert (instance["name"], instance["node_name"], instance["home"]) == ("OctopusServer", "OCTO01", r"C:\Octopus")
    assert instance["service"]["state"] == "running"
    assert instance["service"]["start_type"] == "auto"
    assert instance["database"]["database"] == "Octopus"
    assert instance["database"]["host"] == instance["database"]["server"]
    assert instance["configuration_error"] is None
    assert instance["url"] == node.api["url"]
    assert instance["folders"] == result["server"]["folders"]
    assert host["watchdog"]["enabled"] is True
    assert host["free_bytes"]["C:"] > 0
    assert host["has_curl"] is True
    assert changes(node)[before:] == []
    given = json.dumps({name: value for name, value in result.items() if name != "invocation"})
    assert not [secret for secret in SECRETS if secret in given]
    assert "Password=********" in instance["connection_string"]
    again = node.module("octopus_info", check_mode=True, gather=["hosts"])["hosts"]["octo01"]
    # The server writes its log in between, so the disk has less room each time, and the lab's clock runs faster than ours.
    assert {**again, "free_bytes": host["free_bytes"], "clock_offset_seconds": host["clock_offset_seconds"]} == host


@pytest.mark.parametrize("server", ["(local)\\PROD", "tcp:octo01\\PROD"])
def test_a_database_on_the_host_itself_is_reached_at_the_hosts_address(node, server):
    path = f"{HOME}\\OctopusServer.config"
    text = node.host.fs.read(path, node.host.system).decode()
    [remote] = {part for part in re.split("[;>]", text) if part.startswith("Server=")}
    node.host.fs.write(path, text.replace(remote, f"Server={server}").encode(), node.host.system)
    [instance] = node.module("octopus_info", gather=["hosts"])["hosts"]["octo01"]["instances"]
    assert instance["database"]["server"] == server.removeprefix("tcp:")
    assert instance["database"]["host"] == f"{node.host.address}\\PROD"
    assert instance["database"]["port"] is None


def test_stop_and_start_are_verified_and_idempotent(node):
    assert node.module("octopus_node", state="stopped", check_mode=True)["changed"]
    assert service_state(node) == 4
    first = node.module("octopus_node", state="stopped", watchdog="disabled")["nodes"]["octo01"]
    assert (first["was_service_state"], first["service_state"]) == ("running", "stopped")
    assert (first["watchdog"]["before"], first["watchdog"]["after"]) == (True, False)
    assert service_state(node) == 1
    again = node.module("octopus_node", state="stopped", watchdog="disabled")
    assert again["changed"] is False
    info = node.module("octopus_info", gather=["hosts"])["hosts"]["octo01"]
    assert info["watchdog"]["enabled"] is False
    assert info["instances"][0]["service"]["pid"] is None

    started = node.module("octopus_node", state="started", watchdog="enabled", expected_version="2020.5.7", **node.api)
    assert started["nodes"]["octo01"]["version"] == "2020.5.7"
    assert service_state(node) == 4
    assert not node.module("octopus_node", state="started", watchdog="enabled", **node.api)["changed"]


def test_drain_waits_for_nothing_and_undrains(node):
    result = node.module("octopus_node", state="drained", **node.api)
    assert result["nodes"]["octo01"]["was_drained"] is False
    assert not node.module("octopus_node", state="drained", **node.api)["changed"]
    # A drained node answers a load balancer with 418, and is well.
    assert "failed" not in node.module("octopus_node", state="started", **node.api)
    assert node.module("octopus_node", state="undrained", **node.api)["changed"]
    assert not node.module("octopus_node", state="undrained", **node.api)["changed"]


def test_a_wrong_version_is_told_with_the_last_answer(node):
    result = node.module("octopus_node", state="started", expected_version="2026.2.9853", timeout=1, **node.api)
    assert "Last answer: version 2020.5.7." in result["msg"]


def test_a_start_that_fails_by_a_known_jump_names_it(octopus_node):
    node = octopus_node("2025.3.14357")
    assert "failed" not in node.module("octopus_node", state="stopped", watchdog="disabled")
    with node.handle.store() as store:
        store.add("Configuration", {"Id": "dynamic-extensions-scripts", "Csp": None})
    said = node.module("octopus_node", state="started", timeout=int(patient(60)), **node.api)["msg"]
    assert "stopped by itself" in said
    assert "This is known as null-dynamic: The server does not start" in said


def test_a_service_that_hangs_is_told_and_not_killed(node):
    node.network.faults.arm("service.hang_stop")
    result = node.module("octopus_node", state="stopped", timeout=1)
    assert "stop_pending" in result["msg"]
    assert result["nodes"]["octo01"]["was_service_state"] == "running"


def test_a_wrong_password_is_told(node, monkeypatch):
    monkeypatch.setattr(LabNode, "connection", {**node.connection, "password": "wrong"})
    assert "octo01" in node.module("octopus_node", state="stopped")["msg"]


def test_the_master_key_is_backed_up_in_two_places_and_nowhere_readable(node, tmp_path):
    Machine("nas", node.network)
    node.network.add_share("nas", "backups", tmp_path / "share", {node.network.machine_account("octo01")})
    (tmp_path / "password").write_text("vault password", encoding="utf-8")
    options = {
        "dest": str(tmp_path / "run" / "key.vault"),
        "remote_dest": r"\\nas\backups\prod & co\key (1).vault",
        "vault_id": f"lab@{tmp_path / 'password'}",
    }
    assert node.module("octopus_masterkey_backup", check_mode=True, **options)["changed"]
    assert not (tmp_path / "run").exists()
    first = node.module("octopus_masterkey_backup", **options)
    assert (first["changed"], first["verified"], first["encrypted"]) == (True, True, True)
    assert not node.module("octopus_masterkey_backup", **options)["changed"]
    for path in (tmp_path / "run" / "key.vault", tmp_path / "share" / "prod & co" / "key (1).vault"):
        argv = [sys.executable, "-m", "ansible", "vault", "view", "--vault-id", options["vault_id"], str(path)]
        assert subprocess.run(argv, capture_output=True, check=True, text=True).stdout.strip() == MASTER_KEY
    assert MASTER_KEY not in json.dumps(first)
    assert not [event for event in node.network.ledger.events() if MASTER_KEY in json.dumps(event.as_dict(), default=str)]
    readable = [path for path in tmp_path.rglob("*") if path.is_file() and MASTER_KEY.encode() in path.read_bytes()]
    assert readable == []


JOB_ACCOUNT, JOB_PASSWORD = "LAB\\octo-backup", "S3cret & more"
WORK_ROOT = "C:\\ProgramData\\octopus.upgrade"


@pytest.fixture
def shared_key(node, tmp_path):
    """The module with a share that an account reaches which is no administrator; and the file there."""
    node.network.add_account("octo-backup", JOB_PASSWORD)
    Machine("nas", node.network)
    node.network.add_share("nas", "backups", tmp_path / "share", {JOB_ACCOUNT})
    (tmp_path / "password").write_text("vault password", encoding="utf-8")

    def keep(**options):
        return node.module(
            "octopus_masterkey_backup",
            **{
                "remote_dest": r"\\nas\backups\prod\key.vault",
                "vault_password_file": str(tmp_path / "password"),
                "job_user": JOB_ACCOUNT,
                "job_password": JOB_PASSWORD,
                **options,
            },
        )

    return keep, tmp_path / "share" / "prod" / "key.vault"


def left_behind(node: LabNode) -> list[str]:
    folders = {name: node.host.fs.listdir(path, node.host.system) for name, path in (("jobs", f"{WORK_ROOT}\\jobs"), ("", WORK_ROOT))}
    tasks = [task.name for task in node.host.tasks.all() if "encrypted-file" in task.name]
    return [*folders["jobs"], *(name for name in folders[""] if name != "jobs"), *tasks]


def test_the_account_of_the_job_may_read_what_it_copies(node, shared_key):
    keep, there = shared_key
    assert keep()["verified"]
    assert there.read_text(encoding="ascii").startswith("$ANSIBLE_VAULT;")
    # Only SYSTEM and administrators have rights on work_root. The lab's drives do not enforce that, so it is looked at here.
    allowed = {path for path, entry in node.host.acls.items() if JOB_ACCOUNT.lower() in entry}
    written = {event["path"].lower() for event in node.network.ledger.events("file") if event.get("action") == "write"}
    encrypted = [path for path in written if path.startswith(WORK_ROOT.lower()) and path.endswith(".vault")]
    assert encrypted
    assert [path for path in encrypted if path.rpartition("\\")[0] not in allowed] == []
    assert left_behind(node) == []


def test_a_share_that_is_full_keeps_what_was_there_and_leaves_nothing(node, shared_key, tmp_path):
    keep, there = shared_key
    keep()
    before = there.read_bytes()
    (tmp_path / "other").write_text("other", encoding="utf-8")
    node.network.faults.arm("disk.full", times=None, path=r"\\nas\backups\prod\key.vault.part")
    failed = keep(force=True, vault_password_file=str(tmp_path / "other"))
    assert failed["failed"]
    assert JOB_ACCOUNT in failed["msg"]
    node.network.faults.disarm()
    kept = [path.read_bytes() for path in there.parent.iterdir()]
    assert kept == [before], "the file that was there, under whichever name, and no broken one"
    assert left_behind(node) == []


def test_a_wrong_password_of_the_account_leaves_nothing(node, shared_key):
    keep, there = shared_key
    failed = keep(job_password="wrong")
    assert failed["failed"]
    assert JOB_ACCOUNT in failed["msg"]
    assert not there.exists()
    assert left_behind(node) == []


def test_another_master_key_is_not_replaced(node, tmp_path):
    (tmp_path / "password").write_text("pw", encoding="utf-8")
    options = {"vault_password_file": str(tmp_path / "password"), "remote_dest": r"C:\Backup\key.vault"}
    assert node.module("octopus_masterkey_backup", **options)["changed"]
    kept = node.host.fs.read(r"C:\Backup\key.vault", node.host.system)
    (tmp_path / "other").write_text("other", encoding="utf-8")
    options["vault_password_file"] = str(tmp_path / "other")
    assert "Nothing was changed" in node.module("octopus_masterkey_backup", **options)["msg"]
    assert node.host.fs.read(r"C:\Backup\key.vault", node.host.system) == kept
    [name] = node.module("octopus_masterkey_backup", force=True, **options)["backup_files"]
    assert node.host.fs.read(name, node.host.system) == kept
