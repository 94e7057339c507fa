# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``make demo``: start the lab, show the plan, upgrade its Octopus Deploy, and keep the run record in build/demo/run.json."""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
import time
from pathlib import Path

from stage_play import ROOT, newest_record, play, show

sys.path.insert(0, str(ROOT / "tests"))

from lab.estate import DEMO, Lab

OUT = ROOT / "build" / "demo"


def main() -> int:
    start = time.monotonic()
    shutil.rmtree(OUT, ignore_errors=True)
    OUT.mkdir(parents=True)
    with tempfile.TemporaryDirectory(prefix="octopus-lab-") as folder, Lab(Path(folder), DEMO, scale=40) as lab:
        inventory = lab.write_inventory(OUT / "inventory")
        print(f"The lab is up after {time.monotonic() - start:.0f} s; its inventory is {inventory.relative_to(ROOT)}.")
        print("To run the commands below yourself, start a lab that stays: make lab")
        for playbook in ("plan", "upgrade_inplace"):
            code = play(playbook, inventory, OUT)
            if code != 0:
                print(f"demo: {playbook} ended with {code}; its output above says why", file=sys.stderr)
                return code
        shutil.copy(lab.ledger_path, OUT / "ledger.jsonl")
    record = newest_record(OUT, DEMO.name)
    (OUT / "run.json").write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    show(record)
    print(f"\nRun record: {(OUT / 'run.json').relative_to(ROOT)}; {time.monotonic() - start:.0f} s in all.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
