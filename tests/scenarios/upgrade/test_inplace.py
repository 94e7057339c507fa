# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The main job, whole: a single node by a ladder of three and a cluster of two nodes, side by side, in one command.

One run serves all tests of this file: each looks at another side of what it left behind.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import winrm
from ansible_collections.octopus.upgrade.plugins.module_utils._run import record as run_record
from lab.core.ledger import Event
from lab.estate import CLUSTER, DEMO, Lab, LabInstance
from patience import patient
from scenarios.leftovers import leftovers
from scenarios.operator import Operator, Run
from scenarios.world import Row, World, look, lost_files, lost_rows, rows

# FreeTDS for one, what "auto" finds (Microsoft's driver 18) for the other.
# The ladder of one is given, that of the other is to be found.
SPECS = (replace(DEMO, sql_driver="FreeTDS"), replace(CLUSTER, wanted="2026.x", ladder_given=False))
RUNNING, STOPPED, AUTOMATIC = 4, 1, 2


@dataclass
class Upgraded:
    """What is known of the run."""

    lab: Lab
    operator: Operator
    run: Run
    before: dict[str, World]
    after: dict[str, World]
    at_backup: dict[str, dict[str, dict[str, Row]]] = field(default_factory=dict)
    due: list[str] = field(default_factory=list)
    first: int = 0
    last: int = 0

    def events(self, kind: str | None = None, machine: str | None = None, **match: Any) -> list[Event]:
        """The ledger's events of the run."""
        return [event for event in self.lab.ledger.events(kind, machine, self.first, **match) if event.seq < self.last]


@pytest.fixture(scope="module")
def upgraded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Upgraded]:
    folder = tmp_path_factory.mktemp("fleet")
    with Lab(folder / "lab", *SPECS) as lab:
        operator = Operator(lab, folder / "operator", settings="")  # as most users have it
        before = {name: look(instance) for name, instance in lab.instances.items()}
        first = lab.ledger.mark()
        at_backup: dict[str, dict[str, dict[str, Row]]] = {}
        watchers = [threading.Thread(target=_rows_at_backup, args=(lab, instance, at_backup, first)) for instance in lab.instances.values()]
        due: list[str] = []
        demo = lab.instances["demo"]
        watchers.append(threading.Thread(target=_due_in_the_outage, args=(lab, demo, due, first)))
        for watcher in watchers:
            watcher.start()
        lab.faults.arm("schema.undrain", demo.hosts[0].name, version=demo.spec.ladder[0])
        run = operator.play("upgrade_inplace", "-vvvv")
        last = lab.ledger.mark()
        (folder / "output.txt").write_text(run.output)
        after = {name: look(instance) for name, instance in lab.instances.items()}
        for watcher in watchers:
            watcher.join()
        yield Upgraded(lab, operator, run, before, after, at_backup, due, first, last)


def _rows_at_backup(lab: Lab, instance: LabInstance, found: dict[str, dict[str, dict[str, Row]]], first: int) -> None:
    """Keep the rows that are there when the service has stopped everywhere and the backup begins."""
    name = instance.spec.database
    lab.ledger.wait_for(
        lambda event: event.kind == "sql.backup" and event.get("database") == name and event["action"] == "start", patient(250), first
    )
    found[instance.spec.name] = rows(instance)


def _due_in_the_outage(lab: Lab, instance: LabInstance, due: list[str], first: int) -> None:
    """Let a deployment that was scheduled for this hour wait in the queue, when the restore point is made and no version of the path has started."""
    spec = instance.spec
    found = lab.ledger.wait_for(
        lambda event: event.kind == "msi" and event.machine == instance.hosts[0].name and event.get("version") == spec.ladder[0],
        patient(250),
        first,
    )
    assert found["action"] == "install"
    with instance.handle.store(spec.version) as store:
        like = next(task for task in store.documents("ServerTask") if task["Name"] == "Deploy" and task["State"] == "Success")
        names = ("Name", "Description", "ProjectId", "EnvironmentId")
        row = {name: like.get(name) for name in names} | {"State": "Queued", "QueueTime": lab.clock.now(), "Arguments": {}}
        due.append(store.add("ServerTask", {**row, "HasWarningsOrErrors": False, "HasPendingInterruptions": False})["Id"])


