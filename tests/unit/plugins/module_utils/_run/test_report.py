# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The final words at two in the morning: how the instance is, where everything is, and what to do."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.octopus.upgrade.plugins.module_utils._run import outcome
from ansible_collections.octopus.upgrade.plugins.module_utils._run.report import Report, backup, message, services_of, state, summary

STOPPED = ["stage.license", "quiesce.watchdog", "quiesce.maintenance", "quiesce.stop"]
PATH = "octopus-runs/prod/now.json"


def report(verdict: str, **more: Any) -> Report:
    known: dict[str, Any] = {
        "instance": "prod",
        "verdict": verdict,
        "error": "Back up the database: it broke",
        "nodes": ["octo-a", "octo-b"],
        "installed": "2025.3.14357",
        "before": {"maintenance": False, "drained": ["octo-b"], "watched": ["octo-a"]},
        "services": {"octo-a": "stopped", "octo-b": "unknown"},
        "restore_point": "\\\\nas\\backups\\prod\\now-2025.3.14357",
        "database": "Octopus",
        "steps": STOPPED,
    }
    return Report(**{**known, **more})


@pytest.mark.parametrize("verdict", outcome.VERDICTS)
def test_each_verdict_has_words_with_the_instance_and_the_first_error_comes_first(verdict: str) -> None:
    told = message(report(verdict), PATH)
    assert told.splitlines()[0] == "Back up the database: it broke"
    assert "nstance prod" in told
    assert told.splitlines()[-1] == f"Run record: {PATH}"
    in_service = verdict not in ("failed_stopped", "rollback_failed")
    assert ("out of service" in told) is not in_service
    assert "  " not in told and "None" not in told


@pytest.mark.parametrize(
    ("verdict", "words"),
    [
        ("upgraded", "Instance prod is upgraded and in service."),
        ("rolled_back", "Instance prod is back at 2025.3.14357 and in service."),
        ("backed_up", "Instance prod is backed up and in service."),
    ],
)
def test_success_has_no_message(verdict: str, words: str) -> None:
    assert message(report(verdict, error=""), PATH) == ""
    assert state(report(verdict)) == words


def test_a_lost_lock() -> None:
    told = message(report("failed_lock_lost"))
    assert "Another control node has broken the lock of instance prod, and has resumed or ended this run." in told
    assert "Run record" not in told


def test_before_the_outage() -> None:
    told = message(report("failed_before_outage", not_removed="Settle the jobs: no answer"), PATH)
    assert "Instance prod was not touched. Its service runs as before." in told
    assert "Could not be cleaned up: Settle the jobs: no answer" in told


def test_before_the_outage_with_the_watchdog_off() -> None:
    told = message(report("failed_before_outage", second_error="Switch the watchdog on: octo-a does not answer"))
    assert "was not touched, except for its watchdog. Its service runs as before." in told
    assert "Restoring service failed too: Switch the watchdog on: octo-a does not answer" in told


def test_service_restored() -> None:
    told = message(report("failed_service_restored"))
    assert "Instance prod was stopped, but neither its programs nor its database were changed." in told
    assert "Its service runs again at 2025.3.14357, with maintenance mode, drain and watchdog as they were." in told
    beside = message(report("failed_service_restored", steps=["freeze.maintenance"]))
    assert "was in maintenance mode, but" in beside and "runs at 2025.3.14357" in beside
    watchdog = message(report("failed_service_restored", second_error="Switch the watchdog on: no"))
    assert "with maintenance mode and drain as they were" in watchdog


def test_rolled_back_after_a_failure() -> None:
    retained = {"database": "Octopus failed now", "folders": "\\\\nas\\backups\\prod\\failed-now", "bytes": 5 * 1024**3}
    told = message(report("failed_rolled_back", retained=retained))
    assert "was rolled back to its restore point: its service runs again at 2025.3.14357" in told
    assert (
        "What was replaced is retained: Octopus failed now, \\\\nas\\backups\\prod\\failed-now (5.0 GB). "
        "It stays until rollback_cleanup.yml removes it." in told
    )
    assert "The restore point \\\\nas\\backups\\prod\\now-2025.3.14357 has the database (database.bak)" in told
    assert "retained" not in message(report("failed_rolled_back", retained={"database": "", "folders": ""}))
    moved = {"moved": ["C:\\Octopus\\failed-now-moved"], "until": "2026-12-14T03:00:00+00:00"}
    assert (
        "What was replaced is retained: C:\\Octopus\\failed-now-moved. It stays until rollback_cleanup.yml removes it, which it does from "
        "2026-12-14 on (octopus_keep_replaced_days)." in message(report("failed_rolled_back", retained=moved))
    )


