# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``GET /api``: what this server is, and by its links what it can do.

Link names and paths are those of real root documents of 3.2.1 and 2023.1.9626. Since which version one is there is known for
Spaces (2019.1, https://octopus.com/docs/administration/spaces) and project export (2021.1); for the others it is *assumed* from
the release that brought the feature.
"""

from __future__ import annotations

from typing import NamedTuple

from flask import Blueprint

from ..versions import parse
from .context import caller, node, prefix, space, store
from .ports import Document

api = Blueprint("root", __name__)


class Link(NamedTuple):
    name: str
    path: str
    query: str = ""
    since: tuple[int, ...] = (3,)
    scoped: bool = False


ID = "{/id}"
PAGED = "{/id}{?skip,take,ids,partialName}"
LINKS = [
    Link("Accounts", "/accounts", "{/id}{?skip,take,ids,partialName,accountType}", scoped=True),
    Link("Artifacts", "/artifacts", "{/id}{?skip,take,regarding,ids,partialName,order}", scoped=True),
    Link("BuiltInFeedStats", "/feeds/stats", since=(3, 4)),
    Link("Certificates", "/certificates", PAGED, scoped=True),
    Link("Channels", "/channels", PAGED, scoped=True),
    Link("Configuration", "/configuration", ID, (3, 5)),
    Link("CurrentLicense", "/licenses/licenses-current"),
    Link("CurrentLicenseStatus", "/licenses/licenses-current-status", since=(3, 5)),
    Link("CurrentUser", "/users/me"),
    Link("Dashboard", "/dashboard", "{?projectId}", scoped=True),
    Link("DashboardDynamic", "/dashboard/dynamic", "{?projects,environments}", scoped=True),
    Link("Deployments", "/deployments", "{/id}{?skip,take,ids,projects,environments,taskState}", scoped=True),
    Link("Environments", "/environments", "{/id}{?name,skip,ids,take,partialName}", scoped=True),
    Link("Events", "/events", "{/id}{?skip,regarding,user,from,to,take,ids,spaces,includeSystem}"),
    Link("FeaturesConfiguration", "/featuresconfiguration", since=(3, 4)),
    Link("ExportProjects", "/projects/import-export/export", since=(2021, 1), scoped=True),
    Link("Feeds", "/feeds", "{/id}{?skip,take,ids,partialName,feedType,name}"),
    Link("ImportProjects", "/projects/import-export/import", since=(2021, 1), scoped=True),
    Link("Interruptions", "/interruptions", "{/id}{?skip,take,regarding,pendingOnly,ids}", scoped=True),
    Link("LibraryVariables", "/libraryvariablesets", PAGED, scoped=True),
    Link("Lifecycles", "/lifecycles", PAGED, scoped=True),
    Link("Machines", "/machines", "{/id}{?skip,take,name,ids,partialName,roles,isDisabled}", scoped=True),
    Link("MaintenanceConfiguration", "/maintenanceconfiguration"),
    Link("OctopusServerClusterSummary", "/octopusservernodes/summary", since=(2019, 3)),  # OctopusClients 8e78c9e8, 2019-02-27
    Link("OctopusServerNodes", "/octopusservernodes", PAGED),
    Link("Packages", "/packages", "{/id}{?nuGetPackageId,filter,latest,skip,take,includeNotes}", scoped=True),
    Link("PerformanceConfiguration", "/performanceconfiguration", since=(2018, 1)),
    Link("ProjectGroups", "/projectgroups", PAGED, scoped=True),
    Link("ProjectImportFiles", "/projects/import-export/import-files", since=(2021, 1), scoped=True),
    Link("ProjectImportPreview", "/projects/import-export/import/preview", since=(2021, 1), scoped=True),
    Link("Projects", "/projects", "{/id}{?name,skip,ids,clone,take,partialName}", scoped=True),
    Link("ProjectTriggers", "/projecttriggers", "{/id}{?skip,take,ids,runbooks}", (3, 4), True),
    Link("Releases", "/releases", "{/id}{?skip,ignoreChannelRules,take,ids}", scoped=True),
    Link("Runbooks", "/runbooks", PAGED, (2019, 11), True),
    Link("ScopedUserRoles", "/scopeduserroles", "{/id}{?skip,take,ids,partialName,spaces,includeSystem}", (2019, 1)),
    Link("ServerConfiguration", "/serverconfiguration", since=(3, 5)),
    Link("ServerHealthStatus", "/serverstatus/health", since=(3, 5)),
    Link("ServerStatus", "/serverstatus"),
    Link("SignIn", "/users/login", "{?returnUrl}"),
    Link("SmtpConfiguration", "/smtpconfiguration"),
    Link("SpaceHome", "/{spaceId}", since=(2019, 1)),
    Link("Spaces", "/spaces", "{/id}{?skip,ids,take,partialName}", (2019, 1)),
    Link("Subscriptions", "/subscriptions", PAGED, (3, 5), True),
    Link("TagSets", "/tagsets", PAGED, (3, 4), True),
    Link("Tasks", "/tasks", "{/id}{?skip,active,environment,project,name,node,running,states,take,ids,spaces,includeSystem}"),
    Link("TaskTypes", "/tasks/tasktypes", since=(2018, 1)),
    Link("Teams", "/teams", "{/id}{?skip,take,ids,partialName,spaces,includeSystem}"),
    Link("TelemetryConfiguration", "/telemetryconfiguration", since=(2021, 1)),
    Link("Tenants", "/tenants", "{/id}{?skip,projectId,name,tags,take,ids,partialName}", (3, 4), True),
    Link("UpgradeConfiguration", "/upgradeconfiguration", since=(3, 5)),
    Link("UserRoles", "/userroles", PAGED),
    Link("Users", "/users", "{/id}{?skip,take,ids,filter}"),
    Link("Variables", "/variables", "{/id}{?ids}", scoped=True),
    Link("WorkerPools", "/workerpools", PAGED, (2018, 7), True),
    Link("Workers", "/workers", "{/id}{?skip,take,name,ids,partialName,isDisabled}", (2018, 7), True),
]
# What these lead to is only posted to.
POSTED = {"ExportProjects", "ImportProjects", "ProjectImportPreview", "SignIn"}
# On real roots, not served here and so not linked: a link is a promise.
NOT_SERVED = {
    "ArchivedEventFiles",
    "AuditStreamConfiguration",
    "ExtensionStats",
    "MigrationsImport",
    "MigrationsPartialExport",
    "PackageUpload",
    "PermissionDescriptions",
    "ServerConfigurationSettings",
}


def links(at_least: tuple[int, ...], space: str | None) -> dict[str, str]:
    """The links of a server of that version; owned ones lead into the default space."""
    found = {"Self": "/api"}
    for link in LINKS:
        if at_least >= link.since:
            start = f"/api/{space}" if space and link.scoped else "/api"
            found[link.name] = f"{start}{link.path}{link.query}"
    return found


@api.get("/space-home")
def home() -> Document:
    """``/api/Spaces-1``: what a space has, by its links. Link ``SpaceHome`` of the root, SpaceRootResource in OctopusDeploy/OctopusClients."""
    caller()
    here, where = node(), space()
    start = prefix()
    scoped = {link.name: f"{start}{link.path}{link.query}" for link in LINKS if link.scoped and here.at_least(*link.since)}
    return {"Id": where, "Links": {"Self": start, **scoped}}


@api.get("")
def root() -> Document:
    """Needs no key, and shows the version to anybody."""
    here = node()
    document: Document = {"Application": "Octopus Deploy", "Version": here.version, "ApiVersion": "3.0.0"}
    if not here.at_least(3, 5):
        document["FormsLoginEnabled"] = True
    if here.at_least(2018, 1):
        identity = store().configuration("upgradeavailability") or {}
        document["InstallationId"] = identity.get("InstallationId")
        document["IsEarlyAccessProgram"] = False
    if here.at_least(2018, 10):
        document["HasLongTermSupport"] = True
    default = None
    if here.has_spaces:
        default = next((one["Id"] for one in store().documents("Space") if one.get("IsDefault")), None)
    document["Links"] = links(parse(here.version), default)
    return document
