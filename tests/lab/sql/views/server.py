# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The instance: configuration, services, host."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..database import Database
from .registry import Rows, need_state, view

if TYPE_CHECKING:
    from ..session import Session


@view(
    "sys.configurations",
    "configuration_id int, name nvarchar(35), value sql_variant, minimum sql_variant, maximum sql_variant, value_in_use sql_variant,"
    " description nvarchar(255), is_dynamic bit, is_advanced bit",
)
def configurations(session: Session, _database: Database) -> Rows:
    for place, (name, value) in enumerate(sorted(session.server.configuration.items()), 1579):
        yield place, name, value, 0, 1, value, name, 1, 0


@view(
    "sys.dm_server_services",
    "servicename nvarchar(256), startup_type int, startup_type_desc nvarchar(256), status int, status_desc nvarchar(256), process_id int,"
    " last_startup_time datetimeoffset, service_account nvarchar(256), filename nvarchar(256), is_clustered nvarchar(1)",
)
def services(session: Session, _database: Database) -> Rows:
    need_state(session)
    server = session.server
    yield (
        f"SQL Server ({server.instance})",
        2,
        "Automatic",
        4,
        "Running",
        1748,
        server.started,
        server.account,
        f'"{server.data_folder.rpartition(chr(92))[0]}\\Binn\\sqlservr.exe" -s{server.instance}',
        "N",
    )


@view(
    "sys.dm_os_host_info",
    "host_platform nvarchar(256), host_distribution nvarchar(256), host_release nvarchar(256), host_service_pack_level nvarchar(256),"
    " host_sku int, os_language_version int",
    since=14,
)
def host_info(session: Session, _database: Database) -> Rows:
    need_state(session)
    yield "Windows", "Windows Server 2019 Datacenter", "6.3", "", 8, 1033


@view("sys.dm_os_sys_info", "sqlserver_start_time datetime, cpu_count int, physical_memory_kb bigint")
def sys_info(session: Session, _database: Database) -> Rows:
    need_state(session)
    yield session.server.started.replace(tzinfo=None), 4, 16 * 1024**2


@view("sys.servers", "server_id int, name sysname, product sysname, is_linked bit")
def servers(session: Session, _database: Database) -> Rows:
    yield 0, session.server.name, "SQL Server", 0
