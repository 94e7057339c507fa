# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a clone is made from, where it goes, what it replaces, and what is removed."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus import clone_plan as plan
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError
from ansible_collections.octopus.upgrade.tests.unit.run_module import run_module

POINT, OLDER = "20261125T132400Z-2020.5.7", "20261124T132400Z-2020.5.7"
NEW_RUN, OLD_RUN = "20261126T080000Z", "20261125T080000Z"
MANIFEST: dict[str, Any] = {
    "version": "2020.5.7",
    "nodes": {"octo-a": {"integrated_security": False}},
    "database": {"host": "sql.lab", "port": 1433, "name": "Octopus", "backup": {"files": [{"name": "database.bak"}]}},
    "folders": {"packages": {"exists": True}, "logs": {"exists": True}},
}
VERIFIED = {"restore_point": POINT, "path": f"\\\\nas\\prod\\{POINT}", "manifest": MANIFEST}
RECORD = {"restore_point": OLDER, "source": {"host": "sql.lab,1433", "server_name": "SQL01", "database": "Octopus"}}
QUARANTINE = {"quarantined": True, "record": RECORD}
SKIPPED = {"changed": False, "skipped": True}


def instance(**changes: Any) -> dict[str, Any]:
    return {
        "name": "OctopusServer",
        "node_name": "OCTO-TEST",
        "service": {"state": "running"},
        "database": {"host": "sql-here.lab", "port": None, "database": f"Octopus test {OLD_RUN}"},
        "folders": {"packages": f"C:\\Clones\\{OLD_RUN}\\packages", "logs": None},
        **changes,
    }


def host(*instances: dict[str, Any], version: str = "2020.5.7") -> dict[str, Any]:
    return {"program": {"version": version} if instances else None, "instances": list(instances)}


HERE = {"octo-test": host(instance())}
EMPTY = {"octo-test": host()}
NEW = {
    "restore_point": POINT,
    "path": VERIFIED["path"],
    "version": "2020.5.7",
    "database": f"Octopus test {NEW_RUN}",
    "folder": f"C:\\Clones\\{NEW_RUN}",
    "folders": {name: f"C:\\Clones\\{NEW_RUN}\\{name}" for name in ("packages", "logs", "imports", "event_exports", "telemetry")},
}
OLD = {
    "exists": True,
    "database": f"Octopus test {OLD_RUN}",
    "folder": f"C:\\Clones\\{OLD_RUN}",
    "folders": {"packages": f"C:\\Clones\\{OLD_RUN}\\packages", "logs": None},
    "restore_point": OLDER,
    "version": "2020.5.7",
    "nodes": ["OCTO-TEST"],
    "running": True,
}
REFRESH = {
    "clone_new": {**NEW, "restore_point": OLDER, "database": "Octopus test R"},
    "clone_old": OLD,
    "clone_stale": [{"database": "Older"}],
}


def interrupted(**changes: Any) -> plan.Run:
    return plan.Run(**{"unfinished": True, "run_id": "R", "operation": "clone", "facts": REFRESH, **changes})


def facts(**changes: Any) -> plan.Facts:
    known = {
        "instance": "test",
        "clone_of": "prod",
        "instance_name": "OctopusServer",
        "host": "octo-test",
        "nodes": ["octo-test"],
        "hosts": HERE,
        "run": plan.Run(),
        "run_id": NEW_RUN,
        "source_restore_point": POINT,
        "source_nodes": ["octo-a", "octo-b"],
        "verified": VERIFIED,
        "quarantine": QUARANTINE,
        "folder_root": "C:\\Clones",
        "sql_backup_folder": "\\\\nas\\prod",
    }
    return plan.Facts(**{**known, **changes})


# -- what it is made from


@pytest.mark.parametrize(
    ("changes", "wanted"),
    [
        ({}, POINT),
        ({"clone_from": "newest"}, ""),
        ({"clone_from": OLDER}, OLDER),
        ({"run": interrupted()}, OLDER),
        ({"run": interrupted(), "source_restore_point": ""}, OLDER),
        ({"run": interrupted(), "unusable": True}, POINT),
        ({"run": interrupted(error="it failed")}, POINT),
        ({"run": interrupted(operation="upgrade")}, POINT),
        ({"run": interrupted(facts={})}, POINT),
    ],
)
def test_the_restore_point(changes: dict[str, Any], wanted: str) -> None:
    found = facts(**changes)
    assert plan.restore_point(found, check_mode=False) == wanted
    assert plan.resumes(found) == (wanted == OLDER and "run" in changes)


