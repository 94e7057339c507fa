# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""CREATE, ALTER, DROP and TRUNCATE of tables, and indexes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlglot import exp

from ..tds.engine_api import Output, SqlError
from . import errors
from .database import Database
from .declared import sqlite_type
from .expressions import type_of
from .scope import Scope, quote
from .translator import Translator, used
from .views import objects

if TYPE_CHECKING:
    from .session import Session


def _database(session: Session, table: exp.Table) -> Database | None:
    """The database of a table; None: it is a temporary one."""
    if table.this.args.get("temporary") or table.name.startswith("#"):
        return None
    return session.other_database(table.catalog) if table.catalog else session.client.database


def stored_name(table: exp.Table) -> str:
    """A table's name as SQLite has it."""
    if table.this.args.get("temporary") or table.name.startswith("#"):
        return "#" + table.name.lstrip("#")
    return table.name if table.db.lower() in ("", "dbo") else f"{table.db}.{table.name}"


def target(session: Session, table: exp.Table, permission: str) -> str:
    """How SQLite is to name a table that need not exist.

    Raises:
        SqlError: 262, the login may not.
    """
    database = _database(session, table)
    if database is None:
        return f"temp.{quote(stored_name(table))}"
    if not session.client.login.may_in(database, permission) and not session.client.login.may_in(database, "ALTER"):
        raise errors.denied(permission, database.name)
    return f"{session.attach(database)}.{quote(stored_name(table))}"


def must(session: Session, table: exp.Table, permission: str) -> None:
    """
    Raises:
        SqlError: 229, the login may not do that to this table.
    """
    database = _database(session, table)
    if database is not None:
        session.must(database, permission, table.name)


def is_identity(session: Session, name: str, column: str) -> bool:
    """Whether SQLite numbers that column itself: an INTEGER PRIMARY KEY."""
    prefix, _dot, table = name.partition(".")
    rows = session.connection.execute(f"PRAGMA {prefix}.table_info({table})").fetchall()
    return any(row[1].lower() == column.lower() and row[5] and str(row[2]).upper() == "INTEGER" for row in rows)


def create(session: Session, translator: Translator, tree: exp.Create, out: Output) -> None:
    """CREATE TABLE and CREATE INDEX."""
    if tree.kind == "INDEX":
        _create_index(session, tree, out)
        return
    if tree.kind != "TABLE" or not isinstance(tree.this, exp.Schema):
        raise errors.gap(f"CREATE {tree.kind}")
    properties = tree.args.get("properties")
    if properties is not None and any(not isinstance(one, exp.TemporaryProperty) for one in properties.expressions):
        raise errors.gap(f"CREATE TABLE with {properties.sql('tsql')}")
    used(tree, "this", "kind", "properties")
    name = target(session, tree.this.this, "CREATE TABLE")
    _need_schema(session, tree.this.this)
    parts, keyed = [], False
    for item in tree.this.expressions:
        if isinstance(item, exp.ColumnDef):
            text, key = _column(translator, item)
            keyed = keyed or key
            parts.append(text)
        else:
            text = _constraint(item)
            if not (keyed and text.startswith("PRIMARY KEY")):
                parts.append(text)
    session.execute(f"CREATE TABLE {name} ({', '.join(parts)})")
    out.done()


def _need_schema(session: Session, table: exp.Table) -> None:
    """
    Raises:
        SqlError: 2760, there is no such schema.
    """
    database = _database(session, table)
    if database is not None and table.db and not objects.has_schema(session, database, table.db):
        text = f'The specified schema name "{table.db}" either does not exist or you do not have permission to use it.'
        raise SqlError(2760, text, 16)


