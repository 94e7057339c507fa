# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""octopus_restore_point_configure restores the nodes' configurations and registrations."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from lab.estate import InstanceSpec, Lab
from lab.octopus import register
from scenarios.restore_point.setting import CONFIG, SYSTEM, Setting

REGISTER = "C:\\ProgramData\\Octopus\\OctopusServer\\Instances\\OctopusServer.config"


@pytest.fixture
def nodes(cluster: Setting, point: str) -> Iterator[dict[str, Any]]:
    """The hosts by name; their configuration and registration are as they were afterwards."""
    hosts = {host.name: host for host in cluster.instance.hosts}
    former = {(host, path): host.fs.read(path, SYSTEM) for host in hosts.values() for path in (CONFIG, REGISTER)}
    yield hosts
    for (host, path), content in former.items():
        host.fs.write(path, content, SYSTEM)
    for host in hosts.values():
        for file in host.fs.listdir("C:\\Octopus", SYSTEM):
            if ".before-rollback-" in file:
                host.fs.remove(f"C:\\Octopus\\{file}", SYSTEM)


def test_nothing_differs(cluster: Setting, point: str, nodes: dict[str, Any], job_folders: None) -> None:
    result = cluster.configure()
    assert not result["changed"], result
    same = {"config_path": CONFIG, "restored": False, "backup_file": None, "registered": False}
    assert (result["restore_point"], result["nodes"]) == (point, {"octo-a": same, "octo-b": same})


def test_what_differs_is_restored(
    cluster: Setting, point: str, nodes: dict[str, Any], no_secrets: Callable[[object], None], job_folders: None
) -> None:
    before = {name: host.fs.read(CONFIG, SYSTEM) for name, host in nodes.items()}
    changed = before["octo-a"].replace(b"OCTO-A", b"OCTO-X")
    nodes["octo-a"].fs.write(CONFIG, changed, SYSTEM)
    nodes["octo-b"].fs.remove(CONFIG, SYSTEM)
    former = f"{CONFIG}.before-rollback-{point}"
    wanted = {
        "octo-a": {"config_path": CONFIG, "restored": True, "backup_file": former, "registered": False},
        "octo-b": {"config_path": CONFIG, "restored": True, "backup_file": None, "registered": False},
    }
    check = cluster.configure(restore_point=point, check_mode=True)
    assert (check["changed"], check["nodes"]) == (True, wanted)
    assert nodes["octo-a"].fs.read(CONFIG, SYSTEM) == changed
    result = cluster.configure(restore_point=point)
    assert (result["changed"], result["nodes"]) == (True, wanted), result
    for name, host in nodes.items():
        assert host.fs.read(CONFIG, SYSTEM) == before[name]
        assert [file for file in host.fs.listdir("C:\\ProgramData\\octopus.upgrade", SYSTEM) if "config" in file] == []
    assert nodes["octo-a"].fs.read(former, SYSTEM) == changed
    rights = nodes["octo-a"].acls[f"{former}.part".lower()]
    assert (rights["inherits"], sorted(who for who in rights if who != "inherits")) == (False, ["*s-1-5-18", "*s-1-5-32-544"])
    again = cluster.configure(restore_point=point)
    assert not again["changed"]
    no_secrets([result, again])


def test_the_first_backup_file_stays(cluster: Setting, point: str, nodes: dict[str, Any]) -> None:
    """What a run that broke off had written in part is not what somebody wants back."""
    former = f"{CONFIG}.before-rollback-{point}"
    nodes["octo-a"].fs.write(former, b"first", SYSTEM)
    nodes["octo-a"].fs.write(CONFIG, b"half", SYSTEM)
    assert cluster.configure()["changed"]
    assert nodes["octo-a"].fs.read(former, SYSTEM) == b"first"


def test_an_instance_that_is_not_registered_is_registered_again(
    cluster: Setting, point: str, nodes: dict[str, Any], job_folders: None
) -> None:
    before = nodes["octo-b"].fs.read(CONFIG, SYSTEM)
    register.remove(nodes["octo-b"], "OctopusServer")
    check = cluster.configure(check_mode=True)
    assert check["nodes"]["octo-b"]["registered"] is True
    assert not nodes["octo-b"].fs.exists(REGISTER, SYSTEM)
    result = cluster.configure(connections=[cluster.connection("octo-b")])
    assert result["changed"], result
    assert result["nodes"]["octo-b"]["registered"] is True
    assert nodes["octo-b"].fs.exists(REGISTER, SYSTEM)
    # create-instance writes the file too; the signed one is restored after it.
    assert nodes["octo-b"].fs.read(CONFIG, SYSTEM) == before
    assert not cluster.configure()["changed"]


def test_another_registration_is_not_touched(cluster: Setting, point: str, nodes: dict[str, Any]) -> None:
    register.add(nodes["octo-b"], register.Entry("OctopusServer", "D:\\Elsewhere\\OctopusServer.config"), cluster.version)
    result = cluster.configure()
    assert "of the restore point, but found D:\\Elsewhere\\OctopusServer.config" in result["msg"]


def test_nothing_is_restored_from_what_cannot_be_verified(cluster: Setting, point: str, nodes: dict[str, Any]) -> None:
    folder = cluster.backups / point
    for host in nodes.values():
        host.fs.write(CONFIG, b"changed", SYSTEM)
    (folder / "nodes" / "octo-b.config.vault").write_bytes((folder / "nodes" / "octo-a.config.vault").read_bytes())
    result = cluster.configure()
    assert (
        f"The configuration of octo-b in the restore point {cluster.root}\\{point}: nodes\\octo-b.config.vault holds another content"
        in result["msg"]
    )
    (folder / "restore-point.signature").unlink()
    assert "does not count as signed: it has no restore-point.signature" in cluster.configure(restore_point=point)["msg"]
    assert all(host.fs.read(CONFIG, SYSTEM) == b"changed" for host in nodes.values())


def test_a_node_that_the_restore_point_does_not_know(cluster: Setting, point: str, nodes: dict[str, Any]) -> None:
    stranger = {**cluster.connection("octo-b"), "name": "octo-c"}
    result = cluster.configure(connections=[cluster.connection("octo-a"), stranger])
    assert "(octo-a, octo-b), but found octo-c" in result["msg"]


def test_back_in_the_registry_for_an_old_program(tmp_path: Path) -> None:
    """An old version finds its instances in the registry, whatever a newer one has made of that."""
    old = InstanceSpec("old", "2018.10.7", ("octo01",), "sql01", watchdog=False)
    with Lab(tmp_path / "lab", old, scale=100.0) as lab:
        setting = Setting(lab, "old", tmp_path)
        setting.back_up_secrets()
        setting.stage()
        setting.make()
        host = lab.instances["old"].hosts[0]
        register.remove(host, "OctopusServer")
        result = setting.configure()
        assert result["changed"], result
        assert result["nodes"]["octo01"]["registered"] is True
        registered = host.registry.get(f"{register.KEY}\\OctopusServer", "ConfigurationFilePath")
        assert registered is not None and registered[1] == CONFIG
        assert not host.fs.exists(REGISTER, SYSTEM)
