#!/usr/bin/python
# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Decide whether an instance can be cut over to its clone, or go back to it."""

from __future__ import annotations

DOCUMENTATION = r"""
module: octopus_migration_plan
short_description: Decide whether an instance can be cut over to its clone, or go back to it
version_added: 1.0.0
description:
  - Decides from what other modules have read, and says what a cut-over, or the way back, would mean. Reads and changes nothing itself.
  - Does not fail where something speaks against it, but returns RV(action=refuse), so that RV(lines) can be shown first.
extends_documentation_fragment:
  - octopus.upgrade.attributes
  - octopus.upgrade.step
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
options:
  direction:
    description: V(to_new) cuts over to the clone, V(to_old) goes back to its source.
    type: str
    choices: [to_new, to_old]
    default: to_new
  old_name:
    description: Name of the instance that is left.
    type: str
    required: true
  new_name:
    description: Name of the clone that takes its place.
    type: str
    required: true
  old:
    description:
      - What is known of the instance that is left - C(error) where it could not be read, C(unfinished), C(last) and C(last_facts), as
        M(octopus.upgrade.octopus_run_info) returns them, C(version) and C(thumbprint).
    type: dict
    required: true
  new:
    description:
      - The same of the clone, with C(record), that of its quarantine, C(running), whether its service runs, C(lifts), what lifting the
        quarantine would restore (RV(octopus.upgrade.octopus_quarantine#module:lifted)), and C(left), the names of the items that it would not.
    type: dict
    required: true
  newer:
    description: What was done since on the side that would be left, RV(octopus.upgrade.octopus_database_info#module:newer). Empty where that is not known.
    type: dict
    default: {}
  since:
    description: Since when, for messages.
    type: str
    default: ""
  fresh:
    description: Whether the clone is made anew from the stopped instance before it takes its place, so that nothing is lost.
    type: bool
    default: false
  certificate:
    description: Whether the clone has to have the certificate of its source, V(source), which polling and listening Tentacles trust, or not, V(own).
    type: str
    choices: [source, own]
    default: source
  confirm_loss:
    description: Whether what was done since may be lost.
    type: bool
    default: false
  waivers:
    description: Names of blockers that are accepted. Only V(same_certificate), V(accounts) and V(drift_unknown) can be.
    type: list
    elements: str
    default: []
seealso:
  - module: octopus.upgrade.octopus_quarantine
  - module: octopus.upgrade.octopus_migration_report
author:
  - The octopus.upgrade contributors (@octopus-upgrade)
"""

EXAMPLES = r"""
- name: Decide whether prod can be cut over to its clone
  octopus.upgrade.octopus_migration_plan:
    old_name: prod
    new_name: prod-new
    old: "{{ {'unfinished': none, 'last': old_runs.last, 'version': old.server.version, 'thumbprint': old.server.thumbprint} }}"
    new: "{{ {'unfinished': none, 'last': new_runs.last, 'version': new.server.version, 'record': quarantine.record, 'running': true} }}"
    newer: "{{ since_the_copy.newer }}"
  register: plan
"""

RETURN = r"""
action:
  description:
    - V(cut_over), V(resume) where an unfinished run is resumed, V(return) for the way back, V(unchanged) where there is nothing to do, or V(refuse).
  returned: success
  type: str
  sample: cut_over
blockers:
  description: What speaks against it, and is not waived.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: Its name, for O(waivers).
      type: str
    why:
      description: The reason, and what to do.
      type: str
  sample: []
waived:
  description: Names of what speaks against it and was accepted.
  returned: success
  type: list
  elements: str
  sample: []
lines:
  description: The decision and what it means, as a person reads them.
  returned: success
  type: list
  elements: str
  sample: ['prod (2020.5.7) -> prod-new (2020.5.7)', 'done since 2026-11-25T14:02:11+00:00: 0 releases, 0 deployments, 0 events']
"""

from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._core.module import run_module
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus import migration_plan

SPEC: dict[str, Any] = {
    "argument_spec": {
        "direction": {"type": "str", "choices": ["to_new", "to_old"], "default": "to_new"},
        "old_name": {"type": "str", "required": True},
        "new_name": {"type": "str", "required": True},
        "old": {"type": "dict", "required": True},
        "new": {"type": "dict", "required": True},
        "newer": {"type": "dict", "default": {}},
        "since": {"type": "str", "default": ""},
        "fresh": {"type": "bool", "default": False},
        "certificate": {"type": "str", "choices": ["source", "own"], "default": "source"},
        "confirm_loss": {"type": "bool", "default": False},
        "waivers": {"type": "list", "elements": "str", "default": []},
    }
}


def run(params: dict[str, Any], check_mode: bool, diff: bool) -> dict[str, Any]:
    """Decide; the module's result."""
    names = ("old_name", "new_name", "old", "new", "newer", "since", "fresh", "certificate", "confirm_loss", "waivers")
    facts = migration_plan.Facts(**{name: params[name] for name in names})
    decide = migration_plan.plan if params["direction"] == "to_new" else migration_plan.plan_return
    return {"changed": False, **decide(facts).as_dict()}


def main() -> None:
    run_module(SPEC, run)


if __name__ == "__main__":
    main()
