# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from typing import Any

from ansible.module_utils.parsing.convert_bool import boolean
from ansible.utils.display import Display
from ansible_collections.octopus.upgrade.plugins.modules import octopus_maintenance
from ansible_collections.octopus.upgrade.plugins.plugin_utils._on_controller import OnController


class ActionModule(OnController):
    module = octopus_maintenance
    windows = "host"
    windows_required = False

    def _before_step(self, params: dict[str, Any], task_vars: dict[str, Any]) -> None:
        # In a move to new servers the users of the old side wait meanwhile.
        if params["outage"] == "begins" and not boolean(task_vars.get("octopus_migrate"), strict=False):
            name = self._host_name(task_vars)
            self._room(task_vars).enter(
                lambda: Display().display(
                    f"[{name}] waits with its outage: those of other instances keep the control node's processors busy"
                )
            )
