# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What ansible-test runs as get-pip.py, without its download: Python's own bundled pip installs the pinned one from the index.

ansible-test fetches get-pip from a host that closed networks cannot reach; it takes a cached copy where one lies in
``~/.ansible/test/cache`` (``ansible_test/_util/target/setup/requirements.py``, ``bootstrap``).
"""

from __future__ import annotations

import ensurepip
import runpy
import sys
from pathlib import Path

bundled = sorted((Path(ensurepip.__file__).parent / "_bundled").glob("pip-*.whl"))
if not bundled:
    sys.exit("this Python bundles no pip (ensurepip); install the python3-venv package")
sys.path.insert(0, str(bundled[-1]))
sys.argv = ["pip", "install", *(option for option in sys.argv[1:] if option not in ("--no-setuptools", "--no-wheel"))]
runpy.run_module("pip", run_name="__main__", alter_sys=True)
