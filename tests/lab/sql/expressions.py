# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Scalar expressions of T-SQL as SQLite's. What is not named here is refused: no construct is passed on unseen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlglot import exp

from ..tds.types import MAX, SqlType
from . import errors
from .functions import FUNCTIONS, NILADIC, WORD_FIRST
from .scope import Query, Scope, Sql, text_literal
from .values import DECIMALS, INTEGERS, NAIVE, STRINGS, TEMPORAL

if TYPE_CHECKING:
    from .translator import Translator

INT, BIGINT, BIT, FLOAT = SqlType("int"), SqlType("bigint"), SqlType("bit"), SqlType("float")
_COMPARISONS: dict[type, str] = {exp.EQ: "=", exp.NEQ: "<>", exp.GT: ">", exp.GTE: ">=", exp.LT: "<", exp.LTE: "<="}
_ARITHMETIC: dict[type, str] = {
    exp.Sub: "-",
    exp.Mul: "*",
    exp.Div: "/",
    exp.Mod: "%",
    exp.BitwiseAnd: "&",
    exp.BitwiseOr: "|",
}
_RANK = ["bit", "tinyint", "smallint", "int", "bigint", "smallmoney", "money", "decimal", "numeric", "real", "float"]
# Aggregates and window functions that SQLite has: name, and the type of the result (None: its argument's).
_AGGREGATES: dict[str, SqlType | None] = {
    "COUNT": INT,
    "COUNT_BIG": BIGINT,
    "SUM": None,
    "MIN": None,
    "MAX": None,
    "AVG": None,
    "ROW_NUMBER": BIGINT,
    "RANK": BIGINT,
    "DENSE_RANK": BIGINT,
    "LAG": None,
    "LEAD": None,
    "FIRST_VALUE": None,
    "LAST_VALUE": None,
}


def type_of(node: exp.DataType) -> SqlType:
    """
    Raises:
        SqlError: 243, no such type.
    """
    text = node.sql("tsql")
    try:
        return SqlType.parse(text)
    except ValueError:
        raise errors.SqlError(243, f"Type {text} is not a defined system type.", 16) from None


def common(types: list[SqlType | None]) -> SqlType | None:
    """The type of CASE, COALESCE and the like over these; None where one is unknown."""
    known = [one for one in types if one is not None]
    if not known or len(known) < len(types):
        return None
    if len({str(one) for one in known}) == 1:
        return known[0]
    if all(one.name in _RANK for one in known):
        return max(known, key=lambda one: _RANK.index(one.name))
    if all(one.name in STRINGS for one in known):
        longest = MAX if any(one.length in (MAX, None) for one in known) else max(one.length or 0 for one in known)
        return SqlType("nvarchar", longest if longest == MAX or longest <= 4000 else MAX)
    others = [one for one in known if one.name not in STRINGS]
    return others[0] if len({one.name for one in others}) == 1 else None


