# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every module has its action plugin, and each says what its module takes."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest
import yaml
from ansible import constants as C
from ansible_collections.octopus.upgrade.plugins.module_utils._core.module import STEP_SPEC
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.options import CONNECTION_SPEC
from ansible_collections.octopus.upgrade.plugins.plugin_utils import _on_controller
from ansible_collections.octopus.upgrade.plugins.plugin_utils._on_controller import OnController

PLUGINS = Path(_on_controller.__file__).parent.parent
NAMES = sorted(path.stem for path in (PLUGINS / "modules").glob("*.py") if path.stem != "__init__")


def action(name):
    return importlib.import_module(f"ansible_collections.octopus.upgrade.plugins.action.{name}").ActionModule


def module_of(name):
    return importlib.import_module(f"ansible_collections.octopus.upgrade.plugins.modules.{name}")


@pytest.mark.parametrize("name", NAMES)
def test_each_module_has_an_action_plugin_that_fits(name):
    plugin, module = action(name), module_of(name)
    assert issubclass(plugin, OnController)
    assert plugin.module is module and callable(module.run)
    spec = module.SPEC["argument_spec"]
    assert ("connections" in spec) == (plugin.windows == "nodes")
    # octopus_instance has another option of that name.
    assert (spec.get("connection") == CONNECTION_SPEC["connection"]) == (plugin.windows == "host")
    if "holder" in spec:
        assert set(plugin._more(plugin.__new__(plugin))) == {"holder"}


@pytest.mark.parametrize("name", NAMES)
def test_each_module_is_documented_as_what_it_is(name):
    source = (PLUGINS / "modules" / f"{name}.py").read_text(encoding="utf-8")
    documented = yaml.safe_load(module_of(name).DOCUMENTATION)
    assert documented["module"] == name
    assert "octopus.upgrade.step" in documented["extends_documentation_fragment"]
    assert source.endswith('def main() -> None:\n    run_module(SPEC, run)\n\n\nif __name__ == "__main__":\n    main()\n')


def test_the_options_of_a_step_are_documented():
    from ansible_collections.octopus.upgrade.plugins.doc_fragments.step import ModuleDocFragment

    documented = yaml.safe_load(ModuleDocFragment.DOCUMENTATION)["options"]
    assert set(documented) == set(STEP_SPEC)
    assert set(documented["journal"]["suboptions"]) == set(STEP_SPEC["journal"]["options"])


def test_nodes_are_a_list_of_names():
    assert _on_controller._names("a, b,") == ["a", "b"]
    assert _on_controller._names(["a"]) == ["a"]
    for bad in ({"a": 1}, [1], 7):
        with pytest.raises(_on_controller.ConnectionRefused, match="list of inventory names"):
            _on_controller._names(bad)


@pytest.mark.parametrize(("origin", "expected"), [("default", 0.01), ("/etc/ansible/ansible.cfg", 0.3)])
def test_ansible_playbook_looks_less_often_unless_the_user_has_said_how_often(monkeypatch, origin, expected):
    monkeypatch.setattr(C, "DEFAULT_INTERNAL_POLL_INTERVAL", 0.3)
    monkeypatch.setattr(C.config, "get_config_value_and_origin", lambda name: {"DEFAULT_INTERNAL_POLL_INTERVAL": (0.3, origin)}[name])
    _on_controller._look_less_often()
    assert expected == C.DEFAULT_INTERNAL_POLL_INTERVAL


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
    assert set(yaml.safe_load(module_of(name).RETURN)) & RESERVED == set()