def test_started_and_not_asked() -> None:
    told = message(report("failed_unasked", resume_with="upgrade_inplace.yml"))
    assert "was started again and runs, but the control node could not ask it how it is" in told
    assert "run upgrade_inplace.yml again to continue with the verification" in told
    assert "Do not start" not in told
    rolled_back = message(report("failed_unasked", second_error="Read the nodes and the REST API: no trust"))
    assert "The rollback could not be verified: Read the nodes and the REST API: no trust" in rolled_back


def test_nobody_is_told_to_restore_what_users_may_have_changed() -> None:
    told = message(report("failed_after_upgrade", resume_with="upgrade_inplace.yml"))
    assert "is upgraded and verified, and its service runs. What failed is returning it to its users." in told
    assert "Do not restore the backup: users may be working already. Run upgrade_inplace.yml again to continue" in told
    assert "maintenance mode off, octo-a undrained, watchdog on at octo-a, start type of the service as it was." in told
    assert "is backed up, and its service runs" in message(report("failed_after_upgrade", operation="backup"))


def test_a_canary_that_fails_is_no_reason_to_restore() -> None:
    told = message(report("failed_after_upgrade", steps=["publish.maintenance", "publish.canary"], resume_with="upgrade_inplace.yml"))
    assert "is upgraded, verified and returned to its users. What failed came after that: the canary" in told
    assert "Do not restore the backup" in told and "run upgrade_inplace.yml again; without octopus_canary" in told


def test_left_stopped_with_the_database_changed() -> None:
    told = message(report("failed_stopped", changed=True))
    assert "The service is stopped on octo-a; elsewhere: octo-b unknown. Do not start what is stopped before the cause is known." in told
    assert "Run the same playbook again to continue where this run failed, or rollback.yml to roll back." in told
    assert "By hand: restore that backup, install 2025.3.14357 on every node, start 2025.3.14357, and set: maintenance mode off" in told
    for place in ("database.bak", "now-2025.3.14357", "folders", "packages"):
        assert place in told


def test_left_stopped_with_nothing_changed() -> None:
    told = message(report("failed_stopped", second_error="Start the nodes: octo-a does not answer"))
    assert "Neither its programs nor its database were changed." in told
    assert "restore that backup" not in told and "rollback.yml" not in told
    assert "Restoring service failed too: Start the nodes: octo-a does not answer" in told
    assert "Run the same playbook again to continue where this run failed. By hand: start 2025.3.14357, and set:" in told


def test_a_rollback_that_failed() -> None:
    told = message(report("rollback_failed", second_error="Verify the restore point: no", resume_with="rollback.yml", changed=True))
    assert "The rollback failed too: Verify the restore point: no" in told
    assert "has the database (database.bak), the server folders (folders), the package of 2025.3.14357 (packages)" in told
    assert "Run rollback.yml again to continue where the rollback failed." in told
    assert "By hand, in this order: restore database.bak over Octopus, copy the folders back, install 2025.3.14357 from packages" in told


def test_stopped_nodes_of_a_cluster_are_named() -> None:
    told = message(report("failed_stopped", services={"octo-a": "stopped", "octo-b": "stopped"}))
    assert "The service is stopped on octo-a, octo-b. Do not start" in told
    assert "The service is stopped on no node. Do not start" in message(report("failed_stopped", services={}))


def test_how_it_was_before() -> None:
    before = {"maintenance": True, "drained": ["octo-a", "octo-b"], "watched": []}
    told = message(report("failed_stopped", before={**before, "start_types": {"octo-a": "delayed-auto", "gone": "auto"}}))
    assert "set: maintenance mode on, no node undrained, watchdog on at no node, start type of the service delayed-auto on octo-a." in told


def test_a_task_cap_is_told_where_it_may_have_been_taken_away() -> None:
    told = message(
        report("failed_stopped", before={"maintenance": False, "drained": [], "watched": [], "task_caps": {"octo-a": 5, "gone": 9}})
    )
    assert "octo-a, octo-b undrained (task cap 5 on octo-a), watchdog on" in told


