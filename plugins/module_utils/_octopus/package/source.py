# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where an installer package comes from, and what its origin says of it."""

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

# The SHA-256 that the vendor's download site sends with each package; OctopusDSC compares it, too
# (https://github.com/OctopusDeploy/OctopusDSC). It comes from where the package comes from: it shows damage, not tampering.
HASH_HEADER = "x-amz-meta-sha256"
DEFAULT_SOURCE = "https://download.octopusdeploy.com/octopus/Octopus.{version}-x64.msi"

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._()+-]*\.msi", re.I)
_SHA256 = re.compile(r"[0-9a-f]{64}", re.I)


@dataclass(frozen=True)
class RemoteFile:
    """What the origin says: size in bytes and SHA-256, each None where it does not say."""

    size: int | None
    sha256: str | None


class PackageSource:
    """One version's package at its origin: a URL, a UNC path or a path on the node itself.

    Args:
        source: Where it is; ``{version}`` stands for the version.
        version: The version.
        sha256: What the user says its hash is.
        ca_path: Certificates of authorities to trust, for the question that the control node asks.

    Raises:
        OctopusError: The source cannot be used.
    """

    def __init__(
        self, source: str, version: str, sha256: str | None = None, *, validate_certs: bool = True, ca_path: str | None = None
    ) -> None:
        self.version = version
        self.text = source.replace("{version}", version)
        self.sha256 = _checked_hash(sha256)
        self._verify: bool | str = (ca_path or True) if validate_certs else False
        self._remote: RemoteFile | None = None
        self._lock = threading.Lock()
        if re.match(r"https?://", self.text, re.I):
            self.kind = "url"
            parts = urlsplit(self.text)
            if parts.username or parts.password:
                raise OctopusError(
                    "The source of the package holds a user or password, which would be seen in a process list. Use a URL without."
                )
            if parts.scheme.lower() == "http" and self.sha256 is None:
                raise OctopusError(
                    f"{self.text} is fetched without encryption: anybody on the way could change what is then installed. "
                    "Use https, or give its sha256."
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
                rf"The source {self.text!r} is neither a URL (https://...), nor a UNC path (\\server\share\...), "
                r"nor a path on the node (C:\...)."
            )
        if not _NAME.fullmatch(self.name):
            raise OctopusError(f"The source {self.text!r} does not end in the name of an .msi file.")

    def remote(self) -> RemoteFile:
        """Ask the origin of a URL, once; of any other source nothing is known here.

        Raises:
            OctopusError: It has no such package, or cannot be reached and nothing else tells what is right.
        """
        with self._lock:
            if self._remote is None:
                self._remote = self._ask() if self.kind == "url" else RemoteFile(None, None)
            return self._remote

    def expected(self) -> tuple[str | None, str]:
        """The hash that the package has to have, and who says so."""
        if self.sha256:
            return self.sha256, "the option sha256"
        said = self.remote().sha256
        return said, f"the header {HASH_HEADER} of {self.text}"

    def _ask(self) -> RemoteFile:
        if REQUESTS_IMPORT_ERROR:
            raise MissingLibrary("requests", REQUESTS_IMPORT_ERROR)
        try:
            answer = requests.head(self.text, allow_redirects=True, timeout=30, verify=self._verify)
            if answer.status_code in (405, 501):
                # A server that does not know HEAD: begin to read, and hang up.
                answer = requests.get(self.text, stream=True, timeout=30, verify=self._verify)
                answer.close()
        except requests.RequestException as error:
            if self.sha256:
                return RemoteFile(None, None)  # the node may reach what the control node cannot, and the hash is known
            raise OctopusError(
                f"The control node cannot ask {self.text} for the package's hash: {_reason(error)} "
                "Give sha256 if only the nodes can reach it, or ca_path if its certificate comes from an authority of your own."
            ) from error
        if answer.status_code != 200:
            raise OctopusError(
                f"There is no package of version {self.version}: {self.text} answered {answer.status_code} {answer.reason}. "
                "Check version (https://octopus.com/downloads/previous lists them) and source."
            )
        size = answer.headers.get("Content-Length", "")
        said = answer.headers.get(HASH_HEADER, "").strip()
        return RemoteFile(int(size) if size.isdigit() else None, said.lower() if _SHA256.fullmatch(said) else None)


def _checked_hash(text: str | None) -> str | None:
    if not text:
        return None
    if not _SHA256.fullmatch(text.strip()):
        raise OctopusError(f"sha256 has to be 64 hex digits, not {text!r}.")
    return text.strip().lower()


def _reason(error: Exception) -> str:
    text = str(error)
    return (re.findall(r"(?:\[Errno[^\]]*\]|\[SSL[^\]]*\])[^'\")]*", text) or [text])[-1].strip() + "."
