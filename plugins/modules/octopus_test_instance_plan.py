#!/usr/bin/python
# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Plan the creation or the removal of a test instance."""

from __future__ import annotations

DOCUMENTATION = r"""
module: octopus_test_instance_plan
short_description: Plan the creation or the removal of a test instance
version_added: 1.0.0
description:
  - Decides whether a test instance is created, finished, made anew, left as it is, or removed.
  - Fails where the plan would touch the source's host or address, or an instance or a database that M(octopus.upgrade.octopus_instance_create)
    has not made, and where it would make a test instance anew without O(force).
  - Reads the mark of M(octopus.upgrade.octopus_instance_create) on the host, and asks SQL Server for the database. Changes nothing.
extends_documentation_fragment:
  - octopus.upgrade.attributes
  - octopus.upgrade.attributes.mssql
  - octopus.upgrade.step
  - octopus.upgrade.mssql
  - octopus.upgrade.windows
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
options:
  state:
    description: Whether there is to be a test instance.
    type: str
    choices: [present, absent]
    default: present
  instance:
    description: Its name in the inventory.
    type: str
    required: true
  test_of:
    description: The name of its source in the inventory.
    type: str
    default: ""
  instance_name:
    description: Its name on its host.
    type: str
    required: true
  nodes:
    description: Its nodes in the inventory. It has one.
    type: list
    elements: str
    required: true
  hosts:
    description: RV(octopus.upgrade.octopus_info#module:hosts) of these nodes.
    type: dict
    required: true
  addresses:
    description: Where Ansible reaches these nodes.
    type: list
    elements: str
    default: []
  database:
    description: Its database, as in M(octopus.upgrade.octopus_instance_create).
    type: dict
    required: true
    suboptions:
      server:
        description: The SQL Server as the host sees it.
        type: str
        required: true
      name:
        description: Name of the database.
        type: str
        required: true
  url:
    description: Its address.
    type: str
    default: ""
  projects:
    description: The projects that it is to have.
    type: list
    elements: str
    default: []
  space:
    description: The space of the source that they are in.
    type: str
    default: ""
  source:
    description: What the source says over its API.
    type: dict
    suboptions:
      version:
        description: Its version.
        type: str
        required: true
      thumbprint:
        description: The thumbprint of its certificate.
        type: str
        required: true
  source_nodes:
    description: The nodes of the source in the inventory.
    type: list
    elements: str
    default: []
  source_addresses:
    description: Where Ansible reaches these.
    type: list
    elements: str
    default: []
  source_url:
    description: The address of the source.
    type: str
    default: ""
  there:
    description: The projects that the test instance has, where it could be asked.
    type: list
    elements: str
  force:
    description: Whether it is made anew although it is there.
    type: bool
    default: false
  run:
    description: What is known of a run of it that has not ended.
    type: dict
    default: {}
    suboptions:
      unfinished:
        description: Whether there is one.
        type: bool
        default: false
      run_id:
        description: Its id.
        type: str
        default: ""
      operation:
        description: What it does.
        type: str
        default: ""
      facts:
        description: What it has recorded.
        type: dict
        default: {}
seealso:
  - module: octopus.upgrade.octopus_instance_create
  - module: octopus.upgrade.octopus_test_instance_report
  - module: octopus.upgrade.octopus_test_instance_verify
author:
  - The octopus.upgrade contributors (@octopus-upgrade)
"""

EXAMPLES = r"""
- name: Plan the removal
  octopus.upgrade.octopus_test_instance_plan:
    state: absent
    instance: prod-test
    instance_name: OctopusServer
    nodes: [octo-test]
    hosts: "{{ found.hosts }}"
    database: {server: sql-test.example.com, name: Octopus prod-test}
    login_host: sql-test.example.com
  register: plan
"""