@pytest.mark.parametrize("name", ["demo", "cluster"])
def test_the_instance_ends_upgraded_and_in_service(upgraded: Upgraded, name: str) -> None:
    assert upgraded.run.code == 0, upgraded.run.output[-6000:]
    spec, before, after = upgraded.lab.instances[name].spec, upgraded.before[name], upgraded.after[name]
    assert set(after.programs.values()) == {spec.target}
    assert set(after.services.values()) == {(RUNNING, AUTOMATIC)}
    assert (after.maintenance, after.drained, after.watchdogs) == (before.maintenance, before.drained, before.watchdogs)
    newest = max(after.tables["OctopusServerInstallationHistory"].values(), key=lambda row: str(row["Installed"]))
    assert newest["Version"] == spec.target


@pytest.mark.parametrize("name", ["demo", "cluster"])
def test_no_row_and_no_file_is_lost(upgraded: Upgraded, name: str) -> None:
    before, after = upgraded.before[name], upgraded.after[name]
    changed_by_migrations = {"Configuration", "UserRole", "Feed"}
    lost = [loss for loss in lost_rows(before, after) if loss.split()[0] not in changed_by_migrations]
    assert "\n".join(lost) == ""
    assert len(before.files) > 300
    assert lost_files(before, after) == []


def test_the_upgrade_across_spaces_moved_the_packages(upgraded: Upgraded) -> None:
    moved = [path for path in upgraded.after["demo"].files if path.startswith("Packages\\Spaces-1\\feeds-builtin\\")]
    assert len(moved) >= 200


def _first(events: list[Event], what: str) -> float:
    assert events, f"there was no {what}"
    return events[0].seq


@pytest.mark.parametrize("name", ["demo", "cluster"])
def test_the_ledger_shows_the_order_of_an_upgrade(upgraded: Upgraded, name: str) -> None:
    instance = upgraded.lab.instances[name]
    nodes = {host.name for host in instance.hosts}

    def of(events: list[Event]) -> list[Event]:
        return [event for event in events if event.machine in nodes]

    service = instance.handle.service
    states = [event for event in of(upgraded.events("service.state")) if event["name"] == service]
    stopped = {node: next(event.seq for event in states if event.machine == node and event["state"] == "STOPPED") for node in nodes}
    maintenance = [
        event for event in of(upgraded.events("rest")) if event["method"] == "PUT" and event["path"].endswith("maintenanceconfiguration")
    ]
    drains = of(upgraded.events("octopus", what="drain"))
    backups = [event for event in upgraded.events("sql.backup") if event.get("database") == instance.spec.database]
    began = next(event.seq for event in backups if event["action"] == "start")
    done = next(event.seq for event in backups if event["action"] == "done")
    installs = [event for event in of(upgraded.events("msi")) if event["action"] == "install"]
    schemas = of(upgraded.events("octopus", what="schema upgrade"))
    starts = of(upgraded.events("octopus", what="started"))
    downloads = [event for event in of(upgraded.events("process.start")) if "curl.exe" in str(event["argv"][0]).lower()]

    assert downloads and max(event.seq for event in downloads) < maintenance[0].seq, "everything is staged before the outage"
    assert maintenance[0].seq < drains[0].seq < min(stopped.values()), "maintenance mode, then drain, then stop"
    assert max(stopped.values()) < began < done < schemas[0].seq, (
        "every node is down before the backup, and the backup done before the schema"
    )
    rungs = list(instance.spec.ladder)
    upgrades = [event for event in schemas if event["action"] == "done"]
    assert [event["version"] for event in upgrades] == rungs
    assert len({event.machine for event in upgrades}) == 1, "one node alone upgrades the schema"
    for number, upgrade in enumerate(upgrades):
        assert {event.machine for event in installs if event["version"] == rungs[number] and event.seq < upgrade.seq} == nodes
        following = [event for event in starts if event.seq > upgrade.seq]
        assert following[0].machine == upgrade.machine and following[0]["version"] == rungs[number], "the coordinator proves each rung"
    others = nodes - {upgrades[0].machine}
    for other in others:
        assert _first([event for event in starts if event.machine == other], f"start of {other}") > upgrades[-1].seq
    assert maintenance[-1].seq > max(event.seq for event in starts), "maintenance mode ends when everybody is up"


