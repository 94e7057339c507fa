# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Server tasks: list and count by state, queue, cancel, read their logs (page "Tasks" of https://octopus.com/docs/api)."""

from __future__ import annotations

from flask import Blueprint, Response, g, jsonify, request
from flask.typing import ResponseReturnValue

from .. import interruptions
from ..moments import moment
from .body import json_body, shown
from .context import allowed, caller, need, node, store
from .context import space as space_of_request
from .errors import ApiError, forbidden, invalid, not_found
from .paging import chosen, flag, names, number, sheet
from .ports import Document

api = Blueprint("tasks", __name__)
RUNNING = ("Executing", "Cancelling")
ACTIVE = ("Queued", *RUNNING)
FINAL = ("Success", "Failed", "Canceled", "TimedOut")
STATES = (*ACTIVE, *FINAL)
# What a user may queue: TaskNames in OctopusDeploy/OctopusClients' BuiltInTasks.
QUEUEABLE = (
    "Backup", "Health", "Retention", "Upgrade", "TestEmail", "AdHocScript", "UpdateCalamari", "TestAzureAccount", "SystemIntegrityCheck",
    "SyncCommunityActionTemplates", "Migration", "MigrationImport", "MigrationPartialExport",
)  # fmt: skip
# These are of the system, whatever the address (https://github.com/OctopusDeploy/Issues/issues/4208 tells which users may start).
OF_SYSTEM = {"Backup", "Retention", "TestEmail", "SystemIntegrityCheck", "SyncCommunityActionTemplates"}


def shape(task: Document) -> Document:
    """A row as the API's task."""
    state, own = task.get("State"), f"/api/tasks/{task['Id']}"
    done = state in FINAL
    body = {
        "Id": task["Id"],
        "Name": task.get("Name"),
        "Description": task.get("Description"),
        "Arguments": task.get("Arguments") or {},
        "State": state,
        "Completed": shown(task.get("CompletedTime")) if done else f"{state}...",
        "QueueTime": shown(task.get("QueueTime")),
        "StartTime": shown(task.get("StartTime")),
        "LastUpdatedTime": shown(
            task.get("LastUpdatedTime") or task.get("CompletedTime") or task.get("StartTime") or task.get("QueueTime")
        ),
        "CompletedTime": shown(task.get("CompletedTime")),
        "ServerNode": task.get("ServerNodeId"),
        "Duration": _duration(task),
        "ErrorMessage": task.get("ErrorMessage") or "",
        "HasBeenPickedUpByProcessor": task.get("ServerNodeId") is not None,
        "IsCompleted": done,
        "FinishedSuccessfully": state == "Success",
        "HasWarningsOrErrors": bool(task.get("HasWarningsOrErrors")),
        "HasPendingInterruptions": bool(task.get("HasPendingInterruptions")),
        "ProjectId": task.get("ProjectId"),
        "CanRerun": done,
        "Links": {
            "Self": own,
            "Details": f"{own}/details{{?verbose,tail}}",
            "Raw": f"{own}/raw",
            "Cancel": f"{own}/cancel",
            "State": f"{own}/state",
            "Web": f"/app#/tasks/{task['Id']}",
        },
    }
    if node().has_spaces:
        body["SpaceId"] = task.get("SpaceId")
    return body


def _duration(task: Document) -> str:
    start, end = moment(task.get("StartTime")), moment(task.get("CompletedTime"))
    if start is None:
        return "0 seconds"
    seconds = int(((end or node().clock.now()) - start).total_seconds())
    return f"{seconds} second{'' if seconds == 1 else 's'}" if seconds < 60 else f"{seconds // 60} minute{'' if seconds < 120 else 's'}"


def find(task_id: str) -> Document:
    """
    Raises:
        ApiError: 403 may not be seen, 404 is not there.
    """
    task = store().document("ServerTask", task_id)
    if task is None:
        caller()
        raise not_found(task_id)
    need("TaskView", task.get("SpaceId"))
    return task


@api.get("/tasks")
def listed() -> Document:
    """Newest first, with ``TotalCounts`` by state of what the filters leave."""
    caller()
    tasks = [task for task in store().documents("ServerTask") if allowed("TaskView", task.get("SpaceId"))]
    if not tasks and not allowed("TaskView") and not any(permission == "TaskView" for permission, _where in store().grants(caller()["Id"])):
        raise forbidden("TaskView")
    tasks = _filtered(chosen(tasks))
    tasks.sort(key=lambda task: (str(shown(task.get("QueueTime")) or ""), _number(task["Id"])), reverse=True)
    skip, take = number("skip", 0), number("take", 30)
    totals = {state: sum(task.get("State") == state for task in tasks) for state in STATES}
    return sheet("Task", [shape(task) for task in tasks[skip : skip + take]], len(tasks), skip, take, TotalCounts=totals)


def _number(task_id: str) -> int:
    digits = task_id.rpartition("-")[2]
    return int(digits) if digits.isdecimal() else 0


