# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""octopus_restore_point_fetch copies encrypted secrets to the control node, for a clone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from ansible.parsing.vault import VaultLib, VaultSecret
from scenarios.restore_point.setting import Setting


def test_encrypted_as_they_are(
    cluster: Setting, point: str, tmp_path: Path, no_secrets: Callable[[object], None], job_folders: None
) -> None:
    check = cluster.fetch(dest=str(tmp_path), check_mode=True)
    assert check["changed"] and not any(tmp_path.iterdir())
    result = cluster.fetch(dest=str(tmp_path))
    assert result["changed"] and result["fetched"] == check["fetched"], result
    assert (result["restore_point"], result["manifest"]["id"]) == (point, point)
    vault = VaultLib([("default", VaultSecret(cluster.lab.vault_password.encode()))])
    key = Path(result["fetched"]["master_key"])
    assert key.stat().st_mode & 0o077 == 0
    assert cluster.instance.secrets.master_key.encode() in vault.decrypt(key.read_bytes())
    assert sorted(result["fetched"]["configurations"]) == ["octo-a", "octo-b"]
    for path in result["fetched"]["configurations"].values():
        assert b"ExternalDatabaseConnectionString" in vault.decrypt(Path(path).read_bytes())
    assert not cluster.fetch(dest=str(tmp_path))["changed"]


def test_what_was_changed_since_is_not_taken(cluster: Setting, point: str, tmp_path: Path, job_folders: None) -> None:
    file = cluster.backups / point / "nodes" / "octo-a.config.vault"
    former = file.read_bytes()
    file.write_bytes((cluster.backups / point / "nodes" / "octo-b.config.vault").read_bytes())
    try:
        result = cluster.fetch(restore_point=point, dest=str(tmp_path))
    finally:
        file.write_bytes(former)
    assert result["failed"] and "octo-a" in result["msg"] and "holds another content than the one that was signed" in result["msg"], result
    assert not any(path.name == "octo-a.config.vault" for path in tmp_path.rglob("*"))
