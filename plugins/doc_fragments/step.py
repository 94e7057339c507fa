# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    """The options that make a task a durable step of a run."""

    DOCUMENTATION = r"""
options:
  step:
    description:
      - Makes the task a durable step of a run, under this name. Before the module acts, the run's O(journal) says that the step begins; after
        it, the journal has the module's result.
      - Where an unfinished run that is resumed has done the step, the module does not act again. The task returns the recorded result, with
        C(replayed) set to true.
      - Needs the lock on the instance (M(octopus.upgrade.octopus_run_lock)). Nothing is written in check mode. Not with C(async) or C(no_log).
    type: str
  outage:
    description: Says that the time in which users cannot work begins before this step, or ends after it.
    type: str
    choices: [begins, ends]
  repeat_until:
    description: The name of a later step. Until that one is done, a resumed run does this step again although it was done.
    type: str
  journal_required:
    description:
      - With V(false), the step acts even where O(journal) can be neither read nor written; a warning says why. For what must be tried all the
        same, such as restoring service.
      - A step never acts where the lock on the instance is lost.
    type: bool
    default: true
  journal:
    description: The journal of the run that O(step) belongs to.
    type: dict
    suboptions:
      path:
        description: The journal on the disk of the host of the task.
        type: str
        required: true
      copy:
        description: Its copy on the control node.
        type: path
        required: true
"""
