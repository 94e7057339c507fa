# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What one node's API knows, and what one request knows of its caller and space."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from flask import current_app, g

from ...core.clock import Clock
from ...core.faults import Faults
from ...core.ledger import Ledger
from ..versions import parse
from .errors import ApiError, forbidden
from .ports import Document, Store

KEY = "lab.node"


@dataclass
class Node:
    """One running node: its store, name, version, and the lab around it."""

    store: Store
    name: str
    version: str
    clock: Clock
    ledger: Ledger
    faults: Faults
    machine: str
    newest: str | None = None  # newest version that the feed offers; None: not known
    only_documented: bool = False  # nothing is served that only the lab's own assumption supports
    os_version: str = "Microsoft Windows NT 10.0.17763.0"
    started: datetime = field(init=False)

    def __post_init__(self) -> None:
        self.started = self.clock.now()

    def at_least(self, *version: int) -> bool:
        return parse(self.version) >= version

    @property
    def has_spaces(self) -> bool:
        return self.at_least(2019, 1)


def node() -> Node:
    """The node that answers."""
    found: Node = current_app.extensions[KEY]
    return found


def store() -> Store:
    return node().store


def caller() -> Document:
    """Who asks.

    Raises:
        ApiError: 401, nobody is logged in.
    """
    user: Document | None = g.get("user")
    if user is None:
        raise ApiError(401, "You must be logged in to request this resource. Please provide a valid API key or log in.")
    return user


def grants() -> set[tuple[str, str | None]]:
    user = caller()
    if "grants" not in g:
        g.grants = store().grants(user["Id"])
    found: set[tuple[str, str | None]] = g.grants
    return found


def allowed(permission: str, space: str | None = None) -> bool:
    """Whether the caller has it in that space, or (None) in the system.

    Who administers the system has thereby nothing in a space
    (https://octopus.com/docs/security/users-and-teams/system-and-space-permissions).
    """
    return (permission, space if node().has_spaces else None) in grants()


def need(permission: str, space: str | None = None) -> None:
    """
    Raises:
        ApiError: 401 nobody is logged in, 403 the permission is missing.
    """
    if not allowed(permission, space):
        raise forbidden(permission)


def space() -> str | None:
    """The space of this request's resources: of the path, else the default one; None where the schema has no spaces.

    Raises:
        ApiError: 404 no such space, 400 the default space is disabled (facts: unscoped calls then fail; status *assumed*).
    """
    if not node().has_spaces:
        return None
    wanted = g.get("space")
    if "space_found" not in g:
        spaces = store().documents("Space")
        if wanted:
            match = next((one["Id"] for one in spaces if wanted in (one["Id"], one.get("Slug"))), None)
            if match is None:
                raise ApiError(404, f"Space '{wanted}' was not found or you do not have permission to view it.")
        else:
            match = next((one["Id"] for one in spaces if one.get("IsDefault")), None)
            if match is None:
                raise ApiError(400, "The default space is disabled. Name the space in the address.")
        g.space_found = match
    found: str = g.space_found
    return found


def prefix() -> str:
    """How links of space-owned resources start."""
    where = space()
    return f"/api/{where}" if where else "/api"
