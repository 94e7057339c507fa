#!/usr/bin/python
# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Keep the record of one upgrade run."""

from __future__ import annotations

DOCUMENTATION = r"""
module: octopus_run_record
short_description: Keep the record of one upgrade run
version_added: 1.0.0
description:
  - Appends an event to the run's journal (JSON lines, on disk before the task ends) and returns the record that the journal amounts to.
  - With O(journal), the journal lies on the disk of the host of the task, so that any control node can take the run up, and a copy on this
    one. Without, only this one has it.
  - When the run has stopped or finished, the record is written beside the copy on the control node as one JSON document.
  - A lost connection is borne - an event that may have arrived or not is sent again, and known by its id when it has arrived twice. Where
    the host cannot be reached at all, the task fails; the event then waits on the control node, and goes along with the next.
  - Where another process has the instance's lock (M(octopus.upgrade.octopus_run)), nothing is written and the task fails.
extends_documentation_fragment:
  - octopus.upgrade.attributes
  - octopus.upgrade.windows
attributes:
  check_mode:
    support: full
    details: Nothing is written; the record is the one that the copy on the control node amounts to so far.
  diff_mode:
    support: none
  async:
    support: none
options:
  path:
    description: The journal's copy on the control node. Its folder is made where it is missing.
    type: path
    required: true
  journal:
    description:
      - The journal on the host of the task. Its folder is made where it is missing, for SYSTEM and administrators only.
      - Only a process that has the lock of that folder writes (M(octopus.upgrade.octopus_run) with O(octopus.upgrade.octopus_run#module:state=claimed));
        one that has lost it fails with RV(lock_lost). What ends the run may be written after the lock was given back.
      - Needs pywinrm. It is where M(octopus.upgrade.octopus_run) looks for it if it is C(ROOT\INSTANCE\RUN_ID.jsonl).
    type: str
  event:
    description:
      - What happened. Without it, the step of O(step) begins.
      - V(resumed) takes an unfinished run up again, from the journal as it is on the host.
      - V(stopped) ends it for now, with something left to do; the run stays unfinished.
    type: str
    choices: [begun, resumed, step, failed, stopped, finished]
    default: step
  step:
    description: Name of the step that begins; the one before it has ended well.
    type: str
  outage:
    description: Says that the time in which users cannot work begins or ends here.
    type: str
    choices: [begins, ends]
  data:
    description:
      - More to remember with the event, for example C(backup), C(proof), C(error) or C(verdict). No secrets.
      - C(facts) in it is a dict of what whoever takes the run up has to know; RV(facts) has them all.
    type: dict
    default: {}
seealso:
  - module: octopus.upgrade.octopus_run
author:
  - The octopus.upgrade contributors (@octopus-upgrade)
"""

EXAMPLES = r"""
- name: Remember that the drain begins
  octopus.upgrade.octopus_run_record:
    path: octopus-runs/prod/20261123T210000Z.jsonl
    journal: C:\ProgramData\octopus.upgrade\runs\prod\20261123T210000Z.jsonl
    step: quiesce.drain

- name: Take up a run that broke off
  octopus.upgrade.octopus_run_record:
    path: octopus-runs/prod/{{ found.unfinished.run_id }}.jsonl
    journal: "{{ found.unfinished.path }}"
    event: resumed
"""

RETURN = r"""
lock_lost:
  description: Says that another controller has broken the lock and goes on with the run; this one must do nothing more.
  returned: on failure, where that is so
  type: bool
  sample: true
record:
  description: The run so far.
  returned: success, and where only the host's journal could not be written
  type: dict
  sample:
    instance: prod
    run_id: 20261123T210000Z
    purpose: upgrade
    from_version: 2020.5.7
    to_version: 2026.2.9853
    ladder: [2025.3.14357, 2026.2.9853]
    restore_point: 20261123T210000Z-2020.5.7
    started: "2026-11-23T20:58:00.000+00:00"
    resumed:
      - at: "2026-11-23T21:10:00.000+00:00"
        error: null
    finished: null
    outage_seconds: 412.7
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
    proof: {}
    error: null
    verdict: unfinished
steps:
  description: Names of the steps begun, each once, in the order in which they began first.
  returned: as RV(record)
  type: list
  elements: str
  sample: [quiesce.drain, quiesce.stop]
done:
  description:
    - Names of the steps that ended well. The next step, or the end of the run, followed.
    - A step that failed or was interrupted is not among them, and one that has begun again is not until the next one follows.
  returned: success
  type: list
  elements: str
  sample: [quiesce.drain]
facts:
  description: The facts of all events, the newest of each name.
  returned: success
  type: dict
  sample:
    restore_point: 20261123T210000Z-2020.5.7
path:
  description: The record as one JSON document.
  returned: when the run has stopped or finished
  type: str
  sample: octopus-runs/prod/20261123T210000Z.json
"""
