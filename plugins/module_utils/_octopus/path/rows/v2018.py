# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Jumps to 4.x and 2018.x."""

from __future__ import annotations

from ..row import Confidence, Kind, Row

ROWS = (
    Row(
        "master-db", "any", ">=4.1.0,<2018.1.1~", Kind.START, Confidence.DATED,
        "The connection test uses the database master, to which the login may not connect",
        "Choose a later version, or let the login connect to master",
        ("#4102", "#7650"),
        when="master_not_connectable",
    ),
    Row(
        "licence-gate", "any", ">=2018.1.0~", Kind.LICENCE, Confidence.VENDOR,
        "The schema upgrade refuses a licence that does not cover the version",
        "Install a licence that covers it first",
        ("#2668",),
        answered="the checks license_compliant and license_covers_path ask whether the licence is in order",
        symptoms=(("would not be compliant with your license if we allowed the upgrade to continue",),),
    ),
    Row(
        "auth-init", ">=3.0,<4.0", ">=2018.3.5,<2018.3.6~", Kind.SILENT, Confidence.DATED,
        "The portal shows an error instead of the sign-in page",
        "Choose a later version",
        ("#4409",),
        symptoms=(("Authentication configuration initialization has not executed",),),
    ),
    Row(
        "policy-0045", "<3.4", ">=2018.4.0,<2018.5.5", Kind.SCHEMA, Confidence.VENDOR,
        "The script that gives machines their default policy fails",
        "Go through 3.4.15 and 3.17.14, or choose 2018.5.5 or a later version",
        ("#4979", "#4509"),
        symptoms=(
            ("Script0045AddDefaultMachinePolicyToExistingTentacles", "Cannot perform runtime binding on a null reference"),
        ),
    ),
    Row(
        "stop-2018.5.0", "any", "2018.5.0", Kind.SILENT, Confidence.FIXED,
        "Deployments cannot include or exclude targets; this build was withdrawn",
        "Choose 2018.5.1 or a later version",
        ("#4556",),
        staying=True,
    ),
    Row(
        "stop-2018.5.5", "any", "2018.5.5", Kind.SILENT, Confidence.DATED,
        "The server cannot upgrade Tentacles",
        "Choose a later version",
        ("#4603",),
        when="tentacle_upgrades",
        staying=True,
    ),
    Row(
        "net-452", "any", ">=2018.5,<2019.7", Kind.FLOOR, Confidence.VENDOR,
        "The server needs .NET Framework 4.5.2 and Windows Management Framework 5",
        "Install both on every node first",
        ("https://octopus.com/docs/installation/requirements",),
        when="net_below_452",
    ),
    Row(
        "free-tier", "any", ">=2018.6.2", Kind.MANUAL, Confidence.VENDOR,
        "A trial that ends no longer becomes the free edition",
        "Install a licence first",
        ("#4590", "https://octopus.com/downloads/2018.6.2"),
        when="licence_trial_recent",
    ),
    Row(
        "stop-2018.6.2", "any", "2018.6.2", Kind.LICENCE, Confidence.FIXED,
        "Disabled targets count towards the licence's limit",
        "Choose 2018.6.3 or a later version",
        ("#4648",),
    ),
    Row(
        "target-limit", "<2018.5.8", "2018.7.0", Kind.SCHEMA, Confidence.FIXED,
        "The schema upgrade reads a column that is not there yet",
        "Choose 2018.7.1 or a later version",
        ("#4739", "https://octopus.com/downloads/2018.7.1"),
        symptoms=(("TargetLimitPolicy", "Invalid column name 'CommunicationStyle'"),),
    ),
    Row(
        "accounts-0120", "<2018.7.0", ">=2018.7.0,<2018.7.2~", Kind.SCHEMA, Confidence.VENDOR,
        "A script does not understand account ids such as Accounts-1, and is not rolled back although its log says so",
        "Choose a later version",
        ("#4742",),
        when="account_ids_like_type",
        symptoms=(("Unrecognised document prefix Accounts-",),),
    ),
    Row(
        "timeout-0120", "<2018.7.0", ">=2018.7.0,<2018.10.0~", Kind.SCHEMA, Confidence.DATED,
        "The script that collects related documents ends after 30 seconds, too early for large tables",
        "Choose a later version",
        ("#4786", "#5038"),
        when="tables_large",
        symptoms=(("Script0120", "Execution Timeout Expired"),),
    ),
    Row(
        "legacy-varset", "<2018.7.0", ">=2018.7.0,<2018.10~", Kind.SILENT, Confidence.DATED,
        "Deployments fail where the variable set Legacy Variable Mappings is used",
        "Choose a later version",
        ("#4989",),
        when="legacy_variable_set",
        symptoms=(("variablesets-libraryvariablesets-legacy-snapshot1", "was not found"),),
    ),
    Row(
        "skip-licence-half", "any", ">=2018.8.9,<2018.10~", Kind.LICENCE, Confidence.DATED,
        "--skipLicenseCheck skips the first of two checks, and the second still refuses",
        "Install a licence that covers the version",
        ("#5017", "#5011"),
        when="licence_not_valid",
    ),
    Row(
        "version-strategy", "<2018.9.0", ">=2018.9.0,<2018.9.10~", Kind.SILENT, Confidence.DATED,
        "Projects that take their release numbers from a package lose that setting; only the log tells",
        "Choose a later version",
        ("#5095",),
        when="versioning_by_package",
        symptoms=(("Versioning Strategy for project", "could not be migrated"),),
    ),
    Row(
        "refs-0127", "<2018.9.0", ">=2018.9.0,<2018.10.5; >=2018.11.0,<2019.3~", Kind.SCHEMA, Confidence.FIXED,
        "The script that moves package references fails at some of them",
        "Choose 2018.10.5 or later of that line, or 2019.3 and later",
        ("#5336", "#5335", "https://octopus.com/downloads/2018.10.5"),
        when="package_references",
        symptoms=(("Script0127MigrateStepPackageReferences",),),
    ),
    Row(
        "step-template-key", "<2018.9.0", ">=2018.9.0", Kind.SILENT, Confidence.REPORT,
        "Step templates with packages are converted wrongly, and pages of projects, tasks and teams fail",
        "Open every project afterwards; the vendor's repair needs SQL Server 2016 and compatibility level 130",
        ("#5054",),
        when="step_templates_with_packages",
    ),
    Row(
        "commit-30s-2018", "any", ">=2018.9.0,<2018.9.6~", Kind.SCHEMA, Confidence.DATED,
        "The commit of the schema upgrade ends after 30 seconds",
        "Choose a later version, or set Connect Timeout=300 in the connection string",
        ("#5059",),
        when="slow_commit",
    ),
    Row(
        "azure-collation", "any", ">=2018.9.0,<2018.10~", Kind.SCHEMA, Confidence.DATED,
        "The check of collations fails on Azure SQL Database",
        "Choose a later version",
        ("#5137",),
        when="azure_sql",
        symptoms=(("@defaultCollation", "which was not supplied"),),
    ),
    Row(
        "index-rebuild", "any", ">=2018.10.1", Kind.SLOW, Confidence.VENDOR,
        "Fragmented indexes are rebuilt after the scripts",
        "Leave time and room in the log",
        ("#5235", "https://octopus.com/downloads/2018.10.1"),
        when="tables_large",
    ),
)  # fmt: skip
