# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Both backends of VaultKey, Ansible's library and the command, against each other and against ansible-vault as a user runs it."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from ansible import constants as C
from ansible.parsing.dataloader import DataLoader
from ansible.parsing.vault import VaultSecret
from ansible_collections.octopus.upgrade.plugins.module_utils._secrets import vault
from ansible_collections.octopus.upgrade.plugins.module_utils._secrets.errors import SecretError
from ansible_collections.octopus.upgrade.plugins.module_utils._secrets.vault import VaultKey, is_encrypted
from ansible_collections.octopus.upgrade.plugins.module_utils._secrets.vault_command import VaultCommand
from ansible_collections.octopus.upgrade.plugins.plugin_utils._vault import VaultLibrary

# As a user has it; a test runner sets variables of its own.
ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")}


@pytest.fixture(params=["library", "command"])
def backend(request, monkeypatch):
    """Each test runs with the backend of the worker, and with that of a module's own process."""
    monkeypatch.setattr(vault, "_backend", VaultLibrary(DataLoader()) if request.param == "library" else VaultCommand())
    return request.param


@pytest.fixture
def password_file(tmp_path):
    path = tmp_path / "password"
    path.write_text("correct horse\n", encoding="utf-8")
    return path


def key_of(path):
    return VaultKey.from_params({"vault_password_file": str(path)})


def ansible_vault(action, path, password_file):
    """The command as a user runs it; an independent reader and writer."""
    argv = [sys.executable, "-m", "ansible.cli.vault", action, "--vault-password-file", str(password_file), "--output", "-", str(path)]
    return subprocess.run(argv, capture_output=True, check=True, env=ENVIRONMENT).stdout


def test_what_is_encrypted_is_decrypted_byte_for_byte(backend, password_file):
    key = key_of(password_file)
    secret = b"line\r\nwith \xc3\xa4, \xff and no end"
    encrypted = key.encrypt(secret)
    assert is_encrypted(encrypted)
    assert b"line" not in encrypted
    assert key.decrypt(encrypted, "there") == secret
    assert key.decrypt(encrypted.replace(b"\n", b"\r\n"), "there") == secret, "as a Windows console shows it"
    assert key.decrypt(encrypted, "there").__class__ is bytes


def test_ansible_vault_decrypts_it_and_the_reverse(backend, password_file, tmp_path):
    stored = tmp_path / "key.vault"
    stored.write_bytes(key_of(password_file).encrypt(b"secret"))
    assert ansible_vault("decrypt", stored, password_file) == b"secret"
    plain = tmp_path / "plain"
    plain.write_bytes(b"another")
    assert key_of(password_file).decrypt(ansible_vault("encrypt", plain, password_file), "there") == b"another"


def test_the_header_names_the_label_and_default_names_none(backend, password_file):
    headers = {
        label: VaultKey.from_params({"vault_id": f"{label}@{password_file}"}).encrypt(b"x").splitlines()[0] for label in ("prod", "default")
    }
    assert headers == {"prod": b"$ANSIBLE_VAULT;1.2;AES256;prod", "default": b"$ANSIBLE_VAULT;1.1;AES256"}


def test_a_client_script_gives_the_password_of_its_label(backend, tmp_path):
    script = tmp_path / "keeper-client"
    script.write_text(f"#!{sys.executable}\nimport sys\nprint('pw for ' + sys.argv[sys.argv.index('--vault-id') + 1])\n", encoding="utf-8")
    script.chmod(0o700)
    encrypted = VaultKey.from_params({"vault_id": f"prod@{script}"}).encrypt(b"secret")
    assert encrypted.splitlines()[0].endswith(b";prod")

    plain = tmp_path / "plain"
    plain.write_text("pw for prod", encoding="utf-8")
    assert VaultKey.from_params({"vault_id": "prod", "vault_password_file": str(plain)}).decrypt(encrypted, "there") == b"secret"
    # The label is a name, not a lock: another one with the same password decrypts too.
    assert VaultKey.from_params({"vault_id": f"test@{plain}"}).decrypt(encrypted, "there") == b"secret"


def test_the_users_own_vault_settings_do_not_interfere(backend, password_file, tmp_path, monkeypatch):
    monkeypatch.setenv("ANSIBLE_VAULT_PASSWORD_FILE", str(tmp_path / "absent"))
    monkeypatch.setenv("ANSIBLE_VAULT_ID_MATCH", "true")
    monkeypatch.setattr(C, "DEFAULT_VAULT_ID_MATCH", True, raising=False)
    monkeypatch.setenv("ANSIBLE_VAULT_ENCRYPT_IDENTITY", "nobody")
    key, other = key_of(password_file), VaultKey("other", str(password_file))
    assert key.decrypt(other.encrypt(b"x"), "there") == b"x"
    assert other.decrypt(key.encrypt(b"y"), "there") == b"y"


