#!/usr/bin/python
# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Ask a Windows host by pywinrm itself, and not by the code under test; or, in an ``always``, remove what a target has put there."""

from __future__ import annotations

import winrm
from ansible.module_utils.basic import AnsibleModule

# What proves something must not bring it about.
READERS = ("certutil -hashfile", "dir", "reg query", "sc qc", "sc query", "sc queryex", "schtasks /query", "tasklist", "type")
REMOVERS = ("del", "rmdir")


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "address": {"type": "str", "required": True},
            "user": {"type": "str", "required": True},
            "password": {"type": "str", "required": True, "no_log": True},
            "ca_path": {"type": "path", "required": True},
            "command": {"type": "str", "required": True},
            "removes": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    params = module.params
    allowed = REMOVERS if params["removes"] else READERS
    if not params["command"].startswith(tuple(f"{words} " for words in allowed)):
        module.fail_json(msg=f"lab_windows takes {', '.join(allowed)} here, but not: {params['command']}")
    session = winrm.Session(
        f"https://{params['address']}:5986/wsman",
        auth=(params["user"], params["password"]),
        transport="basic",
        ca_trust_path=params["ca_path"],
    )
    answer = session.run_cmd(params["command"])
    module.exit_json(
        changed=False,
        exit_code=answer.status_code,
        stdout=answer.std_out.decode("cp437"),
        stderr=answer.std_err.decode("cp437"),
    )


if __name__ == "__main__":
    main()
