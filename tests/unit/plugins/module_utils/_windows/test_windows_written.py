# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How much the programs of each job have written, from the table of processes."""

from __future__ import annotations

from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._windows.connection import CommandResult
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.processes import written_by_jobs


class Host:
    """Answers with a table."""

    def __init__(self, *rows: str) -> None:
        self._said = "\r\n".join(rows)

    def run(self, argv: list[str], **_options: Any) -> CommandResult:
        assert argv[0].endswith("powershell.exe") and "WriteTransferCount" in argv[-1]
        return CommandResult(0, stdout=self._said)


def test_what_a_job_has_started_counts_for_it() -> None:
    host: Any = Host(
        "0,0,0,",
        "12,4,100,",  # somebody else's
        "30,812,1,folders-logs-1",  # cmd.exe, which writes the exit code
        "31,30,500,",
        "32,31,70,",  # a child's child
        "41,40,9,",
        "40,812,1,folders-packages-2",
        "50,51,7,",  # two that name each other as parents: ids are reused
        "51,50,7,",
    )
    assert written_by_jobs(host) == {"folders-logs-1": 570, "folders-packages-2": 9}


def test_no_job_has_written_nothing() -> None:
    host: Any = Host("0,0,0,", "12,4,100,")
    assert written_by_jobs(host) == {}
