# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The command to go on with, from how ansible-playbook was called. Private to this collection.

A value of ``--extra-vars`` that may be a secret is not repeated: what is shown may go into a ticket.
"""

from __future__ import annotations

import json
import os.path
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

_PLAN, _UPGRADE = "plan", "upgrade_inplace"
_COLLECTION = "octopus.upgrade."
# Of other variables, and of those of ours with such a word, nobody knows whether they are secret.
_OURS, _SECRET = "octopus_", re.compile(r"key|password|passwd|secret|token|webhook|credential", re.IGNORECASE)
_HIDDEN = "..."
_PLAN_FILE, _APPROVED = "octopus_plan_file", "octopus_plan"


def commands(called: Mapping[str, Any], nodes: Sequence[str] | None, plan: str | None) -> dict[str, str]:
    """Return the command that upgrades by this plan (``upgrade``), and the one that makes it again (``again``).

    Args:
        called: The options of ansible-playbook, as ``context.CLIARGS`` has them.
        nodes: The nodes that the commands are limited to; None for the limit that was given.
        plan: The file of the plan; None without one.
    """
    playbook = str((called.get("args") or [_COLLECTION + _PLAN])[0])
    kept = [*_options(called, nodes), *_extra(called.get("extra_vars") or (), (_PLAN_FILE, _APPROVED))]
    own = [*(["-e", f"{_APPROVED}={plan}"] if plan else [])]
    again = [*_options(called, nodes), *_extra(called.get("extra_vars") or (), ())]
    return {
        "upgrade": shlex.join(["ansible-playbook", _sibling(playbook, _UPGRADE), *kept, *own]),
        "again": shlex.join(["ansible-playbook", _sibling(playbook, _PLAN), *again]),
    }


def _sibling(playbook: str, name: str) -> str:
    """The playbook of that name beside the one that was called; by its collection's name where that is a playbook of the user's own."""
    if playbook.startswith(_COLLECTION):
        return _COLLECTION + name
    folder, file = os.path.split(playbook)
    root, suffix = os.path.splitext(file)
    return os.path.join(folder, name + suffix) if root in (_PLAN, _UPGRADE) and suffix else _COLLECTION + name


def _options(called: Mapping[str, Any], nodes: Sequence[str] | None) -> Iterator[str]:
    for source in called.get("inventory") or ():
        yield from ("-i", str(source))
    limit = ",".join(nodes) if nodes else called.get("subset")
    if limit:
        yield from ("--limit", str(limit))
    for file in called.get("vault_password_files") or ():
        yield from ("--vault-password-file", str(file))
    for identity in called.get("vault_ids") or ():
        yield from ("--vault-id", str(identity))
    for option in ("ask_vault_pass", "ask_pass"):
        if called.get(option):
            yield f"--{'ask-vault-pass' if option == 'ask_vault_pass' else 'ask-pass'}"


def _extra(given: Sequence[str], without: Sequence[str]) -> Iterator[str]:
    for text in given:
        if str(text).startswith("@"):
            yield from ("-e", str(text))
            continue
        for name, value in _variables(str(text)):
            if name not in without:
                yield from ("-e", _variable(name, value))


def _variables(text: str) -> Iterator[tuple[str, Any]]:
    """The variables of one ``--extra-vars``: JSON, or words of the form name=value. Of anything else, such as YAML, not even the names."""
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    if isinstance(found, dict):
        yield from found.items()
        return
    try:
        words = shlex.split(text)
    except ValueError:
        words = []
    if words and all(re.match(r"[A-Za-z_]\w*=", word) for word in words):
        yield from (tuple(word.split("=", 1)) for word in words)  # type: ignore[misc]
    else:
        yield "", ""


def _variable(name: str, value: Any) -> str:
    if not name:
        return _HIDDEN
    if not name.startswith(_OURS) or _SECRET.search(name):
        return f"{name}={_HIDDEN}"
    return f"{name}={value}" if isinstance(value, str) else json.dumps({name: value})
