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
  - Reads a server and compares it with what M(octopus.upgrade.octopus_baseline_info) returned before. Without a O(baseline), it finds only what is
    broken in itself, such as a project that cannot be opened.
  - Each difference has a verdict. V(expected) - the change of the version explains it. V(suspicious) - somebody should look; it is a warning.
    V(wrong) - something is lost or broken; the module fails, unless the difference's check is in O(waivers).
  - Tolerates what versions change. A server before 2019.1 has no spaces; what it had is in the space C(Spaces-1) afterwards. Counts may
    grow. From 2022.3 on, old events are archived out of the database. Task logs and the pictures that the product ships with may be
    rendered differently. The roles that the product ships with change.
  - What the audit log says that somebody has deleted or changed since the baseline, and what a retention task may have deleted, is suspicious, and
    not wrong.
  - What fails is asked for once more before it counts.
  - Where the control node cannot ask, because of its trust, name resolution or proxy, the host of the task is asked from itself, with its
    C(curl.exe). What cannot be read in that way is suspicious.
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
    description: RV(octopus.upgrade.octopus_baseline_info#module:baseline), or the packed one in the manifest of a restore point.
    type: dict
    default: {}
  waivers:
    description:
      - Names of checks whose findings are accepted; those are warnings. One of V(nodes_alive), V(counts_kept), V(projects_open),
        V(contents_kept), V(dashboard_shown), V(access_kept), V(disabled_kept), V(targets_healthy), V(routes_answer) and V(tasks_waiting). Other
        names are ignored.
    type: list
    elements: str
    default: []
  copied_earlier:
    description:
      - Whether the server is a copy of that of the O(baseline), and was made before. It may have fewer tasks and audit events then, because the other
        one has gone on.
    type: bool
    default: false
  max_seconds:
    description: For how many seconds to read at most. What has not been asked for by then is suspicious.
    type: int
    default: 300
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
  description: Every difference.
  returned: always, once everything was read
  type: list
  elements: dict
  contains:
    check:
      description: The name of the check, for O(waivers).
      type: str
    space:
      description: Id of the space, or C(server).
      type: str
    what:
      description: The thing that differs.
      type: str
    before:
      description: How it was, or what was expected.
      type: raw
    after:
      description: How it is.
      type: raw
    verdict:
      description: V(expected), V(suspicious) or V(wrong).
      type: str
    why:
      description: What explains it.
      type: str
    waived:
      description: Whether it is wrong and accepted.
      type: bool
  sample:
    - {check: counts_kept, space: server, what: tasks, before: 96, after: 98, verdict: expected, why: '', waived: false}
evidence:
  description:
    - How many projects were opened and files read, in how many seconds, and one of each kind of file, or null where there is none.
    - Under C(waived) the checks that found something wrong which was accepted.
  returned: always, once everything was read
  type: dict
  sample:
    compared_with: 2018.10.7
    projects_read: 3
    files_read: 14
    seconds: 1.4
    waived: []
    task_log: {id: ServerTasks-1, description: Deploy Web Shop release 1.0.0 to Test, bytes: 2210}
    package: {space: Spaces-1, id: WebShop.Web, version: 1.0.7, bytes: 48211}
    logo: null
    artifact: null
"""

from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._core.errors import TaskFailed
from ansible_collections.octopus.upgrade.plugins.module_utils._core.module import run_module
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.api.options import ApiOptions, api_spec
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.node.from_node import open_api
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.verification.packing import unpacked
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.verification.verdicts import failing, warned
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.verification.verify import verify
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.connection import CONNECTION_SPEC, ConnectionOptions

_MOST_LINES = 20  # of a message; all of them are in the result

SPEC: dict[str, Any] = {
    "argument_spec": {
        **api_spec(),
        **CONNECTION_SPEC,
        "baseline": {"type": "dict", "default": {}},
        "waivers": {"type": "list", "elements": "str", "default": []},
        "copied_earlier": {"type": "bool", "default": False},
        "max_seconds": {"type": "int", "default": 300},
        "waiting": {"type": "list", "elements": "str", "default": []},
    }
}


def run(params: dict[str, Any], check_mode: bool, diff: bool) -> dict[str, Any]:
    """Compare with the baseline; the module's result."""
    warnings: list[str] = []
    waivers = params["waivers"]
    connections = [ConnectionOptions.from_params(params["connection"])] if params["connection"] else []
    with open_api(ApiOptions.for_url(params, params["url"], params["api_key"]), connections, None, warnings) as api:
        asked = {"seconds": params["max_seconds"], "waiting": params["waiting"], "copied_earlier": params["copied_earlier"]}
        verified = verify(api, unpacked(params["baseline"]), **asked)
    differences = verified.differences
    told = [one.as_dict(waivers) for one in differences]
    found = {"differences": told, "evidence": {**verified.evidence, "waived": sorted({one["check"] for one in told if one["waived"]})}}
    warnings += _lines([one.sentence() for one in warned(differences, waivers)])
    wrong = failing(differences, waivers)
    if wrong:
        raise TaskFailed(
            f"Expected {params['url']} to have all that it had, but found {'; '.join(_lines([one.sentence() for one in wrong]))}. "
            "Do not let users back in before the cause is known.",
            {**found, **({"warnings": warnings} if warnings else {})},
        )
    return {**found, **({"warnings": warnings} if warnings else {})}


def _lines(lines: list[str]) -> list[str]:
    more = len(lines) - _MOST_LINES
    return [*lines[:_MOST_LINES], f"and {more} more"] if more > 0 else lines


def main() -> None:
    run_module(SPEC, run)


if __name__ == "__main__":
    main()
