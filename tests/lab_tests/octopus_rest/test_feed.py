# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The release feed and the download site."""

from __future__ import annotations

import hashlib

import pytest
import requests
import urllib3
from lab.octopus.feed import ReleaseSite
from patience import patient

DATA = bytes(range(256)) * 4096
VERSIONS = ["2018.10.7", "2021.1.8045", "2025.3.14357", "2026.2.9853", "2026.3.100-rc1"]


@pytest.fixture
def site(network):
    site = ReleaseSite("releases", network)
    for version in VERSIONS:
        site.add(version, DATA + version.encode() if version != "2021.1.8045" else None)
    site.start()
    yield site
    site.stop()


@pytest.fixture
def client(site, network):
    with requests.Session() as session:
        session.trust_env = False  # REQUESTS_CA_BUNDLE would win over verify
        session.verify = str(network.authority.path)
        yield session


def test_the_feed_has_every_version_in_no_order(site, client):
    entries = client.get(site.feed_url, timeout=patient(10)).json()
    found = [entry["Version"] for entry in entries]
    assert sorted(found) == sorted(VERSIONS)
    assert found not in (sorted(VERSIONS), sorted(VERSIONS, reverse=True))
    assert [entry["Version"] for entry in entries if entry["IsPreRelease"]] == ["2026.3.100-rc1"]
    assert found == [entry["Version"] for entry in client.get(site.feed_url, timeout=patient(10)).json()]


def test_head_tells_size_and_hash_get_gives_the_bytes(site, client):
    url, data = site.msi_url("2026.2.9853"), DATA + b"2026.2.9853"
    head = client.head(url, timeout=patient(10))
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["Content-Length"] == str(len(data))
    assert head.headers["x-amz-meta-sha256"] == hashlib.sha256(data).hexdigest()
    got = client.get(url, timeout=patient(10))
    assert got.content == data
    assert got.headers["ETag"] == head.headers["ETag"]
    assert client.get(url, headers={"If-None-Match": head.headers["ETag"]}, timeout=patient(10)).status_code == 304


@pytest.mark.parametrize(
    ("wanted", "status", "span"),
    [
        ("bytes=0-99", 206, (0, 100)),
        ("bytes=1000000-", 206, (1000000, None)),
        ("bytes=-5", 206, (-5, None)),
        ("bytes=99999999-", 416, None),
    ],
)
def test_a_download_can_be_taken_up_again(site, client, wanted, status, span):
    data = DATA + b"2018.10.7"
    answer = client.get(site.msi_url("2018.10.7"), headers={"Range": wanted}, timeout=patient(10))
    assert answer.status_code == status
    if span:
        part = data[slice(*span)]
        assert answer.content == part
        start = data.index(part) if len(part) > 200 else (span[0] if span[0] >= 0 else len(data) + span[0])
        assert answer.headers["Content-Range"] == f"bytes {start}-{start + len(part) - 1}/{len(data)}"
    else:
        assert answer.headers["Content-Range"] == f"bytes */{len(data)}"


@pytest.mark.parametrize("name", ["Octopus.9999.1.1-x64.msi", "Octopus.2021.1.8045-x64.msi", "Octopus.2026.2.9853.msi", "other.txt"])
def test_what_is_not_there_is_refused_as_a_bucket_does(site, client, name):
    answer = client.get(f"{site.url}/octopus/{name}", timeout=patient(10))
    assert (answer.status_code, answer.headers["Content-Type"]) == (403, "application/xml")
    assert "<Code>AccessDenied</Code>" in answer.text


def test_corrupt_bytes_have_the_right_length_and_the_wrong_hash(site, client, network):
    network.faults.arm("download.corrupt", "releases", times=1, version="2026.2.9853")
    assert client.get(site.msi_url("2018.10.7"), timeout=patient(10)).content == DATA + b"2018.10.7"
    got = client.get(site.msi_url("2026.2.9853"), timeout=patient(10))
    assert len(got.content) == len(DATA) + 11
    assert hashlib.sha256(got.content).hexdigest() != got.headers["x-amz-meta-sha256"]
    again = client.get(site.msi_url("2026.2.9853"), timeout=patient(10))
    assert hashlib.sha256(again.content).hexdigest() == again.headers["x-amz-meta-sha256"]


def test_a_download_that_breaks_off_can_be_finished(site, network):
    network.faults.arm("download.fail", "releases", times=1)
    pool = urllib3.PoolManager(ca_certs=str(network.authority.path), retries=False)
    url = site.msi_url("2026.2.9853")
    answer = pool.request("GET", url, preload_content=False)
    got = b""
    with pytest.raises(urllib3.exceptions.ProtocolError):
        for piece in answer.stream(65536):
            got += piece
    assert 0 < len(got) < len(DATA)
    rest = pool.request("GET", url, headers={"Range": f"bytes={len(got)}-"})
    assert rest.status == 206
    assert got + rest.data == DATA + b"2026.2.9853"
    pool.clear()


def test_the_ledger_remembers(site, client, network):
    client.head(site.msi_url("2018.10.7"), timeout=patient(10))
    client.get(f"{site.url}/octopus/none", timeout=patient(10))
    seen = [(event["method"], event["path"], event["status"]) for event in network.ledger.events("http", "releases")]
    assert seen == [("HEAD", "/octopus/Octopus.2018.10.7-x64.msi", 200), ("GET", "/octopus/none", 403)]
