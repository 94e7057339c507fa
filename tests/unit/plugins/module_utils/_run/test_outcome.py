# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What follows a failure at each step of each operation, and what an unfinished run means for the next one."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest
from ansible_collections.octopus.upgrade.plugins.module_utils._run import outcome
from ansible_collections.octopus.upgrade.plugins.module_utils._run.outcome import Outcome, decide, ended, is_open

STAGE = ["stage.package.2026.2.9853", "stage.master_key", "stage.license", "stage.restore_point", "stage.folders"]
QUIESCE = ["quiesce.guard", "quiesce.watchdog", "quiesce.maintenance", "quiesce.drain", "quiesce.baseline", "quiesce.stop", "quiesce.down"]
BACKUP = ["backup.read", "backup.database", "backup.folders", "backup.sign", "backup.test_restore", "backup.snapshot"]
APPLY = [
    *(f"apply.2025.3.14357.{step}" for step in ("install", "schema", "start", "stop", "down")),
    *(f"apply.2026.2.9853.{step}" for step in ("install", "schema", "start")),
    "apply.others",
]
VERIFY = ["verify.info", "verify.database", "verify.reads"]
PUBLISH = ["publish.undrain", "publish.maintenance", "publish.watchdog", "publish.snapshot", "prune"]
UPGRADE = [*STAGE, *QUIESCE, *BACKUP, *APPLY, *VERIFY, *PUBLISH]
BACKUP_STOPPED = [*STAGE, *QUIESCE, *BACKUP[:4], "publish.start", *PUBLISH]
BACKUP_BESIDE = [*STAGE, "freeze.maintenance", *BACKUP[:4], "freeze.end", "prune"]
RESTORE_SERVICE = ["restore_service.start", "restore_service.undrain", "restore_service.maintenance", "restore_service.watchdog"]
ROLLBACK = [
    *(f"rollback.{step}" for step in ("verify", "watchdog", "stop", "jobs", "down", "snapshots", "database", "folders", "programs")),
    *(f"rollback.{step}" for step in ("configuration", "start", "others", "info", "read", "evidence", "undrain", "maintenance")),
    *(f"rollback.{step}" for step in ("watched", "cleanup")),
]


def test_what_the_control_node_could_not_ask_starts_no_rollback() -> None:
    for last in (*APPLY, *VERIFY):
        found = decided(at(UPGRADE, last), not_asked=True)
        assert (found.verdict, found.action) == ("failed_unasked", "none")
        assert is_open(found.verdict, second_error=False), "the next run continues with the verification"
    assert decided(at(UPGRADE, "quiesce.drain"), not_asked=True).action == "restore_service"
    assert decided(at(UPGRADE, "publish.undrain"), not_asked=True).verdict == "failed_after_upgrade"


def prefixes(steps: list[str]) -> list[list[str]]:
    return [steps[:count] for count in range(len(steps) + 1)]


def at(operation: list[str], last: str) -> list[str]:
    return operation[: operation.index(last) + 1]


def decided(steps: list[str], **more: Any) -> Outcome:
    return decide(steps, **{"check_mode": False, "on_failure": "rollback", "lock_lost": False, **more})


@pytest.mark.parametrize("operation", [UPGRADE, BACKUP_STOPPED, BACKUP_BESIDE])
def test_without_a_possible_rollback_none_is_started(operation: list[str]) -> None:
    """What the user waived as rollback_possible: an unchanged instance is returned to its users, a changed one is left stopped."""
    for steps in prefixes(operation):
        found, stop = decided(steps, rollback_possible=False), decided(steps, on_failure="stop")
        assert found == stop and found.action != "rollback"


# Operation, the last step that the row is for (of those from the row before), the verdict now, the action, after it, after its failure.
TABLE = [
    (UPGRADE, None, "failed_before_outage", "none", "failed_before_outage", "failed_before_outage"),
    (UPGRADE, "quiesce.guard", "failed_before_outage", "none", "failed_before_outage", "failed_before_outage"),
    (UPGRADE, "quiesce.watchdog", "failed_before_outage", "restore_service", "failed_before_outage", "failed_before_outage"),
    (UPGRADE, "backup.snapshot", "failed_stopped", "restore_service", "failed_service_restored", "failed_stopped"),
    (UPGRADE, "verify.reads", "failed_stopped", "rollback", "failed_rolled_back", "rollback_failed"),
    (UPGRADE, "prune", "failed_after_upgrade", "none", "failed_after_upgrade", "failed_after_upgrade"),
    (BACKUP_STOPPED, "quiesce.guard", "failed_before_outage", "none", "failed_before_outage", "failed_before_outage"),
    (BACKUP_STOPPED, "quiesce.watchdog", "failed_before_outage", "restore_service", "failed_before_outage", "failed_before_outage"),
    (BACKUP_STOPPED, "publish.start", "failed_stopped", "restore_service", "failed_service_restored", "failed_stopped"),
    (BACKUP_STOPPED, "prune", "failed_after_upgrade", "none", "failed_after_upgrade", "failed_after_upgrade"),
    (BACKUP_BESIDE, "stage.folders", "failed_before_outage", "none", "failed_before_outage", "failed_before_outage"),
    (BACKUP_BESIDE, "prune", "failed_stopped", "restore_service", "failed_service_restored", "failed_stopped"),
]