def test_what_is_due_at_an_intermediate_version_runs_once_users_are_let_in(upgraded: Upgraded) -> None:
    """The schema upgrade to the first version has undrained the node. Started so, it would have deployed to production at that version."""
    demo = upgraded.lab.instances["demo"]
    assert [event["where"]["version"] for event in upgraded.events("fault", name="schema.undrain", action="met")] == [demo.spec.ladder[0]]
    [task] = upgraded.due
    [node] = (host.name for host in demo.hosts)  # the other instance has tasks of the same ids
    runs = upgraded.lab.ledger.wait_for(
        lambda event: event.machine == node and event.kind == "octopus" and event.get("task") == task and event.get("state") == "Executing",
        patient(60),
        upgraded.first,
    )
    [undrained] = upgraded.events("octopus", node, what="drain", on=False)
    assert runs.seq > undrained.seq
    starts = upgraded.events("octopus", node, what="started")
    assert [event["version"] for event in starts][-1] == demo.spec.target and starts[-1].seq < undrained.seq
    begun = upgraded.events("octopus", node, what="drain", on=True)[0].seq
    between = [event for event in upgraded.events("octopus", node, what="task", state="Executing") if begun < event.seq < undrained.seq]
    assert [event.fields for event in between] == []
    folder = upgraded.run.folder / "octopus-runs" / "demo" / f"{upgraded.run.record('demo')['run_id']}.jsonl"
    steps = {event["step"]: event for event in map(json.loads, folder.read_text().splitlines()) if event["event"] == "done"}
    held = [steps[f"apply.{version}.schema"]["result"]["drained_node"] for version in demo.spec.ladder]
    assert [one["was_drained"] for one in held] == [False] + [True] * (len(held) - 1) and all(one["drained"] for one in held)


@pytest.mark.parametrize("name", ["demo", "cluster"])
def test_the_run_record_tells_it(upgraded: Upgraded, name: str) -> None:
    spec = upgraded.lab.instances[name].spec
    record = upgraded.run.record(name)
    assert (record["instance"], record["from_version"], record["to_version"]) == (name, spec.version, spec.target)
    assert record["ladder"] == list(spec.ladder)
    assert record["verdict"] == "upgraded"
    began, ended = (datetime.fromisoformat(record[name]) for name in ("started", "finished"))
    assert 0 < record["outage_seconds"] < (ended - began).total_seconds()
    assert 0 < sum(step["seconds"] for step in record["steps"]) < (ended - began).total_seconds()
    assert {step["result"] for step in record["steps"]} == {"ok"}
    assert [step["name"].split(".")[0] for step in record["steps"]] == sorted(
        (step["name"].split(".")[0] for step in record["steps"]), key=["stage", "quiesce", "backup", "apply", "verify", "publish"].index
    )
    assert record["backup"]["verified"] and record["backup"]["backup_set_uuid"]
    assert record["evidence"]["projects_read"] > 0 and record["evidence"]["task_log"] and record["evidence"]["package"]


@pytest.mark.parametrize("name", ["demo", "cluster"])
def test_the_backup_restores_to_exactly_the_rows_that_were_there(upgraded: Upgraded, name: str) -> None:
    import pyodbc
    from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.connection import drivers

    instance = upgraded.lab.instances[name]
    [path] = upgraded.run.record(name)["backup"]["paths"]
    driver = drivers.find("auto", pyodbc.drivers())
    own = instance.secrets
    with pyodbc.connect(
        f"DRIVER={{{driver.name}}};SERVER={instance.sql.machine.address},1433;UID=octopus_upgrade;PWD={{{own.sql_password}}};"
        "Encrypt=yes;TrustServerCertificate=yes",
        autocommit=True,
    ) as connection:
        cursor = connection.cursor()
        files = cursor.execute(f"RESTORE FILELISTONLY FROM DISK = N'{path}'").fetchall()
        moves = ", ".join(f"MOVE N'{one.LogicalName}' TO N'C:\\restored-{one.LogicalName}'" for one in files)
        cursor.execute(f"RESTORE DATABASE [restored] FROM DISK = N'{path}' WITH {moves}")
        while cursor.nextset():
            pass
    restored = instance.sql.database("restored")
    assert restored is not None
    try:
        assert rows(instance, "restored") == upgraded.at_backup[name]
    finally:
        instance.sql.drop_database(restored)


