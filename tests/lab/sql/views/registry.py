# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a client can ask the server about itself: views and table-valued functions of the system by name.

Columns: https://learn.microsoft.com/sql/relational-databases/system-catalog-views/ and system-dynamic-management-views/. Columns that
nobody in the lab could tell a truth about are left out, so that asking for one fails rather than lies.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ...tds.types import SqlType
from .. import errors
from ..declared import columns_of

if TYPE_CHECKING:
    from ..database import Database
    from ..server import SqlServer
    from ..session import Session

Rows = Iterable[Sequence[object]]


@dataclass(frozen=True)
class View:
    """``rows`` gives the view as that session sees it in that database."""

    columns: tuple[tuple[str, SqlType], ...]
    rows: Callable[[Session, Database], Rows]
    since: int


@dataclass(frozen=True)
class TableFunction:
    """``rows`` is called with the arguments; ``every`` gives (arguments, row) joined, for all arguments there are: for APPLY."""

    columns: tuple[tuple[str, SqlType], ...]
    rows: Callable[..., Rows]
    every: Callable[[Session], Rows] | None
    since: int


_VIEWS: dict[str, View] = {}
_FUNCTIONS: dict[str, TableFunction] = {}
_PLAIN = {"string_split", "openjson"}  # need no schema


def view(name: str, columns: str, since: int = 0) -> Callable[[Callable[..., Rows]], Callable[..., Rows]]:
    """Register a view: ``schema.name``, its columns, the major version that has it first."""

    def register(rows: Callable[..., Rows]) -> Callable[..., Rows]:
        _VIEWS[name.lower()] = View(tuple(columns_of(columns)), rows, since)
        return rows

    return register


def table_function(
    name: str, columns: str, every: Callable[..., Rows] | None = None, since: int = 0
) -> Callable[[Callable[..., Rows]], Callable[..., Rows]]:
    """Register a table-valued function."""

    def register(rows: Callable[..., Rows]) -> Callable[..., Rows]:
        _FUNCTIONS[name.lower()] = TableFunction(tuple(columns_of(columns)), rows, every, since)
        return rows

    return register


def find(server: SqlServer, schema: str, name: str) -> View | None:
    """The view of that name; None where this version has none."""
    found = _VIEWS.get(f"{schema or 'dbo'}.{name}".lower())
    return found if found is not None and found.since <= server.product.major else None


def find_function(server: SqlServer, name: str) -> TableFunction:
    """
    Raises:
        SqlError: 208, this version has none of that name.
    """
    found = _FUNCTIONS.get(name.lower())
    if found is None or found.since > server.product.major:
        raise errors.invalid_object(name if name.lower() in _PLAIN else f"sys.{name}")
    return found


def is_plain(name: str) -> bool:
    return name.lower() in _PLAIN


def need_state(session: Session) -> None:
    """
    Raises:
        SqlError: 300, the login may not see the server's state.
    """
    login: Any = session.client.login
    permission = "VIEW SERVER STATE" if session.server.product.major < 16 else "VIEW SERVER PERFORMANCE STATE"
    if not login.may(permission) and not login.may("VIEW SERVER STATE"):
        text = f"{permission} permission was denied on object 'server', database 'master'."
        raise errors.SqlError(
            300, text, 14, 1, more=[errors.SqlError(297, "The user does not have permission to perform this action.", 16)]
        )