def rows() -> list[tuple[list[str], str, str, str, str]]:
    """The table, step by step."""
    found, done = [], {}
    for operation, last, *expected in TABLE:
        until = 0 if last is None else operation.index(last) + 1
        start = done.get(id(operation), 0 if last is None else 1)
        found += [(operation[:count], *expected) for count in range(start, until + 1)]
        done[id(operation)] = until + 1
    return found


@pytest.mark.parametrize(
    ("steps", "verdict", "action", "if_done", "if_failed"),
    rows(),
    ids=lambda value: value[-1] if isinstance(value, list) and value else None,
)
def test_each_step(steps: list[str], verdict: str, action: str, if_done: str, if_failed: str) -> None:
    found = decided(steps).to_dict()
    assert (found["verdict"], found["action"], found["if_done"], found["if_failed"]) == (verdict, action, if_done, if_failed)
    assert found["changed"] == any(step.startswith("apply.") for step in steps)
    assert found["rollback_database"] == (action == "rollback" and any(step.endswith(".schema") for step in steps))
    assert found["steps"] == steps and not found["lock_lost"]


def test_the_table_has_every_step() -> None:
    tested = [steps for steps, *_expected in rows()]
    for operation in (UPGRADE, BACKUP_STOPPED, BACKUP_BESIDE):
        assert all(steps in tested for steps in prefixes(operation))


@pytest.mark.parametrize(
    "operation", [UPGRADE, BACKUP_STOPPED, BACKUP_BESIDE, [*UPGRADE[:30], *ROLLBACK]], ids=["upgrade", "stop", "beside", "back"]
)
def test_nothing_follows_a_lost_lock(operation: list[str]) -> None:
    for steps, check_mode, on_failure, second in product(prefixes(operation), (True, False), ("rollback", "stop"), (True, False)):
        found = decide(steps, check_mode=check_mode, on_failure=on_failure, lock_lost=True)
        assert (found.verdict, found.action, found.clean_up, found.look) == ("failed_lock_lost", "none", False, False)
        assert ended(found, second) == "failed_lock_lost"


@pytest.mark.parametrize(
    "operation", [UPGRADE, BACKUP_STOPPED, BACKUP_BESIDE, [*UPGRADE[:30], *ROLLBACK]], ids=["upgrade", "stop", "beside", "back"]
)
def test_check_mode_has_changed_nothing(operation: list[str]) -> None:
    for steps, on_failure in product(prefixes(operation), ("rollback", "stop")):
        found = decided(steps, check_mode=True, on_failure=on_failure)
        assert (found.verdict, found.action, found.clean_up, found.look) == ("failed_before_outage", "none", False, False)
        assert found.rollback_database is False


def test_stop_leaves_a_changed_instance_as_it_is_and_differs_in_nothing_else() -> None:
    for operation in (UPGRADE, BACKUP_STOPPED, BACKUP_BESIDE):
        for steps in prefixes(operation):
            stop, rollback = decided(steps, on_failure="stop"), decided(steps)
            if rollback.action == "rollback":
                assert (stop.verdict, stop.action, stop.look, stop.rollback_database) == ("failed_stopped", "none", True, False)
                assert ended(stop, False) == "failed_stopped"
            else:
                assert stop == rollback


@pytest.mark.parametrize("last", [step for step in UPGRADE if step.startswith("apply.")])
def test_an_interrupted_rollback_is_completed(last: str) -> None:
    begun = at(UPGRADE, last)
    for count in range(1, len(ROLLBACK) + 1):
        found = decided([*begun, *ROLLBACK[:count]])
        assert (found.verdict, found.action) == ("failed_stopped", "rollback")


def test_a_rollback_after_publishing_is_no_failure_after_the_upgrade() -> None:
    found = decided([*UPGRADE, "rollback.verify"])
    assert (found.verdict, found.action, found.rollback_database) == ("failed_stopped", "rollback", True)


def test_a_rollback_that_is_a_run_of_its_own_is_left_as_it_is() -> None:
    for steps in prefixes(ROLLBACK)[1:]:
        found = decided(steps)
        assert (found.verdict, found.action, found.look, ended(found, True)) == ("rollback_failed", "none", True, "rollback_failed")


def test_an_interrupted_restoring_of_service_is_completed() -> None:
    for count in range(1, len(RESTORE_SERVICE) + 1):
        found = decided([*at(UPGRADE, "backup.database"), *RESTORE_SERVICE[:count]])
        assert (found.verdict, found.action) == ("failed_stopped", "restore_service")
    found = decided([*at(BACKUP_BESIDE, "backup.database"), "restore_service.users"])
    assert (found.verdict, found.action) == ("failed_stopped", "restore_service")


def test_only_what_was_staged_is_cleaned_up_and_only_where_it_is_of_no_use() -> None:
    for steps in prefixes(UPGRADE):
        found = decided(steps)
        expected = bool(steps) and not any(step.startswith(("apply.", "publish.")) for step in steps)
        assert found.clean_up is expected, steps
    assert not decided(["quiesce.watchdog", "quiesce.maintenance"]).clean_up


