# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""T-SQL's functions: the ones that SQLite has, and ours, which it calls back.

https://learn.microsoft.com/sql/t-sql/functions/functions
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ..tds.types import MAX, SqlType

Types = list["SqlType | None"]
WORD_FIRST = {"DATEDIFF", "DATEDIFF_BIG", "DATEADD", "DATEPART", "DATENAME"}  # their first argument is a word, no column
NILADIC = {"CURRENT_TIMESTAMP", "CURRENT_USER", "SESSION_USER", "SYSTEM_USER", "USER"}

_INT, _BIGINT, _BIT, _FLOAT = SqlType("int"), SqlType("bigint"), SqlType("bit"), SqlType("float")
_NAME, _TEXT, _LONG = SqlType("nvarchar", 128), SqlType("nvarchar", 4000), SqlType("nvarchar", MAX)
_VARIANT, _DATETIME, _GUID = SqlType("sql_variant"), SqlType("datetime"), SqlType("uniqueidentifier")


def _first(types: Types) -> SqlType | None:
    return types[0] if types else None


def _second(types: Types) -> SqlType | None:
    return types[1] if len(types) > 1 else None


def _third(types: Types) -> SqlType | None:
    """DATEADD: a text becomes a datetime."""
    kind = types[2] if len(types) > 2 else None
    return _DATETIME if kind is None or "char" in kind.name else kind


def _string(types: Types) -> SqlType | None:
    """A text as long as the longest there is, of a type that holds every character."""
    kind = _first(types)
    return _LONG if kind is not None and kind.length == MAX else _TEXT


@dataclass(frozen=True)
class Function:
    """One function: how many arguments, the result's type, the version that has it first, SQLite's name where it has one."""

    type: SqlType | Callable[[Types], SqlType | None] | None
    fewest: int = 1
    most: int = 1
    since: int = 0
    native: str = ""

    def result(self, types: Types) -> SqlType | None:
        return self.type(types) if callable(self.type) else self.type

    def sqlite(self, name: str) -> str:
        return self.native or "lab_" + name.lower().replace(".", "_")


