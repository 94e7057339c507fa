# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The solver against every path there is, over invented catalogues."""

from __future__ import annotations

from itertools import combinations

from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.path.releases import Release, resolve
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.path.row import Confidence, Kind, Row
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.path.solver import Path, judge, solve
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.version import Version
from hypothesis import given
from hypothesis import strategies as st

POINTS = [Version.parse(f"20{year}.{line}.{patch}") for year in (18, 21) for line in (1, 2) for patch in (5, 900)] + [
    Version.parse("2025.1.1")
]
INSTALLED, TARGET, BETWEEN = POINTS[0], POINTS[-1], POINTS[1:-1]
BOUND = st.sampled_from(POINTS).map(str)
WINDOW = st.one_of(
    st.just("any"),
    BOUND.map(lambda one: f"<{one}"),
    BOUND.map(lambda one: f">={one}"),
    st.tuples(st.integers(0, len(POINTS) - 2), st.integers(1, 4)).map(
        lambda two: f">={POINTS[two[0]]},<{POINTS[min(two[0] + two[1], len(POINTS) - 1)]}"
    ),
)
ROW = st.builds(
    lambda number, origin, target, kind, when, staying: Row(
        f"row-{number}", origin, target, kind, Confidence.REPORT, "It breaks", "Avoid it", ("#1",), when=when, staying=staying
    ),
    st.integers(0, 999),
    WINDOW,
    WINDOW,
    st.sampled_from(list(Kind)),
    st.sampled_from(["", "one", "other"]),
    st.booleans(),
)
CATALOGUE = st.lists(ROW, max_size=6, unique_by=lambda row: row.id)
CONDITIONS = st.fixed_dictionaries(
    {}, optional={"one": st.sampled_from([True, False, None]), "other": st.sampled_from([True, False, None])}
)


WRONG = (Kind.SILENT, Kind.LICENCE, Kind.FLOOR)


def every_path(rows: list[Row], conditions: dict[str, bool | None]) -> list[Path]:
    return [
        judge(INSTALLED, [*stops, TARGET], rows, conditions) for count in range(len(BETWEEN) + 1) for stops in combinations(BETWEEN, count)
    ]


def crossed(path: Path) -> list[Row]:
    return [one.row for jump in path.jumps for one in jump.crossings]


@given(CATALOGUE, CONDITIONS)
def test_no_other_path_is_better(rows, conditions):
    paths = every_path(rows, conditions)
    # What every path crosses has no say.
    unavoidable = set.intersection(*({row.id for row in crossed(path)} for path in paths))

    def cost(path: Path) -> tuple[int, int, int]:
        counted = [row for row in crossed(path) if row.id not in unavoidable]
        return (sum(row.kind.breaks for row in counted), sum(row.kind in WRONG for row in counted), len(path.jumps))

    assert cost(solve(INSTALLED, TARGET, BETWEEN, rows, conditions)) == min(map(cost, paths))


@given(CATALOGUE, CONDITIONS)
def test_a_path_rises_from_what_is_installed_to_the_target(rows, conditions):
    found = solve(INSTALLED, TARGET, BETWEEN, rows, conditions)
    assert found.versions == sorted(set(found.versions))
    assert found.versions[-1] == TARGET
    assert [jump.origin for jump in found.jumps] == [INSTALLED, *found.versions[:-1]]


@given(CATALOGUE)
def test_without_rows_or_where_no_condition_holds_it_is_one_jump(rows):
    assert solve(INSTALLED, TARGET, BETWEEN, [], {}).versions == [TARGET]
    conditional = [row for row in rows if row.when]
    assert solve(INSTALLED, TARGET, BETWEEN, conditional, {"one": False, "other": False}).versions == [TARGET]


NUMBERS = st.tuples(st.integers(2024, 2026), st.integers(1, 4), st.integers(0, 12000))
PUBLISHED = st.lists(NUMBERS, max_size=12, unique=True)
POLICIES = st.one_of(
    st.just(("latest", lambda parts, _have: True)),
    st.just(("latest-patch", lambda parts, have: parts[:2] == have[:2] and parts >= have)),
    st.just(("latest-minor", lambda parts, have: parts[0] == have[0] and parts >= have)),
    NUMBERS.map(lambda one: (f"{one[0]}.{one[1]}", lambda parts, _have: parts[:2] == one[:2])),
    NUMBERS.map(lambda one: (f"{one[0]}.x", lambda parts, _have: parts[0] == one[0])),
    NUMBERS.map(lambda one: ("<" + ".".join(map(str, one)), lambda parts, _have: parts < one)),
)


@given(PUBLISHED, NUMBERS, POLICIES)
def test_a_policy_means_the_newest_that_it_allows(published, installed, policy):
    """By number within a stream and across streams: build 900 of a later line is newer than build 12000 of an earlier one."""
    text, allows = policy
    versions = [Release(Version(parts)) for parts in published]
    allowed = [parts for parts in published if allows(parts, installed)]
    if allowed:
        assert resolve(text, versions, Version(installed)) == Version(max(allowed))
    else:
        try:
            found = resolve(text, versions, Version(installed))
        except OctopusError as error:
            assert "expected a published version that matches" in str(error)
        else:
            raise AssertionError(f"{text} means {found}, which it does not allow")
