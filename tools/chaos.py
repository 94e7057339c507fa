# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``make chaos``: the whole chaos matrix, workers side by side, and its table. Ends with 1 where an end is not legitimate.

Usage: ``python tools/chaos.py [case ...]`` runs the cases whose names begin so (all of them by default); ``--list`` names them.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
os.environ.setdefault("OCTOPUS_TEST_PATIENCE", "3")  # several at once make a busy computer; it is read on import
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "build" / "tree")]

from scenarios.chaos import conftest, matrix, outcome, survey  # noqa: E402  the folders have to be on the path first


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    sets = (
        "all (the default), full (each step killed once and broken once), gate (what make test runs) or rivals (two control nodes at once)"
    )
    parser.add_argument("cases", nargs="*", help=f"cases to run, by the beginning of their names; {sets}")
    parser.add_argument("--list", action="store_true", help="name the cases, and what is done in each")
    parser.add_argument("-n", "--workers", type=int, default=os.cpu_count() or 1, help="cases side by side (default: one a processor)")
    arguments = parser.parse_args()
    # So that whoever ends this ends the workers too.
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    start = time.monotonic()
    which = ",".join(arguments.cases) or "all"
    os.environ["OCTOPUS_CHAOS_STORIES"] = str(survey.stories_path())
    stories = [] if which == conftest.RIVALS else survey.stories(arguments.workers)
    print(f"The steps, from {len(stories)} runs that nobody disturbed ({time.monotonic() - start:.0f} s):", flush=True)
    for story in stories:
        print(f"  {story.name}: {', '.join(step.name for step in story.steps) or 'none'}", flush=True)
    try:
        cases = [] if which == conftest.RIVALS else matrix.chosen(matrix.cases(stories), which, conftest.seed())
    except ValueError as error:
        parser.error(str(error))
    if arguments.list:
        for case in cases:
            print(f"{case.name:60} {case.armed}  ({case.controller} control node)")
        return 0
    results = survey.OUT / "outcomes"
    rivals = survey.OUT / conftest.RIVALS
    shutil.rmtree(results, ignore_errors=True)
    shutil.rmtree(rivals, ignore_errors=True)
    command = ["build/venv/bin/python", "-m", "pytest", "-q", "-p", "no:cacheprovider", "--no-header", "--tb=no", "-r", "N"]
    command += ["-n", str(arguments.workers), "--dist", "load", "--maxschedchunk", "1", "tests/scenarios/chaos"]
    ended = subprocess.run(command, cwd=ROOT, env=os.environ | {"OCTOPUS_CHAOS": which}, check=False).returncode
    outcomes = outcome.read(results, [case.name for case in cases]) + outcome.read_all(rivals)
    text = outcome.table(outcomes)
    (survey.OUT / "table.txt").write_text(text + "\n")
    print(f"\n{text}\n{time.monotonic() - start:.0f} s on {arguments.workers} workers; also in build/chaos/table.txt")
    return 0 if ended == 0 and all(one.legitimate for one in outcomes) else 1


if __name__ == "__main__":
    sys.exit(main())
