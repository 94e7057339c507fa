# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The file of a plan on the control node: written whole or not at all, and read again when somebody has approved it."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import secrets
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._core.errors import InvalidValue

from .plan_document import FORMAT

_MODE = 0o644  # it has no secret, and goes into a change ticket
# Of every plan, the types of what a comparison reads.
_PARTS: dict[str, type | tuple[type, ...]] = {
    "made": str,
    "verdict": str,
    "instance": str,
    "installed": str,
    "target": str,
    "path": list,
    "nodes": list,
    "database": dict,
    "staged": list,
    "checks": list,
}
_ROWS = {"path": ("to",), "nodes": ("name",), "staged": ("version", "node", "sha256"), "checks": ("name", "where", "verdict", "blocks")}


def write(path: str, plan: Mapping[str, Any]) -> bool:
    """Write a plan, and make the folder where it is missing.

    Returns:
        Whether the file was written: not where it holds the same plan but for its time.

    Raises:
        InvalidValue: The file holds the plan of another instance, or something else, or cannot be written.
    """
    target = Path(path)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with _alone(target.parent):
            if target.exists():
                there = read(path)
                if there["instance"] != plan["instance"]:
                    raise InvalidValue(
                        f"Expected {path} for the plan of instance {plan['instance']}, but it holds that of {there['instance']}. Nothing was "
                        "written. Put {{ octopus_instance }} into octopus_plan_file, so that each instance has a file of its own."
                    )
                if _timeless(there) == _timeless(json.loads(json.dumps(plan))):
                    return False
            part = target.with_name(f".{target.name}.{secrets.token_hex(4)}.part")
            try:
                with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _MODE), "w", encoding="utf-8") as stream:
                    json.dump(plan, stream, indent=2, ensure_ascii=False)
                    stream.write("\n")
                    stream.flush()
                    os.fsync(stream.fileno())
                part.replace(target)
            finally:
                part.unlink(missing_ok=True)
    except OSError as error:
        raise InvalidValue(f"Cannot write the plan to {path}: {error.strerror or error}. Set octopus_plan_file to another path.") from error
    return True


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Keep the instances of a fleet, each planned by a process of its own, from writing to one file at the same time."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _timeless(plan: Mapping[str, Any]) -> dict[str, Any]:
    """A plan without what differs each time that it is made."""
    fleeting = ("made", "restore_point", "afterwards")
    return {name: value for name, value in plan.items() if name not in fleeting}


def read(path: str) -> dict[str, Any]:
    """Read a plan.

    Raises:
        InvalidValue: There is none, or the file is no plan of this format.
    """
    try:
        plan = json.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise InvalidValue(
            f"Cannot read the plan {path}: {error.strerror or error}. Make one with plan.yml and octopus_plan_file."
        ) from error
    except ValueError as error:
        raise InvalidValue(f"Expected a plan in {path}, but it is no JSON: {error}.") from error
    if not isinstance(plan, dict) or plan.get("format") != FORMAT:
        found = plan.get("format") if isinstance(plan, dict) else None
        raise InvalidValue(
            f"Expected a plan of format {FORMAT} in {path}, but found {found!r}. Make it again with this version of the collection."
        )
    wrong = [name for name, kind in _PARTS.items() if not isinstance(plan.get(name), kind)]
    wrong += [name for name, keys in _ROWS.items() if name not in wrong and not all(_has(row, keys) for row in plan[name])]
    if wrong:
        raise InvalidValue(f"Expected a plan in {path}, but {', '.join(wrong)} is missing in it or damaged. Make it again.")
    return plan


def _has(row: Any, keys: tuple[str, ...]) -> bool:
    return isinstance(row, dict) and all(key in row for key in keys)
