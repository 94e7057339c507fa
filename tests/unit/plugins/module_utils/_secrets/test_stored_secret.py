# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Secrets in files: nothing lost, nothing readable for others, no change without a reason."""

from __future__ import annotations

import os
import stat
from datetime import datetime, timezone

import pytest
from ansible_collections.octopus.upgrade.plugins.module_utils._secrets.errors import SecretError
from ansible_collections.octopus.upgrade.plugins.module_utils._secrets.stored_secret import LocalFile, fingerprint, store


class Reversing:
    """Encrypts by reversing the bytes, so that tests need no process; another key cannot decrypt it."""

    def __init__(self, key: bytes = b"k") -> None:
        self.key = key

    def encrypt(self, secret: bytes) -> bytes:
        return b"$ANSIBLE_VAULT;" + self.key + secret[::-1]

    def decrypt(self, encrypted: bytes, where: str) -> bytes:
        head = b"$ANSIBLE_VAULT;" + self.key
        if not encrypted.startswith(head):
            raise SecretError(f"{where} cannot be decrypted.")
        return encrypted[len(head) :][::-1]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "run" / "master-key.vault"


def keep(path, secret=b"secret", vault_key=Reversing(), **options):  # noqa: B008 - it keeps nothing
    return store(LocalFile(str(path)), secret, vault_key, what="master key", **options)


def mode(path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_stored_encrypted_and_for_the_owner_only_whatever_the_umask(path):
    old = os.umask(0)
    try:
        assert keep(path).changed
    finally:
        os.umask(old)
    assert path.read_bytes() == Reversing().encrypt(b"secret")
    assert mode(path) == 0o600
    assert mode(path.parent) == 0o700
    assert [entry.name for entry in path.parent.iterdir()] == ["master-key.vault"]


def test_the_same_again_is_no_change(path):
    keep(path)
    before = path.stat()
    assert not keep(path).changed
    assert path.stat() == before


def test_check_mode_writes_nothing(path):
    assert keep(path, check_mode=True).changed
    assert not path.parent.exists()


def test_a_mode_that_lets_others_read_is_corrected(path):
    keep(path)
    path.chmod(0o644)
    assert keep(path, check_mode=True).changed
    assert mode(path) == 0o644
    assert keep(path).changed
    assert mode(path) == 0o600


def test_a_different_secret_is_not_replaced(path):
    keep(path)
    with pytest.raises(SecretError, match="already holds a different master key") as caught:
        keep(path, secret=b"0ther-k3y")
    assert "0ther-k3y" not in caught.value.message
    assert path.read_bytes() == Reversing().encrypt(b"secret")


def test_with_force_the_old_file_is_renamed_with_the_time(path):
    keep(path)
    at = datetime(2026, 11, 23, 21, 45, tzinfo=timezone.utc)
    stored = keep(path, secret=b"other", force=True, now=lambda: at)
    assert stored.backup_file == f"{path}.20261123T214500Z"
    assert path.with_name("master-key.vault.20261123T214500Z").read_bytes() == Reversing().encrypt(b"secret")
    assert path.read_bytes() == Reversing().encrypt(b"other")


def test_a_backup_file_is_never_overwritten(path):
    at = datetime(2026, 11, 23, 21, 45, tzinfo=timezone.utc)
    keep(path)
    keep(path, secret=b"other", force=True, now=lambda: at)
    with pytest.raises(SecretError, match="cannot be backed up"):
        keep(path, secret=b"third", force=True, now=lambda: at)
    assert path.read_bytes() == Reversing().encrypt(b"other")


def test_a_secret_encrypted_with_another_password_is_left_alone(path):
    keep(path, vault_key=Reversing(b"x"))
    with pytest.raises(SecretError, match=r"cannot be decrypted. Nothing was changed"):
        keep(path)
    assert keep(path, force=True).backup_file


def test_plain_text_is_replaced_by_encrypted_text_and_leaves_no_copy(path):
    keep(path, vault_key=None)
    assert path.read_bytes() == b"secret"
    assert mode(path) == 0o600
    assert keep(path).changed
    assert b"secret" not in b"".join(entry.read_bytes() for entry in path.parent.iterdir())


def test_encrypted_text_is_not_replaced_by_plain_text_silently(path):
    keep(path)
    with pytest.raises(SecretError, match="is encrypted, but plaintext is true"):
        keep(path, vault_key=None)


def test_a_place_that_loses_what_was_written_is_found_out():
    class Forgetful:
        name = "share"

        def read(self):
            return None

        def write(self, content):
            pass

    with pytest.raises(SecretError, match="no such file"):
        store(Forgetful(), b"secret", Reversing(), what="master key")


def test_an_impossible_path_is_an_error_that_names_it(tmp_path):
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(SecretError, match="file/key"):
        keep(tmp_path / "file" / "key")


def test_fingerprints_tell_secrets_apart_and_stay_the_same():
    assert fingerprint(b"one") == fingerprint(b"one") != fingerprint(b"two")
    assert len(fingerprint(b"one")) == 16
