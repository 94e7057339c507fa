# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The root document by version, against real ones where they are at hand."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from lab.octopus.rest.root import LINKS, NOT_SERVED, POSTED

HERE = Path(__file__).resolve()
# Captured root documents may lie beside the checkout; they are not part of it.
FOLDERS = [Path(os.environ.get("OCTOPUS_API_RECORDINGS", "")), *(parent / "shared/data/octopus-api" for parent in HERE.parents)]
RECORDINGS = next((sorted(folder.glob("root-*.json")) for folder in FOLDERS if folder.name and folder.is_dir()), [])


def test_without_a_key_it_tells_version_and_installation(serve):
    root = serve("2025.3.14357").json("/api", key=None)
    assert (root["Application"], root["Version"], root["ApiVersion"]) == ("Octopus Deploy", "2025.3.14357", "3.0.0")
    assert root["InstallationId"] == "00000000-1111-2222-3333-444444444444"
    assert root["Links"]["Projects"].startswith("/api/Spaces-1/projects{/id}")


@pytest.mark.parametrize(
    ("version", "has", "has_not"),
    [
        ("2018.10.7", {"Projects", "Workers", "TaskTypes"}, {"Spaces", "Runbooks", "TelemetryConfiguration"}),
        ("2018.6.1", {"Projects"}, {"Spaces", "Workers"}),
        ("2020.5.7", {"Spaces", "Runbooks"}, {"TelemetryConfiguration"}),
        ("2026.2.9853", {"Spaces", "Runbooks", "TelemetryConfiguration"}, set()),
    ],
)
def test_links_tell_what_a_version_can_do(serve, version, has, has_not):
    links = set(serve(version).json("/api", key=None)["Links"])
    assert has <= links
    assert not has_not & links


def test_every_link_leads_somewhere(serve):
    server = serve("2026.2.9853")
    links = server.json("/api")["Links"]
    assert len(links) == len(LINKS) + 1
    for name, link in links.items():
        answer = server.call("POST", link.partition("{")[0], json={}) if name in POSTED else server.get(link.partition("{")[0])
        if name in POSTED:
            # It is there, and wants more than that, or a space manager.
            assert answer.status_code in (400, 403), (name, link, answer.text)
            continue
        # 403: it is there; the administrator of the test's store was not given that one right.
        assert answer.status_code in (200, 403), (name, link, answer.text)


@pytest.mark.parametrize("path", RECORDINGS or [None], ids=lambda path: path.stem if path else "none")
def test_it_has_the_links_of_the_real_one(serve, path):
    if path is None:
        pytest.skip("no captured root documents at hand")
    real = json.loads(path.read_text(encoding="utf-8"))
    ours = serve(real["Version"]).json("/api", key=None)
    for name, link in real["Links"].items():
        if name in NOT_SERVED:
            assert name not in ours["Links"], f"{name} is linked, though it is listed as not served"
            continue
        assert ours["Links"][name].partition("{")[0] == link.partition("{")[0], name
    assert ("Spaces" in real["Links"]) == ("Spaces" in ours["Links"])
    assert set(real) - {"InstallationId"} <= set(ours) | {"InstallationId"}
