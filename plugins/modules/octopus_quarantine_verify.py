#!/usr/bin/python
# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Verify that a clone of an Octopus Server is harmless."""

from __future__ import annotations

DOCUMENTATION = r"""
module: octopus_quarantine_verify
short_description: Verify that a clone of an Octopus Server is harmless
version_added: 1.0.0
description:
  - Verifies that a clone's database is under quarantine, with queries of its own, and fails with the name of each check that did not pass.
  - Reads every table but those whose rows are known to be unable to act, in batches. What is on and on no list of what is harmless fails too.
  - Changes nothing.
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
    support: none
options:
  folders:
    description:
      - The source's server folders as full paths. No folder of the clone may be one of them, be in one, or contain one. In doubt, such as with
        a server that is given by its address, it is one.
      - Without this option, folders are not checked.
    type: list
    elements: str
  home:
    description: The home folder of the clone's node, which contains folders that are not set or relative. Without it, these are refused.
    type: path
notes:
  - No value of a row is ever returned, only its place, what it looks like, and the number of rows.
  - O(source), O(name), O(restore_point) and O(server_uri) are compared with the record where they are given.
seealso:
  - module: octopus.upgrade.octopus_quarantine
  - module: octopus.upgrade.octopus_quarantine_info
author:
  - The octopus.upgrade contributors (@octopus-upgrade)
"""

EXAMPLES = r"""
- name: Verify that the clone is harmless, and that its folders are its own
  octopus.upgrade.octopus_quarantine_verify:
    login_host: sql-test.example.com
    database: OctopusClone
    source:
      host: sql.example.com
      database: OctopusDeploy
    folders:
      - \\nas\octopus\Artifacts
      - \\nas\octopus\Packages
      - \\nas\octopus\TaskLogs
"""

RETURN = r"""
database:
  description: Name of the database.
  returned: success
  type: str
  sample: OctopusClone
quarantined:
  description: Whether there is a record of a quarantine.
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
    options:
      description: What was silenced beyond what always is, as the options of M(octopus.upgrade.octopus_quarantine) say it.
      type: dict
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
accounts:
  description: Names of the accounts that have credentials, which a task that runs in the clone can use.
  returned: success, and where a check failed
  type: list
  elements: str
  sample: [AWS production, Deploy]
checks:
  description: Every check.
  returned: success, and where a check failed
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
"""

from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._core.errors import TaskFailed
from ansible_collections.octopus.upgrade.plugins.module_utils._core.module import run_module
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.connection.connection import connect
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.connection.options import MSSQL_SPEC, MSSQL_TOGETHER, SqlOptions
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError
from ansible_collections.octopus.upgrade.plugins.module_utils._quarantine import identity, record
from ansible_collections.octopus.upgrade.plugins.module_utils._quarantine.checks.verify import refuse, verify
from ansible_collections.octopus.upgrade.plugins.module_utils._quarantine.request import OPTIONS, VERIFY_OPTIONS, Request

SPEC: dict[str, Any] = {"argument_spec": {**MSSQL_SPEC, **OPTIONS, **VERIFY_OPTIONS}, "required_together": MSSQL_TOGETHER}


def run(params: dict[str, Any], check_mode: bool, diff: bool) -> dict[str, Any]:
    """Check everything; the module's result."""
    options = SqlOptions.from_params(params)
    request = Request.from_params(params, options)
    with connect(options, request.database) as connection:
        found = verify(connection, request, connect)
        known = record.read(connection)
        result = {"record": known, "accounts": identity.holders(connection), "checks": [check.as_dict() for check in found]}
        try:
            refuse(found, request.database, connection, "Do not start it; put it under quarantine with octopus_quarantine.")
        except OctopusError as error:
            raise TaskFailed(str(error), result) from error
    return {"database": request.database, "quarantined": record.holds(known), **result}


def main() -> None:
    run_module(SPEC, run)


if __name__ == "__main__":
    main()
