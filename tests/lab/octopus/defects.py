# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Defects of published builds that stop a schema upgrade, or the start after it: which builds, what they meet, what they say.

Numbers are those of https://github.com/OctopusDeploy/Issues/issues. What an issue does not tell, and is decided here, is *assumed*: which
script of a line fails, in which build a fix that has only a date came out, and what "some" roles, references and artifacts are like.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from . import versions
from .database import Connection, has_table, rows
from .documents import Document, select

if TYPE_CHECKING:
    from ..sql.database import Database
    from ..sql.server import SqlServer


@dataclass(frozen=True)
class Ground:
    """What SQL Server is like below a database.

    Attributes:
        sql_major: 14 is SQL Server 2017.
        level: The compatibility level.
        columns: Columns whose collation is not the database's.
    """

    sql_major: int = 14
    level: int = 140
    server_collation: str = ""
    collation: str = ""
    columns: tuple[str, ...] = ()

    @classmethod
    def of(cls, server: SqlServer, database: Database) -> Ground:
        odd = tuple(f"{table}.{column}" for table, column in database.column_collations)
        return cls(server.product.major, database.level, server.collation_name, database.collation, odd)


@dataclass(frozen=True)
class Situation:
    """What a build meets: the database, the version that it had or that ran last, and what is below it."""

    connection: Connection
    before: str
    ground: Ground = field(default_factory=Ground)

    def older(self, version: str) -> bool:
        return not versions.at_least(self.before, version)

    def some(self, table: str, condition: Callable[[Document], bool]) -> bool:
        return any(condition(row) for row in select(self.connection, table))

    def lacks(self, table: str, count: int, index: str = "") -> bool:
        """Whether a table that exists has fewer indexes than that, or not that one."""
        found = rows(self.connection, "SELECT name FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL AND tbl_name = ?", (table,))
        names = [row["name"].lower() for row in found]
        return has_table(self.connection, table) and (len(names) < count or (bool(index) and index.lower() not in names))


Builds = tuple[tuple[str, str | None], ...]


@dataclass(frozen=True)
class Defect:
    """One defect.

    Attributes:
        issue: Its number.
        builds: The builds that have it: (first, first one after without it).
        says: The product's words.
        meets: Whether it strikes here.
        line: The line whose script fails, so that a database which has run it is safe; empty: any upgrade with such a build.
        script: That script's name in the log.
        number: Of the error.
        stays: Whether what was changed stays although the log says otherwise.
    """

    issue: int
    builds: Builds
    says: str
    meets: Callable[[Situation], bool] = lambda _situation: True
    line: str = ""
    script: str = ""
    number: int = 50000
    stays: bool = False

    def has(self, binary: str) -> bool:
        return any(versions.at_least(binary, first) and (end is None or not versions.at_least(binary, end)) for first, end in self.builds)


def _orphan(situation: Situation) -> bool:
    projects = {row["Id"] for row in select(situation.connection, "Project")}
    return situation.some("Channel", lambda row: row["ProjectId"] not in projects)


def _odd_role(row: Document) -> bool:
    return row.get("GrantedSpacePermissions", []) is None


def _two_references(row: Document) -> bool:
    names = [package.get("Name") for step in row.get("Steps") or [] for package in step.get("Packages") or []]
    return len(names) != len(set(names))


def _foreign_artifact(situation: Situation) -> bool:
    projects = {row["Id"]: row.get("ProjectId") for row in select(situation.connection, "ServerTask")}
    return situation.some(
        "Artifact",
        lambda row: row.get("ProjectId") is not None and row["ProjectId"] != projects.get(row.get("ServerTaskId"), row["ProjectId"]),
    )


def _without_documents(situation: Situation) -> bool:
    return situation.some("Event", lambda row: "RelatedDocumentIds" in row and not row["RelatedDocumentIds"])


def _case_sensitive(collation: str) -> bool:
    return bool({"CS", "BIN", "BIN2"} & set(collation.upper().split("_")))


