# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A Windows host that a test tells what its commands print, and that remembers what it was told to run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._windows.connection import CommandResult, ConnectionOptions
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.quoting import builtin

Printed = str | tuple[int, str]


class FakeHost:
    """``answers`` maps the beginning of a command line to what it prints, or to (exit code, text), or to a function that gives either.

    The longest beginning wins. A command that nobody expects fails the test.
    """

    def __init__(
        self, answers: dict[str, Printed | Callable[[str], Printed]] | None = None, name: str = "octo-a", url: str | None = None
    ) -> None:
        self.answers = dict(answers or {})
        self.options = ConnectionOptions(name=name, host=f"{name}.example.com", url=url)
        self.name = name
        self.where = self.options.where
        self.commands: list[str] = []
        self.given: list[dict[str, Any]] = []

    def __enter__(self) -> FakeHost:
        return self

    def __exit__(self, *_exc_info: object) -> None:
        """Nothing to close."""

    def run(self, argv: list[str], **options: Any) -> CommandResult:
        return self._answer(" ".join(argv), options)

    def run_builtin(self, word: str, *arguments: str, **options: Any) -> CommandResult:
        return self._answer(builtin(word, *arguments), options)

    def run_cmd(self, line: str, **options: Any) -> CommandResult:
        return self._answer(line, options)

    def ran(self, beginning: str) -> list[str]:
        return [command for command in self.commands if command.startswith(beginning)]

    def _answer(self, command: str, options: dict[str, Any]) -> CommandResult:
        self.commands.append(command)
        self.given.append(options)
        found = max((beginning for beginning in self.answers if command.startswith(beginning)), key=len, default=None)
        assert found is not None, f"nobody said what this prints: {command}"
        printed = self.answers[found]
        if callable(printed):
            printed = printed(command)
        code, text = printed if isinstance(printed, tuple) else (0, printed)
        assert not (options.get("check") and code), f"{command} ended with {code}"
        # A program that does not find something says so: exit code 1 without a word is that of one that was killed.
        out, err = ("", text or "not found") if code else (text, "")
        return CommandResult(code, tuple(command.split()), out, err, out.encode())


def service_state(name: str, state: int, pid: int = 0, exit_code: int = 0) -> str:
    """What ``sc queryex`` prints; the words do not matter."""
    values = ["10  EIGENER_PROZESS", f"{state}  WORT", f"{exit_code}  (0x{exit_code:x})", "0  (0x0)", "0x0", "0x0", str(pid), ""]
    return f"\nDIENSTNAME: {name} \n" + "".join(f"        FELD{number}          : {value}\n" for number, value in enumerate(values))


def service_config(name: str, start: int = 2, account: str = "LocalSystem") -> str:
    """What ``sc qc`` prints."""
    values = ["10  X", f"{start}   X", "1  X", '"C:\\Program Files\\x.exe" run', "", "0", name, "", account]
    return f"[SC] X\n\nX: {name}\n" + "".join(f"        FELD               : {value}\n" for value in values)


def watchdog_xml(enabled: bool = True, arguments: str = "checkservices --instances *") -> str:
    """What ``schtasks /query /xml`` prints for the watchdog."""
    return f"""<?xml version="1.0" encoding="UTF-16"?>
<Task version="1.2" xmlns="http://schemas.microsoft.com/windows/2004/02/mit/task">
  <Triggers><TimeTrigger><Repetition><Interval>PT5M</Interval></Repetition></TimeTrigger></Triggers>
  <Settings><Enabled>{str(enabled).lower()}</Enabled></Settings>
  <Actions><Exec><Command>"C:\\Program Files\\Octopus Deploy\\Octopus\\Octopus.Server.exe"</Command>
  <Arguments>{arguments}</Arguments></Exec></Actions>
</Task>"""
