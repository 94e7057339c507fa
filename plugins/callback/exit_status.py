# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: exit_status
type: aggregate
short_description: Lets ansible-playbook end with a status that says how a clone is
version_added: 1.0.0
description:
  - C(ansible-playbook) itself ends with 2 whatever has failed. With this callback, C(refresh_clone.yml), C(upgrade_clone.yml) and C(remove_clone.yml) end with
    a status that a CI job can act on. Of several clones, the worst counts.
  - 20 - nothing of the clone was begun; it is as it was.
  - 21 - it failed; the old clone is in service as before.
  - 22 - it failed; the clone is out of service.
  - Everything else ends as it does without the callback.
requirements:
  - enabled with C(callbacks_enabled = octopus.upgrade.exit_status) in C(ansible.cfg), or in C(ANSIBLE_CALLBACKS_ENABLED)
author:
  - The octopus.upgrade contributors (@octopus-upgrade)
"""

from typing import Any

from ansible.plugins.callback import CallbackBase

NAME = "octopus_exit_status"


class CallbackModule(CallbackBase):
    """Ends the process with what the roles have put into the statistics."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "octopus.upgrade.exit_status"
    CALLBACK_NEEDS_ENABLED = True

    def v2_playbook_on_stats(self, stats: Any) -> None:
        """
        Raises:
            SystemExit: Something has failed, and a role has said how that is to be told.
        """
        worst = max((int(own[NAME]) for own in stats.custom.values() if NAME in own), default=0)
        if worst:
            # Nothing catches it on its way out but what cleans up.
            raise SystemExit(worst)
