# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Check that a change of what users get brings a changelog fragment.

The change is the working tree against its merge base with the main branch: ``origin/BRANCH`` for the pull request's target branch
(``GITHUB_BASE_REF``), else ``origin/main``, else ``main``. Without one of them there is nothing to compare with, and the check passes.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
USERS_SEE = ("plugins/", "roles/", "playbooks/")
FRAGMENTS = "changelogs/fragments/"


def git(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["git", *arguments], cwd=root, capture_output=True, text=True, check=False)


def lines(root: Path, *arguments: str) -> list[str]:
    """The lines that a git command prints.

    Raises:
        SystemExit: The command failed.
    """
    ended = git(root, *arguments)
    if ended.returncode != 0:
        sys.exit(f"Expected `git {' '.join(arguments)}` to work in {root}, but it ended with {ended.returncode}: {ended.stderr.strip()}")
    return ended.stdout.splitlines()


def merge_base(root: Path) -> str | None:
    """The newest commit that this change has in common with the main branch."""
    target = os.environ.get("GITHUB_BASE_REF")
    for branch in ([f"origin/{target}"] if target else []) + ["origin/main", "main"]:
        base = git(root, "merge-base", "HEAD", branch)
        if base.returncode == 0:
            return base.stdout.strip()
    return None


def changed(root: Path, base: str) -> list[tuple[str, str]]:
    """Each changed file as (letter of ``git diff --name-status``, path); untracked files count as added."""
    tracked = [line.partition("\t") for line in lines(root, "diff", "--name-status", "--no-renames", base)]
    untracked = lines(root, "ls-files", "--others", "--exclude-standard")
    return [(letter, path) for letter, _tab, path in tracked] + [("A", path) for path in untracked]


def missing(files: list[tuple[str, str]]) -> list[str]:
    """The changed files that call for a fragment; none where the change has one."""
    if any(path.startswith(FRAGMENTS) and path.endswith((".yml", ".yaml")) and letter != "D" for letter, path in files):
        return []
    return sorted(path for _letter, path in files if path.startswith(USERS_SEE))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--root", type=Path, default=ROOT, help="the working tree (default: this one)")
    root = parser.parse_args().root
    base = merge_base(root)
    if base is None:
        print("No main branch is here to compare with: whether this change brings a changelog fragment was not checked.")
        return 0
    files = missing(changed(root, base))
    if not files:
        print(f"Nothing is missing, compared with {base[:12]}.")
        return 0
    print(f"Expected a new file in {FRAGMENTS} with this change, because it touches what users get. Found none, but these changes:")
    print("\n".join(f"  {path}" for path in files[:20]))
    if len(files) > 20:
        print(f"  … and {len(files) - 20} more")
    print("Write one (CONTRIBUTING.md says how); its section is `trivial` where users notice nothing.")
    return 1


if __name__ == "__main__":
    sys.exit(main())
