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
        backups, restores and integrity checks that run now, V(space) sizes and free space, V(rollback) what a restore over or beside the
        database would need, V(conditions) what this database says of the jumps that are known to break, V(readiness) whether SQL Server lets a
        schema upgrade write what it writes.
      - V(names) reads which columns the tables have that the collection uses, for M(octopus.upgrade.octopus_compatibility_info).
    type: list
    elements: str
    choices: [version, nodes, sessions, operations, space, rollback, conditions, readiness, names]
    default: [version, nodes, sessions, operations, space, rollback, conditions, readiness]
  since:
    description:
      - Also returns in RV(newer) what was done in the instance after this moment, and would be lost by restoring an older backup.
      - ISO 8601 with its offset, by the clock of SQL Server. Keep RV(now) when something begins, and give it here later.
    type: str
  expected_version:
    description:
      - The version that the database has to be at. The task fails where it is at another, and then still returns what it has read.
      - Needs V(version) in O(gather).
    type: str
  account:
    description:
      - Windows account, C(DOMAIN\name), which RV(account) tells the rights of. A name alone, such as C(OCTO01$), is looked for in every domain.
      - V(SYSTEM) is that of SQL Server's own machine.
    type: str
  server_login:
    description: The SQL login of the server's connection string, of which RV(readiness) tells whether it is db_owner.
    type: str
  replicas:
    description:
      - Whether the servers of the secondary replicas of the database's availability group are asked, with the same login and port, what they
        have of the database. C(group) in RV(rollback) tells it. A server that does not answer is no error.
    type: bool
    default: false
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

- name: Check that an upgrade has reached the database
  octopus.upgrade.octopus_database_info:
    login_host: sql.example.com
    database: OctopusDeploy
    gather: [version]
    expected_version: 2025.4.10423
- name: See whether a server has worked with it since then
  octopus.upgrade.octopus_database_info:
    login_host: sql.example.com
    database: OctopusDeploy
    gather: [version, nodes]
    unchanged_since: "{{ octopus }}"
  register: later
"""

RETURN = r"""
readiness:
  description:
    - Whether SQL Server lets a schema upgrade write what it writes. C(own_objects) names objects outside of the schema C(dbo) and triggers; it is
      null where the login does not see all. C(server_login) is there with O(server_login), and its C(db_owner) null where that cannot be told.
  returned: with V(readiness) in O(gather)
  type: dict
  sample:
    engine_edition: 2
    own_objects: []
    files: [{name: OctopusDeploy, bytes: 8388608, grows: true}]
    server_login: {name: octopus, db_owner: true, found: that it is}
conditions:
  description: Conditions that known upgrade jumps depend on, by their names; null where the database does not say.
  returned: with V(conditions) in O(gather)
  type: dict
  sample: {dynamic_extensions_null: false, role_scope_empty: false, halibut_index_missing: null}
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
clock_offset_seconds:
  description: How many seconds SQL Server's clock is ahead of the control node's.
  returned: success
  type: int
  sample: 1
differences:
  description: What differs from O(unchanged_since) in version, number of schema scripts and heartbeats, or is unknown of one of the moments.
  returned: when O(unchanged_since) is given
  type: list
  elements: str
  sample: ["number of schema scripts: expected 812, found 813"]
newer:
  description:
    - What is newer than O(since), with the same entries for each kind. Null where the database has no such table or column that the login
      can see, so that it cannot be told.
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
        users:
          description: The count of each user's events; C(system) is the server itself. Empty for other kinds.
          type: dict
        examples:
          description:
            - At most five of them, newest first, each with C(id), C(name), C(project), C(when), C(state) and C(user). Null where unknown.
            - Events that the server itself has written come after those of users.
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
      users: {}
      examples:
        - id: ServerTasks-4711
          name: Deploy Web Shop release 1.0.11 to Production
          project: Web Shop
          when: '2026-11-23T21:00:00+00:00'
          state: Success
          user: null
    releases: {count: 0, first: null, last: null, names: {}, users: {}, examples: []}
    deployments:
      count: 1
      first: '2026-11-23T20:59:58+00:00'
      last: '2026-11-23T20:59:58+00:00'
      names: {}
      users: {}
      examples:
        - id: Deployments-815
          name: Deploy to Production
          project: Web Shop
          when: '2026-11-23T20:59:58+00:00'
          state: Success
          user: null
    events:
      count: 1
      first: '2026-11-23T21:00:09+00:00'
      last: '2026-11-23T21:00:09+00:00'
      names: {DeploymentSucceeded: 1}
      users: {system: 1}
      examples:
        - id: Events-9000
          name: 'Deploy Web Shop release 1.0.11 to Production: Success'
          project: null
          when: '2026-11-23T21:00:09+00:00'
          state: null
          user: system
