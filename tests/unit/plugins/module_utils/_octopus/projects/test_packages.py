# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""octopus_packages_copy from one server to another, and which packages are used."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator
from typing import Any

import pytest
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.api.multipart import FileForm
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.projects.used_packages import Package, last_pushed, selected, taken
from ansible_collections.octopus.upgrade.tests.unit.octopus_server import ROOT, Answer, FakeServer, Request
from ansible_collections.octopus.upgrade.tests.unit.run_module import run_module

FEED = "/api/Spaces-1/packages"
CONTENT = b"PK" * 100_000  # longer than one piece


def row(package: str, content: bytes = CONTENT, published: str = "2026-01-01", **more: Any) -> dict[str, Any]:
    identity, version = package.split(" ")
    sha1 = hashlib.sha1(content, usedforsecurity=False).hexdigest()
    own = {
        "Id": f"packages-{identity}.{version}",
        "PackageId": identity,
        "Version": version,
        "FileExtension": ".zip",
        "Published": published,
    }
    return {**own, "Hash": sha1, "PackageSizeBytes": len(content), **more}


class Server(FakeServer):
    def __init__(self) -> None:
        super().__init__()
        self.answers["GET /api"] = {**ROOT, "Version": "2025.3.14357", "Links": {"Spaces": "/api/spaces{/id}"}}
        self.collection("/api/spaces", [{"Id": "Spaces-1", "Name": "Default", "IsDefault": True}])
        self.arriving: dict[str, Any] = {}
        self.answers[f"POST {FEED}/raw"] = self.push

    def has(self, *rows: dict[str, Any], content: bytes = CONTENT) -> None:
        self.collection(FEED, list(rows))
        for one in rows:
            self.answers[f"GET {FEED}/{one['Id']}/raw"] = Answer(content)

    def push(self, request: Request) -> Answer:
        assert request.query == {"replace": "false"} and b'name="fileData"; filename="Shop.1.0.1.zip"' in request.body
        content = request.body.partition(b"\r\n\r\n")[2].rpartition(b"\r\n--")[0]
        self.answers[f"GET {FEED}/packages-Shop.1.0.1"] = row("Shop 1.0.1", content, **self.arriving)
        return Answer(None, 201)


@pytest.fixture
def source() -> Iterator[Server]:
    """A project that takes Shop from the built-in feed now, and took Old from there and Ext from elsewhere before."""
    fake = Server()
    start = "/api/Spaces-1"
    fake.collection(f"{start}/feeds", [{"Id": "Feeds-1", "FeedType": "BuiltIn"}, {"Id": "Feeds-2", "FeedType": "NuGet"}])
    fake.collection(f"{start}/projects", [{"Id": "Projects-1", "Name": "Web Shop", "DeploymentProcessId": "process-1"}])
    steps = [{"ActionName": "Deploy", "PackageReferenceName": "", "PackageId": "Shop", "FeedId": "Feeds-1"}]
    older = [{**steps[0], "PackageId": "Old"}, {**steps[0], "ActionName": "Tool", "PackageId": "Ext", "FeedId": "Feeds-2"}]
    for identity, packages in (("process-1", steps), ("process-1-s-0", older)):
        fake.answers[f"GET {start}/deploymentprocesses/{identity}"] = {"Id": identity}
        fake.answers[f"GET {start}/deploymentprocesses/{identity}/template"] = {"Packages": packages}
    releases = [
        {"Version": "2", "SelectedPackages": [{"ActionName": "Deploy", "Version": "1.0.1"}, {"ActionName": "Gone", "Version": "9"}]},
        {
            "Version": "1",
            "ProjectDeploymentProcessSnapshotId": "process-1-s-0",
            "SelectedPackages": [{"ActionName": "Deploy", "Version": "0.9"}, {"ActionName": "Tool", "Version": "3"}],
        },
    ]
    fake.collection(f"{start}/projects/Projects-1/releases", [{"Id": f"Releases-{one['Version']}", **one} for one in releases])
    fake.has(row("Shop 1.0.0"), row("Shop 1.0.1", published="2026-02-01"))
    yield fake
    fake.close()