def test_a_live_source_that_was_not_backed_up() -> None:
    with pytest.raises(
        OctopusError, match=r"none was created in this run\. Nothing of the clone was begun\. Let the run include the source"
    ):
        plan.restore_point(facts(source_restore_point=""), check_mode=False)
    with pytest.raises(OctopusError, match=r"but found: Back up: no space\. Nothing of the clone was begun\.$"):
        plan.restore_point(facts(source_restore_point="", source_error="Back up: no space"), check_mode=False)
    assert plan.restore_point(facts(source_restore_point=""), check_mode=True) == ""


def test_a_clone_without_a_source() -> None:
    with pytest.raises(OctopusError, match="octopus_clone_of"):
        plan.restore_point(facts(clone_of=""), check_mode=True)


# -- the plan of a refresh


def test_a_refresh_of_a_clone() -> None:
    found = plan.refresh(facts())
    assert (found.new, found.old, found.stale) == (NEW, OLD, [])
    assert (found.resumes, found.unchanged, found.work) == (False, False, True)
    assert found.sql == {"host": "sql.lab", "port": 1433, "server": "sql.lab"}
    assert found.backup_paths == [f"\\\\nas\\prod\\{POINT}\\database.bak"]
    assert found.lines == [
        f"test, a clone of prod at 2020.5.7: restore point {POINT}",
        f"now: {OLDER} at 2020.5.7",
        f"database Octopus test {NEW_RUN} on sql.lab",
    ]


def test_the_first_clone() -> None:
    found = plan.refresh(facts(hosts=EMPTY, quarantine=SKIPPED))
    assert found.old == {
        "exists": False,
        "database": "",
        "folder": "",
        "folders": {},
        "restore_point": "",
        "version": "",
        "nodes": [],
        "running": False,
    }
    assert (found.unchanged, found.lines[1]) == (False, "now: no clone")


SAME = {"quarantine": {"record": {**RECORD, "restore_point": POINT}}}


@pytest.mark.parametrize(
    ("changes", "unchanged"),
    [
        ({}, True),
        ({"force": True}, False),
        ({"run": interrupted(error="it failed", facts={})}, False),
        ({"hosts": {"octo-test": host(instance(service={"state": "stopped"}))}}, False),
        ({"hosts": {"octo-test": host(instance(), version="2025.3.14357")}}, False),
        ({"quarantine": QUARANTINE}, False),
    ],
)
def test_a_clone_that_is_what_it_would_become(changes: dict[str, Any], unchanged: bool) -> None:
    found = plan.refresh(facts(**{**SAME, **changes}))
    assert (found.unchanged, found.work) == (unchanged, not unchanged)
    assert ("nothing to do: it is that already" in found.lines) is unchanged


def test_a_refresh_that_is_resumed_keeps_its_plan() -> None:
    found = plan.refresh(facts(run=interrupted()))
    assert (found.resumes, found.restore_point) == (True, OLDER)
    assert (found.new, found.old, found.stale) == (REFRESH["clone_new"], OLD, [{"database": "Older"}])
    assert found.backup_paths == [f"\\\\nas\\prod\\{OLDER}\\database.bak"]


