# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The main() of every module: how its function's result and exceptions become what Ansible reads."""

from __future__ import annotations

import io
import json
from typing import Any
from unittest.mock import patch

import pytest
from ansible_collections.octopus.upgrade.plugins.module_utils._core.errors import InvalidValue, MissingLibrary, TaskFailed, UpgradeError
from ansible_collections.octopus.upgrade.plugins.module_utils._core.module import STEP_SPEC, full_spec, run_module
from ansible_collections.octopus.upgrade.tests.unit.run_module import patch_module_args

SPEC = {
    "argument_spec": {"name": {"type": "str", "required": True}, "password": {"type": "str", "no_log": True}, "port": {"type": "int"}},
    "required_together": [("name", "port")],
}


def main(function: Any, check_mode: bool = False, diff: bool = False, **args: Any) -> dict[str, Any]:
    args = {"name": "x", "port": "7", **args, "_ansible_check_mode": check_mode, "_ansible_diff": diff}
    with patch_module_args(args), patch("sys.stdout", new=io.StringIO()) as printed, pytest.raises(SystemExit) as ended:
        run_module(SPEC, function)
    result = json.loads(printed.getvalue())
    assert bool(ended.value.code) == result.get("failed", False)
    return result


def test_the_function_gets_parameters_check_mode_and_diff_mode() -> None:
    seen: list[Any] = []

    def run(params: dict[str, Any], check_mode: bool, diff: bool) -> dict[str, Any]:
        seen.append((params["port"], params["password"], check_mode, diff))
        return {"changed": True, "answer": 42}

    result = main(run, check_mode=True, diff=True)
    assert seen == [(7, None, True, True)]
    assert (result["changed"], result["answer"]) == (True, 42)


def test_a_result_that_says_nothing_of_it_is_no_change() -> None:
    assert main(lambda *_arguments: {})["changed"] is False


@pytest.mark.parametrize(
    ("error", "result"),
    [
        (UpgradeError("it broke"), {}),
        (InvalidValue("it broke"), {}),
        (TaskFailed("it broke", {"nodes": {"a": "down"}}), {"nodes": {"a": "down"}}),
    ],
)
def test_what_is_raised_on_purpose_fails_with_its_message_and_result(error: Exception, result: dict[str, Any]) -> None:
    def run(*_arguments: Any) -> dict[str, Any]:
        raise error

    found = main(run)
    assert (found["failed"], found["msg"]) == (True, "it broke")
    assert {name: found[name] for name in result} == result
    assert "exception" not in found


def test_a_missing_library_is_named_with_what_to_install() -> None:
    def run(*_arguments: Any) -> dict[str, Any]:
        raise MissingLibrary("pywinrm", "Traceback: no module")

    found = main(run)
    assert found["msg"].startswith("Expected the Python library pywinrm on the control node") and "pip install pywinrm" in found["msg"]


def test_a_bug_is_shown_whole_but_for_secrets() -> None:
    def run(params: dict[str, Any], *_arguments: Any) -> dict[str, Any]:
        raise KeyError(f"with {params['password']}")

    found = main(run, password="s3cret-value")
    assert found["msg"].startswith("KeyError: ")  # since ansible-core 2.19 the traceback is there only where DISPLAY_TRACEBACK asks for it
    assert "s3cret-value" not in json.dumps({**found, "invocation": None})


def test_secrets_are_masked_in_results() -> None:
    found = main(lambda params, *_arguments: {"said": f"password {params['password']}"}, password="s3cret-value")
    assert "s3cret-value" not in json.dumps({name: value for name, value in found.items() if name != "invocation"})


def test_a_module_that_is_run_by_itself_refuses_to_be_a_step() -> None:
    found = main(lambda *_arguments: {}, step="quiesce.stop", journal={"path": "C:\\j", "copy": "/tmp/j"})
    assert "step is kept by the action plugin" in found["msg"]


def test_every_module_has_the_options_of_a_step_and_may_make_one_required() -> None:
    spec = full_spec(SPEC)
    assert set(STEP_SPEC) < set(spec["argument_spec"]) and spec["required_together"] == SPEC["required_together"]
    own = {"argument_spec": {"journal": {**STEP_SPEC["journal"], "required": True}}}
    assert full_spec(own)["argument_spec"]["journal"]["required"] is True
    assert "required" not in STEP_SPEC["journal"]
