# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The module's parameters: what is refused before anybody is asked, without a secret in the message."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.octopus.upgrade.tests.unit.run_module import run_module

NODE = {"name": "octo-a", "host": "127.0.0.1", "username": "operator", "password": "secret"}
PLACE = {"server": "db", "database": "Clone"}
LOGIN = {**PLACE, "user": "octopus", "password": "s3kr1t; one"}
KEY = "k8JqzMpYb0VtZ1S5tWq9Yg=="


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"connection": LOGIN}, "missing parameter(s) required by 'connection': master_key_file"),
        ({"connection": {**PLACE, "user": "a"}, "master_key_file": "k"}, "parameters are required together: user, password"),
        ({"connection": LOGIN, "master_key_file": "k"}, "Expected vault_password_file, or vault_id as label@file"),
        ({"connection": LOGIN, "master_key_file": "/no/such"}, "Expected vault_password_file, or vault_id as label@file"),
        ({"connection": LOGIN, "master_key_file": "/no/such", "plaintext": True}, "There is no file /no/such"),
        ({"connection": PLACE, "plaintext": True}, "connection has no credentials"),
        ({"connection": {**LOGIN, "integrated": True}, "plaintext": True}, "either user or integrated: true but found both"),
        ({"connection": {**LOGIN, "password": "s3kr1t\n"}, "plaintext": True}, "control character"),
        ({"connection": {**LOGIN, "options": {"Failover Partner": "x"}}, "plaintext": True}, "'Failover Partner' is not allowed"),
        ({"connection": {**LOGIN, "options": {"pwd": "s3kr1t"}}, "plaintext": True}, "'pwd' is not allowed"),
        ({"from_config": "/x", "plaintext": True}, "Set connection with server and database too"),
        ({"instance_name": "a/b"}, "cannot be the name of an instance"),
        ({"folders": {"cache": "D:\\x"}}, "event_exports, telemetry but found cache"),
        ({"folders": {"logs": "x"}}, "folders: logs"),
        ({"home": "Octopus"}, "expected an absolute path"),
        ({"never": [{"server": ".", "database": "x"}]}, "a different machine on each host"),
        ({"connections": []}, "No node to act on"),
        ({"state": "absent", "connections": []}, "No node to act on"),
    ],
)
def test_refused(tmp_path: Path, options: dict[str, Any], said: str) -> None:
    key = tmp_path / "key"
    key.write_text(KEY, encoding="utf-8")
    given = {"master_key_file": str(key)} if options.get("plaintext") and "connection" in options else {}
    result = run_module("octopus_instance", **{"connections": [NODE], **given, **options})
    assert result["failed"] is True
    assert said in result["msg"]
    assert "s3kr1t" not in json.dumps(result["msg"])


def test_a_file_without_a_key_is_refused_and_not_shown(tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_text("s3kr1t", encoding="utf-8")
    result = run_module("octopus_instance", connections=[NODE], connection=LOGIN, master_key_file=str(key), plaintext=True)
    assert "can be a master key in the output of show-master-key but found 0" in result["msg"]
    assert "s3kr1t" not in json.dumps(result["msg"])
