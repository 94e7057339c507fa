# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Jumps to 3.x, and from it."""

from __future__ import annotations

from ..row import Confidence, Kind, Row

_NOTES = "https://octopus.com/downloads/compare?from=3.17.14&to=4.0.10"

ROWS = (
    Row(
        "start-does-schema", "any", "<3.13.9", Kind.SCHEMA, Confidence.VENDOR,
        "This version has no command that upgrades the schema; its first start does, and this collection upgrades the schema before a start",
        "Go to 3.17.14 or a later version directly",
        ("#3530", "https://github.com/OctopusDeploy/OctopusDSC"),
    ),
    Row(
        "not-transactional", "any", "<3.16.3", Kind.SILENT, Confidence.DATED,
        "A script that fails leaves the database half changed",
        "Restore the database; never try again on what was left",
        ("#3641",),
        answered="a schema upgrade that fails is rolled back to the restore point, and is not tried again on what it left",
    ),
    Row(
        "csharp-no-rollback", "any", ">=3.16.3,<2018.10.0~", Kind.SILENT, Confidence.DATED,
        "A failed script written in C# is reported as rolled back and is not",
        "Restore the database; never try again on what was left",
        ("#5024",),
        answered="a schema upgrade that fails is rolled back to the restore point, and is not tried again on what it left",
    ),
    Row(
        "dotnet-script-30s", "any", ">=3.16.3,<2018.10.0~", Kind.SCHEMA, Confidence.DATED,
        "Scripts written in C# end after 30 seconds, too early for large tables",
        "Choose a later version",
        ("#5038",),
        when="tables_large",
    ),
    Row(
        "deployedby-timeout", "<3.1", ">=3.1.0,<3.1.2~", Kind.SCHEMA, Confidence.DATED,
        "The script that adds DeployedBy ends too early where there are many deployments, and starts again at each start of the service",
        "Choose a later version",
        ("#2021", "#1910"),
        when="tables_large",
    ),
    Row(
        "commit-30s-old", "any", "<3.2.17", Kind.SCHEMA, Confidence.FIXED,
        "The commit of the schema upgrade ends after 30 seconds",
        "Choose 3.2.17 or a later version",
        ("#5059",),
        when="slow_commit",
    ),
    Row(
        "channels-0038", "<3.3.6", ">=3.3.6,<3.3.11", Kind.SCHEMA, Confidence.DATED,
        "The script for channels fails where a channel's rule refers to something that is gone",
        "Choose 3.3.11 or a later line",
        ("#2481",),
        when="channel_orphans",
        symptoms=(("Script0038ConvertStepActionChannelRuleLink",),),
    ),
    Row(
        "channels-0041-slow", "<3.3.11", ">=3.3.11,<3.4.0~", Kind.SLOW, Confidence.DATED,
        "The script for channels takes up to three hours where there are many releases",
        "Choose a later line",
        ("#2528", "#2484"),
        when="tables_large",
    ),
    Row(
        "columns-0043", "<3.4", ">=3.4.0,<3.4.1~", Kind.SCHEMA, Confidence.DATED,
        "The script that widens package columns fails",
        "Choose the newest 3.4 or a later line",
        ("#2690",),
        symptoms=(("Script0043 - Increase Package Column Widths",),),
    ),
    Row(
        "collation-0044", "<3.4", ">=3.4.0,<3.9~", Kind.SCHEMA, Confidence.DATED,
        "The schema script of 3.4 fails where a column has a collation of its own",
        "Change these columns to the database's collation first",
        ("#2976", "#3069"),
        when="column_collation_differs",
        symptoms=(("Script0044 - Octopus 3.4 Schema", "Cannot resolve the collation conflict between"),),
    ),
    Row(
        "custom-index", "any", "<3.5.4~", Kind.SCHEMA, Confidence.DATED,
        "A script stops at an index that was created by hand on a column that it changes",
        "Drop your own indexes before the upgrade, and create them again after it",
        ("#2673",),
        when="custom_indexes",
    ),
    Row(
        "config-to-db", "<3.5", ">=3.5", Kind.MANUAL, Confidence.VENDOR,
        "Settings move from the configuration file into the database",
        "Keep a copy of the configuration file and the master key",
        ("https://octopus.com/docs/administration/upgrading",),
        answered="the restore point holds the configuration file and the master key",
    ),
    Row(
        "maintenance-login", "<3.5", ">=3.5.0,<3.5.4~", Kind.SILENT, Confidence.DATED,
        "Nobody can sign in, not even an administrator, where maintenance mode was on during the upgrade",
        "Choose a later version",
        ("#2935",),
    ),
    Row(
        "cs-server-collation", "any", ">=3.5.0,<3.6.0~", Kind.START, Confidence.DATED,
        "The server fails on a SQL Server whose own collation is case-sensitive",
        "Choose a later version",
        ("#2965",),
        when="server_case_sensitive",
        symptoms=(("Must declare the scalar variable",),),
    ),
    Row(
        "cs-database", "any", ">=3.16.4~", Kind.START, Confidence.DATED,
        "The server refuses a database whose collation is case-sensitive",
        "Change the database and its columns to a case-insensitive collation first",
        ("#3623",),
        when="database_case_sensitive",
    ),
    Row(
        "triggers-36", "<3.6", ">=3.6", Kind.SILENT, Confidence.VENDOR,
        "Project triggers are converted, which only a restore undoes",
        "Compare the triggers afterwards",
        ("https://octopus.com/blog/octopus-deploy-3.6",),
        when="triggers",
    ),
    Row(
        "event-identity", "<3.9", ">=3.9", Kind.SLOW, Confidence.VENDOR,
        "The table Event is rebuilt with an identity column and new indexes",
        "Rehearse it on a clone to learn how long that takes, and leave room for data and log",
        ("https://octopus.com/downloads/3.11.4",),
        when="events_many",
    ),
    Row(
        "special-licence", "any", ">=3.12.5,<3.13", Kind.LICENCE, Confidence.REPORT,
        "The limits of a special licence are counted wrongly",
        "Choose 3.12.4 or a later line",
        ("#3453",),
        when="licence_special",
    ),
    Row(
        "db-rights", "any", ">=3.13.9", Kind.MANUAL, Confidence.VENDOR,
        "The schema is upgraded by the account that runs the command, which needs db_owner",
        "Let the jobs run as an account that is db_owner (octopus_job_user)",
        ("#3565", "#3571"),
        answered="the check job_account_on_database asks SQL Server whether that account may",
    ),
    Row(
        "two-upgraders", "any", "<3.16.3~", Kind.SCHEMA, Confidence.DATED,
        "A watchdog or a second node that starts during the upgrade upgrades the schema as well",
        "Switch the watchdog off and stop all nodes",
        ("#3626", "#3147"),
        answered="the watchdog is off, every node is stopped, and its start type is disabled",
    ),
    Row(
        "nodeid-0089", "<3.17", ">=3.17.0,<3.17.14~", Kind.SCHEMA, Confidence.DATED,
        "The script that changes node ids fails at an event that refers to nothing",
        "Choose 3.17.14 or a later line",
        ("#3808",),
        when="events_without_documents",
        symptoms=(("Script0089 - ChangeOctopusServerNodeIdFormat",),),
    ),
    Row(
        "remigration-2x", "any", "<2018.10~", Kind.SILENT, Confidence.REPORT,
        "Scripts that clean data have not run on what was imported from Octopus 2.6",
        "Run the System Integrity Check after the upgrade",
        ("#3173",),
        when="imported_from_2",
    ),
    Row(
        "cli-40", "<4.0", ">=4.0", Kind.MANUAL, Confidence.VENDOR,
        "Several switches of the command line are gone: configure --masterKey, --storageConnectionString and --webAuthenticationMode, "
        "regenerate-certificate, show-thumbprint --thumbprint-only",
        "Look for them in scripts of your own; database and new-certificate replace them",
        (_NOTES,),
        when="feature_used_elsewhere",
    ),
    Row(
        "window-40", "<4.0", ">=4.0", Kind.SILENT, Confidence.VENDOR,
        "Steps run on at most ten targets at the same time, where there was no limit",
        "Set the maximum on each step that needs more",
        (_NOTES,),
        when="targets_many",
    ),
)  # fmt: skip
