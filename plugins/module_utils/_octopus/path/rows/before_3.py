# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Jumps from versions before 3.0, which kept their data in RavenDB. They are here so that a plan can refuse and say where to go."""

from __future__ import annotations

from ..row import Confidence, Kind, Row

_LEGACY = "https://octopus.com/docs/administration/upgrading/legacy"

ROWS = (
    Row(
        "legacy-1x", "<2.0", ">=2.0", Kind.SCHEMA, Confidence.VENDOR,
        "Octopus 1.x cannot be upgraded in place to this version",
        "Go through 1.6 and 2.6.5 by hand, import that into 2018.10, and upgrade from there",
        (_LEGACY,),
    ),
    Row(
        "legacy-2x", ">=2.0,<2.6.5", ">=3.0", Kind.SCHEMA, Confidence.VENDOR,
        "This version of Octopus 2 cannot be imported",
        "Upgrade to 2.6.5 by hand, import that into 2018.10, and upgrade from there",
        (_LEGACY,),
    ),
    Row(
        "raven-bridge", ">=2.6.5,<3.0", "<2018.10.0; >=2018.11.0", Kind.SCHEMA, Confidence.VENDOR,
        "Octopus 2.6 keeps its data in RavenDB, which only 2018.10 still imports into SQL Server",
        "Import it into the newest 2018.10 by hand, and upgrade from there",
        (_LEGACY,),
    ),
    Row(
        "raven-feed-null", ">=2.6,<3.0", ">=2018.8.0,<2018.8.12", Kind.SILENT, Confidence.VENDOR,
        "After the import the built-in feed has no address, and deployments fail",
        "Import into the newest 2018.10 and look at the row of the built-in feed",
        ("#4979", "#4958"),
        symptoms=(("The feed type NuGetFeed named", "is not supported"),),
    ),
)  # fmt: skip
