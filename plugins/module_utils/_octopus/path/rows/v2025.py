# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Jumps to 2025.x and 2026.x."""

from __future__ import annotations

from ..row import Confidence, Kind, Row

_DEPRECATIONS = "https://octopus.com/docs/deprecations"

ROWS = (
    Row(
        "bundled-tools", "any", ">=2025.1", Kind.MANUAL, Confidence.VENDOR,
        "The server no longer brings the AWS, Azure and Terraform tools along",
        "Install them on the workers, or run these steps in containers",
        (_DEPRECATIONS,),
        when="bundled_tools_used",
    ),
    Row(
        "csharp-scripts", "any", ">=2025.2", Kind.MANUAL, Confidence.VENDOR,
        "C# scripts run by dotnet-script, and no longer by ScriptCS",
        "Convert them, and install dotnet-script where they run",
        (_DEPRECATIONS,),
        when="csharp_scripts",
    ),
    Row(
        "varset-0541", "<2025.2.5584", ">=2025.2.5584,<2025.2.13099; >=2025.3.0,<2025.3.14287; >=2025.4.0,<2025.4.1538",
        Kind.SLOW, Confidence.FIXED,
        "The script that changes variable sets runs for hours where there are many",
        "Choose 2025.2.13099, 2025.3.14287, 2025.4.1538 or a later version",
        ("#9624",),
        when="variable_sets_large",
        symptoms=(("Script0541VariableSetEntity",),),
    ),
    Row(
        "retention-with-releases", "any", ">=2025.3.672", Kind.MANUAL, Confidence.VENDOR,
        "The retention of the built-in feed can be set to delete packages of releases too",
        "Look at the setting after the upgrade",
        ("https://octopus.com/docs/administration/retention-policies",),
        when="own_builtin_feed_retention",
    ),
    Row(
        "sqlclient-6.1.1", "any", ">=2025.3.13429,<2025.4~; >=2025.4.0,<2025.4.10666~; >=2026.1.0,<2026.1.6116", Kind.SILENT, Confidence.REPORT,
        "These builds brought a database driver that was taken back later",
        "Choose the newest patch of the line",
        ("#9575", "#9846", "https://github.com/dotnet/SqlClient/issues/3640"),
        staying=True,
    ),
    Row(
        "targets-2008", "any", ">=2025.4.5515", Kind.FLOOR, Confidence.VENDOR,
        "Steps fail on targets that run Windows Server 2008",
        "Move these targets to Windows Server 2012 or later",
        ("#9701", "#9809"),
        when="targets_windows_2008",
    ),
    Row(
        "stray-instance-file", "any", "<2025.4.10061", Kind.START, Confidence.FIXED,
        "The server does not start where the folder of instances holds a file that is not one",
        "Remove the file",
        ("#9755",),
        answered="the installed version starts with the same folder, and newer ones ignore such a file",
    ),
    Row(
        "dataversion", "<2024.3.4894", ">=2025.4.10666,<2026.3.5049", Kind.START, Confidence.FIXED,
        "The server stops at its first start because a script that adds two columns was left out",
        "Go through a version from 2024.3.4894 to before 2025.4.10666, or choose 2026.3.5049 or later",
        ("#10126", "https://octopus.com/downloads/2026.3.5049"),
        symptoms=(("Invalid column name 'DataVersion'",), ("Invalid column name 'LastModified'",)),
    ),
    Row(
        "no-licence-key", "any", ">=2026.1.4917~", Kind.LICENCE, Confidence.VENDOR,
        "The upgrade fails without a licence key, and leaves a server that cannot start",
        "Install a licence key first",
        ("#9828", "#9827", "https://octopus.com/downloads/2026.1.7997"),
        when="licence_missing",
    ),
    Row(
        "net-10-server", "any", ">=2026.1.7358", Kind.FLOOR, Confidence.VENDOR,
        "The server's runtime is supported on Windows Server 2012 and 2012 R2 only with paid updates from Microsoft",
        "Move the instance to Windows Server 2016 or later",
        ("#9857", "https://github.com/dotnet/core/blob/main/release-notes/10.0/supported-os.md"),
        when="windows_below_2016",
    ),
    Row(
        "token-expiry", "any", ">=2026.1.1806", Kind.SILENT, Confidence.VENDOR,
        "API keys that are made from a token expire with it",
        "Give your tools API keys of their own",
        ("#9769", "https://octopus.com/downloads/2026.1.2893"),
        when="keys_from_tokens",
    ),
    Row(
        "calamari-net8", "any", ">=2026.1.2372", Kind.FLOOR, Confidence.INFERRED,
        "Steps need .NET 8 on the target, which old operating systems do not run",
        "Move these targets to a newer operating system",
        ("#9778", "https://octopus.com/downloads/2026.1.2372"),
        when="targets_below_net8",
    ),
    Row(
        "api-2026.2", "any", ">=2026.2.3409", Kind.MANUAL, Confidence.VENDOR,
        "Three addresses of the REST API are gone",
        "Look for GET /projects/{id}/runbooks/all, POST …/git/branches/ and GET /reporting/deployments-counted-by-week in scripts of your own",
        ("#9933", "#9935", "#9936", "https://octopus.com/downloads/2026.2.3409"),
        when="feature_used_elsewhere",
    ),
    Row(
        "tls-by-os", "any", ">=2026.3.4387", Kind.MANUAL, Confidence.VENDOR,
        "Windows alone decides which versions of TLS the server speaks",
        "Enable TLS 1.2 on the nodes and on everything that connects to them",
        ("#10123", "https://octopus.com/downloads/2026.3.5049"),
        when="tls_restricted",
    ),
    Row(
        "api-2026.3", "any", ">=2026.3", Kind.MANUAL, Confidence.VENDOR,
        "Texts of audit events for API keys, the address of the timeline, and the role Build Server have changed",
        "Look for them in scripts and rules of your own",
        ("#10067", "#10139", "#10170"),
        when="feature_used_elsewhere",
    ),
    Row(
        "ecs-package-refs", "any", ">=2026.2~", Kind.SILENT, Confidence.REPORT,
        "Releases of projects with Amazon ECS steps ask for two packages",
        "Edit these steps afterwards",
        ("#10191", "#10033"),
        when="ecs_steps",
        symptoms=(("Container.image contains invalid characters",),),
    ),
)  # fmt: skip
