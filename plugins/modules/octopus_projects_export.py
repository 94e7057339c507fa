#!/usr/bin/python
# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Export projects of Octopus Server to a file on the control node."""

from __future__ import annotations

DOCUMENTATION = r"""
module: octopus_projects_export
short_description: Export projects of Octopus Server to a file on the control node
version_added: 1.0.0
description:
  - Has the server export projects with what they need, waits for the task, downloads the file, and removes it from the server.
  - Octopus Server has this from 2021.1 on. It exports version-controlled projects from 2025.2.5601 on.
  - RV(not_carried) names what is not in the file.
  - A run that was interrupted waits for the task of the earlier one, which it finds by a file beside O(dest).
extends_documentation_fragment:
  - octopus.upgrade.attributes
  - octopus.upgrade.step
  - octopus.upgrade.octopus_api
  - octopus.upgrade.octopus_api.server
attributes:
  check_mode:
    support: full
    details: It is checked whether the projects can be exported.
  diff_mode:
    support: none
options:
  state:
    description:
      - V(present) exports the projects.
      - V(absent) removes the file, and what an interrupted run has left on the server.
    type: str
    choices: [present, absent]
    default: present
  projects:
    description: Names of the projects. Needed with O(state=present).
    type: list
    elements: str
  space:
    description: Id or name of their space; by default the default space.
    type: str
  password:
    description:
      - Protects the secrets in the file. The rest of the file is not encrypted, so it is written for its owner only.
      - M(octopus.upgrade.octopus_projects_import) needs it again. Needed with O(state=present).
    type: str
  dest:
    description: File on the control node. One that exists is replaced. Missing folders are created, for their owner only.
    type: path
    required: true
  allow_git:
    description:
      - Whether version-controlled projects may be exported. Once imported, they write to the same repository as the originals, until somebody
        changes that.
    type: bool
    default: false
  timeout:
    description: Seconds to wait for the task. After that it continues, and the next run waits for it again.
    type: float
    default: 1800
notes:
  - The API key has to be that of a Space Manager of the space.
seealso:
  - module: octopus.upgrade.octopus_projects_import
  - name: Exporting and importing projects
    description: What Octopus Deploy says about it.
    link: https://octopus.com/docs/projects/export-import
author:
  - The octopus.upgrade contributors (@octopus-upgrade)
"""

EXAMPLES = r"""
- name: Export two projects
  octopus.upgrade.octopus_projects_export:
    url: https://octopus.example.com
    api_key: "{{ vault_octopus_api_key }}"
    projects: [Web Shop, Billing]
    password: "{{ vault_export_password }}"
    dest: /var/lib/octopus/test/projects.zip
"""

RETURN = r"""
version:
  description: The version of the server.
  returned: with O(state=present)
  type: str
  sample: 2025.3.14357
space:
  description: The space, with C(id) and C(name).
  returned: with O(state=present)
  type: dict
  sample: {id: Spaces-1, name: Default}
projects:
  description: The exported projects.
  returned: with O(state=present)
  type: list
  elements: str
  sample: [Web Shop, Billing]
git_projects:
  description: Those of them that are version-controlled.
  returned: with O(state=present)
  type: list
  elements: str
  sample: []
not_carried:
  description: What the file does not have.
  returned: with O(state=present)
  type: list
  elements: str
  sample: [packages]
dest:
  description: The file on the control node.
  returned: success
  type: str
  sample: /var/lib/octopus/test/projects.zip
task:
  description: Id of the server's task; null in check mode.
  returned: with O(state=present)
  type: str
  sample: ServerTasks-4711
size:
  description: Size of the file in bytes; null in check mode.
  returned: with O(state=present)
  type: int
  sample: 182734
sha256:
  description: SHA-256 of the file; null in check mode.
  returned: with O(state=present)
  type: str
  sample: e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855
"""

from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._core.module import run_module
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.api.client import OctopusApi
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.api.options import ApiOptions, api_spec
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.projects.export import ExportRequest, discard, export

SPEC: dict[str, Any] = {
    "argument_spec": {
        **api_spec(),
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        "projects": {"type": "list", "elements": "str"},
        "space": {"type": "str"},
        "password": {"type": "str", "no_log": True},
        "dest": {"type": "path", "required": True},
        "allow_git": {"type": "bool", "default": False},
        "timeout": {"type": "float", "default": 1800},
    },
    "required_if": [("state", "present", ["projects", "password"])],
}


def run(params: dict[str, Any], check_mode: bool, diff: bool) -> dict[str, Any]:
    """Export the projects, or remove an export; the module's result."""
    if params["state"] == "absent":
        with OctopusApi(ApiOptions.for_url(params, params["url"], params["api_key"])) as api:
            return {"changed": discard(api, params["dest"], check_mode), "dest": params["dest"]}
    request = ExportRequest(
        tuple(params["projects"]),
        params["password"],
        params["dest"],
        params["space"],
        params["allow_git"],
        params["timeout"],
        check_mode,
    )
    with OctopusApi(ApiOptions.for_url(params, params["url"], params["api_key"])) as api:
        return export(api, request)


def main() -> None:
    run_module(SPEC, run)


if __name__ == "__main__":
    main()
