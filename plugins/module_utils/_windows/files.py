# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Files of a Windows host: listed, read, written, hashed, moved and deleted."""

from __future__ import annotations

import base64
import re

from ansible_collections.octopus.upgrade.plugins.module_utils._core.errors import InvalidValue

from .connection import SYSTEM32, CommandResult, WindowsHost, text_of
from .errors import HostError
from .quoting import builtin, cmd_line, word

FINDSTR = f"{SYSTEM32}findstr.exe"
_HASH = re.compile(r"^(?:[0-9a-f]{2} ?){32}$", re.I)


def size(host: WindowsHost, path: str) -> int | None:
    """Return the size of a file in bytes; None where it does not exist."""
    result = host.run_builtin("dir", "/-c", "/a-d", path, idempotent=True)
    if not _is_there(host, result, path):
        return None
    return size_in(result.stdout, path.rpartition("\\")[2])


def size_in(listing: str, name: str) -> int | None:
    """Parse the size of a file in the output of ``dir /-c``. The date format depends on the region; size and name end the line."""
    for line in listing.splitlines():
        match = re.search(r"\s(\d+) " + re.escape(name) + r"$", line, re.I)
        if match:
            return int(match[1])
    return None


def exists(host: WindowsHost, path: str) -> bool:
    """Whether a file or folder exists."""
    return _is_there(host, host.run_builtin("dir", "/b", "/a", path, idempotent=True), path)


def _is_there(host: WindowsHost, result: CommandResult, path: str) -> bool:
    """Whether ``dir`` found something. Where it did not, it says so; a program that was killed ends with 1 as well, and says nothing.

    Raises:
        HostError: It said nothing, so it is unknown.
    """
    if result.exit_code and not (result.stderr.strip() or result.stdout.strip()):
        raise HostError(
            f"{host.where}: dir ended with {result.exit_code} for {path} and said nothing, as if it was killed.",
            host.name,
            result.exit_code,
        )
    return result.exit_code == 0


def names(host: WindowsHost, folder: str) -> list[str] | None:
    """Return the names in a folder; None where the folder does not exist."""
    result = host.run_cmd(f"if exist {word(folder)} ({builtin('dir', '/b', '/a', folder)} & ver >nul) else exit /b 3", idempotent=True)
    return None if result.exit_code == 3 else [line for line in result.stdout.splitlines() if line]


def read_bytes(host: WindowsHost, path: str, timeout: float = 60.0) -> bytes:
    """Return the content of a file as cmd.exe prints it: UTF-16 with a byte order mark as UTF-8, everything else unchanged.

    Raises:
        HostError: It cannot be read.
    """
    result = host.run_builtin("type", path, idempotent=True, timeout=timeout)
    if result.exit_code:
        raise HostError(f"{host.where}: cannot read {path}: {' '.join(result.stderr.split())}", host.name, result.exit_code)
    return result.stdout_bytes


def read_text(host: WindowsHost, path: str, timeout: float = 60.0) -> str:
    r"""Return the text of a UTF-8 or UTF-16 file, with ``\n`` line ends."""
    return text_of(read_bytes(host, path, timeout))


def write_text(host: WindowsHost, path: str, text: str, secret: bool = False) -> None:
    r"""Write a text file in UTF-8 with ``\r\n`` line ends, through standard input, so that no command line contains the text.

    findstr copies its input, and hangs on a last line without an end, so one is added. NUL and lines over 8,191 characters are not
    possible; :func:`write_bytes` writes any content.

    Raises:
        InvalidValue: The text cannot be written this way.
        HostError: The file cannot be written.
    """
    lines = text.replace("\r\n", "\n").removesuffix("\n").split("\n")
    if any(len(line.encode()) > 8000 for line in lines) or "\0" in text:
        raise InvalidValue(f"cannot write a text with NUL or with lines over 8,000 bytes to {path}")
    data = "".join(f"{line}\r\n" for line in lines)
    line = f'{cmd_line([FINDSTR])} "^" >{word(path)}'
    result = host.run_cmd(line, stdin=data, secret=secret, idempotent=True)
    if result.exit_code:
        said = "" if secret else " ".join(result.stderr.split())
        raise HostError(f"{host.where}: cannot write {path}: {said or result.exit_code}", host.name, result.exit_code)


