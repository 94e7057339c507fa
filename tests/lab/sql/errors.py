# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""SQL Server's errors, as sys.messages words them.

Numbers, severities and texts: https://learn.microsoft.com/sql/relational-databases/errors-events/database-engine-events-and-errors
States are *assumed* where no public report shows them.
"""

from __future__ import annotations

from ..core.filesystem import WinError
from ..tds.engine_api import SqlError


def gap(what: str) -> SqlError:
    """The lab cannot do what the real server can: said loudly, so that nobody takes it for the server's own answer."""
    return SqlError(50000, f"lab: {what} is not supported by the lab's SQL Server.", 16)


def syntax(near: str, line: int = 1) -> SqlError:
    return SqlError(102, f"Incorrect syntax near '{near}'.", 15, line=line)


def terminating(what: str) -> SqlError:
    """The 3013 that ends every failed BACKUP, RESTORE or VERIFY."""
    return SqlError(3013, f"{what} is terminating abnormally.", 16)


def failed(what: str, number: int, message: str, severity: int = 16, state: int = 1) -> SqlError:
    """An error of a statement that 3013 follows; ``what`` is such as BACKUP DATABASE, RESTORE HEADERONLY, VERIFY DATABASE."""
    return SqlError(number, message, severity, state, more=[terminating(what)])


def no_database(name: str) -> SqlError:
    return SqlError(911, f"Database '{name}' does not exist. Make sure that the name is entered correctly.", 16, 1)


def restoring(name: str) -> SqlError:
    return SqlError(927, f"Database '{name}' cannot be opened. It is in the middle of a restore.", 14, 2)


def offline(name: str) -> SqlError:
    return SqlError(942, f"Database '{name}' cannot be opened because it is offline.", 14, 4)


def in_transition(name: str) -> SqlError:
    return SqlError(952, f"Database '{name}' is in transition. Try the statement later.", 16, 1)


def single_user(name: str) -> SqlError:
    return SqlError(924, f"Database '{name}' is already open and can only have one user at a time.", 14, 1)


def no_access(login: str, name: str) -> SqlError:
    text = f'The server principal "{login}" is not able to access the database "{name}" under the current security context.'
    return SqlError(916, text, 14, 2)


def cannot_open(name: str, login: str) -> SqlError:
    """4060 as a login meets it; 18456 follows."""
    return SqlError(4060, f'Cannot open database "{name}" requested by the login. The login failed.', 11, more=[login_failed(login)])


def login_failed(login: str) -> SqlError:
    return SqlError(18456, f"Login failed for user '{login}'.", 14, 1)


def denied(permission: str, database: str) -> SqlError:
    return SqlError(262, f"{permission} permission denied in database '{database}'.", 14, 1)


def not_allowed() -> SqlError:
    return SqlError(15247, "User does not have permission to perform this action.", 16, 1)


def invalid_object(name: str) -> SqlError:
    return SqlError(208, f"Invalid object name '{name}'.", 16, 1)


def invalid_column(name: str) -> SqlError:
    return SqlError(207, f"Invalid column name '{name}'.", 16, 1)


def in_transaction(what: str) -> SqlError:
    return failed(what, 3021, "Cannot perform a backup or restore operation within a transaction.", 16, 0)


def cannot_alter(name: str) -> SqlError:
    return SqlError(
        5011,
        f"User does not have permission to alter database '{name}', the database does not exist, or the database is not in a state that "
        "allows access checks.",
        14,
        5,
        more=[SqlError(5069, "ALTER DATABASE statement failed.", 16)],
    )


def os_error(error: WinError) -> str:
    """``5(Access is denied.)``, as device errors quote the operating system."""
    return f"{error.code}({error.text})"


def no_device(path: str, error: WinError, state: int = 1) -> tuple[int, str, int, int]:
    """Number, message, severity and state of 3201."""
    return 3201, f"Cannot open backup device '{path}'. Operating system error {os_error(error)}.", 16, state
