#!/usr/bin/python
# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Plan the refresh or the removal of a clone from what was found."""

from __future__ import annotations

DOCUMENTATION = r"""
module: octopus_clone_plan
short_description: Plan the refresh or the removal of a clone from what was found
version_added: 1.0.0
description:
  - Decides which restore point a clone is made from, where it goes, whether anything is to be done, and what is removed afterwards.
  - Run it twice. Without O(verified) it chooses the restore point to verify, and says which database to ask for a quarantine; with what
    these have returned it makes the plan. With O(state=absent), O(quarantine) alone makes the difference.
  - Fails where the plan would touch the source, or an instance that is not a clone, and where the clone could not be set up
    (check V(master_key_settable)).
  - Connects to nothing and changes nothing. It takes what other modules have returned.
extends_documentation_fragment:
  - octopus.upgrade.attributes
  - octopus.upgrade.step
attributes:
  check_mode:
    support: full
    details:
      - In check mode a source that was not backed up in this run is no error, since in check mode it never is.
  diff_mode:
    support: none
options:
  state:
    description: Whether the clone is to be made or refreshed, or removed.
    type: str
    choices: [present, absent]
    default: present
  instance:
    description: Name of the clone.
    type: str
    required: true
  clone_of:
    description: Name of its source. Needed with O(state=present).
    type: str
    default: ""
  clone_from:
    description: V(live) for the restore point that was created in this run, V(newest) for the newest one, or the id of one.
    type: str
    default: live
  instance_name:
    description: Name of the clone's instance on its hosts.
    type: str
    required: true
  host:
    description: Inventory name of the clone's coordinator.
    type: str
    required: true
  nodes:
    description: Inventory names of the clone's nodes.
    type: list
    elements: str
    required: true
  hosts:
    description: RV(octopus.upgrade.octopus_info#module:hosts) of these nodes.
    type: dict
    required: true
  run:
    description: What is known of earlier runs of the clone.
    type: dict
    default: {}
    suboptions:
      unfinished:
        description: Whether a run has not ended.
        type: bool
        default: false
      run_id:
        description: Its id.
        type: str
        default: ""
      operation:
        description: What it does, such as V(clone).
        type: str
        default: ""
      error:
        description: What it failed with.
        type: str
        default: ""
      facts:
        description:
          - What it has recorded. C(clone_new), C(clone_old) and C(clone_stale) are RV(new), RV(old) and RV(stale) of its own plan, C(clone_sql) is
            RV(sql) of the plan of a removal.
        type: dict
        default: {}
      left_over:
        description: What earlier runs could not remove.
        type: list
        elements: dict
        default: []
  run_id:
    description: Id of the run that would begin; the new database and folder are named by it.
    type: str
    default: ""
  source_nodes:
    description: Inventory names of the source's nodes.
    type: list
    elements: str
    default: []
  source_restore_point:
    description: Id of the restore point of the source that was created in this run, or found to be up to date.
    type: str
    default: ""
  source_error:
    description: Why there is none.
    type: str
    default: ""
  unusable:
    description: Whether the restore point of the unfinished refresh was found not to be intact, so that the refresh is not resumed.
    type: bool
    default: false
  verified:
    description: What M(octopus.upgrade.octopus_restore_point_verify) returned for RV(restore_point).
    type: dict
  quarantine:
    description: What M(octopus.upgrade.octopus_quarantine_info) returned for RV(old_database); a result that was skipped is fine where there is none.
    type: dict
  force:
    description: Whether the clone is replaced although nothing would change.
    type: bool
    default: false
  sql_host:
    description: The clone's SQL Server. Without it, that of the source.
    type: str
    default: ""
  sql_port:
    description: Its port.
    type: int
  sql_server:
    description: The same as the clone's nodes name it in their connection string, where that differs.
    type: str
    default: ""
  database:
    description: The beginning of the name of the clone's database. Without it, the name of the source's database and that of the clone.
    type: str
    default: ""
  folder_root:
    description: Folder on the clone's nodes in which each new clone gets a folder.
    type: str
    default: ""
  sql_backup_folder:
    description: The folder of the source's restore points, as SQL Server sees it.
    type: str
    default: ""
  sql_separator:
    description: The separator in SQL Server's paths.
    type: str
    default: \
  waivers:
    description: Names of checks whose findings are accepted; other names are ignored.
    type: list
    elements: str
    default: []
  outbound:
    description: With O(state=absent), the hosts where M(octopus.upgrade.octopus_outbound) has a rule of the clone.
    type: list
    elements: str
    default: []
seealso:
  - module: octopus.upgrade.octopus_clone_source_plan
  - module: octopus.upgrade.octopus_quarantine_info
  - module: octopus.upgrade.octopus_restore_point_verify
author:
  - The octopus.upgrade contributors (@octopus-upgrade)
"""

