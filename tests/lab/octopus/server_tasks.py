# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Server tasks as a node executes them: what each kind reaches, writes and deletes.

Kinds and states: octopus.com/docs/administration/managing-infrastructure/server-tasks and Octopus.Client. How long they take is *assumed*.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

from ..core.filesystem import WinError
from . import folders, machine_policy, outside, project_transfer, retention, schema, versions
from .documents import Document

if TYPE_CHECKING:
    from .node import Node

STEP = 2.0  # lab seconds between two looks at whether the task is to be cancelled


class Cancelled(Exception):
    """Somebody cancelled the task."""


class Stopped(Exception):
    """The node's process ends; the task with it."""


class TaskFailed(Exception):
    """The task ends in state Failed, with this message."""


class Execution:
    """One task at work, in a thread of its own."""

    def __init__(self, node: Node, task: Document) -> None:
        self.node, self.task = node, task
        self.stopping = threading.Event()
        self._stuck = node.host.faults.hit("task.stuck", node.host.name, task=task["Name"]) is not None
        self.thread = threading.Thread(target=self._run, name=f"{node.host.name}:{task['Id']}", daemon=True)

    # -- what the kinds use

    def say(self, text: str, level: str = "Info") -> None:
        """A line for the task's log, in the task log folder."""
        store = self.node.store
        line = f"{self.node.host.clock.now():%H:%M:%S}   {level:<8} |   {text}\r\n"
        store.files.append(folders.task_log_path(store.folder("LogsDirectory"), self.task), line.encode())

    def work(self, lab_seconds: float) -> None:
        """Take that long.

        Raises:
            Cancelled
            Stopped
        """
        clock = self.node.host.clock
        end = clock.seconds() + lab_seconds
        while self._stuck or clock.seconds() < end:
            left = STEP if self._stuck else min(STEP, end - clock.seconds())
            if clock.sleep(left, self.stopping):
                raise Stopped
            if not self._stuck and self._state() == "Cancelling":
                raise Cancelled

    def contact(self, what: str, **fields: object) -> bool:
        """The product reaches something outside; False where a firewall keeps it from that."""
        return outside.contact(self.node, what, task=self.task["Id"], **fields)

    def mail(self, to: object, subject: str) -> bool:
        """Whether a mail was sent: not without a mail server. Its link leads to the address that the server gives for its own."""
        store = self.node.store
        host = (store.configuration("smtp") or {}).get("SmtpHost")
        if host:
            own = str((store.configuration("server") or {}).get("ServerUri") or "")
            self.contact("mail", to=to, subject=subject, smtp=host, link=f"{own.rstrip('/')}/app#/tasks/{self.task['Id']}")
        return bool(host)

    # -- its life

    def _state(self) -> str | None:
        return (self.node.store.document("ServerTask", self.task["Id"]) or {}).get("State")

    def _run(self) -> None:
        state, message = "Success", None
        try:
            self.say(f"Task {self.task['Id']} started on {self.node.name}: {self.task['Description']}")
            KINDS.get(self.task["Name"], _nothing)(self)
        except Cancelled:
            state, message = "Canceled", "The task was canceled"
        except Stopped:
            return  # whoever stops the node says what became of it; a killed process says nothing
        except (TaskFailed, WinError) as error:
            state, message = "Failed", str(error)
        except Exception as error:  # pylint: disable=broad-exception-caught  # the database is gone: the row says Executing until a restart
            self.node.log(f"{self.task['Id']}: {type(error).__name__}: {error}")
            return
        self.finish(state, message)

    def finish(self, state: str, message: str | None) -> None:
        """Write the end of it, into row, log and history."""
        store, now = self.node.store, self.node.host.clock.now()
        row = store.document("ServerTask", self.task["Id"])
        if row is None:
            return
        store.save(
            "ServerTask",
            {
                **row,
                "State": state,
                "CompletedTime": now,
                "ErrorMessage": message,
                "HasWarningsOrErrors": state != "Success" or bool(row["HasWarningsOrErrors"]),
            },
        )
        self.node.host.ledger.record(
            "octopus", self.node.host.name, what="task", task=row["Id"], name=row["Name"], state=state, node=self.node.name
        )
        if row["Name"] == "Deploy":
            self._history(row, state, now)

    def _history(self, row: Document, state: str, now: datetime) -> None:
        store = self.node.store
        event = store.add(
            "Event",
            {
                "Category": "DeploymentSucceeded" if state == "Success" else "DeploymentFailed",
                "UserId": "users-system",
                "Username": "system",
                "Occurred": now,
                "Message": f"{row['Description']}: {state}",
                "SpaceId": row.get("SpaceId"),
                # A webhook sample of 2022, which names deployment, project, release, environment, task and channel in this order.
                "RelatedDocumentIds": [*(one["Id"] for one in store.where("Deployment", TaskId=row["Id"])), row["Id"]],
                "IdentityEstablishedWith": "",
                **({"IsService": False, "UserAgent": "Server"} if versions.has(store.version, "spaces") else {}),
            },
        )
        for one in store.documents("Subscription"):
            if not one["IsDisabled"]:
                self.mail(one.get("Recipients", []), event["Message"])
        for one in store.documents("ExtensionConfiguration"):
            if str(one["Id"]).endswith("-integration") and one.get("IsEnabled"):
                self.contact("integration", extension=one["Id"], uri=one.get("BaseUrl"))


