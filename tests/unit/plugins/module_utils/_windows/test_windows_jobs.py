# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Jobs: what is written to the host, what a poll means, when a job is attached to, when it is lost. On the wire: tests/scenarios/windows."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

import pytest
from ansible_collections.octopus.upgrade.plugins.module_utils._core import stopping
from ansible_collections.octopus.upgrade.plugins.module_utils._windows import jobs, processes
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.errors import HostError, HostTimeout, HostUnreachable
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.job_files import MARK, RunAs, command_file, read_poll, task_xml
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.job_group import remove_all, wait_all
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.jobs import Job, job_id
from ansible_collections.octopus.upgrade.tests.unit.windows_host import FakeHost

ROOT = "C:\\ProgramData\\octopus.upgrade"
FOLDER = f"{ROOT}\\jobs\\one"
PREPARE = f'(mkdir "{ROOT}"'
POLL = f'type "{FOLDER}\\exit.code"'
ANY_POLL = f'type "{ROOT}\\jobs\\'
REMOVE = '"C:\\Windows\\System32\\schtasks.exe" "/delete"'
WRITE_XML = 'C:\\Windows\\System32\\findstr.exe "^" >"'


def row(result: int) -> str:
    return f'"OCTO-A","\\octopus.upgrade\\one","N/A","Wird ausgeführt","X","23.11.2026 21:00:00","{result}","me"'


def printed(codes: str = "", started: str = "started", output: str = "", result: int | None = 0x41301) -> str:
    return f"{codes}{MARK}\n{started}\n{MARK}\n{output}{MARK}\n{row(result) if result is not None else ''}\n"


@pytest.mark.parametrize(
    ("text", "status", "codes"),
    [
        (printed(), "running", ()),
        (printed("0 \n", result=0), "finished", (0,)),
        (printed("0 -1073741819 \n"), "finished", (0, -1073741819)),
        (printed(result=0x41325, started=""), "running", ()),
        (printed(result=0x41303, started=""), "created", ()),
        (printed(result=None, started=""), "absent", ()),
        (printed(result=None), "lost", ()),
        (printed(result=0x41306), "lost", ()),
        (printed(result=-2147020576), "lost", ()),
        (printed(result=0), "lost", ()),
    ],
)
def test_what_a_poll_means(text, status, codes):
    found = read_poll(text)
    assert (found.status, found.exit_codes) == (status, codes)


def test_output_may_hold_anything():
    assert read_poll(printed(output=f"a\n{MARK}\nb")).output == f"a\n{MARK}\nb"
    assert read_poll("nonsense") is None
    assert read_poll(f"{MARK}{MARK}") is None


def test_the_command_file():
    lines = command_file(FOLDER, [["C:\\a b\\x.exe", "50%", "c&d"], 'dir "C:\\"']).split("\r\n")
    assert lines[0] == "@echo off"
    assert f'"C:\\a b\\x.exe" "50%%" "c&d" >"{FOLDER}\\output.txt" 2>&1 <nul' in lines
    assert f'dir "C:\\" >>"{FOLDER}\\output.txt" 2>&1 <nul' in lines
    assert f'(echo %octopus_code0% %octopus_code1%)>"{FOLDER}\\exit.tmp"' in lines
    assert lines[-2] == f'move /y "{FOLDER}\\exit.tmp" "{FOLDER}\\exit.code" >nul'
    for bad in ([], [["a", 'x"y']]):
        with pytest.raises(ValueError, match=r"at least one command|double quote"):
            command_file(FOLDER, bad)


def test_the_tasks_definition_is_ascii_and_well_formed():
    text = task_xml(FOLDER, RunAs("DOMÄNE\\o'x & co", "pw"), "für <alle>")
    assert text.isascii()
    assert "pw" not in text
    root = ET.fromstring(text)
    names = {element.tag.partition("}")[2]: element.text for element in root.iter()}
    assert names["UserId"] == "DOMÄNE\\o'x & co"
    assert names["LogonType"] == "Password"
    assert names["ExecutionTimeLimit"] == "PT0S"
    assert names["Arguments"] == f'/d /s /c ""{FOLDER}\\command.cmd""'
    assert "S-1-5-18" in task_xml(FOLDER, RunAs(), "")


@pytest.mark.parametrize(
    ("account", "needs"),
    [("SYSTEM", False), ("NT AUTHORITY\\SYSTEM", False), ("LAB\\gmsa$", False), ("NT AUTHORITY\\NETWORK SERVICE", False), ("LAB\\x", True)],
)
def test_which_accounts_need_a_password(account, needs):
    assert RunAs(account).needs_password is needs
    assert "pw" not in repr(RunAs(account, "pw"))


