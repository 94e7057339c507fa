# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""reg, certutil, tasklist, fsutil, findstr, find, more, hostname, whoami."""

from __future__ import annotations

import hashlib
import re

import pytest
from lab.core import security
from lab.core.filesystem import Logon
from lab.core.network import Network
from lab.windows.host import WindowsHost
from patience import patient

from .conftest import waits

KEY = "HKLM\\SOFTWARE\\Octopus"


def test_reg_adds_finds_and_deletes(run) -> None:
    assert run(f"reg add {KEY}\\OctopusServer /v InstallLocation /t REG_SZ /d C:\\x /f /reg:64").code == 0
    assert run(f"reg add {KEY}\\OctopusServer /v Count /t REG_DWORD /d 0x1f /f").code == 0
    result = run("reg query hklm\\software\\octopus\\octopusserver /v installlocation /reg:64")
    assert result.out == "\r\nHKEY_LOCAL_MACHINE\\SOFTWARE\\Octopus\\OctopusServer\r\n    InstallLocation    REG_SZ    C:\\x\r\n\r\n"
    assert "    Count    REG_DWORD    0x1f" in run(f"reg query {KEY} /s").lines
    assert run(f"reg query {KEY}").lines == ["", "HKEY_LOCAL_MACHINE\\SOFTWARE\\Octopus\\OctopusServer"]
    assert run(f"reg delete {KEY} /f").code == 0
    for line in (f"reg query {KEY}", f"reg delete {KEY} /f"):
        assert (run(line).code, run(line).err) == (1, "ERROR: The system was unable to find the specified registry key or value.\r\n")
    assert run(f"reg export {KEY} x").err.startswith("lab: unsupported")
    assert run("reg query HKXX\\a").code == 1


def test_certutil_hashes_encodes_and_decodes(run, host: WindowsHost, admin: Logon) -> None:
    data = bytes(range(256)) * 5
    host.fs.write("C:\\d.bin", data, admin)
    lines = run("certutil -hashfile C:\\d.bin SHA256").lines
    assert lines[1] == hashlib.sha256(data).hexdigest()
    assert run("certutil -encode C:\\d.bin C:\\d.txt").code == 0
    assert run("certutil -decode C:\\d.txt C:\\e.bin").code == 0
    assert host.fs.read("C:\\e.bin", admin) == data
    assert run("certutil -decode C:\\d.txt C:\\e.bin").code == 0x80070050
    assert run("certutil -f -decode C:\\d.txt C:\\e.bin").code == 0
    assert run("certutil -decode C:\\d.bin C:\\f.bin").code == 0x8007000D
    missing = run("certutil -hashfile C:\\nope SHA256")
    assert (missing.code, missing.err) == (0x80070002, "")
    assert run("certutil -urlcache x").err.startswith("lab: unsupported")


def test_certutil_of_old_windows_puts_blanks_between_bytes(network: Network, admin: Logon) -> None:
    old = WindowsHost("old", network, os_build="6.3.9600", has_curl=False)
    old.fs.write("C:\\d.bin", b"x", admin)
    process = old.spawn(None, "certutil -hashfile C:\\d.bin SHA256", admin)
    assert process.wait(patient(5)) == 0
    line = process.wait_output(0)[0].decode().splitlines()[1]
    assert line == " ".join(re.findall("..", hashlib.sha256(b"x").hexdigest()))


def test_fsutil_tells_the_free_bytes(run, host: WindowsHost) -> None:
    numbers = re.findall(r": (\d+)", run("fsutil volume diskfree C:").out)
    assert int(numbers[1]) == host.fs.drives["C"].capacity
    assert int(numbers[0]) <= int(numbers[1])
    assert run("fsutil volume diskfree Q:").code == 1
    assert run("fsutil file createnew x 1").err.startswith("lab: unsupported")


@pytest.mark.parametrize(("logon", "name"), [(Logon.batch("SYSTEM"), "nt authority\\system"), (Logon.network("LAB\\Octo"), "lab\\octo")])
def test_whoami(run, logon: Logon, name: str) -> None:
    assert run("whoami", logon=logon).lines == [name]


def test_hostname(run) -> None:
    assert run("hostname").lines == ["octo-a"]


def test_findstr_passes_lines_on(run) -> None:
    data = 'a b\r\n%x% "q" ü\r\n\r\nlast'.encode("cp437")
    result = run('findstr "^"', stdin=data)
    assert (result.code, result.out) == (0, 'a b\r\n%x% "q" ü\r\n\r\nlast\r\n')


def test_findstr_and_find_match(run, host: WindowsHost, admin: Logon) -> None:
    host.fs.write("C:\\t.txt", b"one\r\ntwo.5\r\nthree\r\n", admin)
    assert run('findstr /n /c:"o.5" C:\\t.txt').lines == ["2:two.5"]
    assert run('findstr /i "ONE THREE" C:\\t.txt').lines == ["one", "three"]
    assert run('findstr /v /r "^t.*" C:\\t.txt').lines == ["one"]
    assert run('findstr "nope" C:\\t.txt').code == 1
    assert run('find /c "o"', stdin=b"one\r\ntwo\r\nsix").lines == ["2"]
    assert run('find "nope" C:\\t.txt').code == 1
    assert run("find nope C:\\t.txt").code == 2


