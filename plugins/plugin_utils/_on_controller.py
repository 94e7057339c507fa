# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run the module of a task on the control node, with the WinRM options that Ansible resolved for the task's host or for named nodes.

Windows has no Python, so every module of this collection runs where Ansible runs and reaches the Windows hosts itself.
Private to this collection: other collections must not import it.
"""

from __future__ import annotations

import os
import tempfile
from typing import Any

from ansible import constants as C
from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible_collections.octopus.upgrade.plugins.plugin_utils._progress import ProgressTail
from ansible_collections.octopus.upgrade.plugins.plugin_utils._winrm_options import ConnectionRefused, options_of, options_of_node


class OnController(ActionBase):
    """What the action plugin of each module derives from. A plugin sets what its module needs:

    * ``windows``: "host" hands the module ``connection``, the options of the task's host; "nodes" hands it ``connections``, those of
      the inventory hosts in its option ``nodes``, or of the task's host where there is none; None hands it nothing.
    * ``windows_required``: False also lets a task's host through that is not reached by WinRM, without options.
    * ``shows_progress``: whether the module has the option ``progress_file``.
    """

    TRANSFERS_FILES = False
    _requires_connection = False
    _supports_check_mode = True
    _supports_async = True

    windows: str | None = None
    windows_required = True
    shows_progress = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """
        Raises:
            AnsibleActionFail: The task asks for something that cannot work; the message says what to set instead.
        """
        super().run(tmp, task_vars)
        task_vars = task_vars or {}
        if self._task.async_val and self._task.poll:
            # ansible-core would ask the connection of the Windows host for the job, but the job is on the control node.
            raise AnsibleActionFail(
                f"{self._task.action} runs on the control node, where async with poll above 0 cannot find it again. "
                "Set poll: 0 and ask with ansible.builtin.async_status and delegate_to: localhost; long steps have a timeout of their own."
            )

        args = dict(self._task.args)  # never the task's own: a retry or the next item of a loop would see the change
        try:
            args.update(self._connections(args, task_vars))
        except ConnectionRefused as error:
            raise AnsibleActionFail(f"{self._task.action}: {error}") from error

        if not self.shows_progress or self._task.async_val or self._task.no_log:
            return self._run_on_controller(args, task_vars)

        with tempfile.TemporaryDirectory(prefix="octopus-", dir=C.DEFAULT_LOCAL_TMP) as folder:
            args["progress_file"] = os.path.join(folder, "progress.jsonl")
            with ProgressTail(args["progress_file"], self._host_name(task_vars)):
                return self._run_on_controller(args, task_vars)

    def _host_name(self, task_vars: dict[str, Any]) -> str:
        """The inventory name of the host that the task acts on."""
        return self._task.delegate_to or task_vars.get("inventory_hostname") or "localhost"

    def _connections(self, args: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        """The argument with the connection or connections that the module needs; what the user gave wins."""
        if self.windows is None or args.get("connections"):
            return {}
        name = self._host_name(task_vars)
        if self.windows == "nodes" and args.get("nodes") is not None:
            return {"connections": [self._options_of(node, name, task_vars) for node in _names(args["nodes"])]}
        try:
            options = options_of(self._connection, name, self._url_of(name, task_vars))
        except ConnectionRefused:
            if self.windows_required:
                raise
            return {}
        return {"connections": [options]} if self.windows == "nodes" else {"connection": options | (args.get("connection") or {})}

    def _options_of(self, node: str, name: str, task_vars: dict[str, Any]) -> dict[str, Any]:
        if node == name:
            # The task's own connection also knows variables of the task.
            return options_of(self._connection, name, self._url_of(name, task_vars))
        return options_of_node(node, task_vars["hostvars"], self._task, self._play_context, self._shared_loader_obj.connection_loader)

    @staticmethod
    def _url_of(name: str, task_vars: dict[str, Any]) -> str | None:
        hostvars = task_vars.get("hostvars") or {}
        return hostvars[name].get("octopus_node_url") if name in hostvars else None

    def _run_on_controller(self, args: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        """Execute the module with the Python that runs ansible-playbook."""
        play_context = self._play_context.copy()
        play_context.become = False
        play_context.shell = "sh"
        play_context.executable = C.DEFAULT_EXECUTABLE

        local = self._shared_loader_obj.connection_loader.get("ansible.builtin.local", play_context)
        # As ansible.posix.synchronize does: take ansible_playbook_python and the local tmp directory, not those of the Windows host.
        local._remote_is_local = True
        # The module, and the password in it, goes through stdin instead of a file.
        local.set_option("pipelining", True)

        task = self._task.copy()
        task.args = args
        normal = self._shared_loader_obj.action_loader.get(
            "ansible.legacy.normal",
            task=task,
            connection=local,
            play_context=play_context,
            loader=self._loader,
            templar=self._templar,
            shared_loader_obj=self._shared_loader_obj,
        )
        try:
            return normal.run(task_vars=task_vars)
        finally:
            normal.cleanup()


def _names(nodes: Any) -> list[str]:
    """Inventory names from a list or a comma-separated text."""
    if isinstance(nodes, str):
        nodes = nodes.split(",")
    if not isinstance(nodes, list) or not all(isinstance(name, str) for name in nodes):
        raise ConnectionRefused(f"nodes is a list of inventory names, not {type(nodes).__name__}.")
    return [name.strip() for name in nodes if name.strip()]
