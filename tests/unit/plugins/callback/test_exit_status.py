# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The callback that ends ansible-playbook: in a real one, since only that shows that nothing on the way catches it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import ansible_collections.octopus.upgrade as collection
import pytest
from ansible_collections.octopus.upgrade.plugins.callback import exit_status

PLAY = """
- hosts: [one, two]
  gather_facts: false
  connection: local
  vars: {more}
  tasks:
    - ansible.builtin.fail:
      when: fails and inventory_hostname == 'two'
"""


@pytest.mark.parametrize(
    ("enabled", "own", "fails", "ends"), [(True, True, True, 20), (True, True, False, 0), (False, True, True, 2), (True, False, True, 2)]
)
def test_how_it_ends(tmp_path: Path, enabled: bool, own: bool, fails: bool, ends: int) -> None:
    tree = Path(next(iter(collection.__path__))).parents[2]
    (tmp_path / "play.yml").write_text(PLAY.replace("{more}", "{octopus_operation: upgrade}" if own else "{}"))
    (tmp_path / "hosts").write_text("one\ntwo\n")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")} | {
        "ANSIBLE_COLLECTIONS_PATH": str(tree),
        "ANSIBLE_LOCAL_TEMP": str(tmp_path / "tmp"),
    }
    if enabled:
        environment["ANSIBLE_CALLBACKS_ENABLED"] = "octopus.upgrade.exit_status"
    command = [str(Path(sys.executable).parent / "ansible-playbook"), "play.yml", "-i", "hosts", "-e", f'{{"fails": {str(fails).lower()}}}']
    ended = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False, timeout=120)
    assert ended.returncode == ends, ended.stdout + ended.stderr
    assert "PLAY RECAP" in ended.stdout, "the others have had their say"
    assert list((tmp_path / "tmp").glob("*")) == [], "ansible has cleaned up"


def test_what_the_modules_of_the_collection_report_is_heard() -> None:
    def task(name: str, check_mode: bool = False, **arguments: Any) -> SimpleNamespace:
        return SimpleNamespace(action=name, resolved_action=f"octopus.upgrade.{name}", check_mode=check_mode, args=arguments)

    host = SimpleNamespace(get_name=lambda: "octo-a")
    callback = exit_status.CallbackModule()
    callback.get_option = lambda name: {"nothing_to_do": 3}[name]
    stats = SimpleNamespace(processed={"octo-a": 1}, summarize=lambda _host: {"failures": 0, "unreachable": 0})
    callback.v2_playbook_on_start(None)
    planned = task("octopus_plan", version="2026.2.9853", ladder=[])
    callback.v2_runner_on_ok(SimpleNamespace(_host=host, _task=planned, _result={"upgrade_path": []}))
    with pytest.raises(SystemExit) as ended:
        callback.v2_playbook_on_stats(stats)
    assert ended.value.code == 3
    callback.v2_runner_on_start(host, task("octopus_install"))
    callback.v2_runner_on_ok(SimpleNamespace(_host=host, _task=task("octopus_run_report"), _result={"exit_status": 24}))
    with pytest.raises(SystemExit) as ended:
        callback.v2_playbook_on_stats(stats)
    assert ended.value.code == 24