def test_more_starts_at_a_line(cmd, host: WindowsHost, admin: Logon) -> None:
    host.fs.write("C:\\t.txt", b"one\r\ntwo\tx\r\nthree", admin)
    assert cmd("more +1 C:\\t.txt").lines == ["two     x", "three"]
    assert cmd("more > C:\\u.txt & type C:\\u.txt", stdin=b"a\r\nb\r\n").lines == ["a", "b"]
    assert cmd("more +1 C:\\nope").code == 1


def test_tasklist_and_taskkill(run, host: WindowsHost, admin: Logon) -> None:
    host.programs["child"] = waits
    host.add_program("C:\\child.exe", "child")
    one, two = (host.spawn(None, "C:\\child.exe", admin) for _number in range(2))
    rows = run('tasklist /fo csv /nh /fi "imagename eq CHILD.exe"').lines
    assert [row.split('","')[1] for row in rows] == [str(one.pid), str(two.pid)]
    assert run(f'tasklist /fo csv /nh /fi "pid eq {one.pid}"').lines == rows[:1]
    assert run("tasklist /fo csv").lines[0].startswith('"Image Name","PID"')
    assert run(f"taskkill /pid {one.pid}").code == 1, "only by force: it has no window"
    assert run("taskkill /f /im child.exe").code == 0
    assert (one.wait(patient(5)), two.wait(patient(5))) == (1, 1)
    assert run("taskkill /f /im child.exe").code == 128
    assert run("tasklist /svc").err.startswith("lab: unsupported")


def test_powershell_tells_who_started_whom(run, host: WindowsHost, admin: Logon) -> None:
    host.programs["child"] = waits
    host.add_program("C:\\child.exe", "child")
    one = host.spawn(None, "C:\\child.exe a\\B", admin)
    two = host.spawn(None, "C:\\child.exe", admin, parent=one)
    script = (
        "Get-CimInstance -ClassName Win32_Process | Where-Object ProcessId -ne $PID | ForEach-Object { '{0},{1},{2},{3}' -f "
        "$_.ProcessId, $_.ParentProcessId, $_.CreationDate.Ticks, ($_.CommandLine -like '*A\\b*') }"
    )
    first, *rows = run(f'powershell.exe -NoProfile -Command "{script}"').lines
    assert first == "0,0,,False"
    pids, parents, starts, marks = zip(*(row.split(",") for row in rows), strict=True)
    assert pids == (str(one.pid), str(two.pid)), "itself is not among them"
    assert parents[1] == pids[0]
    assert int(starts[0]) <= int(starts[1])
    assert marks == ("True", "False")


def test_powershell_says_how_much_was_written(run, host: WindowsHost, admin: Logon) -> None:
    host.programs["child"] = waits
    host.add_program("C:\\child.exe", "child")
    one = host.spawn(None, "C:\\child.exe C:\\x\\jobs\\copy-1\\command.cmd", admin)
    two = host.spawn(None, "C:\\child.exe", admin, parent=one)
    two.written = 5
    script = (
        "Get-CimInstance -ClassName Win32_Process | Where-Object ProcessId -ne $PID | ForEach-Object { '{0},{1},{2},{3}' -f "
        r"$_.ProcessId, $_.ParentProcessId, $_.WriteTransferCount, [regex]::Match($_.CommandLine, '\\jobs\\(\S+)\\command').Groups[1].Value }"
    )
    rows = run(f'powershell.exe -NoProfile -Command "{script}"').lines
    assert [row.split(",")[2:] for row in rows] == [["0", ""], ["0", "copy-1"], ["5", ""]]


def test_icacls_keeps_what_it_was_told(run, host: WindowsHost, admin: Logon) -> None:
    host.fs.mkdir("C:\\a b", admin)
    system = "*S-1-5-18:(OI)(CI)F"
    result = run(f'icacls "C:\\a b" /inheritance:r /grant:r "{system}" "LAB\\octo-admin:(OI)(CI)M" /q')
    assert (result.code, result.lines) == (0, ["Successfully processed 1 files; Failed processing 0 files"])
    assert host.acls["c:\\a b"] == {"inherits": False, "*s-1-5-18": ["(OI)(CI)F"], "lab\\octo-admin": ["(OI)(CI)M"]}
    assert run('icacls "C:\\a b" /grant LAB\\nobody:F').code == 1332
    assert run("icacls C:\\nope /grant LAB\\octo-admin:F").code == 2
    assert run("icacls C:\\nope /grant LAB\\octo-admin").code == 87
    assert run("icacls C:\\nope /save x").code == 2
    assert run("icacls C:\\nope /restore x").code == 2


