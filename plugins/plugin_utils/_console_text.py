# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Results of tasks as the console shows them. No I/O, no Ansible. Private to this collection."""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from ansible_collections.octopus.upgrade.plugins.module_utils._core.progress import clock

_HEAD = re.compile(r" +|\d+:\d\d:\d\d  \S+ +(step +\d+ of \d+  (\d+:\d\d:\d\d  )?)?")  # what the rest of a line is indented by
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]")
TITLE, GOOD, BAD, WARN, PLAIN = "title", "good", "bad", "warn", "plain"


class Line(NamedTuple):
    """A line, and what it is: one of the tones above."""

    text: str
    tone: str = PLAIN


def clean(words: str) -> str:
    """Return a text without the control characters that a program on a host may have printed, except for ends of lines."""
    return _CONTROL.sub("", words)


def wrapped(words: str, width: int) -> str:
    """Return lines none of which is longer than a terminal is wide, where that takes no word apart; what is broken off is indented as its line.

    Args:
        words: The lines, each with what a :class:`Line` has at its beginning.
        width: Characters in a line of the terminal.
    """
    found = []
    for line in words.splitlines() or [""]:
        head = _HEAD.match(line)
        indent = head[0] if head else ""
        rest = textwrap.wrap(line[len(indent) :], max(width - len(indent), 20), break_long_words=False, break_on_hyphens=False)
        found += [indent + rest[0], *(" " * len(indent) + more for more in rest[1:])] if rest else [line]
    return "\n".join(found)


def message(result: Mapping[str, Any]) -> str:
    """The message of a failure."""
    return str(result.get("msg") or result.get("censored") or result.get("reason") or "it gave no message")


def messages(result: Mapping[str, Any]) -> list[str]:
    """The message of a failure, and where to look where it is a bug."""
    return [message(result), *(["It looks like a bug: -vvv shows where."] if "Traceback" in str(result.get("exception")) else [])]


def shown(result: Mapping[str, Any]) -> list[str]:
    """What a debug task shows, without JSON where it is text."""
    if "msg" in result:
        said = result["msg"]
    else:
        said = {name: value for name, value in result.items() if not name.startswith("_") and name not in ("changed", "failed")}
    if isinstance(said, (list, tuple)) and all(isinstance(one, str) for one in said):
        return list(said)
    return str(said).splitlines() if isinstance(said, str) else json.dumps(said, indent=2, default=str, ensure_ascii=False).splitlines()


# -- the final block


def final(label: str, report: Mapping[str, Any], told: Sequence[str]) -> list[Line]:
    """How a run ended, without what was told when it happened.

    Args:
        label: What the instance is called.
        report: The result of octopus_run_report or octopus_clone_report.
        told: The failures that were told, in full.
    """
    summary = [str(line) for line in report.get("summary") or []]
    rest = str(report.get("message") or "")
    lines = [Line(summary[0] if summary else f"{label}: failed", BAD if rest else GOOD)]
    for line in summary[1:]:
        lines += outage(report.get("record") or {}) if line.startswith("outage: ") else [Line(f"  {line}")]
    for one in sorted(told, key=len, reverse=True):
        # With the name of its task before it, on the same line.
        rest = re.sub(rf"^.*{re.escape(one)}$", "", rest, flags=re.MULTILINE)
    known = [line.strip() for line in summary if line.startswith("record: ")]
    return lines + [Line(f"  {line}", BAD) for line in rest.splitlines() if line.strip() and line.removeprefix("Run ") not in known]


def outage(record: Mapping[str, Any]) -> list[Line]:
    """The outage as hh:mm:ss, by cause."""
    seconds = record.get("outage_seconds")
    if seconds is None:
        return [Line("  outage: none")]
    causes: Mapping[str, float] = record.get("outage_by_cause") or {}
    wide = max((len(cause) for cause in causes), default=0)
    told = [Line(f"    {cause:<{wide}}  {clock(took)}") for cause, took in causes.items() if took >= 0.5]
    return [Line(f"  outage: {clock(seconds)}"), *told]