account:
  description:
    - Whether O(account) is db_owner of the database. C(db_owner) is null where that cannot be told, because the login does not see all others,
      or because the account may have the rights as a member of a group of Windows.
  returned: when O(account) is given
  type: dict
  sample: {name: OCTO01$, db_owner: true, found: 'that EXAMPLE\OCTO01$ is'}
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
heartbeats_readable:
  description:
    - Whether C(last_seen) would tell that a node runs. V(false) where the database has nodes, but heartbeats in no column that is known.
  returned: with V(nodes) in O(gather)
  type: bool
  sample: true
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
names:
  description:
    - The version of the database, the columns of each table that the collection uses (none of one that does not exist), the ids of the settings, and
      the properties of some of them. Null is what cannot be told.
  returned: with V(names) in O(gather)
  type: dict
  sample:
    version: 2018.10.7
    tables: {SchemaVersions: [Applied, Id, ScriptName]}
    configuration: [maintenance, upgradeavailability]
    rows: {maintenance: [IsInMaintenanceMode]}
rollback:
  description: What a restore of the database would need, read by the code of the restore itself. Null is what cannot be told.
  returned: with V(rollback) in O(gather)
  type: dict
  contains:
    platform:
      description: Name of a managed platform that does restores itself, of which nothing more is read. Empty for a SQL Server.
      type: str
    rights:
      description: Whether the login may do what a restore needs, and the names of the login and of the owner of the database.
      type: dict
    surroundings:
      description:
        - State of the database, and what it is part of, such as an availability group, replication or log shipping.
        - C(group) has the availability group with its C(name), the C(role) of this server, the server of the C(primary) replica, whether the
          login C(may_alter) it, the C(distributed) one that it is part of, and the C(secondaries). It is empty where there is none.
      type: dict
    room:
      description:
        - The files of the database with their whole sizes, and the bytes that their copies need beside them and that are free, by volume.
        - C(unknown) has the files on volumes of which that is not known, C(problem) why their places are not.
      type: dict
  sample:
    platform: ''
    rights:
      login: octopus_upgrade
      owner: sa
      back_up: true
      create_databases: true
      rename: true
      overwrite: true
      remove: true
      read_history: true
      see_sessions: true
      return_owner: true
    surroundings:
      state: ONLINE
      user_access: MULTI_USER
      read_only: false
      in_standby: false
      recovery_model: FULL
      collation: SQL_Latin1_General_CP1_CI_AS
      containment: NONE
      delayed_durability: DISABLED
      encrypted: false
      cdc: false
      replication: []
      availability_group: false
      group: {}
      mirrored: false
      snapshots: []
      special_files: []
      log_shipping: []
    room:
      files:
        - {path: 'D:\\Data\\OctopusDeploy.mdf', log: false, size: 209715200}
        - {path: 'L:\\Log\\OctopusDeploy_log.ldf', log: true, size: 67108864}
      needed: {'D:\\': 209715200, 'L:\\': 67108864}
      free: {'D:\\': 107374182400, 'L:\\': 53687091200}
      unknown: []
      problem: ''
"""

from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._core.module import run_module
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.connection.connection import connect
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.connection.options import MSSQL_SPEC, MSSQL_TOGETHER, SqlOptions
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.database.info import GATHER, USUAL, query
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.database.loss import parse_since
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.database.unchanged import differences

SPEC: dict[str, Any] = {
    "argument_spec": {
        **MSSQL_SPEC,
        "database": {"type": "str", "required": True},
        "gather": {"type": "list", "elements": "str", "choices": list(GATHER), "default": list(USUAL)},
        "since": {"type": "str"},
        "expected_version": {"type": "str"},
        "account": {"type": "str"},
        "server_login": {"type": "str"},
        "replicas": {"type": "bool", "default": False},
        "unchanged_since": {"type": "dict"},
    },
    "required_together": MSSQL_TOGETHER,
}


def run(params: dict[str, Any], check_mode: bool, diff: bool) -> dict[str, Any]:
    """Read what was asked for; the module's result."""
    since = None if params["since"] is None else parse_since(params["since"])
    with connect(SqlOptions.from_params(params), params["database"]) as connection:
        facts = query(
            connection,
            params["database"],
            params["gather"],
            since,
            expected_version=params["expected_version"],
            windows_account=params["account"],
            server_login=params["server_login"],
            replicas=params["replicas"],
        )
    then = params["unchanged_since"]
    return facts if then is None else {**facts, "differences": differences(then, facts)}


def main() -> None:
    run_module(SPEC, run)


if __name__ == "__main__":
    main()
