#!/usr/bin/python
# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Export projects of an older Octopus Server with Octopus.Migrator.exe."""

from __future__ import annotations

DOCUMENTATION = r"""
module: octopus_migrator_export
short_description: Export projects of an older Octopus Server with Octopus.Migrator.exe
version_added: 1.0.0
description:
  - Runs C(Octopus.Migrator.exe partial-export) on a node, and copies what it has written to a folder that another host can reach. From 2021.1 on,
    M(octopus.upgrade.octopus_projects_export) does it over the API, and with less risk.
  - Deployment targets, workers and deployments are always left out, releases where the version can do that (C(--ignore-history), from 2018.9 on at the
    latest), and scripts stay in their documents where it can. B(Triggers come along, enabled as they are);
    M(octopus.upgrade.octopus_migrator_import) disables them.
  - The program finds projects by name in all spaces. A name that exists in several spaces is refused, and so are projects outside of the default space.
  - The program's own help decides which switches it gets. Where it cannot repeat C(--project), before December 2018, each project is exported by itself;
    restrictions of what they share may then be lost.
  - RV(not_carried) names what is not in the folder.
extends_documentation_fragment:
  - octopus.upgrade.attributes
  - octopus.upgrade.step
  - octopus.upgrade.octopus_api
  - octopus.upgrade.octopus_api.server
  - octopus.upgrade.windows.nodes
  - octopus.upgrade.windows.job
attributes:
  action_group:
    description: Use C(group/octopus.upgrade.octopus_api) and C(group/octopus.upgrade.windows_jobs) in C(module_defaults) to set defaults for this module.
    support: full
    membership:
      - octopus.upgrade.octopus_api
      - octopus.upgrade.windows_jobs
  check_mode:
    support: full
    details: It is checked whether the projects can be exported; O(dest) is not.
  diff_mode:
    support: none
options:
  state:
    description:
      - V(present) exports the projects.
      - V(absent) removes the export from O(dest), and what an interrupted run has left on the node.
    type: str
    choices: [present, absent]
    default: present
  nodes:
    description: Inventory name of the node, in a list. By default, the host of the task.
    type: list
    elements: str
  instance_name:
    description: Name of the instance. By default the only one on the host.
    type: str
  projects:
    description: Names of the projects. Needed with O(state=present).
    type: list
    elements: str
  password:
    description:
      - Encrypts the secrets in the files; the rest of them is plain text. 16 to 128 letters, digits, C(_) and C(-). Needed with O(state=present).
      - B(While the program runs, the list of processes of the node shows it), and auditing of processes records it, because the program takes it in no
        other way. So use a new one for each export.
    type: str
  dest:
    description:
      - Folder that gets the export, best on a share that the importing host reaches too. The module writes to its subfolder C(octopus-migrator-export),
        which is replaced and removed as a whole.
    type: str
    required: true
  timeout:
    description: Seconds to wait for the program. After that it continues, and the next run waits for it again.
    type: float
    default: 3600
notes:
  - The program reads the database of the instance whose configuration is on the node, so O(job_user) needs rights there, with integrated security those of
    the account of the service. O(job_user) also writes to O(dest). Over WinRM itself, neither would be reached (the double hop).
  - Nothing should change meanwhile. Turn on maintenance mode with M(octopus.upgrade.octopus_maintenance) before, and set it as it was afterwards.
  - Octopus Server needs the same version on both ends.
seealso:
  - module: octopus.upgrade.octopus_migrator_import
  - module: octopus.upgrade.octopus_projects_export
  - name: Octopus.Migrator.exe
    description: What Octopus Deploy says about it.
    link: https://octopus.com/docs/octopus-rest-api/octopus.migrator.exe-command-line/partial-export
author:
  - The octopus.upgrade contributors (@octopus-upgrade)
"""

EXAMPLES = r"""
- name: Export two projects of a server of 2018.10
  octopus.upgrade.octopus_migrator_export:
    url: https://octopus.example.com
    api_key: "{{ vault_octopus_api_key }}"
    projects: [Web Shop, Billing]
    password: "{{ export_password }}"
    dest: \\nas.example.com\octopus\export
    job_user: EXAMPLE\octopus
    job_password: "{{ vault_job_password }}"
"""

RETURN = r"""
version:
  description: The version of the server.
  returned: with O(state=present)
  type: str
  sample: 2018.10.7
projects:
  description: The exported projects.
  returned: with O(state=present)
  type: list
  elements: str
  sample: [Web Shop, Billing]
runs:
  description: How often the program runs, once for all projects or once for each.
  returned: with O(state=present)
  type: int
  sample: 1
files:
  description: How many files were exported; null in check mode.
  returned: with O(state=present)
  type: int
  sample: 57
not_carried:
  description: What the export does not have.
  returned: with O(state=present)
  type: list
  elements: str
  sample: [packages]
dest:
  description: The folder.
  returned: success
  type: str
  sample: \\nas.example.com\octopus\export
"""

from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._core.errors import InvalidValue
from ansible_collections.octopus.upgrade.plugins.module_utils._core.module import run_module
from ansible_collections.octopus.upgrade.plugins.module_utils._core.progress import Progress
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.api.client import OctopusApi
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.api.options import ApiOptions, api_spec
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.projects.migrator_export import MigratorExport, discard, export
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.connection import (
    JOB_SPEC,
    NODES_SPEC,
    ConnectionOptions,
    WindowsHost,
)
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.jobs import RunAs

SPEC: dict[str, Any] = {
    "argument_spec": {
        **api_spec(),
        **NODES_SPEC,
        **JOB_SPEC,
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        "nodes": {"type": "list", "elements": "str"},
        "instance_name": {"type": "str"},
        "projects": {"type": "list", "elements": "str"},
        "password": {"type": "str", "no_log": True},
        "dest": {"type": "str", "required": True},
        "timeout": {"type": "float", "default": 3600},
    },
    "required_if": [("state", "present", ["projects", "password"])],
}


def run(params: dict[str, Any], check_mode: bool, diff: bool) -> dict[str, Any]:
    """Export the projects, or remove an export; the module's result."""
    connections = params["connections"] or []
    if len(connections) != 1:
        raise InvalidValue(f"nodes: expected one node, whose program exports, but found {len(connections)}.")
    request = MigratorExport(
        tuple(params["projects"] or ()),
        params["password"] or "",
        params["dest"],
        params["instance_name"],
        RunAs(params["job_user"], params["job_password"]),
        params["work_root"],
        params["timeout"],
        check_mode,
        Progress(),
    )
    with WindowsHost(ConnectionOptions.from_params(connections[0])) as host:
        if params["state"] == "absent":
            return {"changed": discard(host, request), "dest": params["dest"]}
        with OctopusApi(ApiOptions.for_url(params, params["url"], params["api_key"])) as api:
            return export(api, host, request)


def main() -> None:
    run_module(SPEC, run)


if __name__ == "__main__":
    main()
