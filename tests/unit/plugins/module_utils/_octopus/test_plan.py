# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What each named check says of good and of bad facts, and what the module returns."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus import plan, rehearsal_checks
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.check import Check
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.path.conditions import CONDITIONS
from ansible_collections.octopus.upgrade.plugins.modules.octopus_run_report import BEFORE
from ansible_collections.octopus.upgrade.tests.unit.plugins.module_utils._octopus import rollback_facts
from ansible_collections.octopus.upgrade.tests.unit.run_module import run_module

STAGED = {
    "stated_by": "the option sha256",
    "path": "C:\\p\\Octopus.2020.5.7-x64.msi",
    "size": 1024**2,
    "cached_package": {"path": "C:\\Windows\\Installer\\1.msi", "exists": True, "source": None},
}
GOOD: dict[str, Any] = {
    "instance": "prod",
    "nodes": ["octo-a", "octo-b"],
    "server": {
        "version": "2020.5.7",
        "maintenance": {"enabled": False},
        "nodes": [
            {"name": "OCTO-A", "draining": False, "offline": False, "last_seen": "now"},
            {"name": "OCTO-B", "draining": True, "offline": False, "last_seen": "now"},
        ],
        "running_tasks": [],
        "folders": {"logs": "D:\\L", "artifacts": "D:\\A", "packages": "D:\\P"},
        "license": {"is_compliant": True, "summary": "fine", "expires": "2100-01-01T00:00:00Z", "installed": True, "is_ptm": False},
    },
    "hosts": {
        name: {
            "program": {"version": "2020.5.7"},
            "instances": [
                {
                    "name": "OctopusServer",
                    "node_name": name.upper(),
                    "service": {"state": "running"},
                    "url": f"https://{name}",
                    "answers": {"ok": True, "version": "2020.5.7", "found": "version 2020.5.7"},
                    "database": {"integrated": True, "trust_server_certificate": True},
                }
            ],
            "watchdog": {"enabled": name == "octo-a"},
            "os": {"build": "17763"},
            "free_bytes": {"C:": 10 * 1024**3},
            "clock_offset_seconds": 1,
        }
        for name in ("octo-a", "octo-b")
    },
    "database": {
        "version": "2020.5.7",
        "server": "sql01",
        "database": "Octopus",
        "sessions_visible": True,
        "conditions": dict.fromkeys(CONDITIONS, False),
        "used_bytes": 1000,
        "data_bytes": 1500,
        "volumes": [{"name": "D:", "free": 2000}],
        "rollback": rollback_facts.STANDALONE,
        "clock_offset_seconds": -2,
        "account": {"name": "OCTO-A$", "db_owner": True},
    },
    "packages": {
        "2026.2.9853": {name: {"size": 1024**3} for name in ("octo-a", "octo-b")},
        "2020.5.7": dict.fromkeys(("octo-a", "octo-b"), STAGED),
    },
    "backup": {"free_bytes": 5000, "estimated_bytes": 1000, "paths": ["x.bak"]},
}


def facts(**changes: Any) -> plan.Facts:
    return plan.Facts(**{**copy.deepcopy(GOOD), **changes})


def failing(found: list[Check]) -> list[str]:
    return sorted({check.name for check in found if check.blocks})


def test_good_facts_have_no_blocker() -> None:
    assert failing(plan.checks(facts(), "2026.2.9853", ["2026.2.9853"])) == []


def change(path: str, value: Any) -> dict[str, Any]:
    """GOOD with the value at a path like ``hosts/octo-a/program`` replaced."""
    first, *rest = path.split("/")
    changed = copy.deepcopy(GOOD[first])
    place: Any = changed
    for key in rest[:-1]:
        place = place[int(key) if isinstance(place, list) else key]
    if rest:
        place[int(rest[-1]) if isinstance(place, list) else rest[-1]] = value
    else:
        changed = value
    return {first: changed}


