# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Write an event of a run that is not a step: its beginning, a failure, its end."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._core.errors import InvalidValue, TaskFailed, UpgradeError
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.connection import ConnectionOptions

from . import clone_outcome, migration_outcome, outcome, record, steps
from .errors import LockLost
from .holder import Holder
from .journal import Journal, open_journal

EVENTS = ("begun", "resumed", "failed", "stopped", "finished")


def write(params: dict[str, Any], check_mode: bool) -> dict[str, Any]:
    """Write an event, and return what the run amounts to.

    Args:
        params: As octopus_run_record has them.
        check_mode: Whether nothing is written.

    Raises:
        InvalidValue: ``data`` cannot be written.
        LockLost: Another process holds the lock.
        UpgradeError: The event cannot be written.
    """
    if not isinstance(params["data"].get("facts") or {}, dict):
        raise InvalidValue(f"Expected data.facts to be a dictionary of facts by name, but found {type(params['data']['facts']).__name__}.")
    if params["event"] == "failed":
        return _failure(params, check_mode)
    if check_mode:
        return {"changed": False, **record.result(record.read(Path(params["journal"]["copy"])))}
    with _open(params) as journal:
        return add(journal, params["event"], params["journal"]["copy"], params["data"])


def add(journal: Journal, event: str, copy: str, data: dict[str, Any]) -> dict[str, Any]:
    """Write an event to an open journal, and after the last event the record as one JSON document.

    Args:
        journal: The open journal.
        event: One of :data:`EVENTS`.
        copy: The journal's copy on the control node.
        data: The event's data.

    Raises:
        LockLost: Another process holds the lock.
        UpgradeError: The event or the document cannot be written.
    """
    result = {"changed": False, **record.result(journal.add(event, **data))}
    if event in record.ENDS:
        result["path"] = record.write_document(Path(copy), result["record"])
    return result


def _failure(params: dict[str, Any], check_mode: bool) -> dict[str, Any]:
    """Write a failure, and decide what follows, whether it can be written or not."""
    if check_mode:
        known = _known(Path(params["journal"]["copy"]))
        return {"changed": False, **known, **_decisions(params, known.get("steps") or params["known_steps"], check_mode=True)}
    there: list[str] = []
    try:
        with _open(params) as journal:
            try:
                result = record.result(journal.add("failed", **params["data"]))
            except UpgradeError:
                if not _known(Path(params["journal"]["copy"])):
                    with contextlib.suppress(UpgradeError):  # the first error says what is wrong
                        there = steps.begun(journal.events_there())
                raise
    except UpgradeError as error:
        known = _known(Path(params["journal"]["copy"])) | error.result
        begun = known.get("steps") or there or params["known_steps"]
        lost = isinstance(error, LockLost)
        raise TaskFailed(str(error), {**known, **_decisions(params, begun, lock_lost=lost)}) from error
    return {"changed": False, **result, **_decisions(params, result["steps"])}


def _decisions(params: dict[str, Any], begun: list[str], *, check_mode: bool = False, lock_lost: bool = False) -> dict[str, Any]:
    decided = outcome.decide(
        begun,
        check_mode=check_mode,
        on_failure=params["on_failure"],
        lock_lost=lock_lost,
        not_asked=str(params["data"].get("not_asked")).lower() == "true",  # a text before ansible-core 2.19
        rollback_possible=params["rollback_possible"],
    )
    found: dict[str, Any] = {"outcome": decided.to_dict()}
    if params["clone"]:
        found["clone_outcome"] = clone_outcome.decide(begun, lock_lost=lock_lost, **params["clone"]).to_dict()
    if params["migration"]:
        found["migration_outcome"] = migration_outcome.decide(begun, lock_lost=lock_lost, **params["migration"]).to_dict()
    return found


def _known(copy: Path) -> dict[str, Any]:
    """Return what the copy on the control node amounts to; empty where it cannot be read."""
    events = record.read_if_possible(copy)
    return record.result(events) if events else {}


def _open(params: dict[str, Any]) -> contextlib.AbstractContextManager[Journal]:
    options = ConnectionOptions.from_params(params["connection"])
    return open_journal(params["journal"], options, Holder.from_dict(params["holder"]), last=params["event"] in record.ENDS)
