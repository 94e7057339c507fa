# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Queries of T-SQL as SQLite's: sqlglot reads them, this writes them, from a whitelist of what the lab can do faithfully."""

from __future__ import annotations

import functools
import logging
from typing import TYPE_CHECKING, Any, ClassVar

import sqlglot
from sqlglot import exp
from sqlglot.dialects.tsql import TSQL
from sqlglot.parsers.tsql import TSQLParser

from . import errors
from .expressions import Expressions
from .lexer import GLOBAL, tokens
from .scope import OutputColumn, Query, Scope, Sql, quote, text_literal
from .sources import Sources

if TYPE_CHECKING:
    from .session import Session

logging.getLogger("sqlglot").setLevel(logging.ERROR)  # it warns of what it would not translate; here it only reads


class _Reader(TSQL):
    """T-SQL whose functions stay what they are called: their meaning is this package's business."""

    class Parser(TSQLParser):
        FUNCTIONS: ClassVar[dict[str, Any]] = {}
        FUNCTION_PARSERS = {
            name: parser for name, parser in TSQLParser.FUNCTION_PARSERS.items() if name in ("CAST", "TRY_CAST", "CONVERT", "TRY_CONVERT")
        }
        NO_PAREN_FUNCTIONS: ClassVar[dict[Any, Any]] = {}


@functools.lru_cache(maxsize=1024)
def read(text: str) -> exp.Expr:
    """One statement as sqlglot's tree, which nobody changes. Globals (``@@SPID``) become calls of LAB_GLOBAL.

    Raises:
        SqlError: 102.
    """
    parts, at = [], 0
    for token in tokens(text):
        if token.kind == GLOBAL:
            parts += [text[at : token.start], f"LAB_GLOBAL({text_literal(token.text[2:].upper())})"]
            at = token.end
    source = "".join([*parts, text[at:]])
    try:
        found = sqlglot.parse(source, read=_Reader)
    except sqlglot.errors.SqlglotError as error:
        details = getattr(error, "errors", None) or [{}]
        raise errors.syntax(str(details[0].get("highlight") or source[:30]), int(details[0].get("line") or 1)) from error
    if len(found) != 1 or found[0] is None:
        raise errors.syntax(source[:30])
    return found[0]


def used(node: Any, *allowed: str) -> None:
    """Refuse a part of a statement that the lab does not know.

    Raises:
        SqlError: It has one.
    """
    for name, value in node.args.items():
        if value not in (None, False, []) and name not in allowed:
            raise errors.gap(f"{type(node).__name__.upper()} with {name.rstrip('_')}")


