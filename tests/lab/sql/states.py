# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Databases that cannot be opened: why, how they got there, and how ALTER DATABASE moves them on.

* States: https://learn.microsoft.com/sql/relational-databases/databases/database-states. Recovery that fails makes a database SUSPECT, one
  that cannot begin for want of a file makes it RECOVERY_PENDING.
* 926: https://learn.microsoft.com/sql/relational-databases/errors-events/mssqlserver-926-database-engine-error; the other numbers and texts:
  https://learn.microsoft.com/sql/relational-databases/errors-events/database-engine-events-and-errors
* EMERGENCY is open to members of sysadmin alone, read-only; OFFLINE and EMERGENCY can be set from every state but RESTORING:
  https://learn.microsoft.com/sql/t-sql/statements/alter-database-transact-sql-set-options
* A damaged database can be set OFFLINE, and then be dropped: https://learn.microsoft.com/previous-versions/sql/sql-server-2008/ms189278(v=sql.100)
* The files of a database that is OFFLINE when it is dropped stay:
  https://learn.microsoft.com/sql/t-sql/statements/drop-database-transact-sql
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..tds.engine_api import SqlError
from . import errors

if TYPE_CHECKING:
    from .database import Database
    from .server import SqlServer

BROKEN = ("SUSPECT", "RECOVERY_PENDING")


def problem(database: Database, is_sysadmin: bool = True) -> SqlError | None:
    """Why a database cannot be opened in its state; None: it can."""
    name = database.name
    if database.state == "RESTORING":
        return errors.restoring(name)
    if database.state == "OFFLINE":
        return errors.offline(name)
    if database.state == "SUSPECT":
        text = (
            f"Database '{name}' cannot be opened. It has been marked SUSPECT by recovery. See the SQL Server errorlog for more information."
        )
        return SqlError(926, text, 14, 1)
    if database.state == "RECOVERING":
        return SqlError(922, f"Database '{name}' is being recovered. Waiting until recovery is finished.", 14, 1)
    if database.state == "RECOVERY_PENDING":
        text = (
            f"Database '{name}' cannot be opened due to inaccessible files or insufficient memory or disk space. See the SQL Server errorlog "
            "for details."
        )
        return SqlError(945, text, 14, 2)
    if database.state == "EMERGENCY" and not is_sysadmin:
        # That it is this number is *assumed*.
        return SqlError(
            923,
            f"Database '{name}' is in restricted mode. Only the database owner and members of the dbcreator and sysadmin roles can access it.",
            14,
        )
    return None


def break_down(server: SqlServer, name: str, state: str = "SUSPECT") -> None:
    """A database breaks down for want of a disk, of room, or of sound pages: its sessions end, and recovery does not bring it back.

    Args:
        server: The server.
        name: The database.
        state: SUSPECT or RECOVERY_PENDING. Setting it ONLINE ends there again.
    """
    database = server.database(name)
    if database is None or state not in BROKEN:
        raise ValueError(f"no database {name}, or no such state: {state}")
    with server.lock:
        database.state = state
        database.options["broken"] = state
        clients = server.sessions_in(database)
    server.machine.ledger.record("sql", server.machine.name, action="broken", database=name, state=state)
    server.kill_all(clients)


def mend(server: SqlServer, name: str) -> None:
    """What was broken is whole again: ALTER DATABASE SET ONLINE brings the database back."""
    database = server.database(name)
    if database is None:
        raise ValueError(f"no database {name}")
    database.options.pop("broken", None)


def recover(database: Database) -> None:
    """Recovery, as SET ONLINE begins it.

    Raises:
        SqlError: It fails, and the database is as before it was tried.
    """
    broken = database.options.get("broken")
    if broken:
        database.state = broken
        found = problem(database)
        more = SqlError(5181, f'Could not restart database "{database.name}". Reverting to the previous status.', 16, 5)
        failed = SqlError(5069, "ALTER DATABASE statement failed.", 16)
        raise SqlError(found.number if found else 926, found.message if found else "", 14, more=[more, failed])
    database.state = "ONLINE"
