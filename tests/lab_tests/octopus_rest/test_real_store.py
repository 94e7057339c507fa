# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The API over the product's own store, database and folders, filled as the estates are."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from lab.core.filesystem import Logon
from lab.core.network import Machine
from lab.octopus import folders, licence
from lab.octopus.folders import Files
from lab.octopus.rest.root import POSTED
from lab.octopus.seed import seed
from lab.octopus.store import Store

ADMIN, VIEWER = "API-REALADMIN", "API-REALVIEWER"
MASTER_KEY = "bGFiLW1hc3Rlci1rZXkhIQ=="
HOME = "C:\\Octopus"


class Connection:
    """What SqlServer.open gives, on plain SQLite."""

    def __init__(self, path: Path) -> None:
        self._inner = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self.execute = self._inner.execute
        self.executemany = self._inner.executemany
        self.close = self._inner.close

    @contextmanager
    def transaction(self) -> Iterator[None]:
        self.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self.execute("ROLLBACK")
            raise
        self.execute("COMMIT")


@pytest.fixture(params=["2018.10.7", "2020.5.7", "2025.3.14357", "2026.2.9853"])
def real(request, tmp_path, network, serve) -> Any:
    """A running node of each version over a seeded database; gives (server, machine, start of owned addresses)."""
    version = request.param
    machine = Machine("octo01", network)
    machine.fs.add_drive("C", tmp_path / "C")
    logon = Logon.service("SYSTEM")
    path = tmp_path / "octopus.db"
    values: dict[str, str | None] = dict.fromkeys(folders.names(version))
    connection = Connection(path)
    seed(
        connection,
        Files(machine.fs, logon, HOME),
        version=version,
        nodes=["OCTO-A"],
        now=network.clock.now(),
        master_key=MASTER_KEY,
        number=7,
        roots={name: folders.resolve(values, name, HOME) for name in values},
        folder_values=values,
        license_xml=licence.text(),
        server_uri="https://octo01",
        api_key=ADMIN,
        limited_key=VIEWER,
        size=0.6,
    )
    connection.close()
    store = Store(lambda: Connection(path), version, network.clock, fs=machine.fs, logon=logon, home=HOME, master_key=MASTER_KEY)
    store.heartbeat("OCTO-A", version)
    server = serve(version, store=store)
    yield server, machine, "/api" if version.startswith("2018") else "/api/Spaces-1"
    store.close()


def test_status_folders_and_licence(real):
    server, _machine, _start = real
    root = server.json("/api", key=None)
    assert len(root["InstallationId"]) == 36
    values = server.json("/api/configuration/server-folders/values", ADMIN)
    assert list(values) == folders.names(root["Version"])
    assert server.json("/api/licenses/licenses-current", ADMIN)["LicenseText"] == licence.text()
    assert server.json("/api/licenses/licenses-current-status", ADMIN)["IsCompliant"] is True
    status = server.json("/api/serverstatus", ADMIN)
    assert status["IsUpgradeAvailable"] == (root["Version"] != "2026.2.9853")
    assert status["MaximumAvailableVersionCoveredByLicense"] == "2026.2.9853"
    assert server.call("PUT", "/api/licenses/licenses-current", ADMIN, json={"LicenseText": "nonsense"}).status_code == 400


def test_every_link_answers_an_administrator(real):
    server, _machine, _start = real
    for name, link in server.json("/api", ADMIN)["Links"].items():
        path = link.partition("{")[0]
        answer = server.call("POST", path, ADMIN, json={}) if name in POSTED else server.get(path, ADMIN)
        # What is only posted to wants more than nothing.
        assert answer.status_code == (400 if name in POSTED else 200), (name, link, answer.text)


def test_maintenance_and_draining_are_in_the_database(real):
    server, _machine, _start = real
    server.call("PUT", "/api/maintenanceconfiguration", ADMIN, json={"Id": "maintenance", "IsInMaintenanceMode": True})
    assert server.store.maintenance() is True
    node = server.json("/api/octopusservernodes", ADMIN)["Items"][0]
    server.call("PUT", node["Links"]["Self"], ADMIN, json={**node, "IsInMaintenanceMode": True})
    assert [row["IsInMaintenanceMode"] for row in server.store.nodes()] == [True]
    assert server.get("/api/octopusservernodes/ping", key=None).status_code == 418
    if "OctopusServerClusterSummary" in server.json("/api", ADMIN)["Links"]:
        assert [row["RunningTaskCount"] for row in server.json("/api/octopusservernodes/summary", ADMIN)["Nodes"]] == [0]


