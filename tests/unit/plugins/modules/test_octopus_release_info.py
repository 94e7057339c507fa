# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where published versions are read from, and what is said where they cannot be."""

from __future__ import annotations

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from ansible_collections.octopus.upgrade.tests.unit.run_module import run_module

FEED = [{"Version": "2025.4.10423", "ReleaseDate": "2026-02-12T00:00:00Z"}, {"Version": "2018.10.7"}, {"Version": "2026.3.1-preview"}]


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        known = {"/feed": json.dumps(FEED), "/page": "<html>Sign in to the proxy</html>"}
        self.send_response(200 if self.path in known else 404)
        self.end_headers()
        self.wfile.write(known.get(self.path, "").encode())

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def site() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_feed_over_http(site: str) -> None:
    result = run_module("octopus_release_info", feed=f"{site}/feed", version="latest")
    assert result["versions"] == ["2018.10.7", "2025.4.10423"]
    assert result["dates"] == {"2025.4.10423": "2026-02-12"}
    assert (result["version"], result["released"], result["changed"]) == ("2025.4.10423", "2026-02-12", False)


def test_a_copy_of_the_feed_and_a_folder_of_packages(tmp_path: Path) -> None:
    copy = tmp_path / "feed.json"
    copy.write_text(json.dumps(FEED), encoding="utf-8-sig")
    assert run_module("octopus_release_info", feed=str(copy))["versions"] == ["2018.10.7", "2025.4.10423"]
    folder = tmp_path / "packages"
    folder.mkdir()
    (folder / "Octopus.2025.4.10423-x64.msi").touch()
    result = run_module("octopus_release_info", feed=str(folder), version="2025.4")
    assert (result["versions"], result["version"], result["released"]) == (["2025.4.10423"], "2025.4.10423", None)


def test_a_policy_that_starts_from_what_is_installed(site: str) -> None:
    result = run_module("octopus_release_info", feed=f"{site}/feed", version="latest-patch", installed="2018.10.1")
    assert result["version"] == "2018.10.7"
    assert "needs the installed version" in run_module("octopus_release_info", feed=f"{site}/feed", version="latest-patch")["msg"]


@pytest.mark.parametrize("path", ["/none", "/page"])
def test_a_feed_that_cannot_be_read_says_what_else_there_is(site: str, path: str) -> None:
    result = run_module("octopus_release_info", feed=site + path)
    assert result["failed"]
    assert f"cannot read the release feed {site}{path}" in result["msg"]
    assert "octopus_ladder" in result["msg"]


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    result = run_module("octopus_release_info", feed=str(tmp_path / "none.json"))
    assert "cannot read the release feed" in result["msg"] and "on the control node" in result["msg"]