def test_what_runs_that_are_not_resumed_have_left() -> None:
    left = [{"database": "Left", "folder": "F"}, {"database": OLD["database"]}, {"database": "Older", "folder": "later"}]
    found = plan.refresh(facts(run=interrupted(error="it failed", left_over=left)))
    assert [one["database"] for one in found.stale] == ["Octopus test R", "Older", "Left"]
    assert found.stale[1] == {"database": "Older"}
    unchanged = plan.refresh(facts(**SAME, run=plan.Run(left_over=left)))
    assert (unchanged.unchanged, unchanged.work, len(unchanged.stale)) == (True, True, 2)


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        ({"sql_host": "sql-test.lab", "sql_port": 1500}, {"host": "sql-test.lab", "port": 1500, "server": "sql-test.lab,1500"}),
        (
            {"sql_host": "sql-test.lab\\PROD", "sql_port": 1500},
            {"host": "sql-test.lab\\PROD", "port": 1500, "server": "sql-test.lab\\PROD"},
        ),
        ({"sql_server": "(local)"}, {"host": "sql.lab", "port": 1433, "server": "(local)"}),
    ],
)
def test_where_it_goes(changes: dict[str, Any], where: dict[str, Any]) -> None:
    assert plan.refresh(facts(**changes)).sql == where
    without = {**MANIFEST, "database": {**MANIFEST["database"], "port": None}}
    assert plan.refresh(facts(verified={**VERIFIED, "manifest": without})).sql["port"] == 1433


def test_names_of_its_own() -> None:
    found = plan.refresh(facts(database="Test", sql_separator="/", sql_backup_folder="/backups/prod"))
    assert found.new["database"] == f"Test {NEW_RUN}"
    assert found.backup_paths == [f"/backups/prod/{POINT}/database.bak"]


# -- what it must not touch


@pytest.mark.parametrize("node", ["octo-a", "octo-b"])
def test_a_node_of_the_source_is_refused(node: str) -> None:
    with pytest.raises(OctopusError, match=rf"do not run prod, but found {node}\."):
        plan.refresh(facts(nodes=["octo-test", node]))


def test_an_instance_that_is_no_clone_is_neither_replaced_nor_removed() -> None:
    for act in (plan.refresh, plan.removal):
        with pytest.raises(OctopusError, match=r"which never was\. Nothing of it was changed"):
            act(facts(quarantine={"quarantined": False, "record": None}, removing=act is plan.removal))
        with pytest.raises(OctopusError, match="quarantine must be what octopus_quarantine_info returned"):
            act(facts(quarantine=SKIPPED, removing=act is plan.removal))


def test_a_clone_that_users_have_moved_to_is_neither_replaced_nor_removed() -> None:
    found = {"quarantined": False, "record": {"name": "copy", "lifted": {"at": "2026-11-25T14:02:11+00:00", "left": {}}}}
    for act in (plan.refresh, plan.removal):
        with pytest.raises(OctopusError, match=r"was lifted at 2026-11-25T14:02:11\+00:00, so OctopusServer is an instance in service"):
            act(facts(quarantine=found, removing=act is plan.removal))


def test_a_restore_point_that_was_not_verified() -> None:
    with pytest.raises(OctopusError, match="verified must be"):
        plan.refresh(facts(verified={"failed": True, "msg": "no"}))


# -- the plan of a removal


def test_a_removal() -> None:
    found = plan.removal(facts(removing=True, run=interrupted(operation="clone", error="it failed")))
    assert found.having == ["octo-test"]
    assert found.sql == {"host": "sql-here.lab", "port": 1433, "server": "sql-here.lab"}
    assert found.never == [{"server": "SQL01", "database": "Octopus"}]
    assert found.remains == [
        "the instance OctopusServer on octo-test",
        f"the database Octopus test {OLD_RUN}",
        "the database Octopus test R",
        "the database Older",
        f"the folder C:\\Clones\\{OLD_RUN}",
        f"the folder C:\\Clones\\{NEW_RUN}",
        "the unfinished run R",
    ]
    assert found.lines == ["test: to be removed", *found.remains]


def test_a_removal_that_was_interrupted() -> None:
    """The coordinator has no instance any more; another node has."""
    hosts = {**EMPTY, "octo-test-b": host(instance(node_name="OCTO-TEST-B"))}
    assert plan.removal(facts(removing=True, hosts=hosts)).having == ["octo-test-b"]
    assert facts(removing=True, hosts=hosts).old_database == OLD["database"]
    assert facts(hosts=hosts).old_database == ""