def _filtered(tasks: list[Document]) -> list[Document]:
    active, running, troubled, include_system = flag("active"), flag("running"), flag("hasWarningsOrErrors"), flag("includeSystem")
    states, spaces = names("states"), names("spaces")
    if states and not states <= set(STATES):
        raise invalid(f"Unknown task states: {', '.join(sorted(states - set(STATES)))}.")
    if g.get("space"):
        spaces = {space_of_request() or ""}
        include_system = bool(include_system)
    where = {
        "ServerNodeId": request.args.get("node"),
        "ProjectId": request.args.get("project"),
        "EnvironmentId": request.args.get("environment"),
        "TenantId": request.args.get("tenant"),
    }
    description = request.args.get("description", "").lower()
    return [
        task
        for task in tasks
        if (active is None or (task.get("State") in ACTIVE) == active)
        and (running is None or (task.get("State") in RUNNING) == running)
        and (troubled is None or bool(task.get("HasWarningsOrErrors")) == troubled)
        and (not states or task.get("State") in states)
        and (not spaces or task.get("SpaceId") in spaces or (include_system is not False and not task.get("SpaceId")))
        and (include_system is not False or not node().has_spaces or task.get("SpaceId"))
        and all(value is None or task.get(name) == value for name, value in where.items())
        and (not description or description in str(task.get("Description", "")).lower())
    ]


@api.post("/tasks")
def queue() -> ResponseReturnValue:
    """201 with the new task; a node takes it up at its next look at the queue."""
    body = json_body()
    name, description = body.get("Name"), body.get("Description")
    if name not in QUEUEABLE:
        raise invalid(f"Unknown task type: {name}")
    if not description:
        raise invalid("Please provide a description for the task.")
    where = None if name in OF_SYSTEM else body.get("SpaceId") or space_of_request()
    need("TaskCreate", where)
    if name == "Backup":
        raise invalid("The Backup task belongs to servers before 3.0, which kept their data in RavenDB.")
    here = node()
    task = here.store.add(
        "ServerTask",
        {
            "Name": name,
            "Description": description,
            "Arguments": body.get("Arguments") or {},
            "State": "Queued",
            "QueueTime": body.get("QueueTime") or here.clock.now().isoformat(),
            "SpaceId": where,
            "ProjectId": None,
            "ServerNodeId": None,
            "HasWarningsOrErrors": False,
            "ErrorMessage": None,
        },
    )
    return jsonify(shape(task)), 201, {"Location": f"/api/tasks/{task['Id']}"}


@api.get("/tasks/tasktypes")
def types() -> ResponseReturnValue:
    caller()
    return jsonify([{"Id": name, "Name": name} for name in ("Deploy", *QUEUEABLE)])


@api.get("/tasks/<task_id>")
def one(task_id: str) -> Document:
    return shape(find(task_id))


@api.get("/tasks/<task_id>/raw")
def raw(task_id: str) -> Response:
    """The file of the task log folder, as it is. A missing file is 404 (*assumed*)."""
    log = store().task_log(find(task_id))
    if log is None:
        raise ApiError(404, f"The log of task '{task_id}' was not found in the task log folder.")
    return Response(log, content_type="text/plain; charset=utf-8")


@api.get("/tasks/<task_id>/details")
def details(task_id: str) -> Document:
    task = find(task_id)
    log = store().task_log(task)
    text = (log or b"").decode("utf-8-sig", "replace")
    status = {"Success": "Success", "Failed": "Failed", "Canceled": "Canceled", "Queued": "Pending"}.get(task["State"], "Running")
    elements = [{"Category": "Info", "OccurredAt": shown(task.get("StartTime")), "MessageText": line} for line in text.splitlines()]
    activity = {"Id": task["Id"], "Name": task.get("Description"), "Status": status, "LogElements": elements, "Children": []}
    return {
        "Task": shape(task),
        "ActivityLogs": [activity],
        "PhysicalLogSize": len(log or b""),
        "Progress": {"ProgressPercentage": 100 if task["State"] in FINAL else 0, "EstimatedTimeRemaining": ""},
        "Links": {"Self": f"/api/tasks/{task_id}/details"},
    }


@api.post("/tasks/<task_id>/cancel")
def cancel(task_id: str) -> Document:
    """A queued one is cancelled at once; one that runs is asked to stop, and its node says when it has. One that waits for a person stops at
    once (*assumed*)."""
    task = find(task_id)
    need("TaskCancel", task.get("SpaceId"))
    if task["State"] in FINAL:
        raise invalid(f"The task is {task['State']} and cannot be cancelled.")
    here = node()
    ended = {"State": "Canceled", "CompletedTime": here.clock.now().isoformat()}
    over = task["State"] == "Queued" or interruptions.waits(task)
    for row in here.store.documents(interruptions.TABLE):
        if row["TaskId"] == task["Id"]:
            here.store.save(interruptions.TABLE, {**row, "IsPending": False})
    task = {**task, "HasPendingInterruptions": False, **(ended if over else {"State": "Cancelling"})}
    here.store.save("ServerTask", task)
    return shape(task)


@api.post("/tasks/<task_id>/state")
def force(task_id: str) -> Document:
    """Overwrite a final state, for a task that is known to be over."""
    task = find(task_id)
    need("TaskEdit", task.get("SpaceId"))
    body = json_body()
    state, reason = body.get("State"), body.get("Reason")
    if state not in ("Success", "Failed", "Canceled"):
        raise invalid(f"The state of a task can be changed to Success, Failed or Canceled, not to {state}.")
    if not reason:
        raise invalid("Please provide a reason.")
    if task["State"] not in FINAL:
        raise invalid("Only a completed task's state can be changed.")
    task = {**task, "State": state}
    store().save("ServerTask", task)
    return shape(task)
