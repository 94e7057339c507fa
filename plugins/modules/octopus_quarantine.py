#!/usr/bin/python
# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Make a clone of an Octopus Server harmless before it starts, and prove it."""

from __future__ import annotations

DOCUMENTATION = r"""
module: octopus_quarantine
short_description: Make a clone of an Octopus Server harmless before it starts, and prove it
version_added: 1.0.0
description:
  - A copy of an Octopus database that is started as it is deploys to production, runs what was scheduled, sends e-mails, deletes packages
    and targets, and reports under production's identity. This module silences all of that in the database, before the first start.
  - With O(state=applied), everything happens in one transaction. It is proven before it is committed; where anything is not proven, nothing
    is changed.
  - What was changed is recorded in that database, in a schema C(octopus_upgrade) of its own, so that it can be told what was enabled.
  - A live database is refused. So is the source's own one, under whatever name it is reached.
extends_documentation_fragment:
  - octopus.upgrade.attributes
  - octopus.upgrade.attributes.mssql
  - octopus.upgrade.mssql
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
options:
  database:
    description: Name of the clone's database.
    type: str
    required: true
  state:
    description:
      - V(applied) silences the clone. Where it is silenced already, nothing is changed, and what was enabled since is silenced again.
      - V(verified) proves that it is silenced, with questions of its own, and fails with the name of each check that is not met.
      - V(queried) tells what was changed.
    type: str
    choices: [applied, verified, queried]
    required: true
  source:
    description:
      - The live instance's database, which must not be this one. Where both have the same name, the source's server is asked what it calls
        itself; where it cannot be asked, O(source.server_name) has to say so.
      - Needed with O(state=applied). With O(state=verified), the clone has to be one of that source.
    type: dict
    suboptions:
      host:
        description: Its SQL Server, as O(login_host) is written.
        type: str
        required: true
      port:
        description: TCP port, as O(login_port), which it is without it.
        type: int
      database:
        description: Its database.
        type: str
        required: true
      server_name:
        description: What its SQL Server calls itself. M(octopus.upgrade.octopus_database) returns it as RV(octopus.upgrade.octopus_database#module:server).
        type: str
      login_user:
        description: SQL login there; that of the clone's server without it.
        type: str
      login_password:
        description: Its password.
        type: str
  name:
    description: Name of the clone, for the record. Needed with O(state=applied).
    type: str
  restore_point:
    description: Id of the restore point that the clone was made of, for the record.
    type: str
  stale_after:
    description:
      - Seconds after which the heartbeat of a node is not that of a node which runs, by the clock of SQL Server.
      - A copy holds the heartbeats of the moment of its backup. A younger one is therefore watched until it is that old; one that goes on
        meanwhile is of a node that runs, and the database is refused.
    type: float
    default: 120
  nodes:
    description:
      - Names of the clone's own nodes. They register themselves when they start, and are then left alone and no failure of a check.
      - The first time, every node is removed, whatever its name.
    type: list
    elements: str
    default: []
  server_uri:
    description: The clone's own address, for links in what it writes. It is emptied without it.
    type: str
  execution:
    description:
      - V(stopped) stops the task queue of each space, so that nothing runs that needs no target, such as scripts on the server, cloud or
        Kubernetes steps. Before 2019.1 there are no spaces, and each project is disabled.
      - V(allowed) leaves that as it is.
    type: str
    choices: [stopped, allowed]
    default: stopped
  git:
    description: Whether the projects' Git repositories lose their credentials, so that nothing is written to them.
    type: bool
    default: true
  retention:
    description: Whether every retention policy keeps everything.
    type: bool
    default: true
  external_feeds:
    description: Whether external feeds lead nowhere. A feed that has no address, such as one of Amazon S3, then has to be deleted by hand.
    type: bool
    default: false
  api_keys:
    description: Whether the API keys are removed, which are those of the source's users and of its build servers.
    type: bool
    default: false
  keep_api_keys:
    description: Ids of API keys that stay, such as V(apikeys-7).
    type: list
    elements: str
    default: []
  folders:
    description:
      - With O(state=verified), the source's server folders as full paths. No folder of the clone may be one of them, lie in one, or have
        one in it. In doubt, such as with a server that is given by its address, it is one.
    type: list
    elements: str
  home:
    description: The home folder of the clone's node, in which folders lie that are not set or relative. These are refused without it.
    type: path
notes:
  - The login needs the database role C(db_owner). C(VIEW SERVER STATE) lets it see who is connected; without it only heartbeats tell.
  - The server must be restarted, or started for the first time, after O(state=applied). It reads these settings when it starts.
  - What the vendor names in its script for cloned databases is known. Names of other rows and properties are those of the vendor's client,
    and not proven for the database. Audit streaming, Let's Encrypt and default retention policies are looked for by what they are called.
    What is found is silenced, and a table that should be there and is not is a failure.
  - Not silenced are steps that run when somebody starts a deployment by hand with O(execution=allowed), and what reads from Git, feeds and
    sign-in providers. Cut the network where that matters.
  - The system integrity check of Octopus Server may report the schema C(octopus_upgrade) as one that it does not know.
seealso:
  - module: octopus.upgrade.mssql_restore
  - module: octopus.upgrade.octopus_database
  - name: Create a test instance
    description: What Octopus Deploy says about it.
    link: https://octopus.com/docs/administration/upgrading/guide/creating-test-instance
author:
  - The octopus.upgrade contributors (@octopus-upgrade)
"""

