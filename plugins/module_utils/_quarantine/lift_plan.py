# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What lifting a quarantine does with each recorded change, and in which order. Pure functions, no I/O.

What was changed in one row for one item is lifted together, or not at all. It is lifted only where the row still has what the quarantine has
written: what somebody, or a schema upgrade, has changed since is named and left.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from . import documents, places, record, rows
from .columns import Shape
from .places import Place
from .record import Change
from .rows import Document, Row

LIFT, DONE, CHANGED, GONE, UNFIT, STAYS = "lift", "done", "changed", "gone", "unfit", "stays"

# A later stage is not lifted before an earlier one; those of the first set nothing off, and may be left for later. Enabled targets are an
# event that triggers act on, so targets come before triggers
# (https://octopus.com/docs/projects/project-triggers/deployment-target-triggers); a policy deletes machines that are not healthy yet; a
# queue starts what is in it. What starts work by itself is last, and so is what this does not know.
STAGES: tuple[tuple[str, ...], ...] = (
    (
        *("extensions", "mail", "audit_stream", "telemetry", "upgrade_check", "lets_encrypt", "git", "external_feeds", "api_keys"),
        *("server_uri", "sign_in"),
    ),
    ("targets", "workers"),
    ("machine_policies", "retention"),
    ("execution",),
)
LAST = len(STAGES)
# What is never lifted, and why.
NEVER = {
    "deployment_queue": "a release that waited to be deployed by itself when the copy was made is out of date: deploy it where it is still wanted",
    "tasks": "a canceled task does not come back: plan it again where it is still wanted",
    "server_nodes": "the nodes of the source are not those of the clone",
    "installation_id": "an instance keeps an Installation ID of its own",
    "accounts": "the secrets of accounts were removed, and not kept: enter them again where they are wanted",
    "maintenance": "maintenance mode was on when the copy was made; octopus_maintenance sets it",
}


@dataclass(frozen=True)
class Unit:
    """What was changed in one row for one item, the oldest change first."""

    item: str
    table: str
    row: str
    changes: tuple[Change, ...]

    @property
    def stage(self) -> int:
        return next((number for number, items in enumerate(STAGES) if self.item in items), LAST)

    @property
    def numbers(self) -> tuple[int, ...]:
        return tuple(change.number for change in self.changes)

    @property
    def columns(self) -> list[str]:
        """The columns and properties; none where it is the row itself."""
        return list(dict.fromkeys(change.column for change in self.changes if change.column and change.column != _WHOLE))


