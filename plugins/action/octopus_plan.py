# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from typing import Any

from ansible import context
from ansible_collections.octopus.upgrade.plugins.modules import octopus_plan
from ansible_collections.octopus.upgrade.plugins.plugin_utils import _commands
from ansible_collections.octopus.upgrade.plugins.plugin_utils._on_controller import OnController


class ActionModule(OnController):
    module = octopus_plan
    shows_progress = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        self._play_hosts = (task_vars or {}).get("ansible_play_hosts_all") or []
        return super().run(tmp, task_vars)

    def _more(self) -> dict[str, Any]:
        """The commands to go on with. Of a fleet, they are about this instance alone."""
        args = self._task.args
        nodes = args.get("nodes") if len(self._play_hosts) > 1 else None
        return {"commands": _commands.commands(context.CLIARGS, nodes if isinstance(nodes, list) else None, args.get("dest"))}