_HISTORY: Builds = (
    ("2022.1.0", "2022.1.3277"),
    ("2022.2.0", "2022.2.8552"),
    ("2022.3.0", "2022.3.10780"),
    ("2022.4.0", "2022.4.8151"),
)
LEFT_OUT: Builds = (("2025.4.10666", "2026.3.5049"),)
# The first that strikes is the one that is told.
SCHEMA: tuple[Defect, ...] = (
    Defect(
        2481, (("3.3.6", "3.3.11"),), "The given key was not present in the dictionary.", _orphan, "3.3",
        "Script0038ConvertStepActionChannelRuleLink",
    ),
    Defect(
        2690, (("3.4.0", "3.4.1"),), "Script0043 failed.", line="3.4", script="Script0043 - Increase Package Column Widths.sql"
    ),
    Defect(
        2976, (("3.4.0", "3.9"),), 'Cannot resolve the collation conflict between "Latin1_General_CI_AS" and the database\'s collation.',
        lambda situation: bool(situation.ground.columns), "3.4", "Script0044 - Octopus 3.4 Schema.sql", 468,
    ),
    Defect(
        3808, (("3.17.0", "3.17.14"),), "Conversion failed.", _without_documents, "3.17",
        "Script0089 - ChangeOctopusServerNodeIdFormat.sql",
    ),
    Defect(
        4979, (("2018.4.0", "2018.5.5"),), "Cannot perform runtime binding on a null reference", line="3.4",
        script="Script0045AddDefaultMachinePolicyToExistingTentacles",
    ),
    Defect(
        4739, (("2018.7.0", "2018.7.1"),),
        "Error resolving 'Octopus.Core.Licensing.TargetLimitPolicy': Invalid column name 'CommunicationStyle'.", line="2018.6", number=207,
    ),
    Defect(
        4742, (("2018.7.0", "2018.7.2"),), "Unrecognised document prefix Accounts-",
        lambda situation: situation.some("Account", lambda row: str(row["Id"]).lower().startswith("accounts-")), "2018.7",
        "Script0120PopulateRelatedDocumentTable", stays=True,
    ),
    Defect(
        5336, (("2018.9.0", "2018.10.5"), ("2018.11.0", "2019.3")), "InvalidOperationException: Sequence contains more than one element",
        lambda situation: situation.some("DeploymentProcess", _two_references), "2018.9", "Script0127MigrateStepPackageReferences",
    ),
    Defect(
        5423, (("2019.1.7", "2019.2.7"),), "ArgumentNullException: Value cannot be null.",
        lambda situation: situation.some("UserRole", _odd_role), "2019.1", "Script0189AddInterruptionViewPermission",
    ),
    Defect(
        5362, (("2019.2.0", "2019.2.6"),), "Error converting value \"TaskViewLog\" to type 'Octopus.Core.Resources.Permission'.", line="2019.2"
    ),
    Defect(5497, (("2019.4.0", "2019.5"),), "The artifact's scope is not that of its task.", _foreign_artifact, "2019.4"),
    Defect(
        5913, (("2019.10.0", "2019.11"),), "Either the parameter @objname is ambiguous or the claimed @objtype (INDEX) is wrong.",
        lambda situation: situation.lacks("PackageMetadata", 3), "2019.10", number=15248,
    ),
    Defect(
        6281, (("2020.1.0", "2020.2"),), "The given key 'userroles-spacemanager' was not present in the dictionary.",
        lambda situation: situation.older("2019.1"), script="Script0239LvsPermissionUpgrade",
    ),
    Defect(
        6452, (("2020.2.14", "2020.2.15"),), "'JSON_QUERY' is not a recognized built-in function name.",
        lambda situation: situation.ground.level < 140, "2020.2", number=195,
    ),
    Defect(
        6458, (("2020.2.15", "2020.2.18"), ("2020.3.0", "2020.3.1")),
        "Failed running always run pre scripts. This may leave your database in an inconsistent state.",
        lambda situation: situation.ground.sql_major < 14,
    ),
    Defect(
        6320, (("2020.2.0", "2020.2.18"), ("2020.3.0", "2020.3.6")), "SQL Server 2017 or later is required.",
        lambda situation: situation.ground.sql_major < 14,
    ),
    Defect(
        7790, _HISTORY, "Unexpected upgrade history detected: Script0321DeleteQueuedCleanupTasks",
        lambda situation: versions.between(situation.before, "2021.3.12912", "2022.1"),
    ),
    Defect(
        8015, (("2022.4", None),),
        "Cannot drop the index 'HalibutMessageQueueItem.IX_HalibutMessageQueueItem_SequenceNumber', because it does not exist or you do not "
        "have permission.",
        lambda situation: situation.lacks("HalibutMessageQueueItem", 1, "IX_HalibutMessageQueueItem_SequenceNumber"), "2022.4",
        "Script0351UpdateHalibutMessageQueueClusteredIndex", 3701,
    ),
    Defect(
        8700, (("2024.2", None),), "There was invalid data detected in the scopes applied to user roles.",
        lambda situation: situation.some("ScopedUserRoleProjectGroup", lambda row: not row.get("ProjectGroupId")), "2024.2",
        "Script0432ValidateScopedUserRoleProjectGroups",
    ),
    # Checked before the first script. Which builds find which column is told in #7132.
    Defect(
        3069, (("3.9", None),), "One or more columns in the database are not using the default collation.",
        lambda situation: bool(situation.ground.columns),
    ),
)  # fmt: skip


