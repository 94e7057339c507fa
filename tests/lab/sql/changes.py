# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Ordinary queries, and statements that change rows and tables."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from sqlglot import exp

from ..tds.engine_api import DELETE, INSERT, SELECT, UPDATE, Column, Output, SqlError
from ..tds.moments import utf16_units
from ..tds.types import MAX, SqlType
from . import errors, tables
from .batch import STARTERS, Statement
from .declared import sqlite_column
from .lexer import WORD
from .scope import OutputColumn, Query, Scope, Source, Sql, quote
from .translator import Translator, read, used
from .values import STRINGS, convert

if TYPE_CHECKING:
    from .session import Session


def run(session: Session, statement: Statement, out: Output) -> None:
    """
    Raises:
        SqlError: It failed, or the lab does not take it.
    """
    tree = read(statement.text)
    translator = Translator(session)
    handlers: dict[type, Callable[..., None]] = {
        exp.Insert: _insert,
        exp.Update: _update,
        exp.Delete: _delete,
        exp.Create: tables.create,
        exp.Drop: tables.drop,
        exp.Alter: tables.alter,
        exp.TruncateTable: tables.truncate,
    }
    try:
        if isinstance(tree, (exp.Select, exp.SetOperation, exp.Subquery)):
            _implicit(session, tree, out)
            _query(session, translator, tree, out)
            return
        handler = handlers.get(type(tree))
        if handler is None:
            raise _unknown(statement)
        if session.implicit and not session.client.transactions:
            session.begin(out)
        handler(session, translator, tree, out)
    finally:
        translator.clean()


def _unknown(statement: Statement) -> SqlError:
    """A statement that T-SQL does not know, or that the lab does not."""
    first = statement.tokens[0]
    if first.upper in STARTERS or first.upper in ("WITH", "OPEN"):
        return errors.gap(f"the statement {statement.text[:60]!r}")
    if len(statement.tokens) == 1 and first.kind == WORD:  # a word alone at the start of a batch is a procedure's name
        return SqlError(2812, f"Could not find stored procedure '{first.text}'.", 16, 62)
    return errors.syntax(statement.tokens[min(1, len(statement.tokens) - 1)].text, first.line)


def _implicit(session: Session, tree: Any, out: Output) -> None:
    """SET IMPLICIT_TRANSACTIONS ON: a SELECT from a table begins one."""
    if session.implicit and not session.client.transactions and tree.find(exp.From):
        session.begin(out)


# -- queries


def _query(session: Session, translator: Translator, tree: Any, out: Output) -> None:
    if isinstance(tree, exp.Select):
        if tree.args.get("for_"):
            raise errors.gap("FOR XML and FOR JSON")
        assigned = [item for item in tree.expressions if isinstance(item, exp.EQ) and isinstance(item.this, exp.Parameter)]
        if assigned:
            _assign(session, translator, tree, assigned, out)
            return
    into = tree.args.get("into") if isinstance(tree, exp.Select) else None
    if into is not None:
        tree = tree.copy()
        tree.set("into", None)
    query = translator.query(tree)
    rows = session.execute(query.text).fetchall()
    session.row_count = len(rows)
    if into is not None:
        _into(session, into, query, rows)
        out.done(len(rows) if session.counted else None, SELECT)
        return
    out.rowset(typed(query.columns, rows), rows, counted=session.counted)


def typed(columns: tuple[OutputColumn, ...], rows: list[tuple[Any, ...]]) -> list[Column]:
    """Result columns; where the query does not tell a type, the values do."""
    out = []
    for place, column in enumerate(columns):
        values = [row[place] for row in rows if row[place] is not None]
        kind = column.type or _of_values(values)
        if kind.name in STRINGS and kind.length not in (None, MAX) and values:
            longest = max(utf16_units(str(value)) for value in values)
            if longest > (kind.length or 0):  # SQLite keeps what the product writes, however long
                kind = SqlType("nvarchar" if kind.name.startswith("n") else "varchar", MAX)
        out.append(Column(column.name, kind))
    return out


def _of_values(values: list[Any]) -> SqlType:
    kinds = {type(value) for value in values}
    if kinds == {int}:
        return max((SqlType.of(value) for value in values), key=lambda kind: kind.name == "bigint")
    if kinds and kinds <= {int, float}:
        return SqlType("float")
    if kinds == {bytes}:
        return SqlType("varbinary", MAX)
    if not kinds:
        return SqlType("int")  # what SELECT NULL is
    return SqlType("nvarchar", MAX if any(utf16_units(str(value)) > 4000 for value in values) else 4000)


def _assign(session: Session, translator: Translator, tree: exp.Select, assigned: list[exp.EQ], out: Output) -> None:
    """SELECT @a = expression, ...: each row assigns; the last one stays."""
    if len(assigned) != len(tree.expressions):
        text = "A SELECT statement that assigns a value to a variable must not be combined with data-retrieval operations."
        raise SqlError(141, text, 15)
    names = [item.this.name.lower() for item in assigned]
    tree = tree.copy()
    tree.set("expressions", [item.expression for item in assigned])
    query = translator.query(tree)
    rows = session.execute(query.text).fetchall()
    session.row_count = len(rows)
    if rows:
        for name, value, column in zip(names, rows[-1], query.columns, strict=True):
            variable = session.variable(name)
            variable.value = value if variable.type is None else convert(value, variable.type, column.type)
    out.done(None, SELECT)


