# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Octopus Server's REST API: documents in and out, absent links told from refusals, errors that say what to do.

https://octopus.com/docs/octopus-rest-api
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any, BinaryIO
from urllib.parse import urlencode

from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.version import Version

from .http import Http, OtherWay
from .links import absolute, plain
from .options import ApiOptions

_PAGE = 100
_CHUNK = 1 << 20
_SMALL = 1 << 16  # bytes that are sooner read than a connection is opened
_NOT_FOUND = (404, 405, 410)


class OctopusApi:
    """One server, or one node, spoken to with one key.

    Args:
        options: Where and how.
        retries: How often a request that may be repeated is; 0 where the caller itself polls.
        other_way: Asks where the control node cannot for a reason of its own.
    """

    def __init__(self, options: ApiOptions, retries: int = 4, other_way: OtherWay | None = None) -> None:
        self.options = options
        self.url = options.url
        self._http = Http(options, retries, other_way)
        self._root: dict[str, Any] | None = None

    def __enter__(self) -> OctopusApi:
        return self

    def __exit__(self, *_exc_info: object) -> None:
        self._http.close()

    @property
    def root(self) -> dict[str, Any]:
        """The document at ``/api``, read once; it needs no key."""
        if self._root is None:
            root = self.get("/api")
            if not isinstance(root, dict) or not root.get("Version"):
                raise OctopusError(f"{self.url}/api names no version: is this the address of an Octopus Server?")
            self._root = root
        return self._root

    @property
    def version(self) -> Version:
        return Version.parse(self.root["Version"])

    @property
    def has_spaces(self) -> bool:
        """Whether the server says so itself: its root has a link to them from 2019.1 on."""
        return self.link("Spaces") is not None

    def link(self, name: str) -> str | None:
        """Return the path of a link of the root document, without template; None where this version has none."""
        link = self.root.get("Links", {}).get(name)
        return plain(link) if link else None

    def get(self, path: str, **query: Any) -> Any:
        """Read one document.

        Raises:
            OctopusError: There is none, or it may not be read.
        """
        return self._document("GET", _with_query(path, query))

    def find(self, path: str, **query: Any) -> Any | None:
        """Read one document; None where this server has none at that path."""
        try:
            return self.get(path, **query)
        except OctopusError as error:
            if error.status in _NOT_FOUND:
                return None
            raise

    def put(self, path: str, document: dict[str, Any], needs: str = "") -> Any:
        """Write one document. ``needs`` names the permission that this takes, for the message of a refusal."""
        return self._document("PUT", path, document, needs)

    def post(self, path: str, document: dict[str, Any] | None = None, needs: str = "") -> Any:
        """Have something made or done. Never repeated by itself, unless the server says that it was not carried out."""
        return self._document("POST", path, document or {}, needs)

    def delete(self, path: str, needs: str = "") -> Any:
        """Have one document removed."""
        return self._document("DELETE", path, None, needs)

    def upload(self, path: str, name: str, content: bytes | BinaryIO, needs: str = "", field: str = "file") -> Any:
        """Post one file in a field of a form; return the document that the server made of it. An open file is sent as it is read."""
        url = absolute(self.url, path)
        with self._http.upload(url, name, content, field) as answer:
            if not answer.ok:
                raise OctopusError(self._refusal("POST", url, answer, needs), answer.status_code)
            return _json(answer)

    def items(self, path: str, **query: Any) -> Iterator[dict[str, Any]]:
        """Read a collection page by page."""
        skip = 0
        while True:
            page = self.get(path, skip=skip, take=_PAGE, **query)
            if isinstance(page, list):
                yield from page
                return
            yield from page["Items"]
            skip += len(page["Items"])
            if not page["Items"] or skip >= page.get("TotalResults", 0):
                return

    def total(self, path: str, **query: Any) -> int | None:
        """Return how many a collection holds (``TotalResults``); None where this version has no such collection."""
        page = self.find(path, skip=0, take=1, **query)
        return None if page is None else int(page["TotalResults"])

    def text(self, path: str) -> str:
        """Read plain text, such as a task's raw log."""
        with self._answer("GET", path) as answer:
            answer.encoding = answer.encoding if "charset" in answer.headers.get("Content-Type", "") else "utf-8"
            return answer.text

    def content(self, path: str) -> bytes:
        """Download a file that fits into memory.

        Raises:
            OctopusError: There is no such thing, or it broke off.
        """
        with self._answer("GET", path, stream=True) as answer, self._http.reading("GET", path):
            content: bytes = answer.content
            told = answer.headers.get("Content-Length", "")
            if told.isdigit() and len(content) < int(told) and "Content-Encoding" not in answer.headers:
                raise OctopusError(f"GET {self.url}{path} broke off: {len(content)} of {told} bytes came.")
            return content

    def digest(self, path: str, most: int | None = None) -> tuple[str, int, str]:
        """Download without keeping; return SHA-256, size in bytes and content type.

        Args:
            path: What to download.
            most: Bytes; None for any number.

        Raises:
            OctopusError: There is no such thing, it broke off, or it is larger than ``most``.
        """
        with self._answer("GET", path, stream=True) as answer, self._http.reading("GET", path):
            told = answer.headers.get("Content-Length", "")
            if most is not None and told.isdigit() and int(told) > most:
                raise OctopusError(f"GET {self.url}{path} was not downloaded: it has {told} bytes, more than {most}.")
            sha256, size = hashlib.sha256(), 0
            for chunk in self._chunks(path, answer):
                sha256.update(chunk)
                size += len(chunk)
            return sha256.hexdigest(), size, answer.headers.get("Content-Type", "").partition(";")[0]

    def chunks(self, path: str) -> Iterator[bytes]:
        """Download piece by piece.

        Raises:
            OctopusError: There is no such thing, or it broke off.
        """
        with self._answer("GET", path, stream=True) as answer, self._http.reading("GET", path):
            yield from self._chunks(path, answer)

    def _chunks(self, path: str, answer) -> Iterator[bytes]:
        told, size = answer.headers.get("Content-Length", ""), 0
        for chunk in answer.iter_content(_CHUNK):
            size += len(chunk)
            yield chunk
        if told.isdigit() and size < int(told) and "Content-Encoding" not in answer.headers:
            raise OctopusError(f"GET {self.url}{path} broke off: {size} of {told} bytes came.")

    def size(self, path: str) -> int | None:
        """Return the size in bytes of what a download would bring, by the head of its answer; None where that does not say it."""
        with self._answer("GET", path, stream=True) as answer, self._http.reading("GET", path):
            told = answer.headers.get("Content-Length", "")
            if not told.isdigit() or "Content-Encoding" in answer.headers:
                return None
            return len(answer.content) if int(told) <= _SMALL else int(told)

    @property
    def cookies(self) -> dict[str, str]:
        """The cookies that the server has set."""
        return self._http.cookies

    def set_header(self, name: str, value: str) -> None:
        """Send a header with every further request."""
        self._http.set_header(name, value)

    @property
    def indirect(self) -> bool:
        """Whether the server is asked another way, since the control node cannot ask it."""
        return self._http.indirect

    def status(self, path: str, timeout: float | None = None) -> tuple[int, Any]:
        """Ask once; return the status and the document (None if it is none), also where the status is a refusal.

        ``ping`` answers 418 with a document while a node drains or is offline.
        """
        with self._http.send("GET", absolute(self.url, path), timeout=timeout) as answer:
            return answer.status_code, _json(answer)

    def _document(self, method: str, path: str, body: Any = None, needs: str = "") -> Any:
        with self._answer(method, path, body, needs) as answer:
            if not answer.content:
                return None
            document = _json(answer)
            if document is None and not _is_json(answer):
                raise OctopusError(
                    f"{method} {answer.url} was answered with {answer.headers.get('Content-Type', 'no content type')} instead of JSON: "
                    "is this the address of an Octopus Server?"
                )
            return document

    def _answer(self, method: str, path: str, body: Any = None, needs: str = "", stream: bool = False):
        url = absolute(self.url, path)
        answer = self._http.send(method, url, json=body, stream=stream)
        if answer.ok:
            return answer
        with answer:
            raise OctopusError(self._refusal(method, url, answer, needs), answer.status_code)

    def _refusal(self, method: str, url: str, answer, needs: str) -> str:
        said = _said(answer)
        if answer.status_code == 401:
            if not self.options.api_key:
                return f"{method} {url} needs an API key, and none was given: set api_key."
            why = said or "no reason given"
            return f"{method} {url}: the server does not accept the API key ({why}). Is it expired, revoked, or of another server?"
        if answer.status_code == 403:
            needed = f" It takes the permission {needs}." if needs and needs not in said else ""
            return f"{method} {url}: {self._user()} may not do this: {said or 'no reason given'}{needed} Use the key of a user who may."
        return f"{method} {url}: the server answered {answer.status_code}: {said or answer.reason}"

    def _user(self) -> str:
        """Name the user of the key, for the message of a refusal."""
        status, user = self.status("/api/users/me")
        if status == 200 and isinstance(user, dict):
            return f"the user {user.get('Username') or user.get('Id')}"
        return "the user of the API key"


def _with_query(path: str, query: dict[str, Any]) -> str:
    given = {name: str(value).lower() if isinstance(value, bool) else value for name, value in query.items() if value is not None}
    return path + (("&" if "?" in path else "?") + urlencode(given) if given else "")


def _is_json(answer) -> bool:
    return "json" in answer.headers.get("Content-Type", "")


def _json(answer) -> Any:
    if not _is_json(answer):
        return None
    try:
        return answer.json()
    except ValueError as error:
        raise OctopusError(f"{answer.url} was answered with broken JSON: {error}") from error


def _said(answer) -> str:
    """Return the server's own words: ``ErrorMessage`` and ``Errors`` of its error document."""
    document = _json(answer)
    if not isinstance(document, dict):
        return ""
    words = [document.get("ErrorMessage"), *(document.get("Errors") or [])]
    return " ".join(dict.fromkeys(str(word).strip() for word in words if word))
