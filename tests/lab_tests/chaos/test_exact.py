# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The exact comparison: what a running server writes by itself is no difference, everything else is."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest
from scenarios.exact import changed, not_upgraded
from scenarios.world import World

OLD, NEW = "2025.3.14357", "2026.2.9853"


def _task(name: str, state: str = "Success", **more: Any) -> dict[str, Any]:
    return {"Name": name, "Description": name, "State": state, "CompletedTime": None, "Version": 1} | more


@pytest.fixture
def before() -> World:
    return World(
        tables={
            "Configuration": {"maintenance": {"Id": "maintenance", "JSON": '{"IsInMaintenanceMode": false}'}},
            "Deployment": {},
            "Event": {"Events-1": {"Id": "Events-1", "Category": "Created", "Username": "somebody", "Message": "made"}},
            "KeyAllocation": {"ServerTask": {"Id": "ServerTask", "Allocated": 7}},
            "OctopusServerInstallationHistory": {"H-1": {"Id": "H-1", "Version": OLD, "Installed": "2025-01-01"}},
            "OctopusServerNode": {"N-1": {"Id": "N-1", "Name": "OCTO01", "JSON": json.dumps({"Version": OLD, "LastSeen": "then"})}},
            "OctopusServerNodeStatus": {"N-1": {"Id": "N-1", "LastSeen": "2025-01-01"}},
            "Project": {"Projects-1": {"Id": "Projects-1", "Name": "Shop", "DataVersion": 1, "JSON": '{"a": 1, "b": 2}'}},
            "ProjectTrigger": {"T-1": {"Id": "T-1", "Name": "Redeploy", "JSON": '{"NextRun": "12:00", "Every": 60}'}},
            "SchemaVersions": {"1": {"Id": 1, "ScriptName": "Script0001"}},
            "ServerTask": {"ServerTasks-1": _task("Deploy"), "ServerTasks-2": _task("Health", "Executing")},
        },
        files={
            "Packages\\a.nupkg": b"a",
            "TaskLogs\\servertasks-1.txt": b"one\r\n",
            "TaskLogs\\servertasks-2.txt": b"two\r\n",
        },
        programs={"octo01": OLD},
        products={"octo01": [OLD]},
        program_files={"octo01": {"Octopus.Server.exe": "0f"}},
        services={"octo01": (4, 2)},
        watchdogs={"octo01": True},
        configuration={"octo01": "00"},
        folders={"Packages", "TaskLogs"},
        times={"Packages\\a.nupkg": 1, "TaskLogs\\servertasks-1.txt": 2, "TaskLogs\\servertasks-2.txt": 3},
        rights={"Packages": "D:AI", "Packages\\a.nupkg": "D:PAI"},
        owners={"Packages": "LAB\\octo", "Packages\\a.nupkg": "LAB\\octo"},
        registry={"octo01": {"HKLM\\SOFTWARE\\Octopus\\Port": "REG_SZ 10943"}},
        database={"owner": "sa"},
    )


def _beat(world: World) -> None:
    world.tables["OctopusServerNodeStatus"]["N-1"]["LastSeen"] = "2026-01-01"


def _registered_anew(world: World) -> None:
    world.tables["OctopusServerNode"]["N-1"]["JSON"] = json.dumps({"Version": OLD})


def _integrity_check(world: World) -> None:
    world.tables["ServerTask"]["ServerTasks-8"] = _task("SystemIntegrityCheck")
    world.tables["KeyAllocation"]["ServerTask"]["Allocated"] = 8
    world.files["TaskLogs\\servertasks-8.txt"] = b"checked"


def _goes_on(world: World) -> None:
    world.tables["ServerTask"]["ServerTasks-2"] |= {"State": "Success", "CompletedTime": "now"}
    world.files["TaskLogs\\servertasks-2.txt"] += b"done"
    world.times["TaskLogs\\servertasks-2.txt"] = 99


def _trigger(world: World) -> None:
    world.tables["ServerTask"]["ServerTasks-8"] = _task("Deploy", Description="Deploy Shop release 1.0 (Redeploy)")
    world.tables["Deployment"]["Deployments-8"] = {"Id": "Deployments-8", "TaskId": "ServerTasks-8"}
    world.tables["Event"]["Events-2"] = {"Id": "Events-2", "Category": "DeploymentSucceeded", "Username": "system"}
    world.tables["ProjectTrigger"]["T-1"]["JSON"] = '{"Every": 60, "NextRun": "13:00"}'


