# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What an unfinished run means for the next one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from . import outcome
from . import record as run_record
from .journals import Found
from .steps import results as results_of

GUARDED = "the control node was gone for too long, and the guard on the coordinator started the service again"


def described(found: Found, results: Sequence[str], guarded: bool) -> dict[str, Any]:
    """Return an unfinished run with what it means for the next one.

    Args:
        found: The run.
        results: The steps whose results are wanted.
        guarded: Whether the guard has started the service since. Then what the run has done no longer holds: it cannot go on.
    """
    result = found.to_dict()
    steps, record = result["steps"], result["record"]
    if guarded and not record.get("error"):
        record = result["record"] = {**record, "error": GUARDED}
    operation = run_record.operation(found.events) or outcome.UPGRADE
    return {
        **result,
        "operation": operation,
        "playbook": outcome.playbook(operation),
        "last_step": steps[-1] if steps else "",
        "resumes": outcome.resumes(steps),
        "guarded": guarded,
        "roll_back_first": guarded or outcome.must_roll_back_first(steps, record),
        "schema_failed": outcome.schema_must_not_be_retried(record, steps),
        "only_stopped": outcome.only_stopped(steps),
        "published": outcome.published(steps),
        "results": {step: result for step, result in results_of(found.events).items() if step in results},
    }
