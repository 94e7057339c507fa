# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""robocopy and msiexec by their codes and logs; several hosts at once; tickets; progress."""

from __future__ import annotations

import threading

import pytest
from ansible_collections.octopus.upgrade.plugins.module_utils._core.progress import Progress, listening
from ansible_collections.octopus.upgrade.plugins.module_utils._windows import msi, robocopy
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.errors import HostError
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.options import ConnectionOptions
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.parallel import failures, on_each
from ansible_collections.octopus.upgrade.tests.unit.windows_host import FakeHost

SUMMARY = """
------------------------------------------------------------------------------

               Insgesamt   KopiertÜbersprungenKeine Übereinstimmung    FEHLER    Extras
Verzeich.:         3         1         2         0         0         0
  Dateien:       612         3       609         0         0         1
    Bytes: 21474836480 104857600 21369978880         0         0        42
   Zeiten:   0:00:12   0:00:11                       0:00:00   0:00:01
   Beendet: Montag, 23. November 2026 21:00:00
"""
CODE = "{01234567-89AB-CDEF-0123-456789ABCDEF}"


def test_robocopys_summary():
    [found] = robocopy.summaries(SUMMARY)
    assert (found.folders.total, found.files.copied, found.files.extra) == (3, 3, 1)
    assert (found.bytes.total, found.bytes.skipped) == (21474836480, 21369978880)
    assert not found.is_same
    assert len(robocopy.summaries(SUMMARY * 2)) == 2
    assert robocopy.summaries("nothing") == []


def test_robocopys_codes_and_errors():
    assert [robocopy.is_success(code) for code in (0, 1, 7, 8, 16, -1)] == [True, True, True, False, False, False]
    assert robocopy.meaning(3) == "3: files copied, extra files found"
    assert "could not begin" in robocopy.meaning(16)
    assert "could not be copied" in robocopy.meaning(9)
    text = "2026/11/23 21:00:00 FEHLER 5 (0x00000005) Datei wird kopiert C:\\x\nZugriff verweigert\n" * 2
    assert robocopy.errors(text) == ["2026/11/23 21:00:00 FEHLER 5 (0x00000005) Datei wird kopiert C:\\x Zugriff verweigert"]
    assert not robocopy.in_use(text)
    assert robocopy.in_use("2026/11/23 21:00:00 FEHLER 32 (0x00000020) Datei wird kopiert C:\\x")


def test_robocopys_arguments():
    argv = robocopy.mirror("C:\\a b\\", "\\\\nas\\share\\x", 32)
    assert argv[:3] == ["robocopy", "C:\\a b", "\\\\nas\\share\\x"]
    assert {"/mir", "/mt:32", "/bytes"} <= set(argv)
    assert robocopy.compare("C:\\", "D:\\x")[1] == "C:\\."
    assert "/l" in robocopy.compare("a", "b")
    with pytest.raises(ValueError, match="1 to 128"):
        robocopy.mirror("a", "b", 129)


def test_msiexecs_lines():
    line = msi.install_line("C:\\100% sure\\a.msi", "C:\\l.log", {"RUNMANAGERONEXIT": "no", "INSTALLLOCATION": "D:\\Octopus & co\\"})
    assert line.startswith(
        'start "" /wait C:\\Windows\\System32\\msiexec.exe /i "C:\\100%% sure\\a.msi" /quiet /norestart /l*v "C:\\l.log"'
    )
    assert line.endswith(' RUNMANAGERONEXIT="no" INSTALLLOCATION="D:\\Octopus & co"')
    assert f'/x "{CODE}" /quiet' in msi.uninstall_line(CODE, "C:\\l.log")
    for bad in ("{x}", f'{CODE}" & calc'):
        with pytest.raises(ValueError, match="expected a product code"):
            msi.uninstall_line(bad, "C:\\l.log")


def test_msiexecs_codes():
    assert [msi.is_success(code) for code in (0, 3010, 1641, 1603, 1618)] == [True, True, True, False, False]
    assert msi.meaning(1618) == "1618, another installation is in progress"
    assert msi.meaning(4711).startswith("4711, see https://")


def test_products():
    uninstall = "HKEY_LOCAL_MACHINE\\SOFTWARE\\Microsoft\\Windows\\CurrentVersion\\Uninstall"
    names = {CODE: "Octopus Deploy Server", "{2}": "Octopus Deploy Serverless", "7-Zip": "Octopus Deploy Server"}
    listing = "".join(f"{uninstall}\\{key}\n    DisplayName    REG_SZ    {name}\n\n" for key, name in names.items())
    host = FakeHost(
        {
            "reg query HKLM": listing,
            f"reg query {uninstall}\\{CODE}": f"{uninstall}\\{CODE}\n    DisplayVersion    REG_SZ    2026.2.9853\n",
        }
    )
    assert msi.products(host, "Octopus Deploy Server") == [msi.Product(CODE, "Octopus Deploy Server", "2026.2.9853")]


def test_what_a_log_says():
    lines = [
        "MSI (s) (F0:5C) [21:00:00:123]: Product: Octopus Deploy Server -- Installation failed.",
        "CustomAction Configure returned actual error code 1603",
        "Action ended 21:00:00: INSTALL. Return value 3.",
        "MSI (c) (F0:5C) [21:00:01:123]: MainEngineThread is returning 1603",
    ]
    host = FakeHost({"type": "\n".join(lines * 2)})
    assert msi.log_errors(host, "C:\\l.log", count=4) == [
        "Product: Octopus Deploy Server -- Installation failed.",
        *lines[1:3],
        "MainEngineThread is returning 1603",
    ]
    assert "|" in host.commands[0]
    assert "findstr.exe" in host.commands[0]


def test_a_log_that_findstr_cannot_read_is_read_whole():
    text = "noise\nMainEngineThread is returning 1603\n"
    host = FakeHost({'type "C:\\l.log" 2>nul |': "", 'type "C:\\l.log"': text})
    assert msi.log_errors(host, "C:\\l.log") == ["MainEngineThread is returning 1603"]
    missing = FakeHost({'type "C:\\l.log" 2>nul |': "", 'type "C:\\l.log"': (1, "no such file")})
    assert msi.log_errors(missing, "C:\\l.log") == []


def options(name):
    return ConnectionOptions(name=name, host=name)


def test_hosts_at_once():
    both = threading.Barrier(2, timeout=20)

    def work(host):
        both.wait()  # both run, or this breaks
        if host.name == "b":
            raise HostError("broken", "b")
        return host.name

    outcomes = on_each([options("a"), options("b")], work)
    assert list(outcomes) == ["a", "b"]
    assert outcomes["a"] == "a"
    assert isinstance(outcomes["b"], HostError)
    assert on_each([], work) == {}
    assert failures(outcomes) == ["b: broken"]
    assert failures({"a": "fine", "c": HostError("c (10.0.0.3) is broken", "c")}) == ["c (10.0.0.3) is broken"]
    with pytest.raises(ZeroDivisionError):  # a bug is not a failure
        failures({"a": ZeroDivisionError()})


def test_progress():
    told = []
    tell = Progress()
    assert not tell.is_shown
    tell("nobody listens")
    with listening(told.append):
        assert tell.is_shown
        tell("half", 50.04)
        thread = threading.Thread(target=tell, args=("done",))  # as a node's, in on_each
        thread.start()
        thread.join()
    assert told == ["half (50 %)", "done"]
    assert not tell.is_shown
