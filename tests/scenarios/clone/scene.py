# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A live instance, the place of its clone, and what a refresh leaves there: looked at past the collection's own eyes."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from lab.core.filesystem import Logon
from lab.core.ledger import Event
from lab.estate import CloneSpec, InstanceSpec, Lab
from lab.octopus import register
from lab.octopus.folders import ROW
from lab.windows import services
from patience import patient
from scenarios.chaos.controller import Controller
from scenarios.chaos.journal import Entry, read
from scenarios.operator import DEADLINE, Operator, Run
from scenarios.rollback.scene import PATIENCE, Scene

SYSTEM = Logon.service("SYSTEM")
JOURNALS = ("C", "ProgramData", "octopus.upgrade", "runs")
CLONES = ("C", "OctopusClones")


class CloneScene(Scene):
    """A :class:`Scene` of the source, with its clone."""

    def __init__(self, lab: Lab, source: InstanceSpec, clone: CloneSpec, folder: Path) -> None:
        super().__init__(lab, source, folder)
        self.clone_spec = clone
        self.clone = lab.clones[clone.name]
        self.host = self.clone.hosts[0]

    # -- doing

    def refresh(self, operator: Operator | None = None, **variables: Any) -> Run:
        """Run refresh_clone with the callback that tells how it ended."""
        chosen = operator or self.operator
        return chosen.play("refresh_clone", deadline=PATIENCE, callbacks="octopus.upgrade.exit_status", **variables)

    def result(self, operator: Operator | None = None) -> dict[str, Any]:
        """What the last refresh says for machines."""
        path = (operator or self.operator).folder / "octopus-runs" / f"{self.clone_spec.name}.clone.json"
        return dict(json.loads(path.read_text()))

    def be_quiet(self) -> None:
        """From now on nothing happens in the source by itself."""
        with self.instance.handle.store() as store:
            for trigger in store.documents("ProjectTrigger"):
                store.save("ProjectTrigger", {**trigger, "IsDisabled": True})
            for task in store.where("ServerTask", State="Queued"):
                store.save("ServerTask", {**task, "State": "Canceled"})

    def ask_for_health(self, database: str) -> str:
        """Enable the clone's targets and workers by hand, let it check their health, and return the log of that task."""
        mark = self.lab.ledger.mark()
        with self.clone.store(database) as store:
            for table in ("Machine", "Worker"):
                for one in store.documents(table):
                    store.save(table, {**one, "IsDisabled": False})
            asked = {"Name": "Health", "Description": "By hand", "State": "Queued", "QueueTime": self.lab.clock.now(), "Arguments": {}}
            task = store.add("ServerTask", {**asked, "HasWarningsOrErrors": False, "HasPendingInterruptions": False})
            self.lab.ledger.wait_for(
                lambda event: event.kind == "octopus" and event.get("task") == task["Id"] and event.get("state") == "Success",
                patient(60),
                mark,
            )
            return (store.task_log(task) or b"").decode()

    # -- looking

    def databases(self) -> list[str]:
        """The clone's databases on its SQL Server, whatever they are called."""
        own = {self.spec.database.lower()}
        return sorted(one.name for one in self.clone.sql.databases.values() if not one.is_system and one.name.lower() not in own)

    def folders(self) -> list[str]:
        """What lies where clones have their folders."""
        top = self.host.root.joinpath(*CLONES, self.clone_spec.name)
        return sorted(path.name for path in top.iterdir()) if top.is_dir() else []

    def configuration(self, row: str, database: str) -> dict[str, Any]:
        with self.clone.store(database) as store:
            return dict(store.configuration(row) or {})

    def serves(self) -> bool:
        """Whether the clone's service runs."""
        name = register.service_name(register.DEFAULT)
        return name in self.host.services.names() and self.host.services.query(name).state == services.RUNNING

    def unhealthy(self, operator: Operator | None = None) -> list[str]:
        """What speaks against there being exactly one healthy clone and nothing left over."""
        wrong = []
        result = self.result(operator)
        if not self.serves():
            wrong.append("its service does not run")
        if self.databases() != [result["database"]]:
            wrong.append(f"databases {self.databases()}, and the result says {result['database']}")
        else:
            folders = self.configuration(ROW, result["database"])
            below = f"c:\\octopusclones\\{self.clone_spec.name}\\{self.folders()[0]}\\".lower() if len(self.folders()) == 1 else "?"
            wrong += [f"folder {name} is {path}" for name, path in folders.items() if path and not str(path).lower().startswith(below)]
        if len(self.folders()) != 1:
            wrong.append(f"folders {self.folders()}")
        return wrong + self.left_over()

    def left_over(self) -> list[str]:
        """Jobs, locks, processes, shells and files that nobody needs, on the clone's host."""
        host = self.host
        out = [f"the scheduled task {task.name}" for task in host.tasks.all() if task.name.lower().startswith("\\octopus.upgrade\\")]
        ours = host.root.joinpath("C", "ProgramData", "octopus.upgrade")
        out += [str(path.relative_to(host.root)) for path in ours.glob("jobs/*")]
        out += [str(path.relative_to(host.root)) for path in host.root.joinpath(*JOURNALS).glob("*/lock*")]
        out += [str(path.relative_to(host.root)) for path in host.root.rglob("*") if path.suffix in (".part", ".tmp", ".new")]
        service = register.service_name(register.DEFAULT).lower()
        for process in host.processes():
            root = process
            while root.parent is not None:
                root = root.parent
            if str(root.service_name or "").lower() != service:
                out.append(f"the process {process.command_line}")
        in_use = {file.path.lower() for one in self.clone.sql.databases.values() for file in one.files}
        sql = self.clone.sql
        for folder in dict.fromkeys((sql.data_folder, sql.log_folder)):
            out += [f"the file {name}" for name in sql.machine.fs.listdir(folder, sql.logon) if f"{folder}\\{name}".lower() not in in_use]
        return out + [f"the lab: {crash}" for crash in host.crashes]

    def remains(self) -> list[str]:
        """What there is of a clone that was removed; its journals stay."""
        left = [f"database {name}" for name in self.databases()] + [f"folder {name}" for name in self.folders()]
        left += [f"service {name}" for name in self.host.services.names() if name == register.service_name(register.DEFAULT)]
        left += [f"the firewall rule {rule.name}" for rule in self.host.firewall.rules]
        left += [f"instance {entry.name}" for entry in register.entries(self.host, self.spec.target)[0]]
        return left + (["its home"] if self.host.root.joinpath("C", "Octopus").exists() else []) + self.left_over()

    def contacts(self, since: int) -> list[str]:
        """Everything that the clone has done to the world outside, or to the source's files."""
        return [f"{event.kind} {event.fields}" for event in self.reaching_out(since)]

    def reaching_out(self, since: int) -> list[Event]:
        return [event for event in self.lab.ledger.events(since=since) if self._reaches_out(event)]

    def _reaches_out(self, event: Event) -> bool:
        if event.machine not in self.clone_spec.nodes:
            return False
        if event.kind in ("contact", "retention"):
            return True
        # Its own journal and jobs apart, a clone's host has nothing to write on a share, and reads the restore points alone.
        path = str(event.get("path", "")).lower()
        return event.kind == "file" and path.startswith("\\\\") and "octopus-backups" not in path

    def journals(self) -> dict[str, list[Entry]]:
        """The clone's journals by the names of their runs."""
        files = sorted(self.host.root.joinpath(*JOURNALS, self.clone_spec.name).glob("*.jsonl"))
        return {path.stem: read(path) for path in files}

    def steps(self) -> list[str]:
        """The steps in the clone's journals, each as often as it began."""
        return [str(entry["step"]) for entries in self.journals().values() for entry in entries if entry["event"] == "step"]

    def open_runs(self) -> list[str]:
        """The runs of the clone that nobody has ended."""
        return [name for name, entries in self.journals().items() if not entries or entries[-1]["event"] != "finished"]

    def kill_at(self, step: str, log: Path, playbook: str = "refresh_clone", **variables: Any) -> None:
        """Run a playbook, and kill its control node when the clone's journals name the step once more.

        Raises:
            AssertionError: The run ends before that.
        """
        before = self.steps().count(step)
        with Controller(self.operator, playbook, log, **variables) as controller:
            controller.kill_when(lambda: self.steps().count(step) > before, step, DEADLINE)

    def told_secrets(self, *runs: Run) -> Iterable[str]:
        """Whose secret is where it must not be: in an argument, in what a run printed, or in a file of the control node."""
        own = {"api key": self.clone.secrets.api_key, "sql password": self.clone.secrets.sql_password}
        own |= {"octopus's sql password": self.instance.secrets.octopus_sql_password, "winrm password": self.clone.secrets.winrm_password}
        texts = {"an argument": "\n".join(str(event.fields) for event in self.lab.ledger.events("process.start"))}
        texts["the output"] = "\n".join(run.output for run in runs)
        for path in self.operator.folder.rglob("octopus-runs/**/*"):
            if path.is_file():
                texts[path.name] = path.read_text(errors="replace")
        for what, secret in {**own, "master key": self.instance.secrets.master_key}.items():
            for where, text in texts.items():
                # database --masterKey: the product has no other way.
                if secret in text and (what, where) != ("master key", "an argument"):
                    yield f"the {what} in {where}"


MakeCloneScene = Callable[..., CloneScene]
