# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""octopus_license_backup: encrypted with Ansible Vault, verified to decrypt, and stored nowhere else."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from ansible_collections.octopus.upgrade.tests.unit.octopus_server import FakeServer
from ansible_collections.octopus.upgrade.tests.unit.run_module import run_module

TEXT = '<License Signature="s3kr1t">\r\n  <LicensedTo>Lab</LicensedTo>\r\n</License>'

# As a user has it; a test runner sets variables of its own.
ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")}


@pytest.fixture
def server():
    fake = FakeServer()
    fake.document("/api/licenses/licenses-current", {"LicenseText": TEXT, "SerialNumber": "1"})
    fake.answers["GET /api/licenses/licenses-current-status"] = {
        "IsCompliant": True,
        "ComplianceSummary": "Compliant.",
        "EffectiveExpiryDate": "2027-06-30",
    }
    yield fake
    fake.close()


@pytest.fixture
def backup(server, tmp_path):
    (tmp_path / "password").write_text("pw", encoding="utf-8")

    def run(**options):
        options.setdefault("vault_password_file", str(tmp_path / "password"))
        return run_module(
            "octopus_license_backup", url=server.url, api_key="API-SECRET", allow_http=True, dest=str(tmp_path / "l.vault"), **options
        )

    return run


def test_encrypted_idempotent_and_readable_with_ansible_vault(backup, tmp_path):
    first = backup()
    assert (first["changed"], first["encrypted"], first["is_compliant"], first["expires"]) == (True, True, True, "2027-06-30")
    assert "s3kr1t" not in str(first)
    argv = [sys.executable, "-m", "ansible.cli.vault", "decrypt", "--vault-password-file", str(tmp_path / "password"), "--output", "-"]
    opened = subprocess.run([*argv, str(tmp_path / "l.vault")], capture_output=True, check=True, env=ENVIRONMENT)
    assert opened.stdout.decode() == TEXT
    second = backup()
    assert not second["changed"]
    assert second["fingerprint"] == first["fingerprint"]


def test_check_mode_writes_nothing(backup, tmp_path):
    assert backup(check_mode=True)["changed"]
    assert [entry.name for entry in tmp_path.iterdir()] == ["password"]


def test_another_licence_is_kept_apart(backup, server, tmp_path):
    backup()
    server.document("/api/licenses/licenses-current", {"LicenseText": "other"})
    assert "already holds a different licence" in backup()["msg"]
    assert (tmp_path / backup(force=True)["backup_file"].rpartition("/")[2]).exists()


def test_plain_text_only_by_name(backup, tmp_path):
    assert "to encrypt secrets with, but found neither" in backup(vault_password_file=None)["msg"]
    result = backup(vault_password_file=None, plaintext=True)
    assert result["encrypted"] is False
    assert (tmp_path / "l.vault").read_bytes().decode() == TEXT


def test_a_server_without_licence_says_what_that_means(backup, server):
    server.document("/api/licenses/licenses-current", {"LicenseText": None})
    assert "Expected a licence on" in backup()["msg"]