EXAMPLES = r"""
- name: Make a clone harmless, before its first start
  octopus.upgrade.octopus_quarantine:
    login_host: sql-test.example.com
    database: OctopusClone
    state: applied
    name: rehearsal
    source:
      host: sql.example.com
      database: OctopusDeploy
    restore_point: 20261125T132400Z-2025.3.14357
    server_uri: https://octopus-test.example.com
    api_keys: true
    keep_api_keys: [apikeys-7]

- name: Prove it, and that its folders are its own
  octopus.upgrade.octopus_quarantine:
    login_host: sql-test.example.com
    database: OctopusClone
    state: verified
    source:
      host: sql.example.com
      database: OctopusDeploy
    folders:
      - \\nas\octopus\Artifacts
      - \\nas\octopus\Packages
      - \\nas\octopus\TaskLogs

- name: See what was enabled before
  octopus.upgrade.octopus_quarantine:
    login_host: sql-test.example.com
    database: OctopusClone
    state: queried
  register: clone
"""

RETURN = r"""
database:
  description: Name of the database.
  returned: success
  type: str
  sample: OctopusClone
quarantined:
  description: Whether there is a record of a quarantine. Only O(state=verified) tells whether it still holds.
  returned: success
  type: bool
  sample: true
record:
  description: The record in the clone's database. Null where there is none.
  returned: success, and where a check failed
  type: dict
  contains:
    name:
      description: Name of the clone.
      type: str
    source:
      description: The live instance's database, with C(host), C(database) and C(server_name).
      type: dict
    restore_point:
      description: Id of the restore point that it was made of.
      type: str
    at:
      description: When it was put under quarantine, by the clock of SQL Server.
      type: str
    version:
      description: The newest version of Octopus Server that had run with the database by then.
      type: str
    server_uri:
      description: The clone's own address.
      type: str
    installation_id:
      description: Its own Installation ID. Null in check mode, and where there is none in the database.
      type: str
    previous_installation_id:
      description: That of the source.
      type: str
    silenced:
      description: By item, how many rows were ever C(changed), and how many C(were_so_already) the first time.
      type: dict
  sample:
    name: rehearsal
    source: {host: "sql.example.com,1433", database: OctopusDeploy, server_name: null}
    restore_point: 20261125T132400Z-2025.3.14357
    at: '2026-11-25T14:02:11.314000+00:00'
    version: 2025.3.14357
    server_uri: https://octopus-test.example.com
    installation_id: 2b8f7c3e-6c1e-4a0d-9d37-0a0a4f8f5f11
    previous_installation_id: 0e7d0f6a-91f4-7c4f-98ba-65d2f1fe1a01
    silenced:
      targets: {changed: 7, were_so_already: 1}
      triggers: {changed: 1, were_so_already: 1}
silenced:
  description: By item, how many rows this run C(changed), and how many C(were_so_already).
  returned: with O(state=applied)
  type: dict
  sample:
    targets: {changed: 7, were_so_already: 1}
    triggers: {changed: 1, were_so_already: 1}
checks:
  description: The proof. In check mode of O(state=applied) there is none.
  returned: with O(state=applied) and O(state=verified), also where one failed
  type: list
  elements: dict
  contains:
    name:
      description: Name of the check.
      type: str
    ok:
      description: Whether it is met.
      type: bool
    found:
      description: How many rows or properties are not as they should be.
      type: int
    detail:
      description: What was found.
      type: str
  sample:
    - name: targets
      ok: true
      found: 0
      detail: every row of Machine is disabled
notes:
  description: What somebody has to know of it, such as that the clone has the source's licence. Shown as warnings too.
  returned: with O(state=applied)
  type: list
  elements: str
  sample: ["The clone has the source's licence, and counts as one more instance of it while it runs. See whether the licence covers that."]
changes:
  description: Everything that was changed, the oldest first.
  returned: with O(state=queried)
  type: list
  elements: dict
  contains:
    item:
      description: Name of the item.
      type: str
    table:
      description: The table.
      type: str
    row:
      description: Id of the row.
      type: str
    column:
      description: The column, or C(JSON.) and the property in it. Null where the row was deleted.
      type: str
    before:
      description:
        - What it was. Null where it was not there, and where it is no switch or state, since it may be a secret. It is in the column
          C(Before) of the table C([octopus_upgrade].[Quarantine]).
      type: raw
    at:
      description: When.
      type: str
  sample:
    - item: targets
      table: Machine
      row: Machines-1
      column: IsDisabled
      before: false
      at: '2026-11-25 14:02:11.3140000 +00:00'
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule, missing_required_lib
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.connection.connection import (
    PYODBC_IMPORT_ERROR,
    SqlConnection,
    connect,
)
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.connection.options import MSSQL_SPEC, MSSQL_TOGETHER, SqlOptions
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.errors import MssqlError
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.database import schema
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError
from ansible_collections.octopus.upgrade.plugins.module_utils._quarantine import apply, checks, record
from ansible_collections.octopus.upgrade.plugins.module_utils._quarantine.request import OPTIONS, Request


def applied(module: AnsibleModule, connection: SqlConnection, request: Request) -> dict[str, Any]:
    outcome = apply.run(connection, request, connect, module.check_mode)
    for warning in outcome.warnings:
        module.warn(warning)
    result: dict[str, Any] = {
        "changed": outcome.changed,
        "record": outcome.record,
        "silenced": outcome.items,
        "checks": [check.as_dict() for check in outcome.checks],
        "notes": outcome.warnings,
    }
    if module._diff:
        counts = {name: (one["changed"], one["were_so_already"]) for name, one in outcome.items.items() if any(one.values())}
        result["diff"] = {
            "before": "".join(f"{name}: {silent} of {loud + silent} silenced\n" for name, (loud, silent) in counts.items()),
            "after": "".join(f"{name}: {loud + silent} of {loud + silent} silenced\n" for name, (loud, silent) in counts.items()),
        }
    return result


def verified(module: AnsibleModule, connection: SqlConnection, request: Request) -> dict[str, Any]:
    found = checks.run(connection, request, connect)
    result = {"record": record.read(connection), "checks": [check.as_dict() for check in found]}
    try:
        checks.refuse(found, request.database, connection, "Do not start it; put it under quarantine with state: applied.")
    except OctopusError as error:
        module.fail_json(msg=str(error), **result)
    return {"changed": False, **result}


def queried(connection: SqlConnection) -> dict[str, Any]:
    schema.read(connection)  # a database that is none of Octopus Server is no clone that is not under quarantine
    return {"changed": False, "record": record.read(connection), "changes": record.changes(connection)}


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **MSSQL_SPEC,
            **OPTIONS,
            "database": {"type": "str", "required": True},
            "state": {"type": "str", "choices": ["applied", "verified", "queried"], "required": True},
        },
        required_together=MSSQL_TOGETHER,
        required_if=[("state", "applied", ["source", "name"])],
        supports_check_mode=True,
    )
    if PYODBC_IMPORT_ERROR:
        module.fail_json(msg=missing_required_lib("pyodbc"), exception=PYODBC_IMPORT_ERROR)
    try:
        options = SqlOptions.from_params(module.params)
        request = Request.from_params(module.params, options)
        with connect(options, request.database) as connection:
            if module.params["state"] == "applied":
                result = applied(module, connection, request)
            elif module.params["state"] == "verified":
                result = verified(module, connection, request)
            else:
                result = queried(connection)
    except (MssqlError, OctopusError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(database=request.database, quarantined=result["record"] is not None, **result)


if __name__ == "__main__":
    main()
