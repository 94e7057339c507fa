# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What lies in files: logos, artifacts, packages. They are read from the server folders at each request, as the product does."""

from __future__ import annotations

import hashlib
import re
import zlib
from base64 import b64decode

from flask import Blueprint, Response, jsonify, request
from flask.typing import ResponseReturnValue

from ..releases import pushed
from .catalogue import BY_ADDRESS
from .context import need, node, space, store
from .errors import ApiError, invalid, not_found
from .paging import flag, page
from .ports import Document
from .resources import find

api = Blueprint("content", __name__)
NAME = re.compile(r"(?P<id>[\w.-]+?)\.(?P<version>\d+(\.\d+)+(-[\w.]+?)?)(?P<extension>\.nupkg|\.zip)", re.IGNORECASE)
# What projects and tenants without a picture of their own show (that there is one is known from the portal, its bytes are not).
DEFAULT_LOGO = b64decode(b"iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==")


@api.get("/<any(projects, tenants):address>/<document_id>/logo")
def logo(address: str, document_id: str) -> Response:
    """The picture; where the row says that there is one and the folder has it not, 404 (*assumed*)."""
    owner = find(BY_ADDRESS[address], document_id)
    own = store().logo(owner)
    if own is None and owner.get("LogoContentType"):
        raise ApiError(404, f"The logo of '{document_id}' was not found in the artifacts folder.")
    data, content_type = own or (DEFAULT_LOGO, "image/png")
    return Response(data, content_type=content_type, headers={"ETag": f'"{zlib.crc32(data):08x}"'})


@api.get("/artifacts/<document_id>/content")
def artifact(document_id: str) -> Response:
    document = find(BY_ADDRESS["artifacts"], document_id)
    data = store().artifact(document)
    if data is None:
        raise ApiError(404, f"The file of artifact '{document_id}' was not found in the artifacts folder.")
    name = str(document.get("Filename") or document_id).replace('"', "")
    return Response(data, content_type="application/octet-stream", headers={"Content-Disposition": f'attachment; filename="{name}"'})


@api.delete("/artifacts/<document_id>")
def remove_artifact(document_id: str) -> Document:
    """That the file goes with the row is *assumed*."""
    store().remove_artifact(find(BY_ADDRESS["artifacts"], document_id, "DELETE"))
    return {}


# -- packages of the built-in feed


def package_shape(package: Document) -> Document:
    start = f"/api/{package['SpaceId']}" if node().has_spaces and package.get("SpaceId") else "/api"
    own = f"{start}/packages/{package['Id']}"
    body = {**package, "FeedId": package.get("FeedId") or "feeds-builtin", "Links": {"Self": own, "Raw": f"{own}/raw"}}
    if "PackageId" in body:
        body.setdefault("NuGetPackageId", body["PackageId"])
    if not node().has_spaces:
        body.pop("SpaceId", None)
    return body


def _package_id(package: Document) -> str:
    return str(package.get("PackageId") or package.get("NuGetPackageId") or "")


@api.get("/packages")
def packages() -> Document:
    where = space()
    need("BuiltInFeedDownload", where)
    documents = store().documents("NuGetPackage", where)
    wanted, partial = request.args.get("nuGetPackageId"), request.args.get("filter", "").lower()
    documents = [
        one
        for one in documents
        if (not wanted or _package_id(one).lower() == wanted.lower()) and (not partial or partial in _package_id(one).lower())
    ]
    if flag("latest"):
        latest = {_package_id(one).lower(): one for one in documents}
        documents = list(latest.values())
    return page("Package", documents, package_shape)


def _package(package_id: str) -> Document:
    where = space()
    need("BuiltInFeedDownload", where)
    found = store().document("NuGetPackage", package_id)
    if found is None or (where and found.get("SpaceId") not in (where, None)):
        raise not_found(package_id)
    return found


@api.get("/packages/<package_id>")
def package(package_id: str) -> Document:
    return package_shape(_package(package_id))


@api.delete("/packages/<package_id>")
def remove(package_id: str) -> Document:
    """Octopus.Client's BuiltInPackageRepositoryRepository deletes so; that its permission is this one, and the file goes too, is *assumed*."""
    document = _package(package_id)
    need("BuiltInFeedAdminister", space())
    store().remove_package(document)
    return {}


@api.get("/packages/<package_id>/raw")
def raw(package_id: str) -> Response:
    """The package's file; 404 when it is not in the package folder (*assumed*)."""
    document = _package(package_id)
    data = store().package(document)
    if data is None:
        raise ApiError(404, f"The file of package '{package_id}' was not found in the package repository.")
    name = f"{_package_id(document)}.{document.get('Version')}{document.get('FileExtension') or '.nupkg'}"
    return Response(
        data,
        content_type="application/octet-stream",
        headers={
            "Content-Disposition": f'attachment; filename="{name}"',
            "ETag": f'"{hashlib.sha1(data, usedforsecurity=False).hexdigest()}"',
        },
    )


@api.post("/packages/raw")
def push() -> ResponseReturnValue:
    """Push a package: a file in a form, as build servers send it (octopus.com/docs/packaging-applications).

    A project whose releases are made automatically gets one (``AutoCreateRelease``).
    """
    where, here = space(), node()
    need("BuiltInFeedPush", where)
    file = next(iter(request.files.values()), None)
    name = str(file.filename if file else "")
    found = NAME.fullmatch(name)
    if found is None:
        raise invalid(f"'{name}' is no package's file name.")
    data = file.read() if file else b""
    package_id, version = found["id"], found["version"]
    numbers = [int(part) for part in [*version.partition("-")[0].split("."), "0", "0"][:3]]
    row: Document = {
        "Id": f"packages-{package_id}.{version}",
        "PackageId": package_id,
        "Version": version,
        "Title": package_id,
        **dict(zip(("VersionMajor", "VersionMinor", "VersionBuild"), numbers, strict=True)),
        "PackageSizeBytes": len(data),
        "Hash": hashlib.sha1(data, usedforsecurity=False).hexdigest(),
        "FileExtension": found["extension"],
        "FeedId": "feeds-builtin",
        "Published": here.clock.now().isoformat(),
        **({"SpaceId": where} if where else {}),
    }
    if store().document("NuGetPackage", row["Id"]) is not None:
        raise ApiError(409, f"The package {name} is there already.")
    body = package_shape(store().save_package(row, data))
    for project, release in pushed(store(), package_id, version, here.clock.now()):
        here.ledger.record("contact", here.machine, what="release", node=here.name, project=project["Name"], version=release["Version"])
    return jsonify(body), 201


@api.get("/feeds/stats")
def stats() -> Document:
    need("FeedView", space())
    return {"TotalPackages": store().count("NuGetPackage"), "IsIndexing": False, "Links": {"Self": "/api/feeds/stats"}}
