#!/usr/bin/python
# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Wait until nobody is connected to a database any more."""

from __future__ import annotations

DOCUMENTATION = r"""
module: octopus_database_wait
short_description: Wait until nobody is connected to a database any more
version_added: 1.0.0
description:
  - Waits until no session of anybody else is left on the database, such as after the nodes of an instance were stopped, and fails where
    there still is one at the deadline.
  - A session that was killed, or whose client has gone, stays until SQL Server has undone its transaction, which may take hours. That is
    waited for as long as it makes progress, and shown with its percentage. Without any progress for ten minutes the module fails.
  - The database may be in any state, or missing. The module connects to C(master).
  - Where the login may not see the sessions of others (C(VIEW SERVER STATE)), it returns at once, with RV(sessions_visible) false.
extends_documentation_fragment:
  - octopus.upgrade.attributes
  - octopus.upgrade.attributes.mssql
  - octopus.upgrade.step
  - octopus.upgrade.mssql
attributes:
  check_mode:
    support: full
    details:
      - In check mode nothing was stopped before, so it looks once and never fails because of a session.
  diff_mode:
    support: none
options:
  database:
    description: Name of the database.
    type: str
    required: true
  timeout:
    description: Seconds to wait for clients to leave.
    type: float
    default: 60
  on_timeout:
    description:
      - What to do where somebody is still connected then. With V(leave) the module returns them in RV(sessions), with a warning. That is for what
        disconnects them anyway, as M(octopus.upgrade.mssql_restore) does.
    type: str
    choices: [fail, leave]
    default: fail
seealso:
  - module: octopus.upgrade.octopus_database_info
  - module: octopus.upgrade.octopus_node
author:
  - The octopus.upgrade contributors (@octopus-upgrade)
"""

EXAMPLES = r"""
- name: Wait until the stopped nodes have left the database
  octopus.upgrade.octopus_database_wait:
    login_host: sql.example.com
    login_user: octopus_upgrade
    login_password: "{{ vault_octopus_sql_password }}"
    database: OctopusDeploy
    timeout: 120
"""

RETURN = r"""
sessions:
  description: Who is still connected, as M(octopus.upgrade.octopus_database_info) returns it. Empty on success, except in check mode
    and with O(on_timeout=leave).
  returned: success, and where somebody was still connected at the deadline
  type: list
  elements: dict
  sample: []
sessions_visible:
  description: Whether the login sees sessions of others. Where it does not, RV(sessions) is empty and says nothing.
  returned: success, and where somebody was still connected at the deadline
  type: bool
  sample: true
undone:
  description: The transactions that SQL Server was undoing when that was first seen. Empty where the login does not see sessions of others.
  returned: success, and where somebody was still connected at the deadline
  type: list
  elements: dict
  contains:
    session_id:
      description: Number of the session.
      type: int
    percent:
      description: How much of it was done, as SQL Server estimates.
      type: float
    seconds_left:
      description: How long it would still take, as SQL Server estimates; 0 where it does not tell.
      type: int
  sample: [{"session_id": 54, "percent": 42.3, "seconds_left": 610}]
seconds:
  description: How long it waited.
  returned: success, and where somebody was still connected at the deadline
  type: float
  sample: 1.4
"""

from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._core.module import run_module
from ansible_collections.octopus.upgrade.plugins.module_utils._core.waiting import Deadline
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.connection.connection import connect
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.connection.options import MSSQL_SPEC, MSSQL_TOGETHER, SqlOptions
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.database import sessions

SPEC: dict[str, Any] = {
    "argument_spec": {
        **MSSQL_SPEC,
        "database": {"type": "str", "required": True},
        "timeout": {"type": "float", "default": 60},
        "on_timeout": {"type": "str", "choices": ["fail", "leave"], "default": "fail"},
    },
    "required_together": MSSQL_TOGETHER,
}


def run(params: dict[str, Any], check_mode: bool, diff: bool) -> dict[str, Any]:
    """Wait for the sessions to end; the module's result."""
    deadline = Deadline(params["timeout"], first=sessions.FIRST_PAUSE, most=sessions.LONGEST_PAUSE)
    with connect(SqlOptions.from_params(params)) as connection:
        if check_mode:
            return sessions.look(connection, params["database"])
        return sessions.wait_until_none(connection, params["database"], deadline, leave=params["on_timeout"] == "leave")


def main() -> None:
    run_module(SPEC, run)


if __name__ == "__main__":
    main()
