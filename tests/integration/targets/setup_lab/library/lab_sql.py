#!/usr/bin/python
# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Ask SQL Server by pymssql, and not by the driver and code under test; or, in an ``always``, give back what was there."""

from __future__ import annotations

import pymssql
from ansible.module_utils.basic import AnsibleModule


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "address": {"type": "str", "required": True},
            "user": {"type": "str", "required": True},
            "password": {"type": "str", "required": True, "no_log": True},
            "database": {"type": "str", "default": "master"},
            "query": {"type": "str", "required": True},
        },
        supports_check_mode=True,
    )
    params = module.params
    rows: list[dict[str, str]] = []
    with (
        pymssql.connect(
            server=params["address"],
            user=params["user"],
            password=params["password"],
            database=params["database"],
            encryption="require",
            autocommit=True,
            as_dict=True,
        ) as connection,
        connection.cursor() as cursor,
    ):
        cursor.execute(params["query"])
        more = True
        while more:
            if cursor.description:
                rows = [{name: str(value) for name, value in row.items()} for row in cursor.fetchall()]
            more = cursor.nextset()
    module.exit_json(changed=False, rows=rows)


if __name__ == "__main__":
    main()
