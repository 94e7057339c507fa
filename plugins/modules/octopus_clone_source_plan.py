#!/usr/bin/python
# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Decide whether the source of a clone needs a new restore point."""

from __future__ import annotations

DOCUMENTATION = r"""
module: octopus_clone_source_plan
short_description: Decide whether the source of a clone needs a new restore point
version_added: 1.0.0
description:
  - Says whether the newest restore point of an instance still has everything that a clone is made for, so that no new one is needed.
  - In doubt a new one is needed.
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
  restore_points:
    description: RV(octopus.upgrade.octopus_restore_point_info#module:restore_points). The newest one is enough.
    type: list
    elements: dict
    required: true
  database:
    description:
      - What M(octopus.upgrade.octopus_database_info) returned, with C(as_of) of the newest restore point as
        O(octopus.upgrade.octopus_database_info#module:since). A result that was skipped is fine where there is none.
    type: dict
    required: true
  version:
    description: The version that runs.
    type: str
    required: true
  force:
    description: Whether a new restore point is wanted in any case.
    type: bool
    default: false
  unfinished:
    description: Whether a run of the instance has not ended.
    type: bool
    default: false
seealso:
  - module: octopus.upgrade.octopus_clone_plan
author:
  - The octopus.upgrade contributors (@octopus-upgrade)
"""

EXAMPLES = r"""
- name: Decide whether a new restore point is needed
  octopus.upgrade.octopus_clone_source_plan:
    instance: prod
    restore_points: "{{ listed.restore_points }}"
    database: "{{ since_the_newest }}"
    version: "{{ found.server.version }}"
  register: source
"""

RETURN = r"""
restore_point:
  description: Id of the restore point that has everything. Empty where a new one is needed.
  returned: success
  type: str
  sample: 20261125T132400Z-2020.5.7
lines:
  description: The decision and its reason, as a person reads them.
  returned: success
  type: list
  elements: str
  sample: ['prod: nothing was done since the restore point 20261125T132400Z-2020.5.7']
"""

from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._core.module import run_module
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.clone_source_plan import newest, why_new

SPEC: dict[str, Any] = {
    "argument_spec": {
        "instance": {"type": "str", "required": True},
        "restore_points": {"type": "list", "elements": "dict", "required": True},
        "database": {"type": "dict", "required": True},
        "version": {"type": "str", "required": True},
        "force": {"type": "bool", "default": False},
        "unfinished": {"type": "bool", "default": False},
    }
}


def run(params: dict[str, Any], check_mode: bool, diff: bool) -> dict[str, Any]:
    """Decide; the module's result."""
    points = params["restore_points"]
    why = why_new(points, params["database"], params["version"], force=params["force"], unfinished=params["unfinished"])
    point = "" if why else (newest(points) or {"id": ""})["id"]
    said = f"a new restore point is needed: {why}" if why else f"nothing was done since the restore point {point}"
    return {"restore_point": point, "lines": [f"{params['instance']}: {said}"]}


def main() -> None:
    run_module(SPEC, run)


if __name__ == "__main__":
    main()
