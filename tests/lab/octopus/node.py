# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A node at work: heartbeats, the task queue, schedules, and its end.

Queue poll of 20 seconds, task cap of 5, tasks of a node that is offline for an hour cancelled by another:
octopus.com/docs/administration/high-availability. The heartbeat's 15 seconds are *assumed*.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING

from ..core.filesystem import WinError
from ..tds.engine_api import SqlError
from . import interruptions, machine_policy, moments, retention
from .dangers import LOOK, Outside
from .database import Connection
from .documents import Document, insert, next_id, select, update
from .server_tasks import Execution
from .store import Store

if TYPE_CHECKING:
    from ..windows.host import WindowsHost
    from ..windows.process import Process

HEARTBEAT, QUEUE, TRIGGERS, CLEANING = 15.0, 20.0, 30.0, 300.0
INTEGRITY = 24 * 3600.0
OFFLINE = timedelta(hours=1)
GRACE = 5.0  # how long a stopping node waits for its tasks
LOST = "The Octopus Server was restarted while this task was running"


class Node:
    """What one running server process does besides answering requests."""

    def __init__(self, process: Process, store: Store, name: str, version: str) -> None:
        self.process, self.store, self.name, self.version = process, store, name, version
        self.executions: dict[str, Execution] = {}
        self._changed = threading.Condition()
        self._id = ""
        self._last: dict[str, float] = {}

    @property
    def host(self) -> WindowsHost:
        return self.process.host

    def log(self, text: str, level: str = "INFO") -> None:
        """A line of the server's own log, ``<home>\\Logs\\OctopusServer.txt``."""
        line = f"{self.host.clock.now():%Y-%m-%d %H:%M:%S.%f}  {level:<5}  {text}\r\n"
        try:
            self.store.files.append(f"{self.store.home}\\Logs\\OctopusServer.txt", line.encode())
        except WinError as error:
            # As the real one: a full disk costs the log, not the server.
            self.host.ledger.record("octopus", self.host.name, what="log not written", error=str(error))

    # -- start

    def register(self) -> None:
        """Row, heartbeat, history; the tasks that its last life left behind have failed (octopus.com/docs: a restart cancels them)."""
        self.store.heartbeat(self.name, self.version)
        self._id = next(row["Id"] for row in self.store.nodes() if row["Name"].lower() == self.name.lower())
        own = [row["Version"] for row in self.store.history() if str(row["Node"]).lower() == self.name.lower() and row["Version"]]
        if not own or own[-1] != self.version:
            self.store.add(
                "OctopusServerInstallationHistory", {"Node": self.name, "Version": self.version, "Installed": self.host.clock.now()}
            )
        for task in self.store.where("ServerTask", ServerNodeId=self._id):
            if task["State"] in ("Executing", "Cancelling") and not interruptions.waits(task):
                self._lose(task)

    def _lose(self, task: Document) -> None:
        self.store.save(
            "ServerTask",
            {
                **task,
                "State": "Failed",
                "ErrorMessage": LOST,
                "CompletedTime": self.host.clock.now(),
                "HasWarningsOrErrors": True,
            },
        )
        self.host.ledger.record("octopus", self.host.name, what="task", task=task["Id"], name=task["Name"], state="Failed", node=self.name)

    def queue(self, name: str, description: str, **more: object) -> None:
        """Put a system task into the queue."""
        self.store.add(
            "ServerTask",
            {
                "Name": name,
                "Description": description,
                "State": "Queued",
                "QueueTime": self.host.clock.now(),
                "HasWarningsOrErrors": False,
                "HasPendingInterruptions": False,
                "Arguments": {},
                **more,
            },
        )

    # -- life

    def work(self) -> None:
        """Until the service is asked to stop, or the process is killed."""
        watcher = threading.Thread(target=self._watch, name=f"{self.host.name}:{self.process.pid}:stop", daemon=True)
        watcher.start()
        jobs: list[tuple[float, Callable[[], None]]] = [
            (HEARTBEAT, self._beat),
            (QUEUE, self._take),
            (TRIGGERS, self._triggers),
            (CLEANING, self._clean),
            (TRIGGERS, self._schedules),
            (INTEGRITY, lambda: self.queue("SystemIntegrityCheck", "Check System Integrity")),
            (LOOK, Outside(self).look),
        ]
        start = self.host.clock.seconds()
        due = [start if job == self._take else start + every for every, job in jobs]
        while not self._ending():
            now = self.host.clock.seconds()
            for at, (every, job) in enumerate(jobs):
                if due[at] <= now and not self._ending():
                    due[at] = now + every
                    self._try(job)
            with self.process.blocked(self._changed):
                if not self._ending():
                    self._changed.wait(max(0.0, self.host.clock.real(min(due) - self.host.clock.seconds())))

    def _try(self, job: Callable[[], None]) -> None:
        try:
            job()
        except SqlError as error:
            self.log(f"{error.number}: {error.message}", "ERROR")
            self.host.ledger.record("octopus", self.host.name, what="database error", node=self.name, error=str(error))

    def _watch(self) -> None:
        self.process.stop_requested.wait()
        with self._changed:
            self._changed.notify_all()

    def _ending(self) -> bool:
        return self.process.stop_requested.is_set() or self.process.killed.is_set()

    def end(self) -> None:
        """Wait a moment for running tasks, then give them up. After a kill nothing is written: the rows say Executing."""
        clock, deadline = self.host.clock, self.host.clock.seconds() + GRACE
        if not self.process.killed.is_set():
            for one in list(self.executions.values()):
                one.thread.join(max(0.0, clock.real(deadline - clock.seconds())))
        for one in self.executions.values():
            one.stopping.set()
        for one in self.executions.values():
            one.thread.join(1.0)
        left = [one.task for one in self.executions.values()]
        if self.process.killed.is_set():
            self.process.stop_requested.set()  # lets the watcher go
            return
        for task in left:
            row = self.store.document("ServerTask", task["Id"])
            if row and row["State"] in ("Executing", "Cancelling"):
                self._lose(row)

    # -- jobs

    def _beat(self) -> None:
        self.store.heartbeat(self.name, self.version)

    def _own(self) -> Document:
        return next((row for row in self.store.nodes() if row["Id"] == self._id), {})

    def idle(self) -> bool:
        """Whether the node drains, or the server is in maintenance mode: then it starts nothing by itself (*assumed*)."""
        return bool(self._own().get("IsInMaintenanceMode")) or self.store.maintenance()

    def _schedules(self) -> None:
        """Health checks and retention, each after its interval. When retention ran last is in the database, so that a start may find it
        due (#9110); it is read off its last task (*assumed*). One that is due while the node is idle comes afterwards."""
        now = self.host.clock.seconds()
        for name, what, every in (
            ("Health", "Check the health of all targets", machine_policy.interval(self.store)),
            ("Retention", "Apply retention policies", retention.interval(self.store)),
        ):
            if name not in self._last:
                self._last[name] = now - self._since_retention() if name == "Retention" else now
            if now - self._last[name] >= every and not self.idle():
                self._last[name] = now
                self.queue(name, what)

    def _since_retention(self) -> float:
        """Lab seconds since it was queued last; 0: never."""
        times = [moments.moment(task["QueueTime"]) for task in self.store.where("ServerTask", Name="Retention")]
        last = max((time for time in times if time is not None), default=self.host.clock.now())
        return (self.host.clock.now() - last).total_seconds()

    def _take(self) -> None:
        """Take queued tasks, unless draining, up to the task cap."""
        for key in [key for key, one in self.executions.items() if not one.thread.is_alive()]:
            del self.executions[key]
        row = self._own()
        free = int(row.get("MaxConcurrentTasks", 5)) - len(self.executions)
        if row.get("IsInMaintenanceMode") or free <= 0 or not row:
            return
        now = self.host.clock.now()

        def claim(connection: Connection) -> list[Document]:
            stopped = {space["Id"] for space in select(connection, "Space") if space.get("TaskQueueStopped")}
            queued = select(connection, "ServerTask", 'WHERE "State" = ?', ("Queued",))
            due = [task for task in queued if task.get("SpaceId") not in stopped and (moments.moment(task["QueueTime"]) or now) <= now]
            taken = []
            for task in due[:free]:
                taken.append({**task, "State": "Executing", "ServerNodeId": self._id, "StartTime": now})
                update(connection, "ServerTask", taken[-1])
            return taken

        for task in self.store.run(claim):
            self.host.ledger.record(
                "octopus", self.host.name, what="task", task=task["Id"], name=task["Name"], state="Executing", node=self.name
            )
            execution = self.executions[task["Id"]] = Execution(self, task)
            execution.thread.start()

    def _triggers(self) -> None:
        """Scheduled triggers; the row's ``NextRun`` sees to it that one node of a cluster runs each. A run that was missed is made up for
        once (*assumed*); a node that drains starts none (*assumed*)."""
        if self._own().get("IsInMaintenanceMode"):
            return
        now = self.host.clock.now()

        def work(connection: Connection) -> list[str]:
            done = []
            for trigger in select(connection, "ProjectTrigger"):
                minutes = (trigger.get("Filter") or {}).get("MinuteInterval")
                if trigger.get("IsDisabled") or not minutes:
                    continue
                next_run = moments.moment(trigger.get("NextRun"))
                if next_run is None or next_run <= now:
                    update(connection, "ProjectTrigger", {**trigger, "NextRun": moments.text(now + timedelta(minutes=float(minutes)))})
                if next_run is not None and next_run <= now:
                    done.append(self._fire(connection, trigger))
            return [task for task in done if task]

        for task in self.store.run(work):
            self.host.ledger.record("octopus", self.host.name, what="trigger", task=task, node=self.name)

    def _fire(self, connection: Connection, trigger: Document) -> str:
        """Deploy the newest release again."""
        releases = select(connection, "Release", 'WHERE "ProjectId" = ?', (trigger["ProjectId"],))
        project = next(iter(select(connection, "Project", 'WHERE "Id" = ?', (trigger["ProjectId"],))), None)
        environments = (trigger.get("Action") or {}).get("EnvironmentIds") or []
        if not releases or not environments or project is None or project["IsDisabled"]:
            return ""
        now, task_id = self.host.clock.now(), next_id(connection, "ServerTask")
        space = {"SpaceId": trigger["SpaceId"]} if trigger.get("SpaceId") else {}
        insert(
            connection,
            "ServerTask",
            {
                "Id": task_id,
                "Name": "Deploy",
                "Description": f"Deploy {project['Name']} release {releases[-1]['Version']} ({trigger['Name']})",
                "State": "Queued",
                "QueueTime": now,
                "ProjectId": project["Id"],
                "EnvironmentId": environments[0],
                "HasWarningsOrErrors": False,
                "HasPendingInterruptions": False,
                "Arguments": {},
                **space,
            },
        )
        insert(
            connection,
            "Deployment",
            {
                "Id": next_id(connection, "Deployment"),
                "Name": trigger["Name"],
                "Created": now,
                "EnvironmentId": environments[0],
                "ProjectId": project["Id"],
                "ReleaseId": releases[-1]["Id"],
                "TaskId": task_id,
                "ChannelId": "Channels-1",
                **space,
            },
        )
        return task_id

    def _clean(self) -> None:
        """Fail the tasks of nodes that have been offline for an hour."""
        now = self.host.clock.now()
        gone = {row["Id"] for row in self.store.nodes() if row["LastSeen"] is not None and now - row["LastSeen"] > OFFLINE}
        for task in self.store.where("ServerTask", State="Executing"):
            if task.get("ServerNodeId") in gone and not interruptions.waits(task):
                self._lose(task)
