# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What holds for every jump."""

from __future__ import annotations

from ..row import Confidence, Kind, Row

ROWS = (
    Row(
        "collation-any", "any", ">=3.9~", Kind.SCHEMA, Confidence.FIXED,
        "The schema upgrade refuses columns whose collation is not the database's",
        "Change these columns to the database's collation first",
        ("#3069", "#7132"),
        when="column_collation_differs",
        symptoms=(("One or more columns in the database are not using the default collation",),),
    ),
    Row(
        "licence-format", "any", ">=2018.1~", Kind.LICENCE, Confidence.REPORT,
        "A licence in an old format is read as expired long ago",
        "Ask the vendor for a new key, and install it first",
        ("#7266",),
        when="licence_format_old",
        symptoms=(("subscription expired on Monday, 01 January 0001",),),
    ),
    Row(
        "ha-two-upgraders", "any", "any", Kind.SCHEMA, Confidence.VENDOR,
        "Two nodes, or a node and a watchdog, upgrade the schema at the same time",
        "Stop every node and the watchdog",
        ("#3626", "#8241"),
        answered="the watchdog is off, every node is stopped, and its start type is disabled",
    ),
    Row(
        "mirror", "any", "any", Kind.SCHEMA, Confidence.VENDOR,
        "The schema upgrade fails on a database that is mirrored or replicated",
        "Take the database out of mirroring and replication for the upgrade",
        ("https://octopus.com/docs/installation/sql-server-database",),
        when="mirrored",
    ),
    Row(
        "sql-policy", "any", ">=2026.1", Kind.MANUAL, Confidence.VENDOR,
        "The vendor supports only versions of SQL Server that Microsoft supports for two more years",
        "Move the database to SQL Server 2019 or later",
        ("https://octopus.com/docs/support/compatibility",),
        when="sql_support_ending",
    ),
)  # fmt: skip
