# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What `make test` runs, and in which order."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def check():
    spec = importlib.util.spec_from_file_location("octopus_check", ROOT / "tools" / "check.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def test_every_scenario_is_run_exactly_once(check):
    paths = [Path(word) for one in check.scenarios(ROOT) for word in one.command if word.startswith("tests/")]
    covered = [path for one in paths for path in ([one] if one.suffix else sorted((ROOT / one).glob("test_*.py")))]
    found = [path if path.is_absolute() else ROOT / path for path in covered]
    there = {path for path in (ROOT / "tests" / "scenarios").rglob("test_*.py") if path.parent.name != "chaos"}
    assert sorted(found) == sorted(there)


def test_names_are_of_one_check_each_and_so_are_logs(check):
    known = check.checks()
    assert len({one.name for one in known}) == len({one.log for one in known}) == len({one.cpu for one in known}) == len(known)


def test_a_name_chooses_one_check_or_a_folder_of_them(check):
    known = check.checks()
    assert [one.name for one in check.named(known, ["unit", "lab"])] == ["unit", "lab"]
    assert [one.name for one in check.named(known, ["units"])] == ["units"]
    clones = check.named(known, ["scenarios/clone", "scenarios/clone"])
    assert len(clones) > 2 and all(one.name.startswith("scenarios/clone/") for one in clones)
    with pytest.raises(ValueError, match="no such check: scen; known: ruff, "):
        check.named(known, ["scen"])


def test_quick_checks_come_first_and_then_the_longest(check):
    chosen = [check.Check(name, (), seconds) for name, seconds in (("a", 100.0), ("b", 200.0), ("c", 300.0), ("d", 1.0))]
    assert [one.name for one in check.ordered(chosen, {})] == ["d", "c", "b", "a"]
    assert [one.name for one in check.ordered(chosen, {"a": 250.0, "c": 2.0})] == ["c", "d", "a", "b"], "by what they took last time"


@pytest.mark.parametrize(
    ("files", "environment", "parts"),
    [
        ([], {}, {"lab-smoke", "sanity-shipped", "units-smoke"}),
        (["plugins/modules/x.py", "tests/unit/x.py", "tools/setup.sh", "docs/x.rst"], {}, {"lab-smoke", "sanity-shipped", "units-smoke"}),
        (["tests/scenarios/lab.py"], {}, {"lab-smoke", "units-smoke"}),
        (["tools/demo.py"], {}, {"lab-smoke", "units-smoke"}),
        (["docs/x.rst", "tests/lab/core/clock.py"], {}, {"units-smoke"}),
        (["tests/lab_tests/sql/test_wire.py"], {}, {"units-smoke"}),
        (["requirements-dev.txt"], {}, {"sanity-shipped", "units-smoke"}),
        ([], {"CI": "true"}, {"units-smoke"}),
        ([], {"CI": ""}, {"lab-smoke", "sanity-shipped", "units-smoke"}),
        (None, {}, {"units-smoke"}),
    ],
)
def test_a_part_is_enough_unless_in_ci_or_when_something_of_the_rest_changed(check, files, environment, parts):
    assert set(check.replaced(files, environment).values()) == parts


def test_the_parts_are_checks_and_so_are_the_wholes(check):
    names = {name for part, (whole, _sources) in check.PARTS.items() for name in (part, whole)}
    assert names < {one.name for one in check.checks()}


def test_the_smoke_set_of_units_is_there(check):
    assert [path for path in check.UNITS_SMOKE if not (ROOT / path).exists()] == []


def test_what_sanity_leaves_out_is_what_is_not_shipped(check):
    ignored = [name for name in yaml.safe_load((ROOT / "galaxy.yml").read_text())["build_ignore"] if name.startswith(("tests/", "tools"))]
    with_python = [name for name in ignored if any((ROOT / name).rglob("*.py"))]
    assert len(with_python) > 5 and all(check.UNSHIPPED.match(f"{name}/x.py") for name in with_python)
    shipped = [
        str(path.relative_to(ROOT)) for folder in ("plugins", "tests/unit", "tests/integration") for path in (ROOT / folder).rglob("*.py")
    ]
    assert [name for name in shipped if check.UNSHIPPED.match(name)] == []


def test_the_smoke_set_is_there(check):
    assert [path for path in check.LAB_SMOKE if not (ROOT / path).exists()] == []


def git(folder, *arguments):
    own = ("-c", "user.name=x", "-c", "user.email=x@example.com", "-c", "commit.gpgsign=false")
    subprocess.run(["git", *own, *arguments], cwd=folder, check=True, capture_output=True)


def test_what_has_changed_since_the_main_branch(check, tmp_path):
    assert check.changed(tmp_path) is None, "no repository"
    origin, clone = tmp_path / "origin", tmp_path / "clone"
    origin.mkdir()
    git(origin, "init", "-q", "-b", "main")
    for name in ("a", "b", "c"):
        (origin / name).write_text("x")
    git(origin, "add", ".")
    git(origin, "commit", "-q", "-m", "first")
    assert check.changed(origin) is None, "no branch to compare with"
    git(tmp_path, "clone", "-q", str(origin), str(clone))
    assert check.changed(clone) == []
    (clone / "a").write_text("y")
    git(clone, "commit", "-q", "-a", "-m", "second")
    (clone / "b").write_text("y")
    (clone / "new").write_text("y")
    (origin / "c").write_text("y")
    git(origin, "commit", "-q", "-a", "-m", "of somebody else")
    git(clone, "fetch", "-q")
    assert check.changed(clone) == ["a", "b", "new"]


def test_durations_are_kept_and_renewed(check, tmp_path, monkeypatch):
    monkeypatch.setattr(check, "DURATIONS", tmp_path / "durations.tsv")
    assert check.read_durations() == {}
    check.write_durations({"unit": (10.0, 9.0), "lab": (20.0, 19.0)})
    check.write_durations({"unit": (30.0, 9.0)})
    assert check.read_durations() == {"unit": 30.0, "lab": 20.0}


def test_the_queue_runs_all_but_ends_with_the_first_failure(check, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(check, "LOGS", tmp_path)
    monkeypatch.setattr(check, "ROOT", tmp_path)
    good = [check.Check(f"good/{number}", (sys.executable, "-c", "print('3 passed')")) for number in range(5)]
    runner = check.Runner(good)
    assert runner.run() and len(runner.passed) == 5
    assert re.search(r"^ok  good/3 \(\d+ s\): 3 passed$", capsys.readouterr().out, re.MULTILINE)
    assert set(runner.seconds) == {one.name for one in good} and all(cpu > 0 for _wall, cpu in runner.seconds.values())

    monkeypatch.setattr(check, "WORKERS", 2)
    wait = check.Check("wait", (sys.executable, "-c", "import signal; signal.pause()"))
    bad = check.Check("bad", (sys.executable, "-c", "raise SystemExit('this is wrong')"))
    runner = check.Runner([wait, bad, *good])
    assert not runner.run()
    assert (runner.passed, runner.failed) == ([], [bad])
    said = capsys.readouterr().out
    assert "this is wrong" in said and "--- wait was stopped" in said and "good" not in said


def test_in_ci_a_check_that_failed_runs_again_alone(check, tmp_path, monkeypatch, capsys):
    """Once more and no oftener, not where many fail, and not a check that knows no deadlines."""
    monkeypatch.setattr(check, "LOGS", tmp_path)
    monkeypatch.setattr(check, "ROOT", tmp_path)
    monkeypatch.setattr(check, "WORKERS", 1)
    good = [check.Check("good", (sys.executable, "-c", "print('3 passed')"))]
    once = (
        "import pathlib; there = pathlib.Path('there'); known = there.exists(); there.touch(); raise SystemExit(0 if known else 'too late')"
    )
    late = check.Check("late", (sys.executable, "-c", once))
    runner = check.Runner([late, *good], second_looks=2)
    assert runner.run()
    assert (runner.passed, runner.failed, runner.unstable) == ([*good, late], [], [late])
    assert "too late" in capsys.readouterr().out and "too late" in (tmp_path / "late.first.log").read_text()

    bad = [check.Check(f"bad/{number}", (sys.executable, "-c", "raise SystemExit('this is wrong')")) for number in range(3)]
    runner = check.Runner([bad[0], *good], second_looks=2)
    assert not runner.run()
    assert (runner.passed, runner.failed, runner.unstable) == (good, bad[:1], [])
    assert capsys.readouterr().out.count("FAILED bad/0") == 2

    runner = check.Runner([*bad, *good], second_looks=2)
    assert not runner.run()
    assert (runner.passed, runner.failed) == ([], bad)

    quick = check.Check("quick", bad[0].command, 1.0)
    runner = check.Runner([quick, *good], second_looks=2)
    assert not runner.run()
    assert (runner.passed, runner.failed) == ([], [quick])