def test_started_as_system_in_two_commands():
    host = FakeHost({PREPARE: "", WRITE_XML: ""})
    job = Job(host, ROOT, "one")
    assert job.start([["hostname"]]).status == "running"
    assert not job.attached
    assert len(host.commands) == 2
    assert "icacls" in host.commands[0]
    assert '"/ru" "SYSTEM"' in host.commands[1]
    assert host.commands[1].endswith('"/run" "/tn" "\\octopus.upgrade\\one"')


def test_inputs_lie_in_the_jobs_folder_before_it_runs():
    host = FakeHost({PREPARE: "", WRITE_XML: "", '"C:\\Windows\\System32\\findstr.exe" "^" >': ""})
    Job(host, ROOT, "one").start([["hostname"]], inputs={"sealed.vault": "$ANSIBLE_VAULT;1.1;AES256\n6162\n"})
    assert "icacls" in host.commands[0]
    assert host.commands[1].endswith(f'>"{FOLDER}\\sealed.vault"')
    assert host.given[1]["stdin"] == "$ANSIBLE_VAULT;1.1;AES256\r\n6162\r\n"
    assert '"/run"' in host.commands[2]


def test_a_password_goes_through_stdin_only():
    host = FakeHost({PREPARE: "", WRITE_XML: "", '"C:\\Windows\\System32\\schtasks.exe" "/create"': ""})
    Job(host, ROOT, "one").start([["hostname"]], RunAs("LAB\\x", "S3cret"))
    assert "S3cret" not in "".join(host.commands)
    assert "/grant" in host.commands[0]
    assert host.given[-1]["stdin"] == "S3cret\r\n"
    assert '"/rp" "*"' in host.commands[-1]


def test_a_refusal_shows_no_password():
    host = FakeHost({PREPARE: "", WRITE_XML: "", '"C:\\Windows\\System32\\schtasks.exe" "/create"': (1, "S3cret is wrong")})
    with pytest.raises(HostError, match=r"as LAB\\x: \*+ is wrong.*log on as a batch job"):
        Job(host, ROOT, "one").start([["hostname"]], RunAs("LAB\\x", "S3cret"))


@pytest.mark.parametrize(("codes", "status"), [("", "running"), ("0\n", "finished")])
def test_an_existing_job_is_attached_to(codes, status):
    host = FakeHost({PREPARE: (100, ""), POLL: printed(codes)})
    job = Job(host, ROOT, "one")
    assert job.start([["hostname"]]).status == status
    assert job.attached


def test_what_an_interrupted_start_left_is_begun_anew():
    prepared = iter([(100, ""), (0, "")])
    host = FakeHost({PREPARE: lambda _line: next(prepared), POLL: printed(started="", result=None), REMOVE: "", WRITE_XML: ""})
    job = Job(host, ROOT, "one")
    assert job.start([["hostname"]]).status == "running"
    assert not job.attached
    assert host.ran(REMOVE)


def test_a_lost_job_is_not_started_again_unasked():
    prepared = iter([(100, ""), (100, ""), (0, "")])
    lost = printed(output="last words\n", result=0x41306)
    host = FakeHost({PREPARE: lambda _line: next(prepared), POLL: lost, REMOVE: "", WRITE_XML: ""})
    job = Job(host, ROOT, "one")
    with pytest.raises(HostError, match=r"ended without an exit code.*last words"):
        job.start([["hostname"]])
    assert job.start([["hostname"]], restart_lost=True).status == "running"


def test_an_end_between_two_looks_is_not_a_loss():
    polls = iter([printed(result=0), printed("7\n", result=7)])
    host = FakeHost({POLL: lambda _line: next(polls)})
    assert Job(host, ROOT, "one").poll().exit_code == 7


def test_output_is_paged_and_the_page_is_verified():
    polls = iter(
        [
            printed(output="a\nb\nhal"),
            printed(output="b\nhalf\nc\n"),  # more +1: everything but the first line
            printed(output="wrong\n"),  # more broke off
            printed("0\n", output="a\nb\nhalf\nc\nend"),  # so the whole is read
        ]
    )
    host = FakeHost({POLL: lambda _line: next(polls)})
    job = Job(host, ROOT, "one")
    seen = []
    for _number in range(3):
        state = job.poll(seen.extend)
    assert seen == ["a", "b", "half", "c", "end"]
    assert state.output_tail == ("a", "b", "half", "c", "end")
    assert [("more.com +1" in line, "more.com +3" in line) for line in host.commands] == [
        (False, False),
        (True, False),
        (False, True),
        (False, False),
    ]


READ = f'type "{FOLDER}\\output.txt"'


