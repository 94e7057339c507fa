# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The process that holds a lock, ansible-playbook, and whether it still exists.

Whether a process has ended can be determined only on its own control node, since the same boot and in the same process namespace. Any other
process counts as alive. Two containers on one computer share its boot id, and may share the machine id of their image, but each has a
process namespace of its own, in which the same number is another process.
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
    """A process of a control node. ``started`` distinguishes it from a later process with the same number."""

    owner: str
    machine: str
    boot: str
    namespace: str
    pid: int
    started: str

    @classmethod
    def of(cls, pid: int) -> Holder | None:
        """Return the process with that number on this control node, or None where there is none."""
        started = start_of(pid)
        if started is None:
            return None
        return cls(_owner(), _machine(), _boot(), _namespace(), pid, started)

    @staticmethod
    def owner_here() -> str:
        """Return the user and the name of this control node, as in ``owner``."""
        return _owner()

    @classmethod
    def from_dict(cls, known: Mapping[str, Any]) -> Holder:
        """Return the process that :meth:`to_dict` has described.

        Raises:
            InvalidValue: The description is incomplete.
        """
        wrong = [one.name for one in fields(cls) if not isinstance(known.get(one.name), int if one.name == "pid" else str)]
        if wrong or not 0 < known["pid"] < 2**31:
            raise InvalidValue(f"Expected the description of a process, but {', '.join(wrong) or 'pid'} is missing or invalid.")
        return cls(**{one.name: known[one.name] for one in fields(cls)})

    def to_dict(self) -> dict[str, Any]:
        """Return the process as JSON can hold it."""
        return asdict(self)

    @property
    def token(self) -> str:
        """16 hexadecimal digits that identify this process."""
        text = "\0".join((self.machine, self.boot, self.namespace, str(self.pid), self.started))
        return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:16]

    def is_gone(self) -> bool:
        """Return whether the process has certainly ended. Where that cannot be determined, it counts as alive."""
        if not self.boot or (self.machine, self.boot, self.namespace) != (_machine(), _boot(), _namespace()):
            return False
        started = start_of(self.pid)
        return started is None or ("" not in (started, self.started) and started != self.started)


def start_of(pid: int) -> str | None:
    """Return when a process of this control node was started, in the notation of the operating system.

    Returns:
        None where there is no such process; a zombie is none. An empty text where the start cannot be read.
    """
    hidden = False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return None
    except OSError:
        hidden = True  # another user's process, which /proc may hide (mount option hidepid)
    if not os.path.isdir("/proc/self"):
        return _start_by_ps(pid)
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return "" if hidden else None
    except OSError:
        return ""
    # Fields 3 and 22 of proc_pid_stat(5) are state and start. The second field, the name in brackets, may contain anything.
    rest = stat.rpartition(")")[2].split()
    return None if rest[0] in ("Z", "X") else rest[19]


def _start_by_ps(pid: int) -> str | None:
    """Ask ps, on macOS and BSD."""
    output = _output("ps", "-o", "stat=,lstart=", "-p", str(pid))
    if output is None:
        return ""
    state, _blank, started = output.strip().partition(" ")
    return None if not state or state.startswith("Z") else " ".join(started.split())


def _output(*command: str) -> str | None:
    """Return the output of a command, or None where it cannot be run."""
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
    """Return the boot id of Linux or of macOS."""
    return _first_line("/proc/sys/kernel/random/boot_id") or (_output("sysctl", "-n", "kern.bootsessionuuid") or "").strip()


def _namespace() -> str:
    """Return the process namespace, or an empty text where there are none."""
    with contextlib.suppress(OSError):
        return os.readlink("/proc/self/ns/pid")
    return ""


def _first_line(*paths: str) -> str:
    for path in paths:
        with contextlib.suppress(OSError):
            return Path(path).read_text(encoding="utf-8", errors="replace").strip()
    return ""
