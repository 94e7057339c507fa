# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The checks of what is read for an upgrade alone: each fires on what it is for, warns or blocks as it is meant to, and is silent otherwise."""

from __future__ import annotations

import copy
from datetime import datetime, timezone
from typing import Any

import pytest
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus import plan, server_checks
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.check import Check
from ansible_collections.octopus.upgrade.tests.unit.plugins.module_utils._octopus.ready_facts import READY, TARGET, planted


def found(facts: dict[str, Any]) -> dict[str, Check]:
    """The worst finding of each check."""
    order = ("ok", "waived", "unknown", "warning", "blocker")
    checks = sorted(plan.checks(plan.Facts(**facts), TARGET, [TARGET]), key=lambda one: order.index(one.verdict))
    return {check.name: check for check in checks}


def test_an_estate_that_is_ready_has_nothing_but_ok() -> None:
    assert {name: check.verdict for name, check in found(copy.deepcopy(READY)).items() if check.verdict != "ok"} == {}


HOST, INSTANCE = "hosts/octo-a", "hosts/octo-a/instances/0"
MACHINE = {"name": "web", "style": "TentaclePassive", "version": "8.1.0"}


@pytest.mark.parametrize(
    ("path", "value", "name", "verdict", "says"),
    [
        (f"{HOST}/readiness/reboot_pending", ["Windows components were changed"], "no_reboot_pending", "warning", "components were changed"),
        (f"{HOST}/readiness/reboot_pending", None, "no_reboot_pending", "unknown", "cannot be told"),
        (f"{HOST}/readiness/installation_in_progress", True, "no_other_installation", "blocker", "interrupted"),
        (f"{HOST}/readiness/installation_in_progress", None, "no_other_installation", "unknown", "cannot be told"),
        (f"{HOST}/free_bytes", {"C:": 10 * 1024**3, "D:": 1024, "E:": 10 * 1024**3}, "space_on_drives", "warning", "0.0 MiB"),
        (f"{HOST}/free_bytes", {"C:": 10 * 1024**3, "D:": 10 * 1024**3, "E:": 1024}, "space_on_drives", "blocker", "0.0 MiB"),
        (f"{HOST}/free_bytes", {"C:": 10 * 1024**3, "D:": 10 * 1024**3, "E:": None}, "space_on_drives", "unknown", "cannot be told"),
        (f"{HOST}/watchdog", {"enabled": False, "task_name": "Octopus Watchdog"}, "watchdog_enabled", "warning", "Octopus Watchdog"),
        (f"{INSTANCE}/service/start_type", "disabled", "service_starts_itself", "warning", "disabled"),
        (f"{INSTANCE}/service/account", "LAB\\svc", "service_accounts_agree", "warning", "LAB\\svc on octo-a"),
        (f"{INSTANCE}/service/account", None, "service_accounts_agree", "unknown", "unknown on octo-a"),
        (f"{INSTANCE}/configuration_error", "exit code 1", "configuration_readable", "warning", "exit code 1"),
        (f"{INSTANCE}/node_name", "ELSEWHERE", "node_registered", "warning", "no node ELSEWHERE"),
        ("server/maintenance", {"enabled": True}, "maintenance_off", "warning", "will be left on"),
        ("server/nodes/1/draining", True, "nodes_undrained", "warning", "OCTO-B is"),
        ("server/license/expires", "2020-01-01T00:00:00Z", "license_lasts", "warning", "2020-01-01"),
        ("server/readiness/tasks_queued", [{"task": "ServerTasks-9", "due": "2020-01-01T00:00:00Z"}], "no_tasks_queued", "warning", "ServerTasks-9"),
        ("server/readiness/tasks_queued", None, "no_tasks_queued", "unknown", "cannot be told"),
        ("server/readiness/integrity_check/state", "Failed", "integrity_checked", "warning", "Failed on 2026-11-23, ServerTasks-7"),
        ("server/readiness/integrity_check/warnings", True, "integrity_checked", "warning", "with warnings"),
        ("server/readiness/integrity_check", {}, "integrity_checked", "unknown", "none that it ran"),
        ("server/readiness/integrity_check", None, "integrity_checked", "unknown", "does not say"),
        ("server/readiness/machines/0/version", "3.25.0", "tentacles_supported", "warning", "web 3.25.0"),
        ("server/readiness/machines/0/version", None, "tentacles_supported", "unknown", "no version of web"),
        ("server/readiness/machines", None, "tentacles_supported", "unknown", "may not see"),
        ("server/readiness/machines", None, "polling_tentacles", "unknown", "may not see"),
        ("database/readiness/server_login", {"name": "o", "db_owner": False, "found": "no user for it"}, "server_login_is_owner", "blocker", "no user"),
        ("database/readiness/server_login", {"name": "o", "db_owner": None, "found": None}, "server_login_is_owner", "unknown", "cannot be told"),
        ("database/readiness/own_objects", ["reports.Sales", "trigger T"], "no_own_objects", "warning", "reports.Sales, trigger T"),
        ("database/readiness/own_objects", None, "no_own_objects", "unknown", "does not see"),
        ("database/readiness/files", [{"name": "Octopus_log", "bytes": 1, "grows": False}], "files_may_grow", "warning", "Octopus_log cannot"),
        ("database/readiness/files", [], "files_may_grow", "unknown", "does not see"),
        ("looked", {"backup": "Access is denied"}, "backup_writable", "blocker", "Access is denied"),
        ("looked", {"folders": "a link at moved"}, "folders_readable", "blocker", "a link at moved"),
        ("looked", {"master_key": "cannot be decrypted"}, "master_key_readable", "blocker", "cannot be decrypted"),
        ("looked", {"package:2026.2.9853": "404"}, "package_available", "blocker", "404"),
        ("rehearsal", {"outlook": None, "looked": False}, "rehearsed", "unknown", "only a job"),
    ],
)  # fmt: skip
def test_a_check_fires(path: str, value: Any, name: str, verdict: str, says: str) -> None:
    check = found(planted({path: value}))[name]
    assert (check.verdict, says in check.found) == (verdict, True), check
    # Only what is unknown of a blocker stops an upgrade like the blocker itself.
    assert check.blocks is (verdict == "blocker" or (verdict == "unknown" and name in ("no_other_installation", "space_on_drives")))
    assert check.todo and check.where


