# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The vendor's release feed and download site, on the machine ``releases``.

* ``/download/upgrade/v3``: a JSON array with every published server version and its release date; entries carry
  ``Version`` (https://octopus.com/docs/administration/upgrading/guide/automate-upgrades). The date's field name
  (``ReleaseDate``) and ``IsPreRelease`` are *assumed*. It is in no order, and has pre-releases: the vendor promises neither.
* ``/octopus/Octopus.<version>-x64.msi`` as on https://download.octopusdeploy.com, a bucket: ``x-amz-meta-sha256`` is what
  OctopusDSC compares a download with; unknown keys get S3's XML (404 NoSuchKey where the caller may list, else 403
  AccessDenied: https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html). 403 is *assumed* here, as for any
  public bucket without listing.
"""

from __future__ import annotations

import hashlib
import random
import re
import ssl
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from xml.sax.saxutils import escape

from flask import Flask, Response, jsonify, request

from ..core.faults import Faults
from ..core.ledger import Ledger
from ..core.network import Machine, Network
from .web import WebServer

CHUNK = 256 * 1024
MSI = re.compile(r"Octopus\.(?P<version>.+)-x64\.msi$")


@dataclass
class Release:
    """One published version: its MSI's bytes (None: in the feed only), when it came out."""

    version: str
    msi: bytes | None = field(default=None, repr=False)
    released: date = date(2020, 1, 1)

    def __post_init__(self) -> None:
        self.sha256 = hashlib.sha256(self.msi).hexdigest() if self.msi is not None else None
        # S3's ETag of an object uploaded in one part is its MD5 (API_Object.html): not a proof of anything here.
        self.etag = f'"{hashlib.md5(self.msi, usedforsecurity=False).hexdigest()}"' if self.msi is not None else None

    @property
    def prerelease(self) -> bool:
        return "-" in self.version


def create_site(releases: dict[str, Release], ledger: Ledger, faults: Faults, machine: str = "releases", may_list: bool = False) -> Flask:
    """The site as a WSGI app. ``releases`` is looked at anew by each request, so that a version can appear or vanish."""
    app = Flask(__name__)
    app.url_map.strict_slashes = False

    @app.after_request
    def remember(response: Response) -> Response:
        ledger.record("http", machine, method=request.method, path=request.path, status=response.status_code)
        return response

    @app.get("/download/upgrade/v3")
    def feed() -> Response:
        entries = [
            {"Version": one.version, "ReleaseDate": one.released.isoformat() + "T00:00:00Z", "IsPreRelease": one.prerelease}
            for one in releases.values()
        ]
        # The same disorder each time: a test that passes by chance today fails by chance tomorrow.
        random.Random(len(entries)).shuffle(entries)
        return jsonify(entries)

    @app.get("/octopus/<path:key>")
    def download(key: str) -> Response:
        match = MSI.fullmatch(key)
        release = releases.get(match["version"]) if match else None
        if release is None or release.msi is None:
            return _no_object(f"octopus/{key}", may_list)
        return _object(release, faults, machine)

    return app


def _no_object(key: str, may_list: bool) -> Response:
    code, text, status = ("NoSuchKey", "The specified key does not exist.", 404) if may_list else ("AccessDenied", "Access Denied", 403)
    detail = f"<Key>{escape(key)}</Key>" if may_list else ""
    body = (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f"<Error><Code>{code}</Code><Message>{text}</Message>{detail}<RequestId>0</RequestId></Error>"
    )
    return Response(body, status, content_type="application/xml")


def _object(release: Release, faults: Faults, machine: str) -> Response:
    data = release.msi or b""
    headers = {
        "ETag": release.etag or "",
        "x-amz-meta-sha256": release.sha256 or "",
        "Accept-Ranges": "bytes",
        "Content-Type": "application/octet-stream",
    }
    if request.if_none_match and release.etag and request.if_none_match.contains(release.etag.strip('"')):
        return Response(status=304, headers=headers)
    start, end, status = 0, len(data), 200
    wanted = request.range
    if wanted is not None and wanted.units == "bytes" and len(wanted.ranges) == 1:
        span = wanted.range_for_length(len(data))
        if span is None:
            return Response(status=416, headers={**headers, "Content-Range": f"bytes */{len(data)}"})
        start, end, status = span[0], span[1], 206
        headers["Content-Range"] = f"bytes {start}-{end - 1}/{len(data)}"
    headers["Content-Length"] = str(end - start)
    if request.method == "HEAD":
        return Response(status=status, headers=headers)
    if faults.hit("download.corrupt", machine, version=release.version) is not None:
        # The header still tells the right hash: a bad proxy or disk on the way is what this plays.
        data = bytes(data[:start]) + bytes(byte ^ 0xFF for byte in data[start : start + 4096]) + data[start + 4096 :]
    broken = faults.hit("download.fail", machine, version=release.version) is not None
    return Response(_pieces(data, start, end, broken), status, headers)


def _pieces(data: bytes, start: int, end: int, broken: bool) -> Iterator[bytes]:
    stop = start + (end - start) // 2 if broken else end
    for offset in range(start, stop, CHUNK):
        yield data[offset : min(offset + CHUNK, stop)]
    if broken:
        raise ConnectionAbortedError("download.fail: the site closes the connection half-way")


class ReleaseSite(Machine):
    """The machine ``releases``: feed and downloads on https port 8443.

    Args:
        names: DNS names that its certificate carries besides its address.
    """

    def __init__(self, name: str, network: Network, *, port: int = 8443, names: tuple[str, ...] = (), secure: bool = True) -> None:
        super().__init__(name, network)
        self.releases: dict[str, Release] = {}
        context: ssl.SSLContext | None = None
        if secure:
            context = network.authority.server_context(self.root / "tls", self.address, name, *names)
        self.app = create_site(self.releases, network.ledger, network.faults, name)
        self.server = WebServer(self.app, self.address, port, context)

    def add(self, version: str, msi: bytes | Path | None = None, released: date = date(2020, 1, 1)) -> Release:
        """Publish a version; without an MSI it stands in the feed but cannot be fetched."""
        data = msi.read_bytes() if isinstance(msi, Path) else msi
        release = self.releases[version] = Release(version, data, released)
        return release

    @property
    def url(self) -> str:
        """Of the site, with no slash at its end."""
        return self.server.url

    @property
    def feed_url(self) -> str:
        return f"{self.url}/download/upgrade/v3"

    def msi_url(self, version: str = "{version}") -> str:
        """Where that version's MSI is; with the placeholder of ``octopus_msi_source`` by default."""
        return f"{self.url}/octopus/Octopus.{version}-x64.msi"

    def start(self) -> ReleaseSite:
        self.server.start()
        return self

    def stop(self) -> None:
        self.server.stop()
