# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The guide of checks, from what the plan itself groups them by.

Usage: ``python tools/named_checks.py`` writes ``docs/docsite/rst/guide_checks.rst``; ``--check`` says whether it is current, and whether every check
that is made has an entry.
"""

from __future__ import annotations

import argparse
import ast
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TARGET = ROOT / "docs" / "docsite" / "rst" / "guide_checks.rst"
SOURCES = ROOT / "plugins" / "module_utils" / "_octopus"  # others have findings that no waiver accepts
sys.path.insert(0, str(ROOT / "build" / "tree"))

from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.check_guide.catalogue import GUIDE  # noqa: E402 - the tree comes first
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.check_guide.entry import Entry, Phase  # noqa: E402

HEAD = """..
  Copyright (c) 2026, the octopus.upgrade contributors
  GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
  SPDX-License-Identifier: GPL-3.0-or-later

.. _ansible_collections.octopus.upgrade.docsite.guide_checks:

Checks
======

What a plan asks, by the phase of the upgrade that it is for. This page is written by ``tools/named_checks.py``. The rows of the catalogue of known jumps
are checks too, and have a page of their own: :ref:`ansible_collections.octopus.upgrade.docsite.guide_jumps`. Those of the verification after an upgrade are
in :ref:`ansible_collections.octopus.upgrade.docsite.guide_verification`.

Each check has a verdict:

* ``ok``: as it should be.
* ``warning``: something to know of. It never stops an upgrade, and needs no waiver.
* ``blocker``: the upgrade does not begin.
* ``waived``: it would not begin, but ``octopus_waivers`` names the check. The run record keeps that.
* ``unknown``: it cannot be told, for the reason that is given. It stops the upgrade where the finding would. Where only a job on a node could tell, which
  a plan does not start, it does not: the upgrade looks before it changes anything.

.. contents::
  :local:
"""


def entry(one: Entry) -> list[str]:
    """The lines of one check."""
    links = ", ".join(f"`{_name(link)} <{link}>`__" for link in one.sources)
    return [
        one.name,
        f"  {one.what}",
        "",
        f"  :Why: {one.why}",
        f"  :What to do: {one.fix}",
        f"  :May be waived: {one.waive or 'It is a warning, and stops nothing.'}",
        *([f"  :Known from: {links}"] if links else []),
        "",
    ]


def _name(link: str) -> str:
    found = link.removeprefix("https://github.com/OctopusDeploy/Issues/issues/")
    return f"#{found}" if found != link else link.removeprefix("https://").partition("/")[0]


def document() -> str:
    """The whole page."""
    lines = [HEAD]
    for phase in Phase:
        lines += [phase.value, "-" * len(phase.value), ""]
        for one in GUIDE.values():
            if one.phase is phase:
                lines += entry(one)
    return "\n".join(lines).rstrip() + "\n"


def made(root: Path = SOURCES) -> set[str]:
    """The names of all checks that the sources make: what a call of Check is given first or as ``name``, or what a table of theirs has for it."""
    texts = (path.read_text(encoding="utf-8") for path in sorted(root.rglob("*.py")))
    return {name for text in texts if "heck(" in text or '"expected"' in text for name in _names(ast.parse(text))}


def _names(tree: ast.Module) -> Iterator[str]:
    known = {
        target.id: node.value.value
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("Check", "_check") and node.args:
            first = node.args[0]
            if isinstance(first, ast.Constant):
                yield str(first.value)
            elif isinstance(first, ast.Name) and first.id in known:
                yield known[first.id]
        # As the arguments of a check: {"name": "folders_known", "ok": ...}.
        if isinstance(node, ast.Dict) and {"name", "ok", "expected"} <= {key.value for key in node.keys if isinstance(key, ast.Constant)}:
            yield from (
                str(value.value)
                for key, value in zip(node.keys, node.values, strict=True)
                if isinstance(key, ast.Constant) and key.value == "name" and isinstance(value, ast.Constant)
            )


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--check", action="store_true", help="say whether the page is current and complete, and change nothing")
    if not parser.parse_args().check:
        TARGET.write_text(document(), encoding="utf-8")
        return 0
    missing = sorted(made() - GUIDE.keys())
    if missing:
        print(f"checks without an entry in plugins/module_utils/_octopus/check_guide: {', '.join(missing)}", file=sys.stderr)
    if TARGET.exists() and TARGET.read_text(encoding="utf-8") == document():
        return int(bool(missing))
    print(f"{TARGET.relative_to(ROOT)} is not current: python tools/named_checks.py", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
