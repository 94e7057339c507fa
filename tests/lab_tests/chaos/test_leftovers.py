# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is left over is found, each kind by its own sign; what stays on purpose is not."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import scenarios.leftovers
from lab.estate import SINGLE, Lab, LabInstance
from lab.tds.engine_api import LoginRequest
from lab.windows.tasks import Task
from patience import patient
from scenarios.leftovers import leftovers, shells

ROOT = ("C", "ProgramData", "octopus.upgrade")


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with Lab(tmp_path_factory.mktemp("left") / "lab", SINGLE, scale=40) as lab:
        yield lab


@pytest.fixture
def instance(lab: Lab) -> LabInstance:
    return lab.instances[SINGLE.name]


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scenarios.leftovers, "PATIENCE", 0.5)


def _write(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("x")
    return path


def test_a_fresh_lab_and_what_a_run_keeps_are_no_leftovers(lab: Lab, instance: LabInstance) -> None:
    host = instance.hosts[0].root.joinpath(*ROOT)
    kept = [
        _write(host / "runs" / "single" / "20261125T132954Z.jsonl"),
        _write(host / "logs" / "install.log"),
        _write(host / "packages" / "Octopus.msi"),
    ]
    (host / "jobs").mkdir()
    assert leftovers(lab, instance) == []
    for path in kept:
        path.unlink()


PLACES: list[tuple[str, Callable[[Lab, LabInstance], Path]]] = [
    ("jobs/install-1/output.txt", lambda lab, instance: instance.hosts[0].root.joinpath(*ROOT, "jobs", "install-1", "output.txt")),
    ("runs/single/lock", lambda lab, instance: instance.hosts[0].root.joinpath(*ROOT, "runs", "single", "lock", "owner.json")),
    ("octopus.upgrade/aside", lambda lab, instance: instance.hosts[0].root.joinpath(*ROOT, "aside", "x")),
    ("Octopus.msi.part", lambda lab, instance: instance.hosts[0].root.joinpath(*ROOT, "packages", "Octopus.msi.part")),
    ("Windows/Temp/x.txt", lambda lab, instance: instance.hosts[0].root.joinpath("C", "Windows", "Temp", "x.txt")),
    ("C/Octopus-aside", lambda lab, instance: instance.hosts[0].root.joinpath("C", "Octopus-aside", "x")),
    ("Octopus Deploy/Octopus.old", lambda lab, instance: instance.hosts[0].root.joinpath("C", "Program Files", "Octopus Deploy", "Octopus.old", "x")),
    ("the backup share", lambda lab, instance: lab.backup_share.volume.root / "single" / "id" / "restore-point.json.part"),
    ("which no database has", lambda lab, instance: _data_folder(instance) / "scratch.mdf"),
]  # fmt: skip


def _data_folder(instance: LabInstance) -> Path:
    return instance.sql.machine.fs.real(instance.sql.data_folder, instance.sql.logon)


@pytest.mark.parametrize(("told", "place"), PLACES, ids=[told for told, _place in PLACES])
def test_a_file_or_folder_is_found(lab: Lab, instance: LabInstance, told: str, place: Callable[[Lab, LabInstance], Path]) -> None:
    path = _write(place(lab, instance))
    try:
        found = leftovers(lab, instance)
    finally:
        path.unlink()
        if not any(path.parent.iterdir()):
            path.parent.rmdir()
    assert found and any(told.removesuffix("/output.txt") in line for line in found), found


def test_a_scheduled_task_is_found(lab: Lab, instance: LabInstance) -> None:
    host = instance.hosts[0]
    host.tasks.create(Task("\\octopus.upgrade\\schema-1", "C:\\Windows\\System32\\hostname.exe"))
    assert leftovers(lab, instance) == ["octo01: the scheduled task \\octopus.upgrade\\schema-1"]
    host.tasks.delete("\\octopus.upgrade\\schema-1")


def test_a_database_is_found_unless_a_record_names_it(lab: Lab, instance: LabInstance) -> None:
    kept = instance.sql.create_database("OctopusDeploy-failed-1")
    try:
        assert leftovers(lab, instance) == ["SQL01: the database OctopusDeploy-failed-1, which no run record names"]
        assert leftovers(lab, instance, told='{"kept": "OctopusDeploy-failed-1"}') == []
    finally:
        instance.sql.drop_database(kept)


def test_a_snapshot_and_a_session_are_found(lab: Lab, instance: LabInstance) -> None:
    sql = instance.sql
    request = LoginRequest(
        user="octopus_upgrade", password=instance.secrets.sql_password, database="OctopusDeploy", program="octopus.upgrade"
    )
    session = sql.login(request)
    snapshot = sql.create_database("OctopusDeploy-snapshot")
    snapshot.snapshot_of = "OctopusDeploy"
    try:
        # One that is kept on purpose is a leftover all the same: it grows with every write.
        assert leftovers(lab, instance, told="OctopusDeploy-snapshot") == [
            "SQL01: a session of octopus.upgrade in OctopusDeploy",
            "SQL01: the snapshot OctopusDeploy-snapshot of OctopusDeploy",
        ]
    finally:
        session.close()
        sql.drop_database(snapshot)
    assert leftovers(lab, instance) == []


def test_a_shell_and_a_process_in_it_are_found(lab: Lab, instance: LabInstance) -> None:
    host, server = instance.hosts[0], instance.winrm[0]
    account = next(name for name in lab.network.accounts if name.endswith("single-admin"))
    shell = server.shells.create(account, {}, "", 65001, None)
    assert leftovers(lab, instance) == [f"octo01: the WinRM shell {shell.id}, in which nothing was run last"]
    assert shells(instance) == {shell.id}
    assert leftovers(lab, instance, old_shells=shells(instance)) == []
    stop = threading.Event()
    process = host.spawn(None, "hostname.exe", host.system, job=shell.job, handler=lambda process: int(stop.wait(patient(30))))
    assert leftovers(lab, instance, old_shells=shells(instance)) == ["octo01: the process hostname.exe"]
    stop.set()
    process.wait(patient(10))
    server.shells.delete(shell)
    assert leftovers(lab, instance) == []
