# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Keeps the run record in the process of ansible-playbook itself: a step costs no start of a Python, least of all in an outage.

pywinrm is imported here, at the top, for the same reason: ansible-playbook loads a task's action plugin before it forks the worker that
runs it, so that it is imported once and not in every worker anew.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.module_utils.basic import missing_required_lib
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.octopus.upgrade.plugins.module_utils._run import record as run_record
from ansible_collections.octopus.upgrade.plugins.module_utils._run.host_journal import HostJournal, remember
from ansible_collections.octopus.upgrade.plugins.module_utils._run.lock import LockLost
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.connection import (
    CONNECTION_SPEC,
    WINRM_IMPORT_ERROR,
    ConnectionOptions,
    WindowsHost,
)
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.errors import HostError
from ansible_collections.octopus.upgrade.plugins.plugin_utils._holder import holder
from ansible_collections.octopus.upgrade.plugins.plugin_utils._kept_shell import kept_shell
from ansible_collections.octopus.upgrade.plugins.plugin_utils._on_controller import OnController
from ansible_collections.octopus.upgrade.plugins.plugin_utils._winrm_options import ConnectionRefused


class ActionModule(OnController):
    """Appends to the journal and returns the record."""

    windows = "host"
    _supports_async = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Run the task; see the documentation of the module."""
        dummy, params = self.validate_argument_spec(
            argument_spec={
                **CONNECTION_SPEC,
                "path": {"type": "path", "required": True},
                "journal": {"type": "str"},
                "event": {"type": "str", "choices": list(run_record.EVENTS), "default": "step"},
                "step": {"type": "str"},
                "outage": {"type": "str", "choices": ["begins", "ends"]},
                "data": {"type": "dict", "default": {}},
            },
            required_if=[("event", "step", ("step",))],
        )
        fields = {**params["data"], **{name: params[name] for name in ("step", "outage") if params[name]}}
        if not isinstance(fields.get("facts") or {}, dict):
            raise AnsibleActionFail(f"data.facts is a dict of facts by name, not {type(fields['facts']).__name__}.")
        path = Path(params["path"])
        try:
            if self._task.check_mode:
                events = run_record.read(path)
            elif params["journal"]:
                events = self._remember_there(path, params["journal"], params["event"], fields, task_vars or {})
            else:
                events = remember(path, None, params["event"], **fields)
            result = {"changed": False, **run_record.result(events)}
            if params["event"] in run_record.ENDS and not self._task.check_mode:
                result["path"] = self._document(path, result["record"])
        except (run_record.RunRecordError, OSError) as error:
            raise AnsibleActionFail(f"The run record was wanted at {params['path']}: {error}.") from error
        return result

    def _remember_there(
        self, path: Path, journal: str, event: str, fields: dict[str, Any], task_vars: dict[str, Any]
    ) -> list[run_record.Event]:
        """Add an event to the journal on the host of the task, too."""
        if WINRM_IMPORT_ERROR:
            raise AnsibleActionFail(missing_required_lib("pywinrm"))
        try:
            found = self._connections(dict(self._task.args), task_vars)
            checked = ArgumentSpecValidator(CONNECTION_SPEC).validate(found)
            if checked.error_messages:
                raise AnsibleActionFail(f"{self._task.action}: {checked.error_messages[0]}")
            options = ConnectionOptions.from_params(checked.validated_parameters["connection"])
            with WindowsHost(options) as host, kept_shell(host, path.with_suffix(".shell"), last=event in run_record.ENDS):
                return remember(path, HostJournal(host, journal, holder()), event, **fields)
        except ConnectionRefused as error:
            raise AnsibleActionFail(f"{self._task.action}: {error}") from error
        except LockLost as error:
            raise AnsibleActionFail(
                f"The event {fields.get('step') or event} was wanted in the journal {journal}: {error}", result={"lock_lost": True}
            ) from error
        except (HostError, ValueError) as error:  # ValueError: what cannot be said to Windows safely
            raise AnsibleActionFail(
                f"The event {fields.get('step') or event} was wanted in the journal {journal}: {error} "
                f"What is not there yet waits in {path}, and goes along with the next event.",
                result=run_record.result(run_record.read(path)),  # whoever goes on has to know how far the run came
            ) from error

    @staticmethod
    def _document(path: Path, record: dict[str, Any]) -> str:
        document = path.with_suffix(".json")
        document.write_text(json.dumps(record, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        document.chmod(0o600)
        return str(document)
