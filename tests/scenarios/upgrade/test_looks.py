# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The playbooks that only look, on a fleet of three generations: compatibility.yml, and status.yml while each instance is in another state."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Iterator
from dataclasses import asdict, replace
from datetime import datetime, timezone
from typing import Any

import pytest
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.compatibility.names import is_products, plain_version
from ansible_collections.octopus.upgrade.plugins.module_utils._run import record
from ansible_collections.octopus.upgrade.plugins.module_utils._run.holder import Holder
from ansible_collections.octopus.upgrade.plugins.module_utils._run.lock_lines import marker_of
from lab.core.ledger import Event
from lab.estate import CLUSTER, DEMO, SINGLE, Lab, LabInstance
from patience import patient
from scenarios.operator import Operator
from scenarios.world import rows

pytestmark = pytest.mark.timeout(1800)

SCALE = 2.0
NEW = replace(SINGLE, name="latest", version="2026.2.9853", nodes=("octo-new",), sql="sql03")
FLEET = (DEMO, CLUSTER, NEW)
RUNS = ("C", "ProgramData", "octopus.upgrade", "runs")
OF_THE_PRODUCT = "\\Octopus Watchdog"
CHANGES = re.compile(r"\s*(?:INSERT|UPDATE|DELETE|MERGE|CREATE|ALTER|DROP|TRUNCATE|BACKUP|RESTORE|GRANT|KILL)\b", re.IGNORECASE)


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with Lab(tmp_path_factory.mktemp("looks") / "lab", *FLEET, scale=SCALE) as found:
        yield found


