# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is told while a package is installed."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.octopus.upgrade.plugins.module_utils._core import progress
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.package import watch
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.errors import HostError
from ansible_collections.octopus.upgrade.tests.unit.windows_host import FakeHost

HEAD = "MSI (s) (A0:EC) [21:04:05:123]: "
LINES = [
    f"{HEAD}Doing action: InstallInitialize",
    f"{HEAD}Doing action: InstallFiles",
    f"{HEAD}Doing action: WriteRegistryValues",
    f"{HEAD}Doing action: InstallFinalize",
    f"{HEAD}Running Script: C:\\Windows\\Installer\\MSI1.tmp",
    f"{HEAD}Executing op: ActionStart(Name=InstallFiles,Description=Copying new files,)",
    f"{HEAD}Executing op: ProgressTotal(Total=400,Type=0,ByteEquivalent=1)",
    f"{HEAD}Executing op: FileCopy(SourceName=a,FileSize=100,PerTick=65536)",
    f"{HEAD}Executing op: FileCopy(SourceName=b,FileSize=300,PerTick=65536)",
]
AT_FIRST, LATER = (0.0, 5.0, 16.0, 16.5, 20.0), (0.0, 16.0, 16.0, 32.0, 32.0)


def _told(answers: list[Any], times: tuple[float, ...] = AT_FIRST, listens: bool = True) -> tuple[list[Any], list[str]]:
    def printed(_command: str) -> Any:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    host, clock, told = FakeHost({"type": printed}), iter(times), []
    with progress.listening(told.append):
        tested = watch.Watch(host, "C:\\a.log", "installing 2026.2.9853", progress.Progress(), clock=lambda: next(clock))
        if listens:
            for _poll in range(3 if times == AT_FIRST else 2):
                tested()
    if not listens:
        tested()
    return told, host.commands


def test_the_action_and_its_percentage_are_told_from_time_to_time() -> None:
    told, commands = _told(["\r\n".join(LINES)])
    assert (told, len(commands)) == (["octo-a: installing 2026.2.9853: copying files, action 1 of 2 (25 %)"], 1)
    assert told[0].percent == 25.0


def test_the_second_look_asks_for_the_rest_only() -> None:
    told, commands = _told(["\r\n".join(LINES[:2]), "\r\n".join(LINES[1:])], LATER)
    assert told == [
        "octo-a: installing 2026.2.9853: copying files",
        "octo-a: installing 2026.2.9853: copying files, action 1 of 2 (25 %)",
    ]
    assert [command.rpartition("+")[2] for command in commands] == ["0", "1"]


@pytest.mark.parametrize("answer", [(1, ""), HostError("gone", "octo-a")])
def test_a_log_that_does_not_tell_fails_no_installation(answer: Any) -> None:
    told, commands = _told([answer])
    assert (told, len(commands)) == ([], 1)


def test_a_look_that_failed_is_made_up_for_by_the_next() -> None:
    told, _commands = _told([HostError("gone", "octo-a"), "\r\n".join(LINES)], LATER)
    assert told == ["octo-a: installing 2026.2.9853: copying files, action 1 of 2 (25 %)"]


def test_a_host_is_not_asked_for_what_nobody_reads() -> None:
    assert _told([], listens=False) == ([], [])