def test_another_password_says_which_file_and_which_password_file(backend, password_file, tmp_path):
    encrypted = key_of(password_file).encrypt(b"secret")
    other = tmp_path / "other"
    other.write_text("wrong", encoding="utf-8")
    with pytest.raises(SecretError, match=r"key.vault cannot be decrypted with the vault password of .*other") as caught:
        key_of(other).decrypt(encrypted, "key.vault")
    assert "wrong" not in caught.value.message


@pytest.mark.parametrize("content", [b"plain", b"", b"$ANSIBLE_VAULT;", b"$ANSIBLE_VAULT;1.1;AES256\n3132\n"])
def test_what_is_damaged_is_an_error(backend, password_file, content):
    with pytest.raises(SecretError, match=r"key\.vault cannot be decrypted"):
        key_of(password_file).decrypt(content, "key.vault")


def test_an_empty_password_and_a_script_that_fails_are_errors(backend, tmp_path):
    empty = tmp_path / "empty"
    empty.write_text("\n", encoding="utf-8")
    script = tmp_path / "script"
    script.write_text(f"#!{sys.executable}\nraise SystemExit(3)\n", encoding="utf-8")
    script.chmod(0o700)
    for source in (empty, script):
        with pytest.raises(SecretError, match=source.name):
            key_of(source).encrypt(b"x")


def test_a_script_is_run_once_and_again_when_it_has_changed(tmp_path, monkeypatch):
    monkeypatch.setattr(vault, "_backend", VaultLibrary(DataLoader()))
    script, runs = tmp_path / "script", tmp_path / "runs"
    text = "#!/bin/sh\necho run >>'{runs}'\necho {password}\n"
    script.write_text(text.format(runs=runs, password="one"), encoding="utf-8")
    script.chmod(0o700)
    key = key_of(script)
    encrypted = key.encrypt(b"x")
    assert key_of(script).decrypt(encrypted, "there") == b"x"
    assert runs.read_text() == "run\n"
    script.write_text(text.format(runs=runs, password="two"), encoding="utf-8")
    os.utime(script, (1, 1))
    with pytest.raises(SecretError, match="cannot be decrypted"):
        key.decrypt(encrypted, "there")
    assert runs.read_text() == "run\nrun\n"


def test_a_password_file_may_be_encrypted_with_a_password_that_the_playbook_has(tmp_path, password_file, monkeypatch):
    monkeypatch.setattr(vault, "_backend", VaultCommand())
    encrypted_password = tmp_path / "password.vault"
    encrypted_password.write_bytes(key_of(password_file).encrypt(b"the real one\n"))
    loader = DataLoader()
    loader.set_vault_secrets([("default", VaultSecret(b"correct horse"))])
    monkeypatch.setattr(vault, "_backend", VaultLibrary(loader))
    encrypted = key_of(encrypted_password).encrypt(b"x")
    plain = tmp_path / "plain"
    plain.write_text("the real one", encoding="utf-8")
    assert key_of(plain).decrypt(encrypted, "there") == b"x"


def test_the_library_starts_no_process(password_file, monkeypatch):
    monkeypatch.setattr(vault, "_backend", VaultLibrary(DataLoader()))

    def refused(*_args, **_options):
        raise AssertionError("a process was started")

    monkeypatch.setattr(subprocess, "Popen", refused)
    key = key_of(password_file)
    assert key.decrypt(key.encrypt(b"x"), "there") == b"x"


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({}, "to encrypt secrets with, but found neither"),
        ({"vault_id": "prod"}, "to encrypt secrets with, but found neither"),
        ({"vault_id": "prod@prompt"}, "no terminal"),
        ({"vault_password_file": "/nowhere/at/all"}, "/nowhere/at/all does not exist"),
        ({"vault_id": "a@b", "vault_password_file": "c"}, "one of the two"),
        ({"plaintext": True, "vault_password_file": "c"}, "Choose one"),
    ],
)
def test_options_that_cannot_work_are_refused(params, message):
    with pytest.raises(SecretError, match=message):
        VaultKey.from_params(params)


def test_plain_text_only_when_named():
    assert VaultKey.from_params({"plaintext": True}) is None
