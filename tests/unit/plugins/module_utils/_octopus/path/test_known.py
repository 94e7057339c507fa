# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What preflight's facts say of the conditions of upgrade paths."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

import pytest
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.path.conditions import CONDITIONS
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.path.known import conditions

NOW = datetime(2026, 11, 30, tzinfo=timezone.utc)


def decided(
    server: dict[str, Any] | None = None, hosts: dict[str, Any] | None = None, database: dict[str, Any] | None = None
) -> dict[str, bool | None]:
    return conditions(server or {}, hosts or {}, database or {}, NOW)


def host(build: str | None = "17763", **database: Any) -> dict[str, Any]:
    return {"os": {"build": build}, "instances": [{"database": database}]}


def test_every_condition_is_one_that_rows_depend_on() -> None:
    assert set(decided()) <= set(CONDITIONS)


def test_what_the_database_says_is_taken_over() -> None:
    found = decided(database={"conditions": {"role_scope_empty": True, "halibut_index_missing": None}})
    assert (found["role_scope_empty"], found["halibut_index_missing"]) == (True, None)


@pytest.mark.parametrize(
    ("builds", "below_2016", "below_2012r2"),
    [(["17763"], False, False), (["9600", "17763"], True, False), (["9200"], True, True), (["17763", None], None, None), ([], None, None)],
)
def test_the_oldest_windows_decides(builds: list[str | None], below_2016: bool | None, below_2012r2: bool | None) -> None:
    found = decided(hosts={f"octo-{number}": host(build) for number, build in enumerate(builds)})
    assert (found["windows_below_2016"], found["windows_below_2012r2"]) == (below_2016, below_2012r2)


@pytest.mark.parametrize(
    ("release", "below_452", "below_472"),
    [(461814, False, False), (394802, False, True), (378675, True, True), (0, True, True), (None, None, None)],
)
def test_the_net_framework(release: int | None, below_452: bool | None, below_472: bool | None) -> None:
    found = decided(hosts={"a": {"net_framework_release": release}})
    assert (found["net_below_452"], found["net_below_472"]) == (below_452, below_472)


@pytest.mark.parametrize(
    ("status", "not_valid", "expired", "old", "missing", "by_target"),
    [
        (
            {"is_compliant": True, "expires": "2027-06-30T00:00:00.000+00:00", "installed": True, "is_ptm": False},
            False,
            False,
            False,
            False,
            False,
        ),
        ({"is_compliant": False, "expires": "2026-06-30T00:00:00Z", "installed": False, "is_ptm": True}, True, True, False, True, True),
        ({"is_compliant": True, "expires": "0001-01-01T00:00:00.000+00:00"}, False, True, True, None, None),
        ({"expires": "soon"}, None, None, None, None, None),
        ({}, None, None, None, None, None),
    ],
)
def test_the_licence(  # noqa: PLR0917 - one column for each condition
    status: dict[str, Any], not_valid: bool | None, expired: bool | None, old: bool | None, missing: bool | None, by_target: bool | None
) -> None:
    found = decided({"license": status})
    names = ("licence_not_valid", "licence_expired", "licence_format_old", "licence_missing", "licence_limits_by_target")
    assert [found[name] for name in names] == [not_valid, expired, old, missing, by_target]


@pytest.mark.parametrize(
    ("hosts", "untrusted"),
    [
        ({"a": host(trust_server_certificate=True)}, False),
        ({"a": host(trust_server_certificate=True), "b": host(trust_server_certificate=False)}, None),
        ({"a": host(trust_server_certificate=False)}, None),
        ({}, None),
    ],
)
def test_a_connection_string_that_trusts_any_certificate_is_safe(hosts: dict[str, Any], untrusted: bool | None) -> None:
    assert decided(hosts=hosts)["sql_certificate_untrusted"] is untrusted


@pytest.mark.parametrize(
    ("around", "mirrored"),
    [
        ({"mirrored": False, "replication": []}, False),
        ({"mirrored": True, "replication": []}, True),
        ({"mirrored": False, "replication": ["publisher"]}, True),
        ({"mirrored": None, "replication": []}, None),
        (None, None),
    ],
)
def test_mirroring_and_replication(around: dict[str, Any] | None, mirrored: bool | None) -> None:
    assert decided(database={"rollback": {"surroundings": around}})["mirrored"] is mirrored


def test_the_package_folder() -> None:
    assert decided({"folders": {"packages": "C:/Octopus/Packages"}})["package_folder_slashes"] is True
    assert decided({"folders": {"packages": "C:\\Octopus\\Packages"}})["package_folder_slashes"] is False
    assert decided({"folders": {}})["package_folder_slashes"] is None


def test_more_than_one_node() -> None:
    assert decided(hosts={"a": host()})["nodes_several"] is False
    assert decided({"nodes": [{}, {}]}, {"a": host()})["nodes_several"] is True
