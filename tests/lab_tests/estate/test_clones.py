# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Places for clones: what is there, what is not, how the inventory names them, and that Octopus runs there and ends with the lab."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
import requests
import yaml
from ansible.parsing.vault import VaultLib, VaultSecret
from lab.estate import CLUSTER, SINGLE, CloneSpec, Lab
from lab.octopus import register
from lab.windows import services
from lab_tests.estate import naive
from patience import patient

NEAR = CloneSpec("near", "single", ("octo-n1",))
FAR = CloneSpec("far", "single", ("octo-f1", "octo-f2"), sql="sql-far", transport="ntlm")


def test_a_clone_by_hand_on_another_sql_server_lives_and_ends_with_the_lab(tmp_path: Path) -> None:
    with Lab(tmp_path / "lab", SINGLE, FAR, scale=40) as lab:
        clone = lab.clones["far"]
        for host in clone.hosts:
            assert not host.fs.exists(register.program(host), host.system)
            with pytest.raises(Exception, match="1060"):
                host.services.query("OctopusDeploy")
        with pytest.raises(requests.ConnectionError):
            requests.get(f"{clone.url}/api", verify=str(lab.ca_path), timeout=patient(10))
        naive.restore(lab, clone, "Copy")
        for host in clone.hosts:
            naive.join(clone, host, "Copy")
            naive.start(lab, host)
        assert clone.balancer is not None
        clone.balancer.check()
        answer = requests.get(
            f"{clone.url}/api/users/me", headers={"X-Octopus-ApiKey": clone.secrets.api_key}, verify=str(lab.ca_path), timeout=patient(10)
        )
        assert answer.json()["Username"] == "admin"
        for host in clone.hosts:
            root = requests.get(f"https://{host.address}:8443/api", verify=str(lab.ca_path), timeout=patient(10))
            assert root.headers["Octopus-Node"] == host.name.upper()
        with clone.store("Copy") as store:
            assert store.count("Project") == 4
    assert [crash for host in clone.hosts for crash in host.crashes] == []
    assert {host.services.query("OctopusDeploy").state for host in clone.hosts} == {services.STOPPED}
    left = [thread.name for thread in threading.enumerate() if thread.name.startswith(("octo-f", "lb-far"))]
    assert left == []


def test_the_same_sql_server_and_shares(tmp_path: Path) -> None:
    lab = Lab(
        tmp_path / "lab",
        CLUSTER,
        CloneSpec("one", "cluster", ("octo-o1",)),
        CloneSpec("two", "cluster", ("octo-t1",), on_source_folders=False),
    )
    source, one, two = lab.instances["cluster"], lab.clones["one"], lab.clones["two"]
    assert one.sql is source.sql and one.tds is source.tds and one.secrets.sql_password == source.secrets.sql_password
    assert (one.folders_root, one.balancer) == ("C:\\Octopus", None)
    one.host("octo-o1").fs.write(f"{lab.backup_share.unc}\\note.txt", b"", one.hosts[0].system)
    one.host("octo-o1").fs.write("\\\\nas\\octopus-cluster\\note.txt", b"", one.hosts[0].system)
    with pytest.raises(Exception, match="denied"):
        two.hosts[0].fs.write("\\\\nas\\octopus-cluster\\note.txt", b"", two.hosts[0].system)
    lab.stop()


def test_how_the_inventory_names_them(tmp_path: Path) -> None:
    lab = Lab(tmp_path / "lab", SINGLE, NEAR, FAR)
    folder = lab.write_inventory(tmp_path / "inventory")
    groups = yaml.safe_load((folder / "hosts.yml").read_text())
    assert list(groups) == ["octopus", "octopus_clones"] and list(groups["octopus"]["children"]) == ["octopus_single"]
    clones = groups["octopus_clones"]["children"]
    assert list(clones) == ["octopus_near", "octopus_far"]
    far = clones["octopus_far"]
    assert far["hosts"] == {host.name: {"ansible_host": host.address} for host in lab.clones["far"].hosts}
    names = ("octopus_instance", "octopus_clone_of", "octopus_url", "octopus_sql_host", "octopus_backup_root", "ansible_winrm_transport")
    assert [far["vars"][name] for name in names] == [
        "far",
        "single",
        lab.clones["far"].url,
        lab.clones["far"].sql.machine.address,
        "\\\\nas\\octopus-backups",
        "ntlm",
    ]
    vault = VaultLib([("default", VaultSecret(lab.vault_password.encode()))])
    sealed = yaml.safe_load(vault.decrypt((folder / "group_vars" / "octopus_far" / "secrets.yml").read_bytes()))
    source, clone = lab.instances["single"].secrets, lab.clones["far"].secrets
    assert sealed == {
        "vault_password": clone.winrm_password,
        "vault_api_key": source.api_key,
        "vault_sql_password": clone.sql_password,
        "vault_octopus_sql_password": source.octopus_sql_password,
    }
    assert clone.sql_password != source.sql_password != lab.clones["near"].secrets.winrm_password
    lab.stop()


def test_the_place_of_a_test_instance_is_in_a_group_of_its_own(tmp_path: Path) -> None:
    lab = Lab(tmp_path / "lab", SINGLE, CloneSpec("trial", SINGLE.name, ("octo-trial",), projects=("Web Shop",)))
    groups = yaml.safe_load((lab.write_inventory(tmp_path / "inventory") / "hosts.yml").read_text())
    assert list(groups) == ["octopus", "octopus_test_instances"]
    found = groups["octopus_test_instances"]["children"]["octopus_trial"]["vars"]
    assert (found["octopus_test_of"], found["octopus_test_projects"], "octopus_clone_of" in found) == ("single", ["Web Shop"], False)
    login = lab.instances["single"].sql.find_login("octopus")
    assert login and "dbcreator" in login.roles
    lab.stop()


def test_what_is_not_there_or_twice(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no instance prod"):
        Lab(tmp_path / "a", SINGLE, CloneSpec("x", "prod", ("octo-x",)))
    with pytest.raises(ValueError, match="same name"):
        Lab(tmp_path / "b", SINGLE, CloneSpec("single", "single", ("octo-x",)))
