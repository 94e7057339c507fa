#!/usr/bin/python
# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Read the record of a clone's quarantine."""

from __future__ import annotations

DOCUMENTATION = r"""
module: octopus_quarantine_info
short_description: Read the record of a clone's quarantine
version_added: 1.0.0
description:
  - Returns whether a database of Octopus Server was put under quarantine with M(octopus.upgrade.octopus_quarantine), and what was changed.
  - Changes nothing.
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
    description: Name of the database.
    type: str
    required: true
  lifting:
    description:
      - Also returns what M(octopus.upgrade.octopus_quarantine) with O(octopus.upgrade.octopus_quarantine#module:state=absent) would restore, and what
        it could not, as the database is now.
      - Only reads, so that it is also told while the clone or its source runs.
    type: bool
    default: false
  server_uri:
    description: With O(lifting), the address that the clone would get. Without it, it stays the clone's.
    type: str
seealso:
  - module: octopus.upgrade.octopus_quarantine
  - module: octopus.upgrade.octopus_quarantine_verify
author:
  - The octopus.upgrade contributors (@octopus-upgrade)
"""

EXAMPLES = r"""
- name: See what was enabled before
  octopus.upgrade.octopus_quarantine_info:
    login_host: sql-test.example.com
    database: OctopusClone
  register: clone

- name: See what lifting it would restore
  octopus.upgrade.octopus_quarantine_info:
    login_host: sql-test.example.com
    database: OctopusClone
    lifting: true
    server_uri: https://octopus.example.com
  register: outlook
"""

RETURN = r"""
database:
  description: Name of the database.
  returned: success
  type: str
  sample: OctopusClone
quarantined:
  description: Whether there is a record of a quarantine that was not lifted. Only M(octopus.upgrade.octopus_quarantine_verify) shows whether it still holds.
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
    options:
      description: What was silenced beyond what always is, as the options of M(octopus.upgrade.octopus_quarantine) say it.
      type: dict
    silenced:
      description: For each item, how many rows were ever C(changed), and how many C(were_so_already) the first time.
      type: dict
    lifting:
      description: Since when, C(at), the quarantine is lifted in part. Missing where it is not.
      type: dict
    lifted:
      description: When it was lifted, C(at), and how many changes of which item were C(left). Missing where it was not.
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
changes:
  description: Every change, the oldest first.
  returned: success
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
        - The value before. Null where there was none, and where it is not a switch or state, since it may be a secret. It is in the column
          C(Before) of the table C([octopus_upgrade].[Quarantine]).
      type: raw
    reason:
      description: V(copy) where it was so in the copy, V(upgrade) where a schema upgrade brought it, V(own) where it was switched on in the clone.
      type: str
    at:
      description: The time.
      type: str
    lifted:
      description: When it was lifted. Null where it was not.
      type: str
  sample:
    - item: targets
      table: Machine
      row: Machines-1
      column: IsDisabled
      before: false
      reason: copy
      at: '2026-11-25 14:02:11.3140000 +00:00'
      lifted: null
plan:
  description: What would be done about each recorded change, as RV(octopus.upgrade.octopus_quarantine#module:plan). Empty where nothing is to be lifted.
  returned: with O(lifting)
  type: list
  elements: dict
  sample: [{item: targets, table: Machine, row: Machines-1, columns: [IsDisabled], verdict: lift, why: '', about: ''}]
lifted:
  description: For each item, how many rows would get which verdict.
  returned: with O(lifting)
  type: dict
  sample: {targets: {lift: 7}, mail: {changed: 1}}
left:
  description: What of RV(plan) would not be lifted.
  returned: with O(lifting)
  type: list
  elements: dict
  sample: []
notes:
  description: What the operator should know before it is lifted.
  returned: with O(lifting)
  type: list
  elements: str
  sample: ["A task queue that is no longer stopped runs what was queued in the clone meanwhile. Look through it first."]
"""

from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._core.module import run_module
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.connection.connection import connect
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.connection.options import MSSQL_SPEC, MSSQL_TOGETHER, SqlOptions
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.database import schema
from ansible_collections.octopus.upgrade.plugins.module_utils._quarantine import lifting, record
from ansible_collections.octopus.upgrade.plugins.module_utils._quarantine.request import Request

SPEC: dict[str, Any] = {
    "argument_spec": {
        **MSSQL_SPEC,
        "database": {"type": "str", "required": True},
        "lifting": {"type": "bool", "default": False},
        "server_uri": {"type": "str"},
    },
    "required_together": MSSQL_TOGETHER,
}


def run(params: dict[str, Any], check_mode: bool, diff: bool) -> dict[str, Any]:
    """Read the record; the module's result."""
    with connect(SqlOptions.from_params(params), params["database"]) as connection:
        # Another product's database without a record must not look like a clone that is not under quarantine.
        schema.read(connection)
        known = record.read(connection)
        found = {"database": params["database"], "quarantined": record.holds(known), "record": known, "changes": record.changes(connection)}
        if not params["lifting"]:
            return found
        ahead = lifting.look_ahead(connection, Request(params["database"], server_uri=params["server_uri"]))
        return {
            **found,
            "plan": [step.as_dict() for step in ahead.plan],
            "lifted": ahead.counts,
            "left": ahead.left,
            "notes": ahead.notes,
        }


def main() -> None:
    run_module(SPEC, run)


if __name__ == "__main__":
    main()
