# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The steps in a journal: which are done, and which result a resumed run replays."""

from __future__ import annotations

from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._run import steps


def begins(name: str) -> dict[str, Any]:
    return {"event": "step", "step": name}


def ends(name: str, **result: Any) -> dict[str, Any]:
    return {"event": "done", "step": name, "result": result}


RUN = [{"event": "begun"}, begins("a"), ends("a", n=1), begins("b"), {"event": "failed"}, {"event": "resumed"}, begins("c"), ends("c")]


def test_the_steps_begun_and_those_done() -> None:
    assert steps.begun(RUN) == ["a", "b", "c"]
    assert steps.done(RUN) == ["a", "c"]
    assert steps.results(RUN) == {"a": {"n": 1}, "c": {}}
    assert (steps.begun([]), steps.done([]), steps.results([])) == ([], [], {})


def test_a_step_that_begins_again_is_not_done_until_it_is_done_again() -> None:
    again = [*RUN, begins("a")]
    assert (steps.begun(again), steps.done(again)) == (["a", "b", "c"], ["c"])
    assert steps.results([*again, ends("a", n=2)])["a"] == {"n": 2}


def test_a_step_that_is_done_is_replayed_with_its_result() -> None:
    assert steps.replayed(RUN, "a") == {"n": 1}
    assert steps.replayed(RUN, "b") is None, "it was interrupted"
    assert steps.replayed(RUN, "c") == {}, "an empty result is one, too"
    assert steps.replayed(RUN, "d") is None


def test_a_step_is_repeated_until_another_one_is_done() -> None:
    assert steps.replayed(RUN, "a", "b") is None, "b has only begun"
    assert steps.replayed(RUN, "a", "d") is None
    assert steps.replayed(RUN, "a", "c") == {"n": 1}
    assert steps.replayed(RUN, "b", "c") is None, "it was never done"
    assert steps.replayed([*RUN, begins("c")], "a", "c") is None, "c has begun again"
