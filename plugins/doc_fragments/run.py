# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    """The options of the modules for the runs of an instance."""

    DOCUMENTATION = r"""
options:
  holder:
    description: The process that holds the lock. The action plugin fills it in with that of ansible-playbook.
    type: dict
    required: true
    suboptions:
      owner:
        description: Its user and control node, for people.
        type: str
        required: true
      machine:
        description: Id of the control node.
        type: str
        default: ""
      boot:
        description: Id of the control node's last boot.
        type: str
        default: ""
      namespace:
        description: Its process namespace. A container has a namespace of its own.
        type: str
        default: ""
      pid:
        description: Its number.
        type: int
        required: true
      started:
        description: When it was started.
        type: str
        required: true
"""

    INSTANCE = r"""
options:
  instance:
    description: Name of the instance, as in the inventory's C(octopus_instance).
    type: str
    required: true
  root:
    description: Folder on the host. It has a folder for each instance, with the lock and the journals of the instance's runs.
    type: str
    default: C:\ProgramData\octopus.upgrade\runs
"""
