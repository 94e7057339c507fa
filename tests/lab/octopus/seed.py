# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The data of a server that has been in use for long, the same for the same seed."""

from __future__ import annotations

import hashlib
import random
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from . import crypto, folders, licence, permissions, schema, scripts, versions
from .database import Connection, column_names
from .documents import Document, insert
from .folders import Files
from .seed_dangers import dangers as seed_dangers
from .seed_deployments import deployments
from .seed_packages import packages
from .store import make_nameless

SPACE = "Spaces-1"
PROJECTS = ("Web Shop", "Billing", "Intranet", "Data Import")
ENVIRONMENTS = ("Development", "Test", "Production")
# More than the seed makes: nothing is deleted.
RETENTION = {"Unit": "Items", "QuantityToKeep": 30, "ShouldKeepForever": False}
TENANTS = ("Northwind", "Contoso", "Fabrikam")


@dataclass
class Seeding:
    """What the parts of the seeding share.

    Attributes:
        size: 1.0 gives 4 projects with some 200 packages and 60 deployments; less makes less of the latter two.
    """

    connection: Connection
    files: Files
    version: str
    now: datetime
    master_key: str
    random: random.Random
    roots: dict[str, str]  # API name of a folder: full path
    size: float = 1.0
    added: dict[str, list[Document]] = field(default_factory=dict)
    _columns: dict[str, list[str]] = field(default_factory=dict)

    @property
    def spaces(self) -> bool:
        return versions.has(self.version, "spaces")

    def add(self, table: str, **values: Any) -> Document:
        """A row; its id is the next of its table unless given. Tables that this version lacks are passed over."""
        known = self.added.setdefault(table, [])
        doc: Document = {"Id": f"{schema.TABLES[table].prefix or table}-{len(known) + 1}", **values}
        columns = self._columns.get(table)
        if columns is None:
            columns = self._columns[table] = column_names(self.connection, table)
        if not columns:
            return doc
        if self.spaces and "SpaceId" in columns and "SpaceId" not in doc:
            doc["SpaceId"] = SPACE
        if schema.TABLES[table].identity:
            doc.pop("Id")
        insert(self.connection, table, doc, columns)
        known.append(doc)
        return doc

    def ago(self, days: float) -> datetime:
        return self.now - timedelta(days=days)

    def secret(self, text: str) -> str:
        """A sensitive value under the master key."""
        return crypto.encrypt(self.master_key, text, self.random.randbytes(16))


@dataclass(frozen=True)
class Seeded:
    """What a test wants to know of it. ``limited_key`` is of a user who may only look at projects."""

    api_key: str = field(repr=False)
    limited_key: str = field(repr=False)
    installation_id: str = ""


def picture(seed: random.Random) -> bytes:
    """A PNG of one pixel, with some noise in a text chunk, so that no two are alike."""
    import struct
    import zlib

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    pixel = zlib.compress(b"\0" + seed.randbytes(3))
    head = struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0)
    noise = seed.randbytes(300).hex().encode()
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"tEXt", b"Comment\0" + noise) + chunk(b"IDAT", pixel) + chunk(b"IEND", b"")


def _people(seeding: Seeding, api_key: str, limited_key: str) -> None:
    names = (("admin", "Administrator"), ("dora", "Dora Deployer"), ("vic", "Vic Viewer"), ("ci", "Build server"))
    for at, (username, display) in enumerate(names, 1):
        seeding.add(
            "User",
            Id=f"Users-{at}",
            Username=username,
            DisplayName=display,
            EmailAddress=f"{username}@lab.example",
            IsActive=True,
            IsService=username == "ci",
            IdentificationToken=crypto.hash_api_key(username),
        )
    for user, key in (("Users-1", api_key), ("Users-3", limited_key), ("Users-4", crypto.new_api_key(f"ci{seeding.random.random()}"))):
        seeding.add("ApiKey", UserId=user, ApiKeyHashed=crypto.hash_api_key(key), Created=seeding.ago(200), Purpose="Automation")
    for role_id, (name, system, space) in permissions.ROLES.items():
        # Before spaces an administrator may do everything.
        more = permissions.VIEW + permissions.CHANGE if system and not seeding.spaces else ()
        granted = {"GrantedSystemPermissions": [*system, *more], "GrantedSpacePermissions": list(space)}
        seeding.add("UserRole", Id=role_id, Name=name, CanBeDeleted=False, **granted)  # these are the product's own
    roles = ["userroles-systemadministrator"]
    seeding.add(
        "Team", Id="teams-administrators", Name="Octopus Administrators", MemberUserIds=["Users-1"], UserRoleIds=roles, SpaceId=None
    )
    seeding.add("Team", Id="Teams-21", Name="Deployers", MemberUserIds=["Users-2", "Users-4"], UserRoleIds=["userroles-spacemanager"])
    seeding.add("Team", Id="Teams-22", Name="Viewers", MemberUserIds=["Users-3"], UserRoleIds=["userroles-projectviewer"])
    if not seeding.spaces:
        return
    seeding.add("ScopedUserRole", TeamId="teams-administrators", UserRoleId=roles[0], SpaceId=None)
    seeding.add("Team", Id="teams-spacemanagers-Spaces-1", Name="Space Managers", MemberUserIds=["Users-1"], UserRoleIds=[])
    for team, role in (("teams-spacemanagers-Spaces-1", "spacemanager"), ("Teams-21", "spacemanager"), ("Teams-22", "projectviewer")):
        seeding.add("ScopedUserRole", TeamId=team, UserRoleId=f"userroles-{role}")


