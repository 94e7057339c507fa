# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``make demo-migrate``: users of a live server are moved to new servers with a newer version, and back again.

The results are kept in build/demo-migrate: migrated.json, returned.json, running.json.
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from stage_play import ROOT, play

sys.path.insert(0, str(ROOT / "tests"))

from lab.estate import SINGLE, CloneSpec, Lab
from lab.windows import services

OUT = ROOT / "build" / "demo-migrate"
NEW = CloneSpec("moved", SINGLE.name, ("octo-new",), sql="sql-new")
WANTED: dict[str, Any] = {"octopus_migrate": True, "octopus_migrate_fresh": True, "octopus_clone_certificate": "keep"}


def main() -> int:
    start = time.monotonic()
    shutil.rmtree(OUT, ignore_errors=True)
    OUT.mkdir(parents=True)
    with tempfile.TemporaryDirectory(prefix="octopus-lab-") as folder, Lab(Path(folder), SINGLE, NEW, scale=40) as lab:
        inventory = lab.write_inventory(OUT / "inventory")
        print("\n==> First act: a clone of the live server on new servers, which hurts nobody.")
        good = play("refresh_clone", inventory, OUT, octopus_clone_certificate="keep") == 0
        print("\n==> Second act: the move, with a fresh copy of what users have done since, upgraded on the way.")
        good = good and play("migrate", inventory, OUT, **WANTED) == 0
        good = good and _ended("migrated", "migrated") and _running(lab) == {"old": False, "new": True}
        good = good and _version(lab) == SINGLE.target
        print("\n==> Third act: back to the old server, as it was.")
        good = good and play("migrate_return", inventory, OUT, **WANTED, octopus_confirm_loss=True) == 0
        good = good and _ended("returned", "returned") and _running(lab) == {"old": True, "new": False}
        shutil.copy(lab.ledger_path, OUT / "ledger.jsonl")
    print(f"\nRecords: {OUT.relative_to(ROOT)}/*.json; {time.monotonic() - start:.0f} s in all.")
    if not good:
        print("demo-migrate: an act did not end as it should; its output above says why", file=sys.stderr)
    return 0 if good else 1


def _ended(status: str, name: str) -> bool:
    result = json.loads((OUT / "octopus-runs" / f"{SINGLE.name}.migrate.json").read_text(encoding="utf-8"))
    (OUT / f"{name}.json").write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    print(f"\n{SINGLE.name}, {NEW.name}: {result['status']}")
    return bool(result["status"] == status)


def _running(lab: Lab) -> dict[str, bool]:
    """Which of both sides runs."""
    service = lab.instances[SINGLE.name].handle.service
    hosts = {"old": lab.instances[SINGLE.name].hosts[0], "new": lab.clones[NEW.name].hosts[0]}
    found = {side: host.services.query(service).state == services.RUNNING for side, host in hosts.items()}
    for side, runs in found.items():
        print(f"  the {side} side {'runs' if runs else 'is stopped'}")
    return found


def _version(lab: Lab) -> str | None:
    place = lab.clones[NEW.name]
    [database] = [one.name for one in place.sql.databases.values() if one.name.startswith(f"{SINGLE.database} {NEW.name} ")]
    with place.store(database, SINGLE.target) as store:
        rows = store.documents("OctopusServerInstallationHistory")
    return str(max(rows, key=lambda row: str(row["Installed"]))["Version"]) if rows else None


if __name__ == "__main__":
    sys.exit(main())
