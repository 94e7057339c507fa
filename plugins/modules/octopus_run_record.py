#!/usr/bin/python
# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Write an event of a run to its journal, and decide what follows a failure."""

from __future__ import annotations

DOCUMENTATION = r"""
module: octopus_run_record
short_description: Write an event of a run to its journal, and decide what follows a failure
version_added: 1.0.0
description:
  - Appends an event to the journal of a run, and returns the record that the journal amounts to. The journal is on the disk of the host of
    the task, so that any control node can resume the run, with a copy on this control node.
  - Steps are written by the tasks that name their C(step). This module writes the beginning of a run, a failure, and the end.
  - After V(stopped) or V(finished), the record is written beside the copy on the control node as one JSON document.
  - A lost connection does no harm. An event that may or may not have arrived is sent again, and recognized by its id if it has arrived twice.
    Where the host cannot be reached at all, the task fails; the event then waits on the control node and is sent along with the next one.
  - Where another process holds the lock of the instance (M(octopus.upgrade.octopus_run_lock)), nothing is written and the task fails.
extends_documentation_fragment:
  - octopus.upgrade.attributes
  - octopus.upgrade.step
  - octopus.upgrade.windows
  - octopus.upgrade.run
attributes:
  check_mode:
    support: full
    details: Nothing is written. The record is the one that the copy on the control node amounts to so far.
  diff_mode:
    support: none
options:
  journal:
    description:
      - The journal of the run. Missing folders are created; on the host, for SYSTEM and administrators only.
      - Only the process that holds the lock of the journal's folder may write; another one fails with RV(lock_lost). The event that ends the
        run may be written after the lock was released.
      - M(octopus.upgrade.octopus_run_info) finds it if its path is C(ROOT\INSTANCE\RUN_ID.jsonl).
    type: dict
    required: true
    suboptions:
      path:
        description: The journal on the disk of the host of the task.
        type: str
        required: true
      copy:
        description: Its copy on the control node.
        type: path
        required: true
  event:
    description:
      - What has happened.
      - V(resumed) resumes an unfinished run, from the journal as it is on the host.
      - V(stopped) ends the run for now, with something left to do. It stays unfinished.
    type: str
    choices: [begun, resumed, failed, stopped, finished]
    required: true
  data:
    description:
      - Data of the event, for example C(operation), C(backup), C(evidence), C(error) or C(verdict). No secrets.
      - C(facts) in it is a dictionary of what a control node needs to know to resume the run. RV(facts) returns all of them.
    type: dict
    default: {}
  on_failure:
    description: With O(event=failed), whether an instance that was changed is rolled back or left stopped.
    type: str
    choices: [rollback, stop]
    default: rollback
  rollback_possible:
    description:
      - With O(event=failed), RV(octopus.upgrade.octopus_plan#module:rollback_possible). Where it is false, an instance that was changed is left
        stopped, whatever O(on_failure) says.
    type: bool
    default: true
  known_steps:
    description:
      - With O(event=failed), the steps begun, as far as the play knows them. They are used only where neither the copy on the control node
        nor the journal on the host can be read.
    type: list
    elements: str
    default: []
  clone:
    description: With O(event=failed), what there is of a clone whose refresh has failed. Makes the module return RV(clone_outcome).
    type: dict
    suboptions:
      old_exists:
        description: Whether there is an old clone.
        type: bool
        required: true
      old_running:
        description: Whether the old clone was in service before the run.
        type: bool
        required: true
      joined:
        description: Whether the instance may have been set up on the new database.
        type: bool
        required: true
  migration:
    description:
      - With O(event=failed), which side of a cut-over to a clone has failed, and what is known of the other one. Makes the module return
        RV(migration_outcome).
    type: dict
    suboptions:
      side:
        description: V(old) is the instance that is left, V(new) the clone that takes its place.
        type: str
        choices: [old, new]
        required: true
      new_down:
        description: For V(old), whether the new side was verified to be out of service.
        type: bool
        default: false
      new_published:
        description: For V(old), whether users may have been let in to the new side.
        type: bool
        default: false
      new_lock_lost:
        description: For V(old), whether another control node has taken the new side over.
        type: bool
        default: false
seealso:
  - module: octopus.upgrade.octopus_run_lock
  - module: octopus.upgrade.octopus_run_report
author:
  - The octopus.upgrade contributors (@octopus-upgrade)
"""

EXAMPLES = r"""
- name: Resume an unfinished run
  octopus.upgrade.octopus_run_record:
    journal:
      path: "{{ found.unfinished.path }}"
      copy: octopus-runs/prod/{{ found.unfinished.run_id }}.jsonl
    event: resumed

- name: Record the failure, and decide what follows
  octopus.upgrade.octopus_run_record:
    journal:
      path: C:\ProgramData\octopus.upgrade\runs\prod\20261123T210000Z.jsonl
      copy: octopus-runs/prod/20261123T210000Z.jsonl
    event: failed
    data:
      error: "{{ ansible_failed_result.msg }}"
    on_failure: rollback
  register: failure
  ignore_errors: true
"""