def _infrastructure(seeding: Seeding) -> None:
    for at, name in enumerate(ENVIRONMENTS):
        seeding.add("DeploymentEnvironment", Name=name, SortOrder=at, Description="", UseGuidedFailure=name == "Production")
    for name in TENANTS:
        tenant = seeding.add("Tenant", Name=name, ProjectIds=["Projects-1"], TenantTags=[])
        _logo(seeding, tenant)
    policy = seeding.add(
        "MachinePolicy",
        Name="Default Machine Policy",
        IsDefault=True,
        MachineHealthCheckPolicy={"HealthCheckInterval": "01:00:00", "HealthCheckType": "RunScript"},
        MachineCleanupPolicy={"DeleteMachinesBehavior": "DoNotDelete", "DeleteMachinesElapsedTimeSpan": "00:00:00"},
    )
    for at in range(1, 9):
        environment = seeding.added["DeploymentEnvironment"][at % 3]
        seeding.add(
            "Machine",
            Name=f"{environment['Name'][:4].lower()}-web-{at:02}",
            IsDisabled=at == 8,
            Roles=["web"] if at % 2 else ["web", "db"],
            EnvironmentIds=[environment["Id"]],
            Thumbprint=seeding.random.randbytes(20).hex().upper(),
            DeploymentTargetType="TentaclePassive",
            Uri=f"https://target-{at:02}.lab.example:10933/",
            HealthStatus="Healthy",
            CommunicationStyle="TentaclePassive",
            TentacleVersion="6.3.605",
            MachinePolicyId=policy["Id"],
        )
    seeding.add("WorkerPool", Name="Default Worker Pool", SortOrder=0, IsDefault=True)
    for at in (1, 2):
        seeding.add(
            "Worker",
            Name=f"worker-{at:02}",
            IsDisabled=at == 2,
            WorkerPoolIds=["WorkerPools-1"],
            HealthStatus="Healthy",
            TentacleVersion="6.3.605",
            Thumbprint=seeding.random.randbytes(20).hex().upper(),
            Uri=f"https://worker-{at:02}.lab.example:10933/",
        )
    seeding.add("Feed", Id="feeds-builtin", Name="Octopus Server (built-in)", FeedUri="", FeedType="BuiltIn")
    seeding.add(
        "Feed",
        Name="Vendor feed",
        FeedUri="https://nuget.lab.example/v3/index.json",
        FeedType="NuGet",
        Username="reader",
        Password=seeding.secret("feed-password"),
    )
    for name, kind in (("Deploy account", "UsernamePassword"), ("Cloud subscription", "AzureServicePrincipal"), ("Bastion", "SshKeyPair")):
        seeding.add("Account", Name=name, AccountType=kind, Username="deploy", Password=seeding.secret(f"password of {name}"))
    seeding.add(
        "Certificate",
        Id="certificate-global",
        Name="Octopus Server",
        Thumbprint=seeding.random.randbytes(20).hex().upper(),
        NotAfter=seeding.now + timedelta(days=20000),
        CertificateData=seeding.secret("private key of the server"),
        SpaceId=None,
    )


def _logo(seeding: Seeding, owner: Document) -> None:
    seeding.files.write(folders.logo_path(seeding.roots["ArtifactsDirectory"], owner), picture(seeding.random))


