# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The module's parameters: what is refused before anybody is asked."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.octopus.upgrade.tests.unit.run_module import run_module

NODE = {"name": "octo-a", "host": "127.0.0.1", "username": "operator", "password": "secret"}


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({}, "missing required arguments: state"),
        ({"state": "sealed"}, "state is sealed but all of the following are missing: manifest, package, files"),
        ({"state": "listed", "plaintext": True}, "Nothing says where restore points lie"),
        ({"state": "listed", "root": "D:\\b"}, "Nothing says how to seal"),
        ({"state": "listed", "root": "D:\\b", "plaintext": True, "connections": []}, "There is no WinRM connection"),
        ({"state": "absent", "root": "D:\\b", "restore_point": "a", "keep": 1}, "mutually exclusive: restore_point|keep"),
        ({"state": "verified", "root": "D:\\b", "login_user": "a"}, "parameters are required together: login_user, login_password"),
        ({"state": "verified", "root": "D:\\b", "login_host": "a,b", "plaintext": True}, "names no server"),
    ],
)
def test_refused(options: dict[str, Any], said: str) -> None:
    result = run_module("octopus_restore_point", **{"connections": [NODE], **options})
    assert result["failed"] is True
    assert said in result["msg"]
