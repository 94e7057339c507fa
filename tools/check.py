# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``make test``: every check, six side by side, stopping at the first that fails with the end of what it printed.

In CI, up to two checks that fail run again when nothing else does, since a deadline may have passed on a busy machine only; what failed at first is
printed all the same, and the last line counts those that passed the second time.

Usage: ``python tools/check.py [name ...]`` runs the named ones only, ``scenarios`` being all whose name begins with that; ``--list`` names them.
Each one's whole output is in ``build/logs/NAME.log``, how long each took in ``build/logs/durations.tsv``, and what each test cost in
``build/logs/cpu-NAME.tsv``.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOGS = ROOT / "build" / "logs"
DURATIONS = LOGS / "durations.tsv"
PYTHON = "build/venv/bin/python"
LINT = "build/lint/bin"
TAIL = 60
WORKERS = 6  # two cores; with five, 1.65 of them were busy, because a test waits for its lab most of the time
PATIENCE = "5"  # a computer that runs six checks at once is a busy one
QUICK, UNKNOWN = 10.0, 60.0  # seconds
SECOND_LOOKS = 2  # in CI: the checks with deadlines that may run again, alone
# Exchanges with real hosts, for comparison, where somebody has them beside the repository.
RECORDINGS = ROOT.parent / "shared" / "data" / "winrm-recordings"
# Folders of scenarios that mostly wait, so that parts of them can do so side by side: the files that begin with one of these words, and others.
PARTED = {"windows": ("folders", "runs")}
# About how long the longest of the scenarios take, where no run has left that in DURATIONS.
LONG = {
    "windows/folders": 240.0,
    "windows/others": 240.0,
    "clone/life": 550.0,
    "octopus": 300.0,
    "upgrade/documented": 300.0,
    "rollback/backup": 300.0,
    "rollback/automatic": 280.0,
}
LONG |= {
    "upgrade/faults": 280.0,
    "mssql": 280.0,
    "restore_point": 270.0,
    "clone/interrupted": 250.0,
    "rollback/isolated": 240.0,
    "clone/rehearsal": 210.0,
    "test_instance": 250.0,
    "migrate/life": 450.0,
}
# What the lab's own tests can depend on, and a few of them for whoever has changed nothing of that: each protocol, Windows, the server.
LAB_SOURCES = re.compile(r"tests/lab(_tests)?/|requirements")
LAB_SMOKE = [f"tests/lab_tests/{name}" for name in ("chaos", "estate/test_joining.py", "octopus/test_cli.py", "octopus_rest/test_root.py")]
LAB_SMOKE += [f"tests/lab_tests/{name}.py" for name in ("sql/test_wire", "tds/test_login", "windows/test_services", "winrm/test_pywinrm")]
# Python files that galaxy.yml keeps out of the artifact; without them ansible-test's sanity costs half.
UNSHIPPED = re.compile(r"(tools|tests/(acceptance|bench|lab|lab_tests|property|scenarios|services))/.*\.py$")
# A few of those that `unit` has all of, to see that ansible-test finds and runs them.
UNITS_SMOKE = [f"tests/unit/plugins/{name}" for name in ("modules/test_octopus_jobs.py", "module_utils/_core/")]
# Checks that run whole in CI and where a file of those has changed; else their part does, which is named here first. All of units is `unit` once more,
# as ansible-test runs it, which the nightly workflow does.
PARTS = {"lab-smoke": ("lab", LAB_SOURCES), "sanity-shipped": ("sanity", UNSHIPPED), "units-smoke": ("units", None)}


@dataclass(frozen=True)
class Check:
    """One process: its name, its command from the repository's root, and about how many seconds it takes."""

    name: str
    command: tuple[str, ...]
    seconds: float = UNKNOWN

    @property
    def log(self) -> Path:
        return LOGS / f"{self.file}.log"

    @property
    def cpu(self) -> Path:
        return LOGS / f"cpu-{self.file}.tsv"

    @property
    def file(self) -> str:
        return self.name.replace("/", "-")