RETURN = r"""
lock_lost:
  description: Another control node has broken the lock, and has resumed or ended the run. This one must do nothing more.
  returned: on failure, where that is so
  type: bool
  sample: true
record:
  description: The run so far.
  returned: success, and on failure where the copy on the control node can be read
  type: dict
  sample:
    instance: prod
    run_id: 20261123T210000Z
    operation: upgrade
    from_version: 2020.5.7
    to_version: 2026.2.9853
    ladder: [2025.3.14357, 2026.2.9853]
    restore_point: 20261123T210000Z-2020.5.7
    waived: []
    started: "2026-11-23T20:58:00.000+00:00"
    resumed:
      - at: "2026-11-23T21:10:00.000+00:00"
        error: null
    finished: null
    outage_seconds: 412.7
    outage_by_cause: {schema upgrade: 201.3, database backup: 98.6, start: 57.2, stop: 31.5, drain: 12.4, between the steps: 11.7}
    steps:
      - name: quiesce.drain
        start: "2026-11-23T21:00:00.000+00:00"
        seconds: 12.4
        result: ok
      - name: quiesce.stop
        start: "2026-11-23T21:00:12.400+00:00"
        seconds: null
        result: interrupted
    backup: {}
    evidence: {}
    retained: {}
    error: null
    verdict: unfinished
steps:
  description: Names of the steps begun, each once, in the order in which they began first.
  returned: as RV(record)
  type: list
  elements: str
  sample: [quiesce.drain, quiesce.stop]
done:
  description: Names of the steps that are done. A step that has begun again is not done until it is done again.
  returned: as RV(record)
  type: list
  elements: str
  sample: [quiesce.drain]
facts:
  description: The facts of all events, the newest of each name.
  returned: as RV(record)
  type: dict
  sample:
    restore_point: 20261123T210000Z-2020.5.7
path:
  description: The record as one JSON document.
  returned: with O(event=stopped) and O(event=finished), unless in check mode
  type: str
  sample: octopus-runs/prod/20261123T210000Z.json
outcome:
  description: What follows the failure of an upgrade or a backup, also where the failure could not be written.
  returned: with O(event=failed), always
  type: dict
  contains:
    verdict:
      description: How the instance is now.
      type: str
    action:
      description: What has to be done; V(none), V(restore_service) or V(rollback).
      type: str
    if_done:
      description: The verdict after RV(outcome.action) has succeeded.
      type: str
    if_failed:
      description: The verdict after RV(outcome.action) has failed.
      type: str
    rollback_database:
      description: Whether a rollback includes the database in any case, because a step that may have changed it has begun.
      type: bool
    changed:
      description: Whether programs, database or folders may differ from the restore point.
      type: bool
    clean_up:
      description: Whether something was staged that must be removed if the instance is in service in the end, at its old version.
      type: bool
    look:
      description: Whether the services must be looked at if the instance is out of service in the end.
      type: bool
    lock_lost:
      description: Whether the lock is lost; nothing follows then.
      type: bool
    steps:
      description: The steps begun.
      type: list
      elements: str
  sample:
    verdict: failed_stopped
    action: restore_service
    if_done: failed_service_restored
    if_failed: failed_stopped
    rollback_database: false
    changed: false
    clean_up: true
    look: true
    lock_lost: false
    steps: [stage.license, quiesce.watchdog, quiesce.maintenance]
clone_outcome:
  description:
    - What follows the failure of a clone's refresh.
    - C(restore_old), C(stop_new) and C(remove_new) say what has to be done, C(if_done) and C(if_failed) the status after that.
  returned: with O(event=failed) and O(clone), always
  type: dict
  sample:
    lock_lost: false
    stopped: true
    restore_old: true
    stop_new: false
    remove_new: true
    if_done: failed_old_clone_up
    if_failed: failed_clone_down
migration_outcome:
  description:
    - What follows the failure of a cut-over to a clone, on the side that it was asked for.
    - C(action) is V(none), or V(return) where the new side is taken out of service, or the old one put back into it. C(if_done) and C(if_failed) are
      the status after that.
  returned: with O(event=failed) and O(migration), always
  type: dict
  sample:
    lock_lost: false
    action: return
    published: false
    lifted: true
    switched: false
    if_done: failed_returned
    if_failed: failed_stopped
"""

from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._core.module import JOURNAL_SPEC, run_module
from ansible_collections.octopus.upgrade.plugins.module_utils._run import recording
from ansible_collections.octopus.upgrade.plugins.module_utils._run.holder import HOLDER_SPEC
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.connection import CONNECTION_SPEC

SPEC = {
    "argument_spec": {
        **CONNECTION_SPEC,
        "journal": {**JOURNAL_SPEC, "required": True},
        "event": {"type": "str", "choices": list(recording.EVENTS), "required": True},
        "data": {"type": "dict", "default": {}},
        "on_failure": {"type": "str", "choices": ["rollback", "stop"], "default": "rollback"},
        "rollback_possible": {"type": "bool", "default": True},
        "known_steps": {"type": "list", "elements": "str", "default": []},
        "clone": {
            "type": "dict",
            "options": {name: {"type": "bool", "required": True} for name in ("old_exists", "old_running", "joined")},
        },
        "migration": {
            "type": "dict",
            "options": {
                "side": {"type": "str", "choices": ["old", "new"], "required": True},
                **{name: {"type": "bool", "default": False} for name in ("new_down", "new_published", "new_lock_lost")},
            },
        },
        "holder": {"type": "dict", "required": True, "options": HOLDER_SPEC},
    },
}


def run(params: dict[str, Any], check_mode: bool, diff: bool) -> dict[str, Any]:
    """Write the event; the module's result."""
    return recording.write(params, check_mode)


def main() -> None:
    run_module(SPEC, run)


if __name__ == "__main__":
    main()
