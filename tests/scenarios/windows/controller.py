# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A control node with the collection and an inventory of the world, on which plays run."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml
from patience import patient
from scenarios.operator import PROGRAM
from scenarios.windows.setting import ACCOUNT, PASSWORD, World

REPOSITORY = Path(__file__).resolve().parents[3]
PATIENCE = patient(120.0)  # for a whole ansible-playbook on a busy computer


class Controller:
    """A control node with an inventory of the world."""

    def __init__(self, world: World, folder: Path) -> None:
        self._folder = folder
        folder.mkdir()
        variables = {
            "ansible_connection": "winrm",
            "ansible_user": ACCOUNT,
            "ansible_password": PASSWORD,
            "ansible_winrm_scheme": "http",
            "ansible_port": 5985,
            "ansible_winrm_transport": "ntlm",
            "ansible_winrm_proxy": "",
        }
        hosts = {name: {"ansible_host": host.address} for name, host in world.hosts.items()}
        (folder / "inventory.yml").write_text(yaml.safe_dump({"octopus": {"hosts": hosts, "vars": variables}}))

    def start(self, *tasks: dict[str, Any], name: str = "play", arguments: tuple[str, ...] = ()) -> subprocess.Popen[str]:
        play = {"hosts": "octo-a", "gather_facts": False, "tasks": list(tasks)}
        (self._folder / f"{name}.yml").write_text(yaml.safe_dump([play], sort_keys=False))
        kept = {variable: value for variable, value in os.environ.items() if not variable.startswith("ANSIBLE_")}
        return subprocess.Popen(
            [*PROGRAM, "-i", "inventory.yml", f"{name}.yml", *arguments],
            cwd=self._folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=kept
            | {
                "ANSIBLE_COLLECTIONS_PATH": str(REPOSITORY / "build" / "tree"),
                "ANSIBLE_LOCAL_TEMP": str(self._folder / "tmp"),
                "ANSIBLE_NOCOLOR": "1",
                "PYTHONPATH": "",
            },
        )

    def play(self, *tasks: dict[str, Any], arguments: tuple[str, ...] = ()) -> tuple[int, str, Any]:
        """Exit code, output, and what the last task's ``register: kept`` has."""
        results = self._folder / "results.json"
        results.unlink(missing_ok=True)
        keep = {
            "ansible.builtin.copy": {"content": "{{ kept | to_json }}", "dest": str(results), "mode": "0600"},
            "delegate_to": "localhost",
            "vars": {"ansible_connection": "local"},
            "check_mode": False,
        }
        process = self.start(*tasks, keep, arguments=arguments)
        output = process.communicate(timeout=PATIENCE)[0]
        return process.returncode, output, json.loads(results.read_text()) if results.exists() else None


def wait_until(condition: Callable[[], bool]) -> None:
    """Wait for something that a play is about to do."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "it never came to that"
        time.sleep(0.05)
