# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Keeps the run record in the process of ansible-playbook itself: a step costs no start of a Python, least of all in an outage."""

from __future__ import annotations

import json
import typing as t
from pathlib import Path

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus import run_record


class ActionModule(ActionBase):
    """Appends to the journal and returns the record."""

    TRANSFERS_FILES = False
    _requires_connection = False
    _supports_check_mode = True
    _supports_async = False

    def run(self, tmp: str | None = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        """Run the task; see the documentation of the module."""
        result = super().run(tmp, task_vars)
        dummy, params = self.validate_argument_spec(
            argument_spec={
                "path": {"type": "path", "required": True},
                "event": {"type": "str", "choices": list(run_record.EVENTS), "default": "step"},
                "step": {"type": "str"},
                "outage": {"type": "str", "choices": ["begins", "ends"]},
                "data": {"type": "dict", "default": {}},
            },
            required_if=[("event", "step", ("step",))],
        )
        fields = {**params["data"], **{name: params[name] for name in ("step", "outage") if params[name]}}
        result.update(changed=False)
        try:
            result.update(self._remember(Path(params["path"]), params["event"], fields))
        except (run_record.RunRecordError, OSError) as error:
            raise AnsibleActionFail(f"The run record was wanted at {params['path']}: {error}") from error
        return result

    def _remember(self, path: Path, event: str, fields: dict[str, t.Any]) -> dict[str, t.Any]:
        check = self._task.check_mode
        if not check:
            run_record.append(path, event, **fields)
        record = run_record.summary(run_record.read(path))
        if check or event != "finished":
            return {"record": record}
        document = path.with_suffix(".json")
        document.write_text(json.dumps(record, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        document.chmod(0o600)
        return {"record": record, "path": str(document)}
