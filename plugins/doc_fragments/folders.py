# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    """The options of the modules that copy the server folders."""

    DOCUMENTATION = r"""
options:
  threads:
    description: Files copied at once per folder, 1 to 128.
    type: int
    default: 8
  timeout:
    description:
      - Seconds that the jobs of one step may take together. A job that takes longer is left running, and the task fails; the same task, run
        again, waits for it.
    type: int
    default: 14400
"""
