# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The inventory of an estate, as its operator would write it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from ansible.parsing.vault import VaultLib, VaultSecret

if TYPE_CHECKING:
    from .estate import Lab, LabInstance


def write_inventory(lab: Lab, folder: Path) -> Path:
    """``hosts.yml``, ``group_vars/*/secrets.yml`` sealed with Ansible Vault, and beside the folder the vault's password."""
    folder.mkdir(parents=True, exist_ok=True)
    password = write_vault_password(lab, folder.parent)
    groups: dict[str, Any] = {}
    for name, instance in lab.instances.items():
        group = f"octopus_{name}"
        groups[group] = _group(lab, instance, password)
        _seal(lab, folder / "group_vars" / group / "secrets.yml", _secrets(instance))
    hosts = folder / "hosts.yml"
    hosts.write_text(
        "---\n" + yaml.safe_dump({"octopus": {"children": groups}}, sort_keys=False, default_flow_style=False), encoding="utf-8"
    )
    return folder


def write_vault_password(lab: Lab, folder: Path) -> Path:
    """The file with the password of the inventory's vault, which also seals the master key."""
    path = folder / "vault-password"
    path.write_text(lab.vault_password + "\n", encoding="utf-8")
    path.chmod(0o600)
    return path


def _group(lab: Lab, instance: LabInstance, password: Path) -> dict[str, Any]:
    spec = instance.spec
    connection = {
        "ansible_connection": spec.connection,
        "ansible_user": f"LAB\\{spec.name}-admin",
        "ansible_password": "{{ vault_password }}",
    }
    kind = spec.connection
    if spec.transport == "basic":
        connection |= {"ansible_port": 5986, f"ansible_{kind}_{'transport' if kind == 'winrm' else 'auth'}": "basic"}
        connection |= {"ansible_winrm_ca_trust_path" if kind == "winrm" else "ansible_psrp_ca_cert": str(lab.ca_path)}
    elif kind == "winrm":
        connection |= {"ansible_port": 5985, "ansible_winrm_scheme": "http", "ansible_winrm_transport": "ntlm"}
        connection |= {"ansible_winrm_message_encryption": "always"}
    else:
        connection |= {"ansible_port": 5985, "ansible_psrp_protocol": "http", "ansible_psrp_auth": "ntlm"}
        connection |= {"ansible_psrp_message_encryption": "always"}
    return {
        "hosts": {host.name: {"ansible_host": host.address} for host in instance.hosts},
        "vars": connection
        | {
            "octopus_instance": spec.name,
            "octopus_url": instance.url,
            "octopus_api_key": "{{ vault_api_key }}",
            "octopus_ca_path": str(lab.ca_path),
            "octopus_version": spec.target,
            "octopus_ladder": list(spec.ladder),
            "octopus_backup_root": lab.backup_share.unc,
            "octopus_sql_user": "octopus_upgrade",
            "octopus_sql_password": "{{ vault_sql_password }}",
            "octopus_sql_driver": spec.sql_driver,
            "octopus_sql_ca_path": str(lab.ca_path),
            "octopus_msi_source": lab.releases.msi_url(),
            "octopus_msi_ca_path": str(lab.ca_path),
            "octopus_vault_password_file": str(password),
        },
    }


def _secrets(instance: LabInstance) -> dict[str, str]:
    own = instance.secrets
    return {"vault_password": own.winrm_password, "vault_api_key": own.api_key, "vault_sql_password": own.sql_password}


def _seal(lab: Lab, path: Path, values: dict[str, str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    vault = VaultLib([("default", VaultSecret(lab.vault_password.encode()))])
    path.write_bytes(vault.encrypt(yaml.safe_dump(values)))
    path.chmod(0o600)
