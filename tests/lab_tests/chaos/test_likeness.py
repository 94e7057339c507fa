# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A resumed run is like an unbroken one: what no two runs have in common is no difference, everything else is."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from scenarios.chaos.likeness import differences, ending
from scenarios.world import World

BACKUP: dict[str, Any] = {
    "changed": True,
    "paths": ["\\\\nas\\b\\20261130T112552Z-1\\database.bak"],
    "server": "127.120.226.12",
    "started_at": "2026-11-30T11:33:11",
    "size": 10,
    "position": 1,
    "seconds": 0.3,
    "sessions": [],
}
ENTRIES: list[dict[str, Any]] = [
    {"event": "begun", "operation": "upgrade", "instance": "single", "ladder": ["2"]},
    {"event": "step", "step": "backup"},
    {"event": "done", "step": "backup", "result": BACKUP},
    {"event": "step", "step": "apply"},
    {"event": "done", "step": "apply", "result": {"changed": True, "was_version": "1", "version": "2", "path": "C:\\x.msi"}},
    {"event": "finished", "verdict": "upgraded", "backup": {"paths": BACKUP["paths"]}, "retained": {}},
]


def _ending(entries: list[dict[str, Any]], **after: Any) -> dict[str, Any]:
    return ending(entries, World(tables={"ServerTask": {}}), World(tables={"ServerTask": {}}, **after))


def _changed(place: int, **result: Any) -> list[dict[str, Any]]:
    entries = copy.deepcopy(ENTRIES)
    entries[place]["result"] |= result
    return entries


def _resumed(place: int, **result: Any) -> list[dict[str, Any]]:
    """The same, where that step began once before and the run was killed in it."""
    entries = _changed(place, **result)
    return [*entries[:place], {"event": "resumed", "operation": "upgrade"}, entries[place - 1], *entries[place:]]


@pytest.mark.parametrize(
    "entries",
    [
        ENTRIES,
        _changed(2, seconds=9.5, size=11, started_at="2026-12-01T00:00:00.123+00:00", server="127.1.2.3"),
        _changed(2, paths=["\\\\nas\\b\\20271130T112552Z-1\\database.bak"]),
        _resumed(4, changed=False, was_version="2"),
        _resumed(4, path=None),
    ],
)
def test_what_no_two_runs_have_in_common_is_no_difference(entries: list[dict[str, Any]]) -> None:
    assert differences(_ending(ENTRIES), _ending(entries)) == []


@pytest.mark.parametrize(
    ("entries", "told"),
    [
        (_changed(2, position=2), "the result of backup: position is 2 after it was resumed, 1 unbroken"),
        (_changed(2, sessions=["x"]), "the result of backup: sessions is 'missing' after it was resumed, [] unbroken"),
        (_changed(4, changed=False), "the result of apply: changed is False after it was resumed, True unbroken"),
        (_changed(4, path=None), "the result of apply: path is None after it was resumed, 'C:\\\\x.msi' unbroken"),
        (_resumed(4, version="3"), "the result of apply: version is '3' after it was resumed, '2' unbroken"),
        (ENTRIES[:3] + ENTRIES[5:], "the record: steps is 'backup' after it was resumed, 'backup apply' unbroken"),
        (ENTRIES[:4] + ENTRIES[5:], "the step apply has a result in one of the runs only"),
        (ENTRIES[:5], "the record: verdict is 'unfinished' after it was resumed, 'upgraded' unbroken"),
    ],
)
def test_everything_else_is_a_difference_and_is_told(entries: list[dict[str, Any]], told: str) -> None:
    assert told in differences(_ending(ENTRIES), _ending(entries))


def test_what_the_world_has_more_or_less_is_told() -> None:
    plain, more = _ending(ENTRIES), _ending(ENTRIES, files={"Packages\\b": b""})
    assert differences(plain, more) == ["only the resumed run leaves: file Packages\\b is new"]
    assert differences(more, plain) == ["only the unbroken run leaves: file Packages\\b is new"]