class Expressions:
    """Translates expressions within a scope."""

    def __init__(self, translator: Translator) -> None:
        self.translator = translator
        self.session = translator.session

    def sql(self, node: Any, scope: Scope) -> Sql:
        """
        Raises:
            SqlError: An unknown name, or a construct that the lab lacks.
        """
        method = getattr(self, f"_{type(node).__name__.lower()}", None)
        if method is not None:
            found: Sql = method(node, scope)
            return found
        kind = type(node)
        if kind in _COMPARISONS:
            left, right = self._aligned(self.sql(node.this, scope), self.sql(node.expression, scope))
            return Sql(f"({left} COLLATE NOCASE {_COMPARISONS[kind]} {right})", BIT)
        if kind in _ARITHMETIC:
            left_sql, right_sql = self.sql(node.this, scope), self.sql(node.expression, scope)
            if kind is exp.Div:
                return Sql(f"lab_divide({left_sql.text}, {right_sql.text})", common([left_sql.type, right_sql.type]))
            return Sql(f"({left_sql.text} {_ARITHMETIC[kind]} {right_sql.text})", common([left_sql.type, right_sql.type]))
        raise errors.gap(f"the expression {node.sql('tsql')!r} ({kind.__name__})")

    def many(self, nodes: list[Any], scope: Scope) -> list[Sql]:
        return [self.sql(node, scope) for node in nodes]

    # -- names and values

    def _column(self, node: exp.Column, scope: Scope) -> Sql:
        name = node.name
        if not node.table and not node.this.args.get("quoted") and name.upper() in NILADIC and not scope.has(name):
            return self._call(name, [], scope)
        if isinstance(node.this, exp.Star):
            raise errors.syntax("*")
        return scope.column(name, node.table)

    def _identifier(self, node: exp.Identifier, scope: Scope) -> Sql:
        return scope.column(node.name)

    def _literal(self, node: exp.Literal, _scope: Scope) -> Sql:
        if node.is_string:
            return Sql(text_literal(node.name), SqlType("varchar", max(1, min(len(node.name), 8000))))
        text = node.name
        if text.isdigit():
            return Sql(text, SqlType.of(int(text)))
        if "e" in text.lower():
            return Sql(text, FLOAT)
        scale = len(text.partition(".")[2])
        return Sql(text, SqlType("numeric", precision=max(1, len(text.replace(".", ""))), scale=scale))

    def _national(self, node: exp.National, _scope: Scope) -> Sql:
        text = str(node.this)
        return Sql(text_literal(text), SqlType("nvarchar", len(text) if 0 < len(text) <= 4000 else 1 if not text else MAX))

    def _hexstring(self, node: exp.HexString, _scope: Scope) -> Sql:
        digits = str(node.this)
        return Sql(f"x'{'0' * (len(digits) % 2)}{digits}'", SqlType("varbinary", max(1, (len(digits) + 1) // 2)))

    def _null(self, _node: exp.Null, _scope: Scope) -> Sql:
        return Sql("NULL", None)

    def _parameter(self, node: exp.Parameter, _scope: Scope) -> Sql:
        name = node.name.lower()
        return Sql(f":{self.session.bind(name)}", self.session.variable_type(name))

    # -- logic

    def _paren(self, node: exp.Paren, scope: Scope) -> Sql:
        inner = self.sql(node.this, scope)
        return Sql(f"({inner.text})", inner.type)

    def _neg(self, node: exp.Neg, scope: Scope) -> Sql:
        inner = self.sql(node.this, scope)
        return Sql(f"(-{inner.text})", inner.type)

    def _bitwisenot(self, node: exp.BitwiseNot, scope: Scope) -> Sql:
        inner = self.sql(node.this, scope)
        return Sql(f"(~{inner.text})", inner.type)

    def _not(self, node: exp.Not, scope: Scope) -> Sql:
        return Sql(f"(NOT {self.sql(node.this, scope).text})", BIT)

    def _and(self, node: exp.And, scope: Scope) -> Sql:
        return Sql(f"({self.sql(node.this, scope).text} AND {self.sql(node.expression, scope).text})", BIT)

    def _or(self, node: exp.Or, scope: Scope) -> Sql:
        return Sql(f"({self.sql(node.this, scope).text} OR {self.sql(node.expression, scope).text})", BIT)

    def _is(self, node: exp.Is, scope: Scope) -> Sql:
        if not isinstance(node.expression, exp.Null) and not (
            isinstance(node.expression, exp.Not) and isinstance(node.expression.this, exp.Null)
        ):
            raise errors.syntax("IS")
        word = "IS NULL" if isinstance(node.expression, exp.Null) else "IS NOT NULL"
        return Sql(f"({self.sql(node.this, scope).text} {word})", BIT)

    def _escape(self, node: exp.Escape, scope: Scope) -> Sql:
        return self._like(node.this, scope, self.sql(node.expression, scope).text)

    def _like(self, node: exp.Like, scope: Scope, escape: str = "NULL") -> Sql:
        left, right = self.sql(node.this, scope), self.sql(node.expression, scope)
        text = f"lab_like({left.text}, {right.text}, {escape})"
        return Sql(f"(NOT {text})" if node.args.get("negate") else text, BIT)

    def _between(self, node: exp.Between, scope: Scope) -> Sql:
        value = self.sql(node.this, scope)
        low = self._aligned(value, self.sql(node.args["low"], scope))
        high = self._aligned(value, self.sql(node.args["high"], scope))
        return Sql(f"({low[0]} COLLATE NOCASE >= {low[1]} AND {high[0]} COLLATE NOCASE <= {high[1]})", BIT)

    def _in(self, node: exp.In, scope: Scope) -> Sql:
        value = self.sql(node.this, scope)
        query = node.args.get("query")
        if query is not None:
            return Sql(f"({value.text} COLLATE NOCASE IN ({self._query(query, scope).text}))", BIT)
        listed = ", ".join(self._aligned(value, one)[1] for one in self.many(node.expressions, scope))
        return Sql(f"({value.text} COLLATE NOCASE IN ({listed}))", BIT)

    def _exists(self, node: exp.Exists, scope: Scope) -> Sql:
        return Sql(f"EXISTS ({self._query(node.this, scope).text})", BIT)

    def _query(self, node: Any, scope: Scope) -> Query:
        return self.translator.query(node.this if isinstance(node, exp.Subquery) else node, scope)

    def _subquery(self, node: exp.Subquery, scope: Scope) -> Sql:
        query = self._query(node, scope)
        return Sql(f"({query.text})", query.columns[0].type)

    def _case(self, node: exp.Case, scope: Scope) -> Sql:
        types: list[SqlType | None] = []
        parts = ["CASE"]
        subject = self.sql(node.this, scope) if node.this is not None else None
        for one in node.args["ifs"]:
            if subject is not None:
                left, right = self._aligned(subject, self.sql(one.this, scope))
                parts.append(f"WHEN {left} COLLATE NOCASE = {right}")
            else:
                parts.append(f"WHEN {self.sql(one.this, scope).text}")
            parts.append(f"THEN {self._branch(one.args['true'], scope, types)}")
        if node.args.get("default") is not None:
            parts.append(f"ELSE {self._branch(node.args['default'], scope, types)}")
        return Sql(" ".join([*parts, "END"]), common(types))

    def _branch(self, node: Any, scope: Scope, types: list[SqlType | None]) -> str:
        value = self.sql(node, scope)
        if not isinstance(node, exp.Null):
            types.append(value.type)
        return value.text

    # -- arithmetic and text

    def _add(self, node: exp.Add, scope: Scope) -> Sql:
        left, right = self.sql(node.this, scope), self.sql(node.expression, scope)
        strings = [one for one in (left.type, right.type) if one is not None and one.name in STRINGS]
        numeric = [one for one in (left.type, right.type) if one is not None and one.name in _RANK]
        if strings and numeric:  # T-SQL adds: the number's type takes precedence
            text_side, kind = (left, numeric[0]) if left.type in strings else (right, numeric[0])
            converted = self._converted(text_side, kind)
            return Sql(f"({converted} + {right.text if text_side is left else left.text})", kind)
        if strings:
            return Sql(f"({left.text} || {right.text})", SqlType("nvarchar", MAX) if self._long(left, right) else SqlType("nvarchar", 4000))
        if left.type is not None and left.type.name in NAIVE:
            return Sql(f"lab_dateadd('day', {right.text}, {left.text})", left.type)
        if left.type is None and right.type is None:
            return Sql(f"lab_plus({left.text}, {right.text})", None)
        return Sql(f"({left.text} + {right.text})", common([left.type, right.type]))

    @staticmethod
    def _long(*sides: Sql) -> bool:
        return any(side.type is not None and side.type.length == MAX for side in sides)

    def _bitwisexor(self, node: exp.BitwiseXor, scope: Scope) -> Sql:
        left, right = self.sql(node.this, scope).text, self.sql(node.expression, scope).text
        return Sql(f"(({left} | {right}) - ({left} & {right}))", INT)

    def _collate(self, node: exp.Collate, scope: Scope) -> Sql:
        name = node.expression.name.upper()
        inner = self.sql(node.this, scope)
        return Sql(f"({inner.text} COLLATE BINARY)", inner.type) if "_BIN" in name or "_CS_" in name else inner

    def _aligned(self, left: Sql, right: Sql) -> tuple[str, str]:
        """Two sides of a comparison in one form: dates as they lie in SQLite, numbers as numbers."""
        one, other = left.type, right.type
        if one is not None and one.name in TEMPORAL and (other is None or other.name != one.name):
            kind = SqlType("datetimeoffset") if other is not None and other.name == "datetimeoffset" else one
            if other is not None and other.name in NAIVE and one.name in NAIVE:
                return left.text, right.text
            return (self._converted(left, kind) if kind is not one else left.text), self._converted(right, kind)
        if other is not None and other.name in TEMPORAL and one is not None and one.name not in TEMPORAL:
            return self._converted(left, other), right.text
        if one is not None and other is not None:
            if one.name in {*INTEGERS, *DECIMALS, "bit"} and other.name in STRINGS:
                return left.text, self._converted(right, one)
            if other.name in {*INTEGERS, *DECIMALS, "bit"} and one.name in STRINGS:
                return self._converted(left, other), right.text
        return left.text, right.text

    @staticmethod
    def _converted(value: Sql, kind: SqlType, style: str = "NULL", safe: bool = False) -> str:
        source = text_literal(str(value.type)) if value.type is not None else "NULL"
        return f"lab_convert({value.text}, {text_literal(str(kind))}, {source}, {style}, {int(safe)})"

    def _cast(self, node: exp.Cast, scope: Scope) -> Sql:
        kind = _default_length(node.args["to"])
        return Sql(self._converted(self.sql(node.this, scope), kind, safe=bool(node.args.get("safe"))), kind)

    def _trycast(self, node: exp.TryCast, scope: Scope) -> Sql:
        kind = _default_length(node.args["to"])
        return Sql(self._converted(self.sql(node.this, scope), kind, safe=True), kind)

    def _convert(self, node: exp.Convert, scope: Scope) -> Sql:
        kind = _default_length(node.this)
        style = self.sql(node.args["style"], scope).text if node.args.get("style") is not None else "NULL"
        return Sql(self._converted(self.sql(node.expression, scope), kind, style, bool(node.args.get("safe"))), kind)

    # -- functions

    def _anonymous(self, node: exp.Anonymous, scope: Scope) -> Sql:
        name = str(node.this)
        if name.upper() in _AGGREGATES:
            return self._aggregate(name.upper(), node.expressions, scope)
        return self._call(name, node.expressions, scope)

    def _dot(self, node: exp.Dot, scope: Scope) -> Sql:
        parts = [part.name.lower() for part in node.flatten() if isinstance(part, exp.Identifier)]
        call = list(node.flatten())[-1]
        if not isinstance(call, exp.Anonymous) or parts[-1:] != ["sys"]:
            raise errors.gap(f"the expression {node.sql('tsql')!r}")
        return self._call(f"sys.{call.this}", call.expressions, scope)

    def _aggregate(self, name: str, arguments: list[Any], scope: Scope) -> Sql:
        distinct = ""
        if len(arguments) == 1 and isinstance(arguments[0], exp.Distinct):
            distinct, arguments = "DISTINCT ", arguments[0].expressions
        if len(arguments) == 1 and isinstance(arguments[0], exp.Star):
            return Sql("COUNT(*)", _AGGREGATES[name])
        values = self.many(arguments, scope)
        kind = _AGGREGATES[name] or (values[0].type if values else None)
        native = {"COUNT_BIG": "COUNT"}.get(name, name)
        text = f"{native}({distinct}{', '.join(value.text for value in values)})"
        if name == "AVG" and kind is not None and kind.name in INTEGERS:
            text = f"CAST({text} AS INTEGER)"
        if name in ("SUM", "AVG") and kind is not None and kind.name in ("tinyint", "smallint"):
            kind = INT
        return Sql(text, kind)

    def _window(self, node: exp.Window, scope: Scope) -> Sql:
        inner = self.sql(node.this, scope)
        if node.args.get("spec") is not None:
            raise errors.gap("a window frame")
        parts = []
        if node.args.get("partition_by"):
            parts.append("PARTITION BY " + ", ".join(one.text for one in self.many(node.args["partition_by"], scope)))
        if node.args.get("order") is not None:
            parts.append("ORDER BY " + self.translator.ordering(node.args["order"], scope))
        return Sql(f"{inner.text} OVER ({' '.join(parts)})", inner.type)

    def _withingroup(self, node: exp.WithinGroup, scope: Scope) -> Sql:
        call = node.this
        if not isinstance(call, exp.Anonymous) or str(call.this).upper() != "STRING_AGG" or len(node.expression.expressions) != 1:
            raise errors.gap("WITHIN GROUP here")
        order = node.expression.expressions[0]
        return self._call("STRING_AGG", [*call.expressions, order.this, exp.Literal.number(int(bool(order.args.get("desc"))))], scope)

    def _call(self, name: str, arguments: list[Any], scope: Scope) -> Sql:
        upper = name.upper()
        function = FUNCTIONS.get(upper)
        if function is None or self.session.server.product.major < function.since:
            raise errors.SqlError(195, f"'{name}' is not a recognized built-in function name.", 15, 10)
        if upper in ("COALESCE", "ISNULL", "IIF", "CHOOSE"):
            return self._chosen(upper, arguments, scope)
        values = []
        for place, argument in enumerate(arguments):
            if not place and upper in WORD_FIRST and isinstance(argument, exp.Column):
                values.append(Sql(text_literal(argument.name)))
            else:
                values.append(self.sql(argument, scope))
        if not function.fewest <= len(values) <= function.most:
            raise errors.SqlError(174, f"The {name} function requires {function.fewest} argument(s).", 15)
        return Sql(
            f"{function.sqlite(upper)}({', '.join(value.text for value in values)})", function.result([value.type for value in values])
        )

    def _chosen(self, name: str, arguments: list[Any], scope: Scope) -> Sql:
        values = self.many(arguments, scope)
        kept = values[1:] if name in ("IIF", "CHOOSE") else values
        nodes = arguments[1:] if name in ("IIF", "CHOOSE") else arguments
        kind = common([value.type for value, node in zip(kept, nodes, strict=True) if not isinstance(node, exp.Null)])
        if name == "ISNULL" and values[0].type is not None:
            kind = values[0].type
        if name == "CHOOSE":
            whens = " ".join(f"WHEN {place} THEN {value.text}" for place, value in enumerate(kept, 1))
            return Sql(f"CASE {values[0].text} {whens} END", kind)
        texts = ", ".join(value.text for value in values)
        return Sql(f"IIF({texts})" if name == "IIF" else f"COALESCE({texts})", kind)


def _default_length(node: exp.DataType) -> SqlType:
    """The type of a CAST or CONVERT, where a string without a length has 30 characters."""
    kind = type_of(node)
    if kind.name in ("char", "varchar", "nchar", "nvarchar", "binary", "varbinary") and not node.expressions and kind.length == 1:
        return SqlType(kind.name, 30)
    return kind
