# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A cluster of two nodes in a lab, and one signed restore point of it, which each test finds as it was."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from ansible.parsing.dataloader import DataLoader
from ansible_collections.octopus.upgrade.plugins.module_utils._secrets import vault
from ansible_collections.octopus.upgrade.plugins.module_utils._secrets.vault_command import VaultCommand
from ansible_collections.octopus.upgrade.plugins.plugin_utils._vault import VaultLibrary
from lab.estate import InstanceSpec, Lab
from scenarios.restore_point.setting import Setting

PAIR = InstanceSpec("pair", "2025.3.14357", ("octo-a", "octo-b"), "sql01", seed=3, watchdog=False)


@pytest.fixture(scope="module", autouse=True)
def library() -> Iterator[None]:
    """Encrypt as the worker of ansible-playbook does, since the command takes a second each time."""
    vault.use(VaultLibrary(DataLoader()))
    yield
    vault.use(VaultCommand())


@pytest.fixture
def real_vault() -> Iterator[None]:
    """Encrypt and decrypt with the command ansible-vault, as with async."""
    vault.use(VaultCommand())
    yield
    vault.use(VaultLibrary(DataLoader()))


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Setting]:
    """The lab, with everything that a restore point needs but the restore point."""
    folder = tmp_path_factory.mktemp("points")
    with Lab(folder / "lab", PAIR, scale=100.0) as lab:
        setting = Setting(lab, "pair", folder)
        setting.back_up_secrets()
        setting.stage()
        yield setting
        crashes = [crash for host in lab.instances["pair"].hosts for crash in host.crashes]
        assert crashes == []


@pytest.fixture(scope="module")
def signed_once(cluster: Setting) -> str:
    """The id of a signed restore point."""
    return cluster.make()


@pytest.fixture
def point(cluster: Setting, signed_once: str) -> Iterator[str]:
    """The id of a signed restore point, the only one there is; whatever a test does to the backups is undone after it."""
    kept = cluster.folder / "kept"
    shutil.copytree(cluster.backups, kept)
    yield signed_once
    cluster.lab.backup_share.reachable = True
    shutil.rmtree(cluster.backups)
    shutil.move(kept, cluster.backups)


@pytest.fixture
def unsigned(cluster: Setting, point: str) -> str:
    """The id of a restore point with what other modules make, and nothing else."""
    cluster.strip(point)
    return point


@pytest.fixture
def no_secrets(cluster: Setting) -> Iterator[Callable[[object], None]]:
    """Looks for secrets in a result; after the test in the lab's ledger, which has every command."""
    before = len(cluster.lab.ledger.events())

    def look(result: object) -> None:
        assert not [name for name, secret in cluster.secrets.items() if secret in json.dumps(result)]

    yield look
    heard = json.dumps([str(event) for event in cluster.lab.ledger.events()[before:]])
    assert not [name for name, secret in cluster.secrets.items() if secret in heard]


@pytest.fixture
def job_folders(cluster: Setting) -> Iterator[None]:
    """No job leaves anything on any node."""
    yield
    for host in cluster.lab.instances["pair"].hosts:
        folder = Path(host.fs.drives["C"].root, "ProgramData", "octopus.upgrade", "jobs")
        assert not folder.exists() or list(folder.iterdir()) == []
        assert [task.name for task in host.tasks.all() if "octopus.upgrade" in task.name] == []