def _rewritten(world: World) -> None:
    world.tables["Project"]["Projects-1"]["JSON"] = '{"b": 2, "a": 1}'


@pytest.mark.parametrize("by_itself", [_beat, _registered_anew, _integrity_check, _goes_on, _trigger, _rewritten])
def test_what_a_server_writes_by_itself_is_no_difference(before: World, by_itself: Callable[[World], None]) -> None:
    after = copy.deepcopy(before)
    by_itself(after)
    assert changed(before, after) == []


def _set(table: str, key: str, column: str, value: Any) -> Callable[[World], None]:
    return lambda world: world.tables[table][key].__setitem__(column, value)


def _add(table: str, key: str, **row: Any) -> Callable[[World], None]:
    return lambda world: world.tables[table].__setitem__(key, {"Id": key, **row})


DIFFERENCES: list[tuple[str, Callable[[World], Any]]] = [
    ("Project Projects-1.Name", _set("Project", "Projects-1", "Name", "shop")),
    ("Project Projects-1.DataVersion", _set("Project", "Projects-1", "DataVersion", 2)),
    ("ProjectTrigger T-1.JSON", _set("ProjectTrigger", "T-1", "JSON", '{"NextRun": "12:00", "Every": 61}')),
    ("OctopusServerNode N-1.JSON", _set("OctopusServerNode", "N-1", "JSON", json.dumps({"Version": NEW}))),
    ("ServerTask ServerTasks-1.State", _set("ServerTask", "ServerTasks-1", "State", "Failed")),
    ("ServerTask ServerTasks-2.Description", _set("ServerTask", "ServerTasks-2", "Description", "another")),
    ("KeyAllocation ServerTask.Allocated", _set("KeyAllocation", "ServerTask", "Allocated", 6)),
    ("Configuration maintenance.JSON", _set("Configuration", "maintenance", "JSON", '{"IsInMaintenanceMode": true}')),
    ("Event Events-1 is gone", lambda world: world.tables["Event"].clear()),
    ("Event Events-3 is new", _add("Event", "Events-3", Category="Modified", Username="admin")),
    ("ServerTask ServerTasks-9 is new", _add("ServerTask", "ServerTasks-9", **_task("AdHocScript"))),
    ("ServerTask ServerTasks-9 is new", _add("ServerTask", "ServerTasks-9", **_task("Deploy", Description="Deploy (by hand)"))),
    ("Deployment D-9 is new", _add("Deployment", "D-9", TaskId="ServerTasks-1")),
    ("OctopusServerInstallationHistory H-2 is new", _add("OctopusServerInstallationHistory", "H-2", Version=NEW, Installed="2026")),
    ("SchemaVersions 2 is new", _add("SchemaVersions", "2", ScriptName="Script0002")),
    ("table Project is gone", lambda world: world.tables.pop("Project")),
    ("table Deployments2 is new", lambda world: world.tables.__setitem__("Deployments2", {})),
    ("Project has other columns: New", _set("Project", "Projects-1", "New", None)),
    ("file Packages\\a.nupkg is gone", lambda world: world.files.pop("Packages\\a.nupkg")),
    ("file Packages\\a.nupkg has another content", lambda world: world.files.__setitem__("Packages\\a.nupkg", b"b")),
    ("file Packages\\b.nupkg is new", lambda world: world.files.__setitem__("Packages\\b.nupkg", b"b")),
    ("file TaskLogs\\x.bak is new", lambda world: world.files.__setitem__("TaskLogs\\x.bak", b"b")),
    ("file TaskLogs\\servertasks-1.txt has", lambda world: world.files.__setitem__("TaskLogs\\servertasks-1.txt", b"one\r\nmore")),
    ("file TaskLogs\\servertasks-2.txt has", lambda world: world.files.__setitem__("TaskLogs\\servertasks-2.txt", b"else")),
    ("folder Packages-octopus-migration is new", lambda world: world.folders.add("Packages-octopus-migration")),
    ("programs octo01", lambda world: world.programs.__setitem__("octo01", NEW)),
    ("products octo01", lambda world: world.products.__setitem__("octo01", [OLD, NEW])),
    ("program_files octo01", lambda world: world.program_files["octo01"].__setitem__("left.dll", "0f")),
    ("configuration octo01", lambda world: world.configuration.__setitem__("octo01", "01")),
    ("database owner", lambda world: world.database.__setitem__("owner", "octopus_upgrade")),
    ("file Packages\\a.nupkg was written at", lambda world: world.times.__setitem__("Packages\\a.nupkg", 9)),
    ("rights of Packages:", lambda world: world.rights.__setitem__("Packages", "D:")),
    ("rights of Packages\\a.nupkg:", lambda world: world.rights.__setitem__("Packages\\a.nupkg", "D:AI")),
    ("owner of Packages:", lambda world: world.owners.__setitem__("Packages", "BUILTIN\\Administrators")),
    ("owner of Packages\\a.nupkg:", lambda world: world.owners.__setitem__("Packages\\a.nupkg", "BUILTIN\\Administrators")),
    ("registry octo01", lambda world: world.registry["octo01"].clear()),
    ("registry octo01", lambda world: world.registry["octo01"].__setitem__("HKLM\\SOFTWARE\\Octopus\\Port", "REG_SZ 1")),
    ("services", lambda world: world.services.__setitem__("octo01", (1, 2))),
    ("services", lambda world: world.services.__setitem__("octo01", (4, 3))),
    ("watchdogs", lambda world: world.watchdogs.__setitem__("octo01", False)),
    ("maintenance", lambda world: setattr(world, "maintenance", True)),
    ("drained", lambda world: world.drained.add("OCTO01")),
]