def test_everything_is_read_from_its_files_and_missed_when_it_is_gone(real):
    server, machine, start = real
    logon = Logon.service("SYSTEM")
    project = server.json(f"{start}/projects", ADMIN)["Items"][0]
    logo = server.get(project["Links"]["Logo"], ADMIN)
    assert logo.content.startswith(b"\x89PNG")
    packages = server.json(f"{start}/packages", ADMIN, take=1)
    assert packages["TotalResults"] > 20
    raw = server.get(packages["Items"][0]["Links"]["Raw"], ADMIN)
    on_disk = {hashlib.sha256(real.read_bytes()).digest() for _name, real in machine.fs.walk(f"{HOME}\\Packages", logon)}
    assert hashlib.sha256(raw.content).digest() in on_disk
    tasks = server.json("/api/tasks", ADMIN, states="Success", take=500)
    logs = [server.get(task["Links"]["Raw"], ADMIN) for task in tasks["Items"]]
    assert tasks["TotalResults"] == len(logs) > 5
    assert {log.status_code for log in logs} == {200}
    artifacts = server.json(f"{start}/artifacts", ADMIN)
    assert artifacts["TotalResults"] > 0
    assert server.get(artifacts["Items"][0]["Links"]["Content"], ADMIN).status_code == 200
    for folder in ("Packages", "TaskLogs", "Artifacts"):
        machine.fs.rmtree(f"{HOME}\\{folder}", logon)
    for link in (project["Links"]["Logo"], packages["Items"][0]["Links"]["Raw"], tasks["Items"][0]["Links"]["Raw"]):
        assert server.get(link, ADMIN).status_code == 404


def test_every_project_leads_to_its_process_and_variables(real):
    server, _machine, start = real
    projects = server.json(f"{start}/projects/all", ADMIN)
    assert len(projects) == 4
    for project in projects:
        assert server.json(project["Links"]["DeploymentProcess"], ADMIN)["Steps"]
        assert server.json(project["Links"]["Variables"], ADMIN)["OwnerId"] == project["Id"]
        release = server.json(project["Links"]["Releases"].partition("{")[0], ADMIN)["Items"][0]
        assert release["Links"]["Project"] == project["Links"]["Self"]


def test_a_release_is_made_from_the_template_and_goes_with_its_deployments(real):
    server, _machine, start = real
    project = server.json(f"{start}/projects", ADMIN)["Items"][1]
    process = server.json(project["Links"]["DeploymentProcess"], ADMIN)
    assert process["Steps"][0]["Actions"][0]["ActionType"] == "Octopus.TentaclePackage"
    template = server.json(process["Links"]["Template"].partition("{")[0], ADMIN)
    [package] = template["Packages"]
    assert template["NextVersionIncrement"] == "1.0.7" and package["VersionSelectedLastRelease"] == "1.0.6"
    body = {"ProjectId": project["Id"], "ChannelId": "Channels-2", "Version": template["NextVersionIncrement"]}
    assert server.call("POST", f"{start}/releases", ADMIN, json=body).status_code == 400, "a package has no version"
    selected = [{"ActionName": package["ActionName"], "Version": package["VersionSelectedLastRelease"]}]
    made = server.call("POST", f"{start}/releases", ADMIN, json={**body, "SelectedPackages": selected})
    assert made.status_code == 201, made.text
    release = made.json()
    assert server.call("POST", f"{start}/releases", ADMIN, json={**body, "SelectedPackages": selected}).status_code == 400, "it exists"
    allowed = [one["Id"] for one in server.json(release["Links"]["DeploymentTemplate"], ADMIN)["PromoteTo"]]
    assert allowed == ["Environments-1", "Environments-2", "Environments-3"]
    wanted = {"ReleaseId": release["Id"], "EnvironmentId": allowed[0]}
    deployment = server.call("POST", f"{start}/deployments", ADMIN, json=wanted).json()
    path = f"{start}/deployments/{deployment['Id']}"
    # https://github.com/OctopusDeploy/Issues/issues/7179
    refused = server.call("DELETE", release["Links"]["Self"], ADMIN)
    if server.json("/api", ADMIN)["Version"] >= "2025":
        assert refused.status_code == 400 and deployment["TaskId"] in refused.text
        assert server.call("DELETE", path, ADMIN).status_code == 400
        assert server.call("POST", f"/api/tasks/{deployment['TaskId']}/cancel", ADMIN).status_code == 200
        assert server.call("DELETE", release["Links"]["Self"], ADMIN).status_code == 200
    else:
        assert refused.status_code == 200
    assert server.get(path, ADMIN).status_code == server.get(release["Links"]["Self"], ADMIN).status_code == 404
    told = {one["Category"] for one in server.json("/api/events", ADMIN, take=5)["Items"] if release["Id"] in one["Message"]}
    assert told == {"Created", "Deleted"}


