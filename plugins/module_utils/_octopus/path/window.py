# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Windows of versions, as the catalogue writes them: ``>=2019.1.0,<2019.2~; 2019.2.5``. No I/O."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from ..errors import OctopusError
from ..version import Version

_BOUND = re.compile(r"(>=|<=|<|>|)\s*([0-9][0-9A-Za-z.+-]*)(~?)")


@dataclass(frozen=True)
class Span:
    """All versions from ``lower`` (included) to ``upper`` (excluded); None where there is no bound."""

    lower: Version | None = None
    upper: Version | None = None

    def __contains__(self, version: Version) -> bool:
        return (self.lower is None or self.lower <= version) and (self.upper is None or version < self.upper)


@dataclass(frozen=True)
class Window:
    """One or more spans of versions.

    A build number does not order across streams, so a fix that reached several of them is written as one span for each:
    ``>=2022.3.0,<2022.3.10780; >=2022.4.0,<2022.4.8151``.

    Attributes:
        spans: The spans; none holds no version.
        text: What it was read from.
        deduced: Whether one of its bounds was worked out from dates and builds, and not named by the vendor. Written as ``~``.
    """

    spans: tuple[Span, ...]
    text: str
    deduced: bool = False

    def __contains__(self, version: Version) -> bool:
        return any(version in span for span in self.spans)

    def __str__(self) -> str:
        return self.text


@lru_cache(maxsize=1024)
def window(text: str) -> Window:
    """Read a window: spans separated by ``;``, bounds by ``,``; a version alone is that one, ``any`` has no bound.

    Raises:
        OctopusError: It cannot be read.
    """
    if text.strip() == "any":
        return Window((Span(),), text)
    spans = tuple(_span(part, text) for part in text.split(";"))
    return Window(spans, text, "~" in text)


def _span(part: str, text: str) -> Span:
    lower = upper = None
    for bound in part.split(","):
        found = _BOUND.fullmatch(bound.strip())
        if not found:
            raise OctopusError(f"expected versions such as >=2019.1.0,<2019.2 and found {text!r}")
        sign, version = found[1], Version.parse(found[2])
        if sign == ">=" and lower is None:
            lower = version
        elif sign == "<" and upper is None:
            upper = version
        elif sign == "<=" and upper is None:
            upper = _after(version)
        elif sign == "" and lower is None and upper is None:
            lower, upper = version, _after(version)
        else:
            raise OctopusError(f"expected at most one lower bound (>=) and one upper bound (< or <=) and found {text!r}")
    if lower is not None and upper is not None and lower >= upper:
        raise OctopusError(f"expected the lower bound below the upper one and found {text!r}")
    return Span(lower, upper)


def _after(version: Version) -> Version:
    """The lowest version above this one. Versions have four parts at most."""
    return Version((*version.parts[:3], version.parts[3] + 1))
