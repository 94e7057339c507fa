# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Lift the quarantine of a clone: restore what was recorded, each row in one transaction with its mark in the record.

So it can be interrupted anywhere and run again. Until the last stage is lifted the record says that it is lifted in part, and nothing that
applies the quarantine by its record goes on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.connection.connection import SqlConnection
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.errors import MssqlError
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.database import schema
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError

from . import columns, documents, lift_plan, record, refusals, rows
from .checks.record import differences
from .lift_plan import DONE, LIFT, STAYS, Step, Unit
from .request import Request
from .rows import Row
from .transaction import transaction

REFUSED = "refused"
# SQL Server refuses a value: conversion, overflow, NULL, duplicate key, constraint, truncation, a column that takes no value
# (https://learn.microsoft.com/sql/relational-databases/errors-events/database-engine-events-and-errors). Any other error ends the lifting.
_VALUE_ERRORS = (220, 232, 241, 242, 244, 245, 248, 271, 273, 295, 515, 544, 547, 2601, 2627, 2628, 8114, 8115, 8152, 8169)
# Until where a subscription has sent [client: EventNotificationSubscription]. Left as it is, it would send all events since the copy.
_SENT_UNTIL = "lastprocessedeventautoid"

# What the program itself has changed in the clone, so that it is in no record (octopus_instance).
_BY_PROGRAM = {
    "certificate": (
        "The clone has a certificate of its own, which the Tentacles of its source do not trust, and that is not lifted. To take over the Tentacles, "
        "make the clone with the certificate of its source (octopus_clone_certificate: keep), or export that from the source and import it here "
        "(Octopus.Server.exe export-certificate and import-certificate)."
    ),
    "switches": (
        "What the program's own switches have turned off beyond the record (octopus_instance, silent: upgrade checks, telemetry, in-app messages, "
        "dynamic extensions, issue trackers) is not lifted. Look through these settings in the web portal."
    ),
}


@dataclass
class Outcome:
    """What was done, or would be in check mode.

    Attributes:
        record: The record, as it now is; None where there is none.
        plan: What was decided of each change, in the order in which it is lifted.
        lifted: Whether the quarantine is lifted altogether.
    """

    record: dict[str, Any] | None
    plan: list[Step]
    changed: bool
    lifted: bool
    notes: list[str] = field(default_factory=list)

    @property
    def counts(self) -> dict[str, dict[str, int]]:
        """For each item, how many rows got which verdict."""
        found: dict[str, dict[str, int]] = {}
        for step in self.plan:
            mine = found.setdefault(step.unit.item, {})
            mine[step.verdict] = mine.get(step.verdict, 0) + 1
        return found

    def lines(self, *, before: bool) -> str:
        """What is silenced of each item, before or afterwards, for diff mode."""
        counts = [(name, one.get(LIFT, 0), sum(one.values())) for name, one in self.counts.items()]
        return "".join(f"{name}: {total if before else total - lifted} of {total} silenced\n" for name, lifted, total in counts)

    @property
    def left(self) -> list[dict[str, Any]]:
        """What was not and will not be lifted."""
        return [step.as_dict() for step in self.plan if step.verdict not in (LIFT, DONE)]


def run(
    connection: SqlConnection, request: Request, connect: refusals.Connect, items: Sequence[str] | None = None, check_mode: bool = False
) -> Outcome:
    """Lift the quarantine of the database that the connection is in.

    Args:
        connection: To the clone's database.
        request: Which clone it is; ``source_retired`` where its source is not to be asked.
        connect: Logs in to the source's server.
        items: What to lift; None for everything.
        check_mode: Whether nothing is changed.

    Raises:
        OctopusError: It is another clone, it or its source runs, or an earlier stage is not lifted yet.
        MssqlError: SQL Server refused. What was lifted until then is recorded.
    """
    schema.read(connection)
    found = record.read(connection)
    if found is None or not record.holds(found):
        return Outcome(found, [], changed=False, lifted=found is not None)
    wrong = differences(request, found)
    if wrong:
        raise OctopusError(
            f"Expected {request.database} to be the clone that was asked for, but its record says: {'; '.join(wrong)}. Nothing was changed."
        )
    if check_mode:
        return _Work(connection, request, found, items).run(check_mode)  # what it would restore is wanted while both are in service
    if not request.source_retired:
        if request.source is None:
            raise OctopusError("Expected source, the live instance that this is a clone of, or source_retired: true, but found neither.")
        refusals.refuse_source(connection, request.source, connect)
        refusals.refuse_running_source(request.source, connect, request.stale_after)
    refusals.refuse_live(connection, request.database, request.stale_after)
    return _Work(connection, request, found, items).run(check_mode)


