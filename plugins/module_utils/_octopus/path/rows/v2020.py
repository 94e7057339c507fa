# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Jumps to 2020.x."""

from __future__ import annotations

from ..row import Confidence, Kind, Row

_COMPATIBILITY = "https://octopus.com/docs/support/compatibility"
_REQUIREMENTS = "https://octopus.com/blog/raising-minimum-requirements-for-octopus-server"

ROWS = (
    Row(
        "win-2012r2", "any", ">=2020.1", Kind.FLOOR, Confidence.VENDOR,
        "The server's runtime needs Windows Server 2012 R2",
        "Move the instance to a newer Windows: clone it there",
        (_COMPATIBILITY, _REQUIREMENTS),
        when="windows_below_2012r2",
    ),
    Row(
        "sql-2016", "any", ">=2020.1", Kind.FLOOR, Confidence.VENDOR,
        "The server needs SQL Server 2016; 2020.1 does not enforce it, later versions do",
        "Move the database to a newer SQL Server first",
        (_COMPATIBILITY, _REQUIREMENTS),
        when="sql_below_2016",
    ),
    Row(
        "sql-2017-window", "any", ">=2020.2.0,<2020.2.18; >=2020.3.0,<2020.3.6", Kind.SCHEMA, Confidence.VENDOR,
        "These builds refuse SQL Server 2016",
        "Choose another version, or move the database to SQL Server 2017 first",
        ("#6320", "#6577", "#6579"),
        when="sql_below_2017",
    ),
    Row(
        "compat-2020.2.14", "<2020.2.14", "2020.2.14", Kind.SCHEMA, Confidence.DATED,
        "A script uses JSON_QUERY before it has raised the compatibility level to 140",
        "Choose a later version, or raise the level first",
        ("#6452",),
        when="compatibility_below_140",
        symptoms=(("JSON_QUERY",),),
    ),
    Row(
        "sql-old-misleading", "any", ">=2020.2.15,<2020.3.1~", Kind.SCHEMA, Confidence.DATED,
        "The check of SQL Server's version fails with a message about an inconsistent state",
        "Restore the database, and move it to a newer SQL Server",
        ("#6458", "#6459"),
        when="sql_below_2017",
        symptoms=(("Failed running always run pre scripts", "inconsistent state"),),
    ),
    Row(
        "compat-raised", "any", ">=2020.2", Kind.MANUAL, Confidence.VENDOR,
        "The database's compatibility level is raised",
        "A backup made afterwards cannot be restored on an older SQL Server",
        ("#6395",),
        answered="a rollback restores the backup made before, with the level it had",
    ),
    Row(
        "lvs-0239", "<2019.1", ">=2020.1.0,<2020.2~", Kind.SCHEMA, Confidence.DATED,
        "The script that changes the permissions of library variable sets looks for a role that is not there yet",
        "Choose a later version",
        ("#6281",),
        symptoms=(("Script0239LvsPermissionUpgrade",), ("'userroles-spacemanager' was not present in the dictionary",)),
    ),
    Row(
        "lvs-permissions", "<2020.1", ">=2020.1", Kind.SILENT, Confidence.VENDOR,
        "Library variable sets obey the scopes of user roles from here on",
        "Review the roles of users who are limited to environments or tenants",
        ("https://octopus.com/blog/libraryvariableset-permission-changes",),
        when="roles_limited",
    ),
    Row(
        "old-cert-polling", "any", ">=2020.1.4", Kind.SILENT, Confidence.REPORT,
        "Polling Tentacles installed with about 3.0.25 cannot connect",
        "Create new certificates on these Tentacles",
        ("#6262",),
        when="polling_tentacle_ancient",
        symptoms=(("the identity line was empty",),),
    ),
    Row(
        "feedid-object", "<2019.1~", ">=2020.5.0,<2020.5.251~", Kind.SILENT, Confidence.DATED,
        "Projects whose steps use packages cannot be opened",
        "Choose a later version, or go through an earlier 2020.x",
        ("#6685", "#6699"),
        when="package_references",
    ),
    Row(
        "acquisition-object", "<=2018.6.15", ">=2020.5.0,<2020.5.251~", Kind.SILENT, Confidence.REPORT,
        "Projects whose steps use packages cannot be opened",
        "Choose a later version, or go through an earlier 2020.x",
        ("#6711",),
        when="package_references",
        symptoms=(("Unexpected token while deserializing object", "AcquisitionLocation"),),
    ),
    Row(
        "logo-mime", "any", ">=2020.5.0,<2020.5.256; >=2020.6.0,<2020.6.4671; >=2021.1.0,<2021.1.6739; >=2021.2.0,<2021.2.99",
        Kind.START, Confidence.FIXED,
        "The server does not start where a logo has a bad content type",
        "Choose a later version, or replace the logo first",
        ("#6779", "#6780"),
        when="logo_type_bad",
    ),
)  # fmt: skip
