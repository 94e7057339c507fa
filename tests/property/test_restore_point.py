# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Restore points: what a rule may take, and that a manifest survives being written and read."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError
from ansible_collections.octopus.upgrade.plugins.module_utils._restore_point import manifest as form
from ansible_collections.octopus.upgrade.plugins.module_utils._restore_point import retention
from ansible_collections.octopus.upgrade.plugins.module_utils._restore_point.listing import newest_first, parse
from ansible_collections.octopus.upgrade.plugins.module_utils._restore_point.manifest import Found, Point
from ansible_collections.octopus.upgrade.tests.unit.restore_point import MANIFEST, POINT, Reversing
from hypothesis import assume, given
from hypothesis import strategies as st

NOW = datetime(2026, 11, 23, 21, tzinfo=timezone.utc)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=15,
)


def point(name: str, hours: int, why: str | None) -> Point:
    """A restore point of some hours ago."""
    moment = NOW - timedelta(hours=hours)
    return Point(f"{moment:%Y%m%dT%H%M%SZ}-{name}", f"D:\\b\\{name}", {"sealed_at": moment.isoformat()}, why)


@st.composite
def several(draw: st.DrawFn) -> list[Point]:
    ages = draw(st.lists(st.tuples(st.integers(0, 3000), st.sampled_from([None, None, "it was never finished"])), max_size=12))
    return newest_first([point(str(number), age, why) for number, (age, why) in enumerate(ages)])


@given(several(), st.none() | st.integers(1, 14), st.none() | st.integers(0, 120), st.sets(st.integers(0, 11)))
def test_what_a_rule_takes(points: list[Point], keep: int | None, keep_days: int | None, protected: set[int]) -> None:
    assume(keep is not None or keep_days is not None)
    protect = [one.id for number, one in enumerate(points) if number in protected]
    decision = retention.by_age(points, NOW, keep, keep_days, protect)
    sealed = [one for one in points if one.is_sealed]
    # Nothing is lost sight of, nothing is both.
    assert [one.id for one in points if one.id in decision.remove or one.id in decision.keep] == [one.id for one in points]
    assert not set(decision.remove) & set(decision.keep)
    for one in points:
        if one.id in decision.remove:
            assert one.is_sealed and one.id not in protect and one is not sealed[0]
            assert keep is None or sealed.index(one) >= keep
            assert keep_days is None or NOW - one.moment > timedelta(days=keep_days)
        elif one.is_sealed and one.id not in protect and one is not sealed[0]:
            young = keep_days is not None and NOW - one.moment <= timedelta(days=keep_days)
            assert young or (keep is not None and sealed.index(one) < keep)
    # A second run finds nothing more to do.
    left = [one for one in points if one.id in decision.keep]
    assert retention.by_age(left, NOW, keep, keep_days, protect).remove == []


@given(several(), st.integers(0, 14), st.sets(st.integers(0, 11)), st.booleans())
def test_what_a_name_takes(points: list[Point], which: int, protected: set[int], given_up: bool) -> None:
    protect = [one.id for number, one in enumerate(points) if number in protected]
    name = points[which].id if which < len(points) else "another"
    newest = next((one for one in points if one.is_sealed), None)
    try:
        decision = retention.by_name(points, name, protect, given_up)
    except OctopusError:
        one = next(one for one in points if one.id == name)
        being_made = not one.is_sealed and not given_up and (newest is None or one.moment >= newest.moment)
        assert name in protect or one is newest or being_made
        return
    assert decision.remove == ([name] if which < len(points) else [])
    assert name not in protect
    assert newest is None or newest.id not in decision.remove
    assert newest is not None or given_up or decision.remove == []


@pytest.mark.parametrize(("keep", "keep_days"), [(None, None), (0, None), (-1, 3), (1, -1)])
def test_rules_that_are_none(keep: int | None, keep_days: int | None) -> None:
    with pytest.raises(OctopusError):
        retention.by_age([], NOW, keep, keep_days)


@given(st.dictionaries(st.text(max_size=10), JSON, max_size=6))
def test_a_manifest_survives(extra: dict[str, Any]) -> None:
    made = {**extra, **MANIFEST}
    text = form.text_of(made)
    assert text.isascii()
    assert form.parse(text) == made
    # A console gives other line ends, and nothing else.
    read = text.replace("\r\n", "\n")
    assert form.parse(read) == made
    seal = form.seal_text(POINT, text, Reversing()).decode()
    assert form.judge(Found(f"D:\\b\\{POINT}", read, seal), Reversing()).is_sealed


@given(st.integers(0), st.sampled_from('x0 "{\n'))
def test_one_other_character_breaks_the_seal(at: int, other: str) -> None:
    text = form.text_of(MANIFEST).replace("\r\n", "\n")
    place = at % len(text)
    changed = text[:place] + other + text[place + 1 :]
    assume(changed != text)
    seal = form.seal_text(POINT, text, Reversing()).decode()
    assert not form.judge(Found(f"D:\\b\\{POINT}", changed, seal), Reversing()).is_sealed


@given(st.lists(st.tuples(st.none() | st.text(), st.none() | st.text(), st.none() | st.text()), max_size=4))
def test_whatever_files_hold_is_told_apart(folders: list[tuple[str | None, ...]]) -> None:
    mark = "--00112233445566778899aabb--"
    text = "".join(
        f"{mark}point\nD:\\b\\{number}\n" + "".join(f"{mark}\n{'' if one is None else '+' + chr(10) + one}" for one in parts)
        for number, parts in enumerate(folders)
    )
    found = parse(text, mark)
    assert [(one.id, one.manifest, one.seal, one.marker) for one in found] == [
        (str(number), *parts) for number, parts in enumerate(folders)
    ]


@given(JSON)
def test_problems_never_raise(value: Any) -> None:
    for key in MANIFEST:
        assert isinstance(form.problems({**MANIFEST, key: value}), list)
    json.dumps(form.problems({"nodes": {"a": value}, "folders": {"b": value}, "database": {"backup": value}}))
