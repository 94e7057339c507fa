# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What this collection never does, or what its own order of an upgrade rules out; here so that the catalogue is whole."""

from __future__ import annotations

from ..row import Confidence, Kind, Row

_UPGRADING = "https://octopus.com/docs/administration/upgrading"
_OLDER = "the check target_not_older refuses it, and a rollback restores the database before it starts the older version"

ROWS = (
    Row(
        "no-down", "any", "any", Kind.MANUAL, Confidence.VENDOR,
        "The schema is never turned back; the vendor allows an older patch only within one minor version",
        "Roll back to the restore point",
        (_UPGRADING,),
        answered=_OLDER,
    ),
    Row(
        "old-binary-starts", "any", "<2019.6~", Kind.MANUAL, Confidence.VENDOR,
        "An older version starts with a newer database and may damage it",
        "Never start it",
        ("#5444", "#5679"),
        answered=_OLDER,
    ),
    Row(
        "history-unknown", "any", "any", Kind.MANUAL, Confidence.INFERRED,
        "An older version refuses a database with scripts that it does not know",
        "Choose a version that is not older",
        ("#7790",),
        symptoms=(("Extra upgrade script(s) found",),),
        answered=_OLDER,
    ),
    Row(
        "manager-join", "any", "2020.6.4974; 2021.1.7089; 2021.2.3118", Kind.MANUAL, Confidence.VENDOR,
        "The wizard that adds a node stops at its page for the database",
        "Use the command line",
        ("#6896",),
        answered="the command line is used",
    ),
    Row(
        "manager-2021.2", "any", ">=2021.2.0,<2021.2.7462~", Kind.MANUAL, Confidence.DATED,
        "Octopus Manager does not open",
        "Use the command line",
        ("#6974",),
        answered="the command line is used",
    ),
    Row(
        "scrub-pii", "any", ">=2024.3.0,<2024.4~", Kind.MANUAL, Confidence.REPORT,
        "lost-master-key --scrubPii fails",
        "Do it on another version",
        ("#9071",),
        answered="this command is not used",
    ),
    Row(
        "sha256-host", "any", ">=3.14.1", Kind.MANUAL, Confidence.DATED,
        "New certificates cannot be created on 32-bit Windows Server 2008",
        "Use a newer Windows",
        ("#3697", "#3727"),
        answered="an upgrade keeps the server's certificate",
    ),
    Row(
        "sha1-linux", "any", ">=2025.3.13693", Kind.MANUAL, Confidence.VENDOR,
        "Tentacles with a SHA-1 certificate cannot connect to a server on Linux",
        "Give them new certificates",
        ("#9508",),
        answered="the server runs on Windows",
    ),
    Row(
        "net-8-server", "any", ">=2024.1.3308", Kind.MANUAL, Confidence.VENDOR,
        "The server brings .NET 8 along, which needs Windows Server 2012 R2 by the vendor's word",
        "See win-2012r2",
        ("#8503",),
        answered="win-2012r2 asks for that",
    ),
)  # fmt: skip
