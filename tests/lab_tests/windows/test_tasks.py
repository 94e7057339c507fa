# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The task scheduler and schtasks.exe."""

from __future__ import annotations

import csv
import io
import threading
import xml.etree.ElementTree as ET

import pytest
from lab.core.filesystem import Logon
from lab.core.network import Network
from lab.windows.host import WindowsHost
from lab.windows.process import Job, Process
from patience import patient

NAME = "\\octopus.upgrade\\j1"
XML = """<?xml version="1.0" encoding="UTF-16"?>
<Task version="1.2" xmlns="http://schemas.microsoft.com/windows/2004/02/mit/task">
  <Triggers>{triggers}</Triggers>
  <Principals><Principal id="Author"><UserId>S-1-5-18</UserId><RunLevel>HighestAvailable</RunLevel></Principal></Principals>
  <Settings><MultipleInstancesPolicy>IgnoreNew</MultipleInstancesPolicy><ExecutionTimeLimit>{limit}</ExecutionTimeLimit></Settings>
  <Actions Context="Author"><Exec><Command>{command}</Command><Arguments>{arguments}</Arguments></Exec></Actions>
</Task>"""


class Work:
    """A program that runs until the test lets it go."""

    def __init__(self) -> None:
        self.go = threading.Event()
        self.accounts: list[str] = []

    def __call__(self, proc: Process) -> int:
        self.accounts.append(proc.logon.account)
        while not self.go.wait(0.01):
            proc.check()
        return 42


@pytest.fixture(name="work")
def _work(host: WindowsHost, admin: Logon) -> Work:
    work = Work()
    host.programs["work"] = work
    host.add_program("C:\\work.exe", "work")
    _define(host, admin)
    return work


def _define(host: WindowsHost, admin: Logon, triggers: str = "", limit: str = "PT0S", command: str = "C:\\work.exe") -> None:
    text = XML.format(triggers=triggers, limit=limit, command=command, arguments="a b")
    host.fs.write("C:\\j.xml", text.encode("utf-16"), admin)


def _row(run, name: str = NAME) -> list[str]:
    return next(csv.reader(io.StringIO(run(f"schtasks /query /tn {name} /fo csv /nh /v").out)))


def _wait_end(host: WindowsHost, name: str = NAME) -> None:
    with host.tasks.changed:
        assert host.tasks.changed.wait_for(lambda: host.tasks.get(name).last_result != 0x41301, patient(5))


def test_a_run_is_found_again_and_its_result_kept(run, host: WindowsHost, work: Work) -> None:
    assert run(f"schtasks /create /tn {NAME} /xml C:\\j.xml /ru SYSTEM /f").code == 0
    row = _row(run)
    assert (row[1], row[3], row[6], row[8], row[14]) == (NAME, "Ready", str(0x41303), "C:\\work.exe a b", "SYSTEM")
    assert run(f"schtasks /run /tn {NAME}").code == 0
    row = _row(run)
    assert (row[3], row[6]) == ("Running", str(0x41301))
    assert run(f"schtasks /run /tn {NAME}").code == 0, "a second instance is ignored"
    work.go.set()
    _wait_end(host)
    assert _row(run)[6] == "42"
    assert work.accounts == ["SYSTEM"]
    assert len(host.ledger.events("task.run")) == 1


def test_it_outlives_the_shell_that_started_it(run, host: WindowsHost, work: Work) -> None:
    shell = Job()
    assert run(f"schtasks /create /tn {NAME} /xml C:\\j.xml /ru SYSTEM /f", job=shell).code == 0
    assert run(f"schtasks /run /tn {NAME}", job=shell).code == 0
    shell.kill()
    assert host.tasks.is_running(NAME)
    work.go.set()
    _wait_end(host)
    assert host.tasks.get(NAME).last_result == 42


