# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Jumps to 2019.x."""

from __future__ import annotations

from ..row import Confidence, Kind, Row

_COMPATIBILITY = "https://octopus.com/docs/support/compatibility"

ROWS = (
    Row(
        "spaces", "<2019.1", ">=2019.1", Kind.MANUAL, Confidence.VENDOR,
        "Everything belongs to a space from here on: the API, teams and permissions change, and packages move on disk",
        "Look for scripts, reports and tools of your own that need space ids, and clients older than 4.0",
        ("https://octopus.com/downloads/compare?from=2018.12.1&to=2019.1.0",),
        when="spaces_scripts",
    ),
    Row(
        "move-parent", "<2019.1", ">=2019.1.0,<2019.3~", Kind.SCHEMA, Confidence.DATED,
        "Packages cannot be moved where their folder is the root of a drive or share, or its parent cannot be written to",
        "Move the packages to a subfolder first, or choose a later version",
        ("#5262",),
        when="package_folder_at_root",
        symptoms=(("Script0180BuiltInFeedMigration", "NullReferenceException"),),
    ),
    Row(
        "move-hidden", "<2019.1", ">=2019.1.0,<2019.8~", Kind.SCHEMA, Confidence.DATED,
        "Packages cannot be moved while hidden folders of DFS Replication are in use among them",
        "Stop the replication and take its folders out of the package folder, or choose a later version",
        ("#5678",),
        when="package_folder_hidden",
    ),
    Row(
        "move-slash", "<2019.1", ">=2019.3.0,<2019.8~", Kind.SCHEMA, Confidence.DATED,
        "Packages cannot be moved where the configured folder contains forward slashes, and may be left in PackagesTemp",
        "Write the folder with backslashes first, or choose a later version",
        ("#5716", "#5700"),
        when="package_folder_slashes",
    ),
    Row(
        "used-packages-deleted", "any", ">=2019.1.0,<2019.2~", Kind.SILENT, Confidence.DATED,
        "The retention of the built-in repository deletes packages that releases use",
        "Never start these builds; choose 2019.3 or a later version",
        ("#5294",),
    ),
    Row(
        "repo-retention-lost", "<2019.1", ">=2019.1.0,<2019.2~", Kind.SILENT, Confidence.DATED,
        "The retention of the built-in repository is set to keep everything",
        "Note the setting, and set it again; or choose a later version",
        ("#5293",),
        when="own_builtin_feed_retention",
    ),
    Row(
        "repo-config-corrupt", "<2019.1", ">=2019.1.0,<2019.3~", Kind.SILENT, Confidence.DATED,
        "The page of the library fails for some settings of the built-in repository",
        "Choose a later version",
        ("#5338",),
        when="repository_settings_odd",
        symptoms=(("BuiltInFeedStatsResponder",),),
    ),
    Row(
        "stale-view-2019.1.0", "<2019.1", "2019.1.0", Kind.SILENT, Confidence.FIXED,
        "A view is left without its new column where the service restarts during the upgrade",
        "Choose 2019.1.1 or a later version",
        ("#5252",),
        symptoms=(("Release_LatestByProjectChannel", "Invalid column name 'SpaceId'"),),
    ),
    Row(
        "taskviewlog-a", "any", ">=2019.1.7,<2019.1.9; 2019.2.5", Kind.START, Confidence.FIXED,
        "The script that adds the permission TaskViewLog fails at some user roles; 2019.2.5 was withdrawn",
        "Choose 2019.2.6 or a later version",
        ("#5317", "#5414"),
        when="roles_odd",
    ),
    Row(
        "interruption-0189", "any", ">=2019.1.7,<2019.2.7", Kind.SCHEMA, Confidence.DATED,
        "The script that adds the permission InterruptionView fails at some user roles",
        "Choose 2019.2.7 or a later version",
        ("#5423",),
        when="roles_odd",
        symptoms=(("Script0189AddInterruptionViewPermission",),),
    ),
    Row(
        "taskviewlog-b", "<2019.2.0", ">=2019.2.0,<2019.2.6~", Kind.SCHEMA, Confidence.DATED,
        "The schema upgrade reads a permission that is not known yet",
        "Choose a later version",
        ("#5362",),
        symptoms=(("Error converting value", "TaskViewLog", "Octopus.Core.Resources.Permission"),),
    ),
    Row(
        "roles-invalid", "<2019.1", ">=2019.1.0,<2019.8~", Kind.SILENT, Confidence.DATED,
        "User roles that mix permissions of system and space cannot be saved",
        "Choose a later version",
        ("#5515", "#5701"),
        when="roles_odd",
        staying=True,
    ),
    Row(
        "artifacts-2019.4", "<2019.4.4", ">=2019.4.0,<2019.5~", Kind.SCHEMA, Confidence.DATED,
        "A script stops at artifacts whose scope differs from that of their task",
        "Run the System Integrity Check first, or choose a later version",
        ("#5497",),
        when="artifact_scope_differs",
    ),
    Row(
        "win-2008r2", "any", ">=2019.4,<2020.1", Kind.FLOOR, Confidence.VENDOR,
        "The server needs Windows Server 2008 R2",
        "Move the instance to a newer Windows first",
        (_COMPATIBILITY,),
        when="windows_below_2008r2",
    ),
    Row(
        "history-null", "any", ">=2019.4,<2019.7.2~", Kind.START, Confidence.DATED,
        "The server does not start where the newest entry of its installation history has no version",
        "Choose a later version",
        ("#5679", "#5682"),
        when="history_version_null",
        symptoms=(("NullReferenceException", "Octopus.Core.Initialization"),),
    ),
    Row(
        "stop-2019.7.0", "any", "2019.7.0", Kind.START, Confidence.DATED,
        "The server does not recognise the version of PowerShell on some hosts",
        "Choose 2019.7.1 or a later version",
        ("#5683",),
    ),
    Row(
        "net-472", "any", ">=2019.7,<2020.1", Kind.FLOOR, Confidence.VENDOR,
        "The server needs .NET Framework 4.7.2",
        "Install it on every node first, or choose 2020.1 or later, which bring their own runtime",
        ("#5684", "https://github.com/OctopusDeploy/OctopusDSC"),
        when="net_below_472",
    ),
    Row(
        "tentacle-472", "any", ">=2019.7,<2019.8~", Kind.SILENT, Confidence.DATED,
        "The server's upgrade of a Tentacle waits for 15 minutes and fails where the target lacks .NET Framework 4.7.2",
        "Choose a later version, or install it on the targets first",
        ("#5763",),
        when="tentacle_upgrades",
        staying=True,
    ),
    Row(
        "licence-new-on-old", "any", "<2019.8.6", Kind.LICENCE, Confidence.VENDOR,
        "A licence key issued since then is shown as expired, which blocks nothing",
        "Ignore the warning",
        ("#5904",),
        answered="it blocks nothing",
    ),
    Row(
        "buildinfo-index", "<2019.10", ">=2019.10.0,<2019.11~", Kind.SCHEMA, Confidence.DATED,
        "A script renames an index of PackageMetadata that may be missing",
        "Create the missing indexes first, or choose a later version",
        ("#5913",),
        when="package_index_missing",
    ),
    Row(
        "stale-view-runbooks", "<2019.12~", ">=2019.10,<2020.2~", Kind.SILENT, Confidence.DATED,
        "Runbooks cannot be published after a schema upgrade that was interrupted before its last scripts",
        "Choose a later version",
        ("#6242",),
        answered="a schema upgrade that is interrupted is rolled back to the restore point",
    ),
)  # fmt: skip
