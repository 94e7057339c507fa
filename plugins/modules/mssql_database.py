#!/usr/bin/python
# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Drop a SQL Server database that something else has replaced."""

from __future__ import annotations

DOCUMENTATION = r"""
module: mssql_database
short_description: Drop a SQL Server database that something else has replaced
version_added: 1.0.0
description:
  - Drops a database, such as one that M(octopus.upgrade.mssql_restore) has kept under another name, and its files.
  - Refuses where anybody is connected to it, where it is a system database, a snapshot, has snapshots, is in an availability group or
    mirrored, is offline, which leaves its files, or where the database that has taken its place is not online.
extends_documentation_fragment:
  - octopus.upgrade.attributes
  - octopus.upgrade.attributes.mssql
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
    description: V(absent) drops it. Nothing is done where there is none of that name.
    type: str
    choices: [absent]
    required: true
  replaced_by:
    description: The database that has taken its place. It has to be online, so that the only copy is never dropped.
    type: str
notes:
  - The login needs the permission C(ALTER ANY DATABASE), as members of C(dbcreator) have it, or has to own the database.
  - Nobody is thrown out. Who is connected is named where the login has the permission C(VIEW SERVER STATE).
seealso:
  - module: octopus.upgrade.mssql_restore
  - module: octopus.upgrade.mssql_snapshot
author:
  - The octopus.upgrade contributors (@octopus-upgrade)
"""

EXAMPLES = r"""
- name: Drop what a restore has kept, now that the restored database is proven
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
  description: What was run, or would be; nothing where it was gone already.
  returned: success
  type: list
  elements: str
  sample:
    - DROP DATABASE [OctopusDeploy failed 20261125T132400Z]
"""

from ansible.module_utils.basic import AnsibleModule, missing_required_lib
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql import removal
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.connection.connection import PYODBC_IMPORT_ERROR, connect
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.connection.options import MSSQL_SPEC, MSSQL_TOGETHER, SqlOptions
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.errors import MssqlError


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **MSSQL_SPEC,
            "name": {"type": "str", "required": True},
            "state": {"type": "str", "choices": ["absent"], "required": True},
            "replaced_by": {"type": "str"},
        },
        required_together=MSSQL_TOGETHER,
        supports_check_mode=True,
    )
    if PYODBC_IMPORT_ERROR:
        module.fail_json(msg=missing_required_lib("pyodbc"), exception=PYODBC_IMPORT_ERROR)
    try:
        with connect(SqlOptions.from_params(module.params)) as connection:
            statements = removal.prepare(connection, module.params["name"], module.params["replaced_by"])
            if not module.check_mode:
                removal.run(connection, module.params["name"], statements)
    except (MssqlError, ValueError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=bool(statements), database=module.params["name"], sql=statements)


if __name__ == "__main__":
    main()
