# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``make services``: tests/services against a lab instead of real servers, so that they are right before they meet one.

Usage: ``python tools/services.py [pytest argument ...]``
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))

from lab.estate import SINGLE, Lab  # noqa: E402  the lab's folder has to be on the path first


def variables(lab: Lab) -> dict[str, str]:
    """What tests/services/servers.py reads from the environment."""
    instance = lab.instances[SINGLE.name]
    named = {
        "SQL_HOST": instance.sql.machine.address,
        "SQL_USER": "octopus_upgrade",
        "SQL_PASSWORD": instance.secrets.sql_password,
        "SQL_DRIVER": instance.spec.sql_driver,
        "SQL_CA_PATH": str(lab.ca_path),
        "SQL_FOLDER": lab.backup_share.unc,
        "DATABASE": instance.spec.database,
        "URL": instance.url,
        "API_KEY": instance.secrets.api_key,
        "CA_PATH": str(lab.ca_path),
    }
    return {f"OCTOPUS_SERVICES_{name}": value for name, value in named.items()}


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="octopus-lab-") as folder, Lab(Path(folder), SINGLE, scale=40) as lab:
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/services", *sys.argv[1:]]
        return subprocess.run(command, cwd=ROOT, env=os.environ | variables(lab), check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
