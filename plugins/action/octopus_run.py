# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from typing import Any

from ansible_collections.octopus.upgrade.plugins.plugin_utils._holder import holder
from ansible_collections.octopus.upgrade.plugins.plugin_utils._on_controller import OnController


class ActionModule(OnController):
    windows = "host"

    def _run_on_controller(self, args: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        return super()._run_on_controller({"holder": holder().to_dict(), **args}, task_vars)
