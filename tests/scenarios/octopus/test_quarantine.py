# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A clone that was put under quarantine is started beside its source, which goes on doing everything that a clone could do to others."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.octopus.upgrade.tests.unit.run_module import run_module
from lab.estate import CLUSTER, DEMO, CloneSpec, InstanceSpec, Lab, LabClone
from lab.octopus import outside, versions
from lab_tests.estate import naive

pytest.importorskip("pyodbc")
MINUTES = 10  # of lab time, in which everything comes to be due
CLONE = CloneSpec("copy", "source", ("octo-copy",), sql="sql-copy", sql_version="15.0.4430.1")
BESIDE = CloneSpec("copy", "source", ("octo-copy",))  # on its source's SQL Server


def quarantine(lab: Lab, clone: LabClone, kind: str = "", **params: Any) -> dict[str, Any]:
    source = clone.source
    known = {
        "login_host": clone.sql.machine.address,
        "login_user": "octopus_upgrade",
        "login_password": clone.secrets.sql_password,
        "ca_path": str(lab.ca_path),
        "database": "Copy",
        "source": {
            "host": source.sql.machine.address,
            "database": source.spec.database,
            "login_user": "octopus_upgrade",
            "login_password": source.secrets.sql_password,
        },
    }
    result = run_module(f"octopus_quarantine{kind}", **(known | params))
    shown = json.dumps(result)
    assert not any(secret in shown for secret in (clone.secrets.sql_password, clone.secrets.master_key, clone.secrets.api_key))
    return result


def repoint(clone: LabClone, version: str) -> None:
    switches = {"nugetRepository": "Packages", "artifacts": "Artifacts", "taskLogs": "TaskLogs"}
    if versions.has(version, "imports"):
        switches |= {"imports": "Imports", "telemetry": "Telemetry"}
    if versions.has(version, "event_exports"):
        switches |= {"eventExports": "EventExports"}
    result = naive.octopus(clone.hosts[0], "path", *(f"--{name}=C:\\Clone\\{folder}" for name, folder in switches.items()))
    assert result.code == 0, result.err


@pytest.mark.parametrize(
    ("spec", "clone_spec", "only_documented"),
    [
        # The newest with all that is not documented besides: clone/test_refresh.py.
        (replace(CLUSTER, name="source", version="2025.3.14357", dangers=True), CLONE, True),
        (replace(CLUSTER, name="source", version="2019.13.7", dangers=True), BESIDE, False),
        (replace(DEMO, name="source", dangers=True), CLONE, False),
    ],
)
def test_it_touches_nobody(tmp_path: Path, spec: InstanceSpec, clone_spec: CloneSpec, only_documented: bool) -> None:
    with Lab(tmp_path / "lab", spec, clone_spec, scale=60, only_documented=only_documented) as lab:
        clone = lab.clones["copy"]
        naive.restore(lab, clone, "Copy")
        asked: dict[str, Any] = {"name": "copy", "server_uri": clone.url}
        # The source's own database, whose nodes run, under its own name and as if it were the clone's.
        for source in (None, {"host": "192.0.2.1", "database": "Other"}):
            own: dict[str, Any] = {
                "database": spec.database,
                "login_host": clone.source.sql.machine.address,
                "login_password": clone.source.secrets.sql_password,
            }
            if source:
                own["source"] = source
            result = quarantine(lab, clone, **asked, **own)
            assert result["failed"] is True
            assert ("A live database" if source else "is the source's own") in result["msg"]
        result = quarantine(lab, clone, **asked)
        assert result.get("failed") is None, result["msg"]
        naive.join(clone, clone.hosts[0], "Copy")
        with clone.source.handle.store() as store:
            theirs = [path for path in store.folders().values() if path]
            old = store.installation_id()
        verification: dict[str, Any] = {"kind": "_verify", "folders": theirs}
        assert "folders: " in quarantine(lab, clone, **verification)["msg"]
        repoint(clone, spec.version)
        result = quarantine(lab, clone, **verification)
        assert result.get("failed") is None, result["msg"]
        mark = lab.ledger.mark()
        naive.start(lab, clone.hosts[0])
        lab.clock.sleep(MINUTES * 60)
        touched = [
            event for event in lab.ledger.events(since=mark) if event.machine == "octo-copy" and event.kind in ("contact", "retention")
        ]
        assert touched == []
        did = {event.get("what", event.kind) for event in lab.ledger.events(since=mark) if event.kind in ("contact", "retention")}
        assert {"target", "mail", "retention"} <= did, "the source went on"
        with clone.store("Copy") as copy:
            assert copy.installation_id() not in (None, old)
            assert {row["Name"] for row in copy.nodes()} == {"OCTO-COPY"}
        # It runs, so it is not put under quarantine again, and its own node is no failure.
        assert "A live database" in quarantine(lab, clone, **asked)["msg"]
        assert "server_nodes: " in quarantine(lab, clone, **verification)["msg"]
        result = quarantine(lab, clone, **verification, nodes=["octo-copy"])
        assert result.get("failed") is None, result["msg"]
        behind_the_firewall(lab, clone)


def behind_the_firewall(lab: Lab, clone: LabClone) -> None:
    """What the quarantine has missed reaches nobody either: here all of it, as it is lifted while the source runs."""
    host = clone.hosts[0]
    stopped = naive.octopus(host, "service", f"--instance={naive.NAME}", "--stop")
    assert stopped.code == 0, stopped.err
    found = outbound(lab, clone)
    assert found.get("failed") is None, found["msg"]
    assert found["changed"] and outbound(lab, clone)["changed"] is False
    lifted = quarantine(lab, clone, name="copy", state="absent", source_retired=True, stale_after=0.1)
    assert lifted.get("failed") is None and lifted["lifted"]["targets"]["lift"], lifted
    mark = lab.ledger.mark()
    naive.start(lab, host)
    lab.clock.sleep(MINUTES * 60)
    reached = [event for event in lab.ledger.events("contact", since=mark) if event.machine == host.name]
    assert [event for event in reached if event["what"] not in outside.AT_HOME] == []
    kept = {event["what"] for event in lab.ledger.events("refused", since=mark) if event.machine == host.name}
    assert "target" in kept, "it tried"


def outbound(lab: Lab, clone: LabClone) -> dict[str, Any]:
    host = clone.hosts[0]
    connection = {
        **{"name": host.name, "host": host.address, "username": f"LAB\\{clone.spec.name}-admin", "password": clone.secrets.winrm_password},
        **{"scheme": "https", "port": 5986, "transport": ["basic"], "ca_trust_path": str(lab.ca_path)},
    }
    portal = next(iter(clone.source.handle.urls.values()))
    params: dict[str, Any] = {"instance": "copy", "sql_server": clone.sql.machine.name, "outside": [portal], "state": "present"}
    return run_module("octopus_outbound", connections=[connection], **params)
