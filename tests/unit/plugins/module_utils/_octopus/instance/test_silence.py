# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The program's own switches are used where its help lists them, on a stopped instance, and never in check mode."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.instance import silence
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.instance.found import FoundInstance
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.instance.request import InstanceRequest
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.instance.results import InstanceResult
from ansible_collections.octopus.upgrade.tests.unit.windows_host import FakeHost

EXE = r"C:\Program Files\Octopus Deploy\Octopus\Octopus.Server.exe"
HELP = "  --instance=VALUE x\n  --upgradeCheck=VALUE\n  --SendTelemetry=VALUE\n  --experiencesEnabled=VALUE\n"
ALL = "--upgradeCheck=False --sendTelemetry=False --experiencesEnabled=False"


def ran(
    monkeypatch: pytest.MonkeyPatch, said: Any, state: str | None, check_mode: bool = False, changes: int = 0
) -> tuple[list[str], list[str]]:
    """What was run of configure, and the names of the changes."""
    host = FakeHost({f"{EXE} configure --help": said})
    host.answers["reg query"] = (1, "")
    host.answers[f"{EXE} configure --instance"] = (0, "")
    result = InstanceResult("A")
    result.service = {"state": state} if state else None
    for number in range(changes):
        result.change(f"change {number}", None, "x")
    found = FoundInstance(host, InstanceRequest("A", "present", check_mode=check_mode, silent=True), result)
    monkeypatch.setattr(found, "check_may_change", lambda: None)
    silence.apply(found)
    return [" ".join(line) if isinstance(line, list) else line for line in host.ran(f"{EXE} configure --instance")], [
        one.what for one in result.changes
    ]


@pytest.mark.parametrize("state", [None, "stopped"])
def test_what_the_help_lists_is_turned_off(monkeypatch: pytest.MonkeyPatch, state: str | None) -> None:
    lines, changes = ran(monkeypatch, HELP, state, changes=1)
    assert len(lines) == 1 and lines[0].endswith(ALL)
    assert changes == ["change 0", "silent"]
    assert ran(monkeypatch, HELP, state)[1] == []


@pytest.mark.parametrize(("said", "state", "check_mode"), [(HELP, "running", False), (HELP, "stopped", True), ((1, "?"), "stopped", False)])
def test_otherwise_nothing_is_run(monkeypatch: pytest.MonkeyPatch, said: Any, state: str, check_mode: bool) -> None:
    assert ran(monkeypatch, said, state, check_mode, changes=1) == ([], ["change 0"])
