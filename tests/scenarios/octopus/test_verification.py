# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""octopus_verify against the lab: planted damage is named, one by one, and what an administrator does is no damage."""

from __future__ import annotations

from typing import Any

import pytest
import requests
from lab.core.filesystem import Logon
from lab.octopus import folders

from .conftest import ADMIN, LabServer

SYSTEM = Logon.service("SYSTEM")
# As https://github.com/OctopusDeploy/Issues/issues/6711 tells it: the dashboard shows the project, and its process cannot be read.
UNREADABLE = "Error reading row 1, column 4. Unexpected token while deserializing object: PropertyName."


def path_of(server: LabServer, name: str, path: Any, table: str, **values: Any) -> str:
    """The file of a row."""
    [row] = server.store.where(table, **values)
    return path(server.store.folder(name), row)


def damage(server: LabServer) -> dict[str, str]:
    """Plant damage of every kind. A tenant whose logo is lost shows the server's own picture.

    Returns:
        The thing that has to be named for each, with a word of what has to be said.
    """
    start = "/api" if server.version.startswith("2018") else "/api/Spaces-1"
    process = f"{start}/deploymentprocesses/deploymentprocess-Projects-2"
    server.faults.arm("api.error", times=None, path=process, status=500, message=UNREADABLE)
    fs, store = server.machine.fs, server.store
    package = path_of(server, "PackagesDirectory", folders.package_path, "NuGetPackage", Id="packages-Lab.Tools.1.1.17")
    fs.write(package, fs.read(package, SYSTEM)[:-1], SYSTEM)
    for table, key in (("Project", "Projects-1"), ("Tenant", "Tenants-2")):
        fs.remove(path_of(server, "ArtifactsDirectory", folders.logo_path, table, Id=key), SYSTEM)
    fs.remove(path_of(server, "LogsDirectory", folders.task_log_path, "ServerTask", Id="ServerTasks-2"), SYSTEM)
    [trigger] = store.where("ProjectTrigger", Name="Old")
    store.save("ProjectTrigger", {**trigger, "IsDisabled": False})
    deployers, viewers = store.document("Team", "Teams-21"), store.document("Team", "Teams-22")
    assert deployers and viewers
    store.save("Team", {**deployers, "MemberUserIds": ["Users-4"]})
    store.save("Team", {**viewers, "UserRoleIds": []})
    for held in store.documents("ScopedUserRole"):
        if held["TeamId"] == "Teams-22":
            store.remove("ScopedUserRole", held["Id"])
    return {
        "projects_open: project Billing": UNREADABLE,
        "contents_kept: package Lab.Tools 1.1.17": "bytes by the index",
        "contents_kept: logo project Projects-1": "empty or gone",
        "contents_kept: logo tenant Tenants-2": "SHA-256",
        "contents_kept: task log ServerTasks-2": "empty or gone",
        "disabled_kept: projecttrigger Old": "disabled before, enabled now",
        "access_kept: user dora": "no permissions now",
        "access_kept: user vic": "no permissions now",
        "access_kept: team Deployers": "with dora before, without now",
        "access_kept: team Viewers": "without any role now",
    }


@pytest.mark.parametrize("version", ["2018.10.7", "2026.2.9853"])
def test_planted_damage_is_named(octopus_server, version):
    server = octopus_server(version, size=1.52)
    assert len(server.store.documents("NuGetPackage")) >= 300
    baseline = server.module("octopus_baseline_info")["baseline"]
    planted = damage(server)
    result = server.module("octopus_verify", baseline=baseline)
    wrong = {f"{one['check']}: {one['what']}": one for one in result["differences"] if one["verdict"] == "wrong"}
    assert wrong.keys() == planted.keys()
    for name, said in planted.items():
        what = name.partition(": ")[2]
        assert what in result["msg"], name
        assert said in f"{wrong[name]['before']} before, {wrong[name]['after']} now", wrong[name]
    assert {event["method"] for event in server.ledger.events("rest")} == {"GET"}


def test_what_an_administrator_deletes_meanwhile_is_told_and_does_not_fail(octopus_server):
    server = octopus_server("2025.3.14357")
    baseline = server.module("octopus_baseline_info")["baseline"]
    for path in ("projects/Projects-4", "machines/Machines-7"):
        answer = requests.delete(f"{server.web.url}/api/Spaces-1/{path}", headers={"X-Octopus-ApiKey": ADMIN}, timeout=30)
        assert answer.ok, answer.text
    result = server.module("octopus_verify", baseline=baseline)
    assert "failed" not in result, result["msg"]
    told = {(one["what"], one["verdict"], one["why"]) for one in result["differences"] if one["verdict"] != "expected"}
    assert ("project Data Import", "suspicious", "Deleted by admin since") in told
    assert ("machines", "suspicious", "1 deleted since, the last by admin") in told


def test_requests_do_not_grow_with_what_is_only_counted(octopus_server):
    """What a verification costs in an outage: two requests for each project, and none for each release, task or target."""
    server = octopus_server("2025.3.14357")
    baseline = server.module("octopus_baseline_info")["baseline"]
    mark = server.ledger.mark()
    result = server.module("octopus_verify", baseline=baseline)
    asked = len(server.ledger.events("rest", since=mark))
    files = result["evidence"]["files_read"]
    packages = baseline["contents"]["sizes"]["Spaces-1"]["checked"]
    assert asked <= 2 * result["evidence"]["projects_read"] + 2 * files + packages + 85, asked
