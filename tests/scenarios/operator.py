# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Somebody at a control node: runs playbooks of the collection as a user does, in a process of their own."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab.estate import Lab
from patience import patient

ROOT = Path(__file__).resolve().parents[2]
DEADLINE = patient(280)  # seconds of real time that one playbook may take
PROGRAM = (sys.executable, str(Path(__file__).parent / "bin" / "ansible_playbook.py"))
# With Ansible's own millisecond its main process is busy for as long as a worker runs; the plays here are mostly waiting for workers.
SETTINGS = "[defaults]\ninternal_poll_interval = 0.02\n"


@dataclass
class Run:
    """How one ansible-playbook ended."""

    code: int
    output: str
    folder: Path

    def records(self, instance: str) -> list[dict[str, Any]]:
        """The run records of an instance, oldest first."""
        return [json.loads(path.read_text()) for path in sorted((self.folder / "octopus-runs" / instance).glob("*.json"))]

    def record(self, instance: str) -> dict[str, Any]:
        """Its newest run record."""
        return self.records(instance)[-1]

    def failures(self, host: str) -> str:
        """What was printed of the tasks that failed on a host, with each run of white space as one blank."""
        lines = re.findall(rf"^(?:fatal|failed): \[{re.escape(host)}\].*$", self.output, re.MULTILINE)
        return " ".join(" ".join(lines).split())

    def tasks(self, host: str) -> list[str]:
        """The names of the tasks that ran on a host, in their order, skipped ones left out."""
        found, name = [], ""
        for line in self.output.splitlines():
            if banner := re.match(r"TASK \[(?:[\w.]+ : )?(.*)\] \*+$", line):
                name = banner[1]
            elif re.match(rf"(?:ok|changed): \[{re.escape(host)}\]", line):
                found.append(name)
        return found


class Operator:
    """Somebody at a control node, in a folder of their own, with the lab's inventory.

    Args:
        settings: The content of their ansible.cfg. Empty: none, so that Ansible's own settings hold, and its own ansible-playbook.
        more: Further environment variables.
    """

    def __init__(self, lab: Lab, folder: Path, settings: str = SETTINGS, more: dict[str, str] | None = None) -> None:
        self.lab = lab
        self.program = PROGRAM if settings else (str(Path(sys.executable).parent / "ansible-playbook"),)
        self.more = more or {}
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.inventory = lab.write_inventory(folder / "inventory")
        if settings:
            (folder / "ansible.cfg").write_text(settings)

    def play(self, playbook: str, *arguments: str, deadline: float = DEADLINE, callbacks: str = "", **variables: Any) -> Run:
        """Run a playbook of the collection by file name or by its collection name; ``variables`` are extra vars."""
        target = playbook if "." in playbook else str(ROOT / "playbooks" / f"{playbook}.yml")
        command = [*self.program, target, "-i", str(self.inventory), *arguments]
        if variables:
            command += ["--extra-vars", json.dumps(variables)]
        process = subprocess.run(
            command,
            cwd=self.folder,
            env=self.environment() | ({"ANSIBLE_CALLBACKS_ENABLED": callbacks} if callbacks else {}),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=deadline,
            check=False,
            text=True,
        )
        return Run(process.returncode, process.stdout, self.folder)

    def environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_") and name != "PYTHONPATH"}
        return kept | {
            "ANSIBLE_COLLECTIONS_PATH": str(ROOT / "build" / "tree"),
            "ANSIBLE_VAULT_PASSWORD_FILE": str(self.folder / "vault-password"),
            "ANSIBLE_LOCAL_TEMP": str(self.folder / "tmp"),
            "ANSIBLE_NOCOLOR": "1",
            "PWD": str(self.folder),
            **self.more,
        }
