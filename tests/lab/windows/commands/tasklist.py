# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""tasklist.exe and taskkill.exe (https://learn.microsoft.com/windows-server/administration/windows-commands/tasklist)."""

from __future__ import annotations

import csv
import io
import re

from lab.windows.process import Process

from ._base import SYSTEM32, unsupported

# Images that every Windows has, so that a list is never empty.
FIXED = (("System Idle Process", 0), ("System", 4), ("lsass.exe", 640), ("svchost.exe", 812))


def _listed(proc: Process) -> list[tuple[str, int]]:
    return [*FIXED, *sorted(((one.name, one.pid) for one in proc.host.processes()), key=lambda one: one[1])]


def _filtered(proc: Process, filters: list[str], listed: list[tuple[str, int]]) -> list[tuple[str, int]] | None:
    for text in filters:
        match = re.fullmatch(r"(imagename|pid)\s+(eq|ne)\s+(.+)", text.strip(), re.I)
        if not match:
            proc.error(f"lab: unsupported tasklist /fi {text}")
            return None
        wanted, equal = match[3].strip().lower(), match[2].lower() == "eq"
        part = 0 if match[1].lower() == "imagename" else 1
        listed = [one for one in listed if _same(str(one[part]).lower(), wanted) == equal]
    return listed


def _same(value: str, wanted: str) -> bool:
    return value.startswith(wanted[:-1]) if wanted.endswith("*") else value == wanted


def tasklist(proc: Process) -> int:
    words = proc.argv[1:]
    form, head, filters = "table", True, []
    place = 0
    while place < len(words):
        word = words[place].lower()
        if word in ("/fo", "/fi") and place + 1 < len(words):
            if word == "/fo":
                form = words[place + 1].lower()
            else:
                filters.append(words[place + 1])
            place += 1
        elif word == "/nh":
            head = False
        else:
            return unsupported(proc, words[place])
        place += 1
    if form != "csv":
        return unsupported(proc, f"/fo {form}")
    rows = _filtered(proc, filters, _listed(proc))
    if rows is None:
        return 1
    if not rows:
        # To standard output, with exit code 0: the sentence is translated, so count the lines that start with a quote.
        proc.print("INFO: No tasks are running which match the specified criteria.")
        return 0
    out = io.StringIO()
    writer = csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\n")
    if head:
        writer.writerow(["Image Name", "PID", "Session Name", "Session#", "Mem Usage"])
    writer.writerows([name, str(pid), "Services", "0", "12,345 K"] for name, pid in rows)
    proc.print(out.getvalue(), end="")
    return 0


def taskkill(proc: Process) -> int:
    """``taskkill /f [/t] /pid N`` or ``/im NAME``: 128 where there is none."""
    words = proc.argv[1:]
    force = tree = False
    pids: list[int] = []
    images: list[str] = []
    place = 0
    while place < len(words):
        word = words[place].lower()
        if word == "/f":
            force = True
        elif word == "/t":
            tree = True
        elif word in ("/pid", "/im") and place + 1 < len(words):
            place += 1
            if word == "/im":
                images.append(words[place].lower())
            elif words[place].isdigit():
                pids.append(int(words[place]))
            else:
                proc.error(f"ERROR: Invalid argument/option - '{words[place]}'.")
                return 1
        else:
            return unsupported(proc, words[place])
        place += 1
    if not pids and not images:
        proc.error("ERROR: Invalid syntax. Neither /FI nor /PID nor /IM were specified.")
        return 1
    running = {one.pid: one for one in proc.host.processes()}
    chosen = [(str(pid), running.get(pid)) for pid in pids]
    for image in images:
        found = [one for one in running.values() if one.name.lower() == image]
        chosen += [(image, one) for one in found] or [(image, None)]
    result = 0
    for name, one in chosen:
        if one is None:
            proc.error(f'ERROR: The process "{name}" not found.')
            result = 128
        elif not force:
            proc.error(f"ERROR: The process with PID {one.pid} could not be terminated.")
            proc.error("Reason: This process can only be terminated forcefully (with /F option).")
            result = 1
        else:
            for victim in [*(_below(one, running) if tree else []), one]:
                victim.kill(1)
                proc.print(f"SUCCESS: The process with PID {victim.pid} has been terminated.")
    return result


def _below(top: Process, running: dict[int, Process]) -> list[Process]:
    below = [one for one in running.values() if one.parent is top]
    return [deeper for one in below for deeper in [*_below(one, running), one]]


COMMANDS = {f"{SYSTEM32}\\tasklist.exe": tasklist, f"{SYSTEM32}\\taskkill.exe": taskkill}
