# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""FROM: tables, views of the system, its table-valued functions, derived tables, joins and APPLY."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from sqlglot import exp

from ..tds.types import SqlType
from . import errors
from .declared import from_sqlite, sqlite_column
from .scope import OutputColumn, Scope, Source, quote
from .values import to_sqlite
from .views import registry

if TYPE_CHECKING:
    from .translator import Translator

_VARIANT = SqlType("sql_variant")


class Sources:
    """Translates what stands in FROM; each source adds its columns to the scope."""

    def __init__(self, translator: Translator) -> None:
        self.translator = translator
        self.session = translator.session
        self._temporary: list[str] = []

    def clean(self) -> None:
        for name in self._temporary:
            self.session.connection.execute(f"DROP TABLE IF EXISTS temp.{quote(name)}")
        self._temporary.clear()

    def origin(self, node: exp.Select, scope: Scope) -> str:
        """FROM with its joins; empty where a SELECT has none."""
        first = node.args.get("from_")
        if first is None:
            return ""
        text = f"FROM {self.source(first.this, scope)}"
        for join in [*(first.this.args.get("joins") or []), *(node.args.get("joins") or [])]:
            text += self._join(join, scope)
        return text

    def _join(self, join: exp.Join, scope: Scope) -> str:
        if isinstance(join.this, exp.Lateral):
            return self._apply(join.this, scope)
        on = join.args.get("on")
        words = " ".join(word for word in (join.side, join.kind) if word)
        if not words and on is None:
            words = "CROSS"  # a comma
        text = f" {words} JOIN {self.source(join.this, scope)}"
        return text if on is None else f"{text} ON {self.translator.expressions.sql(on, scope).text}"

    def _apply(self, node: exp.Lateral, scope: Scope) -> str:
        """CROSS or OUTER APPLY of a table-valued function of the system: a join on what it was asked about."""
        parts = list(node.this.flatten()) if isinstance(node.this, exp.Dot) else []
        call = parts[-1] if parts else None
        if not isinstance(call, exp.Anonymous) or parts[-2].name.lower() != "sys":
            raise errors.gap(f"APPLY to {node.this.sql('tsql')[:60]!r}")
        name = str(call.this)
        function = registry.find_function(self.session.server, name)
        if function.every is None:
            raise errors.gap(f"APPLY to sys.{name}")
        arguments = self.translator.expressions.many(call.expressions, scope)
        alias = node.alias or name
        keys = [(f"lab key {place}", _VARIANT) for place in range(len(arguments))]
        text = self._materialise(alias, [*keys, *function.columns], function.every(self.session))
        scope.sources.append(
            Source(
                alias,
                tuple(OutputColumn(one, kind, hidden=place < len(keys)) for place, (one, kind) in enumerate([*keys, *function.columns])),
            )
        )
        condition = " AND ".join(f"{quote(alias)}.{quote(key)} = {one.text}" for (key, _kind), one in zip(keys, arguments, strict=True))
        return f" {'JOIN' if node.args.get('cross_apply') else 'LEFT JOIN'} {text} AS {quote(alias)} ON {condition or '1'}"

    def source(self, node: Any, scope: Scope) -> str:
        """A table, view, function or derived table."""
        if isinstance(node, exp.Subquery):
            return self._derived(node, scope)
        if isinstance(node, exp.Values):
            return self._values(node, scope)
        if not isinstance(node, exp.Table):
            raise errors.gap(f"{type(node).__name__} in FROM")
        for name in ("pivots", "sample", "system_time", "laterals"):
            if node.args.get(name):
                raise errors.gap(f"FROM with {name}")
        if isinstance(node.this, exp.Parameter):
            raise errors.gap("a table variable")
        alias = node.alias or (str(node.this.this) if isinstance(node.this, exp.Anonymous) else node.name)
        common = scope.table(node.name) if not node.db and isinstance(node.this, exp.Identifier) else None
        if common is not None:
            text, columns = quote(node.name), common.columns
        elif isinstance(node.this, exp.Anonymous):
            text, columns = self._function(node)
        else:
            text, columns = self.table(node)
        scope.sources.append(Source(alias, columns))
        return f"{text} AS {quote(alias)}"

    def _derived(self, node: exp.Subquery, scope: Scope) -> str:
        query = self.translator.query(node.this, Scope(outer=scope.outer, tables=scope.tables))
        text, columns = query.text, query.columns
        names = _column_names(node)
        if names:
            pairs = enumerate(zip(names, columns, strict=False))
            renamed = ", ".join(f"{quote(column.name or f'lab_{place}')} AS {quote(name)}" for place, (name, column) in pairs)
            text = f"SELECT {renamed} FROM ({text})"
            columns = tuple(OutputColumn(name, column.type) for name, column in zip(names, columns, strict=False))
        scope.sources.append(Source(node.alias, columns))
        return f"({text}) AS {quote(node.alias)}"

    def _values(self, node: exp.Values, scope: Scope) -> str:
        rows = [self.translator.expressions.many(row.expressions, scope) for row in node.expressions]
        names = _column_names(node)
        if not names:
            raise errors.SqlError(8155, "No column name was specified for column 1.", 16)
        body = ", ".join(f"({', '.join(value.text for value in row)})" for row in rows)
        renamed = ", ".join(f"column{place} AS {quote(name)}" for place, name in enumerate(names, 1))
        scope.sources.append(Source(node.alias, tuple(OutputColumn(name, value.type) for name, value in zip(names, rows[0], strict=False))))
        return f"(SELECT {renamed} FROM (VALUES {body})) AS {quote(node.alias)}"

    def _function(self, node: exp.Table) -> tuple[str, tuple[OutputColumn, ...]]:
        name = str(node.this.this)
        if node.db.lower() != "sys" and not (not node.db and registry.is_plain(name)):
            raise errors.invalid_object(f"{node.db}.{name}".strip("."))
        function = registry.find_function(self.session.server, name)
        arguments = [self.session.scalar_of(one) for one in self.translator.expressions.many(node.this.expressions, Scope())]
        columns = tuple(OutputColumn(one, kind) for one, kind in function.columns)
        return self._materialise(name, function.columns, function.rows(self.session, *arguments)), columns

    def table(self, node: exp.Table) -> tuple[str, tuple[OutputColumn, ...]]:
        """A table or system view: how SQLite is to name it, and its columns.

        Raises:
            SqlError: 208 there is none; 911 and others, its database cannot be used; 229 no permission.
        """
        session = self.session
        name, schema, catalog = node.name, node.db.lower(), node.catalog
        if node.this.args.get("temporary") or name.startswith("#"):
            stored = "#" + name.lstrip("#")
            return f"temp.{quote(stored)}", self._columns("temp", stored, stored)
        database = session.other_database(catalog) if catalog else session.client.database
        view = registry.find(session.server, schema, name)
        if view is not None:
            return self._materialise(name, view.columns, view.rows(session, database)), tuple(
                OutputColumn(one, kind) for one, kind in view.columns
            )
        shown = ".".join(part for part in (catalog, node.db, name) if part)
        if schema in ("sys", "information_schema"):
            raise errors.invalid_object(shown)
        stored = name if schema in ("", "dbo") else f"{node.db}.{name}"
        prefix = session.attach(database)
        columns = self._columns(prefix, stored, shown)
        session.must(database, "SELECT", stored)
        return f"{prefix}.{quote(stored)}", columns

    def _columns(self, prefix: str, stored: str, shown: str) -> tuple[OutputColumn, ...]:
        rows = self.session.connection.execute(f"PRAGMA {prefix}.table_info({quote(stored)})").fetchall()
        if not rows:
            raise errors.invalid_object(shown)
        return tuple(OutputColumn(row[1], from_sqlite(row[2])) for row in rows)

    def _materialise(self, alias: str, columns: Sequence[tuple[str, SqlType]], rows: Iterable[Sequence[object]]) -> str:
        """A temporary table with the rows of a view of the system, as they are now."""
        name = f"lab {len(self._temporary)} {alias}"
        self._temporary.append(name)
        declared = ", ".join(sqlite_column(one, kind) for one, kind in columns)
        connection = self.session.connection
        connection.execute(f"CREATE TEMP TABLE {quote(name)} ({declared})")
        marks = ", ".join("?" * len(columns))
        connection.executemany(f"INSERT INTO temp.{quote(name)} VALUES ({marks})", ([to_sqlite(value) for value in row] for row in rows))
        return f"temp.{quote(name)}"


def _column_names(node: Any) -> list[str]:
    """The column names of ``AS t(a, b)``."""
    alias = node.args.get("alias")
    return [column.name for column in alias.args.get("columns") or []] if alias is not None else []
