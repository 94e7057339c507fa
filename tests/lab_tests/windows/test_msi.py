# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""MSI packages, msiexec's exit codes and logs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from lab.core.filesystem import Logon
from lab.windows import installer, msi
from lab.windows.host import WindowsHost
from patience import patient

from .conftest import waits

FAMILY = "{6E9D2A5B-0000-0000-0000-000000000001}"
FOLDER = "C:\\Program Files\\Octopus Deploy\\Octopus"
EXE = f"{FOLDER}\\Octopus.Server.exe"
UNINSTALL = installer.UNINSTALL


def _code(number: int) -> str:
    return f"{{6E9D2A5B-0000-0000-0000-0000000000{number:02}}}"


def _build(number: int, version: str, **more: Any) -> bytes:
    exe = json.dumps({"lab_program": "octopus", "version": version}).encode()
    return msi.build(
        None,
        product_name="Octopus Deploy Server",
        product_code=_code(number),
        upgrade_code=FAMILY,
        version=version,
        manufacturer="Octopus Deploy",
        files={"Octopus.Server.exe": exe, f"only{number}.dll": b"x"},
        install_folder=FOLDER,
        registry=[("HKLM\\SOFTWARE\\Octopus\\OctopusServer", "InstallLocation", "REG_SZ", FOLDER)],
        seconds=10,
        **more,
    )


@pytest.fixture(name="packages", autouse=True)
def _packages(host: WindowsHost, admin: Logon) -> None:
    host.programs["octopus"] = waits
    for name, data in (
        ("old", _build(10, "2020.5.7")),
        ("new", _build(11, "2021.1.8045")),
        ("twin", _build(11, "2021.1.8045", padding=7)),
        ("bad", _build(12, "2022.2.8552")[:-1] + b"!"),
        ("boot", _build(13, "2022.2.8552", reboot=True)),
    ):
        host.fs.write(f"C:\\{name}.msi", data, admin)


def _version(host: WindowsHost) -> str:
    return str(host.program_info(EXE)["version"])


def _entries(host: WindowsHost) -> list[str]:
    return [
        str(data)
        for code in host.registry.subkeys(UNINSTALL)
        for value, _kind, data in host.registry.values(f"{UNINSTALL}\\{code}")
        if value == "DisplayVersion"
    ]


def _log(host: WindowsHost, admin: Logon, path: str = "C:\\log.txt") -> str:
    data = host.fs.read(path, admin)
    assert data.startswith(b"\xff\xfe")
    return data.decode("utf-16")


def test_a_package_reads_back(tmp_path: Path) -> None:
    data = _build(10, "2020.5.7", padding=100_000)
    assert len(data) > 100_000
    assert data == _build(10, "2020.5.7", padding=100_000)
    package = msi.read(data)
    assert (package.version, package.product_code, package.files["only10.dll"]) == ("2020.5.7", _code(10), b"x")
    for broken in (data[:-1], b"MZ" + data[2:], data[:50_000] + b"?" + data[50_001:], b""):
        with pytest.raises(msi.NotAPackage):
            msi.read(broken)


def test_install_upgrade_again_and_uninstall(run, host: WindowsHost, admin: Logon) -> None:
    before = host.clock.seconds()
    assert run('msiexec.exe /i C:\\old.msi /quiet /norestart /l*v "C:\\log.txt" RUNMANAGERONEXIT=no').code == 0
    assert host.clock.seconds() - before >= 10
    assert (_version(host), _entries(host)) == ("2020.5.7", ["2020.5.7"])
    assert "MainEngineThread is returning 0" in _log(host, admin)
    assert run("msiexec.exe /i C:\\new.msi /quiet /norestart").code == 0
    assert (_version(host), _entries(host)) == ("2021.1.8045", ["2021.1.8045"])
    assert host.fs.listdir(FOLDER, admin) == ["Octopus.Server.exe", "only11.dll"]
    assert run("msiexec.exe /i C:\\new.msi /quiet /norestart").code == 0
    assert run(f"msiexec.exe /x {_code(11)} /quiet /norestart").code == 0
    assert (host.fs.listdir(FOLDER, admin), _entries(host)) == ([], [])
    assert host.registry.get("HKLM\\SOFTWARE\\Octopus\\OctopusServer", "InstallLocation") is None
    assert [(event["action"], event["exit_code"]) for event in host.ledger.events("msi")] == [("install", 0)] * 3 + [("uninstall", 0)]


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("/i C:\\old.msi", 1603),  # older than what is installed
        ("/i C:\\twin.msi", 1638),
        ("/i C:\\bad.msi", 1620),
        ("/i C:\\nope.msi", 1619),
        (f"/x {_code(99)}", 1605),
        ("/i C:\\new.msi /l*v C:\\nope\\log.txt", 1622),
        ('/i C:\\new.msi "A=b c"', 1639),
        ("/i", 1639),
        ("/i C:\\boot.msi", 3010),
        ('/i "C:\\new.msi" A="b c" D="say ""x"""', 0),
    ],
)
def test_exit_codes(run, host: WindowsHost, line: str, code: int) -> None:
    assert run("msiexec /i C:\\new.msi /qn /norestart").code == 0
    assert run(f"msiexec {line} /quiet /norestart").code == code


