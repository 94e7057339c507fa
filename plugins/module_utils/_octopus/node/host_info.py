# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The facts of Windows hosts that ``octopus_info`` returns. Changes nothing."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._core.errors import InvalidValue, TaskFailed
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.host import connection_string, watchdog
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.host.instances import (
    Configuration,
    InstanceEntry,
    OctopusHost,
    computer_name,
)
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.version import is_at
from ansible_collections.octopus.upgrade.plugins.module_utils._windows import disks, files, jobs, registry, services
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.connection import SYSTEM32, ConnectionOptions, WindowsHost
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.parallel import failures, on_each

from . import readiness
from .health import node_url

NETBIOS_LENGTH = 15
# https://learn.microsoft.com/windows/win32/procthread/environment-variables: what every service of the host inherits.
_ENVIRONMENT = r"HKLM\SYSTEM\CurrentControlSet\Control\Session Manager\Environment"
# Settings of the product (OCTOPUS__SECTION__NAME, OCTOPUS_SERVICE_USERNAME), its proxies
# (https://learn.microsoft.com/dotnet/api/system.net.http.httpclient.defaultproxy), and where traces go
# (https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables).
_INHERITED = re.compile(r"OCTOPUS|OTEL_|(HTTPS?|ALL)_PROXY$", re.IGNORECASE)
_WINDOWS = r"HKLM\SOFTWARE\Microsoft\Windows NT\CurrentVersion"
# https://learn.microsoft.com/dotnet/framework/install/how-to-determine-which-versions-are-installed
_NET = r"HKLM\SOFTWARE\Microsoft\NET Framework Setup\NDP\v4\Full"


def hosts_info(
    connections: Sequence[ConnectionOptions], instance_name: str | None, portal_url: str | None = None, ready: bool = False
) -> dict[str, dict[str, Any]]:
    """Return the facts of all hosts, queried at once.

    Args:
        connections: To the hosts.
        instance_name: The instance whose configuration is read; None for all.
        portal_url: The address of the web portal, as users reach it.
        ready: Whether each is also asked whether it is ready for an installation.

    Raises:
        OctopusError: A host cannot be queried; the message says why for each.
    """
    outcomes = on_each(connections, lambda host: host_info(host, instance_name, portal_url, ready))
    failed = failures(outcomes)
    if failed:
        raise OctopusError(" ".join(failed))
    return {name: facts for name, facts in outcomes.items() if isinstance(facts, dict)}


def check_version(found: Mapping[str, Any], parts: Sequence[str], wanted: str) -> None:
    """Check that the server and the program on each host are at a version.

    Args:
        found: The result of ``octopus_info``.
        parts: What it has to have: ``server``, ``hosts``, or both.
        wanted: The version.

    Raises:
        InvalidValue: A part was not read.
        TaskFailed: One is at another version, or a host has no program.
    """
    missing = [part for part in parts if not found.get(part)]
    if missing:
        raise InvalidValue(
            f"Expected to compare the version {wanted} with {' and '.join(parts)}, but {' and '.join(missing)} could not be read. For server, "
            "give url and api_key; for hosts, run the task for Windows hosts; or leave it out of gather."
        )
    versions = {"the REST API": found["server"]["version"]} if "server" in found else {}
    versions |= {name: facts["program"] and facts["program"]["version"] for name, facts in found.get("hosts", {}).items()}
    other = [f"{version or 'no version'} at {where}" for where, version in versions.items() if not is_at(version, wanted)]
    if other:
        raise TaskFailed(
            f"Expected version {wanted} at {', '.join(versions)}, but found {', '.join(other)}. Install {wanted} where it is missing, or find "
            "out what has installed another.",
            dict(found),
        )


