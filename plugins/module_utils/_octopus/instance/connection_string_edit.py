# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Connection strings built, changed and compared. They contain passwords, which nothing here shows.

For the quoting rules, see https://learn.microsoft.com/dotnet/api/system.data.sqlclient.sqlconnection.connectionstring
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.host import connection_string
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.host.connection_string import (
    DATABASE,
    INTEGRATED,
    SECRET,
    SERVER,
    TRUE,
    USER,
)

# One name for each group of synonyms; every other key keeps its own.
_GROUPS = {"server": SERVER, "database": DATABASE, "user": USER, "password": SECRET, "integrated": INTEGRATED}
_WRITTEN = {"server": "Server", "database": "Database", "user": "User ID", "password": "Password", "integrated": "Integrated Security"}
_CREDENTIALS = ("user", "password", "integrated")
# Keys that belong to one server, and would lead a client back to it or to its partner (see the same page).
_OF_THE_SERVER = ("failover partner", "failoverpartner", "failover partner spn", "failoverpartnerspn", "server spn", "serverspn")
_OF_A_FILE = ("attachdbfilename", "extended properties", "initial file name", "user instance")
_PLAIN = re.compile(r"[A-Za-z0-9_.,:\\/@$()\[\]*+!?#&^~|<>-]+")
_KEY = re.compile(r"[A-Za-z][A-Za-z0-9 _-]{0,60}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff\ufffe\uffff]")
_FALSE = ("false", "no")


def quoted(value: str) -> str:
    """Return a value quoted as a connection string requires.

    Raises:
        OctopusError: It contains a control character, which neither a connection string nor the XML around it may contain. The message
            does not repeat the value.
    """
    if _CONTROL.search(value):
        raise OctopusError(f"A value of {len(value)} characters for a connection string contains a control character.")
    if _PLAIN.fullmatch(value):
        return value
    # Within quotes only the quote itself is special. Single quotes are used where they keep the value readable.
    quote = "'" if '"' in value and "'" not in value else '"'
    return quote + value.replace(quote, quote * 2) + quote


def build(parts: Mapping[str, str]) -> str:
    """Return a connection string with these parts: server, database, user, password, integrated, and any other key as it is."""
    return ";".join(f"{_WRITTEN.get(name, name.replace('=', '=='))}={quoted(value)}" for name, value in parts.items())


def changed(text: str, parts: Mapping[str, str | None]) -> str:
    """Return a connection string with some parts replaced.

    A new server also removes the keys that lead to the old one.

    Args:
        text: The connection string.
        parts: The parts to replace; None removes a part.

    Raises:
        OctopusError: The text is not a connection string. The message does not repeat it.
    """
    left = _parts(text)
    if "server" in parts:
        for name in _OF_THE_SERVER:
            left.pop(name, None)
    for name, value in parts.items():
        if value is None:
            left.pop(name, None)
        else:
            left[name] = value  # at its old position, if it had one
    return build(left)


def check_options(options: Mapping[str, str]) -> None:
    """Refuse keys that have an option of their own, or that lead to another database.

    Raises:
        OctopusError: The message names the key.
    """
    taken = {key for group in _GROUPS.values() for key in group} | {*_OF_THE_SERVER, *_OF_A_FILE}
    for key in options:
        if not _KEY.fullmatch(key) or " ".join(key.split()).lower() in taken:
            raise OctopusError(
                f"connection.options: {key!r} is not allowed. Server, database and credentials have options of their own, and a failover "
                "partner or a file would lead to another database than the named one."
            )


def satisfies(found: str, wanted: str) -> bool:
    """Whether a connection string leads to the wanted database with the wanted credentials and at least the wanted options.

    The program may add keys when it saves a connection string, so additional keys are accepted; additional credentials are not.
    """
    try:
        there, asked = _compared(found), _compared(wanted)
    except OctopusError:
        return False
    return all(there.get(name) == value for name, value in asked.items()) and all(
        there.get(name) == asked.get(name) for name in (*_CREDENTIALS, *_OF_THE_SERVER)
    )


def same_place(found: str, wanted: str) -> bool:
    """Whether two connection strings lead to the same database as the same user, whatever the password."""
    return _place(found) == _place(wanted)


def _place(text: str) -> tuple[object, ...]:
    database = connection_string.parse(text)
    user = None if database.integrated else database.user
    return (database.server.lower(), database.as_dict()["port"], database.database.lower(), database.integrated, user)


def _parts(text: str) -> dict[str, str]:
    """Return the parts, with one name for each group of synonyms; the last one wins, as in ADO.NET."""
    parts: dict[str, str] = {}
    for pair in connection_string.pairs(text):
        parts[_name(pair.key)] = pair.value
    return parts


def _name(key: str) -> str:
    return next((name for name, group in _GROUPS.items() if key in group), key)


def _compared(text: str) -> dict[str, str]:
    """Return the parts for a comparison: integrated security that is false is left out, and with it the credentials are ignored."""
    parts = {name: _value(name, value) for name, value in _parts(text).items()}
    if parts.get("integrated") != "true":
        parts.pop("integrated", None)
    else:
        parts.pop("user", None)
        parts.pop("password", None)
    return parts


def _value(name: str, value: str) -> str:
    if name in ("password", "user"):
        return value
    if name in ("server", "database"):
        return value.strip().lower()
    low = value.lower()
    return "true" if low in TRUE else "false" if low in _FALSE else value
