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
    from .estate import Lab, LabClone, LabInstance


def write_inventory(lab: Lab, folder: Path) -> Path:
    """``hosts.yml``, ``group_vars/*/secrets.yml`` sealed with Ansible Vault, and beside the folder the vault's password."""
    folder.mkdir(parents=True, exist_ok=True)
    password = write_vault_password(lab, folder.parent)
    instances: dict[str, Any] = {}
    for name, instance in lab.instances.items():
        instances[f"octopus_{name}"] = _instance(lab, instance, password)
        _seal(lab, folder / "group_vars" / f"octopus_{name}" / "secrets.yml", _secrets(instance))
    groups = {"octopus": {"children": instances}}
    clones: dict[str, Any] = {}
    tests: dict[str, Any] = {}
    for name, clone in lab.clones.items():
        (tests if clone.spec.projects else clones)[f"octopus_{name}"] = _clone(lab, clone, password)
        _seal(lab, folder / "group_vars" / f"octopus_{name}" / "secrets.yml", _secrets(clone) | _login_of_octopus(clone))
    if clones:
        groups["octopus_clones"] = {"children": clones}  # not in "octopus": what is done to every instance is not done to a clone
    if tests:
        groups["octopus_test_instances"] = {"children": tests}
    hosts = folder / "hosts.yml"
    hosts.write_text("---\n" + yaml.safe_dump(groups, sort_keys=False, default_flow_style=False), encoding="utf-8")
    return folder


def write_vault_password(lab: Lab, folder: Path) -> Path:
    """The file with the password of the inventory's vault, which also seals the master key."""
    path = folder / "vault-password"
    path.write_text(lab.vault_password + "\n", encoding="utf-8")
    path.chmod(0o600)
    return path


def _instance(lab: Lab, instance: LabInstance, password: Path) -> dict[str, Any]:
    spec = instance.spec
    ladder = list(spec.ladder) if spec.ladder_given else []
    return _group(lab, instance, password, {"octopus_version": spec.wanted or spec.target, "octopus_ladder": ladder})


def _clone(lab: Lab, clone: LabClone, password: Path) -> dict[str, Any]:
    """Its SQL Server is named: there is no Octopus to find it out from."""
    source = clone.source.spec
    own: dict[str, Any] = {
        **(_projects(clone) if clone.spec.projects else {"octopus_clone_of": source.name}),
        "octopus_version": source.target,
        "octopus_ladder": list(source.ladder),
        "octopus_sql_host": clone.sql.machine.address,
    }
    return _group(lab, clone, password, own)


def _projects(clone: LabClone) -> dict[str, Any]:
    """What a test instance gets, and how it logs in to its database."""
    password, options = "{{ vault_octopus_sql_password }}", {"Encrypt": "True", "TrustServerCertificate": "True"}
    return {
        "octopus_test_of": clone.source.spec.name,
        "octopus_test_projects": list(clone.spec.projects),
        "octopus_test_database": {"user": "octopus", "password": password, "options": options},
    }


def _group(lab: Lab, place: LabInstance | LabClone, password: Path, own: dict[str, Any]) -> dict[str, Any]:
    spec = place.spec
    return {
        "hosts": {host.name: {"ansible_host": host.address} for host in place.hosts},
        "vars": _connection(lab, place)
        | {"octopus_instance": spec.name, "octopus_url": place.url, "octopus_api_key": "{{ vault_api_key }}"}
        | own
        | {
            "octopus_ca_path": str(lab.ca_path),
            # The guard counts by its host's time, which passes faster here; a control node is as slow as anywhere.
            "octopus_guard_minutes": round(30 * lab.clock.scale),
            "octopus_backup_root": lab.backup_share.unc,
            "octopus_sql_user": "octopus_upgrade",
            "octopus_sql_password": "{{ vault_sql_password }}",
            "octopus_sql_driver": spec.sql_driver,
            "octopus_sql_ca_path": str(lab.ca_path),
            "octopus_msi_source": lab.releases.msi_url(),
            "octopus_msi_ca_path": str(lab.ca_path),
            "octopus_release_feed": lab.releases.feed_url,
            "octopus_vault_password_file": str(password),
            "octopus_clock_tolerance": 10**9,  # the lab's time runs faster than the control node's
        },
    }


def _connection(lab: Lab, place: LabInstance | LabClone) -> dict[str, Any]:
    spec = place.spec
    kind = spec.connection
    connection: dict[str, Any] = {
        "ansible_connection": kind,
        "ansible_user": f"LAB\\{spec.name}-admin",
        "ansible_password": "{{ vault_password }}",
    }
    if spec.transport == "basic":
        connection |= {"ansible_port": 5986, f"ansible_{kind}_{'transport' if kind == 'winrm' else 'auth'}": "basic"}
        connection |= {"ansible_winrm_ca_trust_path" if kind == "winrm" else "ansible_psrp_ca_cert": str(lab.ca_path)}
    elif kind == "winrm":
        connection |= {"ansible_port": 5985, "ansible_winrm_scheme": "http", "ansible_winrm_transport": "ntlm"}
        connection |= {"ansible_winrm_message_encryption": "always"}
    else:
        connection |= {"ansible_port": 5985, "ansible_psrp_protocol": "http", "ansible_psrp_auth": "ntlm"}
        connection |= {"ansible_psrp_message_encryption": "always"}
    return connection


def _secrets(place: LabInstance | LabClone) -> dict[str, str]:
    own = place.secrets
    return {"vault_password": own.winrm_password, "vault_api_key": own.api_key, "vault_sql_password": own.sql_password}


def _login_of_octopus(clone: LabClone) -> dict[str, str]:
    """Whoever makes an instance has to know how it is to log in to its SQL Server."""
    return {"vault_octopus_sql_password": clone.secrets.octopus_sql_password}


def _seal(lab: Lab, path: Path, values: dict[str, str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    vault = VaultLib([("default", VaultSecret(lab.vault_password.encode()))])
    path.write_bytes(vault.encrypt(yaml.safe_dump(values)))
    path.chmod(0o600)
