# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What Windows commands print, on a German host too: read by numbers and places."""

from __future__ import annotations

import pytest
from ansible_collections.octopus.upgrade.plugins.module_utils._windows import disks, files, processes, registry, scheduled_tasks, services
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.errors import HostError, HostTimeout
from ansible_collections.octopus.upgrade.tests.unit.windows_host import FakeHost, service_config, service_state, watchdog_xml

KEY = "HKLM\\SOFTWARE\\Octopus\\OctopusServer"
GERMAN = """
HKEY_LOCAL_MACHINE\\SOFTWARE\\Octopus\\OctopusServer
    (Standard)    REG_SZ    (Wert nicht gesetzt)
    InstallLocation    REG_SZ    C:\\Program Files\\Octopus Deploy\\Octopus\\
    Spaced  name    REG_SZ    a    b
    Empty    REG_SZ
    Number    REG_DWORD    0x2a

HKEY_LOCAL_MACHINE\\SOFTWARE\\Octopus\\OctopusServer\\Below
"""


def test_registry():
    host = FakeHost({f"reg query {KEY}": GERMAN})
    assert registry.get(host, KEY, "installlocation") == "C:\\Program Files\\Octopus Deploy\\Octopus\\"
    assert registry.get(host, KEY, "Missing") is None
    assert registry.values(host, KEY)["Spaced  name"] == "a    b"
    assert registry.values(host, KEY)["Empty"] == ""
    assert registry.subkeys(host, KEY) == ["Below"]
    assert registry.find_values(host, KEY, "Number") == {"HKEY_LOCAL_MACHINE\\SOFTWARE\\Octopus\\OctopusServer": "0x2a"}


def test_registry_missing_and_refused():
    host = FakeHost({"reg query": (1, "FEHLER: nicht gefunden")})
    assert registry.get(host, KEY, "x") is None
    assert registry.values(host, KEY) == {}
    assert registry.subkeys(host, KEY) == []
    assert registry.find_values(host, KEY, "x") == {}
    with pytest.raises(HostError, match=r"octo-a .*reg\.exe ended with 5"):
        registry.get(FakeHost({"reg query": (5, "no")}), KEY, "x")


@pytest.mark.parametrize(("number", "word"), [(1, "stopped"), (2, "start_pending"), (3, "stop_pending"), (4, "running")])
def test_service_state(number, word):
    host = FakeHost({"sc queryex": service_state("OctopusDeploy: prod", number, pid=4242, exit_code=1067)})
    state = services.query(host, "OctopusDeploy: prod")
    assert (state.state, state.pid, state.exit_code) == (word, 4242, 1067)


def test_service_config():
    host = FakeHost({"sc qc": service_config("x", 4, "LAB\\octo$")})
    config = services.config(host, "x")
    assert (config.start_type, config.account, config.command) == ("disabled", "LAB\\octo$", '"C:\\Program Files\\x.exe" run')


def test_service_absent_refused_and_unreadable():
    missing = FakeHost({"sc": (1060, "x")})
    assert services.query(missing, "x") is None
    assert services.config(missing, "x") is None
    services.stop(missing, "x")
    with pytest.raises(HostError, match="the service x does not exist"):
        services.wait_for(missing, "x", "stopped", 0)
    with pytest.raises(HostError, match="cannot start the service x: Windows error 5"):
        services.start(FakeHost({"sc start": (5, "no")}), "x")
    with pytest.raises(HostError, match="cannot parse the output of sc queryex x"):
        services.query(FakeHost({"sc queryex": "nonsense"}), "x")


def test_service_already_there():
    services.start(FakeHost({"sc start": (1056, "")}), "x")
    services.stop(FakeHost({"sc stop": (1062, "")}), "x")
    services.stop(FakeHost({"sc stop": (1061, ""), "sc queryex": service_state("x", 3)}), "x")
    with pytest.raises(HostError, match="cannot stop"):
        services.stop(FakeHost({"sc stop": (1061, ""), "sc queryex": service_state("x", 2)}), "x")


