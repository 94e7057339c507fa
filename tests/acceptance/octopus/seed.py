# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Something to lose, for a real Octopus Server: projects that were deployed, with task logs and artifacts, a logo, packages.

    OCTOPUS_ADMIN_PASSWORD=... python tests/acceptance/octopus/seed.py --url https://octo-vm --ca winrm.pem --key-file api-key

It makes an API key for the user and writes it to the file. REST API of 2018.10 and later: https://octopus.com/docs/octopus-rest-api
"""

from __future__ import annotations

import argparse
import base64
import io
import os
import sys
import time
import zipfile
from pathlib import Path
from typing import Any

import requests

PNG = base64.b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==")
SCRIPT = "Write-Host 'acceptance'; 'an artifact' | Set-Content artifact.txt; New-OctopusArtifact -Path (Resolve-Path artifact.txt) -Name artifact.txt"
WAIT = 600.0


class Octopus:
    """A signed-in session."""

    def __init__(self, url: str, ca: str | None, user: str, password: str) -> None:
        self._url = url.rstrip("/")
        self._session = requests.Session()
        self._session.verify = ca or True
        self.user = self.call("POST", "/api/users/login", {"Username": user, "Password": password})
        # Changes of a signed-in browser have to repeat a cookie as a header.
        token = next((one.value for one in self._session.cookies if one.name.lower().startswith("octopus-csrf-token")), None)
        if token:
            self._session.headers["X-Octopus-Csrf-Token"] = token

    def call(self, method: str, path: str, body: Any = None, files: Any = None) -> Any:
        """One request; its JSON."""
        response = self._session.request(method, self._url + path, json=body, files=files, timeout=60)
        if not response.ok:
            raise SystemExit(f"{method} {path}: HTTP {response.status_code}: {response.text[:500]}")
        return response.json() if response.content else None


def _project(octopus: Octopus, name: str) -> Any:
    lifecycle = octopus.call("GET", "/api/lifecycles/all")[0]["Id"]
    group = octopus.call("GET", "/api/projectgroups/all")[0]["Id"]
    project = octopus.call("POST", "/api/projects", {"Name": name, "LifecycleId": lifecycle, "ProjectGroupId": group})
    process = octopus.call("GET", f"/api/deploymentprocesses/{project['DeploymentProcessId']}")
    properties = {
        "Octopus.Action.RunOnServer": "true",
        "Octopus.Action.Script.ScriptSource": "Inline",
        "Octopus.Action.Script.Syntax": "PowerShell",
        "Octopus.Action.Script.ScriptBody": SCRIPT,
    }
    action = {"Name": "Run", "ActionType": "Octopus.Script", "Properties": properties}
    process["Steps"] = [
        {"Name": "Run", "Properties": {}, "StartTrigger": "StartAfterPrevious", "Condition": "Success", "Actions": [action]}
    ]
    octopus.call("PUT", f"/api/deploymentprocesses/{process['Id']}", process)
    octopus.call("POST", f"/api/projects/{project['Id']}/logo", files={"fileToUpload": ("logo.png", PNG, "image/png")})
    return project


def _deploy(octopus: Octopus, project: Any, environment: Any, version: str) -> None:
    release = octopus.call("POST", "/api/releases", {"ProjectId": project["Id"], "Version": version})
    deployment = octopus.call("POST", "/api/deployments", {"ReleaseId": release["Id"], "EnvironmentId": environment["Id"]})
    deadline = time.monotonic() + WAIT
    while not (task := octopus.call("GET", f"/api/tasks/{deployment['TaskId']}"))["IsCompleted"]:
        if time.monotonic() > deadline:
            raise SystemExit(f"{task['Description']} is not done after {WAIT:.0f} s")
        time.sleep(2)
    if task["State"] != "Success":
        raise SystemExit(f"{task['Description']}: {task['State']}: {task.get('ErrorMessage')}")


def _package(name: str, version: str) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("content.txt", f"{name} {version}\n" * 1000)
    return stream.getvalue()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", required=True)
    parser.add_argument("--ca", help="certificates to trust")
    parser.add_argument("--user", default="admin")
    parser.add_argument("--key-file", required=True, type=Path, help="gets the API key")
    arguments = parser.parse_args()
    octopus = Octopus(arguments.url, arguments.ca, arguments.user, os.environ["OCTOPUS_ADMIN_PASSWORD"])
    key = octopus.call("POST", f"/api/users/{octopus.user['Id']}/apikeys", {"Purpose": "octopus.upgrade acceptance"})["ApiKey"]
    arguments.key_file.touch(mode=0o600)
    arguments.key_file.write_text(key + "\n", encoding="ascii")
    environment = octopus.call("POST", "/api/environments", {"Name": "Acceptance"})
    for number in range(1, 21):
        name = f"Acceptance.Package.1.0.{number}.zip"
        octopus.call(
            "POST", "/api/packages/raw", files={"file": (name, _package("Acceptance.Package", f"1.0.{number}"), "application/zip")}
        )
    for name in ("Acceptance One", "Acceptance Two", "Acceptance Three"):
        project = _project(octopus, name)
        for version in ("1.0.0", "1.1.0"):
            _deploy(octopus, project, environment, version)
    print(f"{arguments.url}: 3 projects, 6 deployments, 20 packages; the API key is in {arguments.key_file}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
