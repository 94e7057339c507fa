# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tables, columns and other objects of one database."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ...tds.types import MAX, SqlType
from ..database import Database
from ..declared import from_sqlite
from ..scope import quote
from .registry import Rows, view

if TYPE_CHECKING:
    from ..session import Session

# Where SQLite, which has no schemas, keeps the names of those that were created; none of the database's own tables.
SCHEMAS = "lab_schemas"
_BUILT_IN = {"dbo": 1, "guest": 2, "INFORMATION_SCHEMA": 3, "sys": 4}
_TYPES = {
    "image": 34,
    "text": 35,
    "uniqueidentifier": 36,
    "date": 40,
    "time": 41,
    "datetime2": 42,
    "datetimeoffset": 43,
    "tinyint": 48,
    "smallint": 52,
    "int": 56,
    "smalldatetime": 58,
    "real": 59,
    "money": 60,
    "datetime": 61,
    "float": 62,
    "sql_variant": 98,
    "ntext": 99,
    "bit": 104,
    "decimal": 106,
    "numeric": 108,
    "smallmoney": 122,
    "bigint": 127,
    "varbinary": 165,
    "varchar": 167,
    "binary": 173,
    "char": 175,
    "nvarchar": 231,
    "nchar": 239,
    "xml": 241,
}
_SIZES = {
    "uniqueidentifier": 16,
    "date": 3,
    "time": 5,
    "datetime2": 8,
    "datetimeoffset": 10,
    "tinyint": 1,
    "smallint": 2,
    "int": 4,
    "smalldatetime": 4,
    "real": 4,
    "money": 8,
    "datetime": 8,
    "float": 8,
    "bit": 1,
    "bigint": 8,
    "decimal": 9,
    "numeric": 9,
    "smallmoney": 4,
    "xml": -1,
    "sql_variant": 8016,
}
_OBJECT = (
    "name sysname, object_id int, principal_id int, schema_id int, parent_object_id int, type char(2), type_desc nvarchar(60),"
    " create_date datetime, modify_date datetime, is_ms_shipped bit"
)


def object_id(schema: str, name: str) -> int:
    return zlib.crc32(f"{schema}.{name}".lower().encode()) & 0x7FFFFFFF


def split(stored: str) -> tuple[str, str]:
    """Schema and name of a table as SQLite has it: those of dbo have no schema there."""
    schema, dot, name = stored.partition(".")
    return (schema, name) if dot else ("dbo", stored)


def tables(session: Session, database: Database, kind: str = "table") -> list[str]:
    """The tables (or views) as SQLite has them."""
    prefix = session.attach(database)
    rows = session.connection.execute(
        f"SELECT name FROM {prefix}.sqlite_master WHERE type = ? AND name NOT LIKE 'sqlite!_%' ESCAPE '!' AND name <> ? ORDER BY name",
        (kind, SCHEMAS),
    )
    return [str(row[0]) for row in rows]


def columns(session: Session, database: Database, stored: str) -> list[tuple[Any, ...]]:
    """SQLite's table_info: place, name, type, not null, default, place in the key."""
    prefix = session.attach(database)
    return session.connection.execute(f"PRAGMA {prefix}.table_info({quote(stored)})").fetchall()


def find(session: Session, database: Database, schema: str, name: str) -> str | None:
    """The table or view of that name, as SQLite has it."""
    wanted = name if schema.lower() in ("", "dbo") else f"{schema}.{name}"
    return next((one for kind in ("table", "view") for one in tables(session, database, kind) if one.lower() == wanted.lower()), None)


def size(kind: SqlType) -> int:
    """max_length: bytes; -1 for (max)."""
    if kind.length is None:
        return _SIZES[kind.name]
    if kind.length == MAX:
        return -1
    return kind.length * (2 if kind.name.startswith("n") else 1)


def _objects(session: Session, database: Database) -> Iterator[tuple[Any, ...]]:
    for kind, letter, text in (("table", "U ", "USER_TABLE"), ("view", "V ", "VIEW")):
        for stored in tables(session, database, kind):
            schema, name = split(stored)
            yield name, object_id(schema, name), None, _schema_id(schema), 0, letter, text, database.created, database.created, 0


def _schema_id(schema: str) -> int:
    return 1 if schema.lower() == "dbo" else 5 + zlib.crc32(schema.lower().encode()) % 10000


@view("sys.objects", _OBJECT)
def objects(session: Session, database: Database) -> Rows:
    yield from _objects(session, database)
    for stored in tables(session, database):
        schema, name = split(stored)
        if any(row[5] for row in columns(session, database, stored)):
            key = f"PK_{name}"
            yield (
                key,
                object_id(schema, key),
                None,
                _schema_id(schema),
                object_id(schema, name),
                "PK",
                "PRIMARY_KEY_CONSTRAINT",
                database.created,
                database.created,
                0,
            )


@view("sys.all_objects", _OBJECT)
def all_objects(session: Session, database: Database) -> Rows:
    return objects(session, database)


@view("sys.tables", f"{_OBJECT}, temporal_type tinyint, is_memory_optimized bit")
def sys_tables(session: Session, database: Database) -> Rows:
    return [(*row, 0, 0) for row in _objects(session, database) if row[5] == "U "]


@view("sys.views", _OBJECT)
def sys_views(session: Session, database: Database) -> Rows:
    return [row for row in _objects(session, database) if row[5] == "V "]


@view("sys.procedures", _OBJECT)
def procedures(_session: Session, _database: Database) -> Rows:
    return []