def test_a_task_reaches_a_share_as_the_machine(run, host: WindowsHost, network: Network, admin: Logon, work: Work) -> None:
    network.add_share("nas", "backups", network.root / "nas", {network.machine_account("octo-a")})
    host.fs.write("C:\\hop.cmd", b"@mkdir \\\\nas\\backups\\made\r\n", admin)
    _define(host, admin, command="C:\\hop.cmd")
    assert run("cmd /c mkdir \\\\nas\\backups\\direct").err == "Access is denied.\r\n"
    run(f"schtasks /create /tn {NAME} /xml C:\\j.xml /ru SYSTEM /f")
    run(f"schtasks /run /tn {NAME}")
    _wait_end(host)
    assert [path.name for path in (network.root / "nas").iterdir()] == ["made"]


def test_an_account_needs_its_password(run, network: Network, work: Work) -> None:
    network.add_account("svc", "s3cret")
    line = f"schtasks /create /tn {NAME} /xml C:\\j.xml /ru LAB\\svc /rp * /f"
    assert run(line, stdin=b"wrong\r\n").code == 1
    assert run(line, stdin=b"s3cret\r\n").code == 0
    assert _row(run)[14] == "LAB\\svc"
    assert run(f"schtasks /create /tn {NAME} /xml C:\\j.xml /ru LAB\\svc /rp s3cret /f").code == 0


def test_a_managed_service_account_has_none(run, network: Network, work: Work) -> None:
    network.add_account("gmsa$", "")
    assert run(f"schtasks /create /tn {NAME} /xml C:\\j.xml /ru LAB\\gmsa$ /f").code == 0
    assert run(f"schtasks /create /tn {NAME} /xml C:\\j.xml /ru LAB\\other$ /f").code == 1


def test_disable_end_delete(run, host: WindowsHost, work: Work) -> None:
    run(f"schtasks /create /tn {NAME} /xml C:\\j.xml /ru SYSTEM /f")
    run(f"schtasks /run /tn {NAME}")
    assert run(f"schtasks /change /tn {NAME} /disable").code == 0
    assert host.tasks.is_running(NAME), "disabling leaves a run alone"
    assert run(f"schtasks /end /tn {NAME}").code == 0
    _wait_end(host)
    assert _row(run)[6] == str(0x41306)
    assert run(f"schtasks /run /tn {NAME}").code == 1
    root = ET.fromstring(run(f"schtasks /query /tn {NAME} /xml").out.partition("?>")[2])
    assert root.findtext(".//{*}Settings/{*}Enabled") == "false"
    assert run(f"schtasks /delete /tn {NAME} /f").code == 0
    missing = run(f"schtasks /query /tn {NAME}")
    assert (missing.code, missing.err) == (1, "ERROR: The system cannot find the file specified.\r\n")


def test_ending_a_task_leaves_what_it_started(run, cmd, host: WindowsHost, admin: Logon, work: Work) -> None:
    host.fs.write("C:\\tree.cmd", b"@C:\\work.exe >C:\\out.txt\r\n", admin)
    _define(host, admin, command="C:\\tree.cmd")
    mark = host.ledger.mark()
    run(f"schtasks /create /tn {NAME} /xml C:\\j.xml /ru SYSTEM /f")
    run(f"schtasks /run /tn {NAME}")
    host.ledger.wait_for(lambda event: event.kind == "process.start" and event["path"] == "C:\\work.exe", patient(20), mark)
    run(f"schtasks /end /tn {NAME}")
    _wait_end(host)
    assert _row(run)[3] == "Ready"
    assert [one.name for one in host.processes()] == ["work.exe"]
    # It has inherited the file that cmd.exe had opened for it: readable, and nothing else.
    append = "(ver >nul) >>C:\\out.txt && echo free"
    assert cmd("type C:\\out.txt").code == 0
    assert "being used by another process" in cmd(append).err
    assert "being used by another process" in cmd("move C:\\out.txt C:\\other.txt").err
    work.go.set()
    host.ledger.wait_for(lambda event: event.kind == "process.end" and event["path"] == "C:\\work.exe", patient(20), mark)
    assert cmd(append).out == "free\r\n"