@pytest.fixture(scope="module")
def operator(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Operator:
    return Operator(lab, tmp_path_factory.mktemp("looks") / "operator")


def changes(events: list[Event]) -> list[str]:
    """What somebody else than the product itself has changed."""
    found = [event for event in events if event.kind in ("service.state", "msi", "file", "sql.backup", "sql.restore", "firewall")]
    found += [event for event in events if event.kind == "rest" and event["method"] != "GET"]
    found += [event for event in events if event.kind == "sql" and CHANGES.match(event["sql"])]
    found += [event for event in events if event.kind == "task.run" and not event["name"].startswith(OF_THE_PRODUCT)]
    return [f"{event.kind} {event.machine} {event.fields}" for event in found if event.get("by") != "trigger"]


def texts(value: Any) -> Iterator[str]:
    """Every text in a value, those in documents of JSON too."""
    if isinstance(value, str) and value.startswith(("{", "[")):
        with contextlib.suppress(ValueError):
            value = json.loads(value)
    if isinstance(value, str):
        yield value
    for one in value.values() if isinstance(value, dict) else value if isinstance(value, list) else []:
        yield from texts(one)


def private(instance: LabInstance) -> set[str]:
    """Every text that is known of an instance, but names of the product's and versions."""
    spec = instance.spec
    found = {
        spec.name,
        spec.sql,
        spec.database,
        instance.url,
        *spec.nodes,
        *asdict(instance.secrets).values(),
        instance.sql.machine.address,
    }
    found |= {host.address for host in instance.hosts}
    found |= {text for table in rows(instance).values() for row in table.values() for value in row.values() for text in texts(value)}
    return {text for text in found if len(text) > 3 and not is_products(text) and not plain_version(text)}


def test_each_generation_is_as_assumed_and_nothing_private_is_told(lab: Lab, operator: Operator) -> None:
    mark = lab.ledger.mark()
    run = operator.play("compatibility", deadline=patient(500))
    events = lab.ledger.events(since=mark)
    assert run.code == 0, run.output[-5000:]
    assert changes(events) == []
    asked = [event.t for event in events if event.kind in ("winrm.request", "rest", "sql")]
    assert max(asked) - min(asked) < patient(60), "all three together"
    for spec in FLEET:
        text = (operator.folder / "octopus-runs" / spec.name / "compatibility.json").read_text()
        report = json.loads(text)
        assert (report["counts"]["contradiction"], report["versions"]["program"]) == (0, spec.version), report["probes"]
        assert report["counts"]["ok"] > 100 and f"{spec.name} ({spec.version}): {len(report['probes'])} assumptions" in run.output
        secret = private(lab.instances[spec.name])
        assert len(secret) > 100
        assert [told for told in secret if re.search(rf"(?<![A-Za-z]){re.escape(told)}(?![A-Za-z])", text)] == []


# -- status


def half_upgraded(instance: LabInstance) -> None:
    """Its control node is gone, in the middle of the schema upgrade; the service is stopped."""
    host = instance.hosts[0]
    begun = {
        "instance": instance.spec.name,
        "run_id": "20260101T000000Z",
        "operation": "upgrade",
        "from_version": "2018.10.7",
        "to_version": "2021.1.8045",
    }
    events = [record.make("begun", 1, **begun)]
    for step in ("quiesce.watchdog", "quiesce.maintenance", "backup.sign", "apply.2021.1.8045.install"):
        events.append(record.make("step", len(events) + 1, step=step))
        events.append(record.make("done", len(events) + 1, step=step, result={}))
    events.append(record.make("step", len(events) + 1, step="apply.2021.1.8045.schema"))
    folder = host.root.joinpath(*RUNS, instance.spec.name)
    folder.mkdir(parents=True)
    (folder / "20260101T000000Z.jsonl").write_text("".join(f"{line}\n" for event in events for line in record.host_lines(event)))
    for task in host.tasks.all():
        if "watchdog" in task.name.lower():
            host.tasks.enable(task.name, False)
    host.services.stop(instance.handle.service)


def locked(instance: LabInstance) -> None:
    """A process of another control node works on it."""
    somebody = Holder("anna@elsewhere", "machine", "boot", "pid:[1]", 7, "1")
    lock = instance.hosts[0].root.joinpath(*RUNS, instance.spec.name, "lock")
    lock.mkdir(parents=True)
    (lock / marker_of(somebody)).write_text("held\n")
    since = datetime.now(timezone.utc).isoformat(timespec="seconds")
    owner: dict[str, Any] = {"owner": somebody.owner, "run_id": "20260102T000000Z", "operation": "upgrade", "since": since}
    (lock / "owner.json").write_text(json.dumps({**owner, "holder": somebody.to_dict(), "marker": marker_of(somebody)}) + "\n")


def files(lab: Lab) -> dict[str, bytes]:
    """What the collection has on the nodes."""
    found: dict[str, bytes] = {}
    for instance in lab.instances.values():
        for host in instance.hosts:
            ours = host.root.joinpath(*RUNS[:-1])
            found |= {f"{host.name}: {path.relative_to(ours)}": path.read_bytes() for path in ours.rglob("*") if path.is_file()}
    return found


def test_the_state_of_a_fleet_on_one_screen(lab: Lab, operator: Operator) -> None:
    done = operator.play("backup", "--limit", f"octopus_{NEW.name}", deadline=patient(500))
    assert done.code == 0, done.output[-5000:]
    mark = lab.ledger.mark()
    half_upgraded(lab.instances[DEMO.name])
    lab.ledger.wait_for(lambda event: event.kind == "service.state" and event["state"] == "STOPPED", patient(60), mark)
    locked(lab.instances[CLUSTER.name])
    mark, before = lab.ledger.mark(), files(lab)

    run = operator.play("octopus.upgrade.status", deadline=patient(500))
    assert run.code == 0, run.output[-5000:]
    shown = run.output.rpartition("Show the status of the instances")[2]
    told = " ".join(shown.replace('"', "").split())
    assert "demo: run unfinished, at 2018.10.7" in told and "octo01 stopped (watchdog off)" in told
    assert "upgrade 20260101T000000Z, stopped at apply.2021.1.8045.schema since" in told
    assert "next: Run upgrade_inplace.yml again to resume it, or rollback.yml to roll back." in told
    assert "cluster: run in progress" in told and "locked by anna@elsewhere since" in told
    assert "octopus_break_lock: 20260102T000000Z" in told
    assert f"{NEW.name}: in service, at {NEW.version}" in told and "last run: backed_up" in told
    assert re.search(r"restore points: 1 signed; newest 2026\.2\.9853 of .* ago\), .* MiB, verified ", told)
    assert told.count("next: nothing") == 1
    assert len([line for line in shown.splitlines() if ":" in line]) <= 40, "a screen"

    events = lab.ledger.events(since=mark)
    looks = [event for event in events if event.kind == "task.run" and event["name"].startswith("\\octopus.upgrade look\\")]
    assert len(looks) == len(FLEET)
    own = "C:\\ProgramData\\octopus.upgrade"  # which each job protects anew
    made = [
        event
        for event in events
        if event.kind == "file" and (f"{own}\\looks\\" in event["path"] or (event["action"], event["path"]) == ("rights", own))
    ]
    others = [event for event in events if event not in looks + made]
    assert changes(others) == []
    assert not [
        event
        for event in events
        if event.kind == "process.start"
        and "octopus.server.exe" in str(event["argv"]).lower()
        and "checkservices" not in str(event["argv"])
    ]
    assert files(lab) == before
    assert not [task.name for spec in lab.instances.values() for host in spec.hosts for task in host.tasks.all() if " look" in task.name]
