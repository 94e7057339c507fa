#!/usr/bin/python
# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Verify that an Octopus Server still has what it had."""

from __future__ import annotations

DOCUMENTATION = r"""
module: octopus_verify
short_description: Verify that an Octopus Server still has what it had
version_added: 1.0.0
description:
  - Counts everything and reads the samples again, and compares them with what M(octopus.upgrade.octopus_baseline_info) returned before.
    Fails where something is lost or cannot be read any more.
  - Tolerates what versions change. A server before 2019.1 has no spaces; what it had is in the space C(Spaces-1) afterwards. Counts may
    grow. From 2022.3 on, old events are archived out of the database. Task logs and the pictures that the product ships with may be
    rendered differently.
  - Where the control node cannot ask, because of its trust, name resolution or proxy, the host of the task is asked from itself, with its
    C(curl.exe). What cannot be read in that way is among the RV(differences), and not C(lost).
  - Changes nothing.
extends_documentation_fragment:
  - octopus.upgrade.attributes
  - octopus.upgrade.step
  - octopus.upgrade.octopus_api
  - octopus.upgrade.octopus_api.server
  - octopus.upgrade.windows
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
options:
  baseline:
    description: RV(octopus.upgrade.octopus_baseline_info#module:baseline).
    type: dict
    required: true
  waiting:
    description: Ids of tasks that waited for a person before. The module fails where one no longer exists, has failed or was cancelled.
    type: list
    elements: str
    default: []
seealso:
  - module: octopus.upgrade.octopus_baseline_info
author:
  - The octopus.upgrade contributors (@octopus-upgrade)
"""

EXAMPLES = r"""
- name: Record the baseline
  octopus.upgrade.octopus_baseline_info:
    url: https://octopus.example.com
    api_key: "{{ vault_octopus_api_key }}"
  register: before

# ... the upgrade ...

- name: Verify that nothing was lost
  octopus.upgrade.octopus_verify:
    url: https://octopus.example.com
    api_key: "{{ vault_octopus_api_key }}"
    baseline: "{{ before.baseline }}"
"""

RETURN = r"""
differences:
  description: Every difference. Those with C(lost) fail the module; the others are harmless.
  returned: always, once everything was read
  type: list
  elements: dict
  sample:
    - {space: server, what: tasks, before: 96, after: 98, lost: false}
evidence:
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

from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._core.errors import TaskFailed
from ansible_collections.octopus.upgrade.plugins.module_utils._core.module import run_module
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.api import verify
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.api.options import ApiOptions, api_spec
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.node.from_node import open_api
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.connection import CONNECTION_SPEC, ConnectionOptions

SPEC: dict[str, Any] = {
    "argument_spec": {
        **api_spec(),
        **CONNECTION_SPEC,
        "baseline": {"type": "dict", "required": True},
        "waiting": {"type": "list", "elements": "str", "default": []},
    }
}


def run(params: dict[str, Any], check_mode: bool, diff: bool) -> dict[str, Any]:
    """Compare with the baseline; the module's result."""
    warnings: list[str] = []
    connections = [ConnectionOptions.from_params(params["connection"])] if params["connection"] else []
    with open_api(ApiOptions.for_url(params, params["url"], params["api_key"]), connections, None, warnings) as api:
        differences, read = verify.compare(api, params["baseline"])
        differences += verify.still_waiting(api, params["waiting"])
    lost = [verify.describe(difference) for difference in differences if difference["lost"]]
    if lost:
        raise TaskFailed(
            f"Expected {params['url']} to have all that it had, but found {'; '.join(lost)}. Do not let users back in before the cause is known.",
            {"differences": differences},
        )
    warnings += [verify.describe(one) for one in differences if warnings and str(one["after"]).startswith("not asked")]
    return {"differences": differences, "evidence": verify.evidence(read), **({"warnings": warnings} if warnings else {})}


def main() -> None:
    run_module(SPEC, run)


if __name__ == "__main__":
    main()
