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
  - Appends an event to the run's journal on the control node (JSON lines, on disk before the task ends) and returns the
    record that the journal amounts to.
  - When the run has finished, the record is written beside the journal as one JSON document.
extends_documentation_fragment:
  - octopus.upgrade.attributes
attributes:
  check_mode:
    support: full
    details: Nothing is written; the record is the one that the journal amounts to so far.
  diff_mode:
    support: none
  async:
    support: none
options:
  path:
    description: The journal, on the control node. Its folder is made where it is missing.
    type: path
    required: true
  event:
    description: What happened. Without it, the step of O(step) begins.
    type: str
    choices: [begun, step, failed, finished]
    default: step
  step:
    description: Name of the step that begins; the one before it has ended well.
    type: str
  outage:
    description: Says that the time in which users cannot work begins or ends here.
    type: str
    choices: [begins, ends]
  data:
    description: More to remember with the event, for example C(backup), C(proof), C(error) or C(verdict). No secrets.
    type: dict
    default: {}
author:
  - The octopus.upgrade contributors (@octopus-upgrade)
"""

EXAMPLES = r"""
- name: Remember that the drain begins
  octopus.upgrade.octopus_run_record:
    path: octopus-runs/prod/20261123T210000Z.jsonl
    step: quiesce.drain
"""

RETURN = r"""
record:
  description: The run so far.
  returned: success
  type: dict
  sample:
    instance: prod
    from_version: 2020.5.7
    to_version: 2026.2.9853
    ladder: [2025.3.14357, 2026.2.9853]
    outage_seconds: 412.7
    steps:
      - name: quiesce.drain
        start: "2026-11-23T21:00:00.000+00:00"
        seconds: 12.4
        result: ok
    backup: {}
    proof: {}
    verdict: upgraded
path:
  description: The record as one JSON document.
  returned: when the run has finished
  type: str
  sample: octopus-runs/prod/20261123T210000Z.json
"""
