# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from ansible_collections.octopus.upgrade.plugins.modules import octopus_repoint_info
from ansible_collections.octopus.upgrade.plugins.plugin_utils._on_controller import OnController


class ActionModule(OnController):
    module = octopus_repoint_info
