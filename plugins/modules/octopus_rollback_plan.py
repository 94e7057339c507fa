#!/usr/bin/python
# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Plan a rollback from what was found: what it loses, and whether that needs consent."""

from __future__ import annotations

DOCUMENTATION = r"""
module: octopus_rollback_plan
short_description: Plan a rollback from what was found
version_added: 1.0.0
description:
  - Says what a rollback to a restore point would lose, whether that needs the operator's consent, and whether there is anything to do.
  - Connects to nothing and changes nothing. It takes what other modules have returned.
extends_documentation_fragment:
  - octopus.upgrade.attributes
  - octopus.upgrade.step
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
options:
  instance:
    description: Name of the instance, for messages.
    type: str
    required: true
  restore_point:
    description: Id of the restore point to roll back to.
    type: str
    required: true
  manifest:
    description: RV(octopus.upgrade.octopus_restore_point_verify#module:manifest) of the restore point.
    type: dict
    required: true
  database:
    description:
      - What M(octopus.upgrade.octopus_database_info) returned, with V(version) in O(octopus.upgrade.octopus_database_info#module:gather), and
        with the manifest's C(database.as_of) as O(octopus.upgrade.octopus_database_info#module:since).
      - Where it failed, its result all the same. A rollback must be possible when the database cannot be opened or is missing. What is newer
        than the restore point then cannot be told, and that needs consent as if something were.
    type: dict
    required: true
  hosts:
    description: RV(octopus.upgrade.octopus_info#module:hosts). Not needed while a run is unfinished.
    type: dict
    default: {}
  unfinished:
    description: Whether a run of the instance has not ended.
    type: bool
    default: false
  published:
    description: Whether that run has let users back in. Until then nothing of theirs can be lost.
    type: bool
    default: false
  last_run:
    description: The record of the instance's last run that ended; C(verdict) and C(restore_point) count.
    type: dict
    default: {}
  named:
    description:
      - Whether the operator named the restore point. Only then does a rollback to the restore point of the last rollback happen once more
        because the server has written something since.
    type: bool
    default: false
  programs_only:
    description: Whether database and folders stay as they are.
    type: bool
    default: false
seealso:
  - module: octopus.upgrade.octopus_database_info
  - module: octopus.upgrade.octopus_restore_point_verify
author:
  - The octopus.upgrade contributors (@octopus-upgrade)
"""

EXAMPLES = r"""
- name: See what is newer than the restore point
  octopus.upgrade.octopus_database_info:
    login_host: sql.example.com
    database: OctopusDeploy
    gather: [version]
    since: "{{ point.manifest.database.as_of }}"
  register: now

- name: Plan the rollback
  octopus.upgrade.octopus_rollback_plan:
    instance: prod
    restore_point: "{{ point.restore_point }}"
    manifest: "{{ point.manifest }}"
    database: "{{ now }}"
    hosts: "{{ found.hosts }}"
  register: plan

- name: Ask for consent
  ansible.builtin.fail:
    msg: "{{ plan.refusal }}"
  when: plan.consent_needed and not confirmed
"""

RETURN = r"""
nothing_to_do:
  description: Whether the instance is as the restore point has it.
  returned: success
  type: bool
  sample: false
lost:
  description: What is newer than the restore point. Nothing of it is lost where only programs are rolled back.
  returned: success
  type: list
  elements: dict
  sample: [{"kind": "deployments", "count": 2, "first": "2026-11-25T14:00:00+00:00", "last": "2026-11-25T15:30:00+00:00"}]
unknown:
  description: The kinds of which it cannot be told whether anything is newer than the restore point, each with the reason.
  returned: success
  type: dict
  sample: {}
written:
  description: What users and API clients did since the restore point, and what cannot be told of that. Events of the server itself are left out.
  returned: success
  type: list
  elements: str
  sample: ['1 events by anna', '2026-11-25T14:00:00+00:00 anna: Project Web Shop was changed']
consent_needed:
  description: Whether users would or could lose something.
  returned: success
  type: bool
  sample: true
refusal:
  description: The message to fail with where there is no consent. Empty where none is needed.
  returned: success
  type: str
  sample: Expected consent to lose what is newer than the restore point ...
lines:
  description: The plan as a person reads it.
  returned: success
  type: list
  elements: str
  sample:
    - 'prod: back to 2020.5.7, as it was at 2026-11-25T13:24:00+00:00 (restore point 20261125T132400Z-2020.5.7)'
    - 'lost: deployments | 2 | 2026-11-25T14:00:00+00:00 | 2026-11-25T15:30:00+00:00'
"""

from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._core.module import run_module
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus import rollback_plan as plan

_FACTS: dict[str, Any] = {
    "instance": {"type": "str", "required": True},
    "restore_point": {"type": "str", "required": True},
    "manifest": {"type": "dict", "required": True},
    "database": {"type": "dict", "required": True},
    "hosts": {"type": "dict", "default": {}},
    "unfinished": {"type": "bool", "default": False},
    "published": {"type": "bool", "default": False},
    "last_run": {"type": "dict", "default": {}},
    "named": {"type": "bool", "default": False},
    "programs_only": {"type": "bool", "default": False},
}
SPEC: dict[str, Any] = {"argument_spec": _FACTS}


def run(params: dict[str, Any], check_mode: bool, diff: bool) -> dict[str, Any]:
    """Make the plan; the module's result."""
    facts = plan.Facts(**{name: params[name] for name in _FACTS})
    return {
        "nothing_to_do": plan.nothing_to_do(facts),
        "lost": plan.lost(facts),
        "unknown": plan.unknown(facts),
        "written": plan.written(facts),
        "consent_needed": plan.consent_needed(facts),
        "refusal": plan.refusal(facts),
        "lines": plan.lines(facts),
    }


def main() -> None:
    run_module(SPEC, run)


if __name__ == "__main__":
    main()
