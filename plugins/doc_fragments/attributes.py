# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    """What every module of the collection says of itself."""

    DOCUMENTATION = r"""
options: {}
attributes:
  check_mode:
    description: Can run in C(check_mode) and return changed status prediction without modifying the target.
  diff_mode:
    description: Will return details on what has changed (or possibly needs changing in C(check_mode)), when in diff mode.
  async:
    description: Supports being used with the C(async) keyword.
    support: partial
    details:
      - Only with C(poll=0), and M(ansible.builtin.async_status) with C(delegate_to=localhost), since the module runs on the control node.
      - The module keeps its own deadlines, so C(async) is rarely needed.
  platform:
    description: Target OS/families that can be operated against.
    support: full
    platforms: control node; acts from there on Windows hosts, SQL Server and Octopus Server
"""

    MSSQL = r"""
options: {}
attributes:
  action_group:
    description: Use C(group/octopus.upgrade.mssql) in C(module_defaults) to set defaults for this module.
    support: full
    membership:
      - octopus.upgrade.mssql
"""

    WINDOWS_JOBS = r"""
options: {}
attributes:
  action_group:
    description: Use C(group/octopus.upgrade.windows_jobs) in C(module_defaults) to set defaults for this module.
    support: full
    membership:
      - octopus.upgrade.windows_jobs
"""

    DATABASE = r"""
options: {}
attributes:
  action_group:
    description:
      - Use C(group/octopus.upgrade.mssql) and C(group/octopus.upgrade.windows_jobs) in C(module_defaults) to set defaults for this module.
    support: full
    membership:
      - octopus.upgrade.mssql
      - octopus.upgrade.windows_jobs
"""

    VAULT_JOBS = r"""
options: {}
attributes:
  action_group:
    description:
      - Use C(group/octopus.upgrade.vault) and C(group/octopus.upgrade.windows_jobs) in C(module_defaults) to set defaults for this module.
    support: full
    membership:
      - octopus.upgrade.vault
      - octopus.upgrade.windows_jobs
"""

    VAULT_DATABASE = r"""
options: {}
attributes:
  action_group:
    description:
      - Use C(group/octopus.upgrade.mssql), C(group/octopus.upgrade.vault) and C(group/octopus.upgrade.windows_jobs) in C(module_defaults) to
        set defaults for this module.
    support: full
    membership:
      - octopus.upgrade.mssql
      - octopus.upgrade.vault
      - octopus.upgrade.windows_jobs
"""