FUNCTIONS: dict[str, Function] = {
    # Choosing; their types are worked out where they are translated.
    "COALESCE": Function(None, 2, 99),
    "ISNULL": Function(None, 2, 2),
    "IIF": Function(None, 3, 3, 11),
    "CHOOSE": Function(None, 2, 99, 11),
    "NULLIF": Function(_first, 2, 2, native="NULLIF"),
    # Text
    "LEN": Function(_INT),
    "DATALENGTH": Function(_INT),
    "LOWER": Function(_string),
    "UPPER": Function(_string),
    "LTRIM": Function(_string),
    "RTRIM": Function(_string),
    "TRIM": Function(_string, since=14),
    "LEFT": Function(_string, 2, 2),
    "RIGHT": Function(_string, 2, 2),
    "SUBSTRING": Function(_string, 3, 3),
    "REPLACE": Function(_string, 3, 3),
    "CHARINDEX": Function(_INT, 2, 3),
    "PATINDEX": Function(_INT, 2, 2),
    "REPLICATE": Function(_string, 2, 2),
    "REVERSE": Function(_string),
    "SPACE": Function(_TEXT),
    "STUFF": Function(_string, 4, 4),
    "CONCAT": Function(_LONG, 2, 99, 11),
    "CONCAT_WS": Function(_LONG, 3, 99, 14),
    "QUOTENAME": Function(SqlType("nvarchar", 258), 1, 2),
    "CHAR": Function(SqlType("char", 1)),
    "NCHAR": Function(SqlType("nchar", 1)),
    "ASCII": Function(_INT),
    "UNICODE": Function(_INT),
    "PARSENAME": Function(_NAME, 2, 2),
    "STR": Function(SqlType("varchar", 40), 1, 3),
    "STRING_AGG": Function(_LONG, 2, 4, 14),
    # Numbers
    "ABS": Function(_first, native="ABS"),
    "ROUND": Function(_first, 2, 3),
    "CEILING": Function(_first),
    "FLOOR": Function(_first),
    "POWER": Function(_first, 2, 2),
    "SIGN": Function(_first),
    # Dates
    "GETDATE": Function(_DATETIME, 0, 0),
    "CURRENT_TIMESTAMP": Function(_DATETIME, 0, 0),
    "GETUTCDATE": Function(_DATETIME, 0, 0),
    "SYSDATETIME": Function(SqlType("datetime2"), 0, 0),
    "SYSUTCDATETIME": Function(SqlType("datetime2"), 0, 0),
    "SYSDATETIMEOFFSET": Function(SqlType("datetimeoffset"), 0, 0),
    "DATEDIFF": Function(_INT, 3, 3),
    "DATEDIFF_BIG": Function(_BIGINT, 3, 3, 13),
    "DATEADD": Function(_third, 3, 3),
    "DATEPART": Function(_INT, 2, 2),
    "DATENAME": Function(SqlType("nvarchar", 30), 2, 2),
    "YEAR": Function(_INT),
    "MONTH": Function(_INT),
    "DAY": Function(_INT),
    "ISDATE": Function(_INT),
    "TODATETIMEOFFSET": Function(SqlType("datetimeoffset"), 2, 2),
    "SWITCHOFFSET": Function(SqlType("datetimeoffset"), 2, 2),
    # JSON: 2016
    "JSON_VALUE": Function(_TEXT, 2, 2, 13),
    "JSON_QUERY": Function(_LONG, 1, 2, 13),
    "JSON_MODIFY": Function(_LONG, 3, 3, 13),
    "ISJSON": Function(_INT, 1, 2, 13),
    # The server
    "LAB_GLOBAL": Function(None, 1, 1),
    "SERVERPROPERTY": Function(_VARIANT),
    "DATABASEPROPERTYEX": Function(_VARIANT, 2, 2),
    "CONNECTIONPROPERTY": Function(_VARIANT),
    "NEWID": Function(_GUID, 0, 0),
    "NEWSEQUENTIALID": Function(_GUID, 0, 0),
    "DB_ID": Function(SqlType("smallint"), 0, 1),
    "DB_NAME": Function(_NAME, 0, 1),
    "OBJECT_ID": Function(_INT, 1, 2),
    "OBJECT_NAME": Function(_NAME, 1, 2),
    "OBJECT_SCHEMA_NAME": Function(_NAME, 1, 2),
    "SCHEMA_NAME": Function(_NAME, 0, 1),
    "SCHEMA_ID": Function(_INT, 0, 1),
    "COL_LENGTH": Function(SqlType("smallint"), 2, 2),
    "COL_NAME": Function(_NAME, 2, 2),
    "COLUMNPROPERTY": Function(_INT, 3, 3),
    "OBJECTPROPERTY": Function(_INT, 2, 2),
    "TYPE_NAME": Function(_NAME),
    "FILEPROPERTY": Function(_INT, 2, 2),
    "SUSER_SNAME": Function(_NAME, 0, 1),
    "SUSER_NAME": Function(_NAME, 0, 1),
    "SUSER_SID": Function(SqlType("varbinary", 85), 0, 1),
    "SUSER_ID": Function(_INT, 0, 1),
    "ORIGINAL_LOGIN": Function(_NAME, 0, 0),
    "USER_NAME": Function(_NAME, 0, 1),
    "CURRENT_USER": Function(_NAME, 0, 0),
    "SESSION_USER": Function(_NAME, 0, 0),
    "SYSTEM_USER": Function(_NAME, 0, 0),
    "USER": Function(_NAME, 0, 0),
    "HOST_NAME": Function(_NAME, 0, 0),
    "APP_NAME": Function(_NAME, 0, 0),
    "IS_SRVROLEMEMBER": Function(_INT, 1, 2),
    "IS_MEMBER": Function(_INT),
    "IS_ROLEMEMBER": Function(_INT, 1, 2),
    "HAS_DBACCESS": Function(_INT),
    "HAS_PERMS_BY_NAME": Function(_INT, 3, 5),
    "XACT_STATE": Function(SqlType("smallint"), 0, 0),
    "SYS.FN_HADR_BACKUP_IS_PREFERRED_REPLICA": Function(_BIT, 1, 1, 11),
    "SYS.FN_HADR_IS_PRIMARY_REPLICA": Function(_BIT, 1, 1, 12),
    # Errors
    "ERROR_NUMBER": Function(_INT, 0, 0),
    "ERROR_MESSAGE": Function(_TEXT, 0, 0),
    "ERROR_SEVERITY": Function(_INT, 0, 0),
    "ERROR_STATE": Function(_INT, 0, 0),
    "ERROR_LINE": Function(_INT, 0, 0),
    "ERROR_PROCEDURE": Function(_NAME, 0, 0),
    "FORMATMESSAGE": Function(_TEXT, 1, 20),
}