def host_info(host: WindowsHost, instance_name: str | None = None, portal_url: str | None = None, ready: bool = False) -> dict[str, Any]:
    """Return the facts of one host. A host without Octopus Server has no program and no instances."""
    octopus = OctopusHost(host)
    windows = registry.values(host, _WINDOWS)
    # The file decides, because a registered product may have lost its program.
    there = files.exists(host, octopus.cli.program)
    drives = _drives(host, octopus) if there else ["C:"]
    return {
        "program": {"path": octopus.cli.program.rpartition("\\")[0], "version": octopus.cli.version()} if there else None,
        "instances": [_instance(octopus, entry, instance_name, portal_url) for entry in octopus.instances()] if there else [],
        "watchdog": watchdog.info(host),
        "running_jobs": jobs.unfinished(host),
        "os": {"name": windows.get("ProductName"), "build": windows.get("CurrentBuildNumber") or windows.get("CurrentBuild")},
        "net_framework_release": int(registry.get(host, _NET, "Release") or "0", 0),
        "system_drive": "C:",
        "free_bytes": {drive: disks.free_bytes(host, drive) for drive in drives},
        "has_curl": files.exists(host, f"{SYSTEM32}curl.exe"),
        "clock_offset_seconds": host.clock_offset,
        "environment": _inherited(host),
        "delegates_credentials": host.options.delegates_credentials,
        **({"readiness": readiness.read(host)} if ready else {}),
    }


def _inherited(host: WindowsHost) -> list[str]:
    """Return the names of the variables that a server on the host would inherit and read. Their values may be secrets."""
    return sorted(name for name in registry.values(host, _ENVIRONMENT) if _INHERITED.match(name))


def _drives(host: WindowsHost, octopus: OctopusHost) -> list[str]:
    """Return the drives in use: of the system, the program and the homes of the instances."""
    paths = ["C:", octopus.cli.program, *(entry.config_path for entry in octopus.instances())]
    return sorted({path[:2].upper() for path in paths if path[1:2] == ":"})


def _instance(octopus: OctopusHost, entry: InstanceEntry, instance_name: str | None, portal_url: str | None) -> dict[str, Any]:
    host = octopus.host
    found: dict[str, Any] = {"name": entry.name, "config_path": entry.config_path or None, "service": _service(host, entry.service_name)}
    found["version"] = octopus.cli.version()
    if instance_name is not None and entry.name.lower() != instance_name.lower():
        return found
    return found | _configured(host, octopus.configuration(entry.name), found["version"], portal_url)


def _configured(host: WindowsHost, configuration: Configuration, version: str | None, portal_url: str | None) -> dict[str, Any]:
    text = configuration.connection_string
    return {
        "home": configuration.home,
        "node_name": configuration.node_name,
        "configuration_error": configuration.error,
        "database": database_of(host, text) if text else None,
        "connection_string": connection_string.mask(text) if text else None,
        "listen_prefixes": configuration.listen_prefixes,
        "url": host.options.url or node_url(configuration.listen_prefixes, host.options.host, portal_url),
        "folders": configuration.folders(version),
    }


def database_of(host: WindowsHost, text: str) -> dict[str, Any]:
    """Return the parts of a connection string on a host, and ``host``: its server as the control node reaches it.

    With integrated security, ``machine_account`` is how SYSTEM of the host logs in there.

    Raises:
        OctopusError: It cannot be read.
    """
    found = connection_string.parse(text)
    facts = {**found.as_dict(), "host": found.host_for(host.options.host, lambda: computer_name(host))}
    if found.integrated:
        facts["machine_account"] = _machine_account(host, found)
    return facts


def _machine_account(host: WindowsHost, database: connection_string.Database) -> str:
    """Return the name that SYSTEM of the host has at SQL Server: its computer account, or SYSTEM itself where both are one machine."""
    name = computer_name(host)
    on_this_machine = not database.host_for("", lambda: name).partition("\\")[0]
    return "SYSTEM" if on_this_machine else f"{name[:NETBIOS_LENGTH].upper()}$"


def _service(host: WindowsHost, name: str) -> dict[str, Any]:
    """Return the facts of a service; all but its name are null where there is none."""
    now = services.query(host, name)
    config = services.config(host, name) if now else None
    return {
        "name": name,
        "state": now.state if now else None,
        "account": config.account if config else None,
        "start_type": services.start_type(host, config) if config else None,
        "pid": (now.pid or None) if now else None,
    }
