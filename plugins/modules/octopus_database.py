#!/usr/bin/python
# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Read the database of an Octopus Server, or upgrade its schema."""

from __future__ import annotations

DOCUMENTATION = r"""
module: octopus_database
short_description: Read the database of an Octopus Server, or upgrade its schema
version_added: 1.0.0
description:
  - With O(state=queried), tells what SQL Server knows of an instance, also while its nodes are down. That is the versions which have run
    on it, who is connected, which nodes are alive, what else works on the database, and how much room there is.
  - With O(state=upgraded), runs C(Octopus.Server.exe database --upgrade) on the host of the task and follows its log. It runs as a
    scheduled task, so that a lost connection does not end it; a later run finds it again.
  - An upgrade that ends well is not yet a server that works. Start a node with M(octopus.upgrade.octopus_node) and
    prove it with M(octopus.upgrade.octopus_verify).
extends_documentation_fragment:
  - octopus.upgrade.attributes
  - octopus.upgrade.attributes.database
  - octopus.upgrade.mssql
  - octopus.upgrade.windows
  - octopus.upgrade.windows.job
attributes:
  check_mode:
    support: full
    details:
      - With O(state=upgraded) it does not look whether the nodes are stopped, since in check mode nothing has stopped them. A schema that
        was upgraded and has not been started with since counts as one still to upgrade, since only the program can tell.
  diff_mode:
    support: full
options:
  database:
    description: Name of the instance's database.
    type: str
    required: true
  state:
    description:
      - V(queried) reads SQL Server and changes nothing; it needs no Windows host.
      - V(upgraded) brings the schema to the version of the program that is installed on the host of the task.
    type: str
    choices: [queried, upgraded]
    default: queried
  instance_name:
    description: Name of the instance on the host. Needed where the host has more than one.
    type: str
  expected_version:
    description:
      - The version to upgrade to. Nothing is done where the database has run with it already, and nothing is begun where the
        installed program is another.
    type: str
  since:
    description:
      - With O(state=queried), also tells in RV(newer) what was done in the instance after that moment, and would be lost with a restore
        of what was there then.
      - ISO 8601 with its offset, by the clock of SQL Server. Note RV(now) when something is begun, and give it here later.
    type: str
  timeout:
    description: Seconds for the upgrade. Then it is ended, and the database may be altered in part.
    type: float
    default: 14400
notes:
  - Before an upgrade begins, the module refuses when anybody else is connected to the database, or when a node's heartbeat goes on.
    Where the login may not see the sessions of others (C(VIEW SERVER STATE)), only heartbeats tell.
  - The heartbeat of a node that has just stopped looks alive to Octopus 2023.2.9755 and later for a while. The module waits for that.
  - A job that an earlier run has left is found again. One that runs is followed. One that has failed is reported, and the run after this
    one begins anew. One that has ended well is put away and the upgrade runs again, since the database may have been restored meanwhile;
    that does nothing to a schema that is upgraded already.
seealso:
  - module: octopus.upgrade.mssql_backup
  - module: octopus.upgrade.octopus_node
  - name: The database command
    description: What Octopus Deploy says about it.
    link: https://octopus.com/docs/octopus-rest-api/octopus.server.exe-command-line/database
author:
  - The octopus.upgrade contributors (@octopus-upgrade)
"""

EXAMPLES = r"""
- name: See which version a database is at, and who is on it
  octopus.upgrade.octopus_database:
    login_host: sql.example.com
    login_user: octopus_upgrade
    login_password: "{{ vault_octopus_sql_password }}"
    database: OctopusDeploy
  register: octopus

- name: See what was done since a moment that was noted before
  octopus.upgrade.octopus_database:
    login_host: sql.example.com
    database: OctopusDeploy
    since: "{{ octopus.now }}"
  register: later

- name: Upgrade the schema, for a Windows host of the inventory
  octopus.upgrade.octopus_database:
    login_host: sql.example.com
    database: OctopusDeploy
    state: upgraded
    expected_version: 2025.4.10423
    job_user: LAB\svc-octopus
    job_password: "{{ vault_service_password }}"
    timeout: 7200
"""

