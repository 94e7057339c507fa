# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which nodes and which schema upgrades really run against a database, whatever its rows say.

The real product finds out the hard way, by deadlocks (#3147, #3626). SQLite has one writer at a time, so the lab has to know.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from weakref import WeakKeyDictionary

_LOCK = threading.Lock()
_NODES: WeakKeyDictionary[Any, dict[str, list[str]]] = WeakKeyDictionary()
_UPGRADES: WeakKeyDictionary[Any, dict[str, list[str]]] = WeakKeyDictionary()


@contextmanager
def _listed(register: WeakKeyDictionary[Any, dict[str, list[str]]], server: Any, database: str, name: str) -> Iterator[None]:
    with _LOCK:
        register.setdefault(server, {}).setdefault(database.lower(), []).append(name)
    try:
        yield
    finally:
        with _LOCK:
            register[server][database.lower()].remove(name)


def running(server: Any, database: str) -> list[str]:
    """The nodes whose service has that database of that SQL Server open."""
    with _LOCK:
        return list(_NODES.get(server, {}).get(database.lower(), []))


def upgrading(server: Any, database: str) -> list[str]:
    """The nodes that upgrade that database's schema at this moment."""
    with _LOCK:
        return list(_UPGRADES.get(server, {}).get(database.lower(), []))


def node(server: Any, database: str, name: str) -> Any:
    """A context in which that node runs."""
    return _listed(_NODES, server, database, name)


def upgrade(server: Any, database: str, name: str) -> Any:
    """A context in which that node upgrades the schema."""
    return _listed(_UPGRADES, server, database, name)
