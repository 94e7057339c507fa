# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

r"""robocopy.exe: switches, list, summary.

https://learn.microsoft.com/windows-server/administration/windows-commands/robocopy. A source in quotes that ends in a backslash swallows
its closing quote, by the rules of :mod:`lab.windows.argv`: robocopy then sees one argument with a quote in it, and refuses it.
"""

from __future__ import annotations

import os
import re
from datetime import datetime, timezone

from lab.core.filesystem import WinError
from lab.windows.copying import Copier, Job
from lab.windows.process import Process

from ._base import SYSTEM32, unsupported

FATAL = 16
RULE = "-" * 79
# Without effect on what the lab shows or copies.
SILENT = re.compile(r"/(copy:[dat]+|dcopy:[dat]+|z|zb|b|j|np|nfl|ndl|njh|njs|bytes|ts|fp|ns|nc|tee|nodcopy|unicode)", re.I)


class _Invalid(Exception):
    """ERROR : Invalid Parameter"""


class _Output:
    """Standard output, or the log file (with ``/TEE`` both)."""

    def __init__(self, proc: Process, switches: list[str]) -> None:
        self._proc = proc
        self._path, self._codec = "", ""
        self.tee = "/tee" in switches
        for one in switches:
            match = re.fullmatch(r"/(uni)?log(\+)?:(.+)", one, re.I)
            if match:
                self._path, self._codec = proc.full(match[3].strip('"')), "utf-16-le" if match[1] else proc.console.codec
                if not match[2] or not proc.host.fs.exists(self._path, proc.logon):
                    proc.host.fs.write(self._path, b"\xff\xfe" if match[1] else b"", proc.logon)

    @property
    def path(self) -> str:
        return self._path

    def __call__(self, line: str = "") -> None:
        if self._path:
            self._proc.host.fs.write(self._path, f"{line}\r\n".encode(self._codec, "replace"), self._proc.logon, append=True)
        if not self._path or self.tee:
            self._proc.print(line)


def _job(proc: Process) -> tuple[Job, list[str]]:
    paths: list[str] = []
    switches: list[str] = []
    lists: dict[str, list[str]] = {"/xf": [], "/xd": []}
    words = proc.argv[1:]
    place = 0
    while place < len(words):
        word = words[place]
        place += 1
        if '"' in word:
            raise _Invalid(f'#{place} : "{word}"')
        if word.lower() in lists:
            while place < len(words) and not words[place].startswith("/"):
                lists[word.lower()].append(words[place])
                place += 1
        elif word.startswith("/"):
            switches.append(word if re.match(r"/(uni)?log", word, re.I) else word.lower())
        else:
            paths.append(word)
    if len(paths) < 2:
        raise _Invalid(f"#{len(words)} : " + (f'"{words[-1]}"' if words else "no source directory specified"))
    job = Job(proc.full(paths[0]), proc.full(paths[1]), paths[2:] or ["*"], skip_files=lists["/xf"], skip_folders=lists["/xd"])
    known = {
        "/e": ("subfolders", "empty"),
        "/s": ("subfolders",),
        "/mir": ("subfolders", "empty", "purge"),
        "/purge": ("purge",),
        "/l": ("list_only",),
        "/is": ("again",),
        "/fft": ("fat_times",),
        "/xj": ("no_linked_folders", "no_linked_files"),
        "/xjd": ("no_linked_folders",),
        "/xjf": ("no_linked_files",),
        "/xo": ("older_stay",),
    }
    for one in switches:
        if one in known:
            for name in known[one]:
                setattr(job, name, True)
        elif match := re.fullmatch(r"/maxage:(\d+)", one):
            if int(match[1]) >= 1900:
                raise NotImplementedError(one)  # a date
            job.max_age = int(match[1])
        elif match := re.fullmatch(r"/([rw]|mt):(\d+)", one):
            value = int(match[2])
            if match[1] == "r":
                job.retries = value
            elif match[1] == "w":
                job.wait = float(value)
            elif 1 <= value <= 128:
                job.threads = value
            else:
                raise _Invalid(f'"{one}"')
        elif one == "/mt":
            job.threads = 8
        elif not SILENT.fullmatch(one) and not re.match(r"/(uni)?log", one, re.I):
            raise NotImplementedError(one)
    return job, switches


