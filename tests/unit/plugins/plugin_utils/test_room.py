# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An outage waits only for others of the same ansible-playbook, only while the processors are busy, and not for ever."""

from __future__ import annotations

import threading

import pytest
from ansible_collections.octopus.upgrade.plugins.plugin_utils import _room
from ansible_collections.octopus.upgrade.plugins.plugin_utils._room import BUSY, PATIENCE, Room
from patience import patient


@pytest.fixture
def load(monkeypatch):
    """What the processors are found to do at one look after the other; the clock goes on by a second with each."""
    shares, now = [], [0.0]

    def look(seconds):
        now[0] += seconds
        return shares.pop(0)

    monkeypatch.setattr(_room, "busy", look)
    monkeypatch.setattr(_room.time, "monotonic", lambda: now[0])
    return shares


def enter(room):
    said = []
    room.enter(lambda: said.append("waits"))
    return said


def test_the_only_one_does_not_even_look(tmp_path, load):
    room = Room(tmp_path, "one")
    assert enter(room) == []
    assert enter(room) == [], "its own outage, which an interrupted part of the run has begun, is none to wait for"


def test_it_waits_until_the_processors_are_no_longer_busy_and_says_so_once(tmp_path, load):
    enter(Room(tmp_path, "one"))
    load[:] = [1.0, 1.0, BUSY]
    assert enter(Room(tmp_path, "two")) == ["waits"] and load == []


def test_an_idle_control_node_has_room_at_once(tmp_path, load):
    enter(Room(tmp_path, "one"))
    load[:] = [0.2]
    assert enter(Room(tmp_path, "two")) == [] and load == []


def test_it_no_longer_waits_when_the_others_have_ended(tmp_path, load):
    first = Room(tmp_path, "one")
    enter(first)
    first.leave()
    first.leave()  # at the end of the run again
    assert enter(Room(tmp_path, "two")) == []


def test_it_begins_all_the_same_after_a_while(tmp_path, load):
    enter(Room(tmp_path, "one"))
    load[:] = [1.0] * int(PATIENCE + 10)
    assert enter(Room(tmp_path, "two")) == ["waits"] and len(load) == 10


def test_one_after_the_other(tmp_path, monkeypatch):
    """Who looks second sees what the first needs."""
    enter(Room(tmp_path, "one"))
    looking, seen, go = [], threading.Event(), threading.Event()

    def look(_seconds):
        looking.append(threading.current_thread().name)
        seen.set()
        assert go.wait(patient(10))
        return 0.0

    monkeypatch.setattr(_room, "busy", look)
    threads = [threading.Thread(target=enter, args=(Room(tmp_path, name),), name=name) for name in ("two", "three")]
    for thread in threads:
        thread.start()
    assert seen.wait(patient(10)) and len(looking) == 1
    go.set()
    for thread in threads:
        thread.join(patient(10))
    assert sorted(looking) == ["three", "two"]


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ("cpu 100 0 100 800 0 0 0 0 0 0", "cpu 150 10 120 810 10 0 0 0 0 0", 0.8),
        ("cpu 1 1 1 1 1 1 1 1", "cpu 1 1 1 1 1 1 1 1", 0.0),
        ("cpu0 1", "cpu0 1", 0.0),
        ("", "", 0.0),
    ],
)
def test_busy_is_what_is_neither_idle_nor_waiting_for_a_disk(tmp_path, monkeypatch, before, after, expected):
    stat = tmp_path / "stat"
    stat.write_text(f"{before}\ncpu0 0 0 0 0 0 0 0 0\n")
    monkeypatch.setattr(_room, "STAT", stat)
    monkeypatch.setattr(_room.time, "sleep", lambda _seconds: stat.write_text(f"{after}\n"))
    assert _room.busy(1.0) == pytest.approx(expected)


def test_a_system_without_it_keeps_nobody_waiting(tmp_path, monkeypatch):
    monkeypatch.setattr(_room, "STAT", tmp_path / "none")
    assert _room.busy(1.0) == 0.0
