# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is told of the verdicts: a table for the operator, and a document without anything of theirs."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError

from .names import plain_version, publishable
from .probe import CONTRADICTION, OK, PARTS, UPGRADE, VERDICTS, Finding, Seen, counted

FORMAT = 1
# Majors of SQL Server's versions, and build numbers of Windows Server, that exist: any other number could mean anything.
_SQL_SERVERS = range(8, 21)
_WINDOWS = (6002, 7601, 9200, 9600, 14393, 16299, 17134, 17763, 18362, 18363, 19041, 19042, 20348, 25398, 26100)


def document(findings: Sequence[Finding], seen: Seen, environment: Mapping[str, int]) -> dict[str, Any]:
    """Return the report, in which every text is one of the collection's own or a name of the product's.

    Args:
        findings: The verdicts.
        seen: What was seen.
        environment: The major version of SQL Server as ``sql_server``, and the build of Windows as ``windows``, where they are known.
    """
    sql_server, windows = environment.get("sql_server"), environment.get("windows")
    return {
        "format": FORMAT,
        "versions": {part: plain_version(seen.versions.get(part)) for part in PARTS},
        "environment": {
            "sql_server": sql_server if sql_server in _SQL_SERVERS else None,
            "windows": windows if windows in _WINDOWS else None,
        },
        "counts": dict(counted(findings)),
        "probes": [as_dict(finding) for finding in findings],
        "seen": {part: {subject: _names(names) for subject, names in seen.names.get(part, {}).items()} for part in PARTS},
    }


def write(path: Path, report: Mapping[str, Any]) -> None:
    """Write the report to a file of the control node.

    Raises:
        OctopusError: It cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        raise OctopusError(
            f"The report {path} cannot be written: {error.strerror}. Set octopus_compatibility_file to another file."
        ) from error


def as_dict(finding: Finding) -> dict[str, Any]:
    """Return one verdict, without anything that the server has told but the names that it lacks."""
    probe = finding.probe
    return {
        "id": probe.id,
        "verdict": finding.verdict,
        "missing": list(finding.missing),
        "reason": finding.reason,
        "since": probe.since,
        "until": probe.until,
        "needed_by": list(probe.needed_by),
        "step": probe.step,
        "source": probe.source,
    }


def _names(names: frozenset[str]) -> dict[str, Any]:
    own, others = publishable(names)
    return {"names": own, "others": others}


def lines(instance: str, findings: Sequence[Finding], seen: Seen) -> list[str]:
    """Return the table as a person reads it: the counts by part, then every verdict that is not ok."""
    numbers = counted(findings)
    version = next((found for part in reversed(PARTS) if (found := seen.versions.get(part))), None)
    told = [f"{instance} ({version or 'version unknown'}): {len(findings)} assumptions, {_counts(numbers)}"]
    told.append(_row("", VERDICTS))
    for part in PARTS:
        own = counted([finding for finding in findings if finding.probe.part == part])
        told.append(_row(part, [str(own[verdict]) for verdict in VERDICTS]))
    told += [_told(finding) for verdict in VERDICTS for finding in findings if finding.verdict == verdict != OK]
    blocking = [finding for finding in findings if finding.blocks(UPGRADE)]
    told.append(
        f"Do not upgrade yet: {len(blocking)} of the contradictions concern a later step of an upgrade."
        if blocking
        else "Nothing here stands in the way of an upgrade."
    )
    return told


def _counts(numbers: Mapping[str, int]) -> str:
    return ", ".join(f"{numbers[verdict]} {verdict}" for verdict in VERDICTS)


def _row(part: str, cells: Sequence[str]) -> str:
    return f"{part:<10}" + "".join(f"{cell:>15}" for cell in cells)


def _told(finding: Finding) -> str:
    probe = finding.probe
    why = f"without {', '.join(finding.missing)}" if finding.verdict == CONTRADICTION else finding.reason
    needed = f"; {', '.join(probe.needed_by)} needs it ({probe.step})" if probe.needed_by else f"; {probe.step}" if probe.step else ""
    return f"{finding.verdict}: {probe.id}: {why}{needed}"
