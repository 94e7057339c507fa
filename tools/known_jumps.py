# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The guide of known upgrade jumps, from the catalogue itself.

Usage: ``python tools/known_jumps.py`` writes ``docs/docsite/rst/guide_jumps.rst``; ``--check`` says whether it is current.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TARGET = ROOT / "docs" / "docsite" / "rst" / "guide_jumps.rst"
sys.path.insert(0, str(ROOT / "build" / "tree"))

from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.path.catalogue import ROWS  # noqa: E402 - the tree comes first
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.path.conditions import CONDITIONS  # noqa: E402
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.path.row import Confidence, Kind, Row  # noqa: E402

HEAD = """..
  Copyright (c) 2026, the octopus.upgrade contributors
  GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
  SPDX-License-Identifier: GPL-3.0-or-later

.. _ansible_collections.octopus.upgrade.docsite.guide_jumps:

Known upgrade jumps
===================

What is publicly known of jumps that break, go wrong in silence, or need something first. The plan uses it to choose the upgrade path and to check it
(see :ref:`ansible_collections.octopus.upgrade.docsite.guide_upgrade`). This page is written by ``tools/known_jumps.py``.

A row counts where the installed version is one of *from*, the version to be installed is one of *to*, and its condition holds or cannot be told. A
bound with ``~`` was deduced from dates and builds. *Blocks* says whether the plan refuses the jump; waive it in ``octopus_waivers`` by the row's name.

.. contents::
  :local:
"""
KINDS = {
    Kind.SCHEMA: "the schema upgrade fails",
    Kind.START: "the server does not start afterwards",
    Kind.SILENT: "it succeeds, and something is wrong",
    Kind.SLOW: "it takes very long",
    Kind.FLOOR: "something else has to be newer first",
    Kind.LICENCE: "the licence has to be in order",
    Kind.MANUAL: "somebody has to do something",
}
CONFIDENCE = {
    Confidence.VENDOR: "documented by the vendor",
    Confidence.FIXED: "an issue that names the fixed builds",
    Confidence.DATED: "an issue with a dated release note",
    Confidence.REPORT: "single reports",
    Confidence.INFERRED: "inferred",
}


def entry(row: Row) -> list[str]:
    """The lines of one row."""
    links = ", ".join(f"`{_name(source)} <{link}>`__" for source, link in zip(row.sources, row.links(), strict=True))
    answer = [f"  :Answered: {row.answered}"] if row.answered else [f"  :Blocks: {'yes' if row.blocks else 'no'}"]
    return [
        row.id,
        *([f"  :Condition: {CONDITIONS[row.when]}"] if row.when else []),
        f"  :From: ``{row.origin}``",
        f"  :To: ``{row.target}``",
        f"  :Known from: {links} ({CONFIDENCE[row.confidence]})",
        *answer,
        "",
        f"  {row.problem}. {row.way}.",
        "",
    ]


def _name(source: str) -> str:
    return source if source.startswith("#") else source.removeprefix("https://").partition("/")[0]


def document() -> str:
    """The whole page."""
    lines = [HEAD]
    for kind, title in KINDS.items():
        heading = f"{title[0].upper()}{title[1:]}"
        lines += [heading, "-" * len(heading), ""]
        for row in sorted((row for row in ROWS if row.kind is kind), key=lambda row: row.id):
            lines += entry(row)
    return "\n".join(lines).rstrip() + "\n"


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--check", action="store_true", help="say whether the page is current, and change nothing")
    if not parser.parse_args().check:
        TARGET.write_text(document(), encoding="utf-8")
        return 0
    if TARGET.exists() and TARGET.read_text(encoding="utf-8") == document():
        return 0
    print(f"{TARGET.relative_to(ROOT)} is not current: python tools/known_jumps.py", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
