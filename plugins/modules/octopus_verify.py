#!/usr/bin/python
# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Prove that an Octopus Server still has what it had."""

from __future__ import annotations

DOCUMENTATION = r"""
module: octopus_verify
short_description: Prove that an Octopus Server still has what it had
version_added: 1.0.0
description:
  - V(baseline) counts everything, per space, and really reads samples - projects, an old task log, a package, a project's logo and an
    artifact - with their SHA-256.
  - V(compared) does it again and compares. It fails when something is lost or cannot be read any more.
  - Tolerates what versions change. A server before 2019.1 has no spaces; what it had is in the space C(Spaces-1) afterwards. Counts may
    grow. From 2022.3 on, old events are archived out of the database. Task logs and the pictures that the product ships with may be
    shown differently.
  - Changes nothing, in either state.
extends_documentation_fragment:
  - octopus.upgrade.attributes
  - octopus.upgrade.octopus_api
  - octopus.upgrade.octopus_api.server
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
options:
  state:
    description: Whether to look for the first time, or to look again and compare.
    type: str
    choices: [baseline, compared]
    default: baseline
  baseline:
    description: What the module returned as RV(baseline) before. Needed with O(state=compared).
    type: dict
  samples:
    description: How many task logs, and how many packages, logos and artifacts per space, to read. Of projects, all are read up to 25.
    type: int
    default: 1
author:
  - The octopus.upgrade contributors (@octopus-upgrade)
"""

EXAMPLES = r"""
- name: Know what there is
  octopus.upgrade.octopus_verify:
    url: https://octopus.example.com
    api_key: "{{ vault_octopus_api_key }}"
  register: before

# ... the upgrade ...

- name: Prove that it is all still there
  octopus.upgrade.octopus_verify:
    url: https://octopus.example.com
    api_key: "{{ vault_octopus_api_key }}"
    state: compared
    baseline: "{{ before.baseline }}"
"""

RETURN = r"""
baseline:
  description: Version, counts by space and collection (of the server as a whole under C(server)), and samples with their hashes.
  returned: success, with state V(baseline)
  type: dict
  sample:
    version: 2018.10.7
    counts:
      Spaces-1: {projects: 3, environments: 4, releases: 41, packages: 312}
      server: {events: 1207, tasks: 96, users: 5}
    samples:
      projects:
        - {space: Spaces-1, id: Projects-1, name: Web Shop}
      task_logs:
        - id: ServerTasks-1
          description: Deploy Web Shop release 1.0.0 to Test
          sha256: 5d8f2c7c2bd9ac1e9d9a2f2a5cf2f3a5ce64b4aef0ab3b7d6f0b0b7a54c8f0d1
          bytes: 2210
          content_type: text/plain
      packages:
        - space: Spaces-1
          id: WebShop.Web
          version: 1.0.7
          sha256: 0b7d8e0ef8f1b8a4a5a2b4ff95c8be1a96c2d5d2f2b8b0d11f3e0a4f7d0a9b3c
          bytes: 48211
          content_type: application/octet-stream
      logos: []
      artifacts: []
differences:
  description: Every difference; C(lost) tells those that fail the module from harmless ones.
  returned: with state V(compared), also on failure
  type: list
  elements: dict
  sample:
    - {space: server, what: tasks, before: 96, after: 98, lost: false}
proof:
  description: How many projects were opened, and one sample of each other kind that was read, or null where there is none.
  returned: success
  type: dict
  sample:
    projects_read: 3
    task_log: {id: ServerTasks-1, description: Deploy Web Shop release 1.0.0 to Test, bytes: 2210}
    package: {space: Spaces-1, id: WebShop.Web, version: 1.0.7, bytes: 48211}
    logo: null
    artifact: null
"""

from ansible.module_utils.basic import AnsibleModule, missing_required_lib
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.api import verify
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.api.client import OctopusApi
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.api.http import REQUESTS_IMPORT_ERROR
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.api.options import ApiOptions, api_spec
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **api_spec(),
            "state": {"type": "str", "choices": ["baseline", "compared"], "default": "baseline"},
            "baseline": {"type": "dict"},
            "samples": {"type": "int", "default": 1},
        },
        required_if=[("state", "compared", ["baseline"])],
        supports_check_mode=True,
    )
    if REQUESTS_IMPORT_ERROR:
        module.fail_json(msg=missing_required_lib("requests"), exception=REQUESTS_IMPORT_ERROR)
    try:
        with OctopusApi(ApiOptions.for_url(module.params, module.params["url"], module.params["api_key"])) as api:
            if module.params["state"] == "baseline":
                found = verify.baseline(api, module.params["samples"])
                module.exit_json(changed=False, baseline=found, proof=verify.proof(found["samples"]))
            differences, read = verify.compare(api, module.params["baseline"])
    except OctopusError as error:
        module.fail_json(msg=error.message)
    lost = [verify.describe(difference) for difference in differences if difference["lost"]]
    if lost:
        module.fail_json(
            msg=f"{module.params['url']} no longer has what it had: {'; '.join(lost)}. Do not let users back in before this is understood.",
            differences=differences,
        )
    module.exit_json(changed=False, differences=differences, proof=verify.proof(read))


if __name__ == "__main__":
    main()