@pytest.fixture
def target() -> Iterator[Server]:
    fake = Server()
    fake.has()
    yield fake
    fake.close()


def copy(source: Server, target: Server, check_mode: bool = False, **options: Any) -> dict[str, Any]:
    there = {"url": source.url, "api_key": "API-SOURCE", "allow_http": True}
    asked = {"url": target.url, "api_key": "API-1", "allow_http": True, "source": there, "projects": ["Web Shop"]}
    return run_module("octopus_packages_copy", check_mode, **(asked | options))


def test_what_is_used_is_copied_once(source: Server, target: Server) -> None:
    looked = copy(source, target, check_mode=True)
    assert (looked["packages"], looked["bytes"], looked["missing"], target.requests) == (1, len(CONTENT), ["Old 0.9"], [])
    done = copy(source, target)
    assert (done["changed"], done["copied"], done["bytes"]) == (True, 1, len(CONTENT)), done
    assert done["missing"] == ["Old 0.9"] and done["unknown"] == ["Web Shop 2: the package of the step Gone in version 9"]
    again = copy(source, target)
    assert (again["changed"], again["copied"], again["existing"], again["different"]) == (False, 0, 1, [])
    assert len(target.sent("POST")) == 1 and not source.sent("POST")


def test_what_is_there_is_not_replaced(source: Server, target: Server) -> None:
    target.has(row("Shop 1.0.1", b"else"))
    assert copy(source, target)["different"] == ["Shop 1.0.1"] and not target.sent("POST")


def test_a_damaged_package_is_not_copied(source: Server, target: Server) -> None:
    source.has(row("Shop 1.0.1"), content=CONTENT[:-2] + b"XX")
    assert "as the feed says, but its hash is" in copy(source, target)["msg"] and not target.sent("POST")
    source.has(row("Shop 1.0.1", Hash=None), content=CONTENT[:-2])
    assert f"it has {len(CONTENT) - 2} bytes and not {len(CONTENT)}" in copy(source, target)["msg"] and not target.sent("POST")


def test_one_that_arrives_otherwise_fails(source: Server, target: Server) -> None:
    target.arriving = {"Hash": "0" * 40}
    assert "to arrive as it was sent, but its hash is" in copy(source, target)["msg"]
    # A hash of a kind that is not known says nothing.
    del target.answers[f"GET {FEED}/packages-Shop.1.0.1"]
    target.arriving = {"Hash": "crc:1"}
    assert copy(source, target)["copied"] == 1


def test_what_may_not_be_done_is_told(source: Server, target: Server) -> None:
    target.answers[f"POST {FEED}/raw"] = Answer({"ErrorMessage": "no"}, 403)
    assert "BuiltInFeedPush" in copy(source, target)["msg"]
    source.answers[f"GET {FEED}/packages-Shop.1.0.1/raw"] = Answer({"ErrorMessage": "no"}, 403)
    assert "may not do this" in copy(source, target, check_mode=True)["msg"]
    assert "but Nope do not exist" in copy(source, target, projects=["Nope"])["msg"]


def test_which_versions() -> None:
    actions = taken([{"ActionName": "A", "PackageId": "#{Which}", "FeedId": "F"}, {"StepName": "B", "PackageId": "b", "FeedId": "F"}])
    assert list(actions) == [("B", "")]
    release = {
        "SelectedPackages": [{"ActionName": "A", "Version": "1"}, {"StepName": "B", "Version": "2"}, {"ActionName": "C", "Version": ""}]
    }
    assert selected(release, actions, {"F"}) == ({Package("b", "2")}, ["the package of the step A in version 1"])
    assert last_pushed(
        [row("Shop 2.0", published="2026-01-01"), row("shop 1.9", published="2026-03-01"), row("Shopper 9")], "Shop"
    ) == Package("shop", "1.9")
    assert last_pushed([], "Shop") is None


def test_a_form_is_read_by_pieces_and_again() -> None:
    form = FileForm("fileData", "a.zip", io.BytesIO(CONTENT))
    whole = b"".join(form)
    assert len(whole) == len(form) == form.tell() and CONTENT in whole
    form.seek(0)
    assert form.read() == whole
    with pytest.raises(ValueError, match="from its beginning"):
        form.seek(1)
