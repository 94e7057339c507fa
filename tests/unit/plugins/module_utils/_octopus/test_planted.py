# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One estate with all the problems that can be there at once: the plan names each, and nothing else."""

from __future__ import annotations

from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._octopus import path_checks, plan, plan_document, plan_text
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.check_guide.catalogue import GUIDE
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.path.known import conditions
from ansible_collections.octopus.upgrade.tests.unit.plugins.module_utils._octopus.ready_facts import INSTALLED, TARGET, made, planted

A, B = "hosts/octo-a", "hosts/octo-b"
ROLLBACK = "database/rollback"
CACHED = {"path": "C:\\1.msi", "exists": False, "source": None}
STAGED = {"stated_by": None, "sha256": None, "path": "C:\\p\\o.msi", "size": 200 * 1024**3, "fetched": True, "cached_package": CACHED}
REHEARSED = {"succeeded": True, "verdict": "upgraded", "clone": "c", "age_days": 99.0, "outage_seconds": 1}
UNLIKE = {"verdict": "contradiction", "missing": ["x"], "needed_by": ["upgrade"], "step": "apply", "reason": ""}
UNLIKE_ASSUMED = {"report": {"probes": [{"id": f"{part}: y: x", **UNLIKE} for part in ("program", "windows", "rest", "database")]}}
# Check -> how it is planted. Where a check can say several things, one of them.
PROBLEMS: dict[str, dict[str, Any]] = {
    "only_instance_on_host": {f"{B}/instances": [{"name": "OctopusServer", "node_name": "OCTO-B", "service": {"state": "running", "account": "svc"},
                                                  "answers": {"ok": True, "found": "it"}}, {"name": "Test"}]},
    "versions_agree": {f"{A}/program/version": "2019.13.7"},
    "node_in_inventory": {"server/nodes/1/name": "OCTO-Z"},
    "service_running": {f"{A}/instances/0/service": {"state": "stopped", "account": "LocalSystem", "start_type": "disabled"}},
    "service_starts_itself": {},
    "service_accounts_agree": {},
    "node_registered": {},
    "node_answers": {f"{A}/instances/0/answers": {"ok": False, "found": "no connection"}},
    "job_account_on_database": {f"{A}/instances/0/database/integrated": True},
    "configuration_readable": {f"{A}/instances/0/configuration_error": "exit code 1"},
    "program_as_assumed": {"compatibility": UNLIKE_ASSUMED},
    "windows_as_assumed": {},
    "rest_api_as_assumed": {},
    "database_as_assumed": {},
    "watchdog_enabled": {f"{A}/watchdog/enabled": False},
    "nothing_else_running": {f"{A}/running_jobs": ["msi-1"]},
    "no_reboot_pending": {f"{A}/readiness/reboot_pending": ["Windows Update has installed something"]},
    "no_other_installation": {f"{A}/readiness/installation_in_progress": True},
    "space_on_node": {f"{A}/free_bytes": {"C:": 1, "D:": 1, "E:": 1}},
    "space_on_drives": {},
    "clocks_agree": {f"{A}/clock_offset_seconds": 300},
    "folders_known": {"server/folders": {}},
    "license_compliant": {"server/license/is_compliant": False},
    "license_lasts": {"server/license/expires": "2026-01-01T00:00:00Z"},
    "license_covers_path": {"server/license/expires": "2026-01-01T00:00:00Z"},
    "maintenance_off": {"server/maintenance": {"enabled": True}},
    "nodes_undrained": {"server/nodes/0/draining": True},
    "nobody_asked": {"server/interruptions": [{"task": "ServerTasks-1", "description": "d", "project": "", "title": "", "teams": []}]},
    "no_tasks_queued": {"server/readiness/tasks_queued": [{"task": "ServerTasks-9", "due": None}]},
    "integrity_checked": {"server/readiness/integrity_check/state": "Failed"},
    "tentacles_supported": {"server/readiness/machines/0/version": "3.20.0"},
    "may_see_sessions": {"database/sessions_visible": False},
    "heartbeats_readable": {"database/heartbeats_readable": False, "database/sessions_visible": False},
    "nothing_else_on_database": {"database/operations": ["DBCC in session 60"]},
    "space_on_sql_server": {"database/volumes": [{"name": "D:", "free": 1}]},
    "express_limit": {"database/readiness/engine_edition": 4, "database/used_bytes": 10 * 1024**3},
    "server_login_is_owner": {"database/readiness/server_login/db_owner": False},
    "no_own_objects": {"database/readiness/own_objects": ["trigger T"]},
    "files_may_grow": {"database/readiness/files/0/grows": False},
    "space_for_backup": {"backup/free_bytes": 1},
    "space_for_rollback": {f"{ROLLBACK}/room/free": {"D:\\": 0, "L:\\": 0}},
    "may_restore": {f"{ROLLBACK}/rights/back_up": False},
    "rollback_possible": {f"{ROLLBACK}/surroundings/mirrored": True},
    "rollback_complete": {f"{ROLLBACK}/surroundings/cdc": True},
    "database_writable": {f"{ROLLBACK}/surroundings/read_only": True},
    "package_signature": {f"packages/{TARGET}/octo-a/signature": {"verdict": "refused", "reason": "its content is not what was signed"}},
    "installed_package_verified": {f"packages/{INSTALLED}": {"octo-a": STAGED, "octo-b": STAGED}},
    "installed_package_cached": {},
    "backup_writable": {"looked/backup": "Access is denied"},
    "folders_readable": {"looked/folders": "a link"},
    "master_key_readable": {"looked/master_key": "no"},
    "package_available": {f"looked/package:{TARGET}": "404"},
    "rehearsed": {"rehearsal/outlook": REHEARSED},
}  # fmt: skip
# Rows of the catalogue that this database meets on the way.
ROWS = {"column_collation_differs": "collation-any", "mirrored": "mirror", "licence_expired": "licence-grace"}
# Each contradicts another one of the above, is about something that this estate does not have, or is never wrong.
ELSEWHERE = {
    *("instance_found", "target_not_older", "upgrade_path", "plan_approved", "group_rejoinable"),
    *("space_for_folders", "polling_tentacles", "master_key_settable", "unlisted"),
}  # fmt: skip


