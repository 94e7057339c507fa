# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who is connected and what runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .. import undoing
from ..clients import Client
from ..database import Database
from .registry import Rows, need_state, table_function, view

if TYPE_CHECKING:
    from ..session import Session


def _visible(session: Session) -> list[Client]:
    """Without VIEW SERVER STATE a login sees its own session only."""
    undoing.prune(session.server)
    login = session.client.login
    everyone = login.may("VIEW SERVER STATE") or login.may("VIEW SERVER PERFORMANCE STATE")
    with session.server.lock:
        return [client for client in session.server.clients.values() if everyone or client is session.client]


@view(
    "sys.dm_exec_sessions",
    "session_id smallint, login_time datetime, host_name nvarchar(128), program_name nvarchar(128), client_interface_name nvarchar(32),"
    " security_id varbinary(85), login_name nvarchar(128), status nvarchar(30), last_request_start_time datetime,"
    " last_request_end_time datetime, is_user_process bit, original_login_name nvarchar(128), database_id smallint, open_transaction_count int",
)
def exec_sessions(session: Session, _database: Database) -> Rows:
    for client in _visible(session):
        running = client.request is not None
        last = (client.last_request or client.connected).replace(tzinfo=None)
        yield (
            client.spid,
            client.connected.replace(tzinfo=None),
            client.host,
            client.program,
            "ODBC" if client.address else ".Net SqlClient",
            client.login.sid,
            client.login.name,
            "running" if running else "sleeping",
            last,
            None if running else last,
            1,
            client.login.name,
            client.database.database_id,
            client.transactions,
        )


@view(
    "sys.dm_exec_requests",
    "session_id smallint, request_id int, start_time datetime, status nvarchar(30), command nvarchar(32), sql_handle varbinary(64),"
    " database_id smallint, user_id int, connection_id uniqueidentifier, blocking_session_id smallint, wait_type nvarchar(60), wait_time int,"
    " last_wait_type nvarchar(60), open_transaction_count int, percent_complete real, estimated_completion_time bigint, total_elapsed_time int,"
    " cpu_time int, reads bigint, writes bigint, logical_reads bigint",
)
def exec_requests(session: Session, _database: Database) -> Rows:
    now = session.server.clock.now()
    for client in _visible(session):
        request = client.request
        if request is None:
            continue
        elapsed = int((now - request.started).total_seconds() * 1000)
        yield (
            client.spid,
            0,
            request.started.replace(tzinfo=None),
            "suspended" if request.wait else "running",
            request.command,
            _handle(client),
            client.database.database_id,
            1,
            client.connection_id,
            0,
            request.wait,
            0,
            request.wait or "",
            client.transactions,
            request.percent,
            int(request.remaining * 1000),
            elapsed,
            int(request.percent * 100),
            0,
            int(request.percent * 10),
            int(request.percent * 1000),
        )


def _handle(client: Client) -> bytes:
    return b"\x02\0\0\0" + client.spid.to_bytes(4, "big")


def _every_text(session: Session) -> Rows:
    need_state(session)
    for client in _visible(session):
        if client.request is not None:
            yield _handle(client), client.database.database_id, None, None, 0, client.request.text


@table_function(
    "dm_exec_sql_text",
    "dbid smallint, objectid int, number smallint, encrypted bit, text nvarchar(max)",
    every=_every_text,
)
def sql_text(session: Session, handle: object) -> Rows:
    return [row[1:] for row in _every_text(session) if row[0] == handle]


@view(
    "sys.dm_exec_connections",
    "session_id int, connect_time datetime, net_transport nvarchar(40), protocol_type nvarchar(40), protocol_version int,"
    " encrypt_option nvarchar(40), auth_scheme nvarchar(40), client_net_address varchar(48), local_net_address varchar(48), local_tcp_port int,"
    " connection_id uniqueidentifier",
)
def exec_connections(session: Session, _database: Database) -> Rows:
    need_state(session)
    for client in _visible(session):
        yield (
            client.spid,
            client.connected.replace(tzinfo=None),
            "TCP",
            "TSQL",
            0x74000004,
            "TRUE" if client.encrypted else "FALSE",
            "KERBEROS" if client.login.is_windows else "SQL",
            client.address or client.host,
            session.server.machine.address,
            1433,
            client.connection_id,
        )
