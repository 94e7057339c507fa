# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rows as somebody edits them past the product, and for each danger the edits of which any one ends it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

Edit = Callable[["Rows"], None]


class Rows:
    """A database's rows: columns and JSON edited apart, as T-SQL does."""

    def __init__(self, connection: Any) -> None:
        self.connection = connection

    def columns(self, table: str, **values: Any) -> None:
        """The same values into every row of a table; a table that is not there is passed over."""
        if self.connection.execute("SELECT 1 FROM sqlite_master WHERE name = ?", (table,)).fetchone():
            pairs = ", ".join(f'"{name}" = ?' for name in values)
            self.connection.execute(f'UPDATE "{table}" SET {pairs}', tuple(values.values()))

    def json(self, table: str, row: str | None, change: Callable[[dict[str, Any]], object]) -> None:
        """Change the JSON of one row, or of all."""
        if not self.connection.execute("SELECT 1 FROM sqlite_master WHERE name = ?", (table,)).fetchone():
            return
        for row_id, text in self.connection.execute(f'SELECT "Id", "JSON" FROM "{table}"').fetchall():
            if row is None or row_id == row:
                document = json.loads(text)
                change(document)
                self.connection.execute(f'UPDATE "{table}" SET "JSON" = ? WHERE "Id" = ?', (json.dumps(document), row_id))

    def remove(self, table: str, row: str | None = None) -> None:
        self.connection.execute(f'DELETE FROM "{table}"' + (' WHERE "Id" = ?' if row else ""), (row,) if row else ())


def column(table: str, **values: Any) -> Edit:
    return lambda rows: rows.columns(table, **values)


def prop(table: str, row: str | None, *path: str, value: Any) -> Edit:
    """Set a property, or one within it; what has not got the way there is left alone."""

    def change(document: dict[str, Any]) -> None:
        for name in path[:-1]:
            document = document.get(name) or {}
        document[path[-1]] = value

    return lambda rows: rows.json(table, row, change)


def gone(table: str, row: str | None = None) -> Edit:
    return lambda rows: rows.remove(table, row)


def _integrations_off(rows: Rows) -> None:
    rows.json("ExtensionConfiguration", "jira-integration", lambda document: document.update(IsEnabled=False))


PERSISTENCE = "PersistenceSettings"
SILENCERS: dict[str, dict[str, Edit]] = {
    "target": {"disabled": column("Machine", IsDisabled=1)},
    "worker": {"disabled": column("Worker", IsDisabled=1)},
    "mail": {
        "disabled": column("Subscription", IsDisabled=1),
        "no host": prop("Configuration", "smtp", "SmtpHost", value=None),
        "no row": gone("Configuration", "smtp"),
    },
    "integration": {"off": _integrations_off, "no row": gone("ExtensionConfiguration", "jira-integration")},
    "machine policy": {
        "policy": prop("MachinePolicy", None, "MachineCleanupPolicy", "DeleteMachinesBehavior", value="DoNotDelete"),
        "disabled": column("Machine", IsDisabled=1),
    },
    "feed": {
        "disabled": column("ProjectTrigger", IsDisabled=1),
        "project": column("Project", IsDisabled=1),
        "no feed": column("Feed", FeedUri=""),
    },
    "release": {"disabled": column("ProjectTrigger", IsDisabled=1), "project": column("Project", IsDisabled=1)},
    "git": {
        "project": column("Project", IsDisabled=1),
        "in the database": prop("Project", "Projects-2", PERSISTENCE, "Type", value="Database"),
        "no address": prop("Project", "Projects-2", PERSISTENCE, "Url", value=""),
        "anonymous": prop("Project", "Projects-2", PERSISTENCE, "Credentials", "Type", value="Anonymous"),
        "no credential": gone("GitCredential"),
        "no password": prop("GitCredential", None, "Details", "Password", value=None),
    },
    "audit": {"off": prop("Configuration", "audit-stream", "Active", value=False), "no row": gone("Configuration", "audit-stream")},
    "telemetry": {"off": prop("Configuration", "telemetry", "Enabled", value=False)},
    "upgrade check": {"off": prop("Configuration", "upgrades", "AllowChecking", value=False)},
    "acme": {"off": prop("Configuration", "letsencrypt", "Enabled", value=False), "no row": gone("Configuration", "letsencrypt")},
    "retention": {
        "null": prop("Feed", "feeds-builtin", "DeleteUnreleasedPackagesAfterDays", value=None),
        "0": prop("Feed", "feeds-builtin", "DeleteUnreleasedPackagesAfterDays", value=0),
    },
}
