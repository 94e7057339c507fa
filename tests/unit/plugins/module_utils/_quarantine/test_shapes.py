# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Settings that are found by their properties, whatever the id of their row."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.octopus.upgrade.plugins.module_utils._quarantine import shapes


@pytest.mark.parametrize(
    ("item", "document", "switch"),
    [
        ("telemetry", {"Enabled": True, "IsTelemetryEnforced": False}, "Enabled"),
        ("telemetry", {"enabled": "True", "showAsNewUntil": None}, "enabled"),
        ("lets_encrypt", {"Enabled": 1, "DnsName": "octopus.example.com", "RegistrationEmailAddress": "a@example.com"}, "Enabled"),
        ("audit_stream", {"Active": True, "StreamConfigurationResource": {"Url": "https://splunk.example.com"}}, "Active"),
    ],
)
def test_what_is_on_is_switched_off_and_nothing_else_changes(item: str, document: dict[str, Any], switch: str) -> None:
    before = dict(document)
    assert shapes.is_on(item, document)
    assert [edit.path for edit in shapes.off(item, document) or []] == [switch]
    assert document == {**before, switch: False}
    assert not shapes.is_on(item, document)
    assert shapes.off(item, document) == []


def test_without_a_switch_it_counts_as_on() -> None:
    assert shapes.is_on("telemetry", {"ShowAsNewUntil": None})


@pytest.mark.parametrize("item", shapes.OWN_PROPERTIES)
def test_other_settings_are_left_alone(item: str) -> None:
    document = {"Enabled": True, "IsEnabled": True, "Active": True, "DnsName": "x"}
    assert not shapes.is_on(item, document)
    assert shapes.off(item, document) is None
    assert not shapes.is_on(item, ["a list"])