@pytest.mark.parametrize(("told", "change"), DIFFERENCES)
def test_everything_else_is_a_difference_and_is_told(before: World, told: str, change: Callable[[World], Any]) -> None:
    after = copy.deepcopy(before)
    change(after)
    found = changed(before, after)
    assert len(found) == 1 and found[0].startswith(told), found


@pytest.fixture
def after(before: World) -> World:
    """Upgraded as it should be."""
    world = copy.deepcopy(before)
    world.programs, world.products = {"octo01": NEW}, {"octo01": [NEW]}
    world.tables["OctopusServerInstallationHistory"]["H-2"] = {"Id": "H-2", "Version": NEW, "Installed": "2026-01-01"}
    world.tables["OctopusServerNode"]["N-1"]["JSON"] = json.dumps({"Version": NEW})
    world.tables["SchemaVersions"]["2"] = {"Id": 2, "ScriptName": "Script0002"}
    world.tables["Project"]["Projects-1"] |= {"DataVersion": 2, "New": None}
    world.tables["Runbook"] = {}
    _integrity_check(world)
    return world


def test_an_upgrade_is_an_upgrade(before: World, after: World) -> None:
    assert not_upgraded(before, after, NEW) == []
    assert changed(before, after) != []


@pytest.mark.parametrize(
    ("told", "change"),
    [
        ("lost: Project Projects-1.Name", _set("Project", "Projects-1", "Name", "shop")),
        ("lost: Configuration maintenance.JSON", _set("Configuration", "maintenance", "JSON", "{}")),
        ("ServerTask ServerTasks-1.State", _set("ServerTask", "ServerTasks-1", "State", "Failed")),
        ("ServerTask ServerTasks-9 is new", _add("ServerTask", "ServerTasks-9", **_task("AdHocScript"))),
        ("the installation history ends with", lambda world: world.tables["OctopusServerInstallationHistory"].pop("H-2")),
        ("table UpgradeLeftover", lambda world: world.tables.__setitem__("UpgradeLeftover", {})),
        ("file Packages\\restore-point.txt is new", lambda world: world.files.__setitem__("Packages\\restore-point.txt", b"")),
        ("program of octo01", lambda world: world.programs.__setitem__("octo01", OLD)),
        ("product of octo01", lambda world: world.products.__setitem__("octo01", [OLD, NEW])),
        ("configuration octo01", lambda world: world.configuration.__setitem__("octo01", "01")),
        ("watchdogs", lambda world: world.watchdogs.__setitem__("octo01", False)),
        ("drained", lambda world: world.drained.add("OCTO01")),
    ],
)
def test_an_upgrade_that_lacks_something_is_none(before: World, after: World, told: str, change: Callable[[World], Any]) -> None:
    change(after)
    found = not_upgraded(before, after, NEW)
    assert len(found) == 1 and found[0].startswith(told), found