@pytest.mark.parametrize(
    ("version", "used", "verdict", "blocks"),
    [
        ("14.0.1", 4 * 1024**3, "ok", False),
        ("14.0.1", 6 * 1024**3, "warning", False),
        ("14.0.1", 95 * 1024**3 // 10, "blocker", True),
        ("17.0.1", 95 * 1024**3 // 10, "ok", False),
        ("14.0.1", None, "unknown", True),
    ],
)
def test_the_limit_of_express(version: str, used: int | None, verdict: str, blocks: bool) -> None:
    facts = planted({"database/readiness/engine_edition": 4, "database/used_bytes": used, "database/server_version": version})
    check = found(facts)["express_limit"]
    assert (check.verdict, check.blocks) == (verdict, blocks)
    assert "express_limit" not in found(copy.deepcopy(READY)), "another edition has none"


def test_polling_tentacles_are_counted() -> None:
    facts = planted(
        {"server/readiness/machines": [MACHINE, {**MACHINE, "style": "TentacleActive"}, {"name": "ssh", "style": "Ssh", "version": None}]}
    )
    assert found(facts)["polling_tentacles"].found.startswith("1 polling and 1 listening, of 3 targets")
    assert found(facts)["tentacles_supported"].verdict == "ok", "an SSH target has no Tentacle"


def test_before_spaces_an_older_tentacle_is_supported() -> None:
    facts = plan.Facts(**planted({"server/readiness/machines/0/version": "3.25.0"}))
    assert "tentacles_supported" not in {check.name for check in server_checks.checks(facts, "2018.10.8")}


def test_a_licence_of_an_old_format_is_told_by_the_catalogue_alone() -> None:
    now = datetime(2026, 11, 1, tzinfo=timezone.utc)
    for expires, names in (("0001-01-01T00:00:00", []), (None, []), ("2026-11-20T00:00:00Z", ["license_lasts"])):
        facts = plan.Facts(**planted({"server/license/expires": expires}))
        fired = [check.name for check in server_checks.checks(facts, TARGET, now) if check.name == "license_lasts" and check.ok is False]
        assert fired == names


def test_a_task_that_is_scheduled_for_later_is_not_in_the_queue() -> None:
    queue = [{"task": "ServerTasks-9", "due": "2026-11-30T03:00:00Z"}]
    for now, verdict in (("2026-11-30T02:59:00+00:00", "ok"), ("2026-11-30T03:00:01+00:00", "warning")):
        check = found(planted({"server/readiness/tasks_queued": queue, "database/now": now}))["no_tasks_queued"]
        assert (check.verdict, "1 scheduled for later" in check.found) == (verdict, verdict == "ok")


def test_what_was_not_read_is_not_checked() -> None:
    """A caller that has not asked, such as a backup's, gets no finding of what it does not need."""
    bare = copy.deepcopy(READY)
    for facts in (bare["server"], bare["database"], *bare["hosts"].values()):
        facts.pop("readiness")
    silent = {"no_reboot_pending", "no_other_installation", "no_tasks_queued", "integrity_checked", "tentacles_supported", "no_own_objects"}
    assert silent & set(found(bare)) == set()


def test_what_only_a_job_could_measure_is_unknown_to_a_plan_and_blocks_an_upgrade() -> None:
    unlooked = {"looked": False, "rehearsals": [], "outlook": None, "free_bytes": None}
    for looked, blocks in ((False, False), (True, True)):
        check = found(planted({"backup/free_bytes": None, "rehearsal": {**unlooked, "looked": looked}}))["space_for_backup"]
        assert (check.verdict, check.blocks) == ("unknown", blocks)
        assert ("upgrade_inplace.yml looks" in check.todo) is not blocks


def test_a_warning_needs_no_waiver_and_gets_none() -> None:
    facts = plan.Facts(**planted({"server/maintenance": {"enabled": True}}))
    checks = plan.checks(facts, TARGET, [TARGET], ["maintenance_off"])
    assert [check.verdict for check in checks if check.name == "maintenance_off"] == ["warning"]
