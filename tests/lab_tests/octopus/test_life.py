# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An instance's life on its hosts: start, serve, upgrade rung by rung, refuse, stop."""

from __future__ import annotations

import json
from typing import Any

import pytest
import requests
from lab.octopus import interruptions, register
from lab.octopus.media import build_msi, product_code
from lab.windows import installer, services
from patience import patient

LADDER = ("2021.1.8045", "2025.3.14357", "2026.2.9853")


def test_the_ladder_on_one_node(world: Any) -> None:
    here = world("octo01", version="2018.10.7")
    here.started()
    assert here.get("/api").json()["Version"] == "2018.10.7"
    package = here.get("/api/packages?take=1").json()["Items"][0]["Id"]
    for version in LADDER:
        assert here.octopus("service", "--stop", "--instance", "OctopusServer", "--console").code == 0
        assert here.host.services.query("OctopusDeploy").state == services.STOPPED
        mark = here.ledger.mark()
        assert here.msi(version) == 0
        refused = here.octopus("service", "--start")
        assert refused.code == 100
        assert here.wait("start failed", mark)["error"].startswith("The database schema is out of date")
        result = here.octopus("database", "--upgrade", "--instance=OctopusServer")
        assert (result.code, result.err) == (0, "")
        assert "Upgrade successful" in result.out
        mark = here.ledger.mark()
        assert here.octopus("service", "--start").code == 0
        here.started(mark)
        assert here.get("/api").json()["Version"] == version
        assert here.get(f"/api/packages/{package}/raw").status_code == 200
    with here.instance.store(LADDER[-1]) as store:
        assert [row["Version"] for row in store.history()] == ["3.17.14", None, "2018.10.7", *LADDER]
    assert "2026.2.9853" in here.octopus("version").out


def test_a_binary_older_than_the_schema_does_not_start(world: Any) -> None:
    here = world("octo01", version="2021.1.8045")
    here.started()
    assert here.octopus("service", "--stop").code == 0
    assert here.msi("2025.3.14357") == 0
    assert here.octopus("database", "--upgrade").code == 0
    installing = installer.Run(here.host, lambda _seconds: None, lambda _line: None)
    assert installer.uninstall(installing, product_code("2025.3.14357")) == 0
    assert installer.install(installing, build_msi("2021.1.8045"), "C:\\", {}) == 0
    assert here.octopus("service", "--start").code == 100
    result = here.octopus("database", "--upgrade")
    assert result.code == 1 and "newer than this version" in result.err
    assert json.loads(here.octopus("list-instances", "--format=json", "--nologo").out)[0]["InstanceName"] == "OctopusServer"


def test_cluster_of_two_refuses_an_upgrade_while_the_other_lives(world: Any) -> None:
    # Slow enough that a heartbeat does not grow stale by itself on a computer that has much else to do.
    here = world("octo-a", "octo-b", version="2020.5.7", scale=15)
    here.started()
    nodes = here.get("/api/octopusservernodes/summary").json()["Nodes"]
    assert [(node["Name"], node["IsOffline"]) for node in nodes] == [("OCTO-A", False), ("OCTO-B", False)]
    assert here.octopus("service", "--stop").code == 0
    assert here.msi("2025.3.14357") == 0
    result = here.octopus("database", "--upgrade")
    assert result.code == 1 and "OCTO-B" in result.err
    assert here.octopus("service", "--stop", host=here.hosts[1]).code == 0
    here.pass_time(31)  # until the heartbeat is stale
    assert here.octopus("database", "--upgrade").code == 0


def test_an_old_upgrade_under_a_running_node_is_a_deadlocks_victim(world: Any) -> None:
    here = world("octo-a", "octo-b", version="2020.5.7")
    here.started()
    assert here.octopus("service", "--stop").code == 0
    assert here.msi("2021.1.8045") == 0
    result = here.octopus("database", "--upgrade")
    assert result.code == 1 and "deadlock" in result.err


def test_drain_leaves_running_tasks_and_takes_no_new_ones(world: Any) -> None:
    here = world("octo01", version="2021.1.8045", trigger_minutes=6000)
    here.started()
    with here.instance.store() as store:
        queued = {"Name": "AdHocScript", "Description": "work", "State": "Queued", "QueueTime": here.clock.now(), "SpaceId": "Spaces-1"}
        first = store.add("ServerTask", {**queued, "Arguments": {"Seconds": 60}})
        here.wait("task", task=first["Id"], state="Executing")
        assert here.octopus("node", "--drain=true").code == 0
        second = store.add("ServerTask", queued)
        here.wait("task", task=first["Id"], state="Success")
        here.pass_time(45)  # more than two looks at the queue
        assert store.document("ServerTask", second["Id"])["State"] == "Queued"
        assert here.get("/api/octopusservernodes/ping").status_code == 418
        assert here.octopus("node", "--drain=false").code == 0
        here.wait("task", task=second["Id"], state="Success")
        assert store.task_log(store.document("ServerTask", second["Id"]))


