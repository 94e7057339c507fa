# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A command for a Windows host, and its result. No I/O."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

SYSTEM32 = "C:\\Windows\\System32\\"
CMD = SYSTEM32 + "cmd.exe"


@dataclass(frozen=True)
class CommandResult:
    """The result of a command. Its repr shows neither arguments nor output, because either may contain a secret.

    ``exit_code`` is signed, as ``%ERRORLEVEL%`` shows it; ``stdout`` and ``stderr`` are text with ``\\n`` line ends.
    """

    exit_code: int
    argv: tuple[str, ...] = field(default=(), repr=False)
    stdout: str = field(default="", repr=False)
    stderr: str = field(default="", repr=False)
    stdout_bytes: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, repr=False)
class Command:
    """A command as it is sent over WinRM, and how to handle it."""

    program: str
    arguments: str
    argv: tuple[str, ...]
    stdin: bytes | None
    env: dict[str, str]
    timeout: float
    check: bool
    idempotent: bool
    secret: bool
    take: Callable[[bytes], object] | None = None

    @property
    def name(self) -> str:
        """Its name in messages: the program, never its arguments."""
        return self.argv[0].rpartition("\\")[2] if self.argv[0] != CMD else self.argv[1].split()[0].strip('"').rpartition("\\")[2]


def full_path(program: str) -> str:
    if "\\" in program:
        return program
    return SYSTEM32 + (program if "." in program else program + ".exe")


def signed(code: int) -> int:
    """Return a 32-bit exit code as Windows shows it: 0xC0000005 is -1073741819."""
    return code - 2**32 if code >= 2**31 else code


def input_bytes(stdin: str | bytes | None) -> bytes | None:
    return stdin.encode() if isinstance(stdin, str) else stdin


def text_of(data: bytes) -> str:
    """Decode output or the content of a file to text with ``\\n`` line ends: UTF-16 where it clearly is, else UTF-8."""
    if data[:2] == b"\xff\xfe":
        text = data.decode("utf-16", "replace")
    elif b"\0" in data[1:16:2]:
        text = data.decode("utf-16-le", "replace")
    else:
        text = data.decode("utf-8-sig", "replace")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def last_lines(text: str, count: int = 5) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return f": {' | '.join(lines[-count:])}" if lines else " and said nothing"
