# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The version that a server and its hosts have to be at. What is read of them is tested on the wire: tests/scenarios/octopus."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.octopus.upgrade.plugins.module_utils._core.errors import InvalidValue, TaskFailed
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.node.host_info import check_version

BOTH = ["server", "hosts"]


def found(api: str | None = "2025.4.1", **hosts: str | None) -> dict[str, Any]:
    return {
        "server": {"version": api},
        "hosts": {name: {"program": version and {"path": "C:\\", "version": version}} for name, version in hosts.items()},
    }


def test_all_are_at_the_version() -> None:
    check_version(found(a="2025.4.1", b="2025.4.1.0"), BOTH, "2025.4.1")
    check_version({"server": {"version": "2025.4.1"}}, ["server"], "2025.4.1")
    check_version({"hosts": found(a="2025.4.1")["hosts"]}, ["hosts"], "2025.4.1")


@pytest.mark.parametrize(
    ("read", "said"),
    [
        (found("2025.3.9", a="2025.4.1"), "at the REST API, a, but found 2025.3.9 at the REST API. "),
        (found(a="2025.4.1", b="2025.3.9"), "but found 2025.3.9 at b. "),
        (found(a=None, b="2025.3.9"), "but found no version at a, 2025.3.9 at b. "),
        (found(None, a="2025.4.1"), "but found no version at the REST API. "),
    ],
)
def test_one_is_not(read: dict[str, Any], said: str) -> None:
    with pytest.raises(TaskFailed, match=r"Expected version 2025\.4\.1 ") as caught:
        check_version(read, BOTH, "2025.4.1")
    assert said in str(caught.value)
    assert caught.value.result == read


@pytest.mark.parametrize(
    ("read", "missing"), [({"server": {"version": "2025.4.1"}}, "hosts"), (found(), "hosts"), ({}, "server and hosts")]
)
def test_what_was_not_read_is_not_at_the_version(read: dict[str, Any], missing: str) -> None:
    with pytest.raises(InvalidValue, match=f"but {missing} could not be read"):
        check_version(read, BOTH, "2025.4.1")