def test_the_services_are_looked_at_where_the_instance_may_be_out_of_service() -> None:
    for steps in prefixes(UPGRADE):
        assert decided(steps).look is (decided(steps).verdict == "failed_stopped")


# What whole runs showed once: the fault, the step that it fails, the user's choice, what follows, the verdict, and whether the run is finished.
FAULTS = [
    ("a task that does not end", "quiesce.drain", "rollback", "restore_service", False, "failed_service_restored", True),
    ("a killed database backup", "backup.database", "rollback", "restore_service", False, "failed_service_restored", True),
    ("a package that cannot be installed", "apply.2025.3.14357.install", "rollback", "rollback", False, "failed_rolled_back", True),
    ("a schema upgrade that fails", "apply.2025.3.14357.schema", "rollback", "rollback", True, "failed_rolled_back", True),
    ("an API that never answers", "apply.2025.3.14357.start", "rollback", "rollback", True, "failed_rolled_back", True),
    ("a schema upgrade that fails", "apply.2025.3.14357.schema", "stop", "none", False, "failed_stopped", False),
    ("an API error while publishing", "publish.maintenance", "rollback", "none", False, "failed_after_upgrade", False),
    ("a wrong download", "stage.package.2026.2.9853", "rollback", "none", False, "failed_before_outage", True),
]


@pytest.mark.parametrize("case", FAULTS, ids=lambda case: case[0])
def test_faults(case: tuple[str, str, str, str, bool, str, bool]) -> None:
    _fault, step, on_failure, action, database, verdict, finished = case
    found = decided(at(UPGRADE, step), on_failure=on_failure)
    assert (found.action, found.rollback_database, ended(found, False)) == (action, database, verdict)
    assert is_open(verdict, False) is not finished


@pytest.mark.parametrize("verdict", outcome.VERDICTS)
def test_a_run_with_something_left_to_do_stays_open(verdict: str) -> None:
    assert is_open(verdict, False) is (verdict in ("failed_stopped", "rollback_failed", "failed_after_upgrade", "failed_unasked"))
    assert is_open(verdict, True)


# -- an unfinished run


@pytest.mark.parametrize(
    ("operation", "first"),
    [
        (UPGRADE, "quiesce.watchdog"),
        (BACKUP_STOPPED, "quiesce.watchdog"),
        (BACKUP_BESIDE, "freeze.maintenance"),
        (ROLLBACK, "rollback.watchdog"),
    ],
)
def test_a_run_is_resumed_from_its_first_change_on(operation: list[str], first: str) -> None:
    for steps in prefixes(operation):
        assert outcome.resumes(steps) is (first in steps)


def test_a_failure_is_dealt_with_first() -> None:
    unfinished = {"verdict": "unfinished", "error": None}
    for steps in prefixes(UPGRADE):
        assert not outcome.must_roll_back_first(steps, unfinished)
        assert outcome.must_roll_back_first(steps, {**unfinished, "error": "no"}), "nothing has followed yet"
        assert not outcome.must_roll_back_first(steps, {"verdict": "failed_stopped", "error": "no"}), "it was left for the user"
    for step in (*RESTORE_SERVICE, "restore_service.users", *ROLLBACK):
        assert outcome.must_roll_back_first([*UPGRADE, step], {"verdict": "failed_stopped", "error": "no"})


def test_a_failed_schema_upgrade_is_not_tried_again() -> None:
    for steps in prefixes(UPGRADE):
        last = steps[-1] if steps else ""
        assert outcome.schema_must_not_be_retried({"verdict": "failed_stopped"}, steps) is last.endswith(".schema")
        assert not outcome.schema_must_not_be_retried({"verdict": "unfinished"}, steps), "one that was interrupted is looked at again"


def test_what_has_changed_nothing_needs_no_restore_point() -> None:
    for steps in prefixes([*UPGRADE, *ROLLBACK]):
        assert outcome.only_stopped(steps) is not any(step.startswith(("apply.", "rollback.")) for step in steps)


def test_users_may_have_been_let_in_once_publishing_has_begun() -> None:
    for operation in (UPGRADE, BACKUP_STOPPED):
        for steps in prefixes(operation):
            assert outcome.published(steps) is ("publish.undrain" in steps)
    assert not outcome.published(BACKUP_BESIDE), "users were there all the time"


def test_the_playbook_to_run_again() -> None:
    names = {operation: outcome.playbook(operation) for operation in ("upgrade", "clone", "backup", "rollback")}
    assert names == {"upgrade": "upgrade_inplace.yml", "clone": "refresh_clone.yml", "backup": "backup.yml", "rollback": "rollback.yml"}


def test_a_database_whose_rollback_has_begun_is_rolled_back_to_the_end() -> None:
    steps = [*STAGE, *QUIESCE, *BACKUP, "apply.2025.3.14357.install", "rollback.verify", "rollback.unchanged"]
    assert decided(steps).rollback_database is False
    assert decided([*steps, "rollback.database"]).rollback_database is True