@pytest.mark.parametrize("kill", [False, True])
def test_tasks_of_a_node_that_ends_are_lost(world: Any, kill: bool) -> None:
    here = world("octo01", version="2021.1.8045", trigger_minutes=6000)
    here.started()
    with here.instance.store() as store:
        task = store.add(
            "ServerTask",
            {
                "Name": "AdHocScript",
                "Description": "long",
                "State": "Queued",
                "QueueTime": here.clock.now(),
                "Arguments": {"Seconds": 9000},
            },
        )
        here.wait("task", task=task["Id"], state="Executing")
        if kill:
            next(one for one in here.host.processes() if one.name == "Octopus.Server.exe").kill()
            assert here.host.services.wait("OctopusDeploy", services.STOPPED, patient(10))
            assert store.document("ServerTask", task["Id"])["State"] == "Executing"
            assert here.octopus("service", "--start").code == 0
            here.wait("task", task=task["Id"], state="Failed")
        else:
            assert here.octopus("service", "--stop").code == 0
        assert "restarted" in store.document("ServerTask", task["Id"])["ErrorMessage"]


def test_an_unquarantined_copy_reaches_production(world: Any) -> None:
    here = world("octo01", version="2021.1.8045", trigger_minutes=1)
    here.started()
    event = here.wait("target")
    assert event["target"].startswith("prod")
    assert here.wait("mail")["to"] == ["ops@lab.example"]


def test_the_watchdog_starts_what_was_stopped(world: Any) -> None:
    here = world("octo01", version="2021.1.8045", watchdog=True, watchdog_minutes=1)
    here.started()
    assert here.octopus("service", "--stop").code == 0
    mark = here.ledger.mark()
    here.started(mark)
    assert any(event["by"] == "watchdog" for event in here.ledger.events("service.state", since=mark))
    assert here.octopus("watchdog", "--delete").code == 0
    assert here.octopus("watchdog", "--delete").code == 1
    assert here.octopus("watchdog", "--create", "--interval=7").code == 0
    assert here.host.tasks.get("Octopus Watchdog OctopusServer").interval == 420


def test_faults_of_the_start(world: Any) -> None:
    here = world("octo01", version="2020.5.7", bad_logo=True)
    event = here.wait("start failed")
    assert "image type" in event["error"]
    log = here.host.fs.read("C:\\Octopus\\Logs\\OctopusServer.txt", here.host.system).decode()
    assert "FATAL" in log and register.service_name("OctopusServer") == "OctopusDeploy"


def test_a_null_row_stops_2024_4_and_later(world: Any) -> None:
    here = world("octo01", version="2025.3.14357", null_extension_row=True)
    assert "dynamic-extensions-scripts" in here.wait("start failed")["error"]


def test_the_api_may_be_slow_or_never_come(world: Any) -> None:
    here = world("octo01", version="2021.1.8045")
    here.started()
    assert here.octopus("service", "--stop").code == 0
    here.faults.arm("api.slow_start", seconds=60)
    since, start = here.ledger.mark(), here.clock.seconds()
    assert here.octopus("service", "--start").code == 0
    here.started(since)
    assert here.clock.seconds() - start > 60
    assert here.get("/api").status_code == 200


def test_https_needs_a_certificate_and_has_one(world: Any) -> None:
    here = world("octo01", version="2021.1.8045", scheme="https", web_port=8443)
    here.started()
    url = here.instance.urls["octo01"]
    assert requests.get(f"{url}/api", verify=str(here.network.authority.path), timeout=patient(10)).json()["Version"] == "2021.1.8045"


def test_a_script_that_exits_otherwise_than_with_0_fails_its_deployment(world: Any) -> None:
    here = world("octo01", version="2021.1.8045", trigger_minutes=6000)
    here.started()
    script = {"Octopus.Action.RunOnServer": "true", "Octopus.Action.Script.ScriptBody": "Write-Host 'no'\nexit 3"}
    with here.instance.store() as store:
        process = store.document("DeploymentProcess", "deploymentprocess-Projects-1")
        step = {"Name": "Say no", "ActionType": "Octopus.Script", "Properties": script}
        store.save("DeploymentProcess", {**process, "Steps": [step]})
        queued = {"Name": "Deploy", "Description": "work", "State": "Queued", "QueueTime": here.clock.now(), "SpaceId": "Spaces-1"}
        task = store.add("ServerTask", {**queued, "ProjectId": "Projects-1", "EnvironmentId": "Environments-2"})
        here.wait("task", task=task["Id"], state="Failed")
        assert store.document("ServerTask", task["Id"])["ErrorMessage"] == "Say no: The script returned exit code 3"


def test_a_deployment_that_waits_for_a_person_survives_a_restart(world: Any) -> None:
    here = world("octo01", version="2025.3.14357")
    here.started()
    with here.instance.store() as store:
        task = interruptions.ask(store, here.host.clock.now())
    path = f"/api/{task['SpaceId']}/interruptions?regarding={task['Id']}&pendingOnly=true"
    row = here.get(path).json()["Items"][0]
    assert (row["Title"], row["TaskId"], row["IsPending"]) == ("Approve the release", task["Id"], True)
    assert here.get(f"/api/teams/{row['ResponsibleTeamIds'][0]}").json()["Name"]
    assert here.octopus("service", "--stop").code == 0
    mark = here.ledger.mark()
    assert here.octopus("service", "--start").code == 0
    here.started(mark)
    shown = here.get(f"/api/tasks/{task['Id']}").json()
    assert (shown["State"], shown["HasPendingInterruptions"]) == ("Executing", True)
    url = f"{here.instance.urls[here.host.name]}/api/tasks/{task['Id']}/cancel"
    assert requests.post(url, headers={"X-Octopus-ApiKey": here.instance.api_key}, timeout=patient(10)).status_code == 200
    assert here.get(f"/api/tasks/{task['Id']}").json()["State"] == "Canceled"
    assert here.get(path).json()["Items"] == []