EXAMPLES = r"""
- name: Choose the restore point
  octopus.upgrade.octopus_clone_plan: &clone
    instance: test
    clone_of: prod
    clone_from: newest
    instance_name: OctopusServer
    host: octo-test
    nodes: [octo-test]
    hosts: "{{ found.hosts }}"
    run_id: 20261126T080000Z
    folder_root: C:\OctopusClones\test
  register: choice

# ... octopus_restore_point_verify, and octopus_quarantine_info where choice.old_database is not empty ...

- name: Plan the refresh
  octopus.upgrade.octopus_clone_plan:
    <<: *clone
    verified: "{{ point }}"
    quarantine: "{{ quarantine }}"
  register: plan
"""

RETURN = r"""
here:
  description: The instance as RV(octopus.upgrade.octopus_info#module:hosts) has it. Empty where there is none.
  returned: success
  type: dict
  sample: {name: OctopusServer, node_name: OCTO-TEST}
old_database:
  description: The database of that instance, to be asked for its quarantine. Empty where there is none.
  returned: success
  type: str
  sample: OctopusDeploy test 20261125T080000Z
resumes:
  description: Whether an unfinished refresh is resumed.
  returned: with O(state=present)
  type: bool
  sample: false
restore_point:
  description: Id of the restore point to make the clone from. Empty for the newest one, as long as O(verified) is not given.
  returned: with O(state=present)
  type: str
  sample: 20261125T132400Z-2020.5.7
sql:
  description: The clone's SQL Server, as the control node reaches it (C(host), C(port)) and as the clone's nodes name it (C(server)).
  returned: with O(verified), or with O(state=absent)
  type: dict
  sample: {host: sql.example.com, port: 1433, server: sql.example.com}
manifest:
  description: The manifest of the restore point.
  returned: with O(verified)
  type: dict
  sample: {version: 2020.5.7}
new:
  description: What the new clone will have.
  returned: with O(verified)
  type: dict
  sample:
    restore_point: 20261125T132400Z-2020.5.7
    path: \\nas\backups\prod\20261125T132400Z-2020.5.7
    version: 2020.5.7
    database: OctopusDeploy test 20261126T080000Z
    folder: C:\OctopusClones\test\20261126T080000Z
    folders: {packages: 'C:\OctopusClones\test\20261126T080000Z\packages'}
old:
  description: The clone that exists now.
  returned: with O(verified), or with O(state=absent) and O(quarantine)
  type: dict
  sample:
    exists: true
    database: OctopusDeploy test 20261125T080000Z
    folder: C:\OctopusClones\test\20261125T080000Z
    folders: {packages: 'C:\OctopusClones\test\20261125T080000Z\packages'}
    restore_point: 20261124T132400Z-2020.5.7
    version: 2020.5.7
    nodes: [OCTO-TEST]
    running: true
stale:
  description: Databases and folders of clones that nobody uses any more.
  returned: with O(verified), or with O(state=absent) and O(quarantine)
  type: list
  elements: dict
  sample: []
unchanged:
  description: Whether the clone is already what it would become.
  returned: with O(verified)
  type: bool
  sample: false
work:
  description: Whether there is anything to do or to clean up.
  returned: with O(verified)
  type: bool
  sample: true
backup_paths:
  description: The files of the database's backup, as SQL Server sees them.
  returned: with O(verified)
  type: list
  elements: str
  sample: ['\\nas\backups\prod\20261125T132400Z-2020.5.7\database.bak']
checks:
  description: What was checked of whether the clone can be set up, as RV(octopus.upgrade.octopus_plan#module:checks). A blocker fails the module.
  returned: with O(verified)
  type: list
  elements: dict
  sample: []
having:
  description: The hosts that have the instance.
  returned: with O(state=absent)
  type: list
  elements: str
  sample: [octo-test]
remains:
  description: What is to be removed, as a person reads it.
  returned: with O(state=absent) and O(quarantine)
  type: list
  elements: str
  sample: [the instance OctopusServer on octo-test, the database OctopusDeploy test 20261125T080000Z]
never:
  description: The source's database, for O(octopus.upgrade.octopus_instance#module:never).
  returned: with O(state=absent) and O(quarantine)
  type: list
  elements: dict
  sample: [{server: SQL01, database: OctopusDeploy}]
lines:
  description: The plan as a person reads it.
  returned: with O(verified), or with O(state=absent) and O(quarantine)
  type: list
  elements: str
  sample:
    - 'test, a clone of prod at 2020.5.7: restore point 20261125T132400Z-2020.5.7'
    - 'now: 20261124T132400Z-2020.5.7 at 2020.5.7'
    - database OctopusDeploy test 20261126T080000Z on sql.example.com
"""

