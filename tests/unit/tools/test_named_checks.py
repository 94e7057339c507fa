# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every check has an entry in the guide, every entry a check, and the page says what the entries do."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.check import SPACE_FOR_FOLDERS, UNLISTED
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.check_guide.catalogue import GUIDE

FILE = Path(__file__).resolve().parents[3] / "tools" / "named_checks.py"


@pytest.fixture(scope="module")
def tool() -> ModuleType:
    if not FILE.exists():
        pytest.skip("the tools are not part of the collection's artifact")
    spec = importlib.util.spec_from_file_location("named_checks", FILE)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    before = list(sys.path)
    spec.loader.exec_module(module)
    sys.path[:] = before
    return module


def test_every_check_has_an_entry_and_every_entry_a_check(tool: ModuleType) -> None:
    made = tool.made()
    assert made - GUIDE.keys() == set()
    # Made by the first copy of the folders and by a clone's quarantine, from constants of another file.
    assert GUIDE.keys() - made == {SPACE_FOR_FOLDERS, UNLISTED}


def test_a_check_without_an_entry_is_found(tool: ModuleType, tmp_path: Path) -> None:
    source = """
NAME = "third"
Check("first", True)
_check("second", 1)
Check(NAME, 1)
Check(other)
{"name": "fourth", "ok": 1, "expected": 2}
{"name": "no check"}
"""
    (tmp_path / "some_checks.py").write_text(source)
    assert tool.made(tmp_path) == {"first", "second", "third", "fourth"}


def test_the_page_has_each_entry_whole(tool: ModuleType) -> None:
    page = tool.document()
    for entry in GUIDE.values():
        for text in (f"\n{entry.name}\n  {entry.what}\n", entry.why, entry.fix, entry.waive, *entry.sources):
            assert text in page, (entry.name, text)
        assert all(text.endswith(".") for text in (entry.what, entry.why, entry.fix, entry.waive) if text)
