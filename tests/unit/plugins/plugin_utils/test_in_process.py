# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A module's function, called in the worker: its arguments, its result, its exceptions, its threads."""

from __future__ import annotations

import datetime
import os
import threading
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from ansible.errors import AnsibleActionFail
from ansible_collections.octopus.upgrade.plugins.module_utils._core import progress, stopping
from ansible_collections.octopus.upgrade.plugins.module_utils._core.errors import TaskFailed, UpgradeError
from ansible_collections.octopus.upgrade.plugins.plugin_utils import _in_process
from ansible_collections.octopus.upgrade.plugins.plugin_utils._in_process import Arguments, call, plain
from ansible_collections.octopus.upgrade.tests.unit.run_module import run_module

SECRET = "s3cret-value"
WAIT = 20.0
SPEC = {
    "argument_spec": {
        "name": {"type": "str", "required": True},
        "password": {"type": "str", "no_log": True},
        "port": {"type": "int", "default": 5986},
        "state": {"type": "str", "choices": ["present", "absent"]},
        "inner": {"type": "dict", "options": {"token": {"type": "str", "no_log": True}}},
        "names": {"type": "list", "elements": "str"},
    },
    "required_if": [("state", "present", ("port",))],
}


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(stopping, "_ended", threading.Event())
    monkeypatch.setattr(stopping, "_parent", None)
    monkeypatch.setattr(_in_process.display, "verbosity", 0)
    before = dict(os.environ)
    yield
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    lines: list[str] = []
    monkeypatch.setattr(_in_process.display, "display", lines.append)
    return lines


def module(run: Any = lambda *_arguments: {}) -> Any:
    return SimpleNamespace(SPEC=SPEC, run=run)


def called(run: Any, *, check_mode: bool = False, diff: bool = False, shown: bool = True, **args: Any) -> dict[str, Any]:
    arguments = Arguments("octopus_x", module(run), {"name": "x", **args})
    return call(module(run), arguments, check_mode=check_mode, diff=diff, environment={"OCTOPUS_X": 1}, host="octo-a", shown=shown)


# -- arguments


def test_arguments_are_converted_and_have_their_defaults() -> None:
    params = Arguments("octopus_x", module(), {"name": "x", "names": "a,b", "inner": {"token": "t"}}).params
    assert (params["port"], params["names"], params["inner"], params["step"]) == (5986, ["a", "b"], {"token": "t"}, None)


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": None},
        {"port": "many"},
        {"state": "there"},
        {"colour": "blue"},
        {"inner": {"colour": "blue"}},
        {"names": {"a": 1}},
        {"state": "there", "colour": "blue"},
    ],
    ids="-".join,
)
def test_wrong_arguments_are_refused_in_ansible_modules_own_words(wrong: dict[str, Any]) -> None:
    args = {name: value for name, value in {"src": "x", **wrong}.items() if value is not None}
    args.pop("src")
    if "name" not in wrong:
        args["name"] = "x"
    with pytest.raises(AnsibleActionFail) as refused:
        Arguments("octopus_x", module(), args)
    from ansible.module_utils.basic import AnsibleModule
    from ansible_collections.octopus.upgrade.plugins.module_utils._core.module import full_spec

    told = _said_by(AnsibleModule, full_spec(SPEC), args)
    # An unsupported parameter is told with the module's name, which is that of its file there.
    assert (
        str(refused.value).rpartition("module: ")[2].partition(". Supported")[0]
        == told.rpartition("module: ")[2].partition(". Supported")[0]
    )


def _said_by(ansible_module: Any, spec: dict[str, Any], args: dict[str, Any]) -> str:
    import io
    import json
    from unittest.mock import patch

    from ansible_collections.octopus.upgrade.tests.unit.run_module import patch_module_args

    with patch_module_args(args), patch("sys.stdout", new=io.StringIO()) as printed, pytest.raises(SystemExit):
        ansible_module(**spec)
    return json.loads(printed.getvalue())["msg"]