def test_creating_twice_asks_without_f(run, work: Work) -> None:
    assert run(f"schtasks /create /tn {NAME} /xml C:\\j.xml /ru SYSTEM").code == 0
    assert run(f"schtasks /create /tn {NAME} /xml C:\\j.xml /ru SYSTEM").code == 1


def test_an_interval_runs_again_and_again_on_lab_time(run, host: WindowsHost, admin: Logon, work: Work) -> None:
    work.go.set()
    repetition = "<Repetition><Interval>PT1M</Interval></Repetition><StartBoundary>2020-01-01T00:00:00</StartBoundary>"
    _define(host, admin, triggers=f"<TimeTrigger>{repetition}</TimeTrigger>")
    before = host.clock.seconds()
    assert run(f"schtasks /create /tn {NAME} /xml C:\\j.xml /ru SYSTEM /f").code == 0
    mark = host.ledger.mark()
    first = host.ledger.wait_for(lambda event: event.kind == "task.run", patient(5))
    second = host.ledger.wait_for(lambda event: event.kind == "task.run" and event.seq > first.seq, patient(5), since=mark)
    assert second.t - before >= 120
    assert run(f"schtasks /change /tn {NAME} /disable").code == 0
    assert _row(run)[2:4] == ["N/A", "Disabled"]


def test_the_time_limit_ends_it(run, host: WindowsHost, admin: Logon, work: Work) -> None:
    _define(host, admin, limit="PT10S")
    run(f"schtasks /create /tn {NAME} /xml C:\\j.xml /ru SYSTEM /f")
    run(f"schtasks /run /tn {NAME}")
    _wait_end(host)
    assert host.tasks.get(NAME).last_result == 0x41306


def test_a_job_that_vanishes(run, host: WindowsHost, work: Work) -> None:
    host.faults.arm("job.vanish", task=NAME)
    run(f"schtasks /create /tn {NAME} /xml C:\\j.xml /ru SYSTEM /f")
    run(f"schtasks /run /tn {NAME}")
    _wait_end(host)
    assert _row(run)[6] == str(0x40010004)


def test_a_missing_program_shows_in_the_result(run, host: WindowsHost, admin: Logon, work: Work) -> None:
    _define(host, admin, command="C:\\nope.exe")
    run(f"schtasks /create /tn {NAME} /xml C:\\j.xml /ru SYSTEM /f")
    assert run(f"schtasks /run /tn {NAME}").code == 0
    assert _row(run)[6] == str(0x80070002 - 2**32)


@pytest.mark.parametrize(
    "change", [("<Actions", "<Nonsense"), ("</Task>", ""), ("<Exec>", "<Exec><Wat/>"), ("C:\\work.exe", ""), ("PT0S", "5 minutes")]
)
def test_malformed_definitions_are_refused(run, host: WindowsHost, admin: Logon, work: Work, change: tuple[str, str]) -> None:
    text = host.fs.read("C:\\j.xml", admin).decode("utf-16").replace(*change)
    host.fs.write("C:\\j.xml", text.encode("utf-16"), admin)
    result = run(f"schtasks /create /tn {NAME} /xml C:\\j.xml /ru SYSTEM /f")
    assert result.code == 1
    assert result.err.startswith("ERROR: The task XML is malformed.")


def test_a_declaration_has_to_fit_the_file(run, host: WindowsHost, admin: Logon, work: Work) -> None:
    text = host.fs.read("C:\\j.xml", admin).decode("utf-16")
    for data, code in ((text.encode(), 1), (text.replace(' encoding="UTF-16"', "").encode(), 0)):
        host.fs.write("C:\\j.xml", data, admin)
        assert run(f"schtasks /create /tn {NAME} /xml C:\\j.xml /ru SYSTEM /f").code == code


def test_tr_is_limited(run) -> None:
    assert run(f'schtasks /create /tn x /tr "C:\\{"a" * 261}.cmd" /sc once /st 00:00 /ru SYSTEM').code == 1
    assert run("schtasks /create /tn x /tr C:\\a.cmd /sc once /st 00:00 /ru SYSTEM /f").code == 0
    assert run("schtasks /showsid /tn x").err.startswith("lab: unsupported")