def test_rights_and_owners_follow_a_rename_and_are_put_back(run, cmd, host: WindowsHost) -> None:
    system, account = Logon.batch("SYSTEM"), "LAB\\octo-admin"
    host.fs.mkdir("C:\\live\\sub", system)
    host.fs.write("C:\\live\\sub\\f.txt", b"abc", system)
    real = host.fs.real("C:\\live\\sub\\f.txt", system)
    security.set_dacl(real, "D:PAI(A;;FA;;;BA)")
    assert run(f"icacls C:\\live /setowner {account} /t /c /q").code == 0
    assert run("icacls C:\\live /setowner LAB\\nobody").code == 1332
    assert run("icacls C:\\live /save C:\\acls.txt /t /c /q").code == 0
    cmd("move C:\\live\\sub C:\\live\\other")
    moved = host.fs.real("C:\\live\\other\\f.txt", system)
    assert (security.owner(moved), security.dacl(moved)) == (account, "D:PAI(A;;FA;;;BA)")
    run("robocopy C:\\live\\other C:\\live\\sub /e /r:0 /w:0", logon=system)
    assert (security.owner(real), security.dacl(real)) == (security.ADMINISTRATORS, security.INHERITED), "copied, not moved"
    assert run("icacls C:\\ /restore C:\\acls.txt /c /q").code == 0
    assert security.dacl(real) == "D:PAI(A;;FA;;;BA)"


def test_dir_cuts_off_a_long_owner(cmd, host: WindowsHost) -> None:
    system = Logon.batch("SYSTEM")
    host.fs.mkdir("C:\\live\\sub", system)
    security.set_owner(host.fs.real("C:\\live\\sub", system), "NT SERVICE\\TrustedInstaller")
    lines = [line for line in cmd("dir /q C:\\live").lines if "<DIR>" in line]
    assert [line.partition("<DIR>")[2].strip() for line in lines] == [
        "BUILTIN\\Administrators .",
        "BUILTIN\\Administrators ..",
        "NT SERVICE\\TrustedInstasub",
    ]


def test_findstr_loses_long_lines(run) -> None:
    result = run('findstr "^"', stdin=b"x" * 9000 + b"\r\nshort\r\n")
    assert (result.lines, result.err) == (["short"], "FINDSTR: Line 1 is too long.\r\n")


def test_windows_firewall(run, host: WindowsHost) -> None:
    base = "netsh advfirewall firewall"
    rule = "dir=in action=block protocol=TCP localport=80,443 profile=any enable=yes"
    assert run(f"{base} show rule name=mine").code == 1
    assert run(f"{base} delete rule name=mine").code == 1
    assert run(f"{base} add rule name=mine {rule} remoteip=0.0.0.0-10.0.0.1,10.0.0.3-255.255.255.255,::-ffff::").code == 0
    assert run(f"{base} show rule name=MINE").code == 0
    assert [
        host.firewall.blocks(port, client) for port, client in ((80, "10.0.0.2"), (80, "10.0.0.4"), (81, "10.0.0.4"), (443, "fd00::1"))
    ] == [
        False,
        True,
        False,
        True,
    ]
    assert run(f"{base} add rule name=mine {rule} remoteip=nobody").code == 1
    assert run(f"{base} add rule name=mine {rule.replace('block', 'allow')} remoteip=10.0.0.1").code == 1, "the lab knows no such rule"
    assert run(f"{base} delete rule name=mine").code == 0
    assert host.firewall.rules == []


def test_windows_firewall_of_what_the_host_opens(run, host: WindowsHost) -> None:
    base, policy = "netsh advfirewall firewall", "HKLM\\SOFTWARE\\Policies\\Microsoft\\WindowsFirewall\\DomainProfile"
    rule = "dir=out action=block protocol=TCP profile=any enable=yes remoteip=10.0.0.0-10.0.0.8"
    assert run(f"{base} add rule name=mine {rule} localport=80").code != 0, "the lab knows no such rule"
    assert run(f"{base} add rule name=mine {rule}").code == 0
    key = "HKLM\\SYSTEM\\CurrentControlSet\\Services\\SharedAccess\\Parameters\\FirewallPolicy\\FirewallRules"
    found = run(f"reg query {key} /f Name=mine /d")
    assert (found.code, "v2.30|Action=Block|Active=TRUE|Dir=Out|Protocol=6|RA4=10.0.0.0-10.0.0.8|Name=mine|" in found.out) == (0, True)
    assert run(f"reg query {key} /f Name=yours /d").code == 1

    def acts() -> bool:
        assert not host.firewall.blocks(80, "10.0.0.8") and not host.refuses("10.0.0.9") and not host.refuses(host.address)
        return host.refuses("10.0.0.8")

    assert acts()
    for value in ("AllowLocalPolicyMerge", "EnableFirewall"):
        host.registry.set(policy, value, "REG_DWORD", 0)
        assert not acts(), value
        host.registry.delete_value(policy, value)
    assert run(f"{base} set rule name=mine new enable=no").code == 0 and not acts()
    assert run(f"{base} set rule name=MINE new enable=yes").code == 0 and acts()
    assert run(f"{base} set rule name=yours new enable=no").code == 1
    assert run(f"{base} delete rule name=mine").code == 0 and not acts()
    assert run(f"reg query {key} /f Name=mine /d").code == 1
