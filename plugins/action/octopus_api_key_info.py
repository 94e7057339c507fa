# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from typing import Any

from ansible.errors import AnsibleActionFail
from ansible_collections.octopus.upgrade.plugins.modules import octopus_api_key_info
from ansible_collections.octopus.upgrade.plugins.plugin_utils._vault import WithVault


class ActionModule(WithVault):
    module = octopus_api_key_info

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Refuse a task whose result, with the key in it, would be shown."""
        if not self._task.no_log:
            raise AnsibleActionFail(f"{self._task.action} returns an API key, which would be shown. Set no_log: true.")
        return super().run(tmp, task_vars)
