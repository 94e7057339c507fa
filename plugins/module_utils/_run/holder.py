# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The process that a run lives in, ansible-playbook, so that another one can tell whether it is gone.

A process is gone for certain only where it can be looked for: on the same control node, since the same start of it, among the same
processes. Of any other nothing is known, and it counts as alive. Two containers on one computer share its start (boot id), and may share
the machine id of their image, but each has a process namespace of its own, in which the same number is another process.
"""

from __future__ import annotations

import contextlib
import getpass
import hashlib
import os
import socket
import subprocess
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._core.errors import InvalidValue

HOLDER_SPEC: dict[str, Any] = {
    "owner": {"type": "str", "required": True},
    "machine": {"type": "str", "default": ""},
    "boot": {"type": "str", "default": ""},
    "namespace": {"type": "str", "default": ""},
    "pid": {"type": "int", "required": True},
    "started": {"type": "str", "required": True},
}


@dataclass(frozen=True)
class Holder:
    """A process of a control node. ``started`` tells it from a later one of the same number."""

    owner: str
    machine: str
    boot: str
    namespace: str
    pid: int
    started: str

    @classmethod
    def of(cls, pid: int) -> Holder | None:
        """The process of that number, here; None where it is gone."""
        started = start_of(pid)
        if started is None:
            return None
        return cls(_owner(), _machine(), _boot(), _namespace(), pid, started)

    @classmethod
    def from_dict(cls, known: Mapping[str, Any]) -> Holder:
        """
        Raises:
            ValueError: It is none.
        """
        wrong = [one.name for one in fields(cls) if not isinstance(known.get(one.name), int if one.name == "pid" else str)]
        if wrong or not 0 < known["pid"] < 2**31:
            raise InvalidValue(f"no process: {', '.join(wrong) or 'pid'}")
        return cls(**{one.name: known[one.name] for one in fields(cls)})

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @property
    def token(self) -> str:
        """16 hex digits that are this process's alone."""
        text = "\0".join((self.machine, self.boot, self.namespace, str(self.pid), self.started))
        return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:16]

    def is_gone(self) -> bool:
        """Whether it provably no longer lives. What cannot be known counts as alive."""
        if not self.boot or (self.machine, self.boot, self.namespace) != (_machine(), _boot(), _namespace()):
            return False
        started = start_of(self.pid)
        return started is None or ("" not in (started, self.started) and started != self.started)


def start_of(pid: int) -> str | None:
    """When a process of this control node was started, in whatever way it is told here; None where there is none, "" where nobody says.

    One that has ended and whose parent has not asked for its exit code (a zombie) is none.
    """
    hidden = False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return None
    except OSError:
        hidden = True  # somebody else's, which /proc may not show (mount option hidepid)
    if not os.path.isdir("/proc/self"):
        return _start_by_ps(pid)
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return "" if hidden else None
    except OSError:
        return ""
    # Fields 3 and 22 of proc_pid_stat(5), state and start; the second, the name in brackets, may hold anything.
    rest = stat.rpartition(")")[2].split()
    return None if rest[0] in ("Z", "X") else rest[19]


def _start_by_ps(pid: int) -> str | None:
    """By ps, which macOS and the BSDs have."""
    said = _said("ps", "-o", "stat=,lstart=", "-p", str(pid))
    if said is None:
        return ""
    state, _blank, started = said.strip().partition(" ")
    return None if not state or state.startswith("Z") else " ".join(started.split())


def _said(*command: str) -> str | None:
    """What a command prints; None where it cannot be run."""
    try:
        done = subprocess.run(  # noqa: S603 - an argument vector of constants and a number
            command, capture_output=True, text=True, timeout=10, check=False, env={**os.environ, "LC_ALL": "C"}
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout


def _owner() -> str:
    try:
        name = getpass.getuser()
    except (KeyError, OSError, ImportError):  # a number without a name, as in some containers
        name = str(os.getuid())
    return f"{name}@{socket.gethostname()}"


def _machine() -> str:
    return _first_line("/etc/machine-id", "/var/lib/dbus/machine-id")


def _boot() -> str:
    """The id of this start of the computer: of Linux, else of macOS."""
    return _first_line("/proc/sys/kernel/random/boot_id") or (_said("sysctl", "-n", "kern.bootsessionuuid") or "").strip()


def _namespace() -> str:
    """The process namespace; "" where there are none."""
    with contextlib.suppress(OSError):
        return os.readlink("/proc/self/ns/pid")
    return ""


def _first_line(*paths: str) -> str:
    for path in paths:
        with contextlib.suppress(OSError):
            return Path(path).read_text(encoding="utf-8", errors="replace").strip()
    return ""