def _into(session: Session, into: exp.Into, query: Query, rows: list[tuple[Any, ...]]) -> None:
    """SELECT ... INTO a new table."""
    columns = [(column.name, column.type) for column in typed(query.columns, rows)]
    if any(not name for name, _kind in columns):
        raise SqlError(
            1038, "An object or column name is missing or empty. For SELECT INTO statements, verify each column has a name.", 15, 5
        )
    target = tables.target(session, into.this, "CREATE TABLE")
    session.execute(f"CREATE TABLE {target} ({', '.join(sqlite_column(name, kind) for name, kind in columns)})")
    session.connection.executemany(f"INSERT INTO {target} VALUES ({', '.join('?' * len(columns))})", rows)


# -- changes


def _changed(session: Session, count: int, command: int, out: Output) -> None:
    session.row_count = max(0, count)
    out.done(session.row_count if session.counted else None, command)


def _returning(node: Any) -> None:
    if node.args.get("returning") is not None:
        raise errors.gap("the OUTPUT clause")


def _stored(session: Session, value: Sql, column: OutputColumn) -> str:
    """A value on its way into a column: converted, and refused where it is too long."""
    if column.type is None or value.text == "NULL":
        return value.text
    source = "NULL" if value.type is None else f"'{value.type}'"
    return f"lab_store({value.text}, '{column.type}', {source}, {quote_text(column.name)})"


def quote_text(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _insert(session: Session, translator: Translator, tree: exp.Insert, out: Output) -> None:
    used(tree, "this", "expression", "default", "with_", "returning")
    _returning(tree)
    schema = tree.this
    table = schema.this if isinstance(schema, exp.Schema) else schema
    target, columns = translator.sources.table(table)
    tables.must(session, table, "INSERT")
    names = (
        [one.name for one in schema.expressions]
        if isinstance(schema, exp.Schema)
        else [column.name for column in columns if not tables.is_identity(session, target, column.name)]
    )
    source = Source("t", columns)
    wanted = []
    for name in names:
        found = source.find(name)
        if found is None:
            raise errors.invalid_column(name)
        wanted.append(found)
    if tree.args.get("default"):
        count = session.execute(f"INSERT INTO {target} DEFAULT VALUES").rowcount
        _changed(session, count, INSERT, out)
        return
    listed = ", ".join(quote(column.name) for column in wanted)
    if isinstance(tree.expression, exp.Values):
        rows = []
        for row in tree.expression.expressions:
            values = translator.expressions.many(row.expressions, Scope())
            if len(values) != len(wanted):
                raise SqlError(213, "Column name or number of supplied values does not match table definition.", 16)
            rows.append(f"({', '.join(_stored(session, value, column) for value, column in zip(values, wanted, strict=True))})")
        text = f"VALUES {', '.join(rows)}"
    else:
        query = translator.query(tree.expression)
        if len(query.columns) != len(wanted):
            raise SqlError(213, "Column name or number of supplied values does not match table definition.", 16)
        inner = [quote(column.name or f"lab_{place}") for place, column in enumerate(query.columns)]
        stored = ", ".join(
            _stored(session, Sql(name, column.type), to) for name, column, to in zip(inner, query.columns, wanted, strict=True)
        )
        text = f"SELECT {stored} FROM ({query.text}) WHERE 1"
    _changed(session, session.execute(f"INSERT INTO {target} ({listed}) {text}").rowcount, INSERT, out)


def _target(session: Session, translator: Translator, table: Any, permission: str) -> tuple[str, Source, Scope]:
    if not isinstance(table, exp.Table) or table.args.get("alias"):
        raise errors.gap("a change of anything but a plain table")
    target, columns = translator.sources.table(table)
    tables.must(session, table, permission)
    source = Source(table.name, columns)
    return target, source, Scope([source])


def _update(session: Session, translator: Translator, tree: exp.Update, out: Output) -> None:
    used(tree, "this", "expressions", "where", "with_", "returning", "options")
    _returning(tree)
    target, source, scope = _target(session, translator, tree.this, "UPDATE")
    pairs = []
    for item in tree.expressions:
        if not isinstance(item, exp.EQ) or not isinstance(item.this, exp.Column):
            raise errors.gap("this kind of SET in an UPDATE")
        column = source.find(item.this.name)
        if column is None:
            raise errors.invalid_column(item.this.name)
        pairs.append(f"{quote(column.name)} = {_stored(session, translator.expressions.sql(item.expression, scope), column)}")
    text = f"UPDATE {target} AS {quote(source.name)} SET {', '.join(pairs)}{_where(translator, tree, scope)}"
    _changed(session, session.execute(text).rowcount, UPDATE, out)


def _delete(session: Session, translator: Translator, tree: exp.Delete, out: Output) -> None:
    used(tree, "this", "where", "with_", "returning", "tables")
    _returning(tree)
    named = tree.args.get("tables") or []
    if (tree.this and named) or len(named) > 1:
        raise errors.gap("DELETE from a join")
    target, source, scope = _target(session, translator, tree.this or named[0], "DELETE")
    text = f"DELETE FROM {target} AS {quote(source.name)}{_where(translator, tree, scope)}"
    _changed(session, session.execute(text).rowcount, DELETE, out)


def _where(translator: Translator, tree: Any, scope: Scope) -> str:
    where = tree.args.get("where")
    return "" if where is None else f" WHERE {translator.expressions.sql(where.this, scope).text}"