def test_an_unsupported_argument_names_the_module() -> None:
    with pytest.raises(AnsibleActionFail, match=r"Unsupported parameters for \(octopus_x\) module: colour"):
        Arguments("octopus_x", module(), {"name": "x", "colour": "blue"})


def test_a_refusal_has_no_secret() -> None:
    with pytest.raises(AnsibleActionFail) as refused:
        Arguments("octopus_x", module(), {"name": "x", "password": SECRET, "state": f"with {SECRET}"})
    assert SECRET not in str(refused.value)


class Tagged(str):
    """As ansible-core 2.19 tags strings with where they come from."""


class AnsibleVaultEncryptedUnicode:
    """As ansible-core before 2.19 has vaulted text: no str, but it converts to one."""

    def __str__(self) -> str:
        return "open sesame"


def test_arguments_are_as_plain_as_a_module_gets_them() -> None:
    given = {
        Tagged("a"): [Tagged("b"), 1, 2.5, True, None, AnsibleVaultEncryptedUnicode()],
        "when": datetime.date(2026, 11, 23),
        "raw": b"\xff",
    }
    found = plain(given)
    assert found == {"a": ["b", 1, 2.5, True, None, "open sesame"], "when": "2026-11-23", "raw": "\udcff"}
    assert {type(one) for one in (*found, *found["a"])} == {str, int, float, bool, type(None)}
    assert plain({"s": {1}, "t": (1, 2)}) == {"s": [1], "t": [1, 2]}
    with pytest.raises(AnsibleActionFail, match="type object"):
        plain(object())


def test_strings_that_ansible_itself_has_tagged_are_plain() -> None:
    tagging = pytest.importorskip("ansible.template", reason="ansible-core before 2.19 does not tag")
    if not hasattr(tagging, "trust_as_template"):
        pytest.skip("ansible-core before 2.19 does not tag")
    tagged = tagging.trust_as_template("x")
    assert tagged.__class__ is not str
    params = Arguments("octopus_x", module(), {"name": tagged, "names": [tagged]}).params
    assert params["name"].__class__ is str and params["names"][0].__class__ is str


# -- the call


def test_the_function_gets_what_the_task_says() -> None:
    seen: list[Any] = []

    def run(params: dict[str, Any], check_mode: bool, diff: bool) -> dict[str, Any]:
        seen.append((params["name"], check_mode, diff, os.environ["OCTOPUS_X"]))
        return {"changed": True, "warnings": ["mind the gap"]}

    result = called(run, check_mode=True, diff=True)
    assert seen == [("x", True, True, "1")]
    assert result == {"changed": True, "warnings": ["mind the gap"]}, "ansible-core shows warnings of a result"
    assert called(lambda *_arguments: {}) == {"changed": False}


def test_secrets_are_masked_in_results_errors_warnings_and_progress(shown: list[str]) -> None:
    def run(params: dict[str, Any], *_modes: bool) -> dict[str, Any]:
        progress.Progress()(f"using {params['password']} and {params['inner']['token']}", 50)
        said = f"{params['password']} {params['inner']['token']}"
        return {"said": said, "deep": [{"er": said}], "warnings": [said]}

    def failing(params: dict[str, Any], *_modes: bool) -> dict[str, Any]:
        raise TaskFailed(f"no {params['password']}", {"node": params["password"]})

    def broken(params: dict[str, Any], *_modes: bool) -> dict[str, Any]:
        raise RuntimeError(f"no {params['password']}")

    secrets = {"password": SECRET, "inner": {"token": "t0ken-value"}}
    for result in (called(run, **secrets), called(failing, **secrets), called(broken, **secrets)):
        assert SECRET not in repr(result) and "t0ken-value" not in repr(result)
    assert len(shown) == 1 and shown[0].startswith("[octo-a] using ") and shown[0].endswith("(50 %)")
    assert SECRET not in shown[0] and "t0ken-value" not in shown[0]


def test_invocation_is_shown_to_who_asks_and_masked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_in_process.display, "verbosity", 3)
    result = called(lambda *_arguments: {}, password=SECRET)
    assert result["invocation"]["module_args"]["name"] == "x" and SECRET not in repr(result)