@pytest.mark.parametrize(
    ("path", "value", "name"),
    [
        ("hosts/octo-b/instances", [], "instance_found"),
        ("hosts/octo-a/program", {"version": "2021.1.8045"}, "versions_agree"),
        ("hosts/octo-a/program", None, "versions_agree"),
        ("database/version", "2019.13.7", "versions_agree"),
        ("server/nodes/1/name", "OCTO-C", "node_in_inventory"),
        ("hosts/octo-a/instances/0/service", {"state": "stopped"}, "service_running"),
        ("hosts/octo-b/instances/0/answers", {"ok": None, "found": "GET https://octo-b/api: no trust"}, "node_answers"),
        ("hosts/octo-b/instances/0/answers", {"ok": False, "found": "GET https://octo-b/api: no connection"}, "node_answers"),
        ("hosts/octo-b/instances/0/answers", None, "node_answers"),
        ("database/account", {"name": "OCTO-A$", "db_owner": False, "found": "no login for OCTO-A$"}, "job_account_on_database"),
        ("database/account", {"name": "OCTO-A$", "db_owner": None, "found": "that it cannot be told"}, "job_account_on_database"),
        ("database/account", None, "job_account_on_database"),
        ("server/license", {"is_compliant": False, "summary": "expired"}, "license_compliant"),
        ("server/license", {"is_compliant": None, "summary": None}, "license_compliant"),
        ("database/sessions_visible", False, "may_see_sessions"),
        ("database/operations", ["BACKUP DATABASE in session 60, 10 percent"], "nothing_else_on_database"),
        ("hosts/octo-a/running_jobs", ["msi-1"], "nothing_else_running"),
        ("database/sessions_visible", None, "may_see_sessions"),
        ("hosts/octo-a/free_bytes", {"C:": 1024}, "space_on_node"),
        ("hosts/octo-a/free_bytes", {"D:": 10 * 1024**3}, "space_on_node"),
        ("packages/2026.2.9853", {"octo-a": {"size": None}}, "space_on_node"),
        ("packages/2020.5.7/octo-b", {**STAGED, "stated_by": None}, "installed_package_verified"),
        ("packages/2020.5.7/octo-b", {**STAGED, "cached_package": None}, "installed_package_cached"),
        ("packages/2020.5.7/octo-a/cached_package", {"path": None, "exists": False, "source": None}, "installed_package_cached"),
        (
            "packages/2020.5.7/octo-a/cached_package",
            {"path": "C:\\1.msi", "exists": False, "source": "D:\\2.msi"},
            "installed_package_cached",
        ),
        ("database/volumes", [], "space_on_sql_server"),
        ("database/used_bytes", None, "space_on_sql_server"),
        ("backup", {"free_bytes": 5000, "paths": ["x"]}, "space_for_backup"),
        ("database/volumes", [{"name": "D:", "free": 10}], "space_on_sql_server"),
        ("hosts/octo-a/clock_offset_seconds", 60, "clocks_agree"),
        ("database/clock_offset_seconds", None, "clocks_agree"),
        ("backup", {"free_bytes": 10, "estimated_bytes": 1000, "paths": ["x"]}, "space_for_backup"),
    ],
)
def test_each_check_finds_what_it_is_for(path: str, value: Any, name: str) -> None:
    found = plan.checks(facts(**change(path, value)), "2026.2.9853", ["2026.2.9853"])
    assert name in failing(found)
    assert all(check.found and check.expected and check.where and check.todo for check in found if check.blocks)


def test_the_account_of_the_jobs_matters_to_an_upgrade_alone() -> None:
    unknown = change("database/account", None)
    assert failing(plan.checks(facts(**unknown), "2020.5.7", [])) == []
    own_login = change("hosts/octo-a/instances/0/database", {"integrated": False})
    own_login["hosts"]["octo-b"]["instances"][0]["database"] = None
    assert failing(plan.checks(facts(**unknown, **own_login), "2026.2.9853", ["2026.2.9853"])) == []


def test_two_instances_on_a_host_are_found_before_one_msi_run_upgrades_both() -> None:
    two = change("hosts/octo-a/instances", [*GOOD["hosts"]["octo-a"]["instances"], {"name": "Test"}])
    assert "instance_found" in failing(plan.checks(facts(**two), "2026.2.9853", ["2026.2.9853"]))
    named = plan.checks(facts(**two, instance_name="octopusserver"), "2026.2.9853", ["2026.2.9853"])
    assert failing(named) == ["only_instance_on_host"]


def test_a_lower_target_is_refused() -> None:
    assert failing(plan.checks(facts(), "2019.13.7", [])) == ["target_not_older"]


def test_a_node_that_is_gone_does_not_block() -> None:
    gone = change("server/nodes", [*GOOD["server"]["nodes"], {"name": "OLD", "offline": True, "last_seen": "2019"}])
    assert failing(plan.checks(facts(**gone), "2026.2.9853", ["2026.2.9853"])) == []


def test_a_waiver_accepts_one_name_only() -> None:
    bad = facts(**change("server/license", {"is_compliant": False}), **change("database/version", "2019.13.7"))
    found = plan.checks(bad, "2026.2.9853", ["2026.2.9853"], ["license_compliant"])
    assert failing(found) == ["versions_agree"]
    assert plan.unknown_waivers(["license_compliant", "licence"]) == ["licence"]


def test_before_remembers_how_the_instance_was_found() -> None:
    assert plan.before(facts()) == {"maintenance": False, "drained": ["octo-b"], "task_caps": {}, "watched": ["octo-a"], "start_types": {}}


