# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Sealing with the ansible-vault that really runs."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError
from ansible_collections.octopus.upgrade.plugins.module_utils._secrets.vault import Sealer, is_sealed

# As a user has it; a test runner sets variables of its own.
ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")}


@pytest.fixture
def password_file(tmp_path):
    path = tmp_path / "password"
    path.write_text("correct horse\n", encoding="utf-8")
    return path


def test_what_is_sealed_opens_again_byte_for_byte(password_file):
    sealer = Sealer.from_params({"vault_password_file": str(password_file)})
    secret = b"line\r\nwith \xc3\xa4 and no end"
    sealed = sealer.seal(secret)
    assert is_sealed(sealed)
    assert b"line" not in sealed
    assert sealer.open(sealed, "there") == secret


def test_a_label_is_written_and_a_script_gives_the_password(tmp_path):
    script = tmp_path / "keeper-client"
    # A script named so is asked for the password of a label.
    script.write_text(f"#!{sys.executable}\nimport sys\nprint('pw for ' + sys.argv[sys.argv.index('--vault-id') + 1])\n", encoding="utf-8")
    script.chmod(0o700)
    sealed = Sealer.from_params({"vault_id": f"prod@{script}"}).seal(b"secret")
    assert sealed.splitlines()[0].endswith(b";prod")

    plain = tmp_path / "plain"
    plain.write_text("pw for prod", encoding="utf-8")
    assert Sealer.from_params({"vault_id": "prod", "vault_password_file": str(plain)}).open(sealed, "there") == b"secret"


def test_the_users_own_vault_settings_do_not_interfere(password_file, tmp_path, monkeypatch):
    monkeypatch.setenv("ANSIBLE_VAULT_PASSWORD_FILE", str(tmp_path / "absent"))
    sealer = Sealer.from_params({"vault_password_file": str(password_file)})
    assert sealer.open(sealer.seal(b"x"), "there") == b"x"


def test_ansible_itself_opens_it(password_file, tmp_path):
    kept = tmp_path / "key.vault"
    kept.write_bytes(Sealer.from_params({"vault_password_file": str(password_file)}).seal(b"secret"))
    argv = [sys.executable, "-m", "ansible.cli.vault", "view", "--vault-password-file", str(password_file), str(kept)]
    assert subprocess.run(argv, capture_output=True, check=True, env=ENVIRONMENT).stdout.strip() == b"secret"


def test_another_password_says_which_file_and_which_password_file(password_file, tmp_path):
    sealed = Sealer.from_params({"vault_password_file": str(password_file)}).seal(b"secret")
    other = tmp_path / "other"
    other.write_text("wrong", encoding="utf-8")
    with pytest.raises(OctopusError, match=r"key.vault cannot be opened with the vault password of .*other") as caught:
        Sealer.from_params({"vault_password_file": str(other)}).open(sealed, "key.vault")
    assert "wrong" not in caught.value.message


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({}, "Nothing says how to seal"),
        ({"vault_id": "prod"}, "Nothing says how to seal"),
        ({"vault_id": "prod@prompt"}, "no terminal"),
        ({"vault_password_file": "/nowhere/at/all"}, "/nowhere/at/all does not exist"),
        ({"vault_id": "a@b", "vault_password_file": "c"}, "one of the two"),
        ({"plaintext": True, "vault_password_file": "c"}, "Choose one"),
    ],
)
def test_options_that_cannot_work_are_refused(params, message):
    with pytest.raises(OctopusError, match=message):
        Sealer.from_params(params)


def test_plain_text_only_when_named():
    assert Sealer.from_params({"plaintext": True}) is None