def test_a_downgrade_says_why_in_its_log(run, host: WindowsHost, admin: Logon) -> None:
    run("msiexec /i C:\\new.msi /qn /norestart")
    assert run("msiexec /i C:\\old.msi /qn /norestart /l*v C:\\log.txt").code == 1603
    text = _log(host, admin)
    for part in ("A newer version of Octopus Deploy", "Return value 3.", "Installation failed.", "MainEngineThread is returning 1603"):
        assert part in text
    assert _version(host) == "2021.1.8045"


def test_a_failure_is_rolled_back(run, host: WindowsHost, admin: Logon) -> None:
    run("msiexec /i C:\\old.msi /qn /norestart")
    before = host.fs.listdir(FOLDER, admin)
    host.faults.arm("msi.fail", phase="install")
    assert run("msiexec /i C:\\new.msi /qn /norestart").code == 1603
    assert (_version(host), _entries(host), host.fs.listdir(FOLDER, admin)) == ("2020.5.7", ["2020.5.7"], before)
    assert run("msiexec /i C:\\new.msi /qn /norestart").code == 0


def test_a_full_disk_is_1603(run, host: WindowsHost) -> None:
    run("msiexec /i C:\\old.msi /qn /norestart")
    host.faults.arm("disk.full", path=FOLDER, times=None)
    assert run("msiexec /i C:\\new.msi /qn /norestart").code == 1603
    host.faults.disarm()
    assert _entries(host) == ["2020.5.7"]


def test_one_at_a_time(run, host: WindowsHost, admin: Logon) -> None:
    first = host.spawn(None, "msiexec /i C:\\old.msi /qn /norestart /l*v C:\\log.txt", admin)
    host.ledger.wait_for(lambda event: event.kind == "file" and event["path"] == EXE, 5)
    second = run("msiexec /i C:\\new.msi /qn /norestart")
    assert (first.wait(5), second.code) == (0, 1618)
    host.faults.arm("msi.busy")
    assert run("msiexec /i C:\\new.msi /qn /norestart").code == 1618


def test_files_in_use_wait_for_the_restart(run, host: WindowsHost, admin: Logon) -> None:
    run("msiexec /i C:\\old.msi /qn /norestart")
    process = host.spawn(EXE, f'"{EXE}" run', admin)
    assert run("msiexec /i C:\\new.msi /qn /norestart").code == 3010
    assert (_version(host), _entries(host)) == ("2020.5.7", ["2021.1.8045"])
    host.restart()
    assert process.ended
    assert _version(host) == "2021.1.8045"


def test_killing_the_shell_leaves_a_wreck(host: WindowsHost, run, admin: Logon) -> None:
    """Why an installation must not live in a WinRM shell (here the client process does the work: *assumed*)."""
    run("msiexec /i C:\\old.msi /qn /norestart")
    mark = host.ledger.mark()
    process = host.spawn(None, "msiexec /i C:\\new.msi /qn /norestart", admin)
    host.ledger.wait_for(lambda event: event.kind == "file" and event["path"].endswith("only11.dll"), patient(5), since=mark)
    process.kill()
    process.wait(patient(5))
    assert _entries(host) == []
    assert run("msiexec /i C:\\new.msi /qn /norestart").code == 0, "the mutex is free again"


def test_a_product_whose_cached_package_is_missing_is_removed_with_its_source_only(run, host: WindowsHost, admin: Logon) -> None:
    assert run("msiexec /i C:\\old.msi /quiet /norestart").code == 0
    product = f"{installer.PRODUCTS}\\{installer.packed(_code(10))}\\InstallProperties"
    assert product.endswith("\\B5A2D9E6000000000000000000000001\\InstallProperties")
    cached = host.registry.get(product, "LocalPackage")
    assert cached
    host.fs.remove(cached[1], admin)
    data = host.fs.read("C:\\old.msi", admin)
    host.fs.remove("C:\\old.msi", admin)
    assert run(f"msiexec /x {_code(10)} /quiet /norestart").code == 1612
    assert run('msiexec /i C:\\new.msi /quiet /norestart /l*v "C:\\log.txt"').code == 1603
    assert "Error 1714. The older version of Octopus Deploy Server cannot be removed. System Error 1612." in _log(host, admin)
    assert (_version(host), _entries(host)) == ("2020.5.7", ["2020.5.7"])
    host.fs.write("C:\\old.msi", data, admin)
    assert run("msiexec /i C:\\new.msi /quiet /norestart").code == 0


def test_seeding_takes_no_time_and_leaves_no_trace(host: WindowsHost) -> None:
    mark = host.ledger.mark()
    installer.seed(host, _build(10, "2020.5.7"))
    assert (_version(host), _entries(host)) == ("2020.5.7", ["2020.5.7"])
    assert host.ledger.events("msi", since=mark) == []


def test_without_quiet_it_would_wait_for_ever(run) -> None:
    assert run("msiexec /i C:\\new.msi").err.startswith("lab: unsupported msiexec.exe")
