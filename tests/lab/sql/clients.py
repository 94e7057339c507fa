# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who is connected: sessions of the wire and of the in-lab product alike, as sys.dm_exec_sessions shows them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from ..tds.engine_api import SqlError
from .database import Database, new_guid
from .principals import Login

KILLED = "Cannot continue the execution because the session is in the kill state."


@dataclass(eq=False)
class Request:
    """What a session runs at the moment (sys.dm_exec_requests)."""

    command: str
    started: datetime
    text: str = ""
    percent: float = 0.0
    remaining: float = 0.0  # lab seconds
    wait: str | None = None


@dataclass(eq=False)
class Client:
    """One session.

    Attributes:
        disconnect: Closes its connection, from any thread.
    """

    spid: int
    login: Login
    host: str
    program: str
    database: Database
    connected: datetime
    address: str = ""
    encrypted: bool = False
    disconnect: Callable[[], None] = lambda: None
    abort: Callable[[], None] = lambda: None  # rolls back what it has open; set by the session
    connection_id: str = field(default_factory=new_guid)
    killed: threading.Event = field(default_factory=threading.Event)
    closed: threading.Event = field(default_factory=threading.Event)
    request: Request | None = None
    last_request: datetime | None = None
    transactions: int = 0

    def check(self) -> None:
        """
        Raises:
            SqlError: 596, it was killed.
        """
        if self.killed.is_set():
            raise SqlError(596, KILLED, 21)