def robocopy(proc: Process) -> int:
    try:
        job, switches = _job(proc)
    except _Invalid as error:
        proc.print(f"\n{RULE}\n   ROBOCOPY     ::     Robust File Copy for Windows                              \n{RULE}\n")
        proc.print(f"ERROR : Invalid Parameter {error}\n\n       Simple Usage :: ROBOCOPY source destination /MIR\n")
        return FATAL
    except NotImplementedError as error:
        return unsupported(proc, str(error))
    try:
        out = _Output(proc, switches)
    except WinError as error:
        proc.print(f"ERROR {error.code} (0x{error.code:08X}) Opening Log File\n{error.text}")
        return FATAL
    stamp = _stamp(proc)
    if out.path:
        proc.print(f"\n Log File : {out.path}")
    if "/njh" not in switches:
        _header(out, job, switches, stamp)
    _wire(job, out, switches, proc)
    try:
        Copier(proc, job).run()
    except WinError as error:
        which = "Source" if error.path.rstrip("\\").lower() == job.source.rstrip("\\").lower() else "Destination"
        folder = error.path.rstrip("\\") + "\\"
        out(f"{_when(proc)} ERROR {error.code} (0x{error.code:08X}) Accessing {which} Directory {folder}\n{error.text}")
        return FATAL
    if "/njs" not in switches:
        _summary(out, job, proc, "/bytes" in switches)
    return job.exit_code


def _stamp(proc: Process) -> str:
    now = proc.host.clock.now()
    return f"{now:%A, %B} {now.day}, {now.year} {now:%I:%M:%S %p}".replace(" 0", " ")


def _when(proc: Process) -> str:
    return f"{proc.host.clock.now():%Y/%m/%d %H:%M:%S}"


def _header(out: _Output, job: Job, switches: list[str], stamp: str) -> None:
    shown = [one.upper() for one in switches if not re.match(r"/(uni)?log", one, re.I)]
    names = " ".join("*.*" if one == "*" else one for one in job.names)
    for line in (
        "",
        RULE,
        "   ROBOCOPY     ::     Robust File Copy for Windows                              ",
        RULE,
        "",
        f"  Started : {stamp}",
        f"   Source : {job.source.rstrip(chr(92))}\\",
        f"     Dest : {job.target.rstrip(chr(92))}\\",
        "",
        f"    Files : {names}",
        "\t    ",
        f"  Options : {names} {' '.join(shown)} ",
        "",
        RULE[:-1],
        "",
    ):
        out(line)


def _wire(job: Job, out: _Output, switches: list[str], proc: Process) -> None:
    if "/nfl" not in switches:
        job.file_line = lambda kind, stat, path: out(_file_line(kind, stat, path, switches))
    if "/ndl" not in switches:
        job.folder_line = lambda kind, count, path: out(f"\t{kind:>10}  {count:>8}\t{path}")
    job.error = lambda line: out(f"{_when(proc)} {line}" if line.startswith("ERROR ") else line)


def _file_line(kind: str, stat: os.stat_result, path: str, switches: list[str]) -> str:
    """``/ts`` shows the time of the source, here in UTC (*assumed*), ``/fp`` the whole path, ``/nc`` no class, ``/ns`` no size."""
    head = "" if "/nc" in switches else f"{kind:>13}"
    size = "" if "/ns" in switches else f"{stat.st_size:>8}"
    when = f" {datetime.fromtimestamp(stat.st_mtime, timezone.utc):%Y/%m/%d %H:%M:%S}" if "/ts" in switches else ""
    return f"\t{head}  \t{size}{when}\t{path if '/fp' in switches else path.rpartition(chr(92))[2]}"


def _summary(out: _Output, job: Job, proc: Process, plain: bool) -> None:
    """The table; its words are translated on other Windows, the order of rows and columns is not."""
    out()
    out(RULE[:-1])
    out()
    out("               Total    Copied   Skipped  Mismatch    FAILED    Extras")
    for label, count in (("Dirs", job.folders), ("Files", job.files), ("Bytes", job.bytes)):
        cells = [str(number) if plain or label != "Bytes" else _short(number) for number in count.row()]
        # A number that is wider than its column pushes the rest, with one blank between.
        out(f"{label:>8} :" + "".join(f"{cell:>10}" if len(cell) < 10 else f" {cell}" for cell in cells))
    clock = f"{int(job.seconds // 3600)}:{int(job.seconds // 60 % 60):02}:{int(job.seconds % 60):02}"
    out(f"{'Times':>8} :{clock:>10}{clock:>10}{'':>20}{'0:00:00':>10}{'0:00:00':>10}")
    if job.bytes.copied and job.seconds >= 1 and not job.list_only:
        speed = job.bytes.copied / job.seconds
        out(f"   Speed : {int(speed):>20} Bytes/sec.")
        out(f"   Speed : {speed * 60 / 1024**2:>20.3f} MegaBytes/min.")
    out(f"   Ended : {_stamp(proc)}")
    out()


def _short(number: int) -> str:
    value, unit = float(number), ""
    for unit in ("", "k", "m", "g", "t"):
        if value < 1024 or unit == "t":
            break
        value /= 1024
    return f"{value:.2f} {unit}" if unit else str(number)


COMMANDS = {f"{SYSTEM32}\\robocopy.exe": robocopy}
