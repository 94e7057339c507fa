# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where a restore point's secrets come from: the control node's files, or what another control node has put there already."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError
from ansible_collections.octopus.upgrade.plugins.module_utils._restore_point.inputs import There, given_secret, prepared_secret
from ansible_collections.octopus.upgrade.plugins.module_utils._restore_point.manifest import Found
from ansible_collections.octopus.upgrade.plugins.module_utils._restore_point.request import Package, SealRequest
from ansible_collections.octopus.upgrade.plugins.module_utils._restore_point.share import Place
from ansible_collections.octopus.upgrade.tests.unit.restore_point import POINT, Reversing

KEY = "master-key.vault"


def request(sealer: Reversing | None) -> SealRequest:
    package = Package("C:\\a.msi", "0" * 64, "2025.3.14357", 9)
    return SealRequest(Place("\\\\nas\\b", POINT), {}, package, {KEY: "/runs/prod/master-key.vault"}, sealer)


def there(**files: str) -> There:
    found = {name.replace("__", "-") + ".vault": text for name, text in files.items()}
    return There(Found(f"\\\\nas\\b\\{POINT}"), True, "", "", None, found, {})


def test_what_another_control_node_has_put_there_is_opened_and_kept_as_it_is() -> None:
    sealer = Reversing()
    sealed = sealer.seal(b"the key")
    secret = prepared_secret(request(sealer), there(master__key=sealed.decode()), KEY)
    assert (secret.path, secret.content, secret.plain) == ("/runs/prod/master-key.vault", sealed, b"the key")
    assert "the key" not in repr(secret) and sealed.decode() not in repr(secret)


def test_what_is_neither_here_nor_there_is_told_with_both_places() -> None:
    with pytest.raises(OctopusError) as told:
        prepared_secret(request(Reversing()), there(license="$ANSIBLE_VAULT;k"), KEY)
    for place in ("/runs/prod/master-key.vault is not there on the control node", f"{KEY} is not in the restore point \\\\nas\\b\\{POINT}"):
        assert place in str(told.value)


def test_what_another_password_has_sealed_is_not_kept() -> None:
    with pytest.raises(OctopusError, match=r"master-key\.vault in the restore point .* cannot be opened"):
        prepared_secret(request(Reversing()), there(master__key=Reversing(b"other").seal(b"the key").decode()), KEY)


def test_what_was_cut_off_is_not_kept() -> None:
    with pytest.raises(OctopusError, match="cannot be opened"):
        prepared_secret(request(Reversing()), there(master__key="$ANSIB"), KEY)


def test_without_a_sealer_nothing_is_in_a_restore_point() -> None:
    with pytest.raises(OctopusError, match="is not there on the control node"):
        prepared_secret(request(None), there(master__key="plain"), KEY)


def test_a_file_here_has_to_be_sealed_and_to_open(tmp_path: Path) -> None:
    sealer, path = Reversing(), tmp_path / "key"
    path.write_bytes(sealer.seal(b"the key"))
    assert given_secret(str(path), sealer).plain == b"the key"
    for content, said in ((b"plain", "is not sealed"), (Reversing(b"o").seal(b"x"), "cannot be opened")):
        path.write_bytes(content)
        with pytest.raises(OctopusError, match=said):
            given_secret(str(path), sealer)
    path.write_bytes(sealer.seal(b"the key"))
    with pytest.raises(OctopusError, match="is sealed, and plaintext is true"):
        given_secret(str(path), None)
