# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: exit_status
type: aggregate
short_description: Lets ansible-playbook end with a status that says how the instances are
version_added: 1.0.0
description:
  - C(ansible-playbook) itself ends with 2 whatever has failed. With this callback, every playbook of the collection ends with a status that a CI job
    or an operator can act on. Of several instances the worst counts, which is the highest number.
  - 0 - done as asked; every instance is in service. Also where there was nothing to do, unless O(nothing_to_do) says otherwise.
  - 20 - refused, or failed, before anything was changed; every instance is as it was. Where an earlier run has left one otherwise, the number for that.
  - 21 - failed; the instance is in service as before. Of a clone, the old one is.
  - 22 - failed, and rolled back; the instance is in service at its restore point.
  - 23 - in service, but something is left to do or another control node has taken the run over; the message says what.
  - 24 - out of service. Users are shut out until somebody acts; the message says how.
  - Everything else ends as it does without the callback, such as 2 where a task failed that no run of the collection has reported, 4 where the
    playbook cannot be read, and 99 where it was interrupted.
options:
  nothing_to_do:
    description:
      - The status where there was nothing to do on any instance, for example because each is at the wanted version already.
      - It is 0, because CI systems take everything else for a failure, and a pipeline that runs daily has nothing to do most of the time.
    type: int
    default: 0
    env:
      - name: OCTOPUS_UPGRADE_NOTHING_TO_DO
    ini:
      - section: callback_octopus_exit_status
        key: nothing_to_do
requirements:
  - enabled with C(callbacks_enabled = octopus.upgrade.exit_status) in C(ansible.cfg), or in C(ANSIBLE_CALLBACKS_ENABLED)
seealso:
  - plugin: octopus.upgrade.progress
    plugin_type: callback
    description: Shows what a person wants to know of an upgrade while it runs.
author:
  - The octopus.upgrade contributors (@octopus-upgrade)
"""

from typing import Any

from ansible.plugins.callback import CallbackBase
from ansible_collections.octopus.upgrade.plugins.module_utils._run.exit_status import ExitStatus


class CallbackModule(CallbackBase):
    """Ends the process with what becomes of the instances."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "octopus.upgrade.exit_status"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self, display: Any = None, options: Any = None) -> None:
        super().__init__(display, options)
        self._status = ExitStatus()

    def v2_playbook_on_start(self, playbook: Any) -> None:
        """Begin with nothing known."""
        self._status = ExitStatus(int(self.get_option("nothing_to_do")))

    def v2_playbook_on_play_start(self, play: Any) -> None:
        """Note a play of the collection: they say what they are to do (playbooks/each_instance.yml)."""
        if "octopus_operation" in (play.vars or {}):
            self._status.is_own()

    def v2_runner_on_start(self, host: Any, task: Any) -> None:
        """Note what may change an instance."""
        self._status.begins(host.get_name(), _action(task), bool(task.check_mode))

    def v2_runner_on_ok(self, result: Any) -> None:
        """Note what a task tells about how an instance is."""
        task = result._task
        arguments = task.args if isinstance(task.args, dict) else {}
        self._status.ends(result._host.get_name(), _action(task), arguments, result._result)

    def v2_playbook_on_stats(self, stats: Any) -> None:
        """
        Raises:
            SystemExit: The status is not Ansible's own.
        """
        counts = {host: stats.summarize(host) for host in stats.processed}
        status = self._status.status([host for host, found in counts.items() if found["failures"] or found["unreachable"]])
        if status:
            # Nothing catches it on its way out but what cleans up.
            raise SystemExit(status)


def _action(task: Any) -> str:
    """The action of a task with its collection, whatever the playbook calls it."""
    return str(getattr(task, "resolved_action", None) or task.action)