@view("sys.triggers", "name sysname, object_id int, parent_id int, is_disabled bit, is_ms_shipped bit")
def triggers(_session: Session, _database: Database) -> Rows:
    return []


@view("sys.schemas", "name sysname, schema_id int, principal_id int")
def schemas(session: Session, database: Database) -> Rows:
    found = _BUILT_IN | {name: _schema_id(name) for name in created_schemas(session, database)}
    return [(name, number, 1) for name, number in found.items()]


def created_schemas(session: Session, database: Database) -> list[str]:
    """Those of CREATE SCHEMA."""
    prefix = session.attach(database)
    if not session.connection.execute(f"PRAGMA {prefix}.table_info({SCHEMAS})").fetchall():
        return []
    return [row[0] for row in session.connection.execute(f"SELECT name FROM {prefix}.{SCHEMAS} ORDER BY name")]


def has_schema(session: Session, database: Database, name: str) -> bool:
    return name.lower() in {one.lower() for one in (*_BUILT_IN, *created_schemas(session, database))}


@view("sys.types", "name sysname, system_type_id tinyint, user_type_id int, schema_id int, max_length smallint, is_user_defined bit")
def types(_session: Session, _database: Database) -> Rows:
    yield from ((name, number, number, 4, _SIZES.get(name, 8000), 0) for name, number in _TYPES.items())
    yield "sysname", 231, 256, 4, 256, 0


@view(
    "sys.columns",
    "object_id int, name sysname, column_id int, system_type_id tinyint, user_type_id int, max_length smallint, precision tinyint, scale tinyint,"
    " collation_name sysname, is_nullable bit, is_identity bit, is_computed bit",
)
def sys_columns(session: Session, database: Database) -> Rows:
    for stored in [*tables(session, database), *tables(session, database, "view")]:
        number = object_id(*split(stored))
        for place, name, declared, not_null, _default, key in columns(session, database, stored):
            kind = from_sqlite(declared) or SqlType("sql_variant")
            text = "char" in kind.name
            yield (
                number,
                name,
                place + 1,
                _TYPES[kind.name],
                _TYPES[kind.name],
                size(kind),
                kind.precision or 0,
                kind.scale or 0,
                database.column_collations.get((split(stored)[1], name), database.collation) if text else None,
                not (not_null or key),
                bool(key) and str(declared).upper() == "INTEGER",
                0,
            )


@view("sys.indexes", "object_id int, name sysname, index_id int, type tinyint, type_desc nvarchar(60), is_unique bit, is_primary_key bit")
def indexes(session: Session, database: Database) -> Rows:
    prefix = session.attach(database)
    for stored in tables(session, database):
        schema, name = split(stored)
        keyed = any(row[5] for row in columns(session, database, stored))
        yield (
            object_id(schema, name),
            f"PK_{name}" if keyed else None,
            int(keyed),
            int(keyed),
            "CLUSTERED" if keyed else "HEAP",
            int(keyed),
            int(keyed),
        )
        rows = session.connection.execute(f"PRAGMA {prefix}.index_list({quote(stored)})").fetchall()
        for place, row in enumerate((row for row in rows if row[3] == "c"), 2):
            yield object_id(schema, name), row[1], place, 2, "NONCLUSTERED", row[2], 0


@view("sys.partitions", "partition_id bigint, object_id int, index_id int, partition_number int, rows bigint")
def partitions(session: Session, database: Database) -> Rows:
    prefix = session.attach(database)
    for stored in tables(session, database):
        number = object_id(*split(stored))
        keyed = any(row[5] for row in columns(session, database, stored))
        yield number, number, int(keyed), 1, session.connection.execute(f"SELECT count(*) FROM {prefix}.{quote(stored)}").fetchone()[0]


@view("sys.dm_db_partition_stats", "partition_id bigint, object_id int, index_id int, partition_number int, row_count bigint")
def partition_stats(session: Session, database: Database) -> Rows:
    return partitions(session, database)


@view("INFORMATION_SCHEMA.TABLES", "TABLE_CATALOG nvarchar(128), TABLE_SCHEMA nvarchar(128), TABLE_NAME sysname, TABLE_TYPE varchar(10)")
def schema_tables(session: Session, database: Database) -> Rows:
    for kind, text in (("table", "BASE TABLE"), ("view", "VIEW")):
        yield from ((database.name, *split(stored), text) for stored in tables(session, database, kind))


@view(
    "INFORMATION_SCHEMA.COLUMNS",
    "TABLE_CATALOG nvarchar(128), TABLE_SCHEMA nvarchar(128), TABLE_NAME nvarchar(128), COLUMN_NAME sysname, ORDINAL_POSITION int,"
    " COLUMN_DEFAULT nvarchar(4000), IS_NULLABLE varchar(3), DATA_TYPE nvarchar(128), CHARACTER_MAXIMUM_LENGTH int, NUMERIC_PRECISION tinyint,"
    " NUMERIC_SCALE int, COLLATION_NAME sysname",
)
def schema_columns(session: Session, database: Database) -> Rows:
    for stored in tables(session, database):
        for place, name, declared, not_null, default, key in columns(session, database, stored):
            kind = from_sqlite(declared) or SqlType("sql_variant")
            yield (
                database.name,
                *split(stored),
                name,
                place + 1,
                default,
                "NO" if not_null or key else "YES",
                kind.name,
                kind.length,
                kind.precision,
                kind.scale,
                database.collation if "char" in kind.name else None,
            )
