# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the demos share: a playbook run as a user would run it, and the summary of a run record that a person reads."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent


def command(playbook: str, inventory: Path, folder: Path, **variables: Any) -> list[str]:
    """The command that runs a playbook from the root of the checkout; run records go to ``folder``/octopus-runs.

    It is complete: it works without any environment variable, for a person who copies it as well as for the demo.
    """
    program = (ROOT / "build/venv/bin/ansible-playbook").relative_to(ROOT)
    vault = (folder / "vault-password").relative_to(ROOT)
    words = [str(program), f"playbooks/{playbook}.yml", "-i", str(inventory.relative_to(ROOT)), "--vault-password-file", str(vault)]
    # Absolute: modules resolve a relative path against the playbook's folder.
    for name, value in {"octopus_run_dir": str(folder / "octopus-runs"), **variables}.items():
        plain = isinstance(value, str) and " " not in value  # in name=value a space ends the value
        words += ["-e", f"{name}={value}" if plain else json.dumps({name: value})]
    return words


def play(playbook: str, inventory: Path, folder: Path, **variables: Any) -> int:
    """Run a playbook from the checkout, with its output going straight through."""
    words = command(playbook, inventory, folder, **variables)
    # How the output looks and what it ends with, and nothing else.
    look = {
        "ANSIBLE_LOCALHOST_WARNING": "false",
        "ANSIBLE_STDOUT_CALLBACK": "octopus.upgrade.progress",
        "ANSIBLE_CALLBACKS_ENABLED": "octopus.upgrade.exit_status",
    }
    print(f"\n$ {shlex.join(words)}", flush=True)
    return subprocess.run(words, cwd=ROOT, env=dict(os.environ, **look), check=False).returncode


def newest_record(folder: Path, instance: str) -> dict[str, Any]:
    """The newest run record of an instance."""
    newest = max((folder / "octopus-runs" / instance).glob("2*.json"))
    return json.loads(newest.read_text(encoding="utf-8"))


def show(record: dict[str, Any]) -> None:
    """Print the summary."""
    backup, proof = record.get("backup") or {}, record.get("evidence") or {}
    versions = [record["from_version"], *(record.get("ladder") or [record["to_version"]])]
    print(f"\n{record['instance']}: {record['verdict']}")
    print(f"  versions  {' -> '.join(versions)}")
    if record.get("error"):
        print(f"  error     {record['error'][:160]}")
    if record.get("outage_seconds") is not None:
        print(f"  outage    {record['outage_seconds']:.1f} s (of the lab's fast clock's real time)")
    if backup:
        print(f"  backup    {', '.join(backup.get('paths', []))} ({backup.get('size')} bytes, verified: {backup.get('verified')})")
    package, log = proof.get("package") or {}, proof.get("task_log") or {}
    if proof:
        print(
            f"  proved    {proof.get('projects_read')} projects read, task log {log.get('id')}, "
            f"package {package.get('id')} {package.get('version')}"
        )
    for what, where in (record.get("retained") or {}).items():
        print(f"  kept      {what}: {where}")
    for step in record["steps"]:
        print(f"  {step['seconds'] or 0:8.1f} s  {step['result']:6}  {step['name']}")
