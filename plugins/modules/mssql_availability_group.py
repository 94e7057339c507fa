#!/usr/bin/python
# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Take a SQL Server database out of its availability group, or add it again."""

from __future__ import annotations

DOCUMENTATION = r"""
module: mssql_availability_group
short_description: Take a SQL Server database out of its availability group, or add it again
version_added: 1.0.0
description:
  - C(RESTORE) does not work over a database in an availability group. This module takes the database out of its group before a restore, and adds
    it again afterwards.
  - While it is out of the group, the database has no other copy that could take over. Its listener still leads to the server.
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
    description: The database.
    type: str
    required: true
  group:
    description:
      - The availability group. Required with O(state=present).
      - With O(state=absent), a database that is in another group is refused.
    type: str
  state:
    description:
      - V(absent) takes the database out of its group. SQL Server leaves the copies on the secondaries as they are, V(RESTORING).
      - V(present) adds it to O(group), where every secondary can get its copy again by itself, by automatic seeding. Otherwise nothing is changed,
        and the result says why and which T-SQL adds it. The old copies on the secondaries are dropped first, and a full backup is taken where
        the log chain does not begin yet.
    type: str
    choices: [absent, present]
    required: true
  copies:
    description:
      - With O(state=present), for the server of each secondary, when its copy of the database was created, as RV(copies) told when the database was
        taken out of the group, or RV(octopus.upgrade.octopus_database_info#module:rollback) before that.
      - Only such a copy is dropped, and only where it is C(RESTORING) and in no group.
    type: dict
    default: {}
  backup_path:
    description:
      - With O(state=present), the path of a full backup without its extension, as SQL Server sees it. A file C(.bak) of that name is replaced.
      - The file is the beginning of the log chain. Keep it until the next full backup.
    type: str
notes:
  - The connection must lead to the primary replica, directly or by the listener.
  - The login needs C(VIEW ANY DEFINITION), C(VIEW SERVER STATE) and C(ALTER) on the availability group. To drop the copies on the secondaries, the
    same login with the same password needs the server role C(dbcreator) there. They are reached by the host name of their mirroring endpoint, at
    the same port.
seealso:
  - module: octopus.upgrade.mssql_restore
  - name: ALTER AVAILABILITY GROUP
    description: Microsoft's documentation of the statement.
    link: https://learn.microsoft.com/sql/t-sql/statements/alter-availability-group-transact-sql
author:
  - The octopus.upgrade contributors (@octopus-upgrade)
"""

EXAMPLES = r"""
- name: Take the database out of its availability group
  octopus.upgrade.mssql_availability_group:
    login_host: listener.example.com
    database: OctopusDeploy
    state: absent
  register: removed

- name: Add the restored database to the group again
  octopus.upgrade.mssql_availability_group:
    login_host: listener.example.com
    database: OctopusDeploy
    group: "{{ removed.group }}"
    copies: "{{ removed.copies }}"
    backup_path: \\nas\backups\OctopusDeploy-rejoin
    state: present
"""

RETURN = r"""
database:
  description: The database.
  returned: success
  type: str
  sample: OctopusDeploy
group:
  description: The group that the database is in, is taken out of or is added to; empty where it is and was in none.
  returned: success
  type: str
  sample: AG1
sql:
  description: The statements that change something. In check mode, those that would run.
  returned: success
  type: list
  elements: str
  sample: ["ALTER AVAILABILITY GROUP [AG1] REMOVE DATABASE [OctopusDeploy]"]
copies:
  description: When the copy on the server of each secondary was created, for O(copies) with O(state=present). Without those that did not answer.
  returned: success and O(state=absent)
  type: dict
  sample: {SQL02: '2026-03-01T10:00:00'}
joined:
  description: Whether the database is in the group now. Its secondaries get their copies while it is used already.
  returned: success and O(state=present)
  type: bool
  sample: true
problems:
  description: Why it was not added by itself.
  returned: success and O(state=present)
  type: list
  elements: str
  sample: []
by_hand:
  description: The T-SQL that adds it, each statement with the server that it is run on. Empty where it was added.
  returned: success and O(state=present)
  type: list
  elements: str
  sample: []
backup_path:
  description: The full backup that begins the log chain. Null where the chain had begun.
  returned: success and O(state=present)
  type: str
  sample: \\nas\backups\OctopusDeploy-rejoin.bak
"""

from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._core.module import run_module
from ansible_collections.octopus.upgrade.plugins.module_utils._core.progress import Progress
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql import availability_change
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.connection.connection import connect
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.connection.options import MSSQL_SPEC, MSSQL_TOGETHER, SqlOptions

SPEC: dict[str, Any] = {
    "argument_spec": {
        **MSSQL_SPEC,
        "database": {"type": "str", "required": True},
        "group": {"type": "str"},
        "state": {"type": "str", "choices": ["absent", "present"], "required": True},
        "copies": {"type": "dict", "default": {}},
        "backup_path": {"type": "str"},
    },
    "required_if": [("state", "present", ["group", "backup_path"])],
    "required_together": MSSQL_TOGETHER,
}


def run(params: dict[str, Any], check_mode: bool, diff: bool) -> dict[str, Any]:
    """Take the database out of its group, or add it; the module's result."""
    database, group = params["database"], params["group"]
    with connect(SqlOptions.from_params(params)) as connection:
        if params["state"] == "absent":
            result = availability_change.leave(connection, database, group, connect, check_mode=check_mode)
        else:
            wanted = availability_change.Rejoin(database, group, params["copies"], params["backup_path"])
            result = availability_change.join(connection, wanted, connect, Progress(), check_mode=check_mode)
    return {"changed": bool(result["sql"]), "database": database, "group": group or "", **result}


def main() -> None:
    run_module(SPEC, run)


if __name__ == "__main__":
    main()