def _newest_is_null(situation: Situation) -> bool:
    found = rows(situation.connection, 'SELECT "Version" FROM "OctopusServerInstallationHistory" ORDER BY "Installed" DESC LIMIT 1')
    return bool(found) and found[0]["Version"] is None


def _null_setting(row: Document) -> bool:
    return row["Id"] == "dynamic-extensions-scripts" and any(value is None for value in row.values())


def _columns_left_out(situation: Situation) -> bool:
    names = {row["name"] for row in rows(situation.connection, 'PRAGMA table_info("Project")')}
    return "DataVersion" not in names


def _bad_logo(row: Document) -> bool:
    return str(row.get("LogoContentType") or "image/png") not in ("image/png", "image/jpeg", "image/gif", "image/svg+xml")


START: tuple[Defect, ...] = (
    Defect(
        2965, (("3.5.0", "3.6.0"),), 'Must declare the scalar variable "@Id".',
        lambda situation: _case_sensitive(situation.ground.server_collation), number=137,
    ),
    Defect(
        3623, (("3.16.4", None),), "The database has a case-sensitive collation.",
        lambda situation: _case_sensitive(situation.ground.collation),
    ),
    Defect(
        5317, (("2019.1.7", "2019.1.9"), ("2019.2.5", "2019.2.6")), "ArgumentNullException: Value cannot be null. Parameter name: value",
        lambda situation: situation.some("UserRole", _odd_role),
    ),
    Defect(
        5679, (("2019.4", "2019.7.2"),), "NullReferenceException: Object reference not set to an instance of an object. at "
        "Octopus.Core.Initialization", _newest_is_null,
    ),
    Defect(5683, (("2019.7.0", "2019.7.1"),), "The version of PowerShell was not recognised."),
    Defect(
        6779, (("2020.5", "2020.5.251"), ("2020.6", "2020.6.4668"), ("2021.1", "2021.1.6739"), ("2021.2", "2021.2.99")),
        "The content type of a logo is not a supported image type.", lambda situation: situation.some("Project", _bad_logo),
    ),
    Defect(
        7966, (("2022.1", None),), "No type provider available for aws-ecs-target v1.0.0",
        lambda situation: situation.older("2022.1") and situation.some("Machine", lambda row: "aws-ecs-" in json.dumps(row, default=str)),
    ),
    # A database that was last run by 2018.3 or older upgrades without an error, and then does not start.
    Defect(
        9145, (("2024.3", None),), "An exception was thrown while activating OpenFeatureFeatureToggleSource -> WebConfigurationMemento.",
        lambda situation: situation.older("2018.4"),
    ),
    Defect(
        9251, (("2024.4", None),), "Autofac.Core.DependencyResolutionException: An exception was thrown while activating WebConfigurationMemento "
        "(dynamic-extensions-scripts).", lambda situation: situation.some("Configuration", _null_setting),
    ),
    # A script that adds two columns was left out of these builds (scripts.py).
    Defect(
        10126, LEFT_OUT,
        "Invalid column name 'DataVersion'. Invalid column name 'LastModified'. The Octopus server exited unexpectedly.",
        _columns_left_out, number=207,
    ),
)  # fmt: skip


def of_schema(binary: str, situation: Situation, line: str = "") -> Defect | None:
    """What strikes when a build begins an upgrade (no line), or runs the script of a line."""
    return _first(SCHEMA, binary, situation, line)


def of_start(binary: str, situation: Situation) -> Defect | None:
    """What keeps a build from starting."""
    return _first(START, binary, situation, "")


def _first(defects: tuple[Defect, ...], binary: str, situation: Situation, line: str) -> Defect | None:
    return next((one for one in defects if one.line == line and one.has(binary) and one.meets(situation)), None)
