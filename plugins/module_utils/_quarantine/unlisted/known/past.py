# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is harmless of what has happened, and of what only running work uses: these tables are not read. Data alone."""

from __future__ import annotations

from .entry import CLIENT, DOCS, DUMP, ISSUES, Known, known

_PAST = "its rows tell what has happened, and nothing is started from them"
_WORK = "only a running task reads it, and no task runs"
_BOOKS = "the product's own bookkeeping, without anything that acts"

ENTRIES: tuple[Known, ...] = (
    # -- the past
    *known("Event", _PAST, DUMP),
    *known("EventRelatedDocument", _PAST, f"{ISSUES}7077", since="2018.1"),
    *known("ServerTask", f"{_PAST}; what had not ended is canceled", f"{DUMP}; {ISSUES}9795", by="tasks"),
    *known("Interruption", "it waits for an answer within a task, and those are canceled", f"{CLIENT} InterruptionResource", by="tasks"),
    *known("Release", f"{_PAST}; it is deployed by tasks only", DUMP, by="tasks"),
    *known("Deployment", _PAST, DUMP),
    *known("DeploymentHistory", _PAST, f"{ISSUES}8641"),
    *known("DeploymentRelatedMachine", _PAST, DUMP),
    *known("RunbookRun", _PAST, f"{ISSUES}9795", since="2019.10"),
    *known("RunbookRunHistory", _PAST, f"{ISSUES}8659", since="2019.10"),
    *known("RunbookRunRelatedMachine", _PAST, f"{ISSUES}9795", since="2019.10"),
    *known("Artifact", _PAST, f"{CLIENT} ArtifactResource"),
    *known("NuGetPackage", "it lists the packages in the clone's own folder", DUMP),
    *known("IndexedPackage", "it lists the packages in the clone's own folder", f"{DOCS}administration/data", since="2018.1"),
    *known("PackageMetadata", _PAST, f"{ISSUES}5913", since="2018.1", until="2019.10"),
    *known("BuildInformation", _PAST, f"{ISSUES}5913", since="2019.10"),
    # -- work
    *known("DeploymentProcess", _WORK, f"{CLIENT} DeploymentProcessResource", by="execution"),
    *known("RunbookProcess", _WORK, f"{ISSUES}8992", since="2019.10", by="execution"),
    *known("RunbookSnapshot", _WORK, f"{CLIENT} RunbookSnapshotResource", since="2019.10", by="execution"),
    *known("VariableSet", _WORK, f"{ISSUES}9795", by="execution"),
    *known("TenantVariable", _WORK, f"{ISSUES}9477", by="execution"),
    *known("ActionTemplate", _WORK, f"{CLIENT} ActionTemplateResource", by="execution"),
    *known("ActionTemplateVersion", _WORK, f"{ISSUES}5117", by="execution"),
    *known("CommunityActionTemplate", _WORK, DUMP, by="execution"),
    *known("WorkerTaskLease", "it is held by a running task", f"{ISSUES}8819", since="2018.7", by="tasks"),
    # -- bookkeeping
    *known("SchemaVersions", _BOOKS, DUMP),
    *known("OctopusServerInstallationHistory", _BOOKS, DUMP),
    *known("KeyAllocation", _BOOKS, DUMP),
    *known("RelatedDocument", _BOOKS, DUMP),
    *known("Mutex", _BOOKS, DUMP),
)
