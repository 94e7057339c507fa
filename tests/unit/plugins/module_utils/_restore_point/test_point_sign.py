# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The job that signs: in which order it writes, and what it copies. On the wire: tests/scenarios/restore_point."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError
from ansible_collections.octopus.upgrade.plugins.module_utils._restore_point.request import CreateRequest, Package
from ansible_collections.octopus.upgrade.plugins.module_utils._restore_point.share import Answer, Place, Share
from ansible_collections.octopus.upgrade.plugins.module_utils._restore_point.sign import sign
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.jobs import RunAs
from ansible_collections.octopus.upgrade.tests.unit.restore_point import POINT, Reversing
from ansible_collections.octopus.upgrade.tests.unit.windows_host import FakeHost

JOURNAL = ("C:\\ProgramData\\octopus.upgrade\\runs\\prod\\1.jsonl", "\\\\nas\\b\\runs\\1.jsonl")
KEY = "master-key.vault"


class FakeShare(Share):
    """Remembers the job, and answers that everything was written."""

    def __init__(self, code: int = 0) -> None:
        super().__init__(FakeHost(), RunAs("LAB\\jobs$"), "C:\\work")
        self.code = code
        self.lines: list[str] = []
        self.copies: dict[str, str] | None = None

    def run(self, job: str, path: str, lines: Any, *, inputs: Any = None, copies: Any = None, **_more: Any) -> list[Answer]:
        self.lines, self.copies = list(lines), copies
        return [Answer(self.code, "Access is denied."), *(Answer(0, f"+\n{text}") for text in inputs.values())]


def request(journal: tuple[str, str] | None) -> CreateRequest:
    package = Package("C:\\a.msi", "0" * 64, "2025.3.14357", 9)
    return CreateRequest(Place("\\\\nas\\b", POINT), {}, package, {KEY: "/master-key.vault"}, Reversing(), journal=journal)


def test_the_journal_is_copied_before_the_signature_is_written() -> None:
    share = FakeShare()
    sign(request(JOURNAL), share, "{}")
    steps = share.lines[0].split(" && ")
    folder = share.job_folder("sign", f"\\\\nas\\b\\{POINT}").rpartition("\\")[0]
    moved = [step.split('"')[-2].rpartition("\\")[2] for step in steps if step.startswith("move")]
    assert moved == ["restore-point.json", "1.jsonl", "restore-point.signature"]
    copied = next(step for step in steps if step.startswith("copy") and "journal" in step)
    assert copied.startswith(f'copy /y /b "{folder}\\') and copied.endswith(f'\\journal.jsonl" "{JOURNAL[1]}.part" >nul')
    assert '(if exist "\\\\nas\\b\\runs\\" (ver >nul) else mkdir "\\\\nas\\b\\runs")' in steps
    assert share.copies == {"journal.jsonl": JOURNAL[0]}


def test_without_a_journal_none_is_copied() -> None:
    share = FakeShare()
    sign(request(None), share, "{}")
    assert share.copies is None
    assert "journal" not in share.lines[0]


def test_a_failure_names_both_places() -> None:
    with pytest.raises(OctopusError, match="could not be signed: Access is denied") as caught:
        sign(request(JOURNAL), FakeShare(1), "{}")
    assert f"as LAB\\jobs$, also has to write {JOURNAL[1]}. The same call completes it." in caught.value.message
