# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A canary: a release that is made, deployed and removed again, to see that a server still deploys.

A release is removed only once its tasks have ended: to remove one that waits for a person ended old servers
(https://github.com/OctopusDeploy/Issues/issues/1637), others went on with a removed task, and from 2021.3.12372 on the server refuses it
(https://github.com/OctopusDeploy/Issues/issues/7179). Deployments are removed over REST as the release is, and would go with it
(https://github.com/OctopusDeploy/Issues/issues/5660).
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._core.errors import TaskFailed, UpgradeError
from ansible_collections.octopus.upgrade.plugins.module_utils._core.progress import Progress
from ansible_collections.octopus.upgrade.plugins.module_utils._core.waiting import Deadline
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.api.client import OctopusApi
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.api.links import plain
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.api.tasks import QUEUED
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError

from .canary_plan import Plan, is_marked, marked

_COMMENT = "A canary of octopus.upgrade, which removes it again."
_ENDING = 120.0  # seconds that a task may take to end once it is cancelled
_REMOVING = 60.0  # seconds until what was removed must be gone
_GONE = (404, 410)
_LINES = 20


@dataclass
class Canary:
    """One canary of a server.

    Args:
        api: The server.
        plan: What is made.
        timeout: Seconds for the deployment, and for one that an earlier run has left.
        tell: Takes the messages.
    """

    api: OctopusApi
    plan: Plan
    timeout: float
    tell: Progress = field(default_factory=Progress)
    stamp: str = field(default_factory=lambda: f"r{secrets.token_hex(4)}")

    @property
    def version(self) -> str:
        return marked(self.plan.version, self.stamp)

    def fly(self) -> dict[str, Any]:
        """Remove what earlier runs have left; make, deploy and remove the canary, and return the module's result.

        Raises:
            TaskFailed: The deployment did not succeed, or something could not be removed; the message names both.
            OctopusError: What an earlier run has left cannot be removed, so that nothing was made.
        """
        removed, left = self._remove(self._marked(), self.timeout)
        if left:
            raise OctopusError(f"{self.api.url}: {_by_hand(left)} An earlier run has left it; nothing was made.")
        result: dict[str, Any] = {"release": self.version, "task": None, "log_tail": [], "leftovers": removed, "not_removed": []}
        failure: UpgradeError | None = None
        try:
            self._deploy(result)
        except UpgradeError as error:
            failure = error
        finally:  # after an interruption too
            result["not_removed"] = self._remove_own()
        said = [*([str(failure)] if failure else []), *([_by_hand(result["not_removed"])] if result["not_removed"] else [])]
        if said:
            raise TaskFailed(" ".join(said), (failure.result if failure else {}) | result)
        return result

    # -- make and deploy

    def _deploy(self, result: dict[str, Any]) -> None:
        plan, api = self.plan, self.api
        self.tell(f"making the release {self.version} of {plan.project['Name']}")
        body = {"ProjectId": plan.project["Id"], "Version": self.version, "SelectedPackages": plan.packages, "ReleaseNotes": _COMMENT}
        body |= {"ChannelId": plan.channel["Id"]} if plan.channel else {}
        release = api.post(f"{plan.start}/releases", body, needs="ReleaseCreate")
        self._check_allowed(release)
        # Without guided failure, whatever the environment says: a failure then ends the deployment, and no person is asked.
        wanted = {"ReleaseId": release["Id"], "EnvironmentId": plan.environment["Id"], "UseGuidedFailure": False, "Comments": _COMMENT}
        deployment = api.post(f"{plan.start}/deployments", wanted, needs="DeploymentCreate")
        row = self._wait(deployment["TaskId"])
        result["task"] = {
            "id": row["Id"],
            "state": row.get("State"),
            "node": row.get("ServerNode"),
            "has_warnings": bool(row.get("HasWarningsOrErrors")),
        }
        if row.get("State") == "Success":
            return
        result["log_tail"] = api.text(f"/api/tasks/{row['Id']}/raw").splitlines()[-_LINES:]
        why = row.get("ErrorMessage") or (result["log_tail"] or ["no message"])[-1]
        raise OctopusError(f"{self._expected()}, but its task {row['Id']} is {row.get('State')}: {why}")

    def _expected(self) -> str:
        return f"{self.api.url}: expected the canary {self.version} ({self.plan.what}) to be deployed"

    def _check_allowed(self, release: dict[str, Any]) -> None:
        """Ask the server itself where the release may go; it knows more than the lifecycle says."""
        link = (release.get("Links") or {}).get("DeploymentTemplate")
        template = self.api.get(plain(link) if link else f"{self.plan.start}/releases/{release['Id']}/deployments/template")
        allowed = {str(one["Id"]): str(one.get("Name")) for one in template.get("PromoteTo") or []}
        if self.plan.environment["Id"] not in allowed:
            names = ", ".join(sorted(allowed.values())) or "none"
            raise OctopusError(f"{self._expected()}, but by its lifecycle it may go to these environments only: {names}.")

    def _wait(self, task_id: str) -> dict[str, Any]:
        """Wait until the deployment has ended.

        Raises:
            OctopusError: It takes too long, or waits for a person.
        """
        deadline = Deadline(self.timeout, most=5.0)
        shown: tuple[str, float | None] | None = None
        while True:
            row = self.api.get(f"/api/tasks/{task_id}")
            if row.get("IsCompleted"):
                return row
            if row.get("HasPendingInterruptions"):
                raise OctopusError(
                    f"{self._expected()}, but its task {task_id} waits for a person's answer, for example to a step of a script or template "
                    "that asks, or to an approval of a change. Name a project that asks nobody."
                )
            state, percent = str(row.get("State")), self._percent(task_id)
            if (state, percent) != shown:
                shown = state, percent
                self.tell(f"deploying {self.version} to {self.plan.environment['Name']}: {state.lower()}", percent)
            if not deadline.pause():
                why = " No node has taken it: are they busy, drained, or at their task cap?" if state == QUEUED else ""
                raise OctopusError(f"{self._expected()} within {self.timeout:g} seconds, but its task {task_id} is {state}.{why}")

    def _percent(self, task_id: str) -> float | None:
        """Return the progress that the portal shows (``Progress`` of TaskDetailsResource in OctopusClients); None where nobody reads it."""
        details = self.api.find(f"/api/tasks/{task_id}/details", verbose=False, tail=1) if self.tell.is_shown else None
        percent = ((details or {}).get("Progress") or {}).get("ProgressPercentage")
        return float(percent) if percent else None

    # -- remove

    def _marked(self) -> list[dict[str, Any]]:
        return [row for row in self.api.items(self.plan.releases) if is_marked(row)]

    def _remove_own(self) -> list[str]:
        """Remove this canary, found by its version: the answer that named its id may have been lost. Return what is left."""
        try:
            return self._remove([row for row in self._marked() if row["Version"] == self.version], 0)[1]
        except UpgradeError as error:
            return [f"the release {self.version} of {self.plan.project['Name']}, if it was made ({error})"]

    def _remove(self, releases: Iterable[dict[str, Any]], patience: float) -> tuple[list[str], list[str]]:
        """Remove releases with their deployments.

        Args:
            releases: Their documents.
            patience: Seconds that a deployment which goes on may take before it is cancelled.

        Returns:
            The versions removed, and what is left, each with the reason.
        """
        removed, left = [], []
        for release in releases:
            name = whole = f"the release {release['Version']} ({release['Id']}) of {self.plan.project['Name']}"
            self.tell(f"removing {name}")
            try:
                for deployment in list(self.api.items(f"{self.plan.start}/releases/{release['Id']}/deployments")):
                    name = f"{whole} with its deployment {deployment['Id']}"
                    self._end(deployment.get("TaskId"), patience)
                    self._delete(f"{self.plan.start}/deployments/{deployment['Id']}", "DeploymentDelete")
                self._delete(f"{self.plan.start}/releases/{release['Id']}", "ReleaseDelete")
                removed.append(release["Version"])
            except UpgradeError as error:
                left.append(f"{name} ({error})")
        return removed, left

    def _end(self, task_id: str | None, patience: float) -> None:
        """See that a task has ended: wait for one that goes on, then cancel it."""
        path = f"/api/tasks/{task_id}"
        row = self.api.find(path) if task_id else None
        deadline = Deadline(patience, most=5.0)
        while row and not row.get("IsCompleted") and not row.get("HasPendingInterruptions") and deadline.pause():
            row = self.api.find(path)
        if row is None or row.get("IsCompleted"):
            return
        self.tell(f"cancelling the task {task_id}, which is {str(row.get('State')).lower()}")
        self.api.post(f"{path}/cancel", needs="TaskCancel")
        deadline = Deadline(_ENDING, most=5.0)
        while (row := self.api.find(path)) and not row.get("IsCompleted"):
            if not deadline.pause():
                raise OctopusError(f"its task {task_id} was cancelled and is still {row.get('State')} after {_ENDING:g} seconds")

    def _delete(self, path: str, needs: str) -> None:
        """Remove one document, and see that it is gone: a server may answer with a task that removes it."""
        try:
            self.api.delete(path, needs=needs)
        except OctopusError as error:
            if error.status not in _GONE:
                raise
        deadline = Deadline(_REMOVING)
        while self.api.find(path) is not None:
            if not deadline.pause():
                raise OctopusError(f"{path} is still there {_REMOVING:g} seconds after it was removed")


def _by_hand(left: Iterable[str]) -> str:
    return f"Expected nothing to stay, but this could not be removed: {'; '.join(left)}. Remove it by hand, or run this again."
