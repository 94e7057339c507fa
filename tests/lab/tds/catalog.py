# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What sp_datatype_info answers: drivers ask it which type to bind a parameter as.

Rows as https://learn.microsoft.com/sql/relational-databases/system-stored-procedures/sp-datatype-info-transact-sql describes them, with
ODBC's type numbers.
"""

from __future__ import annotations

import re

from .engine_api import Column
from .types import SqlType

COLUMNS = [
    Column(name, SqlType.parse(kind))
    for name, kind in (
        ("TYPE_NAME", "sysname"),
        ("DATA_TYPE", "smallint"),
        ("PRECISION", "int"),
        ("LITERAL_PREFIX", "nvarchar(32)"),
        ("LITERAL_SUFFIX", "nvarchar(32)"),
        ("CREATE_PARAMS", "nvarchar(32)"),
        ("NULLABLE", "smallint"),
        ("CASE_SENSITIVE", "smallint"),
        ("SEARCHABLE", "smallint"),
        ("UNSIGNED_ATTRIBUTE", "smallint"),
        ("MONEY", "smallint"),
        ("AUTO_INCREMENT", "smallint"),
        ("LOCAL_TYPE_NAME", "sysname"),
        ("MINIMUM_SCALE", "smallint"),
        ("MAXIMUM_SCALE", "smallint"),
        ("SQL_DATA_TYPE", "smallint"),
        ("SQL_DATETIME_SUB", "smallint"),
        ("NUM_PREC_RADIX", "int"),
        ("INTERVAL_PRECISION", "smallint"),
        ("USERTYPE", "smallint"),
    )
]
# name, ODBC type, precision, literal prefix, literal suffix, parameters, unsigned, money, largest scale, radix
_TYPES: list[tuple[str, int, int, str | None, str | None, str | None, int | None, int, int | None, int | None]] = [
    ("datetimeoffset", -155, 34, "'", "'", "scale", None, 0, 7, None),
    ("time", -154, 16, "'", "'", "scale", None, 0, 7, None),
    ("xml", -152, 0, "N'", "'", None, None, 0, None, None),
    ("sql_variant", -150, 8000, None, None, None, None, 0, None, None),
    ("uniqueidentifier", -11, 36, "'", "'", None, None, 0, None, None),
    ("nvarchar", -9, 4000, "N'", "'", "max length", None, 0, None, None),
    ("nchar", -8, 4000, "N'", "'", "length", None, 0, None, None),
    ("bit", -7, 1, None, None, None, None, 0, 0, None),
    ("tinyint", -6, 3, None, None, None, 1, 0, 0, 10),
    ("bigint", -5, 19, None, None, None, 0, 0, 0, 10),
    ("varbinary", -3, 8000, "0x", None, "max length", None, 0, None, None),
    ("binary", -2, 8000, "0x", None, "length", None, 0, None, None),
    ("char", 1, 8000, "'", "'", "length", None, 0, None, None),
    ("numeric", 2, 38, None, None, "precision,scale", 0, 0, 38, 10),
    ("decimal", 3, 38, None, None, "precision,scale", 0, 0, 38, 10),
    ("money", 3, 19, "$", None, None, 0, 1, 4, 10),
    ("int", 4, 10, None, None, None, 0, 0, 0, 10),
    ("smallint", 5, 5, None, None, None, 0, 0, 0, 10),
    ("float", 6, 53, None, None, None, 0, 0, None, 2),
    ("real", 7, 24, None, None, None, 0, 0, None, 2),
    ("varchar", 12, 8000, "'", "'", "max length", None, 0, None, None),
    ("date", 91, 10, "'", "'", None, None, 0, 0, None),
    ("datetime2", 93, 27, "'", "'", "scale", None, 0, 7, None),
    ("datetime", 93, 23, "'", "'", None, None, 0, 3, None),
    ("smalldatetime", 93, 16, "'", "'", None, None, 0, 0, None),
]
_ASKED = re.compile(
    r"\s*(?:EXEC(?:UTE)?\s+)?(?:\[?sys\]?\s*\.\s*)?\[?sp_datatype_info(?:_90|_100)?\]?\s*(?:@data_type\s*=\s*)?(-?\d+)?\s*(?:,[^;]*)?;?\s*",
    re.IGNORECASE,
)


def asked_for(sql: str) -> int | None:
    """The ODBC type that a batch asks sp_datatype_info for (0: all of them); None: the batch is something else."""
    match = _ASKED.fullmatch(sql)
    return int(match[1] or 0) if match else None


def rows(data_type: int) -> list[tuple[object, ...]]:
    """The types with that ODBC number; all for 0."""
    return [
        (
            *(name, number, precision, prefix, suffix, parameters, 1, 0, 3 if prefix and "'" in prefix else 2, unsigned, money),
            *(None if unsigned is None else 0, name, None if scale is None else 0, scale),
            *((9, number - 90) if 91 <= number <= 93 else (number, None)),
            *(radix, None, 0),
        )
        for name, number, precision, prefix, suffix, parameters, unsigned, money, scale, radix in _TYPES
        if data_type in (0, number)
    ]
