#!/usr/bin/python
# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Make a clone of an Octopus Server harmless before it starts."""

from __future__ import annotations

DOCUMENTATION = r"""
module: octopus_quarantine
short_description: Make a clone of an Octopus Server harmless before it starts
version_added: 1.0.0
description:
  - A copy of an Octopus database that is started as it is deploys to production, runs what was scheduled, sends e-mails, deletes packages
    and targets, and reports under production's identity. This module silences all of that in the database, before the first start.
  - Everything happens in one transaction, which is verified before it is committed. Where the verification fails, nothing is changed.
  - What was changed is recorded in the database, in a schema C(octopus_upgrade) of its own, so that what was enabled can be looked up.
  - A live database is refused. So is the source's own one, under whatever name it is reached.
extends_documentation_fragment:
  - octopus.upgrade.attributes
  - octopus.upgrade.attributes.mssql
  - octopus.upgrade.step
  - octopus.upgrade.mssql
  - octopus.upgrade.quarantine
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
options:
  state:
    description: The clone is under quarantine. Where it is already, nothing is changed, and what was enabled since is silenced again.
    type: str
    choices: [present]
    default: present
  stale_after:
    description:
      - Seconds after which a heartbeat is no longer that of a running node, by the clock of SQL Server.
      - A copy has the heartbeats from the time of its backup. A more recent one is watched until it is that old; where its node writes a new
        one meanwhile, that node runs, and the database is refused.
    type: float
    default: 120
notes:
  - The login needs the database role C(db_owner). C(VIEW SERVER STATE) lets it see who is connected; without it only heartbeats show that.
  - The server must be started, or restarted, after this module. It reads these settings when it starts.
  - What the vendor names in its script for cloned databases is known. Names of other rows and properties are those of the vendor's client,
    and not confirmed for the database. Audit streaming, Let's Encrypt and default retention policies are found by words in their names.
    What is found is silenced, and a table that should exist and does not is a failure.
  - Whatever else in the database may act or reach outside, and is on no list of what is harmless, refuses the quarantine with its name
    (O(waivers)). The list comes from public sources, and not from a look into many databases. Expect to judge some places the first time.
  - Not silenced are steps that run when somebody starts a deployment by hand with O(execution=allowed), and what reads from Git, feeds and
    sign-in providers. Cut the network where that matters.
  - The system integrity check of Octopus Server may report the schema C(octopus_upgrade) as one that it does not know.
seealso:
  - module: octopus.upgrade.octopus_quarantine_verify
  - module: octopus.upgrade.octopus_quarantine_info
  - module: octopus.upgrade.mssql_restore
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
    name: rehearsal
    source:
      host: sql.example.com
      database: OctopusDeploy
    restore_point: 20261125T132400Z-2025.3.14357
    server_uri: https://octopus-test.example.com
    api_keys: true
    keep_api_keys: [apikeys-7]
"""

RETURN = r"""
database:
  description: Name of the database.
  returned: success
  type: str
  sample: OctopusClone
quarantined:
  description: Whether there is a record of a quarantine. Only M(octopus.upgrade.octopus_quarantine_verify) shows whether it still holds.
  returned: success
  type: bool
  sample: true
record:
  description: The record in the clone's database. Null where there is none.
  returned: success
  type: dict
  contains:
    name:
      description: Name of the clone.
      type: str
    source:
      description: The live instance's database, with C(host), C(database) and C(server_name).
      type: dict
    restore_point:
      description: Id of the restore point that it was made from.
      type: str
    at:
      description: Time of the quarantine, by the clock of SQL Server.
      type: str
    version:
      description: The newest version of Octopus Server that had run with the database by then.
      type: str
    server_uri:
      description: The clone's own address.
      type: str
    installation_id:
      description: Its own Installation ID. Null in check mode, and where the database has none.
      type: str
    previous_installation_id:
      description: That of the source.
      type: str
    silenced:
      description: For each item, how many rows were ever C(changed), and how many C(were_so_already) the first time.
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
  description: For each item, how many rows this run C(changed), and how many C(were_so_already).
  returned: success
  type: dict
  sample:
    targets: {changed: 7, were_so_already: 1}
    triggers: {changed: 1, were_so_already: 1}
checks:
  description: The verification. In check mode there is none.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: Name of the check.
      type: str
    ok:
      description: Whether it passed.
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
  description: What the operator should know, such as that the clone has the source's licence. Shown as warnings too.
  returned: success
  type: list
  elements: str
  sample: ["The clone has the source's licence, and counts as one more instance of it while it runs. Check whether the licence covers that."]
"""

from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._core.module import run_module
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.connection.connection import connect
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.connection.options import MSSQL_SPEC, MSSQL_TOGETHER, SqlOptions
from ansible_collections.octopus.upgrade.plugins.module_utils._quarantine import apply
from ansible_collections.octopus.upgrade.plugins.module_utils._quarantine.request import APPLY_OPTIONS, OPTIONS, Request

SPEC: dict[str, Any] = {
    "argument_spec": {
        **MSSQL_SPEC,
        **OPTIONS,
        **APPLY_OPTIONS,
        "state": {"type": "str", "choices": ["present"], "default": "present"},
    },
    "required_together": MSSQL_TOGETHER,
    "required_if": [("state", "present", ["source", "name"])],
}


def run(params: dict[str, Any], check_mode: bool, diff: bool) -> dict[str, Any]:
    """Apply the quarantine; the module's result."""
    options = SqlOptions.from_params(params)
    request = Request.from_params(params, options)
    with connect(options, request.database) as connection:
        outcome = apply.run(connection, request, connect, check_mode)
    result: dict[str, Any] = {
        "changed": outcome.changed,
        "database": request.database,
        "quarantined": True,
        "record": outcome.record,
        "silenced": outcome.items,
        "checks": [check.as_dict() for check in outcome.checks],
        "notes": outcome.warnings,
        "warnings": outcome.warnings,
    }
    if diff:
        result["diff"] = {"before": outcome.lines(before=True), "after": outcome.lines(before=False)}
    return result


def main() -> None:
    run_module(SPEC, run)


if __name__ == "__main__":
    main()