def test_no_secret_is_anywhere_but_where_it_was_given(upgraded: Upgraded) -> None:
    places = {
        "ledger": upgraded.lab.ledger_path.read_text(),
        "output with -vvvv": upgraded.run.output,
        **{str(path): path.read_text() for path in (upgraded.run.folder / "octopus-runs").rglob("*") if path.is_file()},
    }
    for host in (host for instance in upgraded.lab.instances.values() for host in instance.hosts):
        for real in (host.root / "C" / "ProgramData" / "octopus.upgrade").rglob("*"):
            if real.is_file():
                places[str(real)] = real.read_bytes().decode("utf-8", "replace") + real.read_bytes().decode("utf-16-le", "replace")
    # Restore points with everything in them: manifests, signatures, encrypted secrets and configurations, folders, packages, copies of journals.
    kept = [real for real in upgraded.lab.backup_share.volume.root.rglob("*") if real.is_file()]
    for real in kept:
        places[str(real)] = real.read_bytes().decode("utf-8", "replace")
    for instance in upgraded.lab.instances.values():
        [point] = _points(upgraded.lab, instance)
        for name in ("restore-point.json", "restore-point.signature", "master-key.vault", "license.vault", "database.bak"):
            assert str(point / name) in places
        assert len(list((point / "nodes").iterdir())) == len(instance.hosts)
    assert [name for name in places if name.endswith(".jsonl") and "octopus-backups" in name], "the copies of the journals"
    assert [name for name in places if name.endswith(".jsonl") and "ProgramData" in name], "the journals"
    for instance in upgraded.lab.instances.values():
        own = instance.secrets
        secrets = {
            "API key": own.api_key,
            "SQL password": own.sql_password,
            "WinRM password": own.winrm_password,
            "Octopus' own SQL password": own.octopus_sql_password,
            "master key": own.master_key,
            "licence": _license_key(instance),
            "vault password": upgraded.lab.vault_password,
        }
        found = [
            f"{what} of {instance.spec.name} in {place}"
            for what, secret in secrets.items()
            for place, text in places.items()
            if secret in text and not (what == "licence" and place.endswith("database.bak"))  # a table has it: it is in any backup
        ]
        assert found == []


def _points(lab: Lab, instance: LabInstance) -> list[Path]:
    """The restore points of an instance, as they lie on the disk."""
    return [path for path in (lab.backup_share.volume.root / instance.spec.name).iterdir() if path.name != "runs"]


@pytest.mark.parametrize("name", ["demo", "cluster"])
def test_the_journal_is_the_same_wherever_it_lies_and_the_lock_is_given_back(upgraded: Upgraded, name: str) -> None:
    instance, run_id = upgraded.lab.instances[name], upgraded.run.record(name)["run_id"]
    folders = [host.root / "C" / "ProgramData" / "octopus.upgrade" / "runs" for host in instance.hosts]
    assert [sorted(str(path.relative_to(folder)) for path in folder.rglob("*")) for folder in folders if any(folder.glob("*"))] == [
        [name, f"{name}/{run_id}.jsonl"]
    ], "on the coordinator alone, and no lock"
    there = run_record.parse((folders[0] / name / f"{run_id}.jsonl").read_text(), "the journal")  # a long event is packed there
    here = [json.loads(line) for line in (upgraded.run.folder / "octopus-runs" / name / f"{run_id}.jsonl").read_text().splitlines()]
    assert there == here
    assert (there[0]["event"], there[-1]["event"], there[-1]["verdict"]) == ("begun", "finished", "upgraded")
    copies = list((upgraded.lab.backup_share.volume.root / name / "runs").iterdir())
    assert [path.name for path in copies] == [f"{run_id}.jsonl"]
    copied = run_record.parse(copies[0].read_text(), "the copy")
    assert copied == there[: len(copied)] and copied[-1]["event"] in ("done", "finished")