def test_service_waited_for():
    states = iter([service_state("x", 3, 7), service_state("x", 3, 7), service_state("x", 1)])
    told = []
    host = FakeHost({"sc queryex": lambda _line: next(states)})
    assert services.wait_for(host, "x", "stopped", 60, tell=told.append, sleep=lambda _seconds: None).state == "stopped"
    assert [state.state for state in told] == ["stop_pending", "stop_pending"]
    with pytest.raises(HostTimeout, match=r"to be stopped within 0 s, but it is stop_pending \(process 7\)"):
        services.wait_for(FakeHost({"sc queryex": service_state("x", 3, 7)}), "x", "stopped", 0)
    failing = iter([service_state("x", 2, 7), service_state("x", 1, exit_code=1067)])
    with pytest.raises(HostError, match="stopped during its start"):
        services.wait_for(FakeHost({"sc queryex": lambda _line: next(failing)}), "x", "running", 60, sleep=lambda _seconds: None)


def test_start_type():
    host = FakeHost({"sc config": ""})
    services.set_start_type(host, "x", "manual")
    services.set_start_type(host, "x", "delayed-auto")
    assert host.commands == ["sc config x start= demand", "sc config x start= delayed-auto"]


@pytest.mark.parametrize(
    ("start", "value", "found"), [(2, "0x1", "delayed-auto"), (2, "0x0", "auto"), (2, None, "auto"), (3, "0x1", "manual")]
)
def test_a_delayed_start_is_told_by_its_number(start, value, found):
    line = f"\nHKEY_LOCAL_MACHINE\\SYSTEM\\CurrentControlSet\\Services\\x\n    DelayedAutostart    REG_DWORD    {value}\n"
    host = FakeHost({"sc qc": service_config("x", start), "reg query": line if value else (1, "")})
    assert services.start_type(host, services.config(host, "x")) == found


class Table:
    """Processes of a host: id, parent's id, start, whether the command line holds what is looked for."""

    def __init__(self, *rows):
        self.rows = rows

    def __call__(self, _line):
        return "\n".join(["0,0,,False", *(f"{pid},{parent},{start},{mark}" for pid, parent, start, mark in self.rows)])


def test_a_family_of_processes():
    table = Table((4, 0, 1, False), (100, 4, 50, True), (104, 100, 51, False), (108, 104, 52, False), (112, 4, 53, False))
    host = FakeHost({processes.POWERSHELL: table})
    family = processes.Family(host, "\\jobs\\one\\command.cmd")
    assert family.look() == [100, 104, 108]
    assert "-like '*\\jobs\\one\\command.cmd*'" in host.commands[0]
    # The first is gone, and has left one that was not seen before; another has got its number, and has started something.
    table.rows = ((108, 104, 52, False), (116, 100, 54, False), (104, 4, 90, False), (120, 104, 91, False))
    assert family.look() == [108, 116]
    # Whoever started before its "parent" only has a parent of that number.
    table.rows = ((124, 100, 49, False),)
    assert family.look() == []


def test_a_family_that_cannot_be_told():
    for text in ("it's", "a*", "x[1]", 'a"b'):
        with pytest.raises(ValueError, match="without quotes and wildcards"):
            processes.Family(FakeHost(), text)
    with pytest.raises(HostError, match="it lists none"):
        processes.Family(FakeHost({processes.POWERSHELL: "Zugriff verweigert"}), "x").look()


def test_processes():
    table = '"Octopus.Server.exe","4242","Services","0","123.456 K"\n"Octopus.Server.exe","4343","Services","0","1 K"\n'
    found = processes.find(FakeHost({"tasklist": table}), image="Octopus.Server.exe")
    assert [process.pid for process in found] == [4242, 4343]
    nothing = FakeHost({"tasklist": "INFORMATION: Es werden keine Aufgaben ausgeführt, die den Kriterien entsprechen.\n"})
    assert processes.find(nothing, pid=1) == []
    assert not processes.is_running(nothing, 1)
    assert not processes.kill(FakeHost({"taskkill": (128, "x")}), 1)
    assert processes.kill(FakeHost({"taskkill": ""}), 1)
    with pytest.raises(HostError, match="cannot kill the process 1"):
        processes.kill(FakeHost({"taskkill": (1, "no")}), 1)


