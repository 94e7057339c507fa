# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The upgrade path of a plan: given or found, its checks, and its lines."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

import pytest
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus import path_checks
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.path.conditions import CONDITIONS
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.path.floors import floors
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.path.solver import Path
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.version import Version

CLEAN: dict[str, bool | None] = dict.fromkeys(CONDITIONS, False)
RELEASES = ["2021.1.8045", "2022.2.8552", "2025.3.14357", "2026.2.9853"]


def find(installed: str, target: str = "2026.2.9853", ladder: tuple[str, ...] = (), **settings: Any) -> Path:
    return path_checks.find(installed, target, ladder, **{"releases": RELEASES, "conditions": CLEAN, **settings})


def versions(path: Path) -> list[str]:
    return [str(version) for version in path.versions]


def test_without_a_ladder_the_path_avoids_what_breaks() -> None:
    assert versions(find("2018.10.7")) == ["2025.3.14357", "2026.2.9853"]
    assert versions(find("2025.3.14357")) == ["2026.2.9853"]


def test_a_given_path_leaves_out_what_is_installed_already() -> None:
    ladder = ("2021.1.8045", "2025.3.14357", "2026.2.9853")
    assert versions(find("2021.1.8045", ladder=ladder)) == ["2025.3.14357", "2026.2.9853"]
    assert versions(find("2026.2.9853", ladder=ladder)) == []


@pytest.mark.parametrize(
    ("ladder", "message"),
    [
        (("2025.3.14357",), "to end at octopus_version"),
        (("2025.3.14357", "2021.1.8045", "2026.2.9853"), "to rise"),
        (("2026.2.9853", "2026.2.9853"), "to rise"),
        (("newest", "2026.2.9853"), "newest"),
    ],
)
def test_a_ladder_that_does_not_lead_to_the_target_is_refused(ladder: tuple[str, ...], message: str) -> None:
    with pytest.raises(OctopusError, match=message):
        find("2018.10.7", ladder=ladder)


def test_an_older_target_has_no_path() -> None:
    assert find("2026.2.9853", "2025.3.14357").jumps == ()
    assert list(path_checks.checks(find("2026.2.9853", "2025.3.14357"), "prod")) == []


def test_a_good_path_is_one_check_that_is_fine() -> None:
    [check] = path_checks.checks(find("2018.10.7"), "prod")
    assert (check.name, check.ok, check.found) == ("upgrade_path", True, "2018.10.7 -> 2025.3.14357 -> 2026.2.9853")


def test_a_given_path_that_breaks_is_refused_and_says_what_to_do() -> None:
    first, second = path_checks.checks(find("2018.10.7", ladder=("2026.2.9853",)), "prod")
    assert (first.name, first.ok) == ("upgrade_path", False)
    assert first.found == "that 2018.10.7 -> 2026.2.9853 crosses dataversion"
    assert (second.name, second.ok, second.where) == ("dataversion", False, "prod, 2018.10.7 -> 2026.2.9853")
    assert "Go through a version from 2024.3.4894" in second.todo
    assert "https://github.com/OctopusDeploy/Issues/issues/10126" in second.todo


def test_where_nothing_is_known_of_what_can_be_had_the_message_says_how_to_tell() -> None:
    first, _second = path_checks.checks(find("2018.10.7", releases=[]), "prod", asked=False)
    assert "octopus_release_feed" in first.todo


def test_what_is_unknown_blocks_and_names_its_condition() -> None:
    found = {
        check.name: check for check in path_checks.checks(find("2025.3.14357", conditions={**CLEAN, "role_scope_empty": None}), "prod")
    }
    assert found["role-scope-0432"].ok is None
    assert "that it cannot be told" in found["role-scope-0432"].found
    assert CONDITIONS["role_scope_empty"] in found["role-scope-0432"].expected


def test_a_row_that_several_jumps_cross_is_one_check() -> None:
    path = find("2018.10.7", conditions={**CLEAN, "column_collation_differs": True})
    [check] = [check for check in path_checks.checks(path, "prod") if check.name == "collation-any"]
    assert check.where == "prod, 2018.10.7 -> 2025.3.14357, 2025.3.14357 -> 2026.2.9853"


def test_every_check_can_be_waived_by_name() -> None:
    path = find("2018.10.7", ladder=("2026.2.9853",), conditions={})
    assert {check.name for check in path_checks.checks(path, "prod")} <= set(path_checks.NAMES)


def test_rows_of_the_user_count_and_rows_can_be_switched_off() -> None:
    own = {
        "id": "own",
        "origin": "<2026.2",
        "target": "2026.2.9853",
        "kind": "start",
        "problem": "It hangs",
        "way": "Wait for the next build",
    }
    assert "own" in {check.name for check in path_checks.checks(find("2025.3.14357", added=[own]), "prod")}
    assert versions(find("2018.10.7", off=["dataversion"])) == ["2026.2.9853"]


