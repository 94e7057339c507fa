# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The sources of a restore point's secrets: files of the control node, or what another control node has staged already."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError
from ansible_collections.octopus.upgrade.plugins.module_utils._restore_point.inputs import There, given_secret, staged_secret
from ansible_collections.octopus.upgrade.plugins.module_utils._restore_point.request import CreateRequest, Package
from ansible_collections.octopus.upgrade.plugins.module_utils._restore_point.share import Place
from ansible_collections.octopus.upgrade.plugins.module_utils._restore_point.signature import Found
from ansible_collections.octopus.upgrade.plugins.module_utils._secrets.errors import SecretError
from ansible_collections.octopus.upgrade.tests.unit.restore_point import POINT, Reversing

KEY = "master-key.vault"


def request(vault_key: Reversing | None) -> CreateRequest:
    package = Package("C:\\a.msi", "0" * 64, "2025.3.14357", 9)
    return CreateRequest(Place("\\\\nas\\b", POINT), {}, package, {KEY: "/runs/prod/master-key.vault"}, vault_key)


def there(**files: str) -> There:
    found = {name.replace("__", "-") + ".vault": text for name, text in files.items()}
    return There(Found(f"\\\\nas\\b\\{POINT}"), True, "", "", None, found, {})


def test_what_another_control_node_has_staged_is_decrypted_and_left_as_it_is() -> None:
    vault_key = Reversing()
    encrypted = vault_key.encrypt(b"the key")
    secret = staged_secret(request(vault_key), there(master__key=encrypted.decode()), KEY)
    assert (secret.path, secret.content, secret.plain) == ("/runs/prod/master-key.vault", encrypted, b"the key")
    assert "the key" not in repr(secret) and encrypted.decode() not in repr(secret)


def test_what_is_neither_here_nor_there_is_told_with_both_places() -> None:
    with pytest.raises(OctopusError) as told:
        staged_secret(request(Reversing()), there(license="$ANSIBLE_VAULT;k"), KEY)
    for place in ("/runs/prod/master-key.vault on the control node", f"{KEY} in the restore point \\\\nas\\b\\{POINT}, but found neither"):
        assert place in str(told.value)


def test_what_another_password_has_encrypted_is_refused() -> None:
    with pytest.raises(SecretError, match=r"master-key\.vault in the restore point .* cannot be decrypted"):
        staged_secret(request(Reversing()), there(master__key=Reversing(b"other").encrypt(b"the key").decode()), KEY)


def test_what_was_cut_off_is_refused() -> None:
    with pytest.raises(SecretError, match="cannot be decrypted"):
        staged_secret(request(Reversing()), there(master__key="$ANSIB"), KEY)


def test_without_a_vault_key_no_secret_is_in_a_restore_point() -> None:
    with pytest.raises(OctopusError, match="but found neither"):
        staged_secret(request(None), there(master__key="plain"), KEY)


def test_a_file_here_has_to_be_encrypted_with_this_password(tmp_path: Path) -> None:
    vault_key, path = Reversing(), tmp_path / "key"
    path.write_bytes(vault_key.encrypt(b"the key"))
    assert given_secret(str(path), vault_key).plain == b"the key"
    other = Reversing(b"o").encrypt(b"x")
    for content, raised, said in ((b"plain", OctopusError, "is not encrypted"), (other, SecretError, "cannot be decrypted")):
        path.write_bytes(content)
        with pytest.raises(raised, match=said):
            given_secret(str(path), vault_key)
    path.write_bytes(vault_key.encrypt(b"the key"))
    with pytest.raises(OctopusError, match="is encrypted, but plaintext is true"):
        given_secret(str(path), None)
