# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``python -m lab --estate demo --folder DIR``: a lab to play with, until Ctrl-C."""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
import threading
from pathlib import Path

from .core.faults import FAULTS
from .estate import ESTATES, Lab


def main() -> int:
    parser = argparse.ArgumentParser(prog="lab", description=__doc__, epilog="faults: " + "; ".join(f"{k}: {v}" for k, v in FAULTS.items()))
    parser.add_argument("--estate", choices=sorted(ESTATES), default="demo")
    parser.add_argument(
        "--folder", type=Path, required=True, help="where the inventory is written (the lab's drives lie in a temporary folder)"
    )
    parser.add_argument("--scale", type=float, default=20.0, help="lab seconds per real second (default: %(default)s)")
    parser.add_argument("--fault", action="append", default=[], metavar="NAME[@MACHINE]", help="arm a fault; may be given again")
    arguments = parser.parse_args()
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_args: stop.set())
    with (
        tempfile.TemporaryDirectory(prefix="octopus-lab-") as folder,
        Lab(Path(folder), *ESTATES[arguments.estate], scale=arguments.scale) as lab,
    ):
        for fault in arguments.fault:
            name, dummy, machine = fault.partition("@")
            lab.faults.arm(name, machine or None)
        inventory = lab.write_inventory(arguments.folder / "inventory")
        print(f"inventory: {inventory}\nvault password: {inventory.parent / 'vault-password'}\nledger: {lab.ledger_path}", flush=True)
        stop.wait()
    return 0


if __name__ == "__main__":
    sys.exit(main())
