# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""powershell.exe, for three purposes.

* ``Invoke-WebRequest -UseBasicParsing -Uri '...' -OutFile '...'`` on hosts without curl.exe.
* The table of processes, one line ``id,parent's id,ticks of its start,True or False`` each, the last for whether its command line is like
  a pattern. Win32_Process and what its properties hold: https://learn.microsoft.com/windows/win32/cimwin32prov/win32-process
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from fnmatch import fnmatchcase

import requests
from lab.core.filesystem import WinError
from lab.windows.download import UnknownHost, save, session
from lab.windows.process import Process

from ._base import unsupported

PATH = "C:\\Windows\\System32\\WindowsPowerShell\\v1.0\\powershell.exe"
START_SECONDS = 1.5  # lab seconds until the first statement runs (*assumed*)
QUOTED = r"'((?:[^']|'')*)'"
REQUEST = r"(?:Invoke-WebRequest|iwr)((?:\s+-(?:UseBasicParsing|(?:Uri|OutFile)\s+" + QUOTED + r"))+)"
PROCESSES = (
    r"Get-CimInstance -ClassName Win32_Process \| Where-Object ProcessId -ne \$PID \| ForEach-Object \{ '\{0\},\{1\},\{2\},\{3\}' -f "
    r"\$_\.ProcessId, \$_\.ParentProcessId, \$_\.CreationDate\.Ticks, \(\$_\.CommandLine -like " + QUOTED + r"\) \}"
)
WRITTEN = (
    r"Get-CimInstance -ClassName Win32_Process \| Where-Object ProcessId -ne \$PID \| ForEach-Object \{ '\{0\},\{1\},\{2\},\{3\}' -f "
    r"\$_\.ProcessId, \$_\.ParentProcessId, \$_\.WriteTransferCount, \[regex\]::Match\(\$_\.CommandLine, " + QUOTED + r"\)"
    r"\.Groups\[1\]\.Value \}"
)
# The parent of what no process of the lab's started: a service host.
SERVICE_HOST = 812
HARMLESS = (
    r"\[(?:System\.)?Net\.ServicePointManager\]::SecurityProtocol\s*=\s*(?:\[(?:System\.)?Net\.SecurityProtocolType\]::Tls12|'Tls12'|3072)",
    r"\$ProgressPreference\s*=\s*'SilentlyContinue'",
    r"\$ErrorActionPreference\s*=\s*'Stop'",
)


def _statements(text: str) -> list[str]:
    """Split at semicolons that are not in a string."""
    return [part.strip() for part in re.findall(rf"(?:{QUOTED[:1]}(?:[^']|'')*'|[^;'])+", text) if part.strip()]


def powershell(proc: Process) -> int:
    words = proc.argv[1:]
    place = 0
    while place < len(words):
        word = words[place].lower()
        if word in ("-noprofile", "-noninteractive", "-nologo"):
            place += 1
        elif word == "-executionpolicy":
            place += 2
        elif word == "-command":
            return _run(proc, " ".join(words[place + 1 :]))
        else:
            break
    return unsupported(proc, " ".join(words))


def _run(proc: Process, text: str) -> int:
    table = re.fullmatch(PROCESSES, text.strip())
    if table:
        proc.sleep(START_SECONDS)
        return _processes(proc, table[1].replace("''", "'"))
    table = re.fullmatch(WRITTEN, text.strip())
    if table:
        proc.sleep(START_SECONDS)
        return _written(proc, table[1].replace("''", "'"))
    found: tuple[str, str] | None = None
    for statement in _statements(text):
        if any(re.fullmatch(one, statement, re.I) for one in HARMLESS):
            continue
        match = re.fullmatch(REQUEST, statement, re.I)
        if not match or found:
            return unsupported(proc, f"statement {statement!r}")
        options = {name.lower(): value.replace("''", "'") for name, value in re.findall(rf"-(Uri|OutFile)\s+{QUOTED}", match[1], re.I)}
        if set(options) != {"uri", "outfile"} or "-usebasicparsing" not in statement.lower():
            return unsupported(proc, f"statement {statement!r}")
        found = options["uri"], options["outfile"]
    if found is None:
        return unsupported(proc, text)
    proc.sleep(START_SECONDS)
    return _download(proc, *found)


def _processes(proc: Process, pattern: str) -> int:
    # "[" would begin a set of characters.
    if "[" in pattern or "`" in pattern:
        return unsupported(proc, f"-like {pattern!r}")
    proc.print("0,0,,False")  # System Idle Process has neither start nor command line
    for one in proc.host.processes():
        if one is not proc:
            parent = one.parent.pid if one.parent else SERVICE_HOST
            since = one.started.replace(tzinfo=None) - datetime.min
            proc.print(f"{one.pid},{parent},{since // timedelta(microseconds=1) * 10},{_is_like(one.command_line, pattern)}")
    return 0


def _written(proc: Process, pattern: str) -> int:
    proc.print("0,0,0,")
    for one in proc.host.processes():
        if one is not proc:
            match = re.search(pattern, one.command_line)
            proc.print(f"{one.pid},{one.parent.pid if one.parent else SERVICE_HOST},{one.written},{match[1] if match else ''}")
    return 0


def _is_like(text: str, pattern: str) -> bool:
    return fnmatchcase(text.lower(), pattern.lower())


def _download(proc: Process, url: str, path: str) -> int:
    try:
        with session(proc.host) as client, client.get(url, stream=True, timeout=60) as response:
            if response.status_code >= 400:
                return _failed(proc, f"The remote server returned an error: ({response.status_code}) {response.reason}.")
            save(proc, response, proc.full(path))
    except UnknownHost as error:
        return _failed(proc, f"The remote name could not be resolved: '{error}'")
    except requests.exceptions.SSLError:
        return _failed(proc, "The underlying connection was closed: Could not establish trust relationship for the SSL/TLS secure channel.")
    except requests.exceptions.RequestException:
        return _failed(proc, "The underlying connection was closed: The connection was closed unexpectedly.")
    except WinError as error:
        return _failed(proc, error.text)
    return 0


def _failed(proc: Process, text: str) -> int:
    """A terminating error: its text on standard error, exit code 1."""
    proc.error(f"Invoke-WebRequest : {text}")
    kind = "InvalidOperation: (System.Net.HttpWebRequest:HttpWebRequest) [Invoke-WebRequest], WebException"
    proc.error(f"    + CategoryInfo          : {kind}")
    proc.error("    + FullyQualifiedErrorId : WebCmdletWebResponseException,Microsoft.PowerShell.Commands.InvokeWebRequestCommand")
    return 1


COMMANDS = {PATH: powershell}
