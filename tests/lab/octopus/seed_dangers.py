# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Seeded on demand: everything that makes a server reach outside within minutes (dangers.py), for hours on end.

The server that is seeded so does all of it to itself, so what is due comes again and again: a copy that is made at any time, and started at
any later one, finds packages that have just grown too old, tasks whose time has come, a new version in the vendor's feed.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from . import versions
from .documents import update
from .folders import package_path
from .seed_packages import package_bytes

if TYPE_CHECKING:
    from .documents import Document
    from .seed import Seeding

LASTS = timedelta(hours=12)
EVERY = timedelta(minutes=4)  # a package grows too old, and another task's time comes
KEEP_DAYS = 400  # older than any other seeded package
RETENTION_MINUTES = 5
HEALTH, GONE = "00:02:00", "00:03:00"  # between health checks; how long a target may be unavailable
AUDIT_STREAM, GIT = "2022.4", "2022.1"  # octopus.com/docs
FEED_TRIGGERS, LETS_ENCRYPT = "2024.1", "3.16"  # *assumed*


def polling_uri(node: str) -> str:
    """The target that polls the servers of the instance with this first node, and no others."""
    return f"poll://{node.lower()}-roaming/"


def dangers(seeding: Seeding, node: str) -> None:
    _settings(seeding)
    _infrastructure(seeding, node)
    _projects(seeding)
    for at in range(1, int(LASTS / EVERY) + 1):
        _scheduled(seeding, at)
        _nightly(seeding, at)


def _change(seeding: Seeding, table: str, number: int, **values: object) -> Document:
    row = seeding.added[table][number]
    row.update(values)
    update(seeding.connection, table, row)
    return row


def _settings(seeding: Seeding) -> None:
    since = {"telemetry": "2021.1", "audit-stream": AUDIT_STREAM, "letsencrypt": LETS_ENCRYPT, "retentionpolicies": "3.0"}
    rows: dict[str, Document] = {
        "telemetry": {"Enabled": True, "IsTelemetryEnforced": False},
        "audit-stream": {
            "Active": True,
            "Description": "SIEM",
            "StreamConfigurationResource": {
                "Type": "Splunk",
                "Url": "https://splunk.lab.example:8088",
                "Token": seeding.secret("splunk-token"),
            },
        },
        "letsencrypt": {
            "Enabled": True,
            "DnsName": "octopus.lab.example",
            "RegistrationEmailAddress": "ops@lab.example",
            "HttpsPort": 443,
            "IPAddress": "0.0.0.0",
            "Path": ".well-known/acme-challenge",
            "AcceptLetsEncryptTermsOfService": True,
            "CertificateExpiryDate": (seeding.now + timedelta(days=10)).isoformat(),
        },
        "retentionpolicies": {"CronExpression": f"0 */{RETENTION_MINUTES} * * * *"},
    }
    for row_id, value in rows.items():
        if versions.at_least(seeding.version, since[row_id]):
            seeding.add("Configuration", Id=row_id, **value)
    _change(seeding, "Feed", 0, DeleteUnreleasedPackagesAfterDays=KEEP_DAYS)


def _infrastructure(seeding: Seeding, node: str) -> None:
    """A target that polls this server only, and a policy that deletes what does not answer."""
    policy = seeding.add(
        "MachinePolicy",
        Name="Roaming",
        IsDefault=False,
        MachineHealthCheckPolicy={"HealthCheckInterval": HEALTH, "HealthCheckType": "OnlyConnectivity"},
        MachineCleanupPolicy={"DeleteMachinesBehavior": "DeleteUnavailableMachines", "DeleteMachinesElapsedTimeSpan": GONE},
    )
    seeding.add(
        "Machine",
        Name="prod-roaming-01",
        IsDisabled=False,
        Roles=["roaming"],
        EnvironmentIds=["Environments-3"],
        Thumbprint=seeding.random.randbytes(20).hex().upper(),
        DeploymentTargetType="TentacleActive",
        CommunicationStyle="TentacleActive",
        Uri=polling_uri(node),
        HealthStatus="Healthy",
        MachinePolicyId=policy["Id"],
    )


def _projects(seeding: Seeding) -> None:
    """Web Shop runs steps that need no target, and takes an agent from the vendor's feed; Billing is in Git."""
    steps = seeding.added["DeploymentProcess"][0]["Steps"]
    _change(
        seeding,
        "DeploymentProcess",
        0,
        Steps=[
            *steps,
            {"Name": "Swap slots", "ActionType": "Octopus.AzurePowerShell", "AccountId": "Accounts-2"},
            {
                "Name": "Tell the monitoring",
                "ActionType": "Octopus.Script",
                "Properties": {"Octopus.Action.RunOnServer": "True", "Octopus.Action.Script.ScriptBody": "Invoke-RestMethod ..."},
            },
            {"Name": "Agent", "ActionType": "Octopus.TentaclePackage", "PackageId": "Vendor.Agent", "FeedId": "Feeds-2"},
        ],
    )
    if versions.at_least(seeding.version, FEED_TRIGGERS):
        seeding.add(
            "ProjectTrigger",
            Name="New agent",
            ProjectId="Projects-1",
            TriggerType="Feed",
            IsDisabled=False,
            Filter={
                "FilterType": "FeedFilter",
                "Packages": [{"DeploymentAction": "Agent", "PackageReference": "", "FeedId": "Feeds-2", "PackageId": "Vendor.Agent"}],
            },
            Action={"ActionType": "CreateRelease", "ChannelId": "Channels-1"},
        )
    if versions.at_least(seeding.version, GIT):
        secret = seeding.secret("git-token")
        credential = seeding.add(
            "GitCredential", Name="Octopus writes", Details={"Type": "UsernamePassword", "Username": "octopus", "Password": secret}
        )
        _change(
            seeding,
            "Project",
            1,
            PersistenceSettings={
                "Type": "VersionControlled",
                "Url": "https://git.lab.example/billing.git",
                "DefaultBranch": "main",
                "BasePath": ".octopus",
                "Credentials": {"Type": "Reference", "Id": credential["Id"]},
            },
        )


def _scheduled(seeding: Seeding, at: int) -> None:
    """A deployment to production whose time comes soon."""
    seeding.add(
        "ServerTask",
        Name="Deploy",
        Description=f"Deploy Web Shop release 1.0.3 to Production, run {at}",
        State="Queued",
        QueueTime=seeding.now + at * EVERY,
        ProjectId="Projects-1",
        EnvironmentId="Environments-3",
        HasWarningsOrErrors=False,
        HasPendingInterruptions=False,
        ServerNodeId=None,
        Arguments={},
        LogFile=f"servertasks-nightly_{at:04}.txt",
    )


def _nightly(seeding: Seeding, at: int) -> None:
    """A package that soon is too old to keep."""
    version = f"0.0.{at}"
    data = package_bytes("Lab.Nightly", version, seeding.random.randbytes(100))
    row = seeding.add(
        "NuGetPackage",
        Id=f"packages-Lab.Nightly.{version}",
        PackageId="Lab.Nightly",
        Version=version,
        Title="Lab.Nightly",
        VersionMajor=0,
        VersionMinor=0,
        VersionBuild=at,
        PackageSizeBytes=len(data),
        FileExtension=".nupkg",
        FeedId="feeds-builtin",
        Published=(seeding.ago(KEEP_DAYS) + at * EVERY).isoformat(),
    )
    seeding.files.write(package_path(seeding.roots["PackagesDirectory"], row), data)
