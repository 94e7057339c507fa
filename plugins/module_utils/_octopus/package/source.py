# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The origin of an installer package, and what it says about the package."""

from __future__ import annotations

import re
import threading
import traceback
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from ansible_collections.octopus.upgrade.plugins.module_utils._core.errors import MissingLibrary
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError

try:
    import requests
except ImportError:
    REQUESTS_IMPORT_ERROR: str | None = traceback.format_exc()
else:
    REQUESTS_IMPORT_ERROR = None

# The SHA-256 that the vendor's download site sends with each package; OctopusDSC compares it too
# (https://github.com/OctopusDeploy/OctopusDSC). It has the same origin as the package, so it reveals damage, not tampering.
HASH_HEADER = "x-amz-meta-sha256"
DEFAULT_SOURCE = "https://download.octopusdeploy.com/octopus/Octopus.{version}-x64.msi"

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._()+-]*\.msi", re.I)
_SHA256 = re.compile(r"[0-9a-f]{64}", re.I)


@dataclass(frozen=True)
class RemoteFile:
    """What the origin states: size in bytes and SHA-256, each None where it does not."""

    size: int | None
    sha256: str | None


class PackageSource:
    """One version's package at its origin: a URL, a UNC path or a path on the node itself.

    Args:
        source: Where it is; ``{version}`` stands for the version.
        version: The version.
        sha256: The hash that the user expects.
        validate_certs: Whether the control node verifies the certificate of a URL.
        ca_path: PEM file with certificates of authorities that the control node trusts for that.

    Raises:
        OctopusError: The source cannot be used.
    """

    def __init__(
        self, source: str, version: str, sha256: str | None = None, *, validate_certs: bool = True, ca_path: str | None = None
    ) -> None:
        self.version = version
        self.text = source.replace("{version}", version)
        self.sha256 = _checked_hash(sha256)
        self._stated_by = "the option sha256"
        self._verify: bool | str = (ca_path or True) if validate_certs else False
        self._remote: RemoteFile | None = None
        self._lock = threading.Lock()
        if re.match(r"https?://", self.text, re.I):
            self.kind = "url"
            parts = urlsplit(self.text)
            if parts.username or parts.password:
                raise OctopusError(
                    "source: the URL of the package contains a user or password, which a process list would show. Use a URL without them."
                )
            if parts.scheme.lower() == "http" and self.sha256 is None:
                raise OctopusError(
                    f"source: {self.text} is fetched without encryption, so that anybody on the network could replace the package. "
                    "Use https, or set sha256."
                )
            self.name = unquote(parts.path).rpartition("/")[2]
        elif self.text.startswith("\\\\"):
            self.kind = "unc"
            self.name = self.text.rpartition("\\")[2]
        elif re.match(r"[A-Za-z]:\\", self.text):
            self.kind = "local"
            self.name = self.text.rpartition("\\")[2]
        else:
            raise OctopusError(
                rf"source: expected a URL (https://...), a UNC path (\\server\share\...) or a path on the node (C:\...) but found "
                rf"{self.text!r}."
            )
        if not _NAME.fullmatch(self.name):
            raise OctopusError(f"source: expected the name of an .msi file at the end of {self.text!r}.")

    def remote(self) -> RemoteFile:
        """Ask the origin of a URL, once. Nothing is known of any other source here.

        Raises:
            OctopusError: It has no such package; or it cannot be reached, and nothing else tells the right hash.
        """
        with self._lock:
            if self._remote is None:
                self._remote = self._ask() if self.kind == "url" else RemoteFile(None, None)
            return self._remote

    def expect(self, sha256: str, stated_by: str) -> None:
        """Expect this hash of the package, because of what states it."""
        self.sha256, self._stated_by = sha256, stated_by

    def expected(self) -> tuple[str | None, str]:
        """Return the hash that the package has to have, and what states it."""
        if self.sha256:
            return self.sha256, self._stated_by
        said = self.remote().sha256
        return said, f"the header {HASH_HEADER} of {self.text}"

    def _ask(self) -> RemoteFile:
        if REQUESTS_IMPORT_ERROR:
            raise MissingLibrary("requests", REQUESTS_IMPORT_ERROR)
        try:
            answer = requests.head(self.text, allow_redirects=True, timeout=30, verify=self._verify)
            if answer.status_code in (405, 501):
                # The server does not support HEAD: start a download, and close the connection.
                answer = requests.get(self.text, stream=True, timeout=30, verify=self._verify)
                answer.close()
        except requests.RequestException as error:
            if self.sha256:
                return RemoteFile(None, None)  # the hash is known, and the node may reach the origin nevertheless
            raise OctopusError(
                f"The control node cannot ask {self.text} for the hash of the package: {_reason(error)} "
                "Set sha256 if only the nodes can reach it, or ca_path if its certificate was issued by a private authority."
            ) from error
        if answer.status_code != 200:
            raise OctopusError(
                f"Expected a package of version {self.version} at {self.text}, but the answer was {answer.status_code} {answer.reason}. "
                "Check version (see https://octopus.com/downloads/previous) and source."
            )
        size = answer.headers.get("Content-Length", "")
        said = answer.headers.get(HASH_HEADER, "").strip()
        return RemoteFile(int(size) if size.isdigit() else None, said.lower() if _SHA256.fullmatch(said) else None)


def _checked_hash(text: str | None) -> str | None:
    if not text:
        return None
    if not _SHA256.fullmatch(text.strip()):
        raise OctopusError(f"sha256: expected 64 hex digits but found {text!r}.")
    return text.strip().lower()


def _reason(error: Exception) -> str:
    text = str(error)
    return (re.findall(r"(?:\[Errno[^\]]*\]|\[SSL[^\]]*\])[^'\")]*", text) or [text])[-1].strip() + "."
