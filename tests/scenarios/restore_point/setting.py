# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a run backs up before it signs: database, folders, package, secrets; each made by its own module."""

from __future__ import annotations

import hashlib
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ansible.parsing.vault import VaultLib, VaultSecret
from ansible_collections.octopus.upgrade.plugins.module_utils._restore_point import manifest as form
from ansible_collections.octopus.upgrade.plugins.module_utils._restore_point.signature import signature_text
from ansible_collections.octopus.upgrade.plugins.module_utils._secrets.vault import VaultKey
from ansible_collections.octopus.upgrade.tests.unit.run_module import run_module
from lab.core.filesystem import Logon
from lab.estate import Lab, LabInstance

SYSTEM = Logon.service("SYSTEM")
CONFIG = "C:\\Octopus\\OctopusServer.config"
SECRET = {"file": "master-key.vault", "fingerprint": "0" * 16}


@dataclass
class Setting:
    """An instance of a lab, and the modules run against it."""

    lab: Lab
    name: str
    folder: Path
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def instance(self) -> LabInstance:
        return self.lab.instances[self.name]

    @property
    def version(self) -> str:
        return self.instance.spec.version

    @property
    def root(self) -> str:
        return f"{self.lab.backup_share.unc}\\{self.name}"

    @property
    def backups(self) -> Path:
        """The same folder, as it lies on the disk."""
        return Path(self.lab.backup_share.volume.root, self.name)

    @property
    def secrets(self) -> dict[str, str]:
        own = self.instance.secrets
        return {
            "master key": own.master_key,
            "SQL password": own.sql_password,
            "Octopus's SQL password": own.octopus_sql_password,
            "WinRM password": own.winrm_password,
            "API key": own.api_key,
            "vault password": self.lab.vault_password,
        }

    @property
    def vault(self) -> dict[str, str]:
        path = self.folder / "vault-password"
        path.write_text(self.lab.vault_password + "\n", encoding="utf-8")
        return {"vault_password_file": str(path)}

    @property
    def sql(self) -> dict[str, Any]:
        return {
            "login_host": self.instance.sql.machine.address,
            "login_user": "octopus_upgrade",
            "login_password": self.instance.secrets.sql_password,
            "ca_path": str(self.lab.ca_path),
            "certificate_host": self.instance.spec.sql,
        }

    def connection(self, node: str) -> dict[str, Any]:
        host = self.instance.host(node)
        return {
            "name": node,
            "host": host.address,
            "port": 5986,
            "username": f"LAB\\{self.name}-admin",
            "password": self.instance.secrets.winrm_password,
            "transport": ["basic"],
            "ca_trust_path": str(self.lab.ca_path),
            "proxy": "",
        }

    @property
    def connections(self) -> list[dict[str, Any]]:
        return [self.connection(node) for node in self.instance.spec.nodes]

    def run(self, module: str, /, **options: Any) -> dict[str, Any]:
        """Run a module that has to succeed."""
        result = run_module(module, **options)
        assert not result.get("failed"), result["msg"]
        return result

    # -- before the first one

    def back_up_secrets(self) -> None:
        api = {"url": self.instance.url, "api_key": self.instance.secrets.api_key, "ca_path": str(self.lab.ca_path)}
        first = self.connection(self.instance.spec.nodes[0])
        key = self.run("octopus_masterkey_backup", connection=first, dest=str(self.folder / "master-key.vault"), **self.vault)
        self.run("octopus_license_backup", dest=str(self.folder / "license.vault"), **api, **self.vault)
        self.facts["master_key"] = key["fingerprint"]
        self.facts["folders"] = self.run("octopus_info", gather=["server"], connections=self.connections, **api)["server"]["folders"]

    def stage(self) -> None:
        first = self.instance.spec.nodes[0]
        options = {"version": self.version, "source": self.lab.releases.msi_url(), "ca_path": str(self.lab.ca_path), "state": "staged"}
        staged = self.run("octopus_install", connections=[self.connection(first)], **options)["nodes"][first]
        self.facts["package"] = {"path": staged["path"], "sha256": staged["sha256"], "version": self.version}

    # -- one restore point

    def back_up(self, point: str, stripes: int = 1, **options: Any) -> dict[str, Any]:
        """Back the database up and copy the folders; return the manifest as a caller knows it."""
        names = ["database.bak"] if stripes == 1 else [f"database-{number}.bak" for number in range(1, stripes + 1)]
        backup = self.run(
            "mssql_backup",
            database=self.instance.spec.database,
            path=[f"{self.root}\\{point}\\{name}" for name in names],
            create_folder=True,
            **options,
            **self.sql,
        )
        first = self.connection(self.instance.spec.nodes[0])
        copied = self.run(
            "octopus_folders_backup",
            connection=first,
            folders=self.facts["folders"],
            dest=f"{self.root}\\{point}\\folders",
            restore_point=point,
            live=True,
        )
        return self.manifest(point, backup, copied["folders"])

    def manifest(self, point: str, backup: dict[str, Any], folders: dict[str, Any]) -> dict[str, Any]:
        kept = (
            "paths",
            "backup_set_uuid",
            "position",
            "size",
            "compressed_size",
            "estimated_bytes",
            "first_lsn",
            "last_lsn",
            "finished_at",
        )
        return {
            "instance": self.name,
            "run_id": point.partition("-")[0],
            "operation": "upgrade",
            "version": self.version,
            "coordinator": self.instance.spec.nodes[0],
            "service_stopped": False,
            "before": {"maintenance": False, "drained": [], "watched": []},
            "database": {
                "server": backup.get("server"),
                "name": self.instance.spec.database,
                "backup": {name: backup[name] for name in kept if name in backup},
            },
            "folders": folders,
            "master_key": {"fingerprint": self.facts["master_key"]},
        }

    def create(self, point: str, manifest: dict[str, Any], *, check_mode: bool = False, **options: Any) -> dict[str, Any]:
        """Create and sign a restore point, or try to."""
        return self._create("octopus_restore_point", point, manifest, check_mode, options)

    def stage_point(self, point: str, manifest: dict[str, Any], *, check_mode: bool = False, **options: Any) -> dict[str, Any]:
        """Stage a restore point, or try to."""
        return self._create("octopus_restore_point_stage", point, manifest, check_mode, options)

    def _create(self, module: str, point: str, manifest: dict[str, Any], check_mode: bool, options: dict[str, Any]) -> dict[str, Any]:
        given: dict[str, Any] = {
            "connections": self.connections,
            "path": f"{self.root}\\{point}",
            "manifest": manifest,
            "package": self.facts["package"],
            "files": {name: str(self.folder / name) for name in ("master-key.vault", "license.vault")},
            **self.vault,
        }
        return run_module(module, check_mode=check_mode, **{**given, **options})

    def make(self, run_id: str = "20261123T210000Z", stripes: int = 1, **options: Any) -> str:
        """Create a signed restore point; return its id."""
        point = f"{run_id}-{self.version}"
        self.facts[point] = self.back_up(point, stripes, **options)
        result = self.create(point, self.facts[point])
        assert result.get("changed"), result
        return point

    def strip(self, point: str) -> None:
        """Leave of a restore point what the other modules have made."""
        for path in (self.backups / point).iterdir():
            if path.name in ("packages", "nodes"):
                shutil.rmtree(path)
            elif path.is_file() and not path.name.startswith("database"):
                path.unlink()

    def pretend(self, point: str, signed_at: str | None = "2026-11-23T21:00:00Z", **changes: Any) -> None:
        """A folder with nothing in it but a manifest, and a signature unless ``signed_at`` is None."""
        text = form.text_of(
            {
                "format": 1,
                "id": point,
                "run_id": point.partition("-")[0],
                "signed_at": signed_at,
                "signed_by": "somebody@there",
                "nodes": {"octo-a": {"instance_name": "OctopusServer", "config_path": CONFIG, "config": SECRET}},
                "package": {"file": "packages\\a.msi", "version": self.version, "sha256": "0" * 64, "size": 1},
                "master_key": SECRET,
                **{name: value for name, value in self.manifest(point, {}, {}).items() if name not in ("master_key", "database")},
                "database": {"name": "Octopus", "backup": {"paths": ["a.bak"], "files": [{"name": "a.bak", "bytes": 1}]}},
                **changes,
            }
        )
        folder = self.backups / point
        folder.mkdir()
        (folder / "restore-point.json").write_bytes(text.encode())
        if signed_at:
            (folder / "restore-point.signature").write_bytes(signature_text(point, text, self.vault_key))

    @property
    def vault_key(self) -> VaultKey:
        return VaultKey("default", self.vault["vault_password_file"])

    def tree(self) -> dict[str, str]:
        """The hash of every file of the backups."""
        return {
            str(path.relative_to(self.backups)): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in self.backups.rglob("*")
            if path.is_file()
        }

    def open(self, path: Path) -> bytes:
        """What an encrypted file holds, by the vault itself."""
        return VaultLib([("default", VaultSecret(self.lab.vault_password.encode()))]).decrypt(path.read_bytes())

    # -- the other modules

    def info(self, **options: Any) -> dict[str, Any]:
        return self._on_host("octopus_restore_point_info", options)

    def verify(self, **options: Any) -> dict[str, Any]:
        return self._on_host("octopus_restore_point_verify", options)

    def fetch(self, **options: Any) -> dict[str, Any]:
        return self._on_host("octopus_restore_point_fetch", options)

    def prune(self, **options: Any) -> dict[str, Any]:
        return self._on_host("octopus_restore_point_prune", options)

    def remove(self, point: str, **options: Any) -> dict[str, Any]:
        return self._on_nodes("octopus_restore_point", {"state": "absent", "restore_point": point, **options})

    def configure(self, **options: Any) -> dict[str, Any]:
        return self._on_nodes("octopus_restore_point_configure", options)

    def _on_host(self, module: str, options: dict[str, Any]) -> dict[str, Any]:
        return run_module(module, **{"connection": self.connections[0], "root": self.root, **self.vault, **options})

    def _on_nodes(self, module: str, options: dict[str, Any]) -> dict[str, Any]:
        return run_module(module, **{"connections": self.connections, "root": self.root, **self.vault, **options})
