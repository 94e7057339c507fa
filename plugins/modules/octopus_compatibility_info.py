#!/usr/bin/python
# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Look whether an Octopus Server is as the collection assumes."""

from __future__ import annotations

DOCUMENTATION = r"""
module: octopus_compatibility_info
short_description: Look whether an Octopus Server is as the collection assumes
version_added: 1.0.0
description:
  - Looks up on this very server what the collection assumes of it - commands and switches in the help of its program, keys of its configuration,
    links, pages and properties of its REST API, tables and columns of its database, keys of the registry, service and watchdog.
  - Each assumption has a verdict. V(contradiction) means that this server has no such name, V(unknown) that it cannot be told.
  - Changes nothing on the server. The program is started for each of a dozen commands, so do not run it while an installation is running.
  - With O(operation), only what a later step of that operation depends on is looked up, and nothing that O(host) tells already.
  - RV(report) has no name, address, key or secret of anybody. A name that the server has is in it only where every word of it is one of the
    product's own; the others are counted. It can be attached to an issue.
extends_documentation_fragment:
  - octopus.upgrade.attributes
  - octopus.upgrade.step
  - octopus.upgrade.octopus_api
  - octopus.upgrade.octopus_api.optional_server
  - octopus.upgrade.windows
attributes:
  check_mode:
    support: full
    details: In check mode, O(file) is not written.
  diff_mode:
    support: none
options:
  instance:
    description: Name of the instance, for RV(lines).
    type: str
    required: true
  instance_name:
    description: Name of the instance on the host, where it has several.
    type: str
  operation:
    description:
      - The operation whose later steps matter. An upgrade may roll back, so V(upgrade) has what a rollback depends on too.
      - Without it, everything is looked up.
    type: str
    choices: [upgrade, backup, clone]
  host:
    description: The entry of the host in RV(octopus.upgrade.octopus_info#module:hosts). What it tells is not asked for again.
    type: dict
    default: {}
  refuse:
    description:
      - Whether the task fails where a step of O(operation) depends on what this server contradicts, and no name in O(waivers) accepts that.
    type: bool
    default: false
  waivers:
    description: Names of accepted checks, as of M(octopus.upgrade.octopus_plan).
    type: list
    elements: str
    default: []
  database:
    description:
      - What M(octopus.upgrade.octopus_database_info) returned with V(names) in its O(octopus.upgrade.octopus_database_info#module:gather). The result
        of a task that has failed is fine; without it, nothing is told of the database.
    type: dict
    default: {}
  file:
    description: File on the control node that RV(report) is written to. Folders are created.
    type: path
seealso:
  - module: octopus.upgrade.octopus_info
  - module: octopus.upgrade.octopus_database_info
author:
  - The octopus.upgrade contributors (@octopus-upgrade)
"""

EXAMPLES = r"""
- name: Look whether the server is as assumed
  octopus.upgrade.octopus_compatibility_info:
    instance: prod
    url: https://octopus.example.com
    api_key: "{{ vault_octopus_api_key }}"
    file: compatibility.json
  register: looked

- name: Show what is not
  ansible.builtin.debug:
    msg: "{{ looked.lines }}"
"""