class Translator:
    """Translates the queries of one statement. Temporary tables that it makes for views of the system are dropped by :meth:`clean`."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.expressions = Expressions(self)
        self.sources = Sources(self)

    def clean(self) -> None:
        self.sources.clean()

    def query(self, node: Any, outer: Scope | None = None) -> Query:
        """A SELECT, or a UNION or its like.

        Raises:
            SqlError: An unknown name, or something that the lab lacks.
        """
        scope = Scope(outer=outer)
        prefix = self._with(node.args.get("with_"), scope)
        if isinstance(node, exp.Select):
            found = self._select(node, scope)
        elif isinstance(node, exp.SetOperation):
            found = self._set_operation(node, scope)
        elif isinstance(node, exp.Subquery):
            used(node, "this", "with_")
            found = self.query(node.this, scope)
        else:
            raise errors.gap(f"the query {node.sql('tsql')[:80]!r}")
        return Query(prefix + found.text, found.columns)

    def _with(self, node: Any, scope: Scope) -> str:
        if node is None:
            return ""
        parts = []
        for table in node.expressions:
            names = [column.name for column in table.args["alias"].args.get("columns") or []]
            query = self.query(table.this, scope)
            if names:
                query = Query(
                    query.text, tuple(OutputColumn(name, column.type) for name, column in zip(names, query.columns, strict=False))
                )
            scope.tables[table.alias.lower()] = query
            parts.append(f"{quote(table.alias)}({', '.join(quote(column.name) for column in query.columns)}) AS ({query.text})")
        return f"WITH {', '.join(parts)} "

    def _set_operation(self, node: exp.SetOperation, scope: Scope) -> Query:
        used(node, "this", "expression", "distinct", "with_", "order", "limit", "offset", "options")
        left, right = self.query(node.left, scope), self.query(node.right, scope)
        if len(left.columns) != len(right.columns):
            raise errors.SqlError(
                205,
                "All queries combined using a UNION, INTERSECT or EXCEPT operator must have an equal number of expressions in their target lists.",
                16,
            )
        word = {exp.Union: "UNION", exp.Except: "EXCEPT", exp.Intersect: "INTERSECT"}[type(node)]
        if isinstance(node, exp.Union) and not node.args.get("distinct"):
            word = "UNION ALL"
        columns = tuple(
            OutputColumn(one.name, one.type if one.type == other.type else None)
            for one, other in zip(left.columns, right.columns, strict=True)
        )
        text = f"SELECT * FROM ({left.text}) {word} SELECT * FROM ({right.text})"
        if node.args.get("order") is not None:
            text = f"SELECT * FROM ({text}) ORDER BY {self.ordering(node.args['order'], Scope(), columns)}"
        return Query(text + self._limit(node, scope), columns)

    def _select(self, node: exp.Select, scope: Scope) -> Query:
        used(
            node,
            "expressions",
            "distinct",
            "from_",
            "joins",
            "where",
            "group",
            "having",
            "order",
            "limit",
            "offset",
            "with_",
            "options",
            "into",
        )
        origin = self.sources.origin(node, scope)
        items = self.items(node.expressions, scope)
        parts = ["SELECT"]
        if node.args.get("distinct"):
            used(node.args["distinct"])
            parts.append("DISTINCT")
        parts.append(", ".join(f"{value.text} AS {quote(name or f'lab_{place}')}" for place, (name, value) in enumerate(items)))
        parts.append(origin)
        if node.args.get("where") is not None:
            parts.append(f"WHERE {self.expressions.sql(node.args['where'].this, scope).text}")
        if node.args.get("group") is not None:
            used(node.args["group"], "expressions")
            parts.append("GROUP BY " + ", ".join(one.text for one in self.expressions.many(node.args["group"].expressions, scope)))
        if node.args.get("having") is not None:
            parts.append(f"HAVING {self.expressions.sql(node.args['having'].this, scope).text}")
        columns = tuple(OutputColumn(name, value.type) for name, value in items)
        if node.args.get("order") is not None:
            parts.append("ORDER BY " + self.ordering(node.args["order"], scope, columns))
        return Query(" ".join(part for part in parts if part) + self._limit(node, scope), columns)

    def items(self, nodes: list[Any], scope: Scope) -> list[tuple[str, Sql]]:
        """The select list, stars expanded."""
        out: list[tuple[str, Sql]] = []
        for node in nodes:
            if isinstance(node, exp.Star) or (isinstance(node, exp.Column) and isinstance(node.this, exp.Star)):
                wanted = "" if isinstance(node, exp.Star) else node.table.lower()
                sources = [source for source in scope.sources if not wanted or source.name.lower() == wanted]
                if not sources:
                    raise errors.SqlError(263, "Must specify table to select from.", 16)
                out += [
                    (column.name, Sql(f"{quote(source.name)}.{quote(column.name)}", column.type))
                    for source in sources
                    for column in source.columns
                    if not column.hidden
                ]
            elif isinstance(node, exp.Alias):
                out.append((node.alias, self.expressions.sql(node.this, scope)))
            else:
                out.append((node.name if isinstance(node, exp.Column) else "", self.expressions.sql(node, scope)))
        return out

    def ordering(self, node: Any, scope: Scope, columns: tuple[OutputColumn, ...] = ()) -> str:
        """ORDER BY's list; a name of the select list comes before a column of the tables."""
        parts = []
        for one in node.expressions:
            target = one.this
            if isinstance(target, exp.Literal) and not target.is_string:
                text = target.name
            elif (
                isinstance(target, exp.Column)
                and not target.table
                and any(column.name.lower() == target.name.lower() for column in columns)
            ):
                text = f"{quote(target.name)} COLLATE NOCASE"
            else:
                text = f"{self.expressions.sql(target, scope).text} COLLATE NOCASE"
            parts.append(f"{text} DESC" if one.args.get("desc") else text)
        return ", ".join(parts)

    def _limit(self, node: Any, scope: Scope) -> str:
        limit, offset = node.args.get("limit"), node.args.get("offset")
        if limit is None and offset is None:
            return ""
        count = "-1"
        if limit is not None:
            options = limit.args.get("limit_options")
            if options is not None and (options.args.get("percent") or options.args.get("with_ties")):
                raise errors.gap("TOP with PERCENT or WITH TIES")
            count = self.expressions.sql(limit.args["count"] if isinstance(limit, exp.Fetch) else limit.expression, scope).text
        start = f" OFFSET {self.expressions.sql(offset.expression, scope).text}" if offset is not None else ""
        return f" LIMIT {count}{start}"
