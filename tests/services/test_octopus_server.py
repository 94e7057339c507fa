# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A real Octopus Server: its REST API, licence, counts and database, looked at by another client."""

from __future__ import annotations

import secrets
import subprocess
import sys
from pathlib import Path

from services.servers import OctopusServer, SqlServer

SPACE = "Spaces-1"


def test_what_it_says_about_itself(octopus: OctopusServer) -> None:
    server = octopus.module("octopus_info", gather=["server"])["server"]
    root = octopus.get("/api")
    assert (server["version"], server["installation_id"]) == (root["Version"], root["InstallationId"])
    assert {space["id"] for space in server["spaces"]} == {space["Id"] for space in octopus.get("/api/spaces/all")}
    assert {node["name"] for node in server["nodes"]} == {node["Name"] for node in octopus.get("/api/octopusservernodes")["Items"]}
    assert server["maintenance"]["enabled"] is octopus.get("/api/maintenanceconfiguration")["IsInMaintenanceMode"]


def test_the_licence_is_stored_encrypted(octopus: OctopusServer, tmp_path: Path) -> None:
    password, dest = tmp_path / "vault-password", tmp_path / "license.vault"
    password.write_text(secrets.token_hex(16) + "\n", encoding="utf-8")
    assert octopus.module("octopus_license_backup", dest=str(dest), vault_password_file=str(password))["changed"] is True
    assert octopus.module("octopus_license_backup", dest=str(dest), vault_password_file=str(password))["changed"] is False
    program = Path(sys.executable).parent / "ansible-vault"
    command = [str(program), "view", "--vault-password-file", str(password), str(dest)]
    shown = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert shown.split() == octopus.get("/api/licenses/licenses-current")["LicenseText"].split()


def test_maintenance_mode_is_switched_on_and_off(octopus: OctopusServer) -> None:
    def is_on() -> bool:
        return bool(octopus.get("/api/maintenanceconfiguration")["IsInMaintenanceMode"])

    assert not is_on()
    try:
        assert octopus.module("octopus_maintenance", state="enabled")["changed"] is True
        assert is_on()
        assert octopus.module("octopus_maintenance", state="enabled")["changed"] is False
    finally:
        assert octopus.module("octopus_maintenance", state="disabled")["changed"] is True
    assert not is_on()


def test_a_loss_is_noticed_and_who_is_to_be_asked_about_it(octopus: OctopusServer) -> None:
    group, lifecycle = (octopus.get(f"/api/{SPACE}/{what}?take=1")["Items"][0]["Id"] for what in ("projectgroups", "lifecycles"))
    body = {"Name": f"services {secrets.token_hex(4)}", "ProjectGroupId": group, "LifecycleId": lifecycle}
    project = octopus.request("POST", f"/api/{SPACE}/projects", body)["Id"]
    try:
        baseline = octopus.module("octopus_baseline_info")["baseline"]
        assert baseline["counts"][SPACE]["projects"] == octopus.get(f"/api/{SPACE}/projects?take=1")["TotalResults"]
        assert not [found for found in octopus.module("octopus_verify", baseline=baseline)["differences"] if found["verdict"] == "wrong"]
    finally:
        octopus.request("DELETE", f"/api/{SPACE}/projects/{project}")
    found = {one["what"]: one for one in octopus.module("octopus_verify", baseline=baseline)["differences"]}
    assert (found["projects"]["verdict"], found[f"project {body['Name']}"]["verdict"]) == ("suspicious", "suspicious")
    assert "eleted" in found["projects"]["why"], "the audit log has it"


def test_its_database_says_the_same(octopus: OctopusServer, sql: SqlServer) -> None:
    found = sql.module("octopus_database_info", database=sql.database)
    assert found["version"] == octopus.get("/api")["Version"]
    assert found["history"]
    [(scripts,)] = sql.query("SELECT COUNT(*) FROM dbo.SchemaVersions", sql.database)
    assert found["schema_scripts"] == scripts
    assert {row["name"] for row in found["node_rows"]} == {node["Name"] for node in octopus.get("/api/octopusservernodes")["Items"]}
    assert found["sessions_visible"] is True
    assert found["sessions"], "the server itself is connected"