RETURN = r"""
server:
  description: Name of the SQL Server, as it calls itself.
  returned: success
  type: str
  sample: SQL01
server_version:
  description: Its version.
  returned: success
  type: str
  sample: 14.0.3456.2
database:
  description: Name of the database.
  returned: success
  type: str
  sample: OctopusDeploy
now:
  description: SQL Server's own time, ISO 8601 with its offset, before anything else was read.
  returned: success
  type: str
  sample: '2026-11-23T20:00:04.200000+00:00'
newer:
  description:
    - What is newer than O(since), each kind with the same entries. Null where this version has no such table.
    - A task counts from its start. One that is scheduled for later than in five minutes is not counted, since nobody can tell when it
      was queued; its deployment is.
    - The times are those of the nodes' clocks, so that what was done within their difference to SQL Server's clock is uncertain.
  returned: when O(since) is given
  type: dict
  contains:
    tasks:
      description: Server tasks.
      type: dict
      contains:
        count:
          description: How many.
          type: int
        first:
          description: When the first was. Null where there is none.
          type: str
        last:
          description: When the last was.
          type: str
        names:
          description: How many of each name, such as C(Deploy); of events, of each category. Empty for other kinds.
          type: dict
        examples:
          description: At most five of them, the newest first, each with C(id), C(name), C(project), C(when) and C(state). Null is what is not known.
          type: list
          elements: dict
    releases:
      description: Releases; C(name) is the version.
      type: dict
    deployments:
      description: Deployments; C(state) is that of their task.
      type: dict
    events:
      description: Events of the audit log; C(name) is the message.
      type: dict
  sample:
    tasks:
      count: 1
      first: '2026-11-23T21:00:00+00:00'
      last: '2026-11-23T21:00:00+00:00'
      names: {Deploy: 1}
      examples:
        - id: ServerTasks-4711
          name: Deploy Web Shop release 1.0.11 to Production
          project: Web Shop
          when: '2026-11-23T21:00:00+00:00'
          state: Success
    releases: {count: 0, first: null, last: null, names: {}, examples: []}
    deployments:
      count: 1
      first: '2026-11-23T20:59:58+00:00'
      last: '2026-11-23T20:59:58+00:00'
      names: {}
      examples:
        - id: Deployments-815
          name: Deploy to Production
          project: Web Shop
          when: '2026-11-23T20:59:58+00:00'
          state: Success
    events:
      count: 1
      first: '2026-11-23T21:00:09+00:00'
      last: '2026-11-23T21:00:09+00:00'
      names: {DeploymentSucceeded: 1}
      examples:
        - id: Events-9000
          name: 'Deploy Web Shop release 1.0.11 to Production: Success'
          project: null
          when: '2026-11-23T21:00:09+00:00'
          state: null
version:
  description: The newest version that has run with the database.
  returned: success
  type: str
  sample: 2018.10.7
history:
  description: Each version that was started with the database, oldest first.
  returned: success
  type: list
  elements: dict
  contains:
    version:
      description: The version; null in rows that old versions have left.
      type: str
    node:
      description: The node.
      type: str
    installed:
      description: When.
      type: str
  sample: [{"version": "2018.10.7", "node": "OCTO01", "installed": "2019-04-01T10:00:00+00:00"}]
schema_scripts:
  description: Number of schema scripts that have run.
  returned: success
  type: int
  sample: 541
node_rows:
  description: The nodes that the database knows.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: Name of the node.
      type: str
    last_seen:
      description: Its last heartbeat.
      type: str
    last_seen_age_seconds:
      description: Its age by the clock of SQL Server.
      type: float
  sample: [{"name": "OCTO01", "last_seen": "2026-11-23T20:00:00+00:00", "last_seen_age_seconds": 4.2}]
sessions:
  description: Who else is connected to the database.
  returned: success
  type: list
  elements: dict
  contains:
    session_id:
      description: Number of the session.
      type: int
    login:
      description: Login.
      type: str
    host:
      description: Name of the computer, as the client gives it.
      type: str
    program:
      description: Name of the program, as the client gives it.
      type: str
  sample: [{"session_id": 54, "login": "octopus", "host": "OCTO01", "program": "Octopus 2018.10.7"}]
sessions_visible:
  description: Whether the login sees sessions of others. Without C(VIEW SERVER STATE) the list of sessions is empty and proves nothing.
  returned: success
  type: bool
  sample: true
operations:
  description: Backups, restores and integrity checks that run on the database.
  returned: success
  type: list
  elements: str
  sample: []
volumes:
  description: The drives of the database's files with their free bytes; empty where the login may not ask.
  returned: success
  type: list
  elements: dict
  sample: [{"name": "D:\\", "free": 107374182400}]
used_bytes:
  description: Bytes in use in the database's data files.
  returned: success
  type: int
  sample: 104857600
data_bytes:
  description: Size of the database's data files.
  returned: success
  type: int
  sample: 209715200
log_bytes:
  description: Size of its log files.
  returned: success
  type: int
  sample: 67108864
job:
  description: V(started), V(attached) to one that ran, or V(collected) where an earlier run's had done all. Null where none was needed.
  returned: with O(state=upgraded)
  type: str
  sample: started
job_id:
  description: Name of the job on the host.
  returned: with O(state=upgraded) and a job
  type: str
  sample: schema-1f0e3dad99
exit_code:
  description: Exit code of the program.
  returned: with O(state=upgraded) and a job
  type: int
  sample: 0
log_tail:
  description: The last lines of the program's output.
  returned: with O(state=upgraded) and a job
  type: list
  elements: str
  sample: [Upgrade successful]
output_path:
  description: File on the host with all of the output.
  returned: with O(state=upgraded) and a job
  type: str
  sample: C:\ProgramData\octopus.upgrade\logs\schema-1f0e3dad99-20261123T210405123456Z.txt
seconds:
  description: How long the module took.
  returned: with O(state=upgraded)
  type: float
  sample: 75.2
"""