RETURN = r"""
lines:
  description: The verdicts as a person reads them - a table of the numbers, then each that is not V(ok).
  returned: success
  type: list
  elements: str
  sample:
    - 'prod (2025.3.14357): 118 assumptions, 0 contradiction, 5 unknown, 113 ok'
contradictions:
  description: Ids of the assumptions that this server contradicts.
  returned: success
  type: list
  elements: str
  sample: []
blocking:
  description: Those of them that a later step of O(operation) depends on, without it of an upgrade.
  returned: success
  type: list
  elements: str
  sample: []
problems:
  description: Why a part of the server could not be read. With names and addresses, and so not in RV(report).
  returned: success
  type: list
  elements: str
  sample: []
report:
  description: All verdicts, the versions, and the names that were seen.
  returned: success
  type: dict
  contains:
    format:
      description: Version of this form.
      type: int
    versions:
      description: The versions of the program, of the REST API and of the database.
      type: dict
    environment:
      description: The major version of SQL Server, and the build of Windows.
      type: dict
    counts:
      description: How many assumptions have each verdict.
      type: dict
    probes:
      description: Every assumption with its verdict.
      type: list
      elements: dict
    seen:
      description: By part and subject, the names that are the product's, and how many others there are.
      type: dict
  sample:
    format: 1
    versions: {program: 2025.3.14357, windows: 2025.3.14357, rest: 2025.3.14357, database: 2025.3.14357}
    environment: {sql_server: 15, windows: 17763}
    counts: {contradiction: 0, unknown: 0, ok: 1}
    probes:
      - id: 'rest: links of /api: Spaces'
        verdict: ok
        missing: []
        reason: ''
        since: 2019.1.0
        until: null
        needed_by: [upgrade]
        step: 'verify: octopus_verify counts'
        source: '[client]'
    seen:
      rest: {links of /api: {names: [Accounts, Spaces], others: 0}}
"""

from pathlib import Path
from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._core.errors import TaskFailed
from ansible_collections.octopus.upgrade.plugins.module_utils._core.module import run_module
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus import assumption_checks, check
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.api.client import OctopusApi
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.api.options import ApiOptions, api_spec
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.compatibility import of_program, of_server, report
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.compatibility.probe import (
    CONTRADICTION,
    DEPENDS_ON,
    REST,
    UPGRADE,
    judge_all,
    of_operation,
)
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.compatibility.reader import (
    Look,
    add_database,
    add_host,
    look_at_api,
    look_at_host,
)
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.host.instances import OctopusHost
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.connection import CONNECTION_SPEC, ConnectionOptions, WindowsHost

SPEC: dict[str, Any] = {
    "argument_spec": {
        **CONNECTION_SPEC,
        **api_spec(required=False),
        "instance": {"type": "str", "required": True},
        "instance_name": {"type": "str"},
        "operation": {"type": "str", "choices": list(DEPENDS_ON)},
        "host": {"type": "dict", "default": {}},
        "refuse": {"type": "bool", "default": False},
        "waivers": {"type": "list", "elements": "str", "default": []},
        "database": {"type": "dict", "default": {}},
        "file": {"type": "path"},
    },
}


def run(params: dict[str, Any], check_mode: bool, diff: bool) -> dict[str, Any]:
    """Look, judge, and write the report; the module's result."""
    operation, name = params["operation"], params["instance_name"] or None
    probes = (*of_program.PROBES, *of_server.PROBES)
    look = Look(only=of_operation(probes, operation) if operation else None)
    add_host(params["host"], name, look)
    with WindowsHost(ConnectionOptions.from_params(params["connection"])) as host:
        look_at_host(OctopusHost(host), name, look)
    options = ApiOptions.from_params(params)
    if options and (look.only is None or any(probe.part == REST for probe in look.only)):
        with OctopusApi(options) as api:
            look_at_api(api, look)
    add_database(params["database"], look)
    findings = judge_all(probes if look.only is None else look.only, look.seen)
    document = report.document(findings, look.seen, look.environment)
    if params["file"] and not check_mode:
        report.write(Path(params["file"]), document)
    result = {
        "changed": False,
        "lines": report.lines(params["instance"], findings, look.seen),
        "contradictions": [finding.probe.id for finding in findings if finding.verdict == CONTRADICTION],
        "blocking": [finding.probe.id for finding in findings if any(map(finding.blocks, DEPENDS_ON[operation or UPGRADE]))],
        "problems": look.problems,
        "report": document,
    }
    if params["refuse"]:
        checks = list(assumption_checks.checks(result, params["instance"]))
        check.waive(checks, params["waivers"])
        blockers = [one.sentence() for one in checks if one.blocks]
        if blockers:
            raise TaskFailed(f"{' '.join(blockers)} Nothing was changed.", result)
    return result


def main() -> None:
    run_module(SPEC, run)


if __name__ == "__main__":
    main()
