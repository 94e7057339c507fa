# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What two commands tell of all jobs of a host, on a German one too. On the wire: tests/scenarios/windows/test_job_sweep.py."""

from __future__ import annotations

import pytest
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.errors import HostError
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.job_files import MARK
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.job_survey import survey
from ansible_collections.octopus.upgrade.tests.unit.windows_host import FakeHost

ROOT = "D:\\Octopus work"
JOBS = f"{ROOT}\\jobs"
QUERY = "C:\\Windows\\System32\\schtasks.exe /query"
RUNNING, NEVER, QUEUED, TERMINATED = 0x41301, 0x41303, 0x41325, 0x41306


def row(name: str, result: object, folder: str = "octopus.upgrade") -> str:
    return f'"OCTO-A","\\{folder}\\{name}","N/A","Wird ausgeführt","X","23.11.2026 21:00:00","{result}","me","cmd ""/c"" x"'


def printed(tasks: list[str], folders: list[str] = (), files: list[str] = ()) -> str:
    lists = ("".join(f"{one}\n" for one in part) for part in (tasks, folders, [f"{JOBS}\\{one}" for one in files]))
    return f"{MARK}\n".join(lists)


def host_with(listing: str, **details: str) -> FakeHost:
    return FakeHost({QUERY: listing, **{{"codes": "type", "held": "((ver"}[name]: text for name, text in details.items()}})


def statuses(host: FakeHost, root: str = ROOT) -> dict[str, tuple[str, int | None]]:
    return {job.identity: (job.status, job.exit_code) for job in survey(host, root)}


def test_nothing_there_takes_one_command():
    host = host_with(
        printed([row("x", RUNNING, "Microsoft\\Windows"), '"OCTO-A","broken comment', 'of two lines","\\octopus.upgrade\\no"'])
    )
    assert survey(host, ROOT) == []
    assert len(host.commands) == 1
    for part in (f'dir /b /ad "{JOBS}"', f'dir /s /b /a-d "{JOBS}"'):
        assert part in host.commands[0]


def test_tasks_are_asked_for_before_folders():
    """Else one that ends in between would look lost."""
    host = host_with(printed([]))
    survey(host, ROOT + "\\")
    assert host.commands[0].index("schtasks.exe") < host.commands[0].index("dir")
    assert '\\\\jobs"' not in host.commands[0]


def test_how_each_stands():
    tasks = [row("a-1", RUNNING), row("b-1", QUEUED), row("c-1", NEVER), row("d-1", NEVER), row("e-1", TERMINATED), row("f-1", -2147020576)]
    files = ["A-1\\started", "A-1\\output.txt", "d-1\\STARTED", "g-1\\command.cmd", "h-1\\started"]
    host = host_with(printed(tasks, ["A-1", "d-1", "g-1", "h-1", "i-1"], files))
    found = {job.identity: job for job in survey(host, ROOT)}
    assert {name: job.status for name, job in found.items()} == {
        "a-1": "running",
        "b-1": "running",
        "c-1": "created",
        "d-1": "lost",
        "e-1": "lost",
        "f-1": "lost",
        "g-1": "absent",
        "h-1": "lost",
        "i-1": "absent",
    }
    assert len(host.commands) == 1, "none has output or an exit code to ask for"
    assert found["a-1"].since == "23.11.2026 21:00:00"
    assert found["i-1"].since is None
    assert found["a-1"].files == {"started", "output.txt"}
    assert found["a-1"].kind == "a"


def test_exit_codes_come_with_a_second_command():
    files = [f"{name}\\exit.code" for name in ("a-1", "b-1", "c-1")]
    host = host_with(printed([row("b-1", 0)], ["a-1", "b-1", "c-1"], files), codes=f"0 0 \n{MARK}\n0 -5 3 \n{MARK}\n\n")
    assert statuses(host) == {"a-1": ("finished", 0), "b-1": ("finished", -5), "c-1": ("finished", None)}
    assert host.commands[1].count(f'type "{JOBS}') == 3


@pytest.mark.parametrize(("answer", "status", "orphaned"), [("held", "running", True), ("free", "lost", False)])
def test_what_a_task_has_left_running_runs(answer, status, orphaned):
    listing = printed([row("a-1", TERMINATED)], ["a-1"], ["a-1\\started", "a-1\\output.txt"])
    host = host_with(listing, held=f"{answer}\n")
    [job] = survey(host, ROOT)
    assert (job.status, job.orphaned) == (status, orphaned)
    assert host.commands[1] == f'((ver >nul) >>"{JOBS}\\a-1\\output.txt" 2>nul && echo free|| echo held)'


def test_many_jobs_are_asked_for_in_lines_that_cmd_takes():
    names = [f"folders-{number:040}-{number}" for number in range(100)]
    host = FakeHost({QUERY: printed([], names, [f"{name}\\exit.code" for name in names])})
    host.answers["type"] = lambda line: MARK.join("7\n" for _one in range(line.count("exit.code")))
    assert set(statuses(host).values()) == {("finished", 7)}
    assert len(host.commands) == 4
    assert max(map(len, host.commands)) < 8000


def test_names_that_no_job_has_are_left_out():
    host = host_with(printed([row("below\\x", RUNNING), row("a b", RUNNING)], ["not a job", "..", "x" * 101], ["note.txt"]))
    assert survey(host, ROOT) == []


def test_what_cannot_be_read_is_no_empty_list():
    # Without tasks, the first mark is missing.
    with pytest.raises(HostError, match=r"octo-a .*cannot list the jobs: schtasks\.exe failed"):
        survey(FakeHost({QUERY: f"{MARK}\n"}), ROOT)
    with pytest.raises(HostError, match="cannot list the jobs: FEHLER: Zugriff"):
        survey(FakeHost({QUERY: (1, "FEHLER: Zugriff")}), ROOT)
    with pytest.raises(HostError, match=r"as the last result of the task \\octopus\.upgrade\\a-1 but found 'N/A'"):
        survey(host_with(printed([row("a-1", "N/A")])), ROOT)
    files = ["a-1\\exit.code", "b-1\\exit.code"]
    with pytest.raises(HostError, match="cannot read how the jobs ended"):
        survey(host_with(printed([], ["a-1", "b-1"], files), codes="0\n"), ROOT)
