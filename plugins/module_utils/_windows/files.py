# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Files of a Windows host: looked at, read, written, hashed, moved."""

from __future__ import annotations

import base64
import re

from ansible_collections.octopus.upgrade.plugins.module_utils._core.errors import InvalidValue

from .connection import SYSTEM32, WindowsHost, text_of
from .errors import HostError
from .quoting import builtin, cmd_line, word

FINDSTR = f"{SYSTEM32}findstr.exe"
_HASH = re.compile(r"^(?:[0-9a-f]{2} ?){32}$", re.I)


def size(host: WindowsHost, path: str) -> int | None:
    """The bytes of a file; None where there is none."""
    result = host.run_builtin("dir", "/-c", "/a-d", path, idempotent=True)
    if result.exit_code:
        return None
    return size_in(result.stdout, path.rpartition("\\")[2])


def size_in(listing: str, name: str) -> int | None:
    """A file's bytes in what ``dir /-c`` prints of it. Date and time in front depend on the region; size and name end the line."""
    for line in listing.splitlines():
        match = re.search(r"\s(\d+) " + re.escape(name) + r"$", line, re.I)
        if match:
            return int(match[1])
    return None


def exists(host: WindowsHost, path: str) -> bool:
    """Whether there is a file or folder of that name."""
    return host.run_builtin("dir", "/b", "/a", path, idempotent=True).exit_code == 0


def names(host: WindowsHost, folder: str) -> list[str] | None:
    """The names in a folder; None where there is no such folder. An empty folder and none are told apart by what cmd.exe calls missing."""
    result = host.run_cmd(f"if exist {word(folder)} ({builtin('dir', '/b', '/a', folder)} & ver >nul) else exit /b 3", idempotent=True)
    return None if result.exit_code == 3 else [line for line in result.stdout.splitlines() if line]


def read_bytes(host: WindowsHost, path: str, timeout: float = 60.0) -> bytes:
    """A file's content as cmd.exe types it: UTF-16 with a byte order mark arrives as UTF-8, everything else as it is.

    Raises:
        HostError: It cannot be read.
    """
    result = host.run_builtin("type", path, idempotent=True, timeout=timeout)
    if result.exit_code:
        raise HostError(f"{host.where}: {path} cannot be read: {' '.join(result.stderr.split())}", host.name, result.exit_code)
    return result.stdout_bytes


def read_text(host: WindowsHost, path: str, timeout: float = 60.0) -> str:
    r"""A text file, UTF-8 or UTF-16, with ``\n`` line ends."""
    return text_of(read_bytes(host, path, timeout))


def write_text(host: WindowsHost, path: str, text: str, secret: bool = False) -> None:
    r"""Write a text file in UTF-8 with ``\r\n`` line ends; it goes through standard input, so that no command line holds it.

    findstr copies what it reads, and hangs on a last line without an end, so that there always is one. Lines over 8,191 characters and
    NUL do not survive: :func:`write_bytes` takes anything.

    Raises:
        ValueError: The text does not survive.
        HostError: It cannot be written.
    """
    lines = text.replace("\r\n", "\n").removesuffix("\n").split("\n")
    if any(len(line.encode()) > 8000 for line in lines) or "\0" in text:
        raise InvalidValue(f"a text with NUL or lines over 8,000 bytes cannot be written to {path} this way")
    data = "".join(f"{line}\r\n" for line in lines)
    line = f'{cmd_line([FINDSTR])} "^" >{word(path)}'
    result = host.run_cmd(line, stdin=data, secret=secret, idempotent=True)
    if result.exit_code:
        said = "" if secret else " ".join(result.stderr.split())
        raise HostError(f"{host.where}: {path} cannot be written: {said or result.exit_code}", host.name, result.exit_code)


def write_bytes(host: WindowsHost, path: str, data: bytes) -> None:
    """Write a small file of any content: as Base64 through standard input, decoded there.

    Raises:
        HostError: It cannot be written.
    """
    coded = path + ".b64"
    write_text(host, coded, base64.encodebytes(data).decode("ascii"))
    decode = cmd_line([SYSTEM32 + "certutil.exe", "-f", "-decode", coded, path])
    host.run_cmd(f"{decode} && {builtin('del', '/f', '/q', coded)}", check=True, idempotent=True)


def sha256(host: WindowsHost, path: str, timeout: float = 900.0) -> str:
    """The SHA-256 of a file, in lower case.

    Raises:
        HostError: It cannot be read.
    """
    result = host.run(["certutil", "-hashfile", path, "SHA256"], timeout=timeout, idempotent=True)
    found = None if result.exit_code else hash_in(result.stdout)
    if found is None:
        said = " ".join((result.stderr or result.stdout).split())
        raise HostError(f"{host.where}: the hash of {path} cannot be had: {said}", host.name, result.exit_code)
    return found


def hash_in(text: str) -> str | None:
    """The SHA-256 in what certutil prints: a line of 64 hex digits; older Windows puts blanks between the bytes."""
    for line in text.splitlines():
        if _HASH.match(line.strip()):
            return line.replace(" ", "").strip().lower()
    return None


def make_folder(host: WindowsHost, path: str) -> bool:
    """Make a folder and those above it. False where it was there.

    Raises:
        HostError: It cannot be made.
    """
    folder = path.rstrip("\\")
    # A trailing backslash asks for a folder, not any file.
    line = f"if exist {word(folder + chr(92))} (exit /b 100) else {builtin('mkdir', folder)}"
    result = host.run_cmd(line, idempotent=True)
    if result.exit_code not in (0, 100):
        raise HostError(f"{host.where}: the folder {path} cannot be made: {' '.join(result.stderr.split())}", host.name, result.exit_code)
    return result.exit_code == 0


def move(host: WindowsHost, source: str, target: str) -> None:
    """Rename or move a file over whatever is there.

    Raises:
        HostError: It cannot be moved.
    """
    result = host.run_builtin("move", "/y", source, target)
    if result.exit_code:
        raise HostError(
            f"{host.where}: {source} cannot be moved to {target}: {' '.join(result.stderr.split())}", host.name, result.exit_code
        )


def remove(host: WindowsHost, path: str) -> None:
    """Delete a file; none is fine.

    Raises:
        HostError: It is still there.
    """
    # del has no exit code of its own for a file in use: only looking tells.
    line = f"{builtin('del', '/f', '/q', path)} 2>nul & if exist {word(path)} (exit /b 1) else exit /b 0"
    result = host.run_cmd(line, idempotent=True)
    if result.exit_code:
        raise HostError(f"{host.where}: {path} cannot be deleted; is it in use?", host.name, result.exit_code)


def remove_folder(host: WindowsHost, path: str) -> None:
    """Delete a folder and all in it; none is fine.

    Raises:
        HostError: It is still there.
    """
    folder = path.rstrip("\\")
    line = f"{builtin('rd', '/s', '/q', folder)} 2>nul & if exist {word(folder + chr(92))} (exit /b 1) else exit /b 0"
    result = host.run_cmd(line, idempotent=True, timeout=300)
    if result.exit_code:
        raise HostError(f"{host.where}: the folder {path} cannot be deleted; is something in it in use?", host.name, result.exit_code)
