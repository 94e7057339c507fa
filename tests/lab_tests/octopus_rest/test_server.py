# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Status, licence, folders, settings, nodes."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from lab_tests.octopus_rest.memory_store import DEPLOYER

NODE_B = "OctopusServerNodes-OCTO-B"


# -- status


def test_status_tells_maintenance_and_what_could_be_installed(serve):
    server = serve("2023.4.8432", newest="2026.2.9853")
    server.store.licence_row["Expires"] = date(2020, 1, 1)
    status = server.json("/api/serverstatus")
    assert (status["IsUpgradeAvailable"], status["IsMajorMinorUpgrade"], status["MaximumAvailableVersion"]) == (True, True, "2026.2.9853")
    assert status["MaximumAvailableVersionCoveredByLicense"] == "2023.4.8432"
    assert status["IsPotentialClone"] is False
    assert status["IsInMaintenanceMode"] is False


def test_health_is_a_teapot_when_something_is_wrong(server):
    assert (
        server.get("/api/serverstatus/health", key=None).status_code,
        server.json("/api/serverstatus/health")["IsOperatingNormally"],
    ) == (200, True)
    for wrong in ("IsEntireClusterReadOnly", "IsCompliantWithLicense", "IsEntireClusterDrainingTasks"):
        server.store.in_maintenance = wrong == "IsEntireClusterReadOnly"
        server.store.licence_row["IsCompliant"] = wrong != "IsCompliantWithLicense"
        for row in server.store.node_rows.values():
            row["IsInMaintenanceMode"] = wrong == "IsEntireClusterDrainingTasks"
        answer = server.get("/api/serverstatus/health")
        assert answer.status_code == 418
        assert answer.json()["IsOperatingNormally"] is False
        assert answer.json()[wrong] is (wrong != "IsCompliantWithLicense")


def test_the_thumbprint_of_the_server_is_for_administrators(server):
    address = "/api/configuration/certificates/certificate-global"
    assert server.get(address).status_code == 404
    server.store.save_configuration("certificate", {"Thumbprint": "AB12"})
    assert server.json(address)["Thumbprint"] == "AB12"
    assert server.get(address, key=DEPLOYER).status_code == 403


def test_counts_and_system_info(serve):
    server = serve("2023.4.8432")
    counts = server.json("/api/serverstatus/counts")
    assert (counts["Global"]["Spaces"], counts["Project"]["Projects"], counts["Infrastructure"]["DeploymentTargets"]) == (2, 36, 1)
    assert server.json("/api/serverstatus/system-info")["Version"] == "2023.4.8432"
    assert serve("2018.10.7").get("/api/serverstatus/counts").status_code == 404


# -- licence and settings


def test_the_licence_text_is_for_administrators_its_status_for_all(serve):
    server = serve("2018.10.7")
    assert server.json("/api/licenses/licenses-current")["LicenseText"] == "<License><Secret/></License>"
    assert server.get("/api/licenses/licenses-current", key=DEPLOYER).status_code == 403
    server.store.licence_row.update(
        IsCompliant=False, ComplianceSummary="Too many targets.", Expires=server.clock.now().date() + timedelta(days=9)
    )
    status = server.json("/api/licenses/licenses-current-status", key=DEPLOYER)
    assert (status["IsCompliant"], status["ComplianceSummary"], status["DaysToEffectiveExpiryDate"]) == (False, "Too many targets.", 9)
    assert "LicenseKind" in status
    assert "LicenseKind" not in serve("2020.5.7").json("/api/licenses/licenses-current-status")
    assert server.call("PUT", "/api/licenses/licenses-current", json={"LicenseText": "nonsense"}).status_code == 400


def test_server_folders_are_told_as_they_are_set(server):
    assert server.json("/api/configuration/server-folders/values") == {"LogsDirectory": "C:\\Octopus\\TaskLogs", "ArtifactsDirectory": None}
    assert {one["Id"] for one in server.json("/api/configuration")["Items"]} >= {"server-folders"}
    assert server.get("/api/configuration/nonsense/values").status_code == 404
    assert server.get("/api/configuration/server-folders/values", key=DEPLOYER).status_code == 403


def test_a_mail_password_is_kept_and_never_shown(server):
    server.store.configurations["smtp"] = {"SmtpHost": "mail", "SmtpPassword": "secret"}
    shown = server.json("/api/smtpconfiguration")
    assert shown["SmtpPassword"] == {"HasValue": True, "NewValue": None}
    server.call("PUT", "/api/smtpconfiguration", json={**shown, "SmtpHost": "other"})
    assert server.store.configurations["smtp"] == {"SmtpHost": "other", "SmtpPassword": "secret"}


