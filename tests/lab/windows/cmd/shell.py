# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs what :mod:`syntax` read: programs, built-ins, pipes, batch files."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from dataclasses import dataclass

from lab.core.filesystem import WinError
from lab.windows.commands._base import message
from lab.windows.process import Process
from lab.windows.streams import Pipe, ProcessKilled, Sink

from .expansion import UnsupportedExpansion, expand
from .files import FileSink, open_sink
from .syntax import BadSyntax, Block, Chain, ForEach, If, Incomplete, Node, Parser, Redirect, Simple, put
from .words import builtin_name, compare, first_word, signed, split_words

NOT_RECOGNIZED = 9009
Builtin = Callable[["Shell", str], int | None]


class ExitShell(Exception):
    """``exit``: the whole of cmd.exe ends."""


class ExitBatch(Exception):
    """``exit /b`` or ``goto :eof``."""


@dataclass
class Batch:
    """A batch file that runs. Its lines are read one by one from the disk, as cmd does."""

    path: str
    arguments: list[str]
    line: int = 0


class Shell:
    """One cmd.exe, or one side of a pipe in it."""

    def __init__(self, proc: Process, stdin: Pipe | None = None, stdout: Sink | None = None, stderr: Sink | None = None) -> None:
        self.proc = proc
        self.stdin = stdin or proc.stdin.pipe
        self.stdout = stdout or proc.stdout.sink
        self.stderr = stderr or proc.stderr.sink
        self.errorlevel = 0
        self.echo = True
        self.batch: Batch | None = None

    # -- output of built-ins

    def print(self, text: str = "", end: str = "\r\n") -> None:
        self.proc.check()
        self.stdout.write(self.proc.console.encode(text + end))

    def error(self, text: str) -> None:
        self.proc.check()
        self.stderr.write(self.proc.console.encode(text + "\r\n"))

    def fail(self, code: int, result: int = 1) -> int:
        """Say the text of a Windows error; gives ``result``."""
        self.error(message(code))
        return result

    def unsupported(self, what: str) -> int:
        self.error(f"lab: unsupported cmd.exe: {what}")
        return 1

    # -- lines

    def variables(self) -> dict[str, str]:
        """The environment, and the names that cmd makes up."""
        return _Variables(self)

    def run_line(self, line: str) -> None:
        """One line of ``cmd /c``; what it leaves is the error level."""
        try:
            node = Parser(expand(line, self.variables(), None)).parse()
        except (BadSyntax, Incomplete) as error:
            self.error(str(error) or "The syntax of the command is incorrect.")
            self.errorlevel = 255 if isinstance(error, BadSyntax) else 1
            return
        except UnsupportedExpansion as error:
            self.errorlevel = self.unsupported(str(error))
            return
        if node:
            self.run(node)

    def run_batch(self, path: str, arguments: list[str]) -> int:
        """A batch file, to its end or ``exit /b``; gives the error level."""
        outer, self.batch = self.batch, Batch(path, arguments)
        try:
            while (text := self._next_line()) is not None:
                with contextlib.suppress(_Jump):
                    self._run_text(text)
        except ExitBatch:
            pass
        finally:
            self.batch = outer
        return self.errorlevel

    def _lines(self) -> list[bytes]:
        assert self.batch
        try:
            return self.proc.host.fs.read(self.batch.path, self.proc.logon).replace(b"\r\n", b"\n").split(b"\n")
        except WinError as error:
            self.error("The batch file cannot be found.")
            self.errorlevel = 1
            raise ExitBatch from error

    def _next_line(self) -> str | None:
        assert self.batch
        lines = self._lines()
        if self.batch.line >= len(lines):
            return None
        self.batch.line += 1
        return self.proc.console.decode(lines[self.batch.line - 1])

    def _run_text(self, text: str) -> None:
        assert self.batch
        if text.lstrip(" \t,;=").startswith(":"):
            return
        try:
            whole = expand(text, self.variables(), self.batch.arguments)
            while True:
                try:
                    node = Parser(whole).parse()
                    break
                except Incomplete:
                    more = self._next_line()
                    if more is None:
                        return  # an open block at the end of the file is never run
                    whole += "\n" + expand(more, self.variables(), self.batch.arguments)
        except BadSyntax as error:
            self.error(str(error))
            self.errorlevel = 255
            raise ExitBatch from error
        except UnsupportedExpansion as error:
            self.errorlevel = self.unsupported(str(error))
            raise ExitShell from error
        if node is None:
            return
        if self.echo and not (isinstance(node, Simple) and node.quiet):
            self.print(f"\r\n{self.proc.cwd}>{whole} ")
        self.run(node)

    def goto(self, label: str) -> None:
        """
        Raises:
            ExitBatch: ``:eof``, or no such label.
        """
        if not self.batch:
            return
        wanted = label.strip().lstrip(":").split(" ")[0].lower()
        if wanted == "eof":
            raise ExitBatch
        for number, line in enumerate(self._lines()):
            text = self.proc.console.decode(line).strip()
            if text.startswith(":") and text[1:].split(" ")[0].lower() == wanted:
                self.batch.line = number + 1
                raise _Jump
        self.error(f"The system cannot find the batch label specified - {wanted}")
        self.errorlevel = 1
        raise ExitBatch

    # -- nodes

    def run(self, node: Node) -> int:
        """Gives the command's result, which ``&&`` and ``||`` look at; :attr:`errorlevel` is what ``%ERRORLEVEL%`` shows."""
        self.proc.check()
        if isinstance(node, Simple):
            return self._redirected(node.redirects, lambda: self._simple(node.text))
        if isinstance(node, Block):
            return self._redirected(node.redirects, lambda: self._all(node.body))
        if isinstance(node, If):
            if self._true(node):
                return self.run(node.then)
            return self.run(node.otherwise) if node.otherwise else 0
        if isinstance(node, ForEach):
            return self._each(node)
        if node.operator == "|":
            return self._pipe(node)
        result = self.run(node.left)
        if node.operator == "||" and result:
            self.errorlevel = result  # "||" is what makes the failure of rd visible
        if node.operator == "&" or (node.operator == "&&") == (result == 0):
            return self.run(node.right)
        return result

    def _all(self, body: list[Node]) -> int:
        result = 0
        for node in body:
            result = self.run(node)
        return result

    def _each(self, node: ForEach) -> int:
        """``for``: once for each file, with ``/d`` folder, that a pattern means; one that means none is passed over in silence (*assumed*)."""
        from .patterns import matches

        result = 0
        for word in node.words:
            path = word.replace('"', "")
            if "*" not in path and "?" not in path:
                found = [path]
            else:
                fs, logon = self.proc.host.fs, self.proc.logon
                try:
                    found = [one for one in matches(self.proc, self.proc.full(path)) if fs.is_dir(one, logon) == node.folders]
                except WinError:
                    found = []
            for one in found:
                result = self.run(put(node.body, node.letter, one))
        return result

    def _true(self, node: If) -> bool:
        first = node.words[0]
        if node.kind == "exist":
            found = self._exists(first.replace('"', ""))
        elif node.kind == "errorlevel":
            found = signed(self.errorlevel) >= int(first)
        elif node.kind == "defined":
            found = first in self.proc.env
        else:
            found = compare(first, node.words[1], node.words[2], node.ignore_case)
        return found != node.negated

    def _exists(self, path: str) -> bool:
        from .patterns import matches

        try:
            full = self.proc.full(path)
            if "*" in path or "?" in path:
                return bool(matches(self.proc, full))
            if full.endswith("\\"):
                return self.proc.host.fs.is_dir(full, self.proc.logon)
            return self.proc.host.fs.exists(full, self.proc.logon)
        except WinError:
            return False

    def _pipe(self, node: Chain) -> int:
        pipe = Pipe()
        left = Shell(self.proc, self.stdin, pipe, self.stderr)
        right = Shell(self.proc, pipe, self.stdout, self.stderr)
        for side in (left, right):
            side.errorlevel, side.batch = self.errorlevel, self.batch
        thread = threading.Thread(target=_left_side, args=(left, node.left, pipe), daemon=True)
        thread.start()
        try:
            result = right.run(node.right)
        finally:
            pipe.close()
        thread.join()
        self.proc.check()
        self.errorlevel = right.errorlevel
        return result

    def _redirected(self, redirects: list[Redirect], action: Callable[[], int]) -> int:
        kept = self.stdin, self.stdout, self.stderr
        opened: list[FileSink] = []
        try:
            for redirect in redirects:
                self._redirect(redirect, opened)
            return action()
        except WinError as error:
            self.stdin, self.stdout, self.stderr = kept
            self.errorlevel = self.fail(error.code)
            return self.errorlevel
        finally:
            self.stdin, self.stdout, self.stderr = kept
            for sink in opened:
                sink.close()

    def _redirect(self, redirect: Redirect, opened: list[FileSink]) -> None:
        host, logon = self.proc.host, self.proc.logon
        if redirect.mode.endswith("&"):
            source = self.stdout if redirect.target == "1" else self.stderr
        elif redirect.mode == "<":
            data = b"" if redirect.target.lower() == "nul" else host.fs.read(self.proc.full(redirect.target), logon)
            self.stdin = Pipe(data, closed=True)
            return
        else:
            source = open_sink(host, self.proc.full(redirect.target), logon, redirect.mode == ">>")
            if isinstance(source, FileSink):
                opened.append(source)
        if redirect.handle == 1:
            self.stdout = source
        elif redirect.handle == 2:
            self.stderr = source
        else:
            raise BadSyntax(f"{redirect.handle}>")

    # -- commands

    def _simple(self, text: str) -> int:
        from .builtins import BUILTINS, HIDES_FAILURE, KEEPS_LEVEL

        text = text.lstrip(" \t,;=")
        if not text:
            return 0
        name, rest = builtin_name(text)
        builtin = BUILTINS.get(name)
        if builtin:
            result = builtin(self, rest)
            if result is None:  # leaves the error level alone
                return 0
            if name not in HIDES_FAILURE and (result or name not in KEEPS_LEVEL):
                self.errorlevel = result
            return result
        return self.external(text)

    def external(self, text: str, wait: bool = True, call: bool = False) -> int:
        """Run a program or a batch file by name; waits for it, and takes its exit code as the error level."""
        word, rest = first_word(text)
        path = self.find(word)
        if path is None:
            self.error(f"'{word}' is not recognized as an internal or external command,\r\noperable program or batch file.")
            self.errorlevel = NOT_RECOGNIZED
            return NOT_RECOGNIZED
        if path.lower().endswith((".cmd", ".bat")):
            return self._batch_from(path, word, rest, call)
        try:
            child = self.proc.host.spawn(
                path,
                text,
                self.proc.logon,
                parent=self.proc,
                stdin=self.stdin,
                stdout=self.stdout,
                stderr=self.stderr,
            )
        except WinError as error:
            if error.code == 193:
                self.error(f"The version of {path} is not compatible with the version of Windows you're running.")
            else:
                self.error(message(error.code))
            self.errorlevel = 1
            return 1
        if not wait:
            return 0
        self.errorlevel = self.proc.wait_for(child)
        return self.errorlevel

    def _batch_from(self, path: str, word: str, rest: str, call: bool) -> int:
        arguments = [word, *split_words(rest)]
        nested = self.batch is not None
        self.run_batch(path, arguments)
        if nested and not call:
            raise ExitBatch  # without "call", control does not come back
        return self.errorlevel

    def find(self, word: str) -> str | None:
        """The file that a name means: in the folder named, else the current one, else in PATH, with the extensions of PATHEXT."""
        host, logon = self.proc.host, self.proc.logon
        name = word.replace('"', "")
        extensions = [one.lower() for one in self.proc.env.get("PATHEXT", ".COM;.EXE;.BAT;.CMD").split(";")]
        has_extension = any(name.lower().endswith(one) for one in extensions)
        names = [name] if has_extension else [*(name + one for one in extensions), name]
        if "\\" in name or "/" in name or name[1:2] == ":":
            folders = [""]
        else:
            folders = [self.proc.cwd, *[one for one in self.proc.env.get("Path", "").split(";") if one]]
        for folder in folders:
            for one in names:
                path = self.proc.full(f"{folder.rstrip(chr(92))}\\{one}" if folder else one)
                if host.is_program(path, logon):
                    return path
        return None


class _Jump(Exception):
    """``goto``: the rest of the line or block is left out."""


def _left_side(shell: Shell, node: Node, pipe: Pipe) -> None:
    """The left side of a pipe, in a thread: nobody asks for its result, as in cmd."""
    try:
        shell.run(node)
    except (ProcessKilled, ExitShell, ExitBatch):
        return
    finally:
        pipe.close()


class _Variables(dict[str, str]):
    """Looks names up when they are asked for."""

    def __init__(self, shell: Shell) -> None:
        super().__init__()
        self._shell = shell

    def __contains__(self, name: object) -> bool:
        return str(name) in self._shell.proc.env or str(name).lower() in ("errorlevel", "cd")

    def __getitem__(self, name: str) -> str:
        if name in self._shell.proc.env:
            return self._shell.proc.env[name]
        if name.lower() == "cd":
            return self._shell.proc.cwd
        return str(signed(self._shell.errorlevel))
