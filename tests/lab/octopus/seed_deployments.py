# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Seeded history: releases, deployments with their tasks, logs, artifacts and events."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from .folders import artifact_path, task_log_path

if TYPE_CHECKING:
    from .documents import Document
    from .seed import Seeding


def _log(seeding: Seeding, task: Document, lines: list[str]) -> None:
    text = "".join(f"{task['StartTime']:%H:%M:%S}   Info     |   {line}\r\n" for line in lines)
    seeding.files.write(task_log_path(seeding.roots["LogsDirectory"], task), text.encode())


def _task(seeding: Seeding, name: str, description: str, days: float, state: str = "Success", **more: object) -> Document:
    start = seeding.ago(days)
    number = len(seeding.added.get("ServerTask", [])) + 1
    return seeding.add(
        "ServerTask",
        Name=name,
        Description=description,
        State=state,
        QueueTime=start - timedelta(seconds=3),
        StartTime=start,
        CompletedTime=start + timedelta(seconds=40),
        ServerNodeId=None,
        HasWarningsOrErrors=state == "Failed",
        HasPendingInterruptions=False,
        ErrorMessage="The step failed: exit code 1" if state == "Failed" else None,
        LogFile=f"servertasks-{number}_{seeding.random.randbytes(5).hex()}.txt",
        Arguments={},
        **more,
    )


def deployments(seeding: Seeding) -> None:
    """Ten releases a project, some deployed up to production; one deployment waits for tomorrow."""
    event = 0
    machines = seeding.added["Machine"]
    for project in seeding.added["Project"]:
        for build in range(1, max(3, int(10 * seeding.size)) + 1):
            days = 120 - build * 10 + seeding.random.random()
            release = seeding.add(
                "Release",
                Version=f"1.0.{build}",
                ProjectId=project["Id"],
                ChannelId="Channels-1",
                Assembled=seeding.ago(days),
                ReleaseNotes="Nothing to see",
                SelectedPackages=[{"ActionName": "Deploy", "Version": f"1.{build // 10}.{build}"}],
            )
            for environment in seeding.added["DeploymentEnvironment"][: 1 + build % 3]:
                name = f"Deploy {project['Name']} release {release['Version']} to {environment['Name']}"
                state = "Failed" if seeding.random.random() < 0.1 else "Success"
                task = _task(
                    seeding,
                    "Deploy",
                    name,
                    days - 0.1,
                    state,
                    ProjectId=project["Id"],
                    EnvironmentId=environment["Id"],
                )
                deployment = seeding.add(
                    "Deployment",
                    Name=f"Deploy to {environment['Name']}",
                    Created=seeding.ago(days - 0.1),
                    EnvironmentId=environment["Id"],
                    ProjectId=project["Id"],
                    ReleaseId=release["Id"],
                    TaskId=task["Id"],
                    ChannelId="Channels-1",
                )
                targets = [machine for machine in machines if environment["Id"] in machine["EnvironmentIds"] and not machine["IsDisabled"]]
                _log(
                    seeding, task, [name, *(f"{machine['Name']}: Installed the package" for machine in targets), f"The deployment: {state}"]
                )
                seeding.add(
                    "DeploymentHistory",
                    Id=deployment["Id"],
                    DeploymentName=deployment["Name"],
                    ProjectId=project["Id"],
                    ProjectName=project["Name"],
                    EnvironmentName=environment["Name"],
                    ReleaseVersion=release["Version"],
                    TaskId=task["Id"],
                    TaskState=state,
                    Created=deployment["Created"],
                    CompletedTime=task["CompletedTime"],
                )
                for machine in targets:
                    seeding.add("DeploymentRelatedMachine", DeploymentId=deployment["Id"], MachineId=machine["Id"])
                if build % 4 == 0:
                    artifact = seeding.add(
                        "Artifact",
                        Filename="report.txt",
                        Created=task["CompletedTime"],
                        RelatedDocumentIds=[deployment["Id"], task["Id"]],
                    )
                    seeding.files.write(
                        artifact_path(seeding.roots["ArtifactsDirectory"], artifact),
                        seeding.random.randbytes(400).hex().encode(),
                    )
                for category in ("DeploymentQueued", "DeploymentStarted", f"Deployment{'Failed' if state == 'Failed' else 'Succeeded'}"):
                    event += 1
                    row = seeding.add(
                        "Event",
                        AutoId=event,
                        Category=category,
                        UserId="Users-2",
                        Username="dora",
                        Occurred=task["StartTime"],
                        Message=f"{category}: {name}",
                    )
                    seeding.add("EventRelatedDocument", EventId=row["Id"], RelatedDocumentId=deployment["Id"])
    system = {"SpaceId": None} if seeding.spaces else {}
    for days in (20, 10, 1):
        task = _task(seeding, "SystemIntegrityCheck", "Check System Integrity", days, "Success", **system)
        _log(seeding, task, ["Checking the database schema", "The system integrity check found no problems"])
    tomorrow = seeding.now + timedelta(days=1)
    seeding.add(
        "ServerTask",
        Name="Deploy",
        Description="Deploy Web Shop release 1.0.3 to Production",
        State="Queued",
        QueueTime=tomorrow,
        ProjectId="Projects-1",
        EnvironmentId="Environments-3",
        HasWarningsOrErrors=False,
        HasPendingInterruptions=False,
        ServerNodeId=None,
        Arguments={},
        LogFile="servertasks-scheduled_0001.txt",
    )
