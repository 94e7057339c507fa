#!/usr/bin/python
# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Read the database of an Octopus Server."""

from __future__ import annotations

DOCUMENTATION = r"""
module: octopus_database_info
short_description: Read the database of an Octopus Server
version_added: 1.0.0
description:
  - Returns what SQL Server knows about an instance, also while its nodes are down. That is the versions that have run with the database, who
    is connected, which nodes are alive, which operations run on the database, and how much space there is.
  - Changes nothing, and needs no Windows host.
extends_documentation_fragment:
  - octopus.upgrade.attributes
  - octopus.upgrade.attributes.mssql
  - octopus.upgrade.step
  - octopus.upgrade.mssql
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
options:
  database:
    description: Name of the instance's database.
    type: str
    required: true
  gather:
    description:
      - What to read. The server, the name of the database and the time are always returned.
      - V(version) reads which versions have run with the database, V(nodes) the heartbeats, V(sessions) who is connected, V(operations)
        backups, restores and integrity checks that run now, V(space) sizes and free space.
    type: list
    elements: str
    choices: [version, nodes, sessions, operations, space]
    default: [version, nodes, sessions, operations, space]
  since:
    description:
      - Also returns in RV(newer) what was done in the instance after this moment, and would be lost by restoring an older backup.
      - ISO 8601 with its offset, by the clock of SQL Server. Keep RV(now) when something begins, and give it here later.
    type: str
  unchanged_since:
    description:
      - What this module returned earlier with V(version) and V(nodes) in O(gather), for example before a backup. Returns in RV(differences)
        whether a server has worked with the database since. Needs the same two in O(gather).
    type: dict
seealso:
  - module: octopus.upgrade.octopus_database_wait
  - module: octopus.upgrade.octopus_database_upgrade
author:
  - The octopus.upgrade contributors (@octopus-upgrade)
"""

EXAMPLES = r"""
- name: See which version a database is at, and who is connected to it
  octopus.upgrade.octopus_database_info:
    login_host: sql.example.com
    login_user: octopus_upgrade
    login_password: "{{ vault_octopus_sql_password }}"
    database: OctopusDeploy
    gather: [version, sessions]
  register: octopus

- name: See what was done since then
  octopus.upgrade.octopus_database_info:
    login_host: sql.example.com
    database: OctopusDeploy
    gather: []
    since: "{{ octopus.now }}"
  register: later

- name: See whether a server has worked with it since then
  octopus.upgrade.octopus_database_info:
    login_host: sql.example.com
    database: OctopusDeploy
    gather: [version, nodes]
    unchanged_since: "{{ octopus }}"
  register: later
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
differences:
  description: What differs from O(unchanged_since) in version, number of schema scripts and heartbeats, or is unknown of one of the moments.
  returned: when O(unchanged_since) is given
  type: list
  elements: str
  sample: ["number of schema scripts: expected 812, found 813"]
newer:
  description:
    - What is newer than O(since), with the same entries for each kind. Null where this version has no such table.
    - A task counts from its start. One that is scheduled to start more than five minutes from now is not counted, since the database does
      not say when it was queued; its deployment is counted.
    - The times are written by the nodes' clocks, so the result is uncertain for as long as these differ from SQL Server's clock.
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
          description: Time of the first. Null where there is none.
          type: str
        last:
          description: Time of the last.
          type: str
        names:
          description: The count of each name, such as C(Deploy), or of each category of events. Empty for other kinds.
          type: dict
        examples:
          description: At most five of them, newest first, each with C(id), C(name), C(project), C(when) and C(state). Null where unknown.
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
  returned: with V(version) in O(gather)
  type: str
  sample: 2018.10.7
history:
  description: Each version that was started with the database, oldest first.
  returned: with V(version) in O(gather)
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
      description: The time.
      type: str
  sample: [{"version": "2018.10.7", "node": "OCTO01", "installed": "2019-04-01T10:00:00+00:00"}]
schema_scripts:
  description: Number of schema scripts that have run.
  returned: with V(version) in O(gather)
  type: int
  sample: 541
node_rows:
  description: The nodes in the database.
  returned: with V(nodes) in O(gather)
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
      description: Age of the heartbeat by the clock of SQL Server.
      type: float
  sample: [{"name": "OCTO01", "last_seen": "2026-11-23T20:00:00+00:00", "last_seen_age_seconds": 4.2}]
sessions:
  description: Who else is connected to the database.
  returned: with V(sessions) in O(gather)
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
  description: Whether the login sees sessions of others. Without C(VIEW SERVER STATE) the list of sessions is empty and says nothing.
  returned: with V(sessions) in O(gather)
  type: bool
  sample: true
operations:
  description: Backups, restores and integrity checks that run on the database.
  returned: with V(operations) in O(gather)
  type: list
  elements: str
  sample: []
volumes:
  description: The drives of the database's files with their free bytes; empty where the login may not see them.
  returned: with V(space) in O(gather)
  type: list
  elements: dict
  sample: [{"name": "D:\\", "free": 107374182400}]
used_bytes:
  description: Bytes in use in the database's data files.
  returned: with V(space) in O(gather)
  type: int
  sample: 104857600
data_bytes:
  description: Size of the database's data files.
  returned: with V(space) in O(gather)
  type: int
  sample: 209715200
log_bytes:
  description: Size of its log files.
  returned: with V(space) in O(gather)
  type: int
  sample: 67108864
"""

from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._core.module import run_module
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.connection.connection import connect
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.connection.options import MSSQL_SPEC, MSSQL_TOGETHER, SqlOptions
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.database.info import GATHER, query
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.database.loss import parse_since
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.database.unchanged import differences

SPEC: dict[str, Any] = {
    "argument_spec": {
        **MSSQL_SPEC,
        "database": {"type": "str", "required": True},
        "gather": {"type": "list", "elements": "str", "choices": list(GATHER), "default": list(GATHER)},
        "since": {"type": "str"},
        "unchanged_since": {"type": "dict"},
    },
    "required_together": MSSQL_TOGETHER,
}


def run(params: dict[str, Any], check_mode: bool, diff: bool) -> dict[str, Any]:
    """Read what was asked for; the module's result."""
    since = None if params["since"] is None else parse_since(params["since"])
    with connect(SqlOptions.from_params(params), params["database"]) as connection:
        facts = query(connection, params["database"], params["gather"], since)
    then = params["unchanged_since"]
    return facts if then is None else {**facts, "differences": differences(then, facts)}


def main() -> None:
    run_module(SPEC, run)


if __name__ == "__main__":
    main()
