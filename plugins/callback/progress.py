# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: progress
type: stdout
short_description: Shows what a person wants to know of an upgrade while it runs
version_added: 1.0.0
description:
  - Shows the phases of a run, which step of how many it is at, how long that takes, and how far it is - percent and MB per second of backups,
    restores, copies and downloads, what Windows Installer is doing, and the scripts of the schema upgrade.
  - After a rehearsal, it says how long the rest of the run will take, and how many of the schema scripts are done.
  - A failure is told once, in full. At the end stands how each instance is, with the outage as hh:mm:ss and what it consisted of.
  - In a terminal, a line for each instance shows what it is doing now. Elsewhere, as in the log of a CI job, there are plain lines without control
    characters, at least one in half a minute.
  - With C(-v) and more it shows what P(ansible.builtin.default#callback) does, and has its options.
  - What C(no_log) hides stays hidden. An error of its own ends no run - it warns, and the default output goes on.
extends_documentation_fragment:
  - default_callback
  - result_format_callback
requirements:
  - enabled with C(stdout_callback = octopus.upgrade.progress) in C(ansible.cfg), or with C(ANSIBLE_STDOUT_CALLBACK)
seealso:
  - plugin: octopus.upgrade.exit_status
    plugin_type: callback
    description: Lets ansible-playbook end with a status that says how the instances are.
author:
  - The octopus.upgrade contributors (@octopus-upgrade)
"""

import atexit
import os
import time
from collections.abc import Callable, Sequence
from typing import Any

from ansible import context
from ansible.playbook.task_include import TaskInclude
from ansible.plugins.callback.default import CallbackModule as Default
from ansible_collections.octopus.upgrade.plugins.module_utils._core.progress import Message
from ansible_collections.octopus.upgrade.plugins.plugin_utils import _console
from ansible_collections.octopus.upgrade.plugins.plugin_utils._console import Console
from ansible_collections.octopus.upgrade.plugins.plugin_utils._console_screen import Screen, has_terminal
from ansible_collections.octopus.upgrade.plugins.plugin_utils._console_state import Task
from ansible_collections.octopus.upgrade.plugins.plugin_utils._console_text import Line


class CallbackModule(Default):
    """Hands what happens to a :class:`Console` and prints what that makes of it. Where it cannot, the default callback takes over."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "stdout"
    CALLBACK_NAME = "octopus.upgrade.progress"

    def __init__(self) -> None:
        super().__init__()
        live = has_terminal()
        self._console = Console(time.monotonic(), live)
        self._screen = Screen(
            self._display, live, self._on_message, self._on_tick, lambda width: self._console.status(time.monotonic(), width)
        )
        self._on = False

    # -- Ansible's events

    def v2_playbook_on_start(self, playbook: Any) -> None:
        self._on = self._display.verbosity == 0
        if self._on:
            self._screen.open()
            atexit.register(self._screen.close)
        name = os.path.basename(str(getattr(playbook, "_file_name", "")))
        check = bool(context.CLIARGS.get("check"))
        self._event(lambda: self._console.begin(name, check), super().v2_playbook_on_start, playbook)

    def v2_playbook_on_play_start(self, play: Any) -> None:
        self._play = play  # the default callback needs it, should it take over
        self._event(lambda: [], super().v2_playbook_on_play_start, play)

    def v2_playbook_on_task_start(self, task: Any, is_conditional: bool) -> None:
        self._event(lambda: [], super().v2_playbook_on_task_start, task, is_conditional)

    def v2_playbook_on_handler_task_start(self, task: Any) -> None:
        self._event(lambda: [], super().v2_playbook_on_handler_task_start, task)

    def v2_playbook_on_include(self, included_file: Any) -> None:
        self._event(lambda: [], super().v2_playbook_on_include, included_file)

    def v2_playbook_on_no_hosts_remaining(self) -> None:
        self._event(lambda: [], super().v2_playbook_on_no_hosts_remaining)

    def v2_runner_on_start(self, host: Any, task: Any) -> None:
        self._event(lambda: self._begun(host, task), super().v2_runner_on_start, host, task)

    def v2_runner_on_ok(self, result: Any) -> None:
        self._event(lambda: self._ended(result, _console.OK), super().v2_runner_on_ok, result)

    def v2_runner_on_skipped(self, result: Any) -> None:
        self._event(lambda: self._ended(result, _console.SKIPPED), super().v2_runner_on_skipped, result)

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:
        ended = _console.IGNORED if ignore_errors else _console.FAILED
        self._event(lambda: self._ended(result, ended), super().v2_runner_on_failed, result, ignore_errors)

    def v2_runner_on_unreachable(self, result: Any) -> None:
        ended = _console.IGNORED if result._task.ignore_unreachable else _console.UNREACHABLE
        self._event(lambda: self._ended(result, ended), super().v2_runner_on_unreachable, result)

    def v2_runner_item_on_ok(self, result: Any) -> None:
        self._event(lambda: self._warned(result), super().v2_runner_item_on_ok, result)

    def v2_runner_item_on_failed(self, result: Any) -> None:
        self._event(lambda: self._item_failed(result), super().v2_runner_item_on_failed, result)

    def v2_runner_item_on_skipped(self, result: Any) -> None:
        self._event(lambda: self._warned(result), super().v2_runner_item_on_skipped, result)

    def v2_runner_retry(self, result: Any) -> None:
        self._event(
            lambda: self._console.retries(result._host.get_name(), _task(result._task), result._result, time.monotonic()),
            super().v2_runner_retry,
            result,
        )

    def v2_playbook_on_stats(self, stats: Any) -> None:
        counts = {host: stats.summarize(host) for host in stats.processed}
        changed = {host: found["changed"] for host, found in counts.items()}
        failed = [host for host, found in counts.items() if found["failures"] or found["unreachable"]]
        self._event(lambda: self._console.end(time.monotonic(), changed, failed), super().v2_playbook_on_stats, stats)
        self._screen.close()

    # -- what they become

    def _event(self, own: Callable[[], Sequence[Line]], default: Callable[..., None], *arguments: Any) -> None:
        """Show something the console's way; where that is off, or fails, the default way."""
        if self._on and self._try(own):
            return
        default(*arguments)

    def _try(self, own: Callable[[], Sequence[Line]]) -> bool:
        """Show something the console's way. No play may fail by it, whatever is wrong here."""
        try:
            with self._screen.lock:
                self._screen.show(own())
        except Exception as error:
            self._on = False
            self._screen.close()
            self._display.warning(f"octopus.upgrade.progress has failed ({type(error).__name__}: {error}); the default output goes on.")
            return False
        return True

    def _on_message(self, message: Message) -> None:
        if self._on:
            self._try(lambda: self._console.progress(message, time.monotonic()))

    def _on_tick(self) -> None:
        if self._on:
            self._try(lambda: self._console.tick(time.monotonic()))

    def _begun(self, host: Any, task: Any) -> Sequence[Line]:
        if isinstance(task, TaskInclude):
            return []
        name = host.get_name()
        if not self._console.knows(name):
            self._console.named(name, self._label(host))
        return self._console.task_begins(name, _task(task), time.monotonic())

    def _ended(self, result: Any, ended: str) -> Sequence[Line]:
        self._warned(result)
        if isinstance(result._task, TaskInclude) and ended in (_console.OK, _console.SKIPPED):
            return []
        return self._console.task_ends(result._host.get_name(), _task(result._task), result._result, ended, time.monotonic())

    def _item_failed(self, result: Any) -> Sequence[Line]:
        self._warned(result)
        return self._console.item_fails(result._host.get_name(), result._result)

    def _warned(self, result: Any) -> Sequence[Line]:
        self._handle_warnings(result._result)
        return []

    def _label(self, host: Any) -> str:
        """The name of the instance that a host stands for; the host's own where it stands for none."""
        variables = self._play.get_variable_manager().get_vars(play=self._play, host=host, include_hostvars=False)
        instance = variables.get("octopus_instance")
        return str(instance) if isinstance(instance, str) and "{{" not in instance else host.get_name()


def _task(task: Any) -> Task:
    """What the console has to know of a task of Ansible."""
    arguments = task.args if isinstance(task.args, dict) else {}
    role = str(task._role.get_name()).rpartition(".")[2] if task._role else ""
    name = str(task.name or task.action)
    return Task(name, str(getattr(task, "resolved_action", None) or task.action), role, str(arguments.get("step") or ""))