def test_nothing_to_remove() -> None:
    recorded = plan.Run(facts={"clone_sql": {"host": "sql-was.lab", "port": 1500}})
    found = plan.removal(facts(removing=True, hosts=EMPTY, quarantine=SKIPPED, run=recorded))
    assert (found.remains, found.never, found.lines) == ([], [], ["test: nothing to remove"])
    found = plan.removal(facts(removing=True, hosts=EMPTY, quarantine=SKIPPED, run=recorded, outbound=["octo-test"]))
    assert found.remains == ["the outbound rule of Windows Firewall on octo-test"]
    assert found.sql == {"host": "sql-was.lab", "port": 1500, "server": "sql-was.lab,1500"}


# -- the module


COMMON: dict[str, Any] = {
    "instance": "test",
    "clone_of": "prod",
    "instance_name": "OctopusServer",
    "host": "octo-test",
    "nodes": ["octo-test"],
    "hosts": HERE,
    "run_id": NEW_RUN,
    "folder_root": "C:\\Clones",
}


def test_the_module_first_chooses_and_then_plans() -> None:
    common = {**COMMON, "source_restore_point": POINT}
    choice = run_module("octopus_clone_plan", **common)
    assert {name: choice[name] for name in ("changed", "resumes", "restore_point", "old_database")} == {
        "changed": False,
        "resumes": False,
        "restore_point": POINT,
        "old_database": OLD["database"],
    }
    assert "new" not in choice
    found = run_module("octopus_clone_plan", **common, verified=VERIFIED, quarantine=QUARANTINE)
    assert (found["new"], found["old"], found["restore_point"]) == (NEW, OLD, POINT)
    assert "none was created" in run_module("octopus_clone_plan", **COMMON)["msg"]
    assert run_module("octopus_clone_plan", check_mode=True, **COMMON)["restore_point"] == ""


def test_the_module_plans_a_removal() -> None:
    common = {**COMMON, "state": "absent", "run": {"unfinished": True, "run_id": "R"}}
    choice = run_module("octopus_clone_plan", **common)
    assert (choice["having"], choice["sql"]["host"], "remains" in choice) == (["octo-test"], "sql-here.lab", False)
    found = run_module("octopus_clone_plan", **common, quarantine=QUARANTINE)
    assert found["remains"][-1] == "the unfinished run R"


# -- whether it can be set up


def of_an_old_one(integrated: bool | None, version: str = "2018.10.7") -> dict[str, Any]:
    nodes = {"octo-a": {} if integrated is None else {"integrated_security": integrated}}
    return {**VERIFIED, "manifest": {**MANIFEST, "version": version, "nodes": nodes}}


def passing_on(delegates: bool) -> dict[str, Any]:
    return {"octo-test": {**EMPTY["octo-test"], "delegates_credentials": delegates}}


@pytest.mark.parametrize(
    ("integrated", "version", "changes", "found"),
    [
        (True, "2018.10.7", {}, "found that the connection to octo-test does not pass them on"),
        (True, "2022.3.99", {}, "found that the connection to octo-test does not pass them on"),
        (None, "2018.10.7", {}, "found that it cannot be told (the restore point does not say"),
        (True, "2022.4.6073", {}, ""),
        (True, "2025.3.14357", {}, ""),
        (False, "2018.10.7", {}, ""),
        (True, "2018.10.7", {"hosts": passing_on(True)}, ""),
        (True, "2018.10.7", {"sql_server": "(local)\\PROD"}, ""),
        (True, "2018.10.7", {"sql_server": "tcp:OCTO-TEST.example.com,1433"}, ""),
        (True, "2018.10.7", {"waivers": ["master_key_settable"]}, ""),
    ],
)
def test_a_clone_whose_master_key_cannot_be_set_is_refused_before_it_is_begun(
    integrated: bool | None, version: str, changes: dict[str, Any], found: str
) -> None:
    given = facts(**{"verified": of_an_old_one(integrated, version), "hosts": passing_on(False), "quarantine": SKIPPED, **changes})
    if not found:
        assert not any(check.blocks for check in plan.refresh(given).checks)
        return
    with pytest.raises(OctopusError, match=r"nothing of it was changed. master_key_settable \(test\): expected a command of ") as caught:
        plan.refresh(given)
    assert found in caught.value.message
    assert "ansible_winrm_transport: credssp" in caught.value.message
