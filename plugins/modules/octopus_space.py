#!/usr/bin/python
# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Set whether the task queue of a space of Octopus Server runs, and who manages the space."""

from __future__ import annotations

DOCUMENTATION = r"""
module: octopus_space
short_description: Stop or start the task queue of a space, and make its API key's user a manager
version_added: 1.0.0
description:
  - While the task queue of a space is stopped, no task of it begins. Whoever manages the space can start it in the web portal.
  - The new state is read back from the server.
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
  space:
    description: Id or name of the space; by default the default space.
    type: str
  task_queue:
    description: Whether its task queue runs. Without it, it is left as it is.
    type: str
    choices: [running, stopped]
  manage:
    description: Whether the user of O(api_key) is made a manager of the space, as exporting and importing projects needs.
    type: bool
    default: false
notes:
  - Octopus Server has spaces from 2019.1 on.
seealso:
  - module: octopus.upgrade.octopus_projects_import
author:
  - The octopus.upgrade contributors (@octopus-upgrade)
"""

EXAMPLES = r"""
- name: Stop the task queue
  octopus.upgrade.octopus_space:
    url: https://octopus-test.example.com
    api_key: "{{ octopus_api_key }}"
    task_queue: stopped
"""

RETURN = r"""
space:
  description: The space, with C(id) and C(name).
  returned: success
  type: dict
  sample: {id: Spaces-1, name: Default}
properties:
  description: The properties of the space that were or would be changed.
  returned: success
  type: list
  elements: str
  sample: [TaskQueueStopped]
"""

from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._core.module import run_module
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.api import space_settings
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.api.client import OctopusApi
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.api.options import ApiOptions, api_spec

SPEC: dict[str, Any] = {
    "argument_spec": {
        **api_spec(),
        "space": {"type": "str"},
        "task_queue": {"type": "str", "choices": ["running", "stopped"]},
        "manage": {"type": "bool", "default": False},
    }
}


def run(params: dict[str, Any], check_mode: bool, diff: bool) -> dict[str, Any]:
    """Set up the space; the module's result."""
    stopped = params["task_queue"] == "stopped" if params["task_queue"] else None
    with OctopusApi(ApiOptions.for_url(params, params["url"], params["api_key"])) as api:
        space = space_settings.find(api, params["space"])
        manager = str(api.get("/api/users/me")["Id"]) if params["manage"] else None
        changes = space_settings.wanted(space, stopped, manager)
        if changes and not check_mode:
            space_settings.change(api, space, changes)
    return {"changed": bool(changes), "space": {"id": space["Id"], "name": space["Name"]}, "properties": list(changes)}


def main() -> None:
    run_module(SPEC, run)


if __name__ == "__main__":
    main()