def test_a_lifecycle_says_where_a_new_release_may_go(real):
    server, _machine, start = real
    phases = [
        {"Name": "Try", "OptionalDeploymentTargets": ["Environments-1"], "IsOptionalPhase": True},
        {"Name": "Test", "OptionalDeploymentTargets": ["Environments-2"]},
        {"Name": "Live", "OptionalDeploymentTargets": ["Environments-3"]},
    ]
    lifecycle = server.store.document("Lifecycle", "Lifecycles-1")
    server.store.save("Lifecycle", {**lifecycle, "Phases": phases})
    release = server.json(f"{start}/projects/Projects-1/releases", ADMIN)["Items"][0]
    template = server.json(release["Links"]["DeploymentTemplate"], ADMIN)
    assert [one["Name"] for one in template["PromoteTo"]] == ["Development", "Test"]
    body = {"ReleaseId": release["Id"], "EnvironmentId": "Environments-3"}
    assert server.call("POST", f"{start}/deployments", ADMIN, json=body).status_code == 400


def test_events_and_artifacts_of_a_deployment(real):
    server, _machine, start = real
    artifact = server.json(f"{start}/artifacts", ADMIN)["Items"][0]
    deployment, task = artifact["RelatedDocumentIds"]
    assert [one["Id"] for one in server.json(f"{start}/artifacts", ADMIN, regarding=task)["Items"]] == [artifact["Id"]]
    assert server.json("/api/events", ADMIN, regarding=deployment)["TotalResults"] == 3


def test_secrets_stay_inside(real):
    server, _machine, start = real
    for address, secret in (("accounts", "Password"), ("feeds", "Password"), ("certificates", "CertificateData")):
        for item in server.json(f"{start}/{address}", ADMIN)["Items"]:
            assert item.get(secret) in (None, {"HasValue": True, "NewValue": None}), address
    project = server.json(f"{start}/projects", ADMIN)["Items"][0]
    variables = server.json(f"{start}/variables/{project['VariableSetId']}", ADMIN)
    assert [one["Value"] is None for one in variables["Variables"]] == [True, False]
    before = server.store.document("VariableSet", project["VariableSetId"])
    assert server.call("PUT", f"{start}/variables/{project['VariableSetId']}", ADMIN, json=variables).status_code == 200
    assert server.store.document("VariableSet", project["VariableSetId"])["Variables"] == before["Variables"]


def test_a_viewer_sees_projects_and_changes_nothing(real):
    server, _machine, start = real
    project = server.json(f"{start}/projects", VIEWER)["Items"][0]
    answer = server.call("PUT", f"{start}/projects/{project['Id']}", VIEWER, json=project)
    assert (answer.status_code, "ProjectEdit" in answer.json()["ErrorMessage"]) == (403, True)
    denied = server.get("/api/octopusservernodes/summary", VIEWER)
    assert (denied.status_code, "AdministerSystem" in denied.json()["ErrorMessage"]) == (403, True)
    assert server.json("/api/users/me", VIEWER)["Username"] == "vic"


def test_changes_of_an_administrator_are_rows(real):
    server, _machine, start = real
    trigger = next(one for one in server.json(f"{start}/projecttriggers", ADMIN)["Items"] if not one["IsDisabled"])
    address = f"{start}/projecttriggers/{trigger['Id']}"
    assert server.call("PUT", address, ADMIN, json={**trigger, "IsDisabled": True}).status_code == 200
    changed = server.store.document("ProjectTrigger", trigger["Id"])
    assert (changed["IsDisabled"], changed["Filter"]) == (True, trigger["Filter"])
    task = server.call("POST", "/api/tasks", ADMIN, json={"Name": "SystemIntegrityCheck", "Description": "check"}).json()
    assert server.store.document("ServerTask", task["Id"])["State"] == "Queued"
    assert server.json("/api/tasks", ADMIN, active="true")["TotalCounts"]["Queued"] >= 1
