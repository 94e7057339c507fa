# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the lab only assumes, gathered from its own words: every sentence in a docstring or comment that says *assumed*.

Usage: ``python tools/lab_assumptions.py`` writes ``tests/lab/ASSUMPTIONS.md``; ``--check`` says whether it is current.
"""

from __future__ import annotations

import argparse
import ast
import io
import re
import sys
import tokenize
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LAB = ROOT / "tests" / "lab"
TARGET = LAB / "ASSUMPTIONS.md"
HEAD = """# What the lab assumes

Each line is the lab's own word, gathered by `python tools/lab_assumptions.py`. A real host may do otherwise: where one does, the lab and
the collection are to be corrected. `tests/acceptance` checks the assumptions about Windows on a host.
"""
WORD = re.compile(r"\*assumed\*|\bassumed\b", re.IGNORECASE)
SENTENCE = re.compile(r"(?<=[.!?;])\s+(?=[A-Z`*\"(])|\n\s*\n|\n\s*[*-] ")


def texts(source: str) -> Iterator[str]:
    """Docstrings and blocks of comment lines."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            text = ast.get_docstring(node)
            if text:
                yield text
    block: list[str] = []
    last = -2
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type != tokenize.COMMENT:
            continue
        if token.start[0] != last + 1 and block:
            yield "\n".join(block)
            block = []
        block.append(token.string.lstrip("#: "))
        last = token.start[0]
    if block:
        yield "\n".join(block)


def assumptions(source: str) -> list[str]:
    """The sentences that say that something is assumed, each on one line."""
    found = [" ".join(sentence.split()) for text in texts(source) for sentence in SENTENCE.split(text) if WORD.search(sentence)]
    return list(dict.fromkeys(found))


def document() -> str:
    parts = [HEAD]
    for path in sorted(LAB.rglob("*.py")):
        found = assumptions(path.read_text(encoding="utf-8"))
        if found:
            parts.append(f"\n## {path.relative_to(LAB)}\n\n" + "".join(f"- {sentence}\n" for sentence in found))
    return "".join(parts)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    text = document()
    if parser.parse_args().check:
        if not TARGET.exists() or TARGET.read_text(encoding="utf-8") != text:
            print(f"{TARGET.relative_to(ROOT)} is not what the lab says now: run python tools/lab_assumptions.py", file=sys.stderr)
            return 1
        return 0
    TARGET.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
