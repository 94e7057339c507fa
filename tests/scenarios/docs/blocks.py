# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The code blocks of README.md and of the guides, and the commands in them."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
README = ROOT / "README.md"
GUIDES = sorted((ROOT / "docs/docsite/rst").glob("*.rst"))
_DIRECTIVE = re.compile(r"( *)\.\. code-block:: *(\w+)\n((?: +:\w+:.*\n)*)\n((?:\1 +.*\n|\n)+)")
_FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_CAPTION = re.compile(r":caption: *(.+)")
_COMMENT = re.compile(r"\s{2,}#\s.*$")


@dataclass(frozen=True)
class Block:
    """One block of code.

    Attributes:
        page: The name of the file that it is in, without its suffix.
        language: As the text says: ``console``, ``yaml``, ``powershell``, ...
        text: Without its indentation.
        caption: Which file a reader saves it as; empty for none.
    """

    page: str
    language: str
    text: str
    caption: str = ""

    def commands(self) -> list[str]:
        """What a reader types: the lines after ``$``, with what a backslash continues and without remarks at their ends."""
        if self.language != "console":
            return []
        lines = self.text.replace("\\\n", " ").splitlines()
        return [" ".join(_COMMENT.sub("", line)[2:].split(" ")).strip() for line in lines if line.startswith("$ ")]


def blocks(path: Path) -> list[Block]:
    """Every block of a page, in its order."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".md":
        return [Block(path.stem, language, body) for language, body in _FENCE.findall(text)]
    found = []
    for _indent, language, options, body in _DIRECTIVE.findall(text):
        caption = _CAPTION.search(options)
        found.append(Block(path.stem, language, textwrap.dedent(body).strip("\n") + "\n", caption[1].strip() if caption else ""))
    return found


def page(name: str) -> list[Block]:
    """The blocks of one guide."""
    return blocks(ROOT / "docs/docsite/rst" / f"{name}.rst")


def every_block() -> Iterator[Block]:
    for path in (README, *GUIDES):
        yield from blocks(path)