# -- nodes


def test_ping_needs_no_key_and_tells_draining(server):
    answer = server.get("/api/octopusservernodes/ping", key=None)
    assert answer.status_code == 200
    assert answer.json() | {"LastSeen": "", "Links": ""} == {
        "Id": "OctopusServerNodes-OCTO-A",
        "Name": "OCTO-A",
        "LastSeen": "",
        "IsOffline": False,
        "MaxConcurrentTasks": 5,
        "IsInMaintenanceMode": False,
        "Version": "2023.4.8432",
        "Links": "",
    }
    # In server maintenance mode a node stays in rotation (https://github.com/OctopusDeploy/Issues/issues/7964).
    server.store.in_maintenance = True
    assert server.get("/api/octopusservernodes/ping", key=None).status_code == 200
    server.store.node_rows["OctopusServerNodes-OCTO-A"]["IsInMaintenanceMode"] = True
    assert server.get("/api/octopusservernodes/ping", key=None).status_code == 418


def test_drain_and_undrain_another_node(server):
    row = server.json(f"/api/octopusservernodes/{NODE_B}")
    drained = server.call("PUT", f"/api/octopusservernodes/{NODE_B}", json={**row, "IsInMaintenanceMode": True, "MaxConcurrentTasks": 3})
    assert drained.json()["IsInMaintenanceMode"] is True
    summary = {one["Name"]: one for one in server.json("/api/octopusservernodes/summary")["Nodes"]}
    assert (summary["OCTO-B"]["IsInMaintenanceMode"], summary["OCTO-B"]["MaxConcurrentTasks"]) == (True, 3)
    assert (summary["OCTO-A"]["RunningTaskCount"], summary["OCTO-B"]["RunningTaskCount"]) == (1, 0)
    assert server.json("/api/octopusservernodes/OctopusServerNodes-OCTO-A/details")["RunningTasks"] == 1
    assert server.call("PUT", f"/api/octopusservernodes/{NODE_B}", json={**row, "IsInMaintenanceMode": "no"}).status_code == 400
    assert server.call("PUT", f"/api/octopusservernodes/{NODE_B}", DEPLOYER, json=row).status_code == 403
    server.call("PUT", f"/api/octopusservernodes/{NODE_B}", json=row)
    assert server.json(f"/api/octopusservernodes/{NODE_B}")["IsInMaintenanceMode"] is False
    assert [event["on"] for event in server.ledger.events("octopus", what="drain", node="OCTO-B")] == [True, False]


@pytest.mark.parametrize(("version", "status"), [("2018.4.1", 200), ("2018.10.7", 500), ("2019.2.3", 200), ("2023.4.8432", 200)])
def test_only_an_offline_node_can_be_deleted(serve, version, status):
    server = serve(version)
    if status == 200:
        assert server.call("DELETE", f"/api/octopusservernodes/{NODE_B}").status_code == 400
    server.store.node_rows[NODE_B]["LastSeen"] = server.clock.now() - timedelta(minutes=5)
    assert server.call("DELETE", f"/api/octopusservernodes/{NODE_B}").status_code == status
    assert (NODE_B in server.store.node_rows) == (status != 200)


@pytest.mark.parametrize(
    ("version", "rank", "own_version"), [("2019.3.1", True, False), ("2020.5.7", False, False), ("2024.3.13097", False, True)]
)
def test_what_a_node_tells_of_itself_by_version(serve, version, rank, own_version):
    server = serve(version)
    first = server.json("/api/octopusservernodes/summary")["Nodes"][0]
    assert (("Rank" in first), ("Version" in first)) == (rank, own_version)
    assert [one["Name"] for one in server.json("/api/octopusservernodes/all")] == ["OCTO-A", "OCTO-B"]
    assert server.json("/api/octopusservernodes")["TotalResults"] == 2


@pytest.mark.parametrize(("version", "offline"), [("2018.4.1", False), ("2018.10.7", True)])
def test_before_the_summary_the_list_tells_the_state_of_each_node(serve, version, offline):
    server = serve(version)
    assert server.get("/api/octopusservernodes/summary").status_code == 404
    assert "OctopusServerClusterSummary" not in server.json("/api")["Links"]
    first = server.json("/api/octopusservernodes")["Items"][0]
    assert {"Name", "LastSeen", "Rank", "IsInMaintenanceMode"} <= set(first)
    assert ("IsOffline" in first) is offline and "RunningTaskCount" not in first
