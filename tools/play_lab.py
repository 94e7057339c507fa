# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``make lab``: keep a lab running until Ctrl-C, and print the commands that plan, upgrade and roll back its Octopus Deploy."""

from __future__ import annotations

import shlex
import shutil
import signal
import sys
import tempfile
import threading
from pathlib import Path

from stage_play import ROOT, command

sys.path.insert(0, str(ROOT / "tests"))

from lab.estate import DEMO, Lab

OUT = ROOT / "build" / "lab"


def main() -> int:
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_arguments: stop.set())
    shutil.rmtree(OUT, ignore_errors=True)
    OUT.mkdir(parents=True)
    with tempfile.TemporaryDirectory(prefix="octopus-lab-") as folder, Lab(Path(folder), DEMO, scale=40) as lab:
        inventory = lab.write_inventory(OUT / "inventory")
        print(f"The lab runs until Ctrl-C. In another terminal, in {ROOT}:\n")
        for words in (
            command("plan", inventory, OUT),
            command("upgrade_inplace", inventory, OUT),
            [*command("rollback", inventory, OUT), "--check"],
        ):
            print(shlex.join(words))
        print("\nEverything that happens in the lab is recorded in", lab.ledger_path, flush=True)
        stop.wait()
    return 0


if __name__ == "__main__":
    sys.exit(main())
