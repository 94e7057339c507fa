# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``make demo-clone``: a clone of a live server, the proof that it hurts nobody, and the rehearsal of an upgrade on it.

The records are kept in build/demo-clone: refresh.json, contacts.json, rehearsal.json, upgrade.json.
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

from stage_play import ROOT, newest_record, play, show

sys.path.insert(0, str(ROOT / "tests"))

from lab.estate import SINGLE, CloneSpec, Lab

OUT = ROOT / "build" / "demo-clone"
SOURCE = replace(SINGLE, dangers=True)
CLONE = CloneSpec("practice", SOURCE.name, ("octo-clone",), sql="sql-clone")
MINUTES = 10


def main() -> int:
    start = time.monotonic()
    shutil.rmtree(OUT, ignore_errors=True)
    OUT.mkdir(parents=True)
    with tempfile.TemporaryDirectory(prefix="octopus-lab-") as folder, Lab(Path(folder), SOURCE, CLONE, scale=40) as lab:
        inventory = lab.write_inventory(OUT / "inventory")
        print("\n==> First act: a clone of a live server, on a SQL Server of its own.")
        good = _refresh(inventory)
        print(f"\n==> Second act: {MINUTES} minutes, in which triggers, tasks, retention, mail and telemetry are due.")
        good = good and _quiet(lab)
        print("\n==> Third act: the upgrade is rehearsed on the clone; then the plan of the live server knows of it.")
        good = good and play("upgrade_clone", inventory, OUT, octopus_clone_from="newest") == 0
        good = good and _rehearsed(lab)
        good = good and play("plan", inventory, OUT) == 0
        good = good and play("upgrade_inplace", inventory, OUT, octopus_require_rehearsal=True) == 0
        good = good and _compare()
        shutil.copy(lab.ledger_path, OUT / "ledger.jsonl")
    print(f"\nRecords: {OUT.relative_to(ROOT)}/*.json; {time.monotonic() - start:.0f} s in all.")
    if not good:
        print("demo-clone: an act did not end as it should; its output above says why", file=sys.stderr)
    return 0 if good else 1


def _keep(name: str, what: Any) -> None:
    (OUT / f"{name}.json").write_text(json.dumps(what, indent=2) + "\n", encoding="utf-8")


def _refresh(inventory: Path) -> bool:
    code = play("refresh_clone", inventory, OUT)
    result = json.loads((OUT / "octopus-runs" / f"{CLONE.name}.clone.json").read_text(encoding="utf-8"))
    _keep("refresh", result)
    print(f"\n{CLONE.name}: {result['status']}, database {result['database']}")
    for what, found in sorted((result["quarantine"].get("silenced") or {}).items()):
        print(f"  {what:24} {found['changed']:4} put under quarantine, {found['were_so_already']:4} were so already")
    return code == 0 and result["status"] == "refreshed"


def _quiet(lab: Lab) -> bool:
    """Whether the clone did nothing to the world outside while its source did."""
    lab.clock.sleep(MINUTES * 60)
    did: dict[str, Counter[str]] = {name: Counter() for name in (*SOURCE.nodes, *CLONE.nodes)}
    for event in (*lab.ledger.events("contact"), *lab.ledger.events("retention")):
        if event.machine in did:
            did[event.machine][str(event.get("what", event.kind))] += 1
    _keep("contacts", did)
    for machine, counted in did.items():
        print(f"  {machine:12} {', '.join(f'{what} {count}' for what, count in sorted(counted.items())) or 'nothing'}")
    return not any(did[name] for name in CLONE.nodes) and all(did[name] for name in SOURCE.nodes)


def _rehearsed(lab: Lab) -> bool:
    record = newest_record(OUT, CLONE.name)
    show(record)
    [path] = (lab.backup_share.volume.root / SOURCE.name / "rehearsals").glob("*.json")
    shutil.copy(path, OUT / "rehearsal.json")
    return bool(record["verdict"] == "upgraded")


def _compare() -> bool:
    """Say how close the rehearsal came."""
    record = newest_record(OUT, SOURCE.name)
    _keep("upgrade", record)
    expected = json.loads((OUT / "rehearsal.json").read_text(encoding="utf-8"))["outage_seconds"]
    print(
        f"\noutage: expected {expected:.1f} s, then {record['outage_seconds']:.1f} s: {record['outage_seconds'] / expected:.2f} times that"
    )
    return bool(record["verdict"] == "upgraded")


if __name__ == "__main__":
    sys.exit(main())