RETURN = r"""
action:
  description:
    - With O(state=present), V(create), V(resume) (a run that has not ended), V(replace) or V(unchanged).
    - With O(state=absent), V(remove), V(resume) or V(unchanged).
  returned: success
  type: str
  sample: create
replaces:
  description: Whether the run removes an earlier test instance first.
  returned: with O(state=present)
  type: bool
  sample: false
having:
  description: The hosts from which an instance is to be removed.
  returned: success
  type: list
  elements: str
  sample: []
drop:
  description: The database to drop; empty where there is none.
  returned: success
  type: str
  sample: ""
made:
  description: What the run records of the test instance that it makes.
  returned: with O(state=present)
  type: dict
  sample:
    version: 2025.3.14357
    thumbprint: 3D9E1C0B5A7F48E2D6C1B0A99887766554433221
    projects: [Web Shop]
    space: ""
    database: Octopus prod-test
    replaced: null
removed:
  description: What the run records of the test instance that it removes.
  returned: with O(state=absent)
  type: dict
  sample: {database: Octopus prod-test, created: "2026-11-28 20:15:02"}
remains:
  description: What is to be removed, as a person reads it.
  returned: with O(state=absent)
  type: list
  elements: str
  sample: [the instance OctopusServer on octo-test, the database Octopus prod-test]
lines:
  description: The plan as a person reads it.
  returned: success
  type: list
  elements: str
  sample: ['prod-test, a test instance of prod: to be created at 2025.3.14357', database Octopus prod-test on sql-test.example.com]
"""

from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._core.errors import InvalidValue
from ansible_collections.octopus.upgrade.plugins.module_utils._core.module import run_module
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.connection.connection import connect
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.connection.options import MSSQL_SPEC, MSSQL_TOGETHER, SqlOptions
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.instance import new_database
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.instance import test_instance_plan as plan
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.instance.test_instance_facts import Facts, Run
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.connection import CONNECTION_SPEC, ConnectionOptions, WindowsHost

_FACTS: dict[str, Any] = {
    "instance": {"type": "str", "required": True},
    "test_of": {"type": "str", "default": ""},
    "instance_name": {"type": "str", "required": True},
    "nodes": {"type": "list", "elements": "str", "required": True},
    "hosts": {"type": "dict", "required": True},
    "addresses": {"type": "list", "elements": "str", "default": []},
    "url": {"type": "str", "default": ""},
    "projects": {"type": "list", "elements": "str", "default": []},
    "space": {"type": "str", "default": ""},
    "source_nodes": {"type": "list", "elements": "str", "default": []},
    "source_addresses": {"type": "list", "elements": "str", "default": []},
    "source_url": {"type": "str", "default": ""},
    "there": {"type": "list", "elements": "str"},
    "force": {"type": "bool", "default": False},
}
_DATABASE = {"server": {"type": "str", "required": True}, "name": {"type": "str", "required": True}}
_SOURCE = {"version": {"type": "str", "required": True}, "thumbprint": {"type": "str", "required": True}}
_RUN: dict[str, Any] = {
    "unfinished": {"type": "bool", "default": False},
    "run_id": {"type": "str", "default": ""},
    "operation": {"type": "str", "default": ""},
    "facts": {"type": "dict", "default": {}},
}
SPEC: dict[str, Any] = {
    "argument_spec": {
        **MSSQL_SPEC,
        **CONNECTION_SPEC,
        **_FACTS,
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        "database": {"type": "dict", "required": True, "options": _DATABASE},
        "source": {"type": "dict", "options": _SOURCE},
        "run": {"type": "dict", "default": {}, "options": _RUN},
    },
    "required_together": MSSQL_TOGETHER,
    "required_if": [("state", "present", ["source"])],
}


def run(params: dict[str, Any], check_mode: bool, diff: bool) -> dict[str, Any]:
    """Plan; the module's result."""
    database = params["database"]
    if not database["server"]:
        raise InvalidValue(
            "Expected the SQL Server of the test instance, but found none. Set octopus_sql_host, or server in octopus_test_database."
        )
    with connect(SqlOptions.from_params(params), "master") as connection:
        looked = new_database.look(connection, database["name"])
    with WindowsHost(ConnectionOptions.from_params(params["connection"])) as host:
        mark = new_database.mark_of(host, params["instance_name"], _config_path(params))
    facts = Facts(
        run=Run(**{name: params["run"].get(name, spec["default"]) for name, spec in _RUN.items()}),
        server=database["server"],
        database=database["name"],
        mark=mark,
        look=looked,
        source=params["source"] or {},
        **{name: params[name] for name in _FACTS},
    )
    return {"changed": False, **(plan.plan(facts) if params["state"] == "present" else plan.removal(facts))}


def _config_path(params: dict[str, Any]) -> str | None:
    """The configuration file of the registered instance; None where there is none."""
    wanted = params["instance_name"].lower()
    every = [one for host in params["hosts"].values() for one in host.get("instances") or []]
    return next((one.get("config_path") for one in every if one["name"].lower() == wanted), None)


def main() -> None:
    run_module(SPEC, run)


if __name__ == "__main__":
    main()
