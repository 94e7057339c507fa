# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The order of versions is the order of their numbers."""

from __future__ import annotations

from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.version import Version
from hypothesis import given
from hypothesis import strategies as st

NUMBERS = st.lists(st.integers(0, 99999), min_size=2, max_size=4)


def version(numbers: list[int], prerelease: str = "") -> Version:
    return Version.parse(".".join(map(str, numbers)) + (f"-{prerelease}" if prerelease else ""))


def padded(numbers: list[int]) -> list[int]:
    return numbers + [0] * (4 - len(numbers))


@given(NUMBERS, NUMBERS)
def test_order_is_that_of_the_numbers(one, other):
    assert (version(one) < version(other)) == (padded(one) < padded(other))
    assert (version(one) == version(other)) == (padded(one) == padded(other))
    if version(one) == version(other):
        assert hash(version(one)) == hash(version(other))


@given(NUMBERS, st.from_regex(r"[a-z]{1,5}(\.[0-9]{1,3})?", fullmatch=True))
def test_a_prerelease_is_before_its_release_and_after_all_lower_ones(numbers, prerelease):
    assert version(numbers, prerelease) < version(numbers)
    higher = padded(numbers)
    higher[3] += 1
    assert version(numbers) < version(higher, prerelease)


@given(st.lists(NUMBERS))
def test_sorting_any_list_sorts_its_numbers(many):
    assert [list(found.parts) for found in sorted(map(version, many))] == sorted(map(padded, many))


@given(NUMBERS)
def test_text_is_kept(numbers):
    text = ".".join(map(str, numbers))
    assert str(Version.parse(f" {text} ")) == text