def pytest(*arguments: str) -> tuple[str, ...]:
    return (PYTHON, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--durations", "10", *arguments)


def scenarios(root: Path = ROOT) -> list[Check]:
    """The scenarios, one process for each file whose tests run playbooks, and for each folder of others, or for a part of its files.

    A file is a story, so it cannot be split; the next one can run beside it.
    """
    top = root / "tests" / "scenarios"
    found = []
    for folder in sorted({path.parent for path in top.glob("*/test_*.py")} - {top / "chaos"}):
        own = sorted(folder.glob("test_*.py"))
        parts = (
            {path.stem.removeprefix("test_"): [path] for path in own}
            if folder.name in ("upgrade", "rollback", "clone", "migrate")
            else {"": [folder]}
        )
        if folder.name in PARTED:
            parts = {}
            for path in own:
                part = next((word for word in PARTED[folder.name] if path.stem.startswith(f"test_{word}")), "others")
                parts.setdefault(part, []).append(path)
        for part, paths in parts.items():
            name = f"{folder.name}/{part}".rstrip("/")
            found.append(Check(f"scenarios/{name}", pytest(*(str(path.relative_to(root)) for path in paths)), LONG.get(name, 150.0)))
    return found


def checks() -> list[Check]:
    """Every check there is."""
    return [
        Check("ruff", ("build/venv/bin/ruff", "check", "."), 1.0),
        Check("format", ("build/venv/bin/ruff", "format", "--check", "."), 1.0),
        Check("mypy", ("build/venv/bin/mypy",), 30.0),
        # The rooms of the collection and of the lab ([tool.importlinter]), each found by its own name.
        Check("imports", ("/usr/bin/env", "PYTHONPATH=build/tree:tests", "build/venv/bin/lint-imports", "--no-cache"), 5.0),
        Check("fragment", (PYTHON, "tools/fragment.py"), 1.0),
        Check("changelog", ("tools/lint.sh", "antsibull-changelog"), 3.0),
        Check("yamllint", (f"{LINT}/yamllint", "--strict", "."), 5.0),
        Check("assumptions", (PYTHON, "tools/lab_assumptions.py", "--check"), 2.0),
        Check("jumps", (PYTHON, "tools/known_jumps.py", "--check"), 2.0),
        Check("named-checks", (PYTHON, "tools/named_checks.py", "--check"), 2.0),
        Check("unit", pytest("tests/unit", "tests/property"), 80.0),
        Check("lab", pytest("tests/lab_tests", "tests/acceptance"), 450.0),
        Check("lab-smoke", pytest(*LAB_SMOKE, "tests/acceptance"), 50.0),
        Check("services", (PYTHON, "tools/services.py"), 20.0),  # the tests for real servers, against a lab
        Check("sanity", ("tools/ansible_test.sh", "sanity"), 400.0),
        Check("sanity-shipped", ("tools/ansible_test.sh", "sanity-shipped"), 120.0),
        # The tests of tests/unit as ansible-test runs them: each in a fork, the collection found by Ansible's own loader.
        Check("units", ("tools/ansible_test.sh", "units", "--num-workers", "1"), 330.0),
        Check("units-smoke", ("tools/ansible_test.sh", "units", "--num-workers", "1", *UNITS_SMOKE), 20.0),
        Check("lint", ("tools/lint.sh", "ansible-lint"), 60.0),
        Check("docs", ("tools/lint.sh", "antsibull-docs"), 30.0),
        Check("importer", ("tools/lint.sh", "galaxy-importer"), 60.0),
        Check("integration", ("tools/integration.sh",), 540.0),
        *scenarios(),
        Check("chaos", ("/usr/bin/env", "OCTOPUS_CHAOS=gate", *pytest("tests/scenarios/chaos")), 800.0),
    ]


def changed(root: Path = ROOT) -> list[str] | None:
    """Find out what differs from the main branch where this one left it.

    Returns:
        The files' names, new ones too; None where git cannot tell.
    """
    for branch in ("origin/HEAD", "origin/main"):
        base = _git(root, "merge-base", "HEAD", branch)
        if base is not None:
            files = [_git(root, "diff", "--name-only", *base), _git(root, "ls-files", "--others", "--exclude-standard")]
            return None if None in files else [name for names in files for name in names or []]
    return None


def _git(root: Path, *arguments: str) -> list[str] | None:
    process = subprocess.run(["git", *arguments], cwd=root, capture_output=True, text=True, check=False)
    return process.stdout.splitlines() if process.returncode == 0 else None


def replaced(files: list[str] | None, environment: Mapping[str, str]) -> dict[str, str]:
    """Decide which checks a part of them replaces, and which part: in CI, and where a file of theirs has changed or nobody knows, only units."""
    whole_wanted = bool(environment.get("CI")) or files is None
    kept = {whole for whole, sources in PARTS.values() if sources and (whole_wanted or any(sources.match(name) for name in files or []))}
    return {whole: part for part, (whole, _sources) in PARTS.items() if whole not in kept}


def named(known: Iterable[Check], names: Iterable[str]) -> list[Check]:
    """Choose checks by their names, or by the folders of their names.

    Raises:
        ValueError: There is none of that name.
    """
    known, found = list(known), {}
    for name in names:
        own = [check for check in known if check.name == name or check.name.startswith(f"{name}/")]
        if not own:
            raise ValueError(f"no such check: {name}; known: {', '.join(check.name for check in known)}")
        found.update({check.name: check for check in own})
    return list(found.values())


def ordered(chosen: Iterable[Check], last: Mapping[str, float]) -> list[Check]:
    """Sort checks: quick ones first, since many a change fails them; then the longest, so that the others fill what is left at the end.

    Args:
        last: How long they took when they last ended well.
    """
    seconds = {check: last.get(check.name, check.seconds) for check in chosen}
    return sorted(seconds, key=lambda check: (seconds[check] >= QUICK, -seconds[check]))


class Runner:
    """Runs checks from a queue, six at a time, and remembers how each ended."""

    def __init__(self, queue: list[Check], keep_going: bool = False, second_looks: int = 0) -> None:
        self.total = len(queue)
        self._keep_going = keep_going
        self._second_looks = second_looks
        self.passed: list[Check] = []
        self.failed: list[Check] = []
        self.unstable: list[Check] = []  # of those that passed: at the second attempt
        self.seconds: dict[str, tuple[float, float]] = {}  # by name: of real time, of a processor
        self._queue = list(queue)
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._running: dict[Check, subprocess.Popen[bytes]] = {}

    def run(self) -> bool:
        LOGS.mkdir(parents=True, exist_ok=True)
        workers = [threading.Thread(target=self._work) for dummy in range(WORKERS)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        if not self._stop.is_set() and len(self.failed) <= self._second_looks:
            self._look_again()
        return not self.failed

    def _look_again(self) -> None:
        """Run what has failed again, with nothing else beside it."""
        doubtful, self.failed = self.failed, []
        for check in doubtful:
            check.log.rename(check.log.with_suffix(".first.log"))
            self._one(check)
        self.unstable = [check for check in doubtful if check in self.passed]

    def _work(self) -> None:
        while True:
            with self._lock:
                if self._stop.is_set() or not self._queue:
                    return
                check = self._queue.pop(0)
            self._one(check)

    def _one(self, check: Check) -> None:
        start = time.monotonic()
        check.cpu.unlink(missing_ok=True)
        self._say(f"... {check.name}")
        with check.log.open("wb") as stream:
            environment = os.environ | {"OCTOPUS_TEST_CPU": str(check.cpu)}
            process = subprocess.Popen(
                check.command, cwd=ROOT, env=environment, stdout=stream, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL
            )
            self._running[check] = process
            _pid, status, usage = os.wait4(process.pid, 0)
            process.returncode = code = os.waitstatus_to_exitcode(status)
            del self._running[check]
        seconds = time.monotonic() - start
        if code == 0:
            self.seconds[check.name] = seconds, usage.ru_utime + usage.ru_stime
            self.passed.append(check)
            self._say(f"ok  {check.name} ({seconds:.0f} s){self._summary(check.log)}")
            return
        if self._stop.is_set():
            self._say(f"--- {check.name} was stopped")
            return
        self.failed.append(check)
        tail = "\n".join(check.log.read_text(encoding="utf-8", errors="replace").splitlines()[-TAIL:])
        self._say(
            f"FAILED {check.name} after {seconds:.0f} s: {' '.join(check.command)} ended with {code}.\n{tail}\n"
            f"All of it: {check.log.relative_to(ROOT)}. Once more, alone: make check NAME={check.name}"
        )
        again = check.seconds >= QUICK and len(self.failed) <= self._second_looks
        if not self._keep_going and not again:
            self._stop.set()
            for other in list(self._running.values()):
                other.terminate()

    @staticmethod
    def _summary(log: Path) -> str:
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
        return next((f": {line.strip('= ')}" for line in reversed(lines[-5:]) if " passed" in line), "")

    def _say(self, text: str) -> None:
        with self._lock:
            print(text, flush=True)


def read_durations() -> dict[str, float]:
    """How long checks took when they last ended well, by their names."""
    if not DURATIONS.exists():
        return {}
    lines = [line.split("\t") for line in DURATIONS.read_text().splitlines()]
    return {name: float(seconds) for name, seconds, _cpu in lines}


def write_durations(found: Mapping[str, tuple[float, float]]) -> None:
    """Keep the new ones, and those of before of which there are no new ones."""
    lines = [line.split("\t") for line in DURATIONS.read_text().splitlines()] if DURATIONS.exists() else []
    known = {line[0]: line[1:] for line in lines} | {name: [f"{wall:.1f}", f"{cpu:.1f}"] for name, (wall, cpu) in found.items()}
    DURATIONS.write_text("".join(f"{name}\t{wall}\t{cpu}\n" for name, (wall, cpu) in sorted(known.items())))


def main() -> int:
    known = checks()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="checks to run (default: all)")
    parser.add_argument("--keep-going", action="store_true", help="run the other checks where one fails")
    parser.add_argument("--list", action="store_true", help="name the checks")
    arguments = parser.parse_args()
    if arguments.list:
        print("\n".join(f"{check.name:32} {' '.join(check.command)}" for check in known))
        return 0
    # Some thirty processes import the lab and the collection, which takes two seconds of a processor where each compiles them anew.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    os.environ.setdefault("OCTOPUS_TEST_PATIENCE", PATIENCE)
    if RECORDINGS.is_dir():
        os.environ.setdefault("WINRM_RECORDINGS", str(RECORDINGS))
    try:
        chosen = named(known, arguments.names)
    except ValueError as error:
        parser.error(str(error))
    if not arguments.names:
        parts = replaced(changed(), os.environ)
        chosen = [check for check in known if check.name not in parts.keys() | (PARTS.keys() - set(parts.values()))]
        for whole, part in parts.items():
            print(f"Nothing has changed that only {whole} looks at, so {part} is enough. All of it: make check NAME={whole}", flush=True)
    start = time.monotonic()
    runner = Runner(ordered(chosen, read_durations()), arguments.keep_going, SECOND_LOOKS if os.environ.get("CI") else 0)
    ok = runner.run()
    write_durations(runner.seconds)
    print("\nSeconds, and of a processor:")
    for name, (wall, cpu) in sorted(runner.seconds.items(), key=lambda one: -one[1][0]):
        print(f"{wall:6.0f} {cpu:6.0f}  {name}")
    left = runner.total - len(runner.passed) - len(runner.failed)
    print(f"{time.monotonic() - start:.0f} s in all, {sum(cpu for _wall, cpu in runner.seconds.values()):.0f} s of a processor")
    unstable = f" ({', '.join(check.name for check in runner.unstable)} at the second attempt only)" if runner.unstable else ""
    print(f"{len(runner.passed)} passed{unstable}, {len(runner.failed)} failed" + (f", {left} skipped" if left else ""), flush=True)
    return 0 if ok else 1


if __name__ == "__main__":
    sys.exit(main())
