# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the acceptance tests run against: one Windows host, real or of the lab, and what can be had on it.

A real host is named by environment variables (see README.md); without them a host of the lab is started in this process.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from ansible_collections.octopus.upgrade.plugins.module_utils._windows import files
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.connection import ConnectionOptions, WindowsHost

PREFIX = "OCTOPUS_ACCEPTANCE_"
SYSTEM32 = "C:\\Windows\\System32"
# http.sys answers here on every host with WinRM, to itself alone; a path that is not WinRM's is 404.
# https://learn.microsoft.com/windows/win32/winrm/installation-and-configuration-for-windows-remote-management
LOCAL_LISTENER = "http://localhost:47001/nothing"

# The rest of a real host's argument printer; what it prints is ASCII whatever the code page, one argument a line.
ARGV_SCRIPT = """\
$seen = [Environment]::GetCommandLineArgs()
$own = 0
while ($own -lt $seen.Length -and $seen[$own] -notlike '*argv.ps1') { $own++ }
for ($place = $own + 1; $place -lt $seen.Length; $place++) {
    'arg ' + [BitConverter]::ToString([Text.Encoding]::UTF8.GetBytes($seen[$place])).Replace('-', '')
}
"""


@dataclass(frozen=True)
class Target:
    """One host.

    ``share`` is a UNC folder that SYSTEM of the host (and ``job_account``) may write, ``share_is_elsewhere`` whether another machine
    has it. ``msi_folder`` holds the packages of msi/build.ps1, as the host sees it. ``service`` may be stopped and started.
    ``pause`` gives a command that does nothing for that many seconds.
    """

    options: ConnectionOptions
    is_lab: bool
    pause: Callable[[int], list[str]]
    http_404: str
    install_argv: Callable[[WindowsHost, str], list[str]]
    install_spaced: Callable[[WindowsHost, str], str]
    job_account: tuple[str, str] | None = field(default=None, repr=False)
    share: str | None = None
    share_is_elsewhere: bool = False
    msi_folder: str | None = None
    service: str | None = None
    missing: Mapping[str, str] = field(default_factory=dict)


def wait_until(condition: Callable[[], bool], what: str, seconds: float = 60.0) -> None:
    """Ask again and again; every question is a command on the host, so there is no hurry in it.

    Raises:
        TimeoutError: It did not become true in time.
    """
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"after {seconds:.0f} s it is still not so: {what}")


def decode_argv(output: str) -> list[str]:
    """What the argument printer says."""
    return [bytes.fromhex(line[4:].strip()).decode() for line in output.splitlines() if line.startswith("arg")]


def encode_argv(argv: Sequence[str]) -> str:
    """What it prints for these arguments."""
    return "".join(f"arg {argument.encode().hex().upper()}\n" for argument in argv)


def real_target(environ: Mapping[str, str] | None = None) -> Target | None:
    """The host that the environment names, or None.

    Args:
        environ: The environment (default: this process's).

    Raises:
        ValueError: It is named incompletely.
    """
    variables = os.environ if environ is None else environ
    given = {name.removeprefix(PREFIX): value for name, value in variables.items() if name.startswith(PREFIX) and value}
    if "HOST" not in given:
        if given:
            raise ValueError(f"{PREFIX}HOST is not set, but {', '.join(PREFIX + name for name in sorted(given))} is")
        return None
    absent = [PREFIX + name for name in ("USER", "PASSWORD") if name not in given]
    if absent:
        raise ValueError(f"{PREFIX}HOST names a host; {' and '.join(absent)} must be set too")
    options = ConnectionOptions.from_params(
        {
            "name": "acceptance",
            "host": given["HOST"],
            "port": int(given["PORT"]) if "PORT" in given else None,
            "scheme": given.get("SCHEME"),
            "transport": [given.get("TRANSPORT", "ntlm")],
            "username": given["USER"],
            "password": given["PASSWORD"],
            "ca_trust_path": given.get("CA"),
        }
    )
    account = (given["JOB_USER"], given["JOB_PASSWORD"]) if {"JOB_USER", "JOB_PASSWORD"} <= given.keys() else None
    share = given.get("SHARE")
    return Target(
        options=options,
        is_lab=False,
        # ping waits a second between two requests; it needs neither console nor input, as timeout.exe does.
        pause=lambda seconds: [f"{SYSTEM32}\\ping.exe", "-n", str(seconds + 1), "127.0.0.1"],
        http_404=LOCAL_LISTENER,
        install_argv=_install_script,
        install_spaced=_install_junction,
        job_account=account,
        share=share,
        share_is_elsewhere=given.get("SHARE_IS_ELSEWHERE") == "1",
        msi_folder=given.get("MSI_DIR"),
        service=given.get("SERVICE"),
        missing={
            "job_account": f"{PREFIX}JOB_USER and {PREFIX}JOB_PASSWORD name no account for jobs",
            "share": f"{PREFIX}SHARE names no folder that the host may write",
            "msi_folder": f"{PREFIX}MSI_DIR names no folder with the packages of tests/acceptance/msi/build.ps1",
            "service": f"{PREFIX}SERVICE names no service that may be stopped and started",
        },
    )


def _install_script(host: WindowsHost, folder: str) -> list[str]:
    """powershell.exe is a program like any other: the .NET runtime splits its command line by the rules of the C runtime."""
    script = f"{folder}\\argv.ps1"
    files.write_text(host, script, ARGV_SCRIPT)
    shell = f"{SYSTEM32}\\WindowsPowerShell\\v1.0\\powershell.exe"
    return [shell, "-NoProfile", "-NonInteractive", "-ExecutionPolicy", "Bypass", "-File", script]


def _install_junction(host: WindowsHost, folder: str) -> str:
    """System32 once more, under a path with spaces: copies of its programs would miss their texts (.mui)."""
    junction = f"{folder}\\system 32"
    host.run_builtin("mklink", "/j", junction, SYSTEM32, check=True)
    return junction
