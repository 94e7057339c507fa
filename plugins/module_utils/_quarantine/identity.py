# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whose credentials a clone has, and who may sign in to it: the rules for accounts and users, and what is asked of the database for them.

Columns of Account and User: a public dump of a database of about 2018.9. Secrets of accounts: the properties of type SensitiveValue of
AccountResource and its kinds (https://github.com/OctopusDeploy/OctopusClients). AllowAutoUserCreation, which is on where it is missing: the
vendor's sign-in providers (https://github.com/OctopusDeploy/OpenIDConnectAuthenticationProviders and its neighbours).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.connection.connection import SqlConnection
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError

from . import documents, rows
from .documents import Setting
from .request import Request
from .rows import Row, Table
from .rules import Rule
from .unlisted.signs import SECRET, Own, signs

SECRETS = ("password", "secretkey", "jsonkey", "privatekeyfile", "privatekeypassphrase", "token", "certificatebytes")
# They look like secrets, and are names: of a key pair of AWS, and of a certificate.
_NO_SECRETS = ("accesskey", "certificatethumbprint")
# The providers that make a user of whoever signs in for the first time [ext].
CREATES_USERS = re.compile(r"authentication-(?:aad|googleapps|od|ldap|directoryservices|generic-oidc)", re.IGNORECASE)
_TEXTS = ("char", "varchar", "nchar", "nvarchar", "text", "ntext")
_ACCOUNT, _USER, _API_KEY = "account", "user", "apikey"


def rules(request: Request, tables: Mapping[str, Table]) -> list[Rule]:
    """Return the rules.

    Args:
        request: What is asked for.
        tables: Those of the database, by their names in lower case.
    """
    found = []
    if request.accounts == "scrub" and _ACCOUNT in tables:
        found.append(Rule("accounts", _ACCOUNT, reads=_readable(tables[_ACCOUNT]), blank=is_secret))
    if request.sign_in is not None:
        keep = {name.lower() for name in request.sign_in}
        found += [
            Rule(
                "sign_in",
                _USER,
                (Setting(("IsActive",), False, add=True),),
                of=lambda row: str(row.get("Username")).lower() not in keep,
                reads=("Username",),
            ),
            Rule(
                "sign_in",
                "extensionconfiguration",
                (Setting(("AllowAutoUserCreation",), False, add=True),),
                of=lambda row: bool(CREATES_USERS.fullmatch(row.key)) and documents.same(row.get("IsEnabled"), True),
                reads=("IsEnabled",),
            ),
        ]
    return found


def is_secret(name: str, value: Any) -> bool:
    """Whether a value of an account is a secret: by the name of its property, that of its column, or as it looks.

    Args:
        name: Of the property or column; that of an owned entity has its owner's before it (``Details_Password``).
        value: As the database or the JSON has it.
    """
    own = name.rpartition("_")[2].lower()
    if value in (None, "", b"", [], {}) or isinstance(value, (bool, int)) or own in _NO_SECRETS:
        return False
    if own in SECRETS:
        return True
    return isinstance(value, str) and SECRET in signs(name, value, Own())


def holders(connection: SqlConnection) -> list[str]:
    """The names of the accounts that have a secret, in order. An account that this version stores in an unknown form may have one, and counts."""
    table = rows.tables(connection).get(_ACCOUNT)
    if table is None:
        return []
    names = _readable(table)
    told = any(own in SECRETS for own in (name.rpartition("_")[2].lower() for name in names))
    found = []
    for row in rows.select(connection, table, names):
        if (not row.documents and not told) or any(is_secret(name, value) for name, value in _values(row)):
            found.append(str(row.get("Name") or row.key))
    return sorted(found)


def refuse_users(connection: SqlConnection, request: Request) -> None:
    """Refuse to let users sign in that do not exist, and to keep API keys of users who may not.

    Raises:
        OctopusError: There is such a name or key. Nothing was changed.
    """
    if request.sign_in is None:
        return
    tables = rows.tables(connection)
    users = {row.key: str(row.get("Username")) for row in rows.select(connection, tables[_USER], ("Username",))} if _USER in tables else {}
    there = {name.lower() for name in users.values()}
    wanted = {name.lower() for name in request.sign_in}
    unknown = [name for name in request.sign_in if name.lower() not in there]
    if unknown:
        raise OctopusError(
            f"Expected sign_in to name users of {request.database}, but it has none of the name {', '.join(unknown)}. Nothing was changed."
        )
    kept = {key.lower() for key in request.keep_api_keys}
    for row in rows.select(connection, tables[_API_KEY], ("UserId",)) if kept and _API_KEY in tables else ():
        owner = users.get(str(row.get("UserId")), "")
        if row.key.lower() in kept and owner.lower() not in wanted:
            raise OctopusError(
                f"Expected sign_in to name the user of each API key in keep_api_keys, but that of {row.key}, {owner or 'unknown'}, is not among "
                "them, and a key of a user who is not active does not work. Nothing was changed."
            )


def _readable(table: Table) -> tuple[str, ...]:
    """The columns that can hold a secret: texts and bytes."""
    return tuple(spelt for spelt, kind in table.columns.values() if kind in (*_TEXTS, "binary", "varbinary", "image"))


def _values(row: Row) -> Iterator[tuple[str, Any]]:
    yield from ((row.table.columns[name][0], value) for name, value in row.columns.items())
    for document in row.documents:
        for _path, inner in documents.objects(document.value):
            yield from inner.items()