def _column(translator: Translator, item: exp.ColumnDef) -> tuple[str, bool]:
    """A column's definition for SQLite, and whether it is its own number and key (IDENTITY)."""
    kinds = [constraint.args["kind"] for constraint in item.args.get("constraints") or []]
    identity = any(isinstance(kind, exp.GeneratedAsIdentityColumnConstraint) for kind in kinds)
    name = quote(item.name)
    if identity:
        return f"{name} INTEGER PRIMARY KEY AUTOINCREMENT", True
    parts = [name, sqlite_type(type_of(item.args["kind"]))]
    for kind in kinds:
        if isinstance(kind, exp.NotNullColumnConstraint):
            parts += [] if kind.args.get("allow_null") else ["NOT NULL"]
        elif isinstance(kind, exp.PrimaryKeyColumnConstraint):
            parts.append("NOT NULL PRIMARY KEY")
        elif isinstance(kind, exp.UniqueColumnConstraint):
            parts.append("UNIQUE")
        elif isinstance(kind, exp.DefaultColumnConstraint):
            parts.append(f"DEFAULT ({translator.expressions.sql(kind.this, Scope()).text})")
        elif not isinstance(kind, (exp.CollateColumnConstraint, exp.ClusteredColumnConstraint, exp.NonClusteredColumnConstraint)):
            raise errors.gap(f"the column constraint {kind.sql('tsql')!r}")
    return " ".join(parts), False


def _constraint(item: Any) -> str:
    """A constraint of a whole table."""
    inner = item.expressions[0] if isinstance(item, exp.Constraint) else item
    names = ", ".join(quote(one.name) for one in inner.find_all(exp.Identifier))
    if isinstance(inner, (exp.PrimaryKey, exp.PrimaryKeyColumnConstraint)):
        return f"PRIMARY KEY ({names})"
    if isinstance(inner, exp.UniqueColumnConstraint):
        return f"UNIQUE ({names})"
    raise errors.gap(f"the table constraint {inner.sql('tsql')!r}")


def _create_index(session: Session, tree: exp.Create, out: Output) -> None:
    index = tree.this
    table = index.args["table"]
    name = target(session, table, "ALTER")
    prefix = name.partition(".")[0]
    columns = ", ".join(
        f"{quote(one.this.name)}{' DESC' if one.args.get('desc') else ''}" for one in index.args["params"].args.get("columns") or []
    )
    unique = "UNIQUE " if tree.args.get("unique") else ""
    # SQLite's indexes are named within the database, SQL Server's within the table.
    label = quote(f"{stored_name(table)}.{index.name}")
    session.execute(f"CREATE {unique}INDEX {prefix}.{label} ON {quote(stored_name(table))} ({columns})")
    out.done()


def drop(session: Session, _translator: Translator, tree: exp.Drop, out: Output) -> None:
    if tree.args.get("kind") != "TABLE":
        raise errors.gap(f"DROP {tree.args.get('kind')}")
    for table in tree.args.get("tables") or [tree.this]:
        name = target(session, table, "ALTER")
        prefix, _dot, quoted = name.partition(".")
        if not session.connection.execute(f"PRAGMA {prefix}.table_info({quoted})").fetchall():
            if tree.args.get("exists"):
                continue
            raise SqlError(3701, f"Cannot drop the table '{table.name}', because it does not exist or you do not have permission.", 11, 5)
        session.execute(f"DROP TABLE {name}")
    out.done()


def truncate(session: Session, translator: Translator, tree: exp.TruncateTable, out: Output) -> None:
    for table in tree.expressions:
        name, _columns = translator.sources.table(table)
        target(session, table, "ALTER")
        session.execute(f"DELETE FROM {name}")
    out.done()


def alter(session: Session, translator: Translator, tree: exp.Alter, out: Output) -> None:
    """ALTER TABLE ... ADD and DROP COLUMN."""
    if tree.args.get("kind") != "TABLE":
        raise errors.gap(f"ALTER {tree.args.get('kind')}")
    name, _columns = translator.sources.table(tree.this)
    target(session, tree.this, "ALTER")
    for action in tree.args["actions"]:
        if isinstance(action, exp.ColumnDef):
            session.execute(f"ALTER TABLE {name} ADD COLUMN {_column(translator, action)[0]}")
        elif isinstance(action, exp.Drop) and action.args.get("kind") == "COLUMN":
            for column in action.args.get("tables") or [action.this]:
                session.execute(f"ALTER TABLE {name} DROP COLUMN {quote(column.name)}")
        else:
            raise errors.gap(f"ALTER TABLE {action.sql('tsql')!r}")
    out.done()