def look_ahead(connection: SqlConnection, request: Request) -> Outcome:
    """Return what :func:`run` would do of all items, while both servers may run: it only reads.

    Args:
        connection: To the clone's database.
        request: Its database, and the address that it would get.

    Raises:
        OctopusError: It is not a database of Octopus Server, or this version of the collection cannot read its record.
        MssqlError: SQL Server refused.
    """
    schema.read(connection)
    found = record.read(connection)
    if found is None or not record.holds(found):
        return Outcome(found, [], changed=False, lifted=found is not None)
    return _Work(connection, request, found, None).run(check_mode=True)


class _Work:
    def __init__(self, connection: SqlConnection, request: Request, found: dict[str, Any], items: Sequence[str] | None) -> None:
        self.connection = connection
        self.request = request
        self.found = found
        self.units = lift_plan.units(record.recorded(connection))
        self.shapes = columns.shapes(connection, rows.tables(connection))
        self.items = self._known(items)
        self.notes: list[str] = []

    def run(self, check_mode: bool) -> Outcome:
        plan = [self._settle(unit) for unit in self.units]
        self._refuse_order(plan)
        mine = [step for step in plan if self._asked(step.unit)]
        if not check_mode and any(step.verdict in (LIFT, DONE) for step in mine):
            self._begin()
            plan = [self._do(step) if self._asked(step.unit) and step.verdict in (LIFT, DONE) else step for step in plan]
            refusals.refuse_connected(self.connection, self.request.database)
        rest = [step for step in plan if step.verdict == LIFT and not self._asked(step.unit)]
        if not check_mode and not rest:
            self._end(plan)
        self._warn(mine)
        changed = not rest or any(step.verdict == LIFT for step in mine)
        return Outcome(self.found, plan, changed, lifted=not rest, notes=self.notes)

    def _known(self, items: Sequence[str] | None) -> set[str] | None:
        if items is None:
            return None
        known = {unit.item for unit in self.units} | {item for stage in lift_plan.STAGES for item in stage} | set(self.found["silenced"])
        unknown = [item for item in items if item not in known]
        if unknown:
            raise OctopusError(f"Expected items to be among {', '.join(sorted(known))}, but found {', '.join(unknown)}.")
        return set(items)

    def _asked(self, unit: Unit) -> bool:
        return self.items is None or unit.item in self.items

    def _refuse_order(self, plan: list[Step]) -> None:
        """Refuse to lift what sets something off before what has to be in place by then."""
        ahead = [step.unit for step in plan if step.verdict == LIFT and self._asked(step.unit)]
        last = max((unit.stage for unit in ahead), default=0)
        earlier = dict.fromkeys(
            step.unit.item for step in plan if step.verdict == LIFT and not self._asked(step.unit) and 0 < step.unit.stage < last
        )
        if earlier:
            late = dict.fromkeys(unit.item for unit in ahead if unit.stage == last)
            raise OctopusError(
                f"Expected {', '.join(earlier)} to be lifted before {', '.join(late)}, but they are not. Nothing was changed. Lift them first, or "
                "name them in items too."
            )

    # -- one unit

    def _settle(self, unit: Unit) -> Step:
        """Decide about a unit by its row as it is now."""
        shape = self.shapes.get(unit.table.lower())
        if shape is None or unit.item in lift_plan.NEVER:
            step = lift_plan.settle(unit, shape, None)
            return replace(step, about=self._about(unit, shape)) if shape is not None and unit.item == "tasks" else step
        row = self._row(unit, shape)
        deleted = row is not None and any(change.column is None for change in unit.changes)
        whole = rows.whole(self.connection, shape.table, row) if deleted and row is not None else None
        return lift_plan.settle(unit, shape, row, whole, self.request.server_uri)

    def _about(self, unit: Unit, shape: columns.Shape) -> str:
        """What a canceled task was to do and when, so that it can be planned again."""
        where = f"{shape.table.column(shape.table.key)} = ?"
        row = next(rows.select(self.connection, shape.table, ("Description", "QueueTime"), where, unit.row), None)
        found = [str(row.get(name)) for name in ("Description", "QueueTime") if row.get(name)] if row is not None else []
        return ", ".join(found)

    def _row(self, unit: Unit, shape: columns.Shape) -> Row | None:
        names = {name for column in unit.columns for name in (column, column.partition(".")[2])}
        where = f"{shape.table.column(shape.table.key)} = ?"
        return next(rows.select(self.connection, shape.table, names, where, unit.row), None)

    def _do(self, planned: Step) -> Step:
        """Lift a unit, read it back, and mark it, in one transaction."""
        unit = planned.unit
        try:
            with transaction(self.connection):
                step = self._settle(unit)
                if step.verdict not in (LIFT, DONE):
                    return step  # somebody has changed it since it was planned
                if step.verdict == LIFT:
                    self._write(step)
                    back = self._settle(unit)
                    if back.verdict != DONE:
                        raise OctopusError(
                            f"Expected the row {unit.row} of {unit.table} to be as it was before the quarantine, but found it otherwise "
                            f"after it was written ({back.why or 'the quarantine still holds there'}). Nothing of it was changed. Is there a "
                            "trigger of SQL Server on that table?"
                        )
                record.mark(self.connection, unit.numbers)
                return step
        except MssqlError as error:
            if error.number not in _VALUE_ERRORS:
                raise
            return replace(
                planned, verdict=REFUSED, why=f"SQL Server does not take the recorded value in this version (error {error.number})"
            )

    def _write(self, step: Step) -> None:
        shape = self.shapes[step.unit.table.lower()]
        if step.insert:
            columns.insert(self.connection, shape, step.insert)
            return
        row = self._row(step.unit, shape)
        if step.delete and row is not None:
            rows.delete(self.connection, row)
            return
        for place, value in step.edits:
            lift_plan.write(place, value)
        row = step.edits[0][0].row
        if step.unit.item == "subscriptions":
            self._send_nothing_old(row)
        rows.update(self.connection, row)

    def _send_nothing_old(self, row: Row) -> None:
        """Let a subscription begin with what happens from now on."""
        events = self.shapes.get("event")
        last = self.connection.scalar("SELECT MAX([AutoId]) AS n FROM dbo.[Event]") if events and events.has("AutoId") else None
        marks = [
            (document, inner, key)
            for document in row.documents
            for _path, inner in documents.objects(document.value)
            for key, value in inner.items()
            if key.lower().endswith(_SENT_UNTIL) and isinstance(value, int)
        ]
        if last is None or not marks:
            self.notes.append(
                f"The subscription {row.key} may send all that has happened since the copy: nothing says until where it has sent."
            )
            return
        for document, inner, key in marks:
            inner[key] = int(last)
            document.edited = True

    # -- the record

    def _begin(self) -> None:
        if self.found.get("lifting"):
            return
        self.found = {**self.found, "lifting": {"at": schema.server_now(self.connection).isoformat()}}
        with transaction(self.connection):
            record.save(self.connection, self.found)

    def _end(self, plan: list[Step]) -> None:
        left: dict[str, int] = {}
        for step in plan:
            if step.verdict not in (LIFT, DONE):
                left[step.unit.item] = left.get(step.unit.item, 0) + 1
        kept = {name: value for name, value in self.found.items() if name != "lifting"}
        self.found = {**kept, "lifted": {"at": schema.server_now(self.connection).isoformat(), "left": left}}
        with transaction(self.connection):
            record.save(self.connection, self.found)

    def _warn(self, mine: list[Step]) -> None:
        lifted = {step.unit.item for step in mine if step.verdict == LIFT}
        if {"targets", "triggers"} <= lifted:
            self.notes.append(
                "Scheduled triggers may run once for what they have missed since the copy was made, and triggers of targets when the first health "
                "check finds these healthy. To prevent both, lift triggers in a second call, after the server has run for some minutes."
            )
        if "execution" in lifted:
            self.notes.append("A task queue that is no longer stopped runs what was queued in the clone meanwhile. Look through it first.")
        self.notes += [_BY_PROGRAM[one] for one in self.found["options"].get("by_program", ()) if one in _BY_PROGRAM]
        left = [step for step in mine if step.verdict not in (LIFT, DONE, STAYS)]
        if left:
            named = ", ".join(f"{step.unit.item} {step.unit.row} ({step.verdict})" for step in left[:5])
            self.notes.append(
                f"{len(left)} changes cannot be lifted, and have to be made by hand: {named}{' and more' if left[5:] else ''}."
            )
