# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Draining of nodes: they take no new tasks, and the running ones are waited for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from ansible_collections.octopus.upgrade.plugins.module_utils._core.waiting import Deadline
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.api.client import OctopusApi
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.api.nodes import (
    DrainRefused,
    Node,
    find_node,
    list_nodes,
    set_draining,
    set_task_cap,
)
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.api.tasks import Task, cancel, running_tasks
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError

_CANCEL_SECONDS = 120.0  # a cancelled task ends when the step that it is in does


@dataclass(frozen=True)
class Drained:
    """The outcome: nodes as they were before, tasks that were cancelled, and tasks that still run or wait because that was allowed.

    ``capped`` has the names of the nodes that the server does not drain, and that take no tasks because their task cap is 0.
    """

    before: dict[str, Node]
    cancelled: list[Task] = field(default_factory=list)
    left_running: list[Task] = field(default_factory=list)
    left_waiting: list[Task] = field(default_factory=list)
    capped: tuple[str, ...] = ()

    @property
    def changed(self) -> bool:
        return bool(self.cancelled) or any(not node.draining for node in self.before.values())


def drain(
    api: OctopusApi,
    names: Sequence[str],
    deadline: Deadline,
    on_timeout: str = "fail",
    interruptions: str = "refuse",
    *,
    check_mode: bool = False,
    tell: Callable[[str], object] = lambda _message: None,
    cancel_deadline: Callable[[], Deadline] = lambda: Deadline(_CANCEL_SECONDS),
) -> Drained:
    """Drain nodes, and wait until they are running no tasks.

    Args:
        api: The server, preferably one of its nodes.
        names: The names of the nodes on the server.
        deadline: How long to wait.
        on_timeout: ``fail``, ``cancel`` the tasks that are still running, or ``ignore`` them.
        interruptions: What becomes of tasks that wait for a person: ``refuse`` waits for them as for any other, ``leave`` leaves them waiting,
            ``cancel`` cancels them.
        check_mode: Whether to change nothing.
        tell: Gets a line whenever the number of running tasks changes.
        cancel_deadline: Gives how long cancelled tasks may take to end.

    Raises:
        OctopusError: A node is unknown, or tasks are still running; the message names them.
    """
    known = list_nodes(api)
    before = {name: find_node(known, name, api.url) for name in names}
    if check_mode:
        return Drained(before)
    capped = tuple(name for name, node in before.items() if not node.draining and not stop_queue(api, node))
    nodes = list(before.values())
    people = _People(api, interruptions)
    left = _wait(api, nodes, deadline, tell, people)
    if not left:
        return Drained(before, people.cancelled, left_waiting=people.left, capped=capped)
    if on_timeout == "ignore":
        return Drained(before, people.cancelled, left, people.left, capped)
    if on_timeout == "cancel":
        for task in left:
            cancel(api, task)
        still = _wait(api, nodes, cancel_deadline(), tell, people)
        if not still:
            return Drained(before, [*people.cancelled, *left], left_waiting=people.left, capped=capped)
        raise OctopusError(_still(still, names, "after they were cancelled") + " Set on_timeout: ignore to continue nevertheless.")
    raise OctopusError(
        _still(left, names, f"after {deadline.seconds:g} s")
        + " The nodes stay drained. Set a longer timeout, or on_timeout: cancel or ignore."
    )


def stop_queue(api: OctopusApi, node: Node) -> bool:
    """Let a node take no more tasks, and return whether it is drained for that.

    Before February 2018 the last node cannot be drained (https://github.com/OctopusDeploy/Issues/issues/4235), and so the only one of an instance
    never. A task cap of 0 does the same (https://github.com/OctopusDeploy/Issues/issues/3703).

    Raises:
        OctopusError: The server refuses both.
    """
    try:
        set_draining(api, node, True)
    except DrainRefused as error:
        if node.task_cap is None:
            raise
        try:
            set_task_cap(api, node, 0)
        except OctopusError as second:
            raise OctopusError(
                f"{error} A task cap of 0, which keeps a node from taking tasks too, could not be set either: {second}"
            ) from second
        return False
    return True


def undrain(api: OctopusApi, names: Sequence[str], check_mode: bool = False, task_caps: Mapping[str, int] | None = None) -> dict[str, Node]:
    """Let nodes take tasks again, and return them as they were before.

    Args:
        api: The server.
        names: The names of the nodes on the server.
        check_mode: Whether to change nothing.
        task_caps: By these names, the task cap that a node gets back where it is 0.
    """
    known = list_nodes(api)
    before = {name: find_node(known, name, api.url) for name in names}
    for name, node in before.items():
        if check_mode:
            continue
        if node.draining:
            set_draining(api, node, False)
        if node.task_cap == 0 and (task_caps or {}).get(name, 0) > 0:
            set_task_cap(api, node, (task_caps or {})[name])
    return before


class _People:
    """What becomes of tasks that wait for a person."""

    def __init__(self, api: OctopusApi, policy: str) -> None:
        self._api, self._policy = api, policy
        self.cancelled: list[Task] = []
        self.left: list[Task] = []

    def without(self, tasks: list[Task]) -> list[Task]:
        """Return the tasks to wait for. One may have come to its question since, or have been answered."""
        if self._policy == "leave":
            self.left = [task for task in tasks if task.waiting]
            return [task for task in tasks if not task.waiting]
        if self._policy == "cancel":
            asked = {task.id for task in self.cancelled}
            for task in tasks:
                if task.waiting and task.id not in asked:
                    cancel(self._api, task)
                    self.cancelled.append(task)
        return tasks


def _wait(api: OctopusApi, nodes: list[Node], deadline: Deadline, tell: Callable[[str], object], people: _People) -> list[Task]:
    """Wait until the nodes are running no tasks, and return those that are still running when the time is up."""
    told = None
    while True:
        busy = _running_on(api, nodes, people)
        if not busy:
            return []
        if len(busy) != told:
            told = len(busy)
            tell(f"waiting for {told} running task{'s' if told > 1 else ''}: {', '.join(map(str, busy[:3]))}{' ...' if told > 3 else ''}")
        if not deadline.pause():
            return busy


def _running_on(api: OctopusApi, nodes: list[Node], people: _People) -> list[Task]:
    """Return the running tasks of these nodes, from the task list and the nodes' own counts: each has missed tasks that the other had."""
    labels = {label.casefold() for node in nodes for label in (node.id, node.name)}
    tasks = [task for task in running_tasks(api) if task.node is None or task.node.casefold() in labels]
    busy = people.without(tasks)
    if busy:
        return busy
    ids = {node.id for node in nodes}
    hidden = {node.name: (node.running_task_count or 0) - _count(people.left, node) for node in list_nodes(api) if node.id in ids}
    return [
        Task("", f"{count} tasks that the user of the API key cannot see", "", "Executing", name)
        for name, count in hidden.items()
        if count > 0
    ]


def _count(tasks: list[Task], node: Node) -> int:
    return sum((task.node or "").casefold() in (node.id.casefold(), node.name.casefold()) for task in tasks)


def _still(tasks: list[Task], names: Sequence[str], when: str) -> str:
    return f"Expected no running tasks on {', '.join(names)} {when} but found {len(tasks)}: {'; '.join(map(str, tasks))}."