def test_before_remembers_the_task_caps_that_draining_may_take_away() -> None:
    """Not of a node that was drained, or that takes no tasks as somebody wants it: neither is touched."""
    rows = [{"name": "OCTO-A", "draining": False, "task_cap": 7}, {"name": "OCTO-B", "draining": True, "task_cap": 5}]
    assert plan.before(facts(**change("server/nodes", rows)))["task_caps"] == {"octo-a": 7}
    assert plan.before(facts(**change("server/nodes", [{**rows[0], "task_cap": 0}])))["task_caps"] == {}


def test_the_report_of_a_run_takes_all_that_is_remembered() -> None:
    assert set(plan.before(facts())) <= BEFORE.keys()


def test_before_remembers_only_start_types_that_can_be_set_again() -> None:
    found = facts()
    for node, kind in (("octo-a", "delayed-auto"), ("octo-b", "7")):
        found.on(node)["service"]["start_type"] = kind
    assert plan.before(found)["start_types"] == {"octo-a": "delayed-auto"}


def test_every_check_has_a_known_name_and_may_be_waived_before_it_applies() -> None:
    found = plan.checks(facts(rehearsal={}, rehearsal_required=True), "2026.2.9853", ["2026.2.9853"])
    assert {check.name for check in found} <= set(plan.NAMES)
    assert plan.unknown_waivers(plan.NAMES) == []


# -- the rehearsal

REHEARSED = {"outlook": {"succeeded": True, "verdict": "upgraded", "clone": "test", "age_days": 2.5, "outage_seconds": 61}}


def rehearsed(**outlook: Any) -> dict[str, Any]:
    return {"outlook": {**REHEARSED["outlook"], **outlook}}


@pytest.mark.parametrize(
    ("rehearsal", "required", "refused"),
    [
        (None, True, False),  # it was not asked yet
        (REHEARSED, True, False),
        (rehearsed(age_days=30.01), True, True),
        (rehearsed(succeeded=False, verdict="failed_rolled_back"), True, True),
        ({"outlook": None}, True, True),
        ({"outlook": None}, False, False),
        ({"skipped": True}, False, False),
        ({"skipped": True}, True, False),  # the upgrade itself looks
        ({"outlook": None, "looked": False}, True, False),
        ({**REHEARSED, "looked": False}, True, False),  # the copy of this control node
        ({**rehearsed(age_days=99), "looked": False}, True, False),
    ],
)
def test_a_rehearsal_that_is_required(rehearsal: dict[str, Any] | None, required: bool, refused: bool) -> None:
    asked = facts(rehearsal=rehearsal, rehearsal_required=required)
    assert failing(plan.checks(asked, "2026.2.9853", ["2026.2.9853"])) == (["rehearsed"] if refused else [])
    assert failing(plan.checks(asked, "2026.2.9853", ["2026.2.9853"], ["rehearsed"])) == []
    assert failing(plan.checks(asked, "2020.5.7", [])) == []  # nothing to upgrade


@pytest.mark.parametrize(
    ("rehearsal", "text"),
    [
        (REHEARSED, "upgraded on test 2.5 days ago, outage 61 s"),
        (rehearsed(succeeded=False, verdict="failed_rolled_back"), "failed_rolled_back on test 2.5 days ago"),
        ({"outlook": None}, "none of this upgrade"),
        ({**REHEARSED, "looked": False}, "upgraded on test 2.5 days ago, outage 61 s"),
        ({"skipped": True}, f"not looked up: {rehearsal_checks.NOT_LOOKED}"),
        ({"outlook": None, "looked": False}, f"not looked up: {rehearsal_checks.NOT_LOOKED}"),
    ],
)
def test_how_the_rehearsal_went(rehearsal: dict[str, Any], text: str) -> None:
    assert rehearsal_checks.text(rehearsal) == text


def test_a_rehearsal_that_is_not_required_warns_and_of_a_clone_nobody_asks() -> None:
    [check] = [one for one in plan.checks(facts(rehearsal={"outlook": None}), "2026.2.9853", ["2026.2.9853"]) if one.name == "rehearsed"]
    assert (check.verdict, check.blocks) == ("warning", False)
    found = plan.checks(facts(rehearsal={"outlook": None}, rehearsal_days=0), "2026.2.9853", ["2026.2.9853"])
    assert "rehearsed" not in {one.name for one in found}


# -- what the module returns


def module(**params: Any) -> dict[str, Any]:
    given = {name: GOOD[name] for name in ("instance", "nodes", "server", "hosts", "database", "packages", "backup")}
    return run_module(
        "octopus_plan", **{**given, "version": "2026.2.9853", "path_rows_off": ["dataversion"], "run_id": "20261125T132400Z", **params}
    )


