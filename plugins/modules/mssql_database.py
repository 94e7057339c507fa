#!/usr/bin/python
# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Drop a SQL Server database that has been replaced."""

from __future__ import annotations

DOCUMENTATION = r"""
module: mssql_database
short_description: Drop a SQL Server database that has been replaced
version_added: 1.0.0
description:
  - Drops a database and its files, such as one that M(octopus.upgrade.mssql_restore) has kept under another name.
  - Refuses to drop a database that anybody is connected to, that is a system database or a snapshot, that has snapshots, is in an
    availability group or mirrored, or is offline, which would leave its files; and where the database that has replaced it is not online.
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
  name:
    description: The database.
    type: str
    required: true
  state:
    description: V(absent) drops it. Nothing is done where no database has that name.
    type: str
    choices: [absent]
    required: true
  replaced_by:
    description: The database that has taken its place. It must be online, so that the only copy is never dropped.
    type: str
notes:
  - The login needs the permission C(ALTER ANY DATABASE), which members of C(dbcreator) have, or must own the database.
  - Nobody is disconnected. The message names who is connected where the login has the permission C(VIEW SERVER STATE).
seealso:
  - module: octopus.upgrade.mssql_restore
  - module: octopus.upgrade.mssql_snapshot
author:
  - The octopus.upgrade contributors (@octopus-upgrade)
"""

EXAMPLES = r"""
- name: Drop the database that a restore has kept, now that the restored one is verified
  octopus.upgrade.mssql_database:
    login_host: sql.example.com
    name: OctopusDeploy failed 20261125T132400Z
    state: absent
    replaced_by: OctopusDeploy
"""

RETURN = r"""
database:
  description: The database.
  returned: success
  type: str
  sample: OctopusDeploy failed 20261125T132400Z
sql:
  description: The statements. In check mode, those that would run. Empty where the database does not exist.
  returned: success
  type: list
  elements: str
  sample:
    - DROP DATABASE [OctopusDeploy failed 20261125T132400Z]
"""

from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._core.module import run_module
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql import removal
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.connection.connection import connect
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.connection.options import MSSQL_SPEC, MSSQL_TOGETHER, SqlOptions

SPEC: dict[str, Any] = {
    "argument_spec": {
        **MSSQL_SPEC,
        "name": {"type": "str", "required": True},
        "state": {"type": "str", "choices": ["absent"], "required": True},
        "replaced_by": {"type": "str"},
    },
    "required_together": MSSQL_TOGETHER,
}


def run(params: dict[str, Any], check_mode: bool, diff: bool) -> dict[str, Any]:
    """Drop the database; the module's result."""
    name = params["name"]
    with connect(SqlOptions.from_params(params)) as connection:
        sql = removal.prepare(connection, name, params["replaced_by"])
        if not check_mode:
            removal.run(connection, name, sql)
    return {"changed": bool(sql), "database": name, "sql": sql}


def main() -> None:
    run_module(SPEC, run)


if __name__ == "__main__":
    main()
