# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where a package comes from, what its origin says, and what is refused before any node is asked."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.package.source import DEFAULT_SOURCE, PackageSource, RemoteFile

requests = pytest.importorskip("requests")

VERSION = "2025.4.10423"
URL = f"https://download.octopusdeploy.com/octopus/Octopus.{VERSION}-x64.msi"
DIGEST = "0123456789abcdef" * 4


@pytest.fixture
def origin(monkeypatch):
    """What the origin answers to HEAD, then to GET; remembers what it was asked."""
    world = SimpleNamespace(answers=[], asked=[])

    def ask(method):
        def answer(url, **options):
            world.asked.append((method, url, options["verify"]))
            found = world.answers.pop(0)
            if isinstance(found, Exception):
                raise found
            return found

        return answer

    for method in ("head", "get"):
        monkeypatch.setattr(requests, method, ask(method))
    return world


def answer(status=200, **headers):
    return SimpleNamespace(
        status_code=status, reason="Reason", headers={name.replace("_", "-"): value for name, value in headers.items()}, close=lambda: None
    )


def test_the_vendors_own_site(origin):
    origin.answers = [answer(x_amz_meta_sha256=DIGEST.upper(), **{"Content-Length": "1482203136"})]
    source = PackageSource(DEFAULT_SOURCE, VERSION)
    assert (source.text, source.name, source.kind) == (URL, f"Octopus.{VERSION}-x64.msi", "url")
    assert source.remote() == RemoteFile(1482203136, DIGEST)
    assert source.expected() == (DIGEST, f"the header x-amz-meta-sha256 of {URL}")
    assert origin.asked == [("head", URL, True)]


def test_the_users_hash_wins(origin):
    origin.answers = [requests.ConnectionError("no way out")]
    source = PackageSource(DEFAULT_SOURCE, VERSION, DIGEST.upper())
    assert source.expected() == (DIGEST, "the option sha256")
    assert source.remote() == RemoteFile(None, None)


def test_a_server_without_head_is_asked_otherwise(origin):
    origin.answers = [answer(405), answer(200, **{"Content-Length": "7"})]
    assert PackageSource(DEFAULT_SOURCE, VERSION, ca_path="/ca.pem").remote() == RemoteFile(7, None)
    assert [(method, verify) for method, _url, verify in origin.asked] == [("head", "/ca.pem"), ("get", "/ca.pem")]


def test_no_such_version(origin):
    origin.answers = [answer(404)]
    with pytest.raises(OctopusError, match=rf"Expected a package of version {VERSION} at {URL}, but the answer was 404 Reason") as caught:
        PackageSource(DEFAULT_SOURCE, VERSION).remote()
    assert "Check version" in caught.value.message


def test_an_origin_out_of_reach(origin):
    origin.answers = [requests.ConnectionError("<x>: [Errno 111] Connection refused')")]
    with pytest.raises(OctopusError, match=r"\[Errno 111\] Connection refused\. Set sha256"):
        PackageSource(DEFAULT_SOURCE, VERSION, validate_certs=False).remote()
    assert origin.asked[0][2] is False


@pytest.mark.parametrize(
    ("source", "kind", "name"),
    [
        ("\\\\nas\\software\\Octopus.{version}-x64.msi", "unc", f"Octopus.{VERSION}-x64.msi"),
        ("D:\\media\\{version}\\Octopus Server (x64).msi", "local", "Octopus Server (x64).msi"),
        ("https://mirror/a%20b/Octopus%20{version}.MSI?token=1", "url", f"Octopus {VERSION}.MSI"),
    ],
)
def test_kinds(source, kind, name, origin):
    found = PackageSource(source, VERSION)
    assert (found.kind, found.name) == (kind, name)
    if kind != "url":
        assert found.expected()[0] is None
    assert origin.asked == []


@pytest.mark.parametrize(
    ("source", "sha256", "said"),
    [
        ("http://mirror/Octopus.msi", None, "without encryption"),
        ("https://user:S3cret@mirror/Octopus.msi", None, "contains a user or password"),
        ("ftp://mirror/Octopus.msi", None, "expected a URL"),
        ("relative\\Octopus.msi", None, "expected a URL"),
        ("https://mirror/Octopus.exe", None, "expected the name of an .msi file"),
        ("https://mirror/%2e%2e%5cOctopus.msi", None, "expected the name of an .msi file"),
        ('C:\\a" & calc.msi', None, "expected the name of an .msi file"),
        (DEFAULT_SOURCE, "abc", "expected 64 hex digits"),
    ],
)
def test_refused(source, sha256, said):
    with pytest.raises(OctopusError, match=said) as caught:
        PackageSource(source, VERSION, sha256)
    assert "S3cret" not in caught.value.message


def test_plain_http_with_a_hash_is_the_users_choice():
    assert PackageSource("http://mirror/Octopus.msi", VERSION, DIGEST).kind == "url"
