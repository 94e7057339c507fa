#!/usr/bin/python
# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run a server task of Octopus Server, and wait until it has ended."""

from __future__ import annotations

DOCUMENTATION = r"""
module: octopus_task
short_description: Run a server task of Octopus Server, and wait until it has ended
version_added: 1.0.0
description:
  - Queues a server task, such as C(SystemIntegrityCheck), waits for its end, and fails where it does not succeed.
  - A task of that name that is queued or runs already is waited for instead.
  - Refuses where every node is drained or offline - the task would never begin.
extends_documentation_fragment:
  - octopus.upgrade.attributes
  - octopus.upgrade.step
  - octopus.upgrade.octopus_api
  - octopus.upgrade.octopus_api.server
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
options:
  name:
    description: Name of the task, as C(/api/tasks/tasktypes) has it.
    type: str
    required: true
  description:
    description: What the portal shows.
    type: str
    default: Run by octopus.upgrade
  arguments:
    description: The arguments of the task.
    type: dict
    default: {}
  space:
    description: Id of the space of the task. By default the server decides; a task of the system has none.
    type: str
  timeout:
    description: Seconds to wait. A task that has not begun by then is cancelled.
    type: int
    default: 1800
  skip_unknown:
    description: Whether a version that has no such task, or does not tell which it has, is left alone instead of a failure.
    type: bool
    default: false
seealso:
  - name: System Integrity Check
    description: What Octopus Deploy says about it.
    link: https://octopus.com/docs/administration/managing-infrastructure/diagnostics
author:
  - The octopus.upgrade contributors (@octopus-upgrade)
"""

EXAMPLES = r"""
- name: Check the integrity of the system
  octopus.upgrade.octopus_task:
    url: https://octopus.example.com
    api_key: "{{ vault_octopus_api_key }}"
    name: SystemIntegrityCheck
    description: Check System Integrity
    skip_unknown: true
"""

RETURN = r"""
task:
  description: The task; null where there is none.
  returned: always, once it has ended
  type: dict
  contains:
    id:
      description: Its id.
      type: str
    name:
      description: Its name.
      type: str
    state:
      description: How it ended.
      type: str
    has_warnings:
      description: Whether its log has warnings or errors.
      type: bool
  sample: {id: ServerTasks-4711, name: SystemIntegrityCheck, state: Success, has_warnings: false}
log_tail:
  description: The last lines of its log, where it failed or has warnings.
  returned: always, once it has ended
  type: list
  elements: str
  sample: []
"""

from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._core.errors import InvalidValue, TaskFailed
from ansible_collections.octopus.upgrade.plugins.module_utils._core.module import run_module
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.api.client import OctopusApi
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.api.options import ApiOptions, api_spec
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.api.tasks import run_task, supports

_LINES = 20

SPEC: dict[str, Any] = {
    "argument_spec": {
        **api_spec(),
        "name": {"type": "str", "required": True},
        "description": {"type": "str", "default": "Run by octopus.upgrade"},
        "arguments": {"type": "dict", "default": {}},
        "space": {"type": "str"},
        "timeout": {"type": "int", "default": 1800},
        "skip_unknown": {"type": "bool", "default": False},
    }
}


def run(params: dict[str, Any], check_mode: bool, diff: bool) -> dict[str, Any]:
    """Queue and wait; the module's result."""
    name = params["name"]
    with OctopusApi(ApiOptions.for_url(params, params["url"], params["api_key"])) as api:
        supported = supports(api, name)
        if not supported and params["skip_unknown"]:
            why = "has no such task" if supported is False else "does not tell which tasks it has"
            return {"changed": False, "task": None, "log_tail": [], "warnings": [f"{name} was not run: version {api.version} {why}."]}
        if supported is False:
            raise InvalidValue(f"Expected {params['url']} (version {api.version}) to have a task {name}, but it has none of that name.")
        if check_mode:
            return {"changed": True, "task": None, "log_tail": []}
        body = {"Description": params["description"], "Arguments": params["arguments"]}
        row, queued = run_task(api, name, body | ({"SpaceId": params["space"]} if params["space"] else {}), params["timeout"])
        clean = row.get("State") == "Success" and not row.get("HasWarningsOrErrors")
        tail = [] if clean else api.text(f"/api/tasks/{row['Id']}/raw").splitlines()[-_LINES:]
    task = {"id": row["Id"], "name": name, "state": row.get("State"), "has_warnings": bool(row.get("HasWarningsOrErrors"))}
    result = {"changed": queued, "task": task, "log_tail": tail}
    if row.get("State") != "Success":
        said = row.get("ErrorMessage") or (tail[-1] if tail else "no message")
        raise TaskFailed(
            f"Expected the task {row['Id']} ({name}) of {params['url']} to succeed, but it is {row.get('State')}: {said}", result
        )
    return result | ({} if clean else {"warnings": [f"{name} ({row['Id']}) succeeded with warnings: {' '.join(tail[-3:])}"]})


def main() -> None:
    run_module(SPEC, run)


if __name__ == "__main__":
    main()
