# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What octopus_database_info returns of a database that a rollback can restore."""

from __future__ import annotations

from typing import Any

STANDALONE: dict[str, Any] = {
    "platform": "",
    "rights": {
        "login": "octopus_upgrade",
        "owner": "sa",
        "back_up": True,
        "create_databases": True,
        "rename": True,
        "overwrite": True,
        "remove": True,
        "read_history": True,
        "see_sessions": True,
        "return_owner": True,
    },
    "surroundings": {
        "state": "ONLINE",
        "user_access": "MULTI_USER",
        "read_only": False,
        "in_standby": False,
        "recovery_model": "FULL",
        "collation": "SQL_Latin1_General_CP1_CI_AS",
        "containment": "NONE",
        "delayed_durability": "DISABLED",
        "encrypted": False,
        "cdc": False,
        "replication": [],
        "availability_group": False,
        "group": {},
        "mirrored": False,
        "snapshots": [],
        "special_files": [],
        "log_shipping": [],
    },
    "room": {
        "files": [{"path": "D:\\Octopus.mdf", "log": False, "size": 1500}, {"path": "L:\\Octopus.ldf", "log": True, "size": 300}],
        "needed": {"D:\\": 1500, "L:\\": 300},
        "free": {"D:\\": 10000, "L:\\": 10000},
        "unknown": [],
        "problem": "",
    },
}