@dataclass(frozen=True)
class Step:
    """What is to be done about a unit.

    Attributes:
        verdict: :data:`LIFT`, :data:`DONE` where it is as before already, :data:`CHANGED` since, :data:`GONE`, :data:`UNFIT` for this version,
            or :data:`STAYS`.
        why: The reason for a verdict but the first two.
        about: What the row is, where somebody has to do something about it.
        edits: Properties and their values; :data:`NOTHING` for one that is removed. The last change comes first.
        insert: The row to insert, by its columns.
        delete: Whether the row is deleted.
    """

    unit: Unit
    verdict: str
    why: str = ""
    edits: tuple[tuple[Place, Any], ...] = ()
    insert: dict[str, Any] = field(default_factory=dict)
    delete: bool = False
    about: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Without values, which may be secrets."""
        unit = self.unit
        return {
            "item": unit.item,
            "table": unit.table,
            "row": unit.row,
            "columns": unit.columns,
            "verdict": self.verdict,
            "why": self.why,
            "about": self.about,
        }


class _Nothing:
    """Stands for a property that is not there."""


NOTHING = _Nothing()
_WHOLE = rows.JSON.upper()


def units(changes: Iterable[Change]) -> list[Unit]:
    """What there is to lift, in the order in which it is lifted."""
    found: dict[tuple[str, str, str], list[Change]] = {}
    for change in changes:
        if not change.lifted:
            found.setdefault((change.item, change.table.lower(), change.row), []).append(change)
    listed = [Unit(item, mine[0].table, row, tuple(mine)) for (item, _table, row), mine in found.items()]
    return sorted(listed, key=lambda unit: (unit.stage, unit.numbers[0]))


def settle(unit: Unit, shape: Shape | None, row: Row | None, whole: Mapping[str, Any] | None = None, server_uri: str | None = None) -> Step:
    """Decide what is done about a unit.

    Args:
        unit: What was changed.
        shape: The columns of its table; None where there is no such table.
        row: The row as it is now; None where there is none.
        whole: All its columns, where the quarantine had deleted it.
        server_uri: The new address of the server, instead of the recorded one.
    """
    if unit.item in NEVER:
        return Step(unit, STAYS, NEVER[unit.item])
    if unit.item == "server_uri" and not server_uri:
        return Step(unit, STAYS, "the address is the clone's; give server_uri, the one at which users will find it")
    if all(change.reason == record.OWN for change in unit.changes):
        return Step(unit, STAYS, "it was switched on in the clone, not in its source")
    if shape is None:
        return Step(unit, GONE, f"this version has no table {unit.table}")
    recorded = [change for change in unit.changes if change.reason != record.OWN]
    deleted = next((change for change in recorded if change.column is None), None)
    if deleted is not None:
        return _insertion(unit, shape, deleted, whole)
    inserted = next((change for change in recorded if change.column == _WHOLE), None)
    if inserted is not None:
        return _deletion(unit, inserted, row)
    if row is None:
        return Step(unit, GONE, f"{unit.table} has no row {unit.row} any more")
    return _edits(unit, shape, row, unit.changes, server_uri)


def _insertion(unit: Unit, shape: Shape, deleted: Change, whole: Mapping[str, Any] | None) -> Step:
    """Insert a row that was deleted, as it was before anything in it was changed."""
    content: dict[str, Any] = dict(documents.read(deleted.before or "{}"))
    earlier = tuple(change for change in unit.changes if change.number < deleted.number and change.column is not None)
    if earlier:
        step = _edits(unit, shape, _as_row(shape, unit.row, content), earlier, None)
        if step.verdict not in (LIFT, DONE):
            return step
        for place, value in step.edits:
            write(place, value)
        content = _as_content(content, step)
    if whole is not None:
        same = all(_equal(whole.get(shape.spelt(name)), value) for name, value in content.items() if shape.writes(name))
        return Step(unit, DONE) if same else Step(unit, CHANGED, f"{unit.table} has a row {unit.row} again, which is another one")
    gone = [name for name, value in content.items() if value is not None and not shape.has(name)]
    if gone:
        return Step(unit, UNFIT, f"{unit.table} has no column {', '.join(gone)} any more")
    values = {name: value for name, value in content.items() if shape.has(name) and shape.writes(name)}
    lacking = [one for one in shape.needed if one.lower() not in {name.lower() for name, value in values.items() if value is not None}]
    if lacking:
        return Step(unit, UNFIT, f"{unit.table} needs a value in {', '.join(lacking)}, which the recorded row does not have")
    return Step(unit, LIFT, insert=values)


def _deletion(unit: Unit, inserted: Change, row: Row | None) -> Step:
    """Delete a row that the quarantine has inserted."""
    if row is None:
        return Step(unit, DONE)
    written = documents.read(inserted.after or "null")
    if [one.value for one in row.documents] != [written]:
        return Step(unit, CHANGED, f"the row {unit.row} of {unit.table} was added by the quarantine, and has other settings now")
    return Step(unit, LIFT, delete=True)


def _edits(unit: Unit, shape: Shape, row: Row, changes: Iterable[Change], server_uri: str | None) -> Step:
    edits: dict[tuple[Any, ...], tuple[int, Place, Any]] = {}
    for one in _collapsed(changes):
        step = _edit(unit, shape, row, one, server_uri)
        if isinstance(step, Step):
            return step
        if step is None:
            continue
        place, value = step
        other = edits.get(place.key)
        if other is not None and not _equal(other[2], value):
            return Step(unit, UNFIT, f"{one.column} is where another recorded property is too, with another value")
        edits[place.key] = (one.number, place, value)
    ordered = sorted(edits.values(), key=lambda one: -one[0])
    return Step(unit, LIFT if ordered else DONE, edits=tuple((place, value) for _number, place, value in ordered))


def _collapsed(changes: Iterable[Change]) -> list[Change]:
    """For each property the value before the first of its changes, and after the last."""
    found: dict[str, Change] = {}
    after: dict[str, str | None] = {}
    for one in changes:
        if one.column is None or one.column == _WHOLE:
            continue
        after[one.column] = one.after
        if one.reason != record.OWN:
            found.setdefault(one.column, one)
    return [
        Change(one.item, one.table, one.row, column, one.before, after[column], one.reason, one.number) for column, one in found.items()
    ]


def _edit(unit: Unit, shape: Shape, row: Row, one: Change, server_uri: str | None) -> Step | tuple[Place, Any] | None:
    """What to write where for one property; None where it is as before already, a step where the unit cannot be lifted."""
    column = one.column or ""
    if one.after is None:
        return Step(unit, UNFIT, f"{column} can mean more than one property of the row {unit.row}")
    after = documents.read(one.after)
    before: Any = NOTHING if one.before is None else documents.read(one.before)
    if unit.item == "server_uri":
        before = server_uri
    found = places.find(row, column, switch=_is_switch(after))
    if len(found) > 1:
        return Step(unit, UNFIT, f"{column} can mean more than one property of the row {unit.row}")
    if not found:
        return None if before is NOTHING else Step(unit, GONE, f"the row {unit.row} of {unit.table} has no {column} any more")
    place = found[0]
    if before is NOTHING and place.document is None:
        # It was added to the JSON, where it says the same as no property: a newer version has made a column of it.
        before = not after
    if before is not NOTHING and _equal(place.value, before):
        return None
    if not _equal(place.value, after):
        return Step(unit, CHANGED, f"{column} of the row {unit.row} was changed since")
    if place.document is None:
        misfit = shape.misfit(str(place.name), before)
        if misfit:
            return Step(unit, UNFIT, f"{column} of the row {unit.row}: {misfit}")
    return place, before


def write(place: Place, value: Any) -> None:
    """Do one edit of a step, in memory."""
    if value is NOTHING:
        place.take()
    else:
        place.put(value)


def _is_switch(value: Any) -> bool:
    return isinstance(value, bool) or value in (0, 1)


def _equal(found: Any, wanted: Any) -> bool:
    """Whether two values are the same; a switch is a number in some columns."""
    if isinstance(found, bool) or isinstance(wanted, bool):
        return isinstance(found, (bool, int)) and isinstance(wanted, (bool, int)) and bool(found) == bool(wanted)
    return type(found) is type(wanted) and bool(found == wanted)


def _as_row(shape: Shape, key: str, content: Mapping[str, Any]) -> Row:
    """A recorded row, to be changed in memory."""
    held = {**dict.fromkeys(shape.columns), **{name.lower(): value for name, value in content.items()}}
    own = []
    for column in (rows.JSON, rows.BLOB):
        stored = held.pop(column, None)
        if stored:
            text, encoding = (stored, None) if column == rows.JSON else documents.unpack(bytes.fromhex(str(stored)[2:]))
            own.append(Document(column, documents.read(text), encoding))
    return Row(shape.table, key, held, own)


def _as_content(content: Mapping[str, Any], step: Step) -> dict[str, Any]:
    """A recorded row with the edits that a step has done in memory."""
    out = dict(content)
    spelt = {name.lower(): name for name in content}
    for place, _value in step.edits:
        for name, value in place.row.changed.items():
            out[spelt.get(name.lower(), name)] = value
        for document in place.row.documents:
            if document.edited:
                stored = document.stored
                out[spelt[document.column]] = f"0x{stored.hex()}" if isinstance(stored, bytes) else stored
    return out
