# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run a module's main() as Ansible does, and read what it prints."""

from __future__ import annotations

import importlib
import io
import json
from typing import Any
from unittest.mock import patch

import pytest
from ansible.module_utils import basic

try:  # ansible-core 2.19 wants to know how the arguments are encoded
    from ansible.module_utils.testing import patch_module_args
except ImportError:
    from contextlib import contextmanager

    @contextmanager
    def patch_module_args(args: dict[str, Any]):
        with patch.object(basic, "_ANSIBLE_ARGS", json.dumps({"ANSIBLE_MODULE_ARGS": args}).encode()):
            yield


def run_module(name: str, /, check_mode: bool = False, diff: bool = False, **params: Any) -> dict[str, Any]:
    """Return the module's result; ``failed`` is true in it if it failed."""
    module = importlib.import_module(f"ansible_collections.octopus.upgrade.plugins.modules.{name}")
    args = {**params, "_ansible_check_mode": check_mode, "_ansible_diff": diff}
    with patch_module_args(args), patch("sys.stdout", new=io.StringIO()) as printed, pytest.raises(SystemExit):
        module.main()
    return json.loads(printed.getvalue())
