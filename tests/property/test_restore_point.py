# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Restore points: what a rule may remove, and that a manifest survives being written and read."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from random import Random
from typing import Any

import pytest
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError
from ansible_collections.octopus.upgrade.plugins.module_utils._restore_point import manifest as form
from ansible_collections.octopus.upgrade.plugins.module_utils._restore_point import retention
from ansible_collections.octopus.upgrade.plugins.module_utils._restore_point.listing import newest_first, parse
from ansible_collections.octopus.upgrade.plugins.module_utils._restore_point.manifest_check import problems
from ansible_collections.octopus.upgrade.plugins.module_utils._restore_point.signature import (
    Found,
    Point,
    judge,
    newest_signed,
    signature_text,
)
from ansible_collections.octopus.upgrade.tests.unit.restore_point import MANIFEST, POINT, Reversing
from hypothesis import assume, given
from hypothesis import strategies as st

NOW = datetime(2026, 11, 23, 21, tzinfo=timezone.utc)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=15,
)


def point(name: str, hours: int, reason: str | None) -> Point:
    """A restore point of some hours ago."""
    moment = NOW - timedelta(hours=hours)
    return Point(f"{moment:%Y%m%dT%H%M%SZ}-{name}", f"D:\\b\\{name}", {"signed_at": moment.isoformat()}, reason)


@st.composite
def several(draw: st.DrawFn) -> list[Point]:
    ages = draw(st.lists(st.tuples(st.integers(0, 3000), st.sampled_from([None, None, "it was never finished"])), max_size=12))
    return newest_first([point(str(number), age, reason) for number, (age, reason) in enumerate(ages)])


@given(several(), st.none() | st.integers(1, 14), st.none() | st.integers(0, 120), st.sets(st.integers(0, 11)))
def test_what_a_rule_takes(points: list[Point], keep: int | None, keep_days: int | None, protected: set[int]) -> None:
    assume(keep is not None or keep_days is not None)
    protect = [one.id for number, one in enumerate(points) if number in protected]
    decision = retention.by_age(points, NOW, keep, keep_days, protect)
    signed = [one for one in points if one.is_signed]
    # Nothing is lost sight of, nothing is both.
    assert [one.id for one in points if one.id in decision.remove or one.id in decision.remaining] == [one.id for one in points]
    assert not set(decision.remove) & set(decision.remaining)
    for one in points:
        if one.id in decision.remove:
            assert one.is_signed and one.id not in protect and one is not signed[0]
            assert keep is None or signed.index(one) >= keep
            assert keep_days is None or NOW - one.moment > timedelta(days=keep_days)
        elif one.is_signed and one.id not in protect and one is not signed[0]:
            young = keep_days is not None and NOW - one.moment <= timedelta(days=keep_days)
            assert young or (keep is not None and signed.index(one) < keep)
    # A second run finds nothing more to do.
    left = [one for one in points if one.id in decision.remaining]
    assert retention.by_age(left, NOW, keep, keep_days, protect).remove == []


@given(several(), st.integers(0, 14), st.sets(st.integers(0, 11)), st.booleans())
def test_what_a_name_takes(points: list[Point], which: int, protected: set[int], abandoned: bool) -> None:
    protect = [one.id for number, one in enumerate(points) if number in protected]
    name = points[which].id if which < len(points) else "another"
    newest = next((one for one in points if one.is_signed), None)
    try:
        decision = retention.by_name(points, name, protect, abandoned)
    except OctopusError:
        one = next(one for one in points if one.id == name)
        being_created = not one.is_signed and not abandoned and (newest is None or one.moment >= newest.moment)
        assert name in protect or one is newest or being_created
        return
    assert decision.remove == ([name] if which < len(points) else [])
    assert name not in protect
    assert newest is None or newest.id not in decision.remove
    assert newest is not None or abandoned or decision.remove == []


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
    signature = signature_text(POINT, text, Reversing()).decode()
    assert judge(Found(f"D:\\b\\{POINT}", read, signature), Reversing()).is_signed


@given(st.integers(0), st.sampled_from('x0 "{\n'))
def test_one_other_character_breaks_the_signature(at: int, other: str) -> None:
    text = form.text_of(MANIFEST).replace("\r\n", "\n")
    place = at % len(text)
    changed = text[:place] + other + text[place + 1 :]
    assume(changed != text)
    signature = signature_text(POINT, text, Reversing()).decode()
    assert not judge(Found(f"D:\\b\\{POINT}", changed, signature), Reversing()).is_signed


@given(st.lists(st.tuples(st.none() | st.text(), st.none() | st.text(), st.none() | st.text()), max_size=4))
def test_whatever_files_hold_is_told_apart(folders: list[tuple[str | None, ...]]) -> None:
    mark = "--00112233445566778899aabb--"
    text = "".join(
        f"{mark}point\nD:\\b\\{number}\n" + "".join(f"{mark}\n{'' if one is None else '+' + chr(10) + one}" for one in parts)
        for number, parts in enumerate(folders)
    )
    found = parse(text, mark)
    assert [(one.id, one.manifest, one.signature, one.marker) for one in found] == [
        (str(number), *parts) for number, parts in enumerate(folders)
    ]


@given(JSON)
def test_problems_never_raise(value: Any) -> None:
    for key in MANIFEST:
        assert isinstance(problems({**MANIFEST, key: value}), list)
    json.dumps(problems({"nodes": {"a": value}, "folders": {"b": value}, "database": {"backup": value}}))


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 4)), max_size=8), st.randoms())
def test_the_newest_signed_one_is_the_newest_of_all_that_are_signed(folders: list[tuple[int, int]], random: Random) -> None:
    """Whatever is unsigned, and whatever an unsigned manifest says; and no more is decrypted than what claims to be newer."""
    found = []
    for number, (day, state) in enumerate(folders):
        text = form.text_of({**MANIFEST, "id": f"{number}", "signed_at": f"2026-11-1{day}T21:00:00Z"})
        signature = signature_text(f"{number}", text, Reversing(b"x" if state == 0 else b"k")).decode()
        found.append(Found(f"D:\\b\\{number}", text + (" " if state == 1 else ""), None if state == 2 else signature))
    random.shuffle(found)
    vault_key = Reversing()
    newest, unsigned = newest_signed(found, vault_key)
    all_signed = [one for one in newest_first([judge(one, Reversing()) for one in found]) if one.is_signed]
    assert newest == (all_signed[0] if all_signed else None)
    assert not any(one.is_signed for one in unsigned)
    assert len(vault_key.decrypted) <= len(unsigned) + (newest is not None)
