# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One instance in a lab, somebody who runs playbooks on it, somebody who works with it, and what all that left behind."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Iterable
from pathlib import Path
from typing import Any

import requests
import requests.adapters
from lab.core import security
from lab.core.filesystem import Logon
from lab.core.ledger import Event
from lab.estate import InstanceSpec, Lab
from patience import patient
from scenarios import exact, leftovers
from scenarios.operator import Operator, Run
from scenarios.world import World, look

DISTINCT_RIGHTS = "D:PAI(A;;FA;;;SY)(A;;FA;;;BA)"
PATIENCE = patient(580.0)  # real seconds that a playbook may take on a computer with much else to do


class _AnyName(requests.adapters.HTTPAdapter):
    """A user finds the server by its public name, which may be the only one in its certificate."""

    def init_poolmanager(self, *arguments: Any, **options: Any) -> None:
        super().init_poolmanager(*arguments, **options, assert_hostname=False)


class Scene:
    """A lab with one instance, which has started, and its operator."""

    def __init__(self, lab: Lab, spec: InstanceSpec, folder: Path) -> None:
        self.lab, self.spec, self.folder = lab, spec, folder
        self.instance = lab.instances[spec.name]
        self.operator = Operator(lab, folder / "operator")
        self.operators = [self.operator]
        self.at_end: list[Callable[[], object]] = []  # what somebody who made a situation has to close
        self._make_distinct()

    def _make_distinct(self) -> None:
        """Give files and folders owners and rights that no new file would have, so that a loss of either shows."""
        first, system = self.instance.hosts[0], Logon.service("SYSTEM")
        root = "C:\\Octopus" if len(self.instance.hosts) == 1 else f"\\\\nas\\octopus-{self.spec.name}"
        for name in ("Packages", "TaskLogs", "Artifacts"):
            real = first.fs.real(f"{root}\\{name}", system)
            everything = [real, *sorted(real.rglob("*"))] if real.is_dir() else []
            for one in everything:
                security.set_owner(one, f"LAB\\{self.spec.name}-admin")
            for one in everything[1::3]:
                security.set_dacl(one, DISTINCT_RIGHTS)

    def another_operator(self, name: str = "second") -> Operator:
        """A control node that has nothing but the inventory."""
        operator = Operator(self.lab, self.folder / name)
        self.operators.append(operator)
        return operator

    def play(self, playbook: str, *arguments: str, **variables: Any) -> Run:
        """Run a playbook. An upgrade that fails and goes back takes twice the time of one that does not."""
        return self.operator.play(playbook, *arguments, deadline=PATIENCE, **variables)

    def look(self) -> World:
        return look(self.instance)

    # -- what somebody who uses the server does

    def release(self, version: str) -> str:
        """Create a release; gives its id."""
        session = requests.Session()
        session.mount("https://", _AnyName())
        session.trust_env, session.verify = False, str(self.lab.ca_path)
        session.headers["X-Octopus-ApiKey"] = self.instance.secrets.api_key
        base = f"{self.instance.url}/api/Spaces-1"
        if not session.get(base, timeout=patient(30)).ok:  # before 2019.1
            base = f"{self.instance.url}/api"
        project = session.get(f"{base}/projects/all", timeout=patient(30)).json()[0]
        template = session.get(f"{base}/deploymentprocesses/{project['DeploymentProcessId']}/template", timeout=patient(30)).json()
        packages = [
            {"ActionName": one["ActionName"], "Version": one["VersionSelectedLastRelease"] or "1.0.0"} for one in template["Packages"]
        ]
        release = {"ProjectId": project["Id"], "Version": version, "SelectedPackages": packages}
        answer = session.post(f"{base}/releases", json=release, timeout=patient(30))
        answer.raise_for_status()
        return str(answer.json()["Id"])

    # -- restore points, as they lie there

    @property
    def points(self) -> Path:
        """The folder of the instance's restore points."""
        return self.lab.backup_share.volume.root / self.spec.name

    def point_ids(self) -> list[str]:
        """Every restore point, oldest first."""
        return sorted(path.parent.name for path in self.points.glob("*/restore-point.json"))

    def backup(self, point: str) -> str:
        """The backup of its database, as SQL Server sees it."""
        return f"{self.lab.backup_share.unc}\\{self.spec.name}\\{point}\\database.bak"

    # -- what happened

    def touched(self, since: int) -> list[str]:
        """Whatever was done to the running instance since then: each a line. Its own jobs, reads and a verification are no touch."""
        events = self.lab.ledger.events(since=since)
        return [f"{event.kind} {event.machine} {event.fields}" for event in events if self._is_touch(event)]

    def _is_touch(self, event: Event) -> bool:
        if event.kind in ("msi", "sql.backup"):
            return True
        if event.kind == "service.state":
            return str(event["name"]).lower() == self.instance.handle.service.lower()
        if event.kind == "sql.restore":
            return str(event["database"]).lower() == self.spec.database.lower()
        if event.kind == "rest":
            return event["method"] != "GET"
        if event.kind == "octopus":
            return event["what"] in ("schema upgrade", "drain", "maintenance mode", "started", "stopped")
        if event.kind == "file":
            path = str(event["path"]).lower()
            return event.machine in self.spec.nodes and path.startswith("c:\\octopus")
        statements = [f"{verb} DATABASE [{self.spec.database.replace(']', ']]')}]" for verb in ("ALTER", "DROP", "RESTORE")]
        return event.kind == "sql" and str(event["sql"]).lstrip().startswith(tuple(statements))

    def restores(self, since: int = 0) -> list[Event]:
        """Restores of the instance's database that were begun, from files or (only their end is recorded) from a snapshot."""
        events = self.lab.ledger.events("sql.restore", since=since, database=self.spec.database)
        return [event for event in events if event["action"] == "start" or not event["files"]]

    def left(self, old_shells: Collection[str] = ()) -> list[str]:
        """What is left over that nobody needs, and what broke in the lab itself."""
        crashes = [f"the lab: {crash}" for host in self.instance.hosts for crash in host.crashes]
        return leftovers.leftovers(self.lab, self.instance, "\n".join(self._told()), old_shells) + crashes

    def records(self, operator: Operator) -> list[dict[str, Any]]:
        """The run records of a control node, oldest first."""
        return Run(0, "", operator.folder).records(self.spec.name)

    def _told(self) -> Iterable[str]:
        for operator in self.operators:
            yield from (path.read_text() for path in (operator.folder / "octopus-runs").glob("*/*.json*"))
        for host in self.instance.hosts:
            runs = host.root.joinpath("C", "ProgramData", "octopus.upgrade", "runs")
            yield from (path.read_text() for path in runs.glob("*/*.jsonl"))

    def unlike(self, before: World) -> list[str]:
        """How the instance differs from what it was."""
        return exact.changed(before, self.look())

    def not_upgraded(self, before: World) -> list[str]:
        return exact.not_upgraded(before, self.look(), self.spec.target)


MakeScene = Callable[..., Scene]


def said(run: Run) -> str:
    """What the run printed, with each run of white space as one blank, and strings as they are without JSON's escapes."""
    return " ".join(re.sub(r"\\(.)", lambda found: {"n": "\n", "t": "\t"}.get(found[1], found[1]), run.output).split())


def failed_with(run: Run) -> str:
    """What a run that failed said at last."""
    assert run.code != 0, run.output[-3000:]
    text = said(run)
    return text[text.rindex("fatal: ") :]


def manifest(folder: Path) -> dict[str, Any]:
    return dict(json.loads((folder / "restore-point.json").read_text()))
