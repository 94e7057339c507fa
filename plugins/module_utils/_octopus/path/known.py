# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What preflight's facts say of the conditions that upgrade paths depend on. Pure, no I/O."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timezone
from typing import Any

# https://learn.microsoft.com/windows-server/get-started/windows-server-release-info
_WINDOWS_2008R2, _WINDOWS_2012R2, _WINDOWS_2016 = 7600, 9600, 14393
# https://learn.microsoft.com/dotnet/framework/install/how-to-determine-which-versions-are-installed
_NET_452, _NET_472 = 379893, 461808


def conditions(
    server: Mapping[str, Any], hosts: Mapping[str, Mapping[str, Any]], database: Mapping[str, Any], now: datetime | None = None
) -> dict[str, bool | None]:
    """Decide conditions by what was read.

    Args:
        server: What octopus_info returned of the server.
        hosts: What it returned of the hosts.
        database: What octopus_database_info returned, with its own conditions in ``conditions``.
        now: The time, for what expires.

    Returns:
        True or False for a condition that is decided, None for one that could not be; the others are left out.
    """
    found: dict[str, bool | None] = dict(database.get("conditions") or {})
    builds = [_number((host.get("os") or {}).get("build")) for host in hosts.values()]
    for name, floor in (("2008r2", _WINDOWS_2008R2), ("2012r2", _WINDOWS_2012R2), ("2016", _WINDOWS_2016)):
        found[f"windows_below_{name}"] = _any(None if build is None else build < floor for build in builds)
    releases = [host.get("net_framework_release") for host in hosts.values()]
    for name, floor in (("452", _NET_452), ("472", _NET_472)):
        found[f"net_below_{name}"] = _any(None if release is None else release < floor for release in releases)
    found["nodes_several"] = len(hosts) > 1 or len(server.get("nodes") or []) > 1
    found |= _licence(server.get("license") or {}, now or datetime.now(timezone.utc))
    found |= _connection(hosts)
    found["mirrored"] = _mirrored(database)
    found |= _packages((server.get("folders") or {}).get("packages"))
    return found


def _licence(status: Mapping[str, Any], now: datetime) -> dict[str, bool | None]:
    compliant = status.get("is_compliant")
    expires = _moment(status.get("expires"))
    known = None if compliant is None else not compliant
    return {
        "licence_not_valid": known,
        "licence_expired": None if expires is None else expires < now,
        "licence_format_old": None if expires is None else expires.year <= 1,
        "licence_limits_by_target": status.get("is_ptm"),
        "licence_missing": None if status.get("installed") is None else not status["installed"],
    }


def _connection(hosts: Mapping[str, Mapping[str, Any]]) -> dict[str, bool | None]:
    """A connection string that says to trust any certificate, or not to encrypt at all, is safe. What else SQL Server asks for is not known."""
    databases = [one["database"] for host in hosts.values() for one in host.get("instances") or [] if one.get("database")]
    trusted = [bool(one.get("trust_server_certificate")) for one in databases]
    return {"sql_certificate_untrusted": False if trusted and all(trusted) else None}


def _mirrored(database: Mapping[str, Any]) -> bool | None:
    """An availability group is no mirroring in this sense: the vendor supports it. What stands in a restore's way has checks of its own."""
    around = (database.get("rollback") or {}).get("surroundings")
    return (True if around.get("replication") else around.get("mirrored")) if around else None


def _packages(folder: str | None) -> dict[str, bool | None]:
    if not folder:
        return {"package_folder_slashes": None}
    return {"package_folder_slashes": "/" in folder}


def _any(answers: Iterable[bool | None]) -> bool | None:
    """True where one is, None where none is and one is not known."""
    found = list(answers)
    return True if True in found else None if None in found or not found else False


def _number(text: Any) -> int | None:
    return int(text) if str(text or "").isdecimal() else None


def _moment(text: Any) -> datetime | None:
    try:
        found = datetime.fromisoformat(str(text).replace("Z", "+00:00"))
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=timezone.utc)
