# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The modules' parameters: what is refused before anything is asked."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.octopus.upgrade.tests.unit.run_module import run_module

NODE = {"name": "octo-a", "host": "127.0.0.1", "username": "operator", "password": "S3cret!"}


@pytest.mark.parametrize(
    ("module", "options", "said"),
    [
        ("", {}, "state is present but all of the following are missing: manifest, package, files"),
        ("", {"state": "absent", "root": "D:\\b"}, "state is absent but any of the following are missing: path, restore_point"),
        ("", {"state": "absent", "restore_point": "a", "plaintext": True}, "found neither root nor path"),
        (
            "",
            {"state": "absent", "root": "D:\\b", "restore_point": "a", "journal_copy": "D:\\1.jsonl"},
            "missing parameter(s) required by 'journal_copy': journal",
        ),
        ("_stage", {"root": "D:\\b", "restore_point": "a", "files": {}}, "Expected the package of the installed version"),
        ("_stage", {"path": "D:\\b\\a", "package": {"path": "a", "version": "1.2", "sha256": "0" * 64}}, "Expected master-key.vault"),
        ("_info", {}, "missing required arguments: root"),
        ("_info", {"root": "D:\\b"}, "to encrypt secrets with, but found neither"),
        ("_info", {"root": "D:\\b", "plaintext": True, "connection": None}, "There is no WinRM connection"),
        ("_verify", {"root": "D:\\b", "login_user": "a"}, "parameters are required together: login_user, login_password"),
        ("_verify", {"root": "D:\\b", "login_host": "a,b", "plaintext": True}, "names no server"),
        ("_verify", {"plaintext": True}, "found neither root nor path"),
        ("_configure", {"root": "D:\\b", "plaintext": True, "connections": []}, "There is no WinRM connection"),
        ("_fetch", {"root": "D:\\b"}, "missing required arguments: dest"),
        ("_prune", {"root": "D:\\b"}, "one of the following is required: keep, keep_days"),
        ("_prune", {"root": "D:\\", "keep": 1, "plaintext": True}, "is the root of a drive or share"),
    ],
)
def test_refused(module: str, options: dict[str, Any], said: str) -> None:
    several = module in ("", "_stage", "_configure")
    connection = {"connections": [NODE]} if several else {"connection": NODE}
    result = run_module(f"octopus_restore_point{module}", **{**connection, **options})
    assert result["failed"] is True
    assert said in result["msg"]
