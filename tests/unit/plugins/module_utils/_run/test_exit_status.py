# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""With which status a playbook ends."""

from __future__ import annotations

import pytest
from ansible_collections.octopus.upgrade.plugins.module_utils._run import exit_status, outcome
from ansible_collections.octopus.upgrade.plugins.module_utils._run.exit_status import ExitStatus

PLAN, REPORT = "octopus.upgrade.octopus_plan", "octopus.upgrade.octopus_run_report"
CLONE, INSTALL = "octopus.upgrade.octopus_clone_report", "octopus.upgrade.octopus_install"


def test_each_verdict_has_a_status_of_its_own_kind() -> None:
    assert set(exit_status.STATUS) == set(outcome.VERDICTS)
    assert {verdict for verdict, status in exit_status.STATUS.items() if not status} == {"upgraded", "rolled_back", "backed_up"}
    assert all(status in range(20, 25) for status in exit_status.STATUS.values() if status), "none that Ansible has itself"


def test_a_run_that_ended_well_but_whose_record_did_not_is_not_done() -> None:
    assert exit_status.of_verdict("upgraded", failed=False) == exit_status.DONE
    assert exit_status.of_verdict("upgraded", failed=True) == exit_status.UNFINISHED


def own(nothing_to_do: int = 0) -> ExitStatus:
    """That of a playbook of the collection."""
    tested = ExitStatus(nothing_to_do)
    tested.is_own()
    return tested


def reported(tested: ExitStatus, host: str, status: int, action: str = REPORT) -> None:
    tested.begins(host, INSTALL, False)
    tested.ends(host, action, {}, {"exit_status": status})


def test_of_several_instances_the_worst_counts() -> None:
    tested = own()
    reported(tested, "a", 0)
    reported(tested, "b", exit_status.OUT_OF_SERVICE)
    reported(tested, "c", exit_status.ROLLED_BACK)
    assert tested.status(["b", "c"]) == exit_status.OUT_OF_SERVICE


def test_a_failure_before_any_run_has_changed_nothing() -> None:
    tested = own()
    tested.begins("a", "octopus.upgrade.octopus_info", False)
    tested.begins("a", INSTALL, True)  # looks ahead, in check mode
    tested.begins("a", "octopus.upgrade.octopus_run_lock", False)
    tested.begins("a", "ansible.builtin.assert", False)
    assert tested.status(["a"]) == exit_status.REFUSED
    assert own().status(["never seen"]) == exit_status.REFUSED
    assert ExitStatus().status(["of another playbook"]) == 0, "is left to Ansible"


@pytest.mark.parametrize(
    ("unfinished", "ends"),
    [
        (None, exit_status.REFUSED),
        ({"resumes": False}, exit_status.REFUSED),
        ({"resumes": True, "record": {"verdict": "failed_stopped"}}, exit_status.OUT_OF_SERVICE),
        ({"resumes": True, "record": {"verdict": "unfinished"}, "published": False}, exit_status.OUT_OF_SERVICE),
        ({"resumes": True, "record": {"verdict": "unfinished"}, "published": True}, exit_status.UNFINISHED),
    ],
)
def test_what_is_refused_while_an_earlier_run_has_left_it_out_of_service_says_so(unfinished: dict[str, object] | None, ends: int) -> None:
    tested = own()
    tested.ends("a", "octopus.upgrade.octopus_run_info", {}, {"unfinished": unfinished})
    assert tested.status(["a"]) == ends
    assert tested.status([]) == 0, "a plan that was shown"


def test_a_failure_that_no_run_has_reported_but_that_may_have_changed_something_is_left_to_ansible() -> None:
    tested = own()
    tested.begins("a", "octopus.upgrade.mssql_database", False)
    assert tested.status(["a"]) == 0


def test_the_source_of_a_clone_whose_backup_has_failed_counts_where_it_is_not_as_it_was() -> None:
    for status, ends in ((exit_status.RESTORED, exit_status.REFUSED), (exit_status.OUT_OF_SERVICE, exit_status.OUT_OF_SERVICE)):
        tested = own()
        reported(tested, "source", status)  # rescued, so that the play goes on
        reported(tested, "clone", exit_status.REFUSED, CLONE)
        assert tested.status(["clone"]) == ends


@pytest.mark.parametrize("wanted", [0, 3])
def test_nothing_to_do_is_what_the_user_says(wanted: int) -> None:
    def planned(*paths: list[str]) -> ExitStatus:
        tested = own(wanted)
        for number, path in enumerate(paths):
            tested.ends(f"host{number}", PLAN, {"ladder": []}, {"upgrade_path": path})
        return tested

    assert planned([], []).status([]) == wanted
    assert planned([], ["2026.2.9853"]).status([]) == 0, "a plan that has something to do is done"
    assert planned([]).status(["host0"]) == exit_status.REFUSED
    assert own(wanted).status([]) == 0, "a playbook that plans nothing"


def test_a_backup_is_never_nothing_to_do_and_an_unchanged_clone_is() -> None:
    tested = own(3)
    tested.ends("a", PLAN, {"version": "x"}, {"upgrade_path": []})
    reported(tested, "a", 0)
    assert tested.status([]) == 0
    tested = own(3)
    tested.ends("a", CLONE, {}, {"exit_status": 0, "status": "unchanged"})
    assert tested.status([]) == 3
