# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tasks that are ended from outside: nothing of them acts on a host any more, beside whatever follows."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from scenarios.windows.controller import Controller, wait_until
from scenarios.windows.setting import World

# An action plugin beside the playbook, with a module of its own: it acts on all nodes at once, and never ends by itself.
PLUGIN = """
from __future__ import annotations

import os
import sys
from concurrent.futures import wait
from pathlib import Path

from ansible_collections.octopus.upgrade.plugins.module_utils._core.stopping import Pool
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.connection import NODES_SPEC, ConnectionOptions, WindowsHost
from ansible_collections.octopus.upgrade.plugins.plugin_utils._on_controller import OnController

SPEC = {"argument_spec": {**NODES_SPEC, "nodes": {"type": "list", "elements": "str"}, "pid_file": {"type": "path"}}}


def act(options):
    with WindowsHost(options) as host:
        while True:
            host.run(["hostname"], idempotent=True)


def run(params, check_mode, diff):
    Path(params["pid_file"]).write_text(str(os.getpid()))
    with Pool(max_workers=2) as pool:
        acting = [pool.submit(act, ConnectionOptions.from_params(one)) for one in params["connections"]]
        wait(acting)
        for one in acting:
            one.result()
    return {}


class ActionModule(OnController):
    module = sys.modules[__name__]
    windows = "nodes"
"""


@pytest.fixture
def two(make_world: Callable[..., World]) -> World:
    return make_world("octo-a", "octo-b")


@pytest.fixture
def controller(two: World, tmp_path: Path) -> Controller:
    controller = Controller(two, tmp_path / "controller")
    (tmp_path / "controller" / "action_plugins").mkdir()
    (tmp_path / "controller" / "action_plugins" / "act_for_ever.py").write_text(PLUGIN)
    return controller


def acts(world: World) -> list[Any]:
    return [event for event in world.ledger.events("process.start") if "hostname" in event["path"].lower()]


def forever(tmp_path: Path, **more: Any) -> dict[str, Any]:
    return {"act_for_ever": {"nodes": ["octo-a", "octo-b"], "pid_file": str(tmp_path / "pid")}, **more}


def lives(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def test_a_task_that_times_out_acts_no_more_beside_what_follows(controller: Controller, two: World, tmp_path: Path) -> None:
    follows = {"octopus.upgrade.octopus_run_info": {"instance": "prod"}, "register": "kept"}
    code, output, kept = controller.play({"block": [forever(tmp_path, timeout=3)], "rescue": [follows]})
    assert code == 0 and kept["lock"] is None, output
    assert "imed out" in output or "exceed" in output, output
    assert {event.machine for event in acts(two)} == {"octo-a", "octo-b"}, "it acted on both"
    started = two.ledger.events("process.start")
    first = next(number for number, event in enumerate(started) if "owner.json" in json.dumps(event["argv"]))
    assert [event for event in started[first:] if "hostname" in event["path"].lower()] == []
    assert not lives(int((tmp_path / "pid").read_text()))


@pytest.mark.parametrize("sent", [signal.SIGKILL, signal.SIGINT], ids=["killed", "interrupted"])
def test_a_worker_without_its_ansible_playbook_ends(controller: Controller, two: World, tmp_path: Path, sent: signal.Signals) -> None:
    play = controller.start(forever(tmp_path))
    try:
        wait_until(lambda: {event.machine for event in acts(two)} == {"octo-a", "octo-b"})
        os.kill(play.pid, sent)
        play.communicate()
        pid = int((tmp_path / "pid").read_text())
        wait_until(lambda: not lives(pid))
    finally:
        play.kill()
