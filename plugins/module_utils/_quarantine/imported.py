# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What Octopus.Migrator.exe has brought into a new instance: made harmless before the next start, by some of the rules of a quarantine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.connection.connection import SqlConnection
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError

from . import row_edits, rows
from .rows import Table
from .rules import Rule, automatic_releases, execution, triggers
from .transaction import transaction

_MACHINES = ("machine", "worker")  # there are no workers before 2018.7, and no such table
NAME = "Name"


@dataclass
class Silenced:
    """What was switched off, by names. ``removed``: triggers of a version that cannot disable one."""

    triggers: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    automatic_releases: list[str] = field(default_factory=list)
    stopped: list[str] = field(default_factory=list)

    @property
    def any(self) -> bool:
        return bool(self.triggers or self.removed or self.automatic_releases or self.stopped)


def projects(connection: SqlConnection, wanted: Sequence[str]) -> list[str]:
    """Return the names of all projects in the database, before an import.

    Raises:
        OctopusError: It has others than the wanted ones, or targets or workers: it is not that of a new instance. Or its form is unknown.
        MssqlError: SQL Server refused.
    """
    tables = rows.tables(connection)
    there = _names(connection, _needed(tables, "Project", NAME))
    others = [one for one in there if one.lower() not in {name.lower() for name in wanted}]
    if others:
        raise OctopusError(f"Expected a new instance, but its database has the projects {', '.join(others[:10])}. Nothing was imported.")
    _needed(tables, "Machine")
    _refuse_machines(connection, tables)
    return there


def _names(connection: SqlConnection, table: Table) -> list[str]:
    return sorted(str(row.get(NAME)) for row in rows.select(connection, table, (NAME,)))


def _refuse_machines(connection: SqlConnection, tables: dict[str, Table]) -> None:
    """Refuse targets and workers.

    Raises:
        OctopusError: There are some.
    """
    for name in _MACHINES:
        found = _names(connection, tables[name]) if name in tables else []
        if found:
            raise OctopusError(
                f"Expected no rows in the table {tables[name].name} of the instance for the imported projects, but found {', '.join(found[:10])}. Nothing "
                "was changed. Do not start its service: remove the instance."
            )


def silence(connection: SqlConnection, wanted: Sequence[str], stop: bool) -> Silenced:
    """Check what has arrived, and switch off what would act by itself, in one transaction.

    Args:
        connection: To the database of the instance, whose service is stopped.
        wanted: The projects that have to be there, and no others.
        stop: Whether nothing may be deployed: the task queues are stopped, and where there are no spaces, the projects are disabled.

    Returns:
        What was switched off.

    Raises:
        OctopusError: Something is there that must not be, a project is missing, or the tables are of an unknown form. Nothing was changed.
        MssqlError: SQL Server refused. Nothing was changed.
    """
    tables = rows.tables(connection)
    project = _needed(tables, "Project", NAME)
    trigger = _needed(tables, "ProjectTrigger", NAME) if "projecttrigger" in tables else None
    _needed(tables, "Machine")
    done = Silenced()
    with transaction(connection):
        _refuse_machines(connection, tables)
        there = _names(connection, project)
        _compare(there, wanted)
        done.automatic_releases = _apply(connection, automatic_releases(), project)
        if trigger is not None:
            rule = triggers(tables)
            changed = _apply(connection, rule, trigger)
            done.removed, done.triggers = (changed, []) if rule.remove else ([], changed)
        if stop:
            rule = execution(tables)
            done.stopped = _apply(connection, rule, tables[str(rule.table)])
        _verify(connection, tables, stop)
    return done


def _needed(tables: dict[str, Table], name: str, *columns: str) -> Table:
    table = tables.get(name.lower())
    missing = [column for column in columns if table is None or not table.has(column)]
    if table is None or missing:
        raise OctopusError(
            f"Expected a table {name}{' with ' + ', '.join(columns) if columns else ''} in the database of Octopus Server, but "
            f"{'there is none' if table is None else 'it lacks ' + ', '.join(missing)}. Nothing was changed: this version stores it in an unknown form."
        )
    return table


def _compare(there: Sequence[str], wanted: Sequence[str]) -> None:
    low = {one.lower() for one in there}
    missing = [one for one in wanted if one.lower() not in low]
    more = sorted(one for one in there if one.lower() not in {name.lower() for name in wanted})
    if missing or more:
        raise OctopusError(
            f"Expected the projects {', '.join(wanted)} in the database after the import, but "
            f"{' and '.join([*([', '.join(missing) + ' are missing'] if missing else []), *([', '.join(more) + ' are there too'] if more else [])])}. Nothing "
            "was switched off: do not start the service, and remove the instance."
        )


def _apply(connection: SqlConnection, rule: Rule, table: Table) -> list[str]:
    """Apply a rule to all rows of a table; return the names of those that it has changed."""
    changed = []
    for row in list(rows.select(connection, table, {*rule.names, NAME})):
        if not rule.of(row):
            continue
        if rule.remove:
            rows.delete(connection, row)
            changed.append(str(row.get(NAME) or row.key))
            continue
        known, edits = row_edits.apply(rule, row)
        if not known:
            raise OctopusError(
                f"Expected the row {row.key} of the table {table.name} to say {rule.settings[0].path[0]}, in a column or in its JSON, but it does not. "
                "Nothing was changed: this version stores it in an unknown form. Do not start the service."
            )
        if edits:
            rows.update(connection, row)
            changed.append(str(row.get(NAME) or row.key))
    return sorted(changed)


def _verify(connection: SqlConnection, tables: dict[str, Table], stop: bool) -> None:
    """Read all of it again, before the transaction is committed.

    Raises:
        OctopusError: Something is still on.
    """
    left = []
    for rule in (automatic_releases(), triggers(tables), *([execution(tables)] if stop else [])):
        table = tables.get(str(rule.table))
        for row in rows.select(connection, table, {*rule.names, NAME}) if table else ():
            if rule.remove or row_edits.apply(rule, row)[1]:
                left.append(f"{table.name if table else ''} {row.get(NAME) or row.key}")
    if left:
        raise OctopusError(
            f"Expected what has arrived to be switched off, but {', '.join(left)} is still on. Nothing was changed. Do not start the service."
        )