def write_bytes(host: WindowsHost, path: str, data: bytes) -> None:
    """Write a small file of any content, sent as Base64 through standard input and decoded on the host.

    Raises:
        HostError: It cannot be written.
    """
    coded = path + ".b64"
    write_text(host, coded, base64.encodebytes(data).decode("ascii"))
    decode = cmd_line([SYSTEM32 + "certutil.exe", "-f", "-decode", coded, path])
    host.run_cmd(f"{decode} && {builtin('del', '/f', '/q', coded)}", check=True, idempotent=True)


def sha256(host: WindowsHost, path: str, timeout: float = 900.0) -> str:
    """Return the SHA-256 of a file, in lower case.

    Raises:
        HostError: It cannot be read.
    """
    result = host.run(["certutil", "-hashfile", path, "SHA256"], timeout=timeout, idempotent=True)
    found = None if result.exit_code else hash_in(result.stdout)
    if found is None:
        said = " ".join((result.stderr or result.stdout).split())
        raise HostError(f"{host.where}: cannot compute the hash of {path}: {said}", host.name, result.exit_code)
    return found


def hash_in(text: str) -> str | None:
    """Parse the SHA-256 in the output of certutil: a line of 64 hex digits, with blanks between the bytes on older Windows."""
    return next(iter(hashes_in(text)), None)


def hashes_in(text: str) -> list[str]:
    """Parse all of them in the output of several runs of certutil."""
    return [line.replace(" ", "").strip().lower() for line in text.splitlines() if _HASH.match(line.strip())]


def make_folder(host: WindowsHost, path: str) -> bool:
    """Create a folder and its parents. False where it exists.

    Raises:
        HostError: It cannot be created.
    """
    folder = path.rstrip("\\")
    # A trailing backslash matches a folder only.
    line = f"if exist {word(folder + chr(92))} (exit /b 100) else {builtin('mkdir', folder)}"
    result = host.run_cmd(line, idempotent=True)
    if result.exit_code not in (0, 100):
        raise HostError(f"{host.where}: cannot create the folder {path}: {' '.join(result.stderr.split())}", host.name, result.exit_code)
    return result.exit_code == 0


def move(host: WindowsHost, source: str, target: str) -> None:
    """Rename or move a file, and overwrite the target.

    Raises:
        HostError: It cannot be moved.
    """
    result = host.run_builtin("move", "/y", source, target)
    if result.exit_code:
        raise HostError(f"{host.where}: cannot move {source} to {target}: {' '.join(result.stderr.split())}", host.name, result.exit_code)


def remove(host: WindowsHost, path: str) -> None:
    """Delete a file if it exists.

    Raises:
        HostError: It still exists.
    """
    # del reports no exit code for a file in use, so its existence is checked.
    line = f"{builtin('del', '/f', '/q', path)} 2>nul & if exist {word(path)} (exit /b 1) else exit /b 0"
    result = host.run_cmd(line, idempotent=True)
    if result.exit_code:
        raise HostError(f"{host.where}: cannot delete {path}. Is it in use?", host.name, result.exit_code)


def remove_folder(host: WindowsHost, path: str) -> None:
    """Delete a folder with everything in it, if it exists.

    Raises:
        HostError: It still exists.
    """
    folder = path.rstrip("\\")
    line = f"{builtin('rd', '/s', '/q', folder)} 2>nul & if exist {word(folder + chr(92))} (exit /b 1) else exit /b 0"
    result = host.run_cmd(line, idempotent=True, timeout=300)
    if result.exit_code:
        raise HostError(f"{host.where}: cannot delete the folder {path}. Is something in it in use?", host.name, result.exit_code)