def _projects(seeding: Seeding, trigger_minutes: int, bad_logo: bool) -> None:
    seeding.add("Lifecycle", Name="Default Lifecycle", ReleaseRetentionPolicy=RETENTION, Phases=[])
    for name in ("Default Project Group", "Shared services"):
        seeding.add("ProjectGroup", Name=name)
    for at, name in enumerate(PROJECTS, 1):
        slug = name.lower().replace(" ", "-")
        project = seeding.add(
            "Project",
            Name=name,
            Slug=slug,
            ProjectGroupId=f"ProjectGroups-{1 + at % 2}",
            LifecycleId="Lifecycles-1",
            AutoCreateRelease=at == 3,
            IsDisabled=at == 4,
            VariableSetId=f"variableset-Projects-{at}",
            DeploymentProcessId=f"deploymentprocess-Projects-{at}",
            Description=f"{name} of the lab",
            DataVersion=1,
            LogoContentType="image/svg" if bad_logo and at == 2 else "image/png",
        )
        _logo(seeding, project)
        step = {"Name": "Deploy", "ActionType": "Octopus.TentaclePackage", "Roles": ["web"], "PackageId": f"Lab.{name.replace(' ', '')}"}
        seeding.add("DeploymentProcess", Id=f"deploymentprocess-Projects-{at}", OwnerId=project["Id"], Version=3, Steps=[step])
        variables = [
            {"Name": "ConnectionString", "IsSensitive": True, "Value": seeding.secret(f"Server=db;Password=p{at}")},
            {"Name": "Url", "IsSensitive": False, "Value": f"https://{slug}.lab.example"},
        ]
        seeding.add("VariableSet", Id=f"variableset-Projects-{at}", OwnerId=project["Id"], Version=5, Variables=variables)
        seeding.add("Channel", Name="Default", ProjectId=project["Id"], LifecycleId="Lifecycles-1", IsDefault=True)
        seeding.add("Runbook", Name="Restart", ProjectId=project["Id"])
    seeding.add("LibraryVariableSet", Name="Common", VariableSetId="variableset-LibraryVariableSets-1")
    seeding.add(
        "VariableSet",
        Id="variableset-LibraryVariableSets-1",
        OwnerId="LibraryVariableSets-1",
        Variables=[{"Name": "SmtpPassword", "IsSensitive": True, "Value": seeding.secret("smtp-password")}],
    )
    schedule = {"FilterType": "ContinuousDailySchedule", "MinuteInterval": trigger_minutes}
    action = {"ActionType": "DeployLatestRelease", "EnvironmentIds": ["Environments-3"]}
    seeding.add(
        "ProjectTrigger", Name="Redeploy", ProjectId="Projects-1", TriggerType="Schedule", IsDisabled=False, Filter=schedule, Action=action
    )
    seeding.add(
        "ProjectTrigger", Name="Old", ProjectId="Projects-2", TriggerType="Schedule", IsDisabled=True, Filter=schedule, Action=action
    )
    seeding.add("Subscription", Name="Deployments by mail", Type="Event", IsDisabled=False, Recipients=["ops@lab.example"])
    seeding.add("Subscription", Name="Muted", Type="Event", IsDisabled=True, Recipients=["nobody@lab.example"])


def _server(seeding: Seeding, nodes: list[str], folder_values: dict[str, str | None], license_xml: str | None, server_uri: str) -> str:
    raw = hashlib.md5(seeding.random.randbytes(16), usedforsecurity=False).hexdigest()
    installation = f"{raw[:8]}-{raw[8:12]}-{raw[12:16]}-{raw[16:20]}-{raw[20:]}"
    settings: dict[str, Document] = {
        "maintenance": {"IsInMaintenanceMode": False},
        "features": {"IsMultiTenancyEnabled": True},
        "smtp": {
            "SmtpHost": "smtp.lab.example",
            "SmtpPort": 25,
            "SendEmailFrom": "octopus@lab.example",
            "SmtpPassword": seeding.secret("mail"),
        },
        "server": {"ServerUri": server_uri},
        "upgradeavailability": {"InstallationId": installation},
        "upgrades": {"AllowChecking": True, "IncludeStatistics": True, "NotificationMode": "AlwaysShow"},
        "authentication": {"IsAutoLoginEnabled": False},
        "certificate": {"Thumbprint": seeding.added["Certificate"][0]["Thumbprint"]},
        folders.ROW: dict(folder_values),
    }
    for row_id, value in settings.items():
        seeding.add("Configuration", Id=row_id, **value)
    for name in ("authentication-octopusid", "jira-integration"):
        seeding.add("ExtensionConfiguration", Id=name, Name=name, ExtensionAuthor="Octopus Deploy", IsEnabled=True)
    if license_xml:
        seeding.add("Configuration", Id="license", SerialNumber=licence.parse(license_xml).serial, LicenseText=license_xml)
    for node in nodes:
        values: dict[str, Any] = {"MaxConcurrentTasks": 5, "IsInMaintenanceMode": False, "LastSeen": seeding.ago(0.5)}
        if versions.has(seeding.version, "node_rank"):
            values["Rank"] = "Leader" if node == nodes[0] else "Follower"
        row = seeding.add("OctopusServerNode", Id=f"OctopusServerNodes-{node.lower()}", Name=node, **values)
        seeding.add("OctopusServerNodeStatus", Id=row["Id"], OctopusServerNodeId=row["Id"], LastSeen=seeding.ago(0.5))
        seeding.add("OctopusServerInstallationHistory", Node=node, Version="3.17.14", Installed=seeding.ago(2000))
        seeding.add("OctopusServerInstallationHistory", Node=node, Version=None, Installed=seeding.ago(1500))  # #5679
        seeding.add("OctopusServerInstallationHistory", Node=node, Version=seeding.version, Installed=seeding.ago(400))
    return installation


