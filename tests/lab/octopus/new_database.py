# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a database has that ``database --create`` has just made: its own certificate and installation id, and what every server has.

That there are a default space, a default lifecycle, a default project group, a default worker pool, a built-in feed and the group "Octopus
Administrators" on a new server: octopus.com/docs (spaces, lifecycles, projects, worker pools, package repositories, users and teams). That they
are there before the first start, certificate and installation id too, is *assumed*: OctopusDSC runs ``admin``, ``license`` and ``path`` then.
"""

from __future__ import annotations

import os
from datetime import datetime, timedelta

from . import crypto, permissions, versions
from .database import Connection, column_names
from .documents import Document, insert

SPACE = "Spaces-1"
_YEARS = timedelta(days=36500)


def fill(connection: Connection, version: str, when: datetime, master_key: str, before_4: Document) -> None:
    """Put the first documents into an empty database.

    Args:
        connection: To the database, within a transaction.
        version: Of the program.
        when: The time.
        master_key: In Base64, for the private key of the certificate.
        before_4: What ``configure`` has set before there was a database, as the order before 4.0 has it.
    """
    spaces = versions.has(version, "spaces")

    def add(table: str, **values: object) -> None:
        columns = column_names(connection, table)
        if not columns:
            return
        doc: Document = dict(values)
        if spaces and "SpaceId" in columns and "SpaceId" not in doc:
            doc["SpaceId"] = SPACE
        insert(connection, table, doc, columns)

    thumbprint = os.urandom(20).hex().upper()
    raw = os.urandom(16).hex()
    installation = f"{raw[:8]}-{raw[8:12]}-{raw[12:16]}-{raw[16:20]}-{raw[20:]}"
    add("Configuration", Id="maintenance", IsInMaintenanceMode=False)
    add("Configuration", Id="upgradeavailability", InstallationId=installation)
    add("Configuration", Id="upgrades", **{"AllowChecking": True, "IncludeStatistics": True, "NotificationMode": "AlwaysShow"} | before_4)
    add("Configuration", Id="certificate", Thumbprint=thumbprint)
    add(
        "Certificate",
        Id="certificate-global",
        Name="Octopus Server",
        Thumbprint=thumbprint,
        NotAfter=when + _YEARS,
        CertificateData=crypto.encrypt(master_key, "private key of the server"),
        SpaceId=None,
    )
    if spaces:
        managers = f"teams-spacemanagers-{SPACE}"
        add("Space", Id=SPACE, Name="Default", Slug="default", IsDefault=True, TaskQueueStopped=False, SpaceManagersTeams=[managers])
    _people(add, version, spaces)
    add("Lifecycle", Id="Lifecycles-1", Name="Default Lifecycle", Phases=[])
    add("ProjectGroup", Id="ProjectGroups-1", Name="Default Project Group")
    add("MachinePolicy", Id="MachinePolicies-1", Name="Default Machine Policy", IsDefault=True)
    add("WorkerPool", Id="WorkerPools-1", Name="Default Worker Pool", SortOrder=0, IsDefault=True)
    add("Feed", Id="feeds-builtin", Name="Octopus Server (built-in)", FeedUri="", FeedType="BuiltIn")


def _people(add, version: str, spaces: bool) -> None:
    for role_id, (name, system, space) in permissions.ROLES.items():
        more = permissions.VIEW + permissions.CHANGE if system and not spaces else ()
        granted = {"GrantedSystemPermissions": [*system, *more], "GrantedSpacePermissions": list(space)}
        add("UserRole", Id=role_id, Name=name, CanBeDeleted=False, **granted)
    role = "userroles-systemadministrator"
    add("Team", Id="teams-administrators", Name="Octopus Administrators", MemberUserIds=[], UserRoleIds=[role], SpaceId=None)
    if spaces:
        managers = f"teams-spacemanagers-{SPACE}"
        add("ScopedUserRole", Id="scopeduserroles-1", TeamId="teams-administrators", UserRoleId=role, SpaceId=None)
        add("Team", Id=managers, Name="Space Managers", MemberUserIds=[], UserRoleIds=[])
        add("ScopedUserRole", Id="scopeduserroles-2", TeamId=managers, UserRoleId="userroles-spacemanager")
