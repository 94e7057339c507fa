# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``make test``: every check, two side by side, stopping at the first that fails with the end of what it printed.

Usage: ``python tools/check.py [name ...]`` runs the named ones only; ``--list`` names them.
Each one's whole output lies in ``build/logs/NAME.log``.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOGS = ROOT / "build" / "logs"
PYTHON = "build/venv/bin/python"
LINT = "build/lint/bin"
TAIL = 60
# Exchanges with real hosts, for comparison, where somebody has them beside the repository; they are not part of it.
RECORDINGS = ROOT.parent / "shared" / "data" / "winrm-recordings"


@dataclass(frozen=True)
class Check:
    """One step: its name, its command from the repository's root, and its lane. Lanes run side by side.

    One that is ``asked_for`` runs only where it is named.
    """

    name: str
    command: tuple[str, ...]
    lane: int
    asked_for: bool = False


def pytest(*paths: str) -> tuple[str, ...]:
    return (PYTHON, "-m", "pytest", "-q", "-p", "no:cacheprovider", *paths)


CHECKS = (
    Check("ruff", ("build/venv/bin/ruff", "check", "."), 0),
    Check("format", ("build/venv/bin/ruff", "format", "--check", "."), 0),
    Check("mypy", ("build/venv/bin/mypy",), 0),
    # The rooms of the collection and of the lab ([tool.importlinter]), each found by its own name.
    Check("imports", ("/usr/bin/env", "PYTHONPATH=build/tree:tests", "build/venv/bin/lint-imports", "--no-cache"), 0),
    Check("yamllint", (f"{LINT}/yamllint", "--strict", "."), 0),
    Check("fragment", (PYTHON, "tools/fragment.py"), 0),
    Check("assumptions", (PYTHON, "tools/lab_assumptions.py", "--check"), 0),
    Check("unit", pytest("tests/unit", "tests/property"), 0),
    Check("lab", pytest("tests/lab_tests", "tests/acceptance"), 0),
    Check("sanity", ("tools/ansible_test.sh", "sanity"), 0),
    Check("units", ("tools/ansible_test.sh", "units"), 0),
    Check("lint", ("tools/lint.sh", "ansible-lint"), 0),
    Check("docs", ("tools/lint.sh", "antsibull-docs"), 0),
    Check("importer", ("tools/lint.sh", "galaxy-importer"), 0),
    Check("changelog", ("tools/lint.sh", "antsibull-changelog"), 0),
    Check("integration", ("tools/integration.sh",), 0),
    Check("scenarios", pytest("tests/scenarios", "-n", "2", "--dist", "loadscope", "--durations", "30"), 1),
    # A quarter of `make chaos`, the same for the same sources.
    Check("chaos", ("/usr/bin/env", "OCTOPUS_CHAOS=quarter", *pytest("tests/scenarios/chaos", "-n", "2", "--maxschedchunk", "1")), 1),
)


class Runner:
    """Runs lanes of checks and remembers how each ended."""

    def __init__(self, checks: list[Check]) -> None:
        self.checks = checks
        self.passed: list[Check] = []
        self.failed: list[Check] = []
        self._stop = threading.Event()
        self._print = threading.Lock()
        self._running: dict[Check, subprocess.Popen[bytes]] = {}

    def run(self) -> bool:
        LOGS.mkdir(parents=True, exist_ok=True)
        lanes = [
            threading.Thread(target=self._lane, args=([check for check in self.checks if check.lane == lane],))
            for lane in sorted({check.lane for check in self.checks})
        ]
        for lane in lanes:
            lane.start()
        for lane in lanes:
            lane.join()
        return not self.failed

    def _lane(self, checks: list[Check]) -> None:
        for check in checks:
            if self._stop.is_set():
                return
            self._one(check)

    def _one(self, check: Check) -> None:
        log = LOGS / f"{check.name}.log"
        start = time.monotonic()
        self._say(f"... {check.name}")
        with log.open("wb") as stream:
            process = subprocess.Popen(check.command, cwd=ROOT, stdout=stream, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
            self._running[check] = process
            code = process.wait()
            del self._running[check]
        seconds = time.monotonic() - start
        if code == 0:
            self.passed.append(check)
            self._say(f"ok  {check.name} ({seconds:.0f} s){self._summary(log)}")
            return
        if self._stop.is_set():
            self._say(f"--- {check.name} was stopped")
            return
        self.failed.append(check)
        self._stop.set()
        tail = "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-TAIL:])
        self._say(
            f"FAILED {check.name} after {seconds:.0f} s: {' '.join(check.command)} ended with {code}.\n{tail}\n"
            f"All of it: {log.relative_to(ROOT)}. Once more, alone: make check NAME={check.name}"
        )
        for other in list(self._running.values()):
            other.terminate()

    @staticmethod
    def _summary(log: Path) -> str:
        """The runner's own closing line, where it is pytest's."""
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
        return next((f": {line.strip('= ')}" for line in reversed(lines[-5:]) if " passed" in line), "")

    def _say(self, text: str) -> None:
        with self._print:
            print(text, flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="checks to run (default: all)")
    parser.add_argument("--list", action="store_true", help="name the checks")
    arguments = parser.parse_args()
    if arguments.list:
        print("\n".join(f"{check.name:12} {' '.join(check.command)}" for check in CHECKS))
        return 0
    unknown = set(arguments.names) - {check.name for check in CHECKS}
    if unknown:
        parser.error(f"no such check: {', '.join(sorted(unknown))}; known: {', '.join(check.name for check in CHECKS)}")
    os.environ.setdefault("PYTHONDONTWRITEBYTECODE", "1")
    if RECORDINGS.is_dir():
        os.environ.setdefault("WINRM_RECORDINGS", str(RECORDINGS))
    start = time.monotonic()
    runner = Runner([check for check in CHECKS if check.name in arguments.names or not (arguments.names or check.asked_for)])
    ok = runner.run()
    left = len(runner.checks) - len(runner.passed) - len(runner.failed)
    print(f"{time.monotonic() - start:.0f} s in all")
    print(f"{len(runner.passed)} passed, {len(runner.failed)} failed" + (f", {left} skipped" if left else ""), flush=True)
    return 0 if ok else 1


if __name__ == "__main__":
    sys.exit(main())
