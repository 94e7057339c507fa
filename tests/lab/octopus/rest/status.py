# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``/api/serverstatus`` and what is below it (page "Server Status" of https://octopus.com/docs/api)."""

from __future__ import annotations

import threading
from datetime import date, timedelta

from flask import Blueprint, jsonify
from flask.typing import ResponseReturnValue

from ..moments import moment
from ..versions import NEWEST, RELEASES, parse, released
from .context import Node, caller, need, node, store
from .errors import not_found
from .nodes import is_offline
from .ports import Document

api = Blueprint("status", __name__)
SELF = "/api/serverstatus"


def _newest(here: Node) -> str:
    """What the update check found; without one (``AllowChecking`` off), what runs here."""
    if here.newest is not None:
        return here.newest
    checks = (here.store.configuration("upgrades") or {}).get("AllowChecking", False)
    return max(NEWEST, here.version, key=parse) if checks else here.version


def _covered(current: str, newest: str, until: date | None) -> str:
    """The newest version that came out while the licence covers upgrades."""
    between = [one for one in {*RELEASES, newest} if parse(current) <= parse(one) <= parse(newest)]
    return max((one for one in between if until is None or released(one) <= until), key=parse, default=current)


@api.get("/serverstatus")
def server_status() -> Document:
    """``IsPotentialClone`` and the licence's newest version exist in today's servers; 2018.1 as their first is *assumed*."""
    caller()
    here = node()
    newest = _newest(here)
    body: Document = {
        "Id": "serverstatus",
        "IsUpgradeAvailable": parse(newest) > parse(here.version),
        "MaximumAvailableVersion": newest,
        "IsInMaintenanceMode": here.store.maintenance(),
        "IsDatabaseEncrypted": False,
        "Links": {
            "Self": SELF,
            "SystemInfo": f"{SELF}/system-info",
            "RecentLogs": f"{SELF}/logs{{?includeDetail}}",
            "Health": f"{SELF}/health",
        },
    }
    if here.at_least(2018, 1):
        expires = moment(here.store.licence().get("Expires"))
        identity = here.store.configuration("upgradeavailability") or {}
        body.update(
            IsMajorMinorUpgrade=parse(newest)[:2] > parse(here.version)[:2],
            MaximumAvailableVersionCoveredByLicense=_covered(here.version, newest, expires.date() if expires else None),
            MaintenanceExpires=expires.strftime("%d %B %Y") if expires else None,
            IsPotentialClone=bool(identity.get("IsPotentialClone", False)),
        )
    return body


@api.get("/serverstatus/health")
def health() -> ResponseReturnValue:
    """200, or 418 when the cluster is not operating normally. Needs no key (*assumed*: it is meant for monitors)."""
    here = node()
    if not here.at_least(3, 5):
        raise not_found()
    read_only = here.store.maintenance()
    alive = [one for one in here.store.nodes() if not is_offline(one)]
    draining = bool(alive) and all(one.get("IsInMaintenanceMode") for one in alive)
    compliant = bool(here.store.licence().get("IsCompliant", True))
    reasons = [
        text
        for holds, text in (
            (read_only, "The entire Octopus Server cluster is in maintenance mode."),
            (draining, "Every node is draining tasks."),
            (not compliant, "Octopus Server is not compliant with its license."),
        )
        if holds
    ]
    body = {
        "Id": "health",
        "IsOperatingNormally": not reasons,
        "IsEntireClusterReadOnly": read_only,
        "IsEntireClusterDrainingTasks": draining,
        "IsCompliantWithLicense": compliant,
        "Description": " ".join(reasons) or "Octopus Server is operating normally.",
        "Links": {"Self": f"{SELF}/health"},
    }
    return jsonify(body), 418 if reasons else 200


COUNTS = {
    "Global": {"Spaces": "Space", "Teams": "Team", "Users": "User"},
    "Infrastructure": {
        "DeploymentTargets": "Machine",
        "Environments": "DeploymentEnvironment",
        "Tenants": "Tenant",
        "WorkerPools": "WorkerPool",
        "Workers": "Worker",
    },
    "Library": {"Certificates": "Certificate", "Packages": "NuGetPackage", "VariableSets": "LibraryVariableSet"},
    "Project": {
        "Projects": "Project",
        "Releases": "Release",
        "Deployments": "Deployment",
        "Runbooks": "Runbook",
        "RunbookRuns": "RunbookRun",
    },
}


@api.get("/serverstatus/counts")
def counts() -> Document:
    """In today's API reference; its first version is not known, 2023.1 is *assumed*."""
    need("AdministerSystem")
    if not node().at_least(2023, 1):
        raise not_found()
    return {group: {name: store().count(table) for name, table in tables.items()} for group, tables in COUNTS.items()}


@api.get("/serverstatus/system-info")
def system_info() -> Document:
    need("AdministerSystem")
    here = node()
    up = here.clock.now() - here.started
    return {
        "Id": "system-info",
        "Version": here.version,
        "OSVersion": here.os_version,
        "ClrVersion": "4.0.30319.42000" if not here.at_least(2020, 1) else "8.0.0",
        "ThreadCount": threading.active_count(),
        "Uptime": str(timedelta(seconds=int(up.total_seconds()))),
        "WorkingSetBytes": 512 * 1024 * 1024,
        "Links": {"Self": f"{SELF}/system-info"},
    }


@api.get("/serverstatus/logs")
def logs() -> ResponseReturnValue:
    need("AdministerSystem")
    return jsonify([])
