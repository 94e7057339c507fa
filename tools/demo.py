# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``make demo``: start the lab, show the plan, upgrade its Octopus Deploy, and keep the run record in build/demo/run.json."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))

from lab.estate import DEMO, Lab  # noqa: E402  the lab's folder has to be on the path first

OUT = ROOT / "build" / "demo"


def play(playbook: str, inventory: Path, vault_password: Path) -> int:
    """Run a playbook as a user would, its output going straight through."""
    command = [str(ROOT / "build/venv/bin/ansible-playbook"), f"playbooks/{playbook}.yml", "-i", str(inventory)]
    environment = dict(
        os.environ,
        ANSIBLE_COLLECTIONS_PATH=str(ROOT / "build" / "tree"),
        ANSIBLE_VAULT_PASSWORD_FILE=str(vault_password),
        ANSIBLE_LOCALHOST_WARNING="false",
        ANSIBLE_DISPLAY_SKIPPED_HOSTS="false",
        ANSIBLE_CALLBACK_RESULT_FORMAT="yaml",
    )
    print(f"\n$ ansible-playbook {command[1]} -i {inventory.relative_to(ROOT)}", flush=True)
    return subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode


def show(record: dict) -> None:
    """The summary that a person reads."""
    backup, proof = record["backup"] or {}, record["proof"] or {}
    print(f"\n{record['instance']}: {record['verdict']}")
    print(f"  versions  {' -> '.join([record['from_version'], *record['ladder']])}")
    print(f"  outage    {record['outage_seconds']:.1f} s (of the lab's fast clock's real time)")
    print(f"  backup    {', '.join(backup.get('paths', []))} ({backup.get('size')} bytes, verified: {backup.get('verified')})")
    package, log = proof.get("package") or {}, proof.get("task_log") or {}
    print(
        f"  proved    {proof.get('projects_read')} projects read, task log {log.get('id')}, package {package.get('id')} {package.get('version')}"
    )
    for step in record["steps"]:
        print(f"  {step['seconds']:8.1f} s  {step['result']:6}  {step['name']}")


def main() -> int:
    start = time.monotonic()
    shutil.rmtree(OUT, ignore_errors=True)
    OUT.mkdir(parents=True)
    with tempfile.TemporaryDirectory(prefix="octopus-lab-") as folder, Lab(Path(folder), DEMO, scale=40) as lab:
        inventory = lab.write_inventory(OUT / "inventory")
        print(f"The lab is up after {time.monotonic() - start:.0f} s; its inventory is {inventory.relative_to(ROOT)}.")
        os.environ["PWD"] = str(OUT)  # run records go to octopus-runs in the current folder
        for playbook in ("plan", "upgrade_inplace"):
            code = play(playbook, inventory, OUT / "vault-password")
            if code != 0:
                print(f"demo: {playbook} ended with {code}; its output above says why", file=sys.stderr)
                return code
        shutil.copy(lab.ledger_path, OUT / "ledger.jsonl")
    newest = max((OUT / "octopus-runs" / DEMO.name).glob("*.json"))
    shutil.copy(newest, OUT / "run.json")
    show(json.loads((OUT / "run.json").read_text(encoding="utf-8")))
    print(f"\nRun record: {(OUT / 'run.json').relative_to(ROOT)}; {time.monotonic() - start:.0f} s in all.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
