#!/usr/bin/python
# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Import exported projects into a space of Octopus Server."""

from __future__ import annotations

DOCUMENTATION = r"""
module: octopus_projects_import
short_description: Import exported projects into a space of Octopus Server
version_added: 1.0.0
description:
  - Uploads a file of M(octopus.upgrade.octopus_projects_export), has the server preview it, imports it, waits for the task, and checks that the
    projects have arrived.
  - A project whose name the space has already is not imported, see RV(existing).
  - RV(not_carried) names what does not arrive.
  - A run that was interrupted waits for the task of the earlier one, which it finds by a file beside O(src).
extends_documentation_fragment:
  - octopus.upgrade.attributes
  - octopus.upgrade.step
  - octopus.upgrade.octopus_api
  - octopus.upgrade.octopus_api.server
attributes:
  check_mode:
    support: partial
    details:
      - Returns the preview of the server, which previews only what it has, so the file is uploaded. Nothing is imported.
  diff_mode:
    support: none
options:
  src:
    description: The file on the control node.
    type: path
    required: true
  password:
    description: The password that the projects were exported with.
    type: str
    required: true
  projects:
    description: Names of the projects that have to be in the file. Where the space has them all, nothing is done.
    type: list
    elements: str
  space:
    description: Id or name of the space; by default the default space.
    type: str
  source_version:
    description: Version of the server that the projects were exported from. An older server is refused before anything is uploaded.
    type: str
  timeout:
    description: Seconds to wait for the task. After that it continues, and the next run waits for it again.
    type: float
    default: 3600
notes:
  - The API key has to be that of a Space Manager of the space.
  - Imported accounts, certificates and feeds hold live credentials. Steps that run on the server or on a worker use them as soon as somebody
    deploys.
  - The uploaded file stays in the server's folder for imports, because the API cannot remove it.
  - A space whose task queue is stopped does not run the import.
seealso:
  - module: octopus.upgrade.octopus_projects_export
  - name: Exporting and importing projects
    description: What Octopus Deploy says about it.
    link: https://octopus.com/docs/projects/export-import
author:
  - The octopus.upgrade contributors (@octopus-upgrade)
"""

EXAMPLES = r"""
- name: Import the projects
  octopus.upgrade.octopus_projects_import:
    url: https://octopus-test.example.com
    api_key: "{{ lookup('ansible.builtin.unvault', '/var/lib/octopus/test/api-key.vault') }}"
    src: /var/lib/octopus/test/projects.zip
    password: "{{ vault_export_password }}"
    projects: [Web Shop, Billing]
"""

RETURN = r"""
version:
  description: The version of the server.
  returned: success
  type: str
  sample: 2025.3.14357
space:
  description: The space, with C(id) and C(name).
  returned: success
  type: dict
  sample: {id: Spaces-1, name: Default}
imported:
  description: The projects that were imported; in check mode those that would be.
  returned: success
  type: list
  elements: str
  sample: [Web Shop, Billing]
existing:
  description: Projects that the space had already, and that were left as they are.
  returned: success
  type: list
  elements: str
  sample: []
preview:
  description: The server's preview, as it gives it; null where nothing was left to import.
  returned: success
  type: dict
  sample: {Projects: [{Name: Web Shop, Channels: [Default], Runbooks: []}], Lifecycles: [Default Lifecycle]}
task:
  description: Id of the server's task; null where there was none.
  returned: success
  type: str
  sample: ServerTasks-12
uploaded_file:
  description: Id of the file in the server's folder for imports; null where nothing was uploaded.
  returned: success
  type: str
  sample: 6b2c0d.zip
not_carried:
  description: What does not arrive.
  returned: success
  type: list
  elements: str
  sample: [packages]
"""

from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._core.module import run_module
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.api.client import OctopusApi
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.api.options import ApiOptions, api_spec
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.projects.imports import ImportRequest, import_projects

SPEC: dict[str, Any] = {
    "argument_spec": {
        **api_spec(),
        "src": {"type": "path", "required": True},
        "password": {"type": "str", "no_log": True, "required": True},
        "projects": {"type": "list", "elements": "str"},
        "space": {"type": "str"},
        "source_version": {"type": "str"},
        "timeout": {"type": "float", "default": 3600},
    }
}


def run(params: dict[str, Any], check_mode: bool, diff: bool) -> dict[str, Any]:
    """Import the projects; the module's result."""
    request = ImportRequest(
        params["src"],
        params["password"],
        tuple(params["projects"]) if params["projects"] else None,
        params["space"],
        params["source_version"],
        params["timeout"],
        check_mode,
    )
    with OctopusApi(ApiOptions.for_url(params, params["url"], params["api_key"])) as api:
        result = import_projects(api, request)
    left = result["existing"] if result["changed"] else []
    told = f"Not imported, because the space {result['space']['name']} has projects of these names: {', '.join(left)}."
    return {**result, **({"warnings": [told]} if left else {})}


def main() -> None:
    run_module(SPEC, run)


if __name__ == "__main__":
    main()