def seed(
    connection: Connection,
    files: Files,
    *,
    version: str,
    nodes: list[str],
    now: datetime,
    master_key: str,
    number: int,
    roots: dict[str, str],
    folder_values: dict[str, str | None],
    license_xml: str | None,
    server_uri: str,
    api_key: str | None = None,
    limited_key: str | None = None,
    size: float = 1.0,
    trigger_minutes: int = 10,
    bad_logo: bool = False,
    null_extension_row: bool = False,
    dangers: bool = False,
    only_documented: bool = False,
) -> Seeded:
    """Create the schema of that version in an empty database and fill it, and the folders.

    Args:
        roots: Full path of each server folder, by its name in the API; ``folder_values`` is what the database says of them.
        trigger_minutes: How often the one enabled trigger deploys to production, in lab minutes.
        bad_logo: One project has a logo whose content type stops early builds of 2020.5 and 2020.6 (#6779, #6780).
        null_extension_row: The row that stops 2024.4 and later (#9251).
        dangers: Whether all that reaches outside is due within minutes, again and again (seed_dangers.py).
        only_documented: Whether columns that only the lab's own assumption supports are left out.
    """
    rng = random.Random(number)
    api_key = api_key or crypto.new_api_key(f"admin{number}")
    limited_key = limited_key or crypto.new_api_key(f"limited{number}")
    with connection.transaction():
        create_schema(connection, version, now, only_documented)
        seeding = Seeding(connection, files, version, now, master_key, rng, roots, size)
        for root in roots.values():
            files.make(root)
        if seeding.spaces:
            seeding.add(
                "Space",
                Id=SPACE,
                Name="Default",
                Slug="default",
                IsDefault=True,
                TaskQueueStopped=False,
                SpaceManagersTeams=["teams-spacemanagers-Spaces-1"],
                SpaceManagersTeamMembers=[],
            )
        _people(seeding, api_key, limited_key)
        _infrastructure(seeding)
        _projects(seeding, trigger_minutes, bad_logo)
        packages(seeding)
        deployments(seeding)
        installation = _server(seeding, nodes, folder_values, license_xml, server_uri)
        if null_extension_row:
            seeding.add("Configuration", Id="dynamic-extensions-scripts", Settings=None)
        if dangers:
            seed_dangers(seeding, nodes[0])
        if only_documented:
            make_nameless(connection)
        allocate(seeding)
    return Seeded(api_key, limited_key, installation)


def create_schema(connection: Connection, version: str, when: datetime, only_documented: bool = False) -> None:
    """Tables and journal as that version has them, without data."""
    for _table, statement in schema.changes(None, version, only_documented):
        connection.execute(statement)
    connection.executemany(
        'INSERT INTO "SchemaVersions" ("ScriptName", "Applied") VALUES (?, ?)',
        [(script.journal, when.strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]) for script in scripts.carried(version)],
    )


def allocate(seeding: Seeding) -> None:
    """Where the numbering of each table's documents goes on."""
    for table, docs in seeding.added.items():
        if table != "KeyAllocation" and docs:
            insert(seeding.connection, "KeyAllocation", {"Id": table, "Allocated": len(docs) + 100})