@pytest.mark.parametrize(
    ("output", "read_again"),
    [
        ("whole\nend", False),
        ("", True),  # or the file is missing, and reading it says so
        ("h\0a\0l\0f\0", True),  # UTF-16
        ("\ufffd", True),
    ],
)
def test_output_that_the_last_poll_has_shown_is_not_read_again(output, read_again):
    host = FakeHost({POLL: printed("0\n", output=output), READ: "read", REMOVE: "", PREPARE: "", WRITE_XML: ""})
    job = Job(host, ROOT, "one")
    job.poll()
    assert job.output() == ("read" if read_again else output)
    job.remove()
    assert job.output() == "read", "a removed job has no output that one could remember"


def test_output_that_a_job_has_added_to_is_read():
    polls = iter([printed(output="a\nb\n"), printed("0\n", output="b\nc\n")])
    host = FakeHost({POLL: lambda _line: next(polls), READ: "a\nb\nc\n"})
    job = Job(host, ROOT, "one")
    job.poll()
    job.poll()
    assert job.output() == "a\nb\nc\n"


def test_waiting_survives_an_absent_host_and_grows_its_pauses():
    answers = [printed(), HostUnreachable("away"), printed(), printed("0 3\n")]

    def answer(_line):
        found = answers.pop(0)
        if isinstance(found, Exception):
            raise found
        return found

    pauses = []
    host = FakeHost({POLL: answer})
    job = Job(host, ROOT, "one", sleep=pauses.append)
    state = job.wait(100)
    assert (state.exit_codes, state.exit_code) == ((0, 3), 3)
    assert pauses == pytest.approx([0.2, 0.3, 0.45])


def test_an_end_is_noticed_at_most_a_second_late():
    answers = [printed()] * 20 + [printed("0\n")]
    pauses = []
    Job(FakeHost({POLL: lambda _line: answers.pop(0)}), ROOT, "one", sleep=pauses.append).wait(1000)
    assert len(pauses) == 20
    assert max(pauses) == 1.0


def test_waiting_is_over_when_the_task_is(monkeypatch):
    def ended():
        raise stopping.Stopped("the task has ended")

    monkeypatch.setattr(stopping, "check", ended)
    host = FakeHost({POLL: printed()})
    with pytest.raises(stopping.Stopped):
        Job(host, ROOT, "one").wait(1000)
    assert host.commands == []


def test_waiting_ends():
    with pytest.raises(HostTimeout, match=r"expected one to finish within 0 s\. The job continues on the host"):
        Job(FakeHost({POLL: printed()}), ROOT, "one").wait(0)
    with pytest.raises(HostError, match="ended without an exit code"):
        Job(FakeHost({POLL: printed(result=1)}), ROOT, "one").wait(10)
    with pytest.raises(HostError, match="expected the job one to be running or finished, but it is absent"):
        Job(FakeHost({POLL: printed(started="", result=None)}), ROOT, "one").wait(10)
    assert wait_all({}, 1) == {}


def together(*polls: str):
    """What a host prints for the polls of several jobs in one command."""

    def answer(line: str) -> str:
        between = re.findall(r"echo (--[0-9a-f]{32}--)&", line)
        assert len(between) == len(polls) - 1 and len(set(between)) <= 1
        return (f"{between[0]}\n" if between else "").join(polls)

    return answer


def in_turn(*answers):
    left = iter(answers)

    def answer(line: str) -> str:
        return next(left)(line)

    return answer


def test_jobs_of_a_host_are_polled_by_one_command():
    first = together(printed(output="a\n"), printed("3\n", output="b\n"))
    host, told = FakeHost({ANY_POLL: in_turn(first, together(printed("0\n", output="a\nend\n")))}), []
    jobs = {"x": Job(host, ROOT, "one", sleep=lambda _seconds: None), "y": Job(host, ROOT, "two")}
    states = wait_all(jobs, 10, lambda name, lines: told.append((name, lines)), sleep=lambda _seconds: None)
    assert {name: state.exit_code for name, state in states.items()} == {"x": 0, "y": 3}
    assert told == [("x", ["a"]), ("y", ["b"]), ("x", ["end"])]
    assert len(host.commands) == 2
    assert "one" in host.commands[0] and "two" in host.commands[0] and "two" not in host.commands[1]
    assert (jobs["x"].output(), jobs["y"].output()) == ("a\nend\n", "b\n")


@pytest.mark.parametrize("odd", ["", printed(result=0x41306)])
def test_a_job_that_one_of_several_polls_does_not_explain_is_polled_by_itself(odd):
    host = FakeHost({ANY_POLL: in_turn(together(printed("0\n"), odd), lambda _line: printed("7\n"))})
    states = wait_all({"x": Job(host, ROOT, "one"), "y": Job(host, ROOT, "two")}, 10)
    assert [state.exit_code for state in states.values()] == [0, 7]