from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._core.module import run_module
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus import clone_plan as plan

_RUN: dict[str, Any] = {
    "unfinished": {"type": "bool", "default": False},
    "run_id": {"type": "str", "default": ""},
    "operation": {"type": "str", "default": ""},
    "error": {"type": "str", "default": ""},
    "facts": {"type": "dict", "default": {}},
    "left_over": {"type": "list", "elements": "dict", "default": []},
}
_FACTS: dict[str, Any] = {
    "instance": {"type": "str", "required": True},
    "clone_of": {"type": "str", "default": ""},
    "clone_from": {"type": "str", "default": "live"},
    "instance_name": {"type": "str", "required": True},
    "host": {"type": "str", "required": True},
    "nodes": {"type": "list", "elements": "str", "required": True},
    "hosts": {"type": "dict", "required": True},
    "run_id": {"type": "str", "default": ""},
    "source_nodes": {"type": "list", "elements": "str", "default": []},
    "source_restore_point": {"type": "str", "default": ""},
    "source_error": {"type": "str", "default": ""},
    "unusable": {"type": "bool", "default": False},
    "verified": {"type": "dict"},
    "quarantine": {"type": "dict"},
    "force": {"type": "bool", "default": False},
    "sql_host": {"type": "str", "default": ""},
    "sql_port": {"type": "int"},
    "sql_server": {"type": "str", "default": ""},
    "database": {"type": "str", "default": ""},
    "folder_root": {"type": "str", "default": ""},
    "sql_backup_folder": {"type": "str", "default": ""},
    "sql_separator": {"type": "str", "default": "\\"},
    "waivers": {"type": "list", "elements": "str", "default": []},
    "outbound": {"type": "list", "elements": "str", "default": []},
}
SPEC: dict[str, Any] = {
    "argument_spec": {
        **_FACTS,
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        "run": {"type": "dict", "default": {}, "options": _RUN},
    }
}


def run(params: dict[str, Any], check_mode: bool, diff: bool) -> dict[str, Any]:
    """Choose or plan, by what is given; the module's result."""
    earlier = plan.Run(**{name: params["run"].get(name, spec["default"]) for name, spec in _RUN.items()})
    removing = params["state"] == "absent"
    facts = plan.Facts(run=earlier, removing=removing, **{name: params[name] for name in _FACTS})
    known: dict[str, Any] = {"here": facts.here, "old_database": facts.old_database}
    if removing:
        known |= {"having": facts.having, "sql": plan.removal_sql(facts)}
        return known if facts.quarantine is None else known | plan.removal(facts).as_dict()
    known |= {"resumes": plan.resumes(facts), "restore_point": plan.restore_point(facts, check_mode)}
    return known if facts.verified is None else known | plan.refresh(facts).as_dict()


def main() -> None:
    run_module(SPEC, run)


if __name__ == "__main__":
    main()
