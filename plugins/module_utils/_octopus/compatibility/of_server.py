# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is assumed of the REST API and of the database. Data alone.

Sources, short: [client] OctopusDeploy/OctopusClients; [api] octopus.com/docs, generated reference; [docs] octopus.com/docs, the vendor's scripts;
[dump] public dumps of databases of about 2018.9; [#N] OctopusDeploy/Issues/issues/N. Empty where no public source names it.
"""

from __future__ import annotations

from collections.abc import Iterator

from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.verification.counts import OF_SERVER, OF_SPACE

from .probe import BACKUP, CLONE, DATABASE, REST, ROLLBACK, UPGRADE, Probe

ROOT, LINKS, COLLECTIONS, NODES = "/api", "links of /api", "collections", "node list"
# Documents of which the names of the properties are read.
DOCUMENTS = {
    "/api/maintenanceconfiguration": ("IsInMaintenanceMode",),
    "/api/licenses/licenses-current": ("LicenseText",),
    "/api/licenses/licenses-current-status": ("IsCompliant", "ComplianceSummary", "EffectiveExpiryDate"),
    "/api/users/me": ("Username",),
}
FOLDERS = "/api/configuration/server-folders/values"
CONFIGURATION = "rows of Configuration"
_SINCE = {
    "projecttriggers": "3.4.0",
    "subscriptions": "3.5.0",
    "tagsets": "3.4.0",
    "tenants": "3.4.0",
    "runbooks": "2019.12.0",
    "workerpools": "2018.8.0",
    "workers": "2018.8.0",
}
_COUNTS = "verify: octopus_verify counts"
_MAINTENANCE = "quiesce: octopus_maintenance"
_QUARANTINE = "clone: octopus_quarantine"
_LOSS = "rollback: what it would lose"
# From 2024.3 on, one release after the other, tables of documents became relational (OctopusDeploy/Nevermore, README; #8821 and others).
_JSON_ENDS = "2024.2.0"


def _collections() -> Iterator[Probe]:
    for name in (*OF_SPACE, *OF_SERVER):
        since = _SINCE.get(name)
        yield Probe(REST, COLLECTIONS, (name,), since=since, step="other way: it is not counted", source="[client]")
        yield Probe(REST, f"page of {name}", ("Items", "TotalResults"), since=since, needed_by=(UPGRADE,), step=_COUNTS, source="[client]")


def _table(name: str, *columns: str, **more: object) -> Probe:
    return Probe(DATABASE, name, columns, **more)  # type: ignore[arg-type]


def _off(name: str, since: str | None = None) -> Probe:
    return _table(name, "IsDisabled", since=since, needed_by=(CLONE,), step=_QUARANTINE, source="[docs] [dump]")


PROBES = (
    # -- REST
    Probe(REST, ROOT, ("Version", "Links"), needed_by=(UPGRADE, ROLLBACK, BACKUP), step="preflight: octopus_info", source="[client]"),
    Probe(REST, LINKS, ("Spaces",), since="2019.1.0", needed_by=(UPGRADE,), step=_COUNTS, source="[client]"),
    Probe(REST, LINKS, ("OctopusServerClusterSummary",), since="2019.3.0", step="other way: the list of nodes", source="[client]"),
    *_collections(),
    Probe(
        REST,
        "/api/maintenanceconfiguration",
        ("IsInMaintenanceMode",),
        needed_by=(UPGRADE, ROLLBACK, BACKUP),
        step=_MAINTENANCE,
        source="[docs]",
    ),
    Probe(
        REST,
        "/api/licenses/licenses-current",
        ("LicenseText",),
        needed_by=(UPGRADE, BACKUP),
        step="stage: octopus_license_backup",
        source="[client]",
    ),
    Probe(
        REST,
        "/api/licenses/licenses-current-status",
        ("IsCompliant", "ComplianceSummary", "EffectiveExpiryDate"),
        since="3.5.0",
        step="preflight: license_compliant, which can be waived",
        source="[client]",
    ),
    Probe(REST, "/api/users/me", ("Username",), step="messages alone", source="[client]"),
    Probe(
        REST,
        NODES,
        ("Id", "Name", "IsInMaintenanceMode"),
        needed_by=(UPGRADE, ROLLBACK),
        step="quiesce: octopus_node drains",
        source="[client]",
    ),
    Probe(REST, NODES, ("LastSeen", "IsOffline"), since="2018.12.0", step="messages alone", source="[client] [#5176]"),
    Probe(REST, NODES, ("RunningTaskCount",), since="2019.3.0", step="other way: running tasks", source="[client]"),
    Probe(REST, NODES, ("Version",), since="2024.2.329", step="other way: each node is asked", source="[#8636]"),
    Probe(
        REST,
        FOLDERS,
        ("LogsDirectory", "ArtifactsDirectory", "PackagesDirectory"),
        since="2018.11.0",
        step="other way: show-configuration",
        source="[docs] [#5700]",
    ),
    Probe(REST, FOLDERS, ("EventExportsDirectory",), since="2023.3.0", step="other way: show-configuration", source="[docs]"),
    Probe(REST, FOLDERS, ("TelemetryDirectory",), since="2023.3.0", step="other way: show-configuration", source="[docs]"),
    Probe(REST, FOLDERS, ("ImportsDirectory",), optional=True, since="2021.1.0", step="other way: show-configuration"),
    Probe(REST, "row of tasks", ("Id", "State"), needed_by=(UPGRADE,), step="quiesce: octopus_node waits for tasks", source="[client]"),
    Probe(REST, "row of tasks", ("HasPendingInterruptions",), step="preflight: nobody_asked", source="[client]"),
    Probe(REST, "row of projects", ("Id", "Name", "Links"), needed_by=(UPGRADE,), step="verify: projects are opened", source="[client]"),
    Probe(
        REST,
        "row of packages",
        ("PackageId", "NuGetPackageId"),
        any_of=True,
        needed_by=(UPGRADE,),
        step="verify: packages are read",
        source="[client]",
    ),
    Probe(REST, "row of packages", ("Version", "Links"), needed_by=(UPGRADE,), step="verify: packages are read", source="[client]"),
    Probe(REST, "row of artifacts", ("Id", "Links"), needed_by=(UPGRADE,), step="verify: artifacts are read", source="[client]"),
    # -- database
    _table(
        "OctopusServerInstallationHistory",
        "Version",
        "Node",
        "Installed",
        needed_by=(UPGRADE, ROLLBACK, BACKUP, CLONE),
        step="preflight and apply: the version of the database",
        source="[dump]",
    ),
    _table("SchemaVersions", "ScriptName", "Applied", needed_by=(UPGRADE, ROLLBACK), step="apply: scripts are counted", source="[dump]"),
    _table("OctopusServerNode", "Id", "Name", needed_by=(UPGRADE,), step="quiesce: nodes are verified to be down", source="[dump]"),
    _table("OctopusServerNode", "LastSeen", until="2019.1.0", step="other way: sessions", source="[dump]"),
    # About 2019.3 (#5348, #5729); no public source names its columns.
    _table("OctopusServerNodeStatus", "LastSeen", since="2019.7.0", step="other way: sessions"),
    _table("OctopusServerNodeStatus", "Id", "OctopusServerNodeId", any_of=True, since="2019.7.0", step="other way: sessions"),
    _table("ServerTask", "Id", "QueueTime", "StartTime", "State", "Name", needed_by=(ROLLBACK,), step=_LOSS, source="[dump]"),
    _table("ServerTask", "State", "CompletedTime", needed_by=(CLONE,), step=_QUARANTINE, source="[dump]"),
    _table("Release", "Id", "Version", "Assembled", needed_by=(ROLLBACK,), step=_LOSS, source="[dump]"),
    _table("Deployment", "Id", "Name", "Created", "TaskId", needed_by=(ROLLBACK,), step=_LOSS, source="[dump]"),
    _table("Event", "Id", "Category", "Message", "Occurred", "Username", needed_by=(ROLLBACK,), step=_LOSS, source="[dump]"),
    _table("Configuration", "Id", "JSON", needed_by=(CLONE,), step=_QUARANTINE, source="[dump] [#9251]"),
    _off("Machine"),
    _off("Worker", "2018.8.0"),
    _off("ProjectTrigger", "2018.4.0"),
    _off("Subscription", "3.5.0"),
    _table("Project", "IsDisabled", "AutoCreateRelease", needed_by=(CLONE,), step=_QUARANTINE, source="[dump]"),
    _table("Feed", "FeedType", needed_by=(CLONE,), step=_QUARANTINE, source="[dump]"),
    _table("ApiKey", "Id", needed_by=(CLONE,), step=_QUARANTINE),
    *(
        _table(name, "JSON", until=_JSON_ENDS, needed_by=(CLONE,), step=_QUARANTINE, source="[dump]")
        for name in ("Project", "Lifecycle", "MachinePolicy", "ExtensionConfiguration", "Feed")
    ),
    _table("Space", "Id", since="2019.1.0", needed_by=(CLONE,), step=_QUARANTINE, source="[#8824]"),
    _table("Space", "TaskQueueStopped", since="2019.1.0", step="other way: the row's JSON"),
    Probe(DATABASE, CONFIGURATION, ("upgradeavailability",), needed_by=(CLONE,), step=_QUARANTINE, source="[docs]"),
    *(
        Probe(DATABASE, CONFIGURATION, (name,), optional=True, step=_QUARANTINE, source=source)
        for name, source in (("maintenance", "[docs]"), ("upgrades", "[client]"), ("smtp", "[client]"))
    ),
    Probe(DATABASE, "row maintenance", ("IsInMaintenanceMode",), optional=True, step=_QUARANTINE, source="[docs]"),
    Probe(DATABASE, "row upgradeavailability", ("InstallationId",), needed_by=(CLONE,), step=_QUARANTINE, source="[docs]"),
    Probe(DATABASE, "row upgrades", ("AllowChecking",), optional=True, step=_QUARANTINE, source="[client]"),
    Probe(DATABASE, "row smtp", ("SmtpHost",), optional=True, step=_QUARANTINE, source="[client]"),
)