def test_a_record_that_cannot_be_finished_is_told_with_the_rest() -> None:
    told = message(report("failed_stopped"), unrecorded="the disk is full")
    assert told.splitlines()[0] == "Back up the database: it broke"
    assert "out of service" in told
    assert told.splitlines()[-1] == "The run record could not be finished: the disk is full"
    assert message(report("upgraded", error=""), unrecorded="the disk is full").splitlines() == [
        "Instance prod is upgraded and in service.",
        "The run record could not be finished: the disk is full",
    ]


RECORD = {
    "operation": "upgrade",
    "from_version": "2025.3.14357",
    "ladder": ["2026.1.11242", "2026.2.9853"],
    "outage_seconds": 412.7,
    "outage_by_cause": {"schema upgrade": 301.0, "stop": 111.7},
    "backup": {"paths": ["\\\\nas\\database.bak"]},
    "evidence": {"projects_read": 4, "task_log": {"id": "ServerTasks-1"}, "package": {"id": "web", "version": "1.0"}},
}


def test_the_summary_of_a_whole_run() -> None:
    assert summary(report("upgraded"), RECORD, PATH) == [
        "prod: upgraded",
        "2025.3.14357 -> 2026.1.11242 -> 2026.2.9853",
        "outage: 00:06:53 (schema upgrade 00:05:01, stop 00:01:52)",
        "backup: \\\\nas\\database.bak",
        "evidence: 4 projects read, task log ServerTasks-1, package web 1.0",
        f"record: {PATH}",
    ]


def test_the_summary_of_a_backup_that_has_little_to_tell() -> None:
    record = {"operation": "backup", "from_version": "2025.3.14357", "ladder": [], "outage_seconds": None, "backup": None, "evidence": None}
    told = summary(report("backed_up", not_removed="Drop the snapshot: no", retained={"database": "Octopus failed"}), record)
    assert told == [
        "prod: backed_up",
        "2025.3.14357",
        "maintenance mode: none",
        "backup: none",
        "retained: Octopus failed; it stays until rollback_cleanup.yml removes it",
        "could not be cleaned up: Drop the snapshot: no",
        "record: none",
    ]


def _done(step: str, **result: Any) -> list[dict[str, Any]]:
    return [{"event": "step", "step": step}, {"event": "done", "step": step, "result": result}]


def test_the_backup_of_a_run_comes_from_its_journal() -> None:
    made = {"paths": ["x.bak"], "size": 9, "compressed_size": 3, "backup_set_uuid": "U", "verified": True}
    events = _done("backup.database", changed=True, **made)
    assert backup(events, "given") == {**made, "folders": {}, "restore_point": "given"}
    events += _done("backup.folders", folders={"logs": {"files": 1}}) + _done("backup.sign", path="signed")
    assert backup(events, "given") == {**made, "folders": {"logs": {"files": 1}}, "restore_point": "signed"}


@pytest.mark.parametrize("events", [[], [{"event": "step", "step": "backup.database"}], _done("backup.database", estimated_bytes=9)])
def test_a_run_without_a_backup_reports_none(events: list[dict[str, Any]]) -> None:
    assert backup(events, "given") == {}


def test_evidence_of_an_instance_without_projects() -> None:
    assert "evidence: 0 projects read, task log none, package none" in summary(report("upgraded"), {"evidence": {"projects_read": 0}})


def test_the_services_of_nodes_that_were_looked_at() -> None:
    def instances(*services: tuple[str, object]) -> list[dict[str, Any]]:
        return [{"name": name, "service": service} for name, service in services]

    looked = [
        {"item": "a", "hosts": {"a": {"instances": instances(("other", {"state": "running"}), ("OctopusServer", {"state": "stopped"}))}}},
        {"item": "b", "msg": "no WinRM answer", "failed": True},
        {"item": "c", "hosts": {"c": {"instances": instances(("other", {"state": "running"}))}}},
        {"item": "d", "hosts": {"d": {"instances": instances(("OctopusServer", None))}}},
    ]
    assert services_of(looked, "OctopusServer") == {"a": "stopped", "b": "unknown", "c": "unknown", "d": "unknown"}
    assert services_of([], "OctopusServer") == {}
