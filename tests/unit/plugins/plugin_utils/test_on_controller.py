# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every module has its action plugin, and each says what its module takes."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest
import yaml
from ansible_collections.octopus.upgrade.plugins.plugin_utils import _on_controller
from ansible_collections.octopus.upgrade.plugins.plugin_utils._on_controller import OnController

PLUGINS = Path(_on_controller.__file__).parent.parent
NAMES = sorted(path.stem for path in (PLUGINS / "modules").glob("*.py") if path.stem != "__init__")


def action(name):
    return importlib.import_module(f"ansible_collections.octopus.upgrade.plugins.action.{name}").ActionModule


@pytest.mark.parametrize("name", [name for name in NAMES if name != "octopus_run_record"])
def test_each_module_has_an_action_plugin_that_fits(name):
    plugin = action(name)
    assert issubclass(plugin, OnController)
    source = (PLUGINS / "modules" / f"{name}.py").read_text(encoding="utf-8")
    assert ("NODES_SPEC" in source) == (plugin.windows == "nodes")
    assert ("CONNECTION_SPEC" in source) == (plugin.windows == "host")
    if plugin.shows_progress:
        assert "PROGRESS_SPEC" in source


def test_nodes_are_a_list_of_names():
    assert _on_controller._names("a, b,") == ["a", "b"]
    assert _on_controller._names(["a"]) == ["a"]
    for bad in ({"a": 1}, [1], 7):
        with pytest.raises(_on_controller.ConnectionRefused, match="list of inventory names"):
            _on_controller._names(bad)


# What ansible-core itself reads in a result, and since 2.21 turns into what it expects there: "finished", a time, becomes true.
RESERVED = {
    "attempts",
    "changed",
    "exception",
    "failed",
    "finished",
    "msg",
    "rc",
    "results",
    "retries",
    "skipped",
    "started",
    "unreachable",
}


@pytest.mark.parametrize("name", NAMES)
def test_no_result_has_a_name_that_ansible_core_reads(name):
    module = importlib.import_module(f"ansible_collections.octopus.upgrade.plugins.modules.{name}")
    assert set(yaml.safe_load(module.RETURN)) & RESERVED == set()
