# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The tables of an Octopus database, and from which version to which they and their columns exist.

Names and columns: octopus.com/docs (administration/data, sanitising a cloned database, #5679, #5729), a public dump of a 2018
schema for the rest. Widths, and the columns that only the lab's own REST API reads, are *assumed*. What has no column is in ``JSON``.
A column with a question mark has a property of the API for its name and no source that it is a column (*assumed*): in a world in which only
what is documented exists, its value is in ``JSON`` too.
Which rows and properties make a server reach outside is told in dangers.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from . import versions

SPACES = "2019.1"


@dataclass(frozen=True)
class Column:
    """One column: T-SQL type, nullability, first version, first version without it."""

    name: str
    type: str
    null: bool = True
    since: str = "3.0"
    until: str | None = None
    default: Any = None
    assumed: bool = False

    def exists(self, version: str, only_documented: bool = False) -> bool:
        if only_documented and self.assumed:
            return False
        return versions.at_least(version, self.since) and (self.until is None or not versions.at_least(version, self.until))

    @property
    def ddl(self) -> str:
        # SQLite takes "(max)" in a type only within quotes, and gives it back as it was written.
        kind = f"[{self.type}]" if self.type.endswith("(max)") else self.type
        text = f'"{self.name}" {kind}'
        if self.type.startswith("nvarchar") and self.name != "JSON":
            text += " COLLATE NOCASE"  # the product wants a case-insensitive collation
        if not self.null:
            text += " NOT NULL"
        if self.default is not None:
            text += f" DEFAULT {self.default!r}" if not isinstance(self.default, bool) else f" DEFAULT {int(self.default)}"
        return text


@dataclass(frozen=True)
class Table:
    """One table. ``prefix`` starts its documents' ids (``Projects-1``); ``key`` is an integer identity where there is no text id."""

    name: str
    columns: tuple[Column, ...]
    since: str = "3.0"
    prefix: str = ""
    identity: bool = False

    def exists(self, version: str) -> bool:
        return versions.at_least(version, self.since)

    def at(self, version: str, only_documented: bool = False) -> list[Column]:
        """Its columns in that version."""
        return [column for column in self.columns if column.exists(version, only_documented)]

    def create(self, version: str, only_documented: bool = False) -> str:
        key = '"Id" integer NOT NULL PRIMARY KEY' if self.identity else '"Id" nvarchar(250) COLLATE NOCASE NOT NULL PRIMARY KEY'
        parts = [key, *(column.ddl for column in self.at(version, only_documented))]
        return f'CREATE TABLE "{self.name}" ({", ".join(parts)})'


def _column(spec: str) -> Column:
    """``Name[?]:type[!][@since][<until][=default]``; no type: nvarchar(200)."""
    default: Any = None
    assumed, spec = "?" in spec, spec.replace("?", "")
    spec, equals, value = spec.partition("=")
    if equals:
        default = int(value) if value.lstrip("-").isdecimal() else value
    spec, dummy, until = spec.partition("<")
    spec, dummy, since = spec.partition("@")
    null = not spec.endswith("!")
    name, dummy, kind = spec.rstrip("!").partition(":")
    return Column(name, kind or "nvarchar(200)", null, since or "3.0", until or None, default, assumed)


def _table(
    name: str, prefix: str, specs: str, *, since: str = "3.0", owned: bool = True, json: bool = True, identity: bool = False
) -> Table:
    columns = [_column(spec) for spec in specs.split()]
    if owned:
        columns.append(Column("SpaceId", "nvarchar(50)", True, SPACES))
    if json:
        columns.append(Column("JSON", "nvarchar(max)"))
    return Table(name, tuple(columns), since, prefix, identity)


BIT = "IsDisabled:bit!=0"
TABLES: dict[str, Table] = {
    table.name: table
    for table in (
        _table("Configuration", "", "", owned=False),
        _table("KeyAllocation", "", "Allocated:int!=0", owned=False, json=False),
        _table(
            "OctopusServerInstallationHistory", "OctopusServerInstallationHistory", "Node Version Installed:datetimeoffset!", owned=False
        ),
        _table(
            "OctopusServerNode",
            "OctopusServerNodes",
            "Name LastSeen:datetimeoffset<2019.3 Rank:nvarchar(50)<2020.3 MaxConcurrentTasks:int!=5 IsInMaintenanceMode:bit!=0",
            owned=False,
        ),
        _table("OctopusServerNodeStatus", "", "OctopusServerNodeId? LastSeen:datetimeoffset", since="2019.3", owned=False),
        _table("SchemaVersions", "", "ScriptName:nvarchar(255)! Applied:datetime!", owned=False, json=False, identity=True),
        _table(
            "ServerTask",
            "ServerTasks",
            "Name Description:nvarchar(max) State:nvarchar(50)! QueueTime:datetimeoffset! StartTime:datetimeoffset"
            " CompletedTime:datetimeoffset ErrorMessage:nvarchar(max) ServerNodeId ProjectId EnvironmentId TenantId"
            " HasWarningsOrErrors:bit!=0 HasPendingInterruptions:bit!=0"
            " LastModified:datetimeoffset@2024.3.600",
        ),
        _table("Interruption", "Interruptions", "TaskId? IsPending?:bit!=1 Title? Created?:datetimeoffset"),
        _table("Space", "Spaces", "Name Slug IsDefault:bit!=0 TaskQueueStopped?:bit!=0", since=SPACES, owned=False),
        _table("ProjectGroup", "ProjectGroups", "Name"),
        _table("Lifecycle", "Lifecycles", "Name"),
        _table(
            "Project",
            "Projects",
            f"Name Slug ProjectGroupId LifecycleId AutoCreateRelease:bit!=0 {BIT} VariableSetId DeploymentProcessId"
            " DataVersion:int@2024.3.600",
        ),
        _table("Channel", "Channels", "Name ProjectId LifecycleId"),
        _table("DeploymentProcess", "deploymentprocess", "OwnerId Version:int!=1"),
        _table("VariableSet", "variableset", "OwnerId Version:int!=1 IsFrozen:bit!=0"),
        _table("LibraryVariableSet", "LibraryVariableSets", "Name VariableSetId"),
        _table("DeploymentEnvironment", "Environments", "Name SortOrder:int!=0"),
        _table("Tenant", "Tenants", "Name ProjectIds:nvarchar(max)"),
        _table(
            "Machine",
            "Machines",
            f"Name {BIT} Roles:nvarchar(max) EnvironmentIds:nvarchar(max) MachinePolicyId@3.4 Thumbprint DeploymentTargetType@2021.1.8018",
        ),
        _table("MachinePolicy", "MachinePolicies", "Name IsDefault:bit!=0", since="3.4"),
        _table("WorkerPool", "WorkerPools", "Name SortOrder:int!=0 IsDefault:bit!=0", since="2018.7"),
        _table("Worker", "Workers", f"Name {BIT} WorkerPoolIds:nvarchar(max) MachinePolicyId Thumbprint", since="2018.7"),
        _table("ProjectTrigger", "ProjectTriggers", "Name ProjectId TriggerType IsDisabled:bit!@2018.4=0", since="3.4"),
        _table("Subscription", "Subscriptions", f"Name Type {BIT}", since="3.5"),
        _table("Release", "Releases", "Version ProjectId ChannelId Assembled:datetimeoffset!"),
        _table(
            "Deployment",
            "Deployments",
            "Name Created:datetimeoffset! EnvironmentId ProjectId ReleaseId TaskId TenantId ChannelId"
            " LastModified:datetimeoffset@2024.3.600",
        ),
        _table(
            "DeploymentHistory",
            "",
            "DeploymentName ProjectId ProjectName EnvironmentName ReleaseVersion TaskId TaskState Created:datetimeoffset"
            " CompletedTime:datetimeoffset",
            json=False,
        ),
        _table("DeploymentRelatedMachine", "", "DeploymentId MachineId", owned=False, json=False, identity=True),
        _table("Feed", "Feeds", "Name FeedUri FeedType"),
        _table("NuGetPackage", "packages", "PackageId Version VersionMajor:int!=0 VersionMinor:int!=0 VersionBuild:int!=0 Title"),
        _table("Artifact", "Artifacts", "Filename Created:datetimeoffset! RelatedDocumentIds:nvarchar(max)"),
        # ``UserAgent`` is a column of a later public dump, and in OctopusDeploy/OctopusClients since December 2018; the version is *assumed*.
        _table("Event", "Events", "AutoId:int!=0 Category UserId Username Occurred:datetimeoffset! Message:nvarchar(max) UserAgent@2019.1"),
        _table("EventRelatedDocument", "", "EventId RelatedDocumentId", owned=False, json=False, identity=True),
        _table("User", "Users", "Username DisplayName EmailAddress IsActive:bit!=1 IsService:bit!=0", owned=False),
        _table("ApiKey", "apikeys", "ApiKeyHashed UserId Created:datetimeoffset!", owned=False),
        _table("Team", "Teams", "Name MemberUserIds:nvarchar(max)"),
        _table("UserRole", "userroles", "Name", owned=False),
        _table("ScopedUserRole", "scopeduserroles", "TeamId UserRoleId", since=SPACES),
        _table("Account", "Accounts", "Name AccountType"),
        _table("Certificate", "Certificates", "Name Thumbprint Archived:datetimeoffset NotAfter:datetimeoffset"),
        _table("GitCredential", "GitCredentials", "Name?", since="2022.1"),
        _table("ExtensionConfiguration", "", "ExtensionAuthor Name", since="3.5", owned=False),
        _table("Runbook", "Runbooks", "Name? ProjectId?", since="2019.10"),
        _table(
            "DeploymentFreeze", "DeploymentFreezes", "Name? StartTime?:datetimeoffset EndTime?:datetimeoffset", since="2024.3", owned=False
        ),
    )
}
# Indexes that something looks for. That EventRelatedDocument has some is known from what their loss does (#7077); the name is *assumed*.
INDEXES = {
    "EventRelatedDocument": 'CREATE INDEX "IX_EventRelatedDocument_RelatedDocumentId" ON "EventRelatedDocument" ("RelatedDocumentId")'
}
PREFIXES = {table.prefix: table.name for table in TABLES.values() if table.prefix}


def tables(version: str) -> list[Table]:
    """The tables of that version's schema."""
    return [table for table in TABLES.values() if table.exists(version)]


def changes(before: str | None, after: str, only_documented: bool = False) -> list[tuple[str, str]]:
    """(table, statement) for each table and column that comes or goes between two versions; None: from an empty database."""
    out: list[tuple[str, str]] = []
    for table in TABLES.values():
        if not table.exists(after):
            continue
        if before is None or not table.exists(before):
            out.append((table.name, table.create(after, only_documented)))
            out += [(table.name, INDEXES[table.name])] if table.name in INDEXES else []
            continue
        had, has = ({column.name for column in table.at(version, only_documented)} for version in (before, after))
        for column in table.columns:
            if column.name in has - had:
                out.append((table.name, f'ALTER TABLE "{table.name}" ADD COLUMN {column.ddl}'))
            elif column.name in had - has:
                out.append((table.name, f'ALTER TABLE "{table.name}" DROP COLUMN "{column.name}"'))
    return out