def test_progress_is_shown_only_where_it_is_wanted(shown: list[str]) -> None:
    def run(*_arguments: Any) -> dict[str, Any]:
        progress.Progress()("copying")
        return {}

    called(run, shown=False)
    assert shown == []
    called(run)
    assert shown == ["[octo-a] copying"]
    progress.Progress()("nobody listens any more")
    assert len(shown) == 1


def test_what_is_raised_on_purpose_fails_the_task_with_its_result() -> None:
    def run(*_arguments: Any) -> dict[str, Any]:
        raise TaskFailed("it broke", {"nodes": {"a": "down"}})

    assert called(run) == {"failed": True, "changed": False, "msg": "it broke", "nodes": {"a": "down"}}


def test_a_bug_fails_the_task_with_its_traceback() -> None:
    def run(*_arguments: Any) -> dict[str, Any]:
        raise KeyError("x")

    result = called(run)
    assert (result["failed"], result["msg"]) == (True, "KeyError: 'x'")
    assert "Traceback" in result["exception"]


def test_main_and_the_call_in_the_worker_give_the_same() -> None:
    """With a module of the collection that cannot reach anything."""
    from ansible_collections.octopus.upgrade.plugins.modules import octopus_maintenance

    args = {"url": "http://127.0.0.1:1", "api_key": "API-SECRETSECRET", "state": "enabled"}
    printed = run_module("octopus_maintenance", **args)
    arguments = Arguments("octopus_maintenance", octopus_maintenance, args)
    result = call(octopus_maintenance, arguments, check_mode=False, diff=False, environment={}, host="x", shown=False)
    assert result["failed"] and result["msg"] == printed["msg"]


# -- the end of a task


class TaskTimeout(BaseException):
    """As ansible-core raises it in the main thread of a worker."""


def test_a_task_that_is_ended_leaves_no_thread_acting() -> None:
    acts: list[int] = []
    acting, ended = threading.Event(), threading.Event()
    threads: list[threading.Thread] = []

    def act() -> None:
        try:
            while True:
                stopping.check()
                acts.append(1)
                acting.set()
        except stopping.Stopped:
            ended.set()

    def run(*_arguments: Any) -> dict[str, Any]:
        thread = threading.Thread(target=act)
        threads.append(thread)
        thread.start()
        assert acting.wait(WAIT)
        raise TaskTimeout("Timed out after 1 second")

    with pytest.raises(TaskTimeout):
        called(run)
    assert ended.is_set() and not threads[0].is_alive(), "it was joined"
    count = len(acts)
    assert count > 0 and len(acts) == count


def test_a_task_that_is_ended_leaves_no_work_of_a_pool() -> None:
    acting, begun, never = threading.Event(), threading.Event(), threading.Event()

    def act() -> None:
        begun.set()
        while True:
            stopping.check()
            acting.wait(0.001)

    def run(*_arguments: Any) -> dict[str, Any]:
        with stopping.Pool(max_workers=1) as pool:
            pool.submit(act)
            pool.submit(never.set)
            assert begun.wait(WAIT)
            raise KeyboardInterrupt

    before = set(threading.enumerate())
    with pytest.raises(KeyboardInterrupt):
        called(run)
    assert set(threading.enumerate()) <= before and not never.is_set()


def test_threads_of_others_are_not_waited_for() -> None:
    go_on = threading.Event()
    other = threading.Thread(target=go_on.wait, args=(WAIT,))
    other.start()

    def run(*_arguments: Any) -> dict[str, Any]:
        raise TaskTimeout

    try:
        with pytest.raises(TaskTimeout):
            called(run)
        assert other.is_alive()
    finally:
        go_on.set()
        other.join(WAIT)


def test_an_ordinary_failure_stops_nothing() -> None:
    def run(*_arguments: Any) -> dict[str, Any]:
        raise UpgradeError("no")

    called(run)
    assert not stopping._ended.is_set()
