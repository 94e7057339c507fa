# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whatever is in a database: a danger that nobody has heard of is found, and no value is told."""

from __future__ import annotations

import json
import random
from datetime import datetime, timezone
from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._quarantine.unlisted import scan
from ansible_collections.octopus.upgrade.plugins.module_utils._quarantine.unlisted.signs import Own
from ansible_collections.octopus.upgrade.tests.unit.unlisted_dangers import Danger, invented
from hypothesis import example, given
from hypothesis import strategies as st

OWN = Own(frozenset({"sql01"}), datetime.now(timezone.utc))
VERSIONS = ("3.17.14", "2018.4.1", "2019.13.7", "2022.2.8552", "2025.3.14357", "2026.4.1")


def look(found: scan.Scan, danger: Danger) -> None:
    """Show a scan the row as the database has it."""
    table = danger.table.partition("/")[0]
    row = danger.row if danger.new or danger.column else {"JSON": json.dumps(danger.row)}
    found.row(table, {"Id": danger.key or f"{table}s-1", **row})


@given(st.integers(0, 2**32), st.sampled_from(VERSIONS))
@example(1832089710, "2025.3.14357")
def test_twelve_made_up_dangers_are_found_in_every_version(number: int, version: str) -> None:
    dangers = invented(random.Random(number))
    assert len(dangers) == 12
    found = scan.Scan(scan.List(version), OWN)
    for danger in dangers:
        look(found, danger)
    names = [finding.name for finding in found.findings()]
    assert [danger.what for danger in dangers if not any(danger.names(name) for name in names)] == []
    told = "\n".join(f"{finding.name}: {finding.detail}" for finding in found.findings())
    assert [danger.what for danger in dangers if any(value in told for value in danger.values)] == []


VALUES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30) | st.binary(max_size=40)
INNER = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=12), inner, max_size=3),
    max_leaves=10,
)


@given(st.dictionaries(st.text(min_size=1, max_size=20), VALUES | INNER.map(json.dumps), max_size=5), INNER)
def test_nothing_is_too_odd_to_be_looked_at(row: dict[str, Any], document: Any) -> None:
    found = scan.Scan(scan.List("2025.3.14357"), OWN)
    found.row("Relay", row)
    found.row("Relay", {"JSON": json.dumps(document)})
    assert len(found.findings()) <= scan.MOST


@given(
    st.text("abcdefghijklmnopqrstuvwxyz", min_size=8, max_size=12),
    st.sampled_from(["https://{}.example.com", "{}@example.com", "{}.example.com:25"]),
)
def test_no_value_is_told_even_where_it_is_a_key(word: str, form: str) -> None:
    value = form.format(f"zz{word}")
    found = scan.Scan(scan.List("2025.3.14357"), OWN)
    found.row("Relay", {"Id": value, "Url": value, "JSON": json.dumps({value: {"IsOn": True}, "List": [value, {value: value}]})})
    found.row("Configuration", {"Id": value, "JSON": '{"IsOn": true}'})
    told = "\n".join(f"{finding.name}: {finding.detail}" for finding in found.findings())
    assert found.findings() and f"zz{word}" not in told