# -- kinds


def _targets(execution: Execution) -> list[Document]:
    environment, space = execution.task.get("EnvironmentId"), execution.task.get("SpaceId")
    machines = execution.node.store.documents("Machine", space)
    return [one for one in machines if not one["IsDisabled"] and (environment is None or environment in one["EnvironmentIds"])]


def _deploy(execution: Execution) -> None:
    targets = _targets(execution)
    if not targets:
        execution.say("There are no enabled targets in this environment; skipping the step", "Warning")
    node = execution.node
    for machine in targets:
        answers = machine_policy.answers(node, machine.get("Uri"))
        if not answers or not execution.contact("target", target=machine["Name"], uri=machine.get("Uri")):
            execution.say(f"{machine['Name']}: is not available; skipping it", "Warning")
            continue
        execution.say(f"{machine['Name']}: deploying")
        execution.work(5)
    _without_targets(execution)
    execution.work(float((execution.task.get("Arguments") or {}).get("Seconds", 0)))
    execution.say("The deployment completed successfully")


CLOUDS = ("Octopus.Azure", "Octopus.Aws", "Octopus.GoogleCloud", "Octopus.Kubernetes", "Octopus.Terraform")


def _without_targets(execution: Execution) -> None:
    """Steps that need no target: disabled targets do not stop them (octopus.com/docs/projects/steps/execution-locations-for-steps)."""
    store = execution.node.store
    project = store.document("Project", str(execution.task.get("ProjectId"))) or {}
    process = store.document("DeploymentProcess", str(project.get("DeploymentProcessId"))) or {}
    for step in process.get("Steps") or []:
        kind, on_server = str(step.get("ActionType")), (step.get("Properties") or {}).get("Octopus.Action.RunOnServer")
        if kind.startswith(CLOUDS):
            account = store.document("Account", str(step.get("AccountId"))) or {}
            execution.contact("cloud", step=step["Name"], account=account.get("Name"), action=kind)
        elif str(on_server).lower() == "true":
            execution.contact("server", step=step["Name"], action=kind)
            if exits := re.search(r"\bexit ([1-9]\d*)", str((step.get("Properties") or {}).get("Octopus.Action.Script.ScriptBody"))):
                # A script that does not exit with 0 fails its step (octopus.com/docs/deployments/custom-scripts); the words are *assumed*.
                raise TaskFailed(f"{step['Name']}: The script returned exit code {exits[1]}")
        else:
            continue
        execution.say(f"{step['Name']}: ran on the server")
        execution.work(1)


def _integrity(execution: Execution) -> None:
    """octopus.com/docs/administration/managing-infrastructure/diagnostics (System Integrity Check)."""
    store = execution.node.store
    execution.work(3)
    there = store.tables()
    missing = [table.name for table in schema.tables(store.version) if table.name not in there]
    extra = store.pool.run(
        lambda connection: [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()]
    )
    if "UpgradeLeftover" in extra:
        missing.append("the leftovers of an interrupted upgrade")
    for what in missing:
        execution.say(f"The database schema is not as expected: {what}", "Error")
    if missing:
        raise TaskFailed(f"The system integrity check found {len(missing)} problems")
    execution.say("The system integrity check found no problems")


def _script(execution: Execution) -> None:
    execution.work(float((execution.task.get("Arguments") or {}).get("Seconds", 5)))


def _mail(execution: Execution) -> None:
    if not execution.mail((execution.task.get("Arguments") or {}).get("EmailAddress"), "Test email"):
        raise TaskFailed("The SMTP server has not been configured.")
    execution.work(2)


def _nothing(execution: Execution) -> None:
    execution.say("lab: this kind of task does nothing here", "Warning")
    execution.work(2)


def _transfer(run: Callable[[Execution], None]) -> Callable[[Execution], None]:
    def kind(execution: Execution) -> None:
        try:
            run(execution)
        except project_transfer.Refused as error:
            raise TaskFailed(str(error)) from error

    return kind


KINDS: dict[str, Callable[[Execution], None]] = {
    "Deploy": _deploy,
    "Health": machine_policy.health,
    "Retention": retention.run,
    "SystemIntegrityCheck": _integrity,
    "AdHocScript": _script,
    "TestEmail": _mail,
    project_transfer.EXPORT: _transfer(project_transfer.run_export),
    project_transfer.IMPORT: _transfer(project_transfer.run_import),
}
