#!/usr/bin/python
# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Make the plan of an upgrade from what preflight found."""

from __future__ import annotations

DOCUMENTATION = r"""
module: octopus_plan
short_description: Make the plan of an upgrade from what was found
version_added: 1.0.0
description:
  - Works out the rungs from the installed version to the wanted one, and judges what was found by named checks.
  - Fails, naming every finding at once, where a check is not well and its name is not waived.
  - Asks nobody and changes nothing; it takes what M(octopus.upgrade.octopus_info), M(octopus.upgrade.octopus_database) and
    check-mode runs of M(octopus.upgrade.octopus_install) and M(octopus.upgrade.mssql_backup) have returned.
extends_documentation_fragment:
  - octopus.upgrade.attributes
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
  nodes:
    description: Inventory names of all its nodes.
    type: list
    elements: str
    required: true
  instance_name:
    description: Name of the instance on its hosts, where they have several.
    type: str
    default: ""
  version:
    description: The version to end at.
    type: str
    required: true
  ladder:
    description: The versions to climb through; empty means O(version) alone.
    type: list
    elements: str
    default: []
  server:
    description: RV(octopus.upgrade.octopus_info#module:server).
    type: dict
    required: true
  hosts:
    description: RV(octopus.upgrade.octopus_info#module:hosts).
    type: dict
    required: true
  database:
    description: What M(octopus.upgrade.octopus_database) returned.
    type: dict
    required: true
  packages:
    description: For each version that will be staged, what is known of its MSI.
    type: dict
    default: {}
  backup:
    description: What M(octopus.upgrade.mssql_backup) returned in check mode.
    type: dict
    default: {}
  waivers:
    description: Names of checks whose findings are accepted.
    type: list
    elements: str
    default: []
seealso:
  - module: octopus.upgrade.octopus_info
author:
  - The octopus.upgrade contributors (@octopus-upgrade)
"""

EXAMPLES = r"""
- name: Make the plan
  octopus.upgrade.octopus_plan:
    instance: prod
    nodes: [octo-a, octo-b]
    version: 2026.2.9853
    ladder: [2025.3.14357, 2026.2.9853]
    server: "{{ found.server }}"
    hosts: "{{ found.hosts }}"
    database: "{{ found_database }}"
"""

RETURN = r"""
installed:
  description: The installed version.
  returned: success
  type: str
  sample: 2020.5.7
rungs:
  description: The versions to climb through; empty where the instance is at the wanted version already.
  returned: success
  type: list
  elements: str
  sample: [2025.3.14357, 2026.2.9853]
before:
  description: How the instance was found, so that it can be given back like that.
  returned: success
  type: dict
  sample: {maintenance: false, drained: [], watched: [octo-a]}
checks:
  description: Every check with what it wanted and found.
  returned: always
  type: list
  elements: dict
  sample:
    - name: license_compliant
      ok: true
      waived: false
      wanted: a compliant licence (newer versions refuse to upgrade or to start without one)
      found: compliant
      where: prod
      todo: Renew the licence, or waive this check by name if the new version is known to take it.
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus import plan
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "instance": {"type": "str", "required": True},
            "nodes": {"type": "list", "elements": "str", "required": True},
            "instance_name": {"type": "str", "default": ""},
            "version": {"type": "str", "required": True},
            "ladder": {"type": "list", "elements": "str", "default": []},
            "server": {"type": "dict", "required": True},
            "hosts": {"type": "dict", "required": True},
            "database": {"type": "dict", "required": True},
            "packages": {"type": "dict", "default": {}},
            "backup": {"type": "dict", "default": {}},
            "waivers": {"type": "list", "elements": "str", "default": []},
        },
        supports_check_mode=True,
    )
    params = module.params
    names = ("instance", "nodes", "instance_name", "server", "hosts", "database", "packages", "backup")
    facts = plan.Facts(**{name: params[name] for name in names})
    installed = facts.server["version"]
    try:
        climb = plan.rungs(installed, params["version"], params["ladder"])
        found = plan.checks(facts, params["version"], climb, params["waivers"])
    except OctopusError as error:
        module.fail_json(msg=f"Instance {facts.instance} cannot be planned: {error}.")
    unknown = plan.unknown_waivers(found, params["waivers"])
    if unknown:
        module.fail_json(
            msg=f"octopus_waivers names unknown checks: {', '.join(unknown)}. Known: {', '.join(sorted({one.name for one in found}))}."
        )
    blockers = [check for check in found if check.blocks]
    result = {"installed": installed, "rungs": climb, "before": plan.before(facts), "checks": plan.as_dicts(found)}
    if blockers:
        lines = "\n".join(f"- {check.sentence()}" for check in blockers)
        module.fail_json(
            msg=f"Preflight of instance {facts.instance} found {len(blockers)} blocker(s); nothing was changed.\n{lines}", **result
        )
    module.exit_json(changed=False, **result)


if __name__ == "__main__":
    main()
