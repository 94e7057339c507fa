# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A controller: one ansible-playbook in a process of its own, which can be killed as a power cut kills it, with all that it started."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import time
import uuid
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol

from patience import patient
from scenarios.operator import PROGRAM, ROOT

MARK = "OCTOPUS_UPGRADE_CHAOS"
KILL_PATIENCE = patient(10.0)
# A process namespace of its own, as a container has: from there nobody can see whether a process here lives, as from another computer.
ELSEWHERE = ("unshare", "--user", "--map-root-user", "--pid", "--fork", "--kill-child", "--mount-proc")


@lru_cache(maxsize=1)
def elsewhere() -> tuple[str, ...]:
    """What a command begins with that is to run as if elsewhere; nothing where this computer does not allow that."""
    if shutil.which(ELSEWHERE[0]) is None:
        return ()
    return () if subprocess.run([*ELSEWHERE, "true"], capture_output=True, check=False).returncode else ELSEWHERE


class Station(Protocol):
    """What is needed of an :class:`Operator`."""

    @property
    def folder(self) -> Path: ...

    @property
    def inventory(self) -> Path: ...

    def environment(self) -> dict[str, str]: ...


class Controller:
    """``with Controller(operator, "upgrade_inplace", ...) as controller: ...``; whatever still runs at the end is killed.

    Args:
        another: Whether it is another control node than the one of the processes here, as far as this computer allows.
    """

    def __init__(self, operator: Station, playbook: str, log: Path, another: bool = False, **variables: Any) -> None:
        self.mark = uuid.uuid4().hex
        self.log = log
        command = [
            *(elsewhere() if another else ()),
            *PROGRAM,
            str(ROOT / "playbooks" / f"{playbook}.yml"),
            "-i",
            str(operator.inventory),
            "--extra-vars",
            json.dumps(variables),
        ]
        self._stream = log.open("wb")
        self._started = time.monotonic()
        self._process = subprocess.Popen(
            command,
            cwd=operator.folder,
            env=operator.environment() | {MARK: self.mark},
            stdin=subprocess.DEVNULL,
            stdout=self._stream,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def __enter__(self) -> Controller:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.kill()
        self._stream.close()

    @property
    def output(self) -> str:
        return self.log.read_text(encoding="utf-8", errors="replace")

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._started

    @property
    def ended(self) -> bool:
        return self._process.poll() is not None

    @property
    def code(self) -> int | None:
        """Its exit code; None while it runs."""
        return self._process.poll()

    def wait(self, deadline: float) -> bool:
        """Whether it ends by itself within so many real seconds from now."""
        try:
            self._process.wait(deadline)
        except subprocess.TimeoutExpired:
            return False
        return True

    def pause(self) -> None:
        """Stop the clock for it and for all that it started, as for a virtual machine that is suspended."""
        self._signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """Let it run again after :meth:`pause`."""
        self._signal(signal.SIGCONT)

    def _signal(self, number: int) -> None:
        for pid in marked(self.mark):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    def kill_when(self, condition: Callable[[], bool], what: str, deadline: float) -> None:
        """Kill it as soon as something is so.

        Args:
            what: That, for a message.

        Raises:
            AssertionError: It ends before that, or takes longer than so many real seconds.
        """
        while not condition():
            assert not self.ended and self.seconds < deadline, f"{what} never came:\n{self.output[-3000:]}"
            time.sleep(0.01)
        self.kill()

    def kill(self) -> None:
        """SIGKILL to its process group and to everything that it started: newer Ansible gives each worker a session of its own.

        Raises:
            TimeoutError: Something survives.
        """
        with contextlib.suppress(ProcessLookupError):
            if not self.ended:
                os.killpg(self._process.pid, signal.SIGKILL)
        deadline = time.monotonic() + KILL_PATIENCE
        while left := marked(self.mark):
            for pid in left:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            if time.monotonic() > deadline:
                raise TimeoutError(f"processes {left} of {self.log} survive SIGKILL")
            time.sleep(0.01)
        self._process.wait(KILL_PATIENCE)


def marked(mark: str) -> list[int]:
    """The processes that run with this mark in their environment, which whoever they start inherits."""
    wanted = f"{MARK}={mark}".encode()
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal():
            with contextlib.suppress(OSError):
                if wanted in (folder / "environ").read_bytes().split(b"\0"):
                    found.append(int(folder.name))
    return found