import time
from typing import Any

from ansible.module_utils.basic import AnsibleModule, missing_required_lib
from ansible_collections.octopus.upgrade.plugins.module_utils._core.progress import Progress
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.connection.connection import PYODBC_IMPORT_ERROR, connect
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.connection.options import MSSQL_SPEC, MSSQL_TOGETHER, SqlOptions
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.errors import MssqlError
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.database.info import query
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.database.loss import parse_since
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.database.schema_upgrade import SchemaUpgrade, UpgradeRequest
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.host.instances import OctopusHost
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.connection import (
    CONNECTION_SPEC,
    JOB_SPEC,
    WINRM_IMPORT_ERROR,
    ConnectionOptions,
    WindowsHost,
)
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.errors import HostError


def upgrade(module: AnsibleModule, options: SqlOptions) -> dict[str, Any]:
    """Upgrade, and read what the database then says."""
    if WINRM_IMPORT_ERROR:
        module.fail_json(msg=missing_required_lib("pywinrm"), exception=WINRM_IMPORT_ERROR)
    if module.params["since"] is not None:
        module.fail_json(msg="since tells what is newer than a moment, which is for state: queried. Leave it out here")
    if not module.params["connection"]:
        module.fail_json(
            msg="state: upgraded runs a program on the host of the task, but that is not reached by WinRM. Run it for a Windows host."
        )
    database = module.params["database"]
    began = time.monotonic()
    with connect(options, database) as connection:
        before = query(connection, database)
    request = UpgradeRequest.from_params(module.params, module.check_mode, Progress())
    with WindowsHost(ConnectionOptions.from_params(module.params["connection"])) as host:
        result = SchemaUpgrade(request, OctopusHost(host), lambda: connect(options, database)).run()
    with connect(options, database) as connection:
        after = query(connection, database)
    if result["job"] == "started" and all(before[name] == after[name] for name in ("version", "schema_scripts")):
        # The version is written when a node starts, so before that only the program itself can tell that there is nothing to do.
        result["changed"] = False
    if module._diff:
        result["diff"] = {"before": lines(before, before["version"]), "after": lines(after, module.params["expected_version"])}
    return {**after, **result, "seconds": round(time.monotonic() - began, 3)}


def lines(facts: dict[str, Any], version: str | None) -> str:
    return f"version: {version}\nschema scripts: {facts['schema_scripts']}\n"


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **MSSQL_SPEC,
            **CONNECTION_SPEC,
            **JOB_SPEC,
            "database": {"type": "str", "required": True},
            "state": {"type": "str", "choices": ["queried", "upgraded"], "default": "queried"},
            "instance_name": {"type": "str"},
            "expected_version": {"type": "str"},
            "since": {"type": "str"},
            "timeout": {"type": "float", "default": 14400},
        },
        required_together=MSSQL_TOGETHER,
        supports_check_mode=True,
    )
    if PYODBC_IMPORT_ERROR:
        module.fail_json(msg=missing_required_lib("pyodbc"), exception=PYODBC_IMPORT_ERROR)
    try:
        options = SqlOptions.from_params(module.params)
        since = parse_since(module.params["since"]) if module.params["since"] is not None else None
        if module.params["state"] == "upgraded":
            result = upgrade(module, options)
        else:
            with connect(options, module.params["database"]) as connection:
                result = {"changed": False, **query(connection, module.params["database"], since)}
    except (MssqlError, OctopusError, HostError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
