# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The registry through reg.exe: types and forms of what it prints."""

from __future__ import annotations

import pytest
from ansible_collections.octopus.upgrade.plugins.module_utils._windows import registry
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.connection import WindowsHost


@pytest.mark.parametrize(
    ("kind", "given", "shown"),
    [
        ("REG_SZ", "C:\\Program Files\\Octopus Deploy\\Octopus\\", "C:\\Program Files\\Octopus Deploy\\Octopus\\"),
        ("REG_SZ", "", ""),
        ("REG_EXPAND_SZ", "%SystemRoot%\\x", "%SystemRoot%\\x"),
        ("REG_MULTI_SZ", "one\\0two words", "one\\0two words"),
        ("REG_DWORD", "4294967295", "0xffffffff"),
        ("REG_QWORD", "5", "0x5"),
        ("REG_BINARY", "00ff10", "00FF10"),
    ],
)
def test_a_value_of_each_type(host: WindowsHost, key: str, kind: str, given: str, shown: str) -> None:
    registry.set_value(host, key, "a value", given, kind)
    assert registry.get(host, key, "A VALUE") == shown
    assert registry.values(host, key) == {"a value": shown}


def test_a_number(host: WindowsHost, key: str) -> None:
    registry.set_value(host, key, "number", "1048576", "REG_DWORD")
    assert registry.get(host, key, "number") == hex(1048576)


def test_what_is_missing_is_exit_code_1(host: WindowsHost, key: str) -> None:
    assert host.run(["reg", "query", f"{key}\\missing"]).exit_code == 1
    assert registry.get(host, key, "missing") is None
    assert registry.values(host, f"{key}\\missing") == {}
    assert registry.subkeys(host, f"{key}\\missing") == []
    assert registry.find_values(host, key, "missing") == {}
    assert not registry.delete(host, f"{key}\\missing")


def test_keys_below_and_their_values(host: WindowsHost, key: str) -> None:
    for name in ("{0001}", "with space"):
        registry.set_value(host, f"{key}\\{name}\\deep", "Other", "x")
        registry.set_value(host, f"{key}\\{name}", "DisplayName", f"the {name}")
    assert sorted(registry.subkeys(host, key)) == ["with space", "{0001}"]
    found = registry.find_values(host, key, "DisplayName")
    assert {registry.short(name).removeprefix(f"{key}\\"): data for name, data in found.items()} == {
        "{0001}": "the {0001}",
        "with space": "the with space",
    }
    assert registry.delete(host, f"{key}\\with space")
    assert registry.subkeys(host, key) == ["{0001}"]
