# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from typing import Any

from ansible_collections.octopus.upgrade.plugins.modules import octopus_run_lock
from ansible_collections.octopus.upgrade.plugins.plugin_utils._holder import holder
from ansible_collections.octopus.upgrade.plugins.plugin_utils._in_process import Arguments
from ansible_collections.octopus.upgrade.plugins.plugin_utils._on_controller import OnController


class ActionModule(OnController):
    module = octopus_run_lock
    windows = "nodes"

    def _more(self) -> dict[str, Any]:
        return {"holder": holder().to_dict()}

    def _call(self, arguments: Arguments, task_vars: dict[str, Any]) -> dict[str, Any]:
        if arguments.params["state"] == "absent":
            self._room(task_vars).leave()  # whatever has become of its outage
        return super()._call(arguments, task_vars)
