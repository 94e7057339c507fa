# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""However a journal was written, cut off, sent again or doubled: what is read is every event that is there whole, once, in its order."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._run import record as run_record
from ansible_collections.octopus.upgrade.plugins.module_utils._run.host_journal import remember
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.errors import HostUnreachable
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.quoting import json_line
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

NASTY = st.text('ab1 \\"%&|<>^()!?/;,=*{}[]:\t\n\r\x00\u2028\u00fc\u6f22\U0001f600', max_size=12)
# What a journal itself writes, as data: nothing that is said in it may look like the next event.
SLY = st.sampled_from(
    ['{"n": 1, "id": "x", "event": "step", "at": "y"}', '{"n": ', '"}\r\n{"n": 2', "--octopus.upgrade--\n", "\\u0022", "C:\\users\\"]
)
SCALARS = st.none() | st.booleans() | st.integers(-10, 10) | NASTY | SLY
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NASTY | SLY | st.just("n"), inner, max_size=3), max_leaves=6
)
FIELDS = st.dictionaries(st.sampled_from(["step", "facts", "error"]), VALUES, max_size=3)
LONG = st.builds(lambda seed: {"error": "".join(f"{seed * number % 99991:x}" for number in range(6000))}, st.integers(1, 90000))
EVENTS = st.lists(st.tuples(st.sampled_from(run_record.EVENTS), FIELDS | LONG), max_size=6)
# How an event is sent: where its first try broke off (in permille), if it did, and how often it then went through.
TRIES = st.tuples(st.none() | st.integers(0, 999), st.integers(1, 3))


@settings(deadline=None)
@given(VALUES)
def test_json_of_which_cmd_leaves_everything(value: Any) -> None:
    line = json_line(value)
    assert json.loads(line) == value
    assert line.isascii() and line.isprintable()
    assert not set(line) & set("&|<>^()%!?")
    assert line.count('"') % 2 == 0


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # long events, on a busy computer
@given(EVENTS, st.data())
def test_a_journal_reads_back(kinds: list[tuple[str, dict[str, Any]]], data: st.DataObject) -> None:
    events, text, ends = [], "", []
    for number, (kind, fields) in enumerate(kinds, 1):
        event = run_record.make(kind, number, **fields)
        whole = "".join(f"{line}\r\n" for line in run_record.host_lines(event))
        broken, times = data.draw(TRIES)
        if broken is not None:
            text += whole[: len(whole) * broken // 1000] + "\r\n"  # a second try begins with a new line
        text += whole
        ends.append(len(text) - 2)  # without its line end it is whole, too
        text += whole * (times - 1)
        events.append(event)
    assert run_record.parse(text, "it") == events
    # In millionths: the ids, and so the length of what is packed, differ from run to run.
    cut = len(text) * data.draw(st.integers(0, 1_000_000)) // 1_000_000
    read = run_record.parse(text[:cut], "it")
    there = sum(end <= cut for end in ends)
    # A first try that broke off within the line end was whole.
    assert read == events[: len(read)] and there <= len(read) <= there + 1


class Unreliable:
    """A host's journal of which a test says what becomes of each append: it goes through, it does not, or the answer is lost."""

    def __init__(self, fates: list[str]) -> None:
        self.text = ""
        self._fates = fates

    def read(self) -> list[run_record.Event]:
        return run_record.parse(self.text, "it")

    def append(self, events: list[run_record.Event], uncertain: bool) -> None:
        fate = self._fates.pop(0) if self._fates else "through"
        lines = "".join(f"{line}\r\n" for event in events for line in run_record.host_lines(event))
        if fate.startswith("cut"):
            # Anywhere, also just before the line's end: then it is whole.
            lines = lines[: len(lines) // 2] if fate == "cut" else lines[:-1] if fate == "cut end" else lines[:-2]
        # As HostJournal does; on a host it has looked at the end of the text when it read it.
        lines = "\r\n" + lines if uncertain or not self.text.endswith("\n") else lines
        if fate != "lost":
            self.text += lines
        if fate != "through":
            raise HostUnreachable("gone")


@settings(deadline=None)  # it writes files
@given(
    st.lists(st.sampled_from(["through", "through", "lost", "cut", "cut end", "cut whole", "unanswered"]), max_size=12),
    st.sets(st.integers(0, 11)),
)
def test_host_and_control_node_agree_again_as_soon_as_one_event_goes_through(fates: list[str], elsewhere: set[int]) -> None:
    """Events that wait go along with the next; ``elsewhere`` are the moments at which another control node resumes the run."""
    count = len(fates)
    journal = Unreliable(list(fates))
    with tempfile.TemporaryDirectory() as folder:
        here = Path(folder) / "0" / "run.jsonl"
        sent: list[str] = []
        for number in range(count + 1):
            resumes = number in elsewhere and number > 0
            if resumes:
                here = Path(folder) / str(number) / "run.jsonl"
            if resumes:
                sent = [event["mark"] for event in journal.read()]
            mark = f"mark{number}"
            sent.append(mark)
            try:
                remember(here, journal, "resumed" if resumes else "begun" if number == 0 else "step", mark=mark, step=mark)
            except HostUnreachable:
                known = run_record.read(here)
                assert known[-1]["pending"] and [event["mark"] for event in known] == sent
                continue
            assert run_record.read(here) == journal.read()
            assert [event["mark"] for event in journal.read()] == sent
            assert "pending" not in here.read_text()
