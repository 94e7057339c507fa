# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a rule changes in one row, in memory. No I/O."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError

from . import documents, places, rows
from .record import Change
from .rows import Row
from .rules import Rule


def apply(rule: Rule, row: Row) -> tuple[bool, list[documents.Edit]]:
    """Change a row in memory. Return whether it has anything that the rule is about, and what was changed."""
    known, edits = False, []
    for setting in rule.settings:
        name = setting.path[0]
        in_column = len(setting.path) == 1 and row.table.has(name)
        if in_column:
            known = True
            edits += _column(row, name, setting)
        for document in row.documents:
            # A copy of the column is set too where there is one.
            mine = replace(setting, add=False) if in_column else setting
            known = known or mine.add or _there(document.value, mine.path)
            edits += _marked(document, documents.edit(document.value, mine))
        if not in_column and setting.add and not row.documents:
            raise OctopusError(
                f"Expected a column {name} or JSON in the row {row.key} of the table {row.table.name}, to set it to {setting.to}, but found neither "
                "such a column nor JSON. Nothing was changed: this version of Octopus Server stores it in a form unknown to this module."
            )
    if rule.blank is not None:
        known = True
        edits += _blanked(row, rule.blank)
    if rule.edits is not None:
        for document in row.documents:
            found = rule.edits(document.value)
            if found is not None:
                known = True
                edits += _marked(document, found)
    return known, edits


def _blanked(row: Row, blank: Callable[[str, Any], bool]) -> list[documents.Edit]:
    """Empty the values that are meant. What they were is in no edit, and so in no record."""
    edits = []
    for name, value in list(row.columns.items()):
        spelt = row.table.columns[name][0]
        if blank(spelt, value):
            row.changed[spelt] = row.columns[name] = None
            edits.append(documents.Edit(spelt, None))
    for document in row.documents:
        for path, inner in documents.objects(document.value):
            for name, value in inner.items():
                if blank(name, value):
                    inner[name] = None
                    edits += _marked(document, [documents.Edit(documents.join(path, name), None)])
    return edits


def after(row: Row, column: str) -> str | None:
    """The JSON of a property that was changed just now; None where the text that is recorded of it could mean another one too."""
    found = places.find(row, column)
    return documents.write(found[0].value) if len(found) == 1 else None


def joined(earlier: list[Change], later: list[Change], untouched: Row) -> list[Change]:
    """Add the changes of another rule to those of a row, so that each place is recorded once, for the item that has changed it first.

    What a later item finds where an earlier one has been, or around that, is not what the source had.

    Args:
        earlier: The changes so far.
        later: Those of the next rule.
        untouched: The row before all of them.
    """
    for one_more in later:
        change = one_more
        mine = f"{change.column}."
        others = [one for one in earlier if one.item != change.item]
        if any(mine.startswith(f"{one.column}.") for one in others):
            continue
        within = [one for one in others if str(one.column).startswith(mine)]
        if within:
            places_then = places.find(untouched, change.column or "")
            if len(places_then) == 1:
                change = replace(change, item=within[0].item, before=documents.write(places_then[0].value))
                earlier = [one for one in earlier if one not in within]
        earlier = [*earlier, change]
    return earlier


def _marked(document: rows.Document, edits: list[documents.Edit]) -> list[documents.Edit]:
    document.edited = document.edited or bool(edits)
    return [documents.Edit(f"{document.column.upper()}.{one.path}", one.before) for one in edits]


def _there(value: Any, path: tuple[str, ...]) -> bool:
    if not path:
        return True
    if path[0] == documents.ANY:
        inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
        return any(_there(one, path[1:]) for one in inner)
    return any(_there(value[key], path[1:]) for key in documents.keys_of(value, path[0]))


def _column(row: Row, name: str, setting: documents.Setting) -> list[documents.Edit]:
    found = row.columns[name.lower()]
    if any(documents.same(found, one) for one in (setting.to, *setting.accept)):
        return []
    row.changed[name] = row.columns[name.lower()] = setting.to
    return [documents.Edit(row.table.columns[name.lower()][0], documents.write(found))]