def test_the_module_returns_the_plan() -> None:
    result = module(coordinator="octo-a", sql={"host": "sql01", "database": "Octopus"})
    assert not result.get("failed"), result
    assert (result["installed"], result["upgrade_path"], result["changed"]) == ("2020.5.7", ["2026.2.9853"], False)
    assert result["restore_point"] == "20261125T132400Z-2020.5.7"
    assert "Database: Octopus on sql01, 0.0 MiB in use" in result["lines"]
    assert result["plan"]["database"]["name"] == "Octopus"
    assert module(run_id=None)["restore_point"] is None


def test_the_module_names_every_blocker_at_once() -> None:
    result = module(version="2019.13.7", server={**GOOD["server"], "license": {"is_compliant": False, "summary": "expired"}})
    assert result["failed"]
    assert "Preflight of instance prod found 2 blocker(s); nothing was changed." in result["msg"]
    assert "- license_compliant (prod): expected a compliant licence" in result["msg"]
    assert [check["name"] for check in result["checks"] if not check["ok"]] == ["target_not_older", "license_compliant"]


def test_the_module_refuses_unknown_waivers_and_versions() -> None:
    assert "octopus_waivers names unknown checks: licence. Known: " in module(waivers=["licence"])["msg"]
    assert "Instance prod cannot be planned: octopus_version 'newest' is no exact version" in module(version="newest")["msg"]


@pytest.mark.parametrize("folders", [{}, {"logs": "D:\\L", "artifacts": None, "packages": "D:\\P"}, None])
def test_folders_that_nothing_names_block(folders: dict[str, str | None] | None) -> None:
    found = plan.checks(facts(server={**GOOD["server"], "folders": folders}), "2026.2.9853", ["2026.2.9853"])
    assert failing(found) == ["folders_known"]
    assert "octopus_folders" in plan.refusal("prod", found)


@pytest.mark.parametrize(
    ("database", "blocked"),
    [
        ({"heartbeats_readable": False, "sessions_visible": False}, ["heartbeats_readable", "may_see_sessions"]),
        ({"heartbeats_readable": False, "sessions_visible": True}, []),
        ({"heartbeats_readable": True, "sessions_visible": True}, []),
    ],
)
def test_nodes_that_may_run_unseen_block(database: dict[str, bool], blocked: list[str]) -> None:
    found = plan.checks(facts(database={**GOOD["database"], **database}), "2026.2.9853", ["2026.2.9853"])
    assert failing(found) == blocked


WAITING = {"task": "ServerTasks-7", "description": "Deploy Web", "project": "Web Shop", "title": "Approve", "teams": ["Ops", "Managers"]}


@pytest.mark.parametrize(("policy", "blocked"), [("refuse", ["nobody_asked"]), ("leave", []), ("cancel", [])])
def test_a_task_that_waits_for_a_person(policy: str, blocked: list[str]) -> None:
    given = facts(server={**GOOD["server"], "interruptions": [WAITING]}, interventions=policy)
    found = plan.checks(given, "2026.2.9853", ["2026.2.9853"])
    assert failing(found) == blocked
    asked = "ServerTasks-7 (Deploy Web) of project Web Shop waits at 'Approve' for team Ops or Managers"
    assert (asked in plan.refusal("prod", found)) is bool(blocked)
    told = module(server=given.server, interventions=policy)["plan"]["afterwards"]
    assert f"{'cancelled' if policy == 'cancel' else 'left waiting'}: {asked}" in told
    assert failing(plan.checks(given, "2020.5.7", [])) == []
    given.stops_service = True  # a backup that drains and stops the nodes
    assert failing(plan.checks(given, "2020.5.7", [])) == blocked


def test_who_may_answer_can_be_unknown() -> None:
    given = facts(server={**GOOD["server"], "interruptions": [{**WAITING, "project": "", "title": "", "teams": []}]})
    assert "ServerTasks-7 (Deploy Web) waits for whoever may answer" in plan.refusal(
        "prod", plan.checks(given, "2026.2.9853", ["2026.2.9853"])
    )


def test_a_missing_cached_package_is_found_where_windows_installer_looks_for_it_and_it_is_staged() -> None:
    changed = change("packages/2020.5.7/octo-a/cached_package", {"path": "C:\\1.msi", "exists": False, "source": STAGED["path"].upper()})
    found = plan.checks(facts(**changed), "2026.2.9853", ["2026.2.9853"])
    assert failing(found) == []
    assert any("but that Windows Installer looks for it" in check.found for check in found)


def test_a_plan_without_packages_yet_and_one_without_anything_to_do_ask_nothing_of_the_installed_package() -> None:
    for changed, path in (({"packages": {}}, ["2026.2.9853"]), ({}, [])):
        found = plan.checks(facts(**changed), "2026.2.9853", path)
        assert not [check for check in found if check.name.startswith("installed_package")]