def test_the_lines_say_why_a_version_is_there_and_what_to_know() -> None:
    lines = path_checks.lines(find("2018.10.7", conditions={**CLEAN, "csharp_scripts": True, "spaces_scripts": None}))
    assert lines[0] == "2025.3.14357: avoids dataversion"
    assert [line for line in lines if line.startswith("note: csharp-scripts: C# scripts run by dotnet-script")]
    assert lines[-1].startswith("not known whether these concern this instance: spaces")
    assert path_checks.lines(find("2026.2.9853")) == []


def test_the_jumps_as_a_module_returns_them() -> None:
    first, second = path_checks.as_dicts(find("2018.10.7"))
    assert (first["from"], first["to"], first["avoids"]) == ("2018.10.7", "2025.3.14357", ["dataversion"])
    assert (second["from"], second["avoids"]) == ("2025.3.14357", [])
    assert {"id": "audit-archive", "kind": "manual", "holds": True, "blocks": False} in first["rows"]


def test_each_version_has_its_reason_its_day_and_what_it_needs() -> None:
    first, last = path_checks.as_dicts(find("2018.10.7"), {"2025.3.14357": "2025-11-13"})
    assert first["reason"].startswith("avoids dataversion: The server stops at its first start")
    assert last["reason"] == "the version to end at"
    assert (first["released"], last["released"]) == ("2025-11-13", None)
    assert (first["floors"]["sql_server"], first["floors"]["windows"]) == ("2016", "2012 R2")
    assert last["floors"]["windows"] == "2016"
    given = path_checks.as_dicts(find("2025.3.14357", ladder=("2025.4.1", "2026.2.9853")))
    assert given[0]["reason"] == "no known jump asks for it by itself"


@pytest.mark.parametrize(
    ("version", "sql_server", "net"),
    [
        ("3.0.1", "2008", "4.5"),
        ("3.17.14", "2008", "4.5.1"),
        ("2019.3.1", "2008", "4.5.2"),
        ("2019.13.7", "2008", "4.7.2"),
        ("2020.1.4", "2016", "bundled"),
        ("2020.2.17", "2017", "bundled"),
        ("2020.2.18", "2016", "bundled"),
        ("2020.3.5", "2017", "bundled"),
        ("2021.1.8018", "2016", "bundled"),
    ],
)
def test_what_a_version_needs(version: str, sql_server: str, net: str) -> None:
    assert (floors(Version.parse(version)).sql_server, floors(Version.parse(version)).net) == (sql_server, net)


def test_every_version_has_what_it_needs() -> None:
    for text in (
        *RELEASES,
        "2.6.5",
        "3.4",
        "2018.5",
        "2019.4",
        "2019.7",
        "2020.1",
        "2020.2",
        "2020.3",
        "2026.1.7357",
        "2026.1.7358",
        "2030.1",
    ):
        assert floors(Version.parse(text))


NOW = datetime(2026, 11, 30, tzinfo=timezone.utc)
DAYS = {"2025.3.14357": "2025-11-13", "2026.2.9853": "2026-08-20"}


@pytest.mark.parametrize(
    ("expires", "days", "ok", "found"),
    [
        ("2027-06-30T00:00:00.000+00:00", {}, True, "that it ends on 2027-06-30"),
        ("2026-11-30T00:00:00Z", {}, True, "that it ends on 2026-11-30"),
        ("2026-09-01T00:00:00Z", DAYS, True, "that it ends on 2026-09-01"),
        ("2026-01-01T00:00:00Z", DAYS, False, "before 2026.2.9853 (2026-08-20)"),
        ("2025-01-01T00:00:00Z", DAYS, False, "before 2025.3.14357 (2025-11-13), 2026.2.9853 (2026-08-20)"),
        ("2026-09-01T00:00:00Z", {"2025.3.14357": "2025-11-13"}, None, "when 2026.2.9853 came out"),
        ("2025-11-30T00:00:00Z", {"2026.2.9853": "2026-08-20"}, False, "before 2026.2.9853"),
        ("2026-09-01T00:00:00Z", {"2025.3.14357": "soon", "2026.2.9853": ""}, None, "when 2025.3.14357, 2026.2.9853 came out"),
    ],
)
def test_the_licence_is_compared_with_the_day_of_each_version(expires: str, days: dict[str, str], ok: bool | None, found: str) -> None:
    [check] = path_checks.license_check(find("2018.10.7"), {"expires": expires}, days, "prod", NOW)
    assert (check.name, check.ok) == ("license_covers_path", ok)
    assert found in check.found
    assert check.name in path_checks.NAMES


@pytest.mark.parametrize("status", [{}, {"expires": None}, {"expires": "0001-01-01T00:00:00.000+00:00"}, {"expires": "soon"}])
def test_a_licence_whose_end_is_not_known_is_left_to_other_checks(status: dict[str, Any]) -> None:
    assert list(path_checks.license_check(find("2018.10.7"), status, DAYS, "prod", NOW)) == []


def test_without_a_path_the_licence_is_not_asked_for() -> None:
    assert list(path_checks.license_check(find("2026.2.9853"), {"expires": "2020-01-01"}, DAYS, "prod", NOW)) == []


def test_a_policy_that_nobody_looked_up_is_refused() -> None:
    with pytest.raises(OctopusError, match=r"octopus_version 'latest' is no exact version.*octopus_release_feed"):
        find("2018.10.7", "latest")
