# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The request to bring nodes to a state, and its outcome."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._core.errors import InvalidValue
from ansible_collections.octopus.upgrade.plugins.module_utils._core.progress import Progress
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.api.tasks import Task
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.services import SETTABLE


@dataclass(frozen=True)
class NodeRequest:
    """The wanted state of nodes. ``timeout`` is in seconds; ``start_types`` has those of the nodes whose start type is not left alone."""

    state: str = "unchanged"
    watchdog: str | None = None
    instance_name: str | None = None
    timeout: float = 600
    on_timeout: str = "fail"
    interruptions: str = "refuse"
    expected_version: str | None = None
    health: bool = True
    keep_drained: bool = False
    portal_url: str | None = None
    start_types: Mapping[str, str] = field(default_factory=dict)
    task_caps: Mapping[str, int] = field(default_factory=dict)
    portal: str | None = None
    portal_allowed: tuple[str, ...] = ()
    check_mode: bool = False
    tell: Callable[[str], object] = field(default=lambda _message: None, repr=False)

    @classmethod
    def from_params(cls, params: dict[str, Any], check_mode: bool) -> NodeRequest:
        """Read the parameters of ``octopus_node``.

        Raises:
            InvalidValue: A start type is none that can be set.
        """
        names = (
            "state",
            "watchdog",
            "instance_name",
            "timeout",
            "on_timeout",
            "interruptions",
            "expected_version",
            "health",
            "keep_drained",
            "portal_url",
            "portal",
        )
        given = {name: params[name] for name in names}
        start_types = params["start_types"] or {}
        wrong = sorted({str(kind) for kind in start_types.values()} - set(SETTABLE))
        if wrong:
            raise InvalidValue(f"Expected start types ({', '.join(SETTABLE)}) in start_types, but found {', '.join(wrong)}.")
        return cls(
            **given,
            start_types=start_types,
            task_caps=params["task_caps"] or {},
            portal_allowed=tuple(params["portal_allowed"]),
            check_mode=check_mode,
            tell=Progress(),
        )


@dataclass
class NodeResult:
    """What was found and done on one node; None where something was not queried."""

    service_state: str | None = None
    was_service_state: str | None = None
    start_type: str | None = None
    was_start_type: str | None = None
    drained: bool | None = None
    was_drained: bool | None = None
    watchdog: dict[str, Any] | None = None
    portal: str | None = None
    was_portal: str | None = None
    version: str | None = None
    seconds: float = 0.0
    warnings: list[str] = field(default_factory=list)

    @property
    def changed(self) -> bool:
        watched = self.watchdog is not None and self.watchdog["before"] != self.watchdog["after"]
        kinds = self.start_type != self.was_start_type
        return (
            watched
            or kinds
            or self.service_state != self.was_service_state
            or self.drained != self.was_drained
            or self.portal != self.was_portal
        )


@dataclass
class Done:
    """The outcome on all nodes."""

    nodes: dict[str, NodeResult]
    cancelled: list[Task] | None = None
    left_running: list[Task] | None = None
    left_waiting: list[Task] | None = None
    warnings: list[str] = field(default_factory=list)

    @property
    def changed(self) -> bool:
        return bool(self.cancelled) or any(node.changed for node in self.nodes.values())

    def as_result(self, diff: bool = False) -> dict[str, Any]:
        """Return the module's result."""
        nodes = {name: asdict(node) for name, node in self.nodes.items()}
        warnings = self.warnings + [text for node in nodes.values() for text in node.pop("warnings")]
        result: dict[str, Any] = {"changed": self.changed, "nodes": nodes, **({"warnings": warnings} if warnings else {})}
        if self.cancelled is not None:
            result["cancelled_tasks"] = [task.as_dict() for task in self.cancelled]
            result["left_running"] = [task.as_dict() for task in self.left_running or []]
            result["left_waiting"] = [task.as_dict() for task in self.left_waiting or []]
        if diff:
            result["diff"] = {"before": _lines(self.nodes, "was_", "before"), "after": _lines(self.nodes, "", "after")}
        return result


class NodesFailed(OctopusError):
    """Some nodes did not reach the state. ``result`` tells what was found and done on all of them."""

    def __init__(self, message: str, done: Done) -> None:
        super().__init__(message)
        self.result = done.as_result()


def _lines(nodes: dict[str, NodeResult], prefix: str, when: str) -> str:
    shown = []
    for name, node in nodes.items():
        for what in ("service_state", "start_type", "drained"):
            value = getattr(node, prefix + what)
            if value is not None:
                shown.append(f"{name}: {what.replace('_', ' ')}: {value}\n")
        if node.watchdog and node.watchdog["exists"]:
            shown.append(f"{name}: watchdog enabled: {node.watchdog[when]}\n")
    return "".join(shown)
