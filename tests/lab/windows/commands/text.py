# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""findstr.exe, find.exe and more.com: lines of files or of standard input."""

from __future__ import annotations

import fnmatch
import re

from lab.core.filesystem import WinError
from lab.windows.process import Process

from ._base import SYSTEM32, unsupported

LONGEST = 8191  # bytes of a line that findstr takes (https://stackoverflow.com/a/8844873)


def _lines(proc: Process, paths: list[str]) -> list[tuple[str, bytes]] | None:
    """(prefix, line with its end) of the files, or of the input; None where a file cannot be read (it was said)."""
    if not paths:
        return [("", line) for line in proc.stdin.read().splitlines(keepends=True)]
    out: list[tuple[str, bytes]] = []
    for path in paths:
        try:
            data = proc.host.fs.read(proc.full(path), proc.logon)
        except WinError:
            return None
        prefix = f"{path}:" if len(paths) > 1 else ""
        out += [(prefix, line) for line in data.splitlines(keepends=True)]
    return out


def _matcher(patterns: list[str], literal: bool, ignore_case: bool) -> re.Pattern[str]:
    # findstr's expressions: . * ^ $ [class] \x \< \>; other signs are literal.
    parts = [re.escape(one) if literal else _translated(one) for one in patterns]
    return re.compile("|".join(parts), re.I if ignore_case else 0)


def _translated(text: str) -> str:
    return re.sub(r"\\<|\\>", r"\\b", re.sub(r"[+?{}()|]", lambda match: "\\" + match[0], text))


def findstr(proc: Process) -> int:
    """1 where nothing matches or a file is missing (https://learn.microsoft.com/windows-server/administration/windows-commands/findstr)."""
    flags: set[str] = set()
    patterns: list[str] = []
    words: list[str] = []
    for word in proc.argv[1:]:
        if word[:1] == "/" and len(word) > 1:
            lower = word.lower()
            if lower.startswith("/c:"):
                patterns.append(word[3:])
                flags.add("/l")
            elif lower in ("/i", "/v", "/n", "/r", "/l", "/x", "/b", "/e", "/m"):
                flags.add(lower)
            else:
                return unsupported(proc, word)
        else:
            words.append(word)
    if not patterns:
        if not words:
            proc.error("FINDSTR: Bad command line")
            return 2
        patterns = words.pop(0).split()
    words = [found for path in words for found in _expanded(proc, path)]
    literal = "/l" in flags and "/r" not in flags
    matcher = _matcher(patterns, literal, "/i" in flags)
    lines = _lines(proc, words)
    if lines is None:
        proc.error(f"FINDSTR: Cannot open {words[0]}")
        return 1
    if "/m" in flags:
        return _names_only(proc, words, matcher, flags)
    found = False
    for number, (prefix, raw) in enumerate(lines, 1):
        if len(raw) > LONGEST and not words:
            # What comes through a pipe or a redirection is read in lines of that length at most; a longer one is lost.
            proc.error(f"FINDSTR: Line {number} is too long.")
            continue
        text = proc.console.decode(raw).rstrip("\r\n")
        match = matcher.search(text)
        hit = match is not None
        if match and flags & {"/x", "/b", "/e"}:
            hit = (match.start() == 0 or not flags & {"/x", "/b"}) and (match.end() == len(text) or not flags & {"/x", "/e"})
        if hit != ("/v" in flags):
            found = True
            head = prefix + (f"{number}:" if "/n" in flags else "")
            proc.stdout.write(proc.console.encode(head) + raw + (b"" if raw.endswith(b"\n") else b"\r\n"))
    return 0 if found else 1


def _expanded(proc: Process, path: str) -> list[str]:
    """The files that a path with wildcards in its last part means, as that path names them; a path without stays."""
    folder, _backslash, pattern = path.rpartition("\\")
    if "*" not in pattern and "?" not in pattern:
        return [path]
    try:
        names = proc.host.fs.listdir(proc.full(folder or "."), proc.logon)
    except WinError:
        return [path]  # which then cannot be opened
    return [f"{folder}\\{name}" if folder else name for name in sorted(names) if fnmatch.fnmatch(name.lower(), pattern.lower())] or [path]


def _names_only(proc: Process, paths: list[str], matcher: re.Pattern[str], flags: set[str]) -> int:
    """``/m``: "Prints only the file name if a file contains a match"."""
    if not paths or flags - {"/m", "/l", "/r", "/i"}:
        return unsupported(proc, "/m with standard input or with " + " ".join(sorted(flags)))
    hits = [path for path in paths if any(matcher.search(proc.console.decode(raw)) for _prefix, raw in _lines(proc, [path]) or [])]
    for path in hits:
        proc.print(path)
    return 0 if hits else 1


def find(proc: Process) -> int:
    """``find [/v] [/c] [/n] [/i] "text" [file...]``: 1 where nothing matches, 2 on a mistake."""
    flags = {word.lower() for word in proc.argv[1:] if word[:1] == "/"}
    words = [word for word in proc.argv[1:] if word[:1] != "/"]
    if flags - {"/v", "/c", "/n", "/i"}:
        return unsupported(proc, " ".join(sorted(flags)))
    # The text has to be quoted: without, find complains about its format.
    if not words or f'"{words[0]}"' not in proc.command_line:
        proc.error("FIND: Parameter format not correct")
        return 2
    wanted, result = words[0], 1
    if "/i" in flags:
        wanted = wanted.lower()
    for path in words[1:] or [""]:
        lines = _lines(proc, [path] if path else [])
        if lines is None:
            proc.error(f"File not found - {path.upper()}")
            continue
        texts = [proc.console.decode(raw).rstrip("\r\n") for _prefix, raw in lines]
        numbered = [
            (number, text)
            for number, text in enumerate(texts, 1)
            if (wanted in (text.lower() if "/i" in flags else text)) != ("/v" in flags)
        ]
        result = 0 if numbered else result
        head = f"---------- {path.upper()}" if path else ""
        if "/c" in flags:
            proc.print(f"\n{head}: {len(numbered)}" if path else str(len(numbered)))
            continue
        if path:
            proc.print(f"\n{head}")
        for number, text in numbered:
            proc.print(f"[{number}]{text}" if "/n" in flags else text)
    return result


def more(proc: Process) -> int:
    """``more [+N] [file...]``: without a console it shows everything from line N on; tabs become spaces."""
    start, paths = 0, []
    for word in proc.argv[1:]:
        if re.fullmatch(r"\+\d+", word):
            start = int(word[1:])
        elif word[:1] in "/+":
            return unsupported(proc, word)
        else:
            paths.append(word)
    lines = _lines(proc, paths)
    if lines is None:
        proc.error(f"Cannot access file {proc.full(paths[0])}")
        return 1
    for _prefix, raw in lines[start:]:
        # In its own code page, byte for byte but for tabs; the last line gets an end.
        proc.stdout.write(raw.rstrip(b"\r\n").expandtabs(8) + b"\r\n")
    return 0


COMMANDS = {f"{SYSTEM32}\\findstr.exe": findstr, f"{SYSTEM32}\\find.exe": find, f"{SYSTEM32}\\more.com": more}