@pytest.mark.parametrize("name", ["demo", "cluster"])
def test_nothing_is_left_over(upgraded: Upgraded, name: str) -> None:
    assert leftovers(upgraded.lab, upgraded.lab.instances[name]) == []


def _license_key(instance: LabInstance) -> str:
    """A part of the licence that occurs nowhere else."""
    found = re.search(r"<LicenseKey>([^<]+)</LicenseKey>", str(rows(instance)["Configuration"]))
    assert found
    return found[1]


@pytest.mark.parametrize("name", ["demo", "cluster"])
def test_a_remote_command_costs_at_most_half_the_requests_of_run_cmd(
    upgraded: Upgraded, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Like for like: run_cmd's own requests around a command, measured, and the Receives and Sends that our commands had."""
    instance = upgraded.lab.instances[name]
    hosts = {host.name for host in instance.hosts}
    ours = [event for event in upgraded.events("winrm.request") if event.machine in hosts]
    commands = len([event for event in upgraded.events("winrm.command") if event.machine in hosts])
    talk = len([event for event in ours if event["action"] in ("Receive", "Send")])
    around = _requests_around_run_cmd(upgraded.lab, instance)
    mine, theirs = len(ours) / commands, around + talk / commands
    with capsys.disabled():
        print(f"\nWinRM requests per remote command, {instance.spec.transport}: {mine:.2f} in the upgrade, {theirs:.2f} with Session.run_cmd, "
              f"ratio {mine / theirs:.2f}")  # fmt: skip
    assert mine / theirs <= 0.5


def _requests_around_run_cmd(lab: Lab, instance: LabInstance) -> float:
    """What pywinrm's Session.run_cmd sends for one command, its Receives not counted."""
    host, mark, count = instance.hosts[0], lab.ledger.mark(), 5
    auth = (f"LAB\\{instance.spec.name}-admin", instance.secrets.winrm_password)
    if instance.spec.transport == "basic":
        session = winrm.Session(f"https://{host.address}:5986/wsman", auth=auth, transport="basic", ca_trust_path=str(lab.ca_path))
    else:
        session = winrm.Session(f"http://{host.address}:5985/wsman", auth=auth, transport="ntlm", message_encryption="always")
    for dummy in range(count):
        assert session.run_cmd("C:\\Windows\\System32\\hostname.exe").status_code == 0
    requests = lab.ledger.events("winrm.request", host.name, since=mark)
    return len([event for event in requests if event["action"] != "Receive"]) / count


def test_running_it_again_changes_nothing_and_causes_no_outage(upgraded: Upgraded) -> None:
    mark = upgraded.lab.ledger.mark()
    upgraded.operator.more |= {"ANSIBLE_STDOUT_CALLBACK": "octopus.upgrade.progress", "OCTOPUS_UPGRADE_NOTHING_TO_DO": "3"}
    again = upgraded.operator.play("octopus.upgrade.upgrade_inplace", callbacks="octopus.upgrade.exit_status")
    assert again.code == 3, again.output[-4000:]
    assert again.output.count("there is nothing to do") == 2
    assert {"demo: done, nothing was changed", "cluster: done, nothing was changed"} <= set(again.output.splitlines())
    assert "TASK [" not in again.output and "\x1b" not in again.output and "\r" not in again.output, (
        "plain lines, where there is no terminal"
    )
    events = upgraded.lab.ledger.events(since=mark)
    changes = [event for event in events if event.kind in ("service.state", "sql.backup", "msi", "file", "task.run")]
    assert [event for event in changes if event.get("by") != "trigger"] == []  # the watchdog's own task runs every five minutes
    assert [event for event in events if event.kind == "rest" and event["method"] != "GET"] == []
    for name, instance in upgraded.lab.instances.items():
        assert lost_rows(upgraded.after[name], look(instance)) == []
