# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Paths over versions that really were published."""

from __future__ import annotations

import pytest
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.path.catalogue import ROWS, catalogue
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.path.conditions import CONDITIONS
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.path.solver import Path, judge, solve
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.version import Version

_PUBLISHED = """
3.4.15 3.17.14 4.0.10 2018.2.7 2018.3.12 2018.5.7 2018.6.15 2018.7.14 2018.9.17 2018.10.9 2018.12.1 2019.1.10 2019.2.7 2019.5.12 2019.7.12
2019.10.12 2019.11.3 2019.12.3 2019.13.7 2020.1.4 2020.2.18 2020.3.6 2020.4.0 2020.5.384 2020.6.5194 2021.1.7149 2021.1.8018 2021.2.8001
2021.3.8275 2021.3.13021 2022.1.3277 2022.2.8552 2022.3.11043 2022.4.8401 2023.1.11970 2023.2.13151 2023.3.13181 2023.4.8481 2024.1.12394
2024.2.9557 2024.3.13146 2024.4.7017 2025.1.10012 2025.2.13188 2025.3.14408 2025.4.10666 2026.1.11242 2026.2.13364 2026.3.15829
"""
PUBLISHED = [Version.parse(text) for text in _PUBLISHED.split()]
CLEAN: dict[str, bool | None] = dict.fromkeys(CONDITIONS, False)


def path(installed: str, target: str, **conditions: bool | None) -> Path:
    return solve(Version.parse(installed), Version.parse(target), PUBLISHED, ROWS, {**CLEAN, **conditions})


def versions(found: Path) -> list[str]:
    return [str(version) for version in found.versions]


@pytest.mark.parametrize("installed", ["3.17.14", "4.1.9", "2018.3.13"])
def test_the_oldest_stop_twice_before_2026_2(installed: str) -> None:
    found = path(installed, "2026.2.13364")
    assert versions(found) == ["2021.1.8018", "2025.3.14408", "2026.2.13364"]
    assert found.blockers() == []
    assert ["webconfig-memento" in [row.id for row in jump.avoids] for jump in found.jumps] == [True, False, False]
    assert ["dataversion" in [row.id for row in jump.avoids] for jump in found.jumps] == [False, True, False]


@pytest.mark.parametrize("installed", ["2018.10.8", "2019.13.7", "2020.5.7", "2021.3.13000", "2024.1.12000"])
def test_older_than_2024_3_stop_once_before_2026_2(installed: str) -> None:
    assert versions(path(installed, "2026.2.13364")) == ["2025.3.14408", "2026.2.13364"]


def test_2026_3_has_the_cure_for_which_2026_2_needs_a_stop() -> None:
    assert versions(path("2020.5.7", "2026.3.15829")) == ["2026.3.15829"]


def test_the_newer_ones_go_directly() -> None:
    assert versions(path("2025.3.14357", "2026.2.13364")) == ["2026.2.13364"]


def test_a_licence_that_counts_by_type_needs_2021_1() -> None:
    found = path("2020.5.7", "2026.2.13364", licence_limits_by_target=True)
    assert found.blockers() == []
    assert all(jump.origin >= Version.parse("2021.1.8018") or jump.target < Version.parse("2023.4") for jump in found.jumps)
    assert "ptm-target-type" in [row.id for row in found.jumps[0].avoids]


def test_what_no_stop_cures_is_a_blocker_with_its_repair() -> None:
    found = path("2020.5.7", "2026.2.13364", dynamic_extensions_null=True)
    assert {one.row.id for _jump, one in found.blockers()} == {"null-dynamic"}
    assert found.impossible == []


def test_an_unknown_condition_counts() -> None:
    found = solve(Version.parse("2025.3.14357"), Version.parse("2026.2.13364"), PUBLISHED, ROWS, {})
    assert {("halibut-0351", None), ("role-scope-0432", None)} <= {(one.row.id, one.holds) for _jump, one in found.blockers()}


def test_without_a_stop_that_can_be_had_there_is_no_path() -> None:
    found = solve(Version.parse("2020.5.7"), Version.parse("2026.2.13364"), [], ROWS, CLEAN)
    assert versions(found) == ["2026.2.13364"]
    assert [row.id for row in found.impossible] == ["dataversion"]


def test_a_row_that_is_switched_off_has_no_say() -> None:
    rows = catalogue(off=["dataversion"])
    assert versions(solve(Version.parse("2020.5.7"), Version.parse("2026.2.13364"), PUBLISHED, rows, CLEAN)) == ["2026.2.13364"]


def test_a_stop_passes_through_a_line_that_nobody_should_stay_on() -> None:
    # 2021.1 is slow under load, which does not matter while nobody deploys.
    assert versions(path("3.17.14", "2026.3.15829", parallel_deployments=True))[0] == "2021.1.8018"


def test_a_given_path_is_judged_by_the_same_rows() -> None:
    found = judge(Version.parse("2018.10.7"), [Version.parse("2026.2.13364")], ROWS, CLEAN)
    assert [row.id for row in found.impossible] == ["dataversion"]
    around = judge(Version.parse("2018.10.7"), [Version.parse("2025.3.14408"), Version.parse("2026.2.13364")], ROWS, CLEAN)
    assert (around.impossible, around.blockers()) == ([], [])
    assert [row.id for row in around.jumps[0].avoids] == ["dataversion"]


def test_nothing_to_do() -> None:
    assert path("2026.2.13364", "2026.2.13364").jumps == ()


def test_never_downwards() -> None:
    with pytest.raises(OctopusError, match="not older than the installed 2026"):
        path("2026.2.13364", "2025.3.14408")
    with pytest.raises(OctopusError, match="to rise"):
        judge(Version.parse("2025.3.1"), [Version.parse("2025.3.1")], ROWS, CLEAN)


def test_warnings_tell_what_answers_nothing_by_itself() -> None:
    told = {one.row.id for _jump, one in path("2018.10.8", "2025.3.14408", own_builtin_feed_retention=True).warnings()}
    assert "retention-with-releases" in told
    assert "two-upgraders" not in told