def test_every_planted_problem_is_named_and_nothing_else() -> None:
    everything = {path: value for problem in PROBLEMS.values() for path, value in problem.items()}
    facts = plan.Facts(**planted(everything), instance_name="OctopusServer")
    known = {**conditions(facts.server, facts.hosts, facts.database), "column_collation_differs": True}
    way = path_checks.find(INSTALLED, TARGET, [TARGET], conditions=known, off=["dataversion"])
    licence = path_checks.license_check(way, facts.server["license"], {}, facts.instance)
    found = plan.checks(facts, TARGET, [TARGET], (), [*path_checks.checks(way, facts.instance), *licence])
    wrong = {check.name for check in found if check.ok is not True}
    rows = {check.name for check in found if check.name not in GUIDE}
    assert wrong - rows == PROBLEMS.keys()
    assert set(ROWS.values()) <= rows
    assert len(wrong) >= 40
    assert PROBLEMS.keys() | ELSEWHERE == GUIDE.keys()
    text = "\n".join(plan_text.lines(plan_document.document(facts, TARGET, way, found, plan_document.Setting())))
    assert [name for name in wrong if f" {name} (" not in text] == []


def test_each_problem_alone_is_named_too() -> None:
    for name, problem in PROBLEMS.items():
        if problem:
            wrong = {check["name"] for check in made(problem, ladder=[TARGET])["checks"] if check["verdict"] != "ok"}
            assert name in wrong, (name, wrong)


def test_a_clean_estate_has_none() -> None:
    assert [check["name"] for check in made(ladder=[TARGET])["checks"] if check["verdict"] != "ok"] == []
