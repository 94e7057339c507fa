# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Jumps to 2023.x and 2024.x."""

from __future__ import annotations

from ..row import Confidence, Kind, Row

_DEPRECATIONS = "https://octopus.com/docs/deprecations"

ROWS = (
    Row(
        "nodes-running", "any", ">=2023.2.9755", Kind.SCHEMA, Confidence.VENDOR,
        "The schema upgrade stops where another node has been alive lately",
        "Stop every node first",
        ("#8241", "https://octopus.com/docs/administration/upgrading"),
        answered="every node is stopped, and the upgrade waits until their heartbeats are old",
    ),
    Row(
        "dfs-ha", "any", ">=2023.1", Kind.MANUAL, Confidence.VENDOR,
        "Server folders of a cluster on Microsoft DFS are no longer supported",
        "Move them to a share that is not DFS",
        (_DEPRECATIONS,),
        when="dfs_folders",
    ),
    Row(
        "ha-double-run", "any", ">=2023.3.0,<2023.4", Kind.SILENT, Confidence.REPORT,
        "Tasks run twice where more than one node runs tasks",
        "Choose another line, or pass through it on one node",
        ("#8356",),
        when="nodes_several",
        staying=True,
    ),
    Row(
        "licence-grace", "any", ">=2023.3.12941", Kind.LICENCE, Confidence.FIXED,
        "An expired licence has no 60 days of grace any more",
        "Renew the licence first",
        ("#8333",),
        when="licence_expired",
    ),
    Row(
        "old-trial-tenants", "any", ">=2023.4.8452,<2023.4.8481; >=2024.1.12266,<2024.1.12394; >=2024.2.4019,<2024.2.4993",
        Kind.LICENCE, Confidence.FIXED,
        "Deployments are blocked by an old trial licence with a tenant",
        "Choose a later version, or install another licence",
        ("#8730",),
        when="licence_trial_old",
        staying=True,
    ),
    Row(
        "ptm-target-type", "<2021.1.8018", ">=2023.4~", Kind.SCHEMA, Confidence.REPORT,
        "The licence check reads a column that the old schema lacks, where the licence counts targets by their type",
        "Go through 2021.1.8018 or a later version before 2023.4",
        ("#9141",),
        when="licence_limits_by_target",
        symptoms=(("Invalid column name 'DeploymentTargetType'",),),
    ),
    Row(
        "project-reference", "any", ">=2023.3,<2024.1~", Kind.SILENT, Confidence.DATED,
        "Old releases of projects that were converted to Git, or are of very old descent, cannot be opened",
        "Choose a later version",
        ("#8335", "#8384", "#8508"),
        when="git_or_ancient_project",
        symptoms=(("Cannot create DatabaseProjectReference for non-Database project",),),
        staying=True,
    ),
    Row(
        "targets-net462", "any", ">=2024.1.7704", Kind.FLOOR, Confidence.VENDOR,
        "Steps fail on targets without .NET Framework 4.6.2, which rules out Windows Server 2003",
        "Install it on the targets first",
        ("#8548", "#8483"),
        when="targets_without_net_462",
    ),
    Row(
        "mono-fsharp", "any", ">=2024.1", Kind.MANUAL, Confidence.VENDOR,
        "SSH targets in Mono mode and F# scripts no longer run",
        "Change them first",
        (_DEPRECATIONS,),
        when="targets_mono",
    ),
    Row(
        "sha1-2012r2", "any", ">=2024.1.3649", Kind.SILENT, Confidence.REPORT,
        "Tentacles on Windows Server 2012 R2 may not connect to a server whose certificate is signed with SHA-1",
        "Give the server a new certificate, and let the Tentacles trust it",
        ("#8523",),
        when="sha1_certificate",
        symptoms=(("do not possess a common algorithm",),),
    ),
    Row(
        "role-scope-0432", "any", ">=2024.2", Kind.SCHEMA, Confidence.REPORT,
        "A script refuses a scope of a user role that names no project group",
        "Clean these rows of ScopedUserRoleProjectGroup first",
        ("#8700",),
        when="role_scope_empty",
        symptoms=(("Script0432ValidateScopedUserRoleProjectGroups",), ("Tiny types should never be empty",)),
    ),
    Row(
        "linux-tentacle", "any", ">=2024.2.0,<2024.3; >=2024.3.0,<2024.3.4850", Kind.SILENT, Confidence.FIXED,
        "The server's upgrade breaks Linux Tentacles that were installed without apt or yum",
        "Choose a later version",
        ("#8842",),
        when="tentacle_upgrades",
        staying=True,
    ),
    Row(
        "azurerm-helm2", "any", ">=2024.3", Kind.MANUAL, Confidence.VENDOR,
        "AzureRM modules and Helm 2 no longer run",
        "Change these steps first",
        (_DEPRECATIONS,),
        when="bundled_tools_used",
    ),
    Row(
        "webconfig-memento", "<2018.4", ">=2024.3", Kind.START, Confidence.REPORT,
        "The upgrade reports success, and the server does not start",
        "Go through a version between 2020 and 2023, and rehearse on a clone",
        ("#9145",),
        symptoms=(("OpenFeatureFeatureToggleSource", "WebConfigurationMemento"),),
    ),
    Row(
        "null-dynamic", "any", ">=2024.4", Kind.START, Confidence.REPORT,
        "The server does not start where a Configuration row has null or missing settings, which no intermediate version repairs",
        "Repair the row dynamic-extensions-scripts first, as the vendor describes",
        ("#9251",),
        when="dynamic_extensions_null",
        symptoms=(("Autofac.Core.DependencyResolutionException", "WebConfigurationMemento"),),
    ),
    Row(
        "no-licence-limits", "any", ">=2024.2.9557,<2024.3; >=2024.3.12896", Kind.MANUAL, Confidence.FIXED,
        "Without a licence there are limits on projects and tenants",
        "Install a licence first",
        ("#9070",),
        when="licence_missing",
    ),
)  # fmt: skip