def test_an_answer_to_several_polls_that_breaks_off_is_none():
    host = FakeHost({ANY_POLL: in_turn(*(lambda _line, code=code: printed(f"{code}\n") for code in (0, 1, 2)))})
    states = wait_all({"x": Job(host, ROOT, "one"), "y": Job(host, ROOT, "two")}, 10)
    assert [state.exit_code for state in states.values()] == [1, 2]


def test_cancelling_ends_what_the_task_has_started_too():
    alive = {100: 4, 104: 100, 108: 104, 900: 4}

    def table(_line):
        return "\n".join(f"{pid},{parent},{pid},{pid == 100}" for pid, parent in alive.items())

    def kill(line):
        for pid in re.findall(r"/pid (\d+)", line):
            del alive[int(pid)]
        return ""

    # Ending the task ends its cmd.exe alone.
    host = FakeHost({processes.POWERSHELL: table, "schtasks /end": lambda _line: str(alive.pop(100)), "taskkill": kill})
    Job(host, ROOT, "one", sleep=lambda _seconds: None).cancel()
    assert list(alive) == [900]
    assert host.ran("taskkill") == ["taskkill /f /pid 104 /pid 108"]


def test_cancelling_looks_before_it_ends_and_is_no_matter_where_nothing_runs():
    host = FakeHost({processes.POWERSHELL: "4,0,1,False", "schtasks /end": (1, "no such task")})
    Job(host, ROOT, "one").cancel()
    assert [command.split()[0] for command in host.commands] == [processes.POWERSHELL, "schtasks", processes.POWERSHELL]


def test_what_cannot_be_ended_is_named(monkeypatch):
    monkeypatch.setattr(jobs, "ENDING", 0.0)
    host = FakeHost({processes.POWERSHELL: "100,4,1,True", "schtasks /end": "", "taskkill": (1, "Access is denied.")})
    with pytest.raises(
        HostError, match=r"octo-a .*processes of the job one to end within 0 s, but 100 are still running.*End them on the host"
    ):
        Job(host, ROOT, "one").cancel()


def test_all_jobs_of_a_host_are_removed_by_one_command():
    one, other = FakeHost({REMOVE: ""}), FakeHost({REMOVE: ""}, name="octo-b")
    remove_all([Job(one, ROOT, "a"), Job(other, ROOT, "b"), Job(one, ROOT, "c")])
    assert (len(one.commands), len(other.commands)) == (1, 1)
    for piece in ('"/tn" "\\octopus.upgrade\\a"', '"/tn" "\\octopus.upgrade\\c"', f'rd /s /q "{ROOT}\\jobs\\c" 2>nul'):
        assert piece in one.commands[0]
    assert one.commands[0].endswith(f' & (if exist "{ROOT}\\jobs\\a\\" exit /b 1) & (if exist "{ROOT}\\jobs\\c\\" exit /b 2) & exit /b 0')
    assert one.given[0]["idempotent"] is True


def test_no_command_that_removes_jobs_is_too_long():
    host = FakeHost({REMOVE: ""})
    names = [f"{number:03}{'x' * 97}" for number in range(40)]
    remove_all([Job(host, ROOT, name) for name in names])
    assert 1 < len(host.commands) < 10
    assert max(map(len, host.commands)) < 8191 - len('C:\\Windows\\System32\\cmd.exe /d /s /c ""')
    assert [sum(f'rd /s /q "{ROOT}\\jobs\\{name}"' in line for line in host.commands) for name in names] == [1] * 40
    remove_all([])


def test_a_folder_in_use_is_tried_again_and_then_named():
    codes = iter([(2, ""), (0, "")])
    pauses = []
    host = FakeHost({REMOVE: lambda _line: next(codes)})
    remove_all([Job(host, ROOT, name, sleep=pauses.append) for name in ("a", "c")])
    assert pauses == [0.1]
    host = FakeHost({REMOVE: (2, "")})
    with pytest.raises(HostError, match=r"cannot delete the folder .*\\jobs\\c of the job c\. A file in it is in use"):
        remove_all([Job(host, ROOT, name, sleep=pauses.append) for name in ("a", "c")])
    assert pauses == [0.1, 0.1, 0.2, 0.4, 0.8, 1.6]
    assert len(host.commands) == 6


def test_ids():
    assert job_id("a b", "x", "y") == job_id("a b", "x", "y") != job_id("a b", "xy")
    for bad in ("", "a/b", "..\\x", "a b", "x" * 101):
        with pytest.raises(ValueError, match="id of a job"):
            Job(FakeHost(), ROOT, bad)
