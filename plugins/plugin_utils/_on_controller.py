# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run the module of a task on the control node, with the WinRM options that Ansible resolved for the task's host or for named nodes.

Windows has no Python, so every module of this collection runs where Ansible runs and reaches the Windows hosts itself: in the worker that
runs the task, or, for ``async``, in a process of its own. Private to this collection: other collections must not import it.

An action plugin imports its module, and so the module's libraries. Ansible loads an action plugin before it forks the worker, so that
they are imported once for all tasks.
"""

from __future__ import annotations

import gc
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from ansible import constants as C
from ansible.errors import AnsibleActionFail
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.plugins.action import ActionBase
from ansible_collections.octopus.upgrade.plugins.module_utils._core.errors import UpgradeError
from ansible_collections.octopus.upgrade.plugins.module_utils._run.journal import Journal, Step, open_journal
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.connection import CONNECTION_SPEC, NODES_SPEC, ConnectionOptions
from ansible_collections.octopus.upgrade.plugins.plugin_utils import _in_process
from ansible_collections.octopus.upgrade.plugins.plugin_utils._holder import holder
from ansible_collections.octopus.upgrade.plugins.plugin_utils._room import Room
from ansible_collections.octopus.upgrade.plugins.plugin_utils._winrm_options import ConnectionRefused, options_of, options_of_node

# Once, before the first worker is forked: a worker whose garbage collector visits what all workers share gets a copy of all those pages,
# which took a twelfth of an upgrade's CPU time (https://docs.python.org/3/library/gc.html#gc.freeze).
gc.freeze()

# Seconds between two looks of ansible-playbook at what its workers have done, of which each costs about a tenth of a millisecond for each
# host of the play. ansible-core's default of 0.001 took a quarter of the CPU time of an outage, and as much from what else runs on the
# control node. The documentation of the setting (internal_poll_interval) advises a higher value for automation; what the user has set stays.
_POLL_INTERVAL = 0.01


def _look_less_often() -> None:
    """Give ansible-core another default for ``internal_poll_interval``."""
    if C.config.get_config_value_and_origin("DEFAULT_INTERNAL_POLL_INTERVAL")[1] == "default":
        C.DEFAULT_INTERNAL_POLL_INTERVAL = _POLL_INTERVAL


_look_less_often()


class OnController(ActionBase):
    """What the action plugin of each module derives from. A plugin sets what its module needs:

    * ``module``: the module itself.
    * ``windows``: "host" hands the module ``connection``, the options of the task's host; "nodes" hands it ``connections``, those of
      the inventory hosts in its option ``nodes``, or of the task's host where there is none; None hands it nothing.
    * ``windows_required``: False also lets a task's host through that is not reached by WinRM, without options.
    * ``shows_progress``: whether what the module reports is shown.
    """

    TRANSFERS_FILES = False
    _requires_connection = False
    _supports_check_mode = True
    _supports_async = True

    module: _in_process.Module
    windows: str | None = None
    windows_required = True
    shows_progress = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Run the module.

        Raises:
            AnsibleActionFail: The task asks for something that cannot work; the message says what to set instead.
        """
        super().run(tmp, task_vars)
        task_vars = task_vars or {}
        args = {**self._more(), **self._task.args}  # never the task's own: a retry or the next item of a loop would see the change
        if self._task.async_val:
            self._check_async(args)
        try:
            args.update(self._connections(args, task_vars))
        except ConnectionRefused as error:
            raise AnsibleActionFail(f"{self._task.action}: {error}") from error
        if self._task.async_val:
            return self._in_own_process(args, task_vars)
        try:
            arguments = _in_process.Arguments(self._task.action, self.module, args)
        except AnsibleActionFail as error:  # returned as any module's failure is, so that failed_when sees it
            return {"failed": True, "changed": False, "msg": error.message}
        # A task that reads in check mode too (check_mode: false) is no step there: there is no run.
        if arguments.params["step"] and not (self._task.check_mode or task_vars.get("ansible_check_mode")):
            return self._step(arguments, task_vars)
        return self._call(arguments, task_vars)

    def _more(self) -> dict[str, Any]:
        """Further arguments that only an action plugin knows."""
        return {}

    def _call(self, arguments: _in_process.Arguments, task_vars: dict[str, Any]) -> dict[str, Any]:
        environment: dict[str, Any] = {}
        self._compute_environment_string(environment)
        return _in_process.call(
            self.module,
            arguments,
            check_mode=self._task.check_mode,
            diff=self._task.diff,
            environment=environment,
            host=self._host_name(task_vars),
            shown=self.shows_progress and not self._task.no_log,
        )

    def _step(self, arguments: _in_process.Arguments, task_vars: dict[str, Any]) -> dict[str, Any]:
        """Be a durable step of the run whose journal the arguments name."""
        params = arguments.params
        name = params["step"]
        if not params["journal"]:
            raise AnsibleActionFail(f"{self._task.action}: step {name} needs journal, the journal of the run that it belongs to.")
        if self._task.no_log:
            raise AnsibleActionFail(f"{self._task.action}: step {name} cannot have no_log: its result is written to the journal.")
        try:
            with self._open_journal(params["journal"], task_vars) as journal:
                step = Step(journal, params)
                found = step.replayed()
                if found is not None:
                    return {**found, "replayed": True}
                self._before_step(params, task_vars)
                step.begin()
                with journal.kept_alive(self._guarded(journal, task_vars)):
                    result = self._call(arguments, task_vars)
                if not result.get("failed"):
                    step.end(result)
                    if params["outage"] == "ends":
                        self._room(task_vars).leave()
                return {**result, "warnings": [*result.get("warnings", []), *step.warnings]} if step.warnings else result
        except UpgradeError as error:
            return arguments.masked(_in_process.failure(error))

    def _before_step(self, params: dict[str, Any], task_vars: dict[str, Any]) -> None:
        """What a plugin waits for before its step begins."""

    def _guarded(self, journal: Journal, task_vars: dict[str, Any]) -> list[ConnectionOptions]:
        """The connections to the nodes beside this host whose guards have to be told that the run is alive."""
        name = self._host_name(task_vars)
        try:
            others = [self._options_of(node, name, task_vars) for node in journal.guarded() if node != name]
        except (ConnectionRefused, UpgradeError, KeyError):
            return []  # what the step itself needs of them is told by itself
        checked = ArgumentSpecValidator(NODES_SPEC).validate({"connections": others})
        return [ConnectionOptions.from_params(one) for one in checked.validated_parameters["connections"] or []]

    def _open_journal(self, journal: dict[str, Any], task_vars: dict[str, Any]) -> AbstractContextManager[Journal]:
        """Open the run's journal on the task's host."""
        checked = ArgumentSpecValidator(CONNECTION_SPEC).validate({"connection": self._own_connection(task_vars)})
        if checked.error_messages:
            raise AnsibleActionFail(f"{self._task.action}: the journal cannot be reached: {checked.error_messages[0]}")
        return open_journal(journal, ConnectionOptions.from_params(checked.validated_parameters["connection"]), holder())

    def _room(self, task_vars: dict[str, Any]) -> Room:
        return Room(Path(C.DEFAULT_LOCAL_TMP), task_vars.get("inventory_hostname") or "localhost")

    def _check_async(self, args: dict[str, Any]) -> None:
        if self._task.poll:
            # ansible-core would ask the connection of the Windows host for the job, but the job is on the control node.
            raise AnsibleActionFail(
                f"{self._task.action} runs on the control node, where async with poll above 0 cannot find it again. "
                "Set poll: 0 and ask with ansible.builtin.async_status and delegate_to: localhost; long steps have a timeout of their own."
            )
        if args.get("step"):
            raise AnsibleActionFail(f"{self._task.action}: step {args['step']} cannot be async: the run goes on when it is done.")

    def _host_name(self, task_vars: dict[str, Any]) -> str:
        """The inventory name of the host that the task acts on."""
        return self._task.delegate_to or task_vars.get("inventory_hostname") or "localhost"

    def _own_connection(self, task_vars: dict[str, Any]) -> dict[str, Any]:
        """The WinRM options of the task's host.

        Raises:
            AnsibleActionFail: It is not reached by WinRM.
        """
        name = self._host_name(task_vars)
        try:
            return options_of(self._connection, name, self._url_of(name, task_vars))
        except ConnectionRefused as error:
            raise AnsibleActionFail(f"{self._task.action}: {error}") from error

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

    def _in_own_process(self, args: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        """Execute the module with the Python that runs ansible-playbook, for async."""
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
