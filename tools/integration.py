# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``ansible-test integration`` against a lab: starts one, tells the targets about it in integration_config.yml, runs them.

Usage: ``python tools/integration.py [target ...]``
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))

from lab.estate import CLUSTER, DEMO, Lab  # noqa: E402  the lab's folder has to be on the path first
from lab.inventory import variables  # noqa: E402

CONFIG = "tests/integration/integration_config.yml"


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="octopus-lab-") as folder, Lab(Path(folder), DEMO, CLUSTER) as lab:
        config = Path(folder) / "integration_config.yml"
        config.write_text(yaml.safe_dump({"lab": variables(lab)}), encoding="utf-8")
        config.chmod(0o600)
        command = [str(ROOT / "tools" / "ansible_test.sh"), "integration", *sys.argv[1:]]
        environment = dict(os.environ, INTEGRATION_CONFIG=str(config))
        return subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
