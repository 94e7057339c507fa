# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Releases that make themselves: by an external feed's trigger, and when a package is pushed to the built-in feed.

octopus.com/docs/projects/project-triggers/external-feed-triggers and .../built-in-package-repository-triggers
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .database import Connection
from .documents import Document, insert, next_id, select, update

if TYPE_CHECKING:
    from .node import Node
    from .rest.ports import Store

NEW_VERSION = 240.0  # a lab's external feed has a new version that often (lab seconds)


def _release(project: Document, version: str, package: str, now: Any) -> Document:
    space = {"SpaceId": project["SpaceId"]} if project.get("SpaceId") else {}
    return {
        "Version": version,
        "ProjectId": project["Id"],
        "ChannelId": (project.get("ReleaseCreationStrategy") or {}).get("ChannelId") or "Channels-1",
        "Assembled": now,
        "ReleaseNotes": None,
        "SelectedPackages": [{"ActionName": "Deploy", "PackageId": package, "Version": version}],
        **space,
    }


def poll_feeds(node: Node, contact: Callable[..., bool]) -> None:
    """Ask the feed of every enabled feed trigger. A version that the trigger has not seen makes a release, but not while the node drains
    or in maintenance mode (*assumed*)."""
    store, now = node.store, node.host.clock.now()
    newest = f"3.0.{int(now.timestamp() / NEW_VERSION)}"
    idle = node.idle()
    for trigger in store.documents("ProjectTrigger"):
        kind = (trigger.get("Filter") or {}).get("FilterType")
        project = store.document("Project", str(trigger.get("ProjectId")))
        if kind != "FeedFilter" or trigger.get("IsDisabled") or project is None or project.get("IsDisabled"):
            continue
        for package in trigger["Filter"].get("Packages") or []:
            feed = store.document("Feed", str(package.get("FeedId"))) or {}
            if not feed.get("FeedUri"):
                continue
            if not contact("feed", uri=feed["FeedUri"], feed=feed["Name"], trigger=trigger["Name"]):
                continue
            if not idle and _seen(node, trigger, newest, project, str(package.get("PackageId"))):
                contact("release", project=project["Name"], version=newest, trigger=trigger["Name"])


def _seen(node: Node, trigger: Document, newest: str, project: Document, package: str) -> bool:
    """Whether this node made a release of that version; the row's ``LastVersion`` sees to it that one node of a cluster does."""

    def work(connection: Connection) -> bool:
        row = next(iter(select(connection, "ProjectTrigger", 'WHERE "Id" = ?', (trigger["Id"],))), None)
        if row is None or row.get("IsDisabled") or row.get("LastVersion") == newest:
            return False
        update(connection, "ProjectTrigger", {**row, "LastVersion": newest})
        if row.get("LastVersion") is None:
            return False  # the first look only tells what there is
        release = _release(project, newest, package, node.host.clock.now())
        insert(connection, "Release", {"Id": next_id(connection, "Release"), **release})
        return True

    return node.store.run(work)


def pushed(store: Store, package_id: str, version: str, now: Any) -> list[tuple[Document, Document]]:
    """A package came into the built-in feed: (project, new release) of each project that makes one by itself.

    The package is that of the project's steps.
    """
    made = []
    for project in store.documents("Project"):
        if not project.get("AutoCreateRelease") or project.get("IsDisabled"):
            continue
        process = store.document("DeploymentProcess", str(project.get("DeploymentProcessId"))) or {}
        used = {str(step.get("PackageId", "")).lower() for step in process.get("Steps") or []}
        if package_id.lower() in used:
            made.append((project, store.add("Release", _release(project, version, package_id, now))))
    return made
