# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""octopus_push_test: pushed with one key, read back and removed with another, whatever happens."""

from __future__ import annotations

import pytest
from ansible_collections.octopus.upgrade.tests.unit.octopus_server import Answer, FakeServer
from ansible_collections.octopus.upgrade.tests.unit.run_module import run_module

NAME = "octopus.upgrade.push-test"


class Server(FakeServer):
    """A built-in feed that keeps what is pushed."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[dict] = []
        self.answers["POST /api/packages/raw"] = self.push
        self.collection("/api/packages", self.rows)

    def push(self, request):
        version = request.body.split(b"push-test.")[1].split(b".zip")[0].decode()
        content = request.body.split(b"\r\n\r\n")[1].rsplit(b"\r\n--", 1)[0]
        row = {"Id": f"packages-{NAME}.{version}", "PackageId": NAME, "Version": version, "Links": {"Raw": f"/api/raw/{version}"}}
        self.rows.append(row)
        self.answers[f"GET /api/raw/{version}"] = Answer(content)
        self.answers[f"DELETE /api/packages/{row['Id']}"] = lambda _request: self.rows.remove(row) or {}
        return Answer(row, 201)


@pytest.fixture
def server():
    fake = Server()
    yield fake
    fake.close()


def push(server, **options):
    return run_module("octopus_push_test", url=server.url, api_key="API-ADMIN", ci_api_key="API-BUILDER", allow_http=True, **options)


def test_it_is_pushed_with_the_one_key_and_removed_with_the_other(server):
    result = push(server)
    assert "failed" not in result, result
    assert result["package"]["id"] == NAME
    assert server.rows == []
    keys = {method: {request.headers["X-Octopus-ApiKey"] for request in server.sent(method)} for method in ("POST", "DELETE")}
    assert keys == {"POST": {"API-BUILDER"}, "DELETE": {"API-ADMIN"}}
    assert "API-BUILDER" not in str(result)


def test_a_key_that_may_not_push_is_told(server):
    server.answers["POST /api/packages/raw"] = Answer({"ErrorMessage": "Missing permission: BuiltInFeedPush"}, 403)
    server.answers["GET /api/users/me"] = {"Username": "ci"}
    assert "the user ci may not do this: Missing permission: BuiltInFeedPush" in push(server)["msg"]


def test_another_content_is_found_and_the_package_is_removed(server):
    real = server.push

    def damaged(request):
        answer = real(request)
        server.answers[f"GET {answer.body['Links']['Raw']}"] = Answer(b"something else")
        return answer

    server.answers["POST /api/packages/raw"] = damaged
    assert "returns 14 others" in push(server)["msg"]
    assert server.rows == []


def test_what_a_test_that_broke_off_has_left_is_removed(server):
    old = {"Id": f"packages-{NAME}.1.0.1", "PackageId": NAME, "Version": "1.0.1", "Links": {"Raw": "/api/raw/1.0.1"}}
    server.rows.append(old)
    server.answers[f"DELETE /api/packages/{old['Id']}"] = lambda _request: server.rows.remove(old) or {}
    assert "failed" not in push(server)
    assert server.rows == []


def test_check_mode_only_asks_who_the_keys_are_of(server):
    server.answers["GET /api/users/me"] = {"Username": "ci"}
    assert push(server, check_mode=True)["changed"] is False
    assert {request.method for request in server.requests} == {"GET"}