def test_scheduled_tasks():
    host = FakeHost(
        {"schtasks /query /tn": watchdog_xml(False), "schtasks /query /fo": '"\\A","x","y"\n"\\A","x2","y"\n"\\f\\B","x","y"\n\n'}
    )
    task = scheduled_tasks.get(host, "\\A")
    assert (task.enabled, task.interval_minutes) == (False, 5)
    assert task.command.endswith('Octopus.Server.exe"')
    assert scheduled_tasks.names(host) == ["\\A", "\\f\\B"]
    assert scheduled_tasks.get(FakeHost({"schtasks": (1, "no")}), "x") is None
    with pytest.raises(HostError, match="cannot read the definition of the task x"):
        scheduled_tasks.parse("x", "<not", host)
    with pytest.raises(HostError, match="cannot change the task x: no"):
        scheduled_tasks.set_enabled(FakeHost({"schtasks": (1, "no")}), "x", True)


@pytest.mark.parametrize(("text", "minutes"), [("PT5M", 5), ("PT1H30M", 90), ("P1D", 1440), ("PT30S", 0.5), ("often", None)])
def test_intervals(text, minutes):
    assert scheduled_tasks.minutes(text) == minutes


@pytest.mark.parametrize(
    ("listing", "size"),
    [
        ("11/23/2026  09:00 PM         1482203136 Octopus.msi\n", 1482203136),
        ("23.11.2026  21:00                 7 OCTOPUS.MSI\n", 7),
        ("23.11.2026  21:00    <DIR>          Octopus.msi\n", None),
        ("23.11.2026  21:00                 7 Octopus.msi.part\n", None),
        ("", None),
    ],
)
def test_file_sizes(listing, size):
    assert files.size_in(listing, "Octopus.msi") == size
    assert files.size(FakeHost({"dir": listing}), "C:\\x\\Octopus.msi") == size


def test_hashes():
    digest = "0123456789abcdef" * 4
    spaced = " ".join(digest[at : at + 2].upper() for at in range(0, 64, 2))
    for text in (f"SHA256-Hash von x:\n{digest}\nCertUtil: fertig\n", f"SHA256 hash of file x:\n{spaced}\n"):
        assert files.hash_in(text) == digest
    assert files.hash_in("CertUtil: -hashfile command FAILED: 0x80070002") is None
    with pytest.raises(HostError, match="cannot compute the hash of x"):
        files.sha256(FakeHost({"certutil": (2, "no")}), "x")


def test_text_that_would_not_survive_is_refused():
    for text in ("x" * 8001, "a\0b"):
        with pytest.raises(ValueError, match="cannot write"):
            files.write_text(FakeHost(), "C:\\x", text)


@pytest.mark.parametrize(
    ("last", "free"), [("  3 Dir(s)  68719476736 bytes free", 68719476736), ("  3 Verzeichnis(se), 1000 Bytes frei", 1000)]
)
def test_free_bytes(last, free):
    host = FakeHost({'dir /-c /ad "C:\\"': f" Volume in drive C has no label.\n\n 0 File(s) 0 bytes\n{last}\n"})
    assert disks.free_bytes(host, "c:\\some\\folder") == free
    with pytest.raises(HostError, match="cannot find out the free space"):
        disks.free_bytes(FakeHost({"dir": (2, "no such drive")}), "X:\\")


@pytest.mark.parametrize(
    ("path", "root"),
    [("c:/a/b", "C:\\"), ("C:", "C:\\"), ("\\\\nas\\share\\a", "\\\\nas\\share\\"), ("\\\\nas\\share", "\\\\nas\\share\\")],
)
def test_roots(path, root):
    assert disks.root_of(path) == root
    assert disks.is_unc(path) is path.startswith("\\")


@pytest.mark.parametrize("path", ["a\\b", "\\a", "C:a", "\\\\nas", ""])
def test_relative_paths_have_no_root(path):
    with pytest.raises(ValueError, match="expected an absolute path"):
        disks.root_of(path)


def test_a_program_that_was_killed_did_not_say_that_something_is_missing():
    host = FakeHost({"reg query": (1, " "), "cmd": (1, " "), "dir": (1, " ")})
    for ask in (registry.get, registry.values, registry.subkeys, registry.find_values):
        with pytest.raises(HostError):
            ask(host, KEY, "x") if ask in (registry.get, registry.find_values) else ask(host, KEY)
    for look in (files.exists, files.size):
        with pytest.raises(HostError, match="said nothing"):
            look(host, "C:\\x")
