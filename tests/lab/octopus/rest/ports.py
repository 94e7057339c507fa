# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the REST API needs from the rest of the product: rows of its database, and files in its folders."""

from __future__ import annotations

from typing import Any, Protocol

Document = dict[str, Any]


class Store(Protocol):
    """One instance's database and folders as one node sees them.

    A document is a row with its columns and its JSON in one dict, in the API's names (``Id``, ``Name``, ``SpaceId``, …).
    Tables carry the product's names (``Project``, ``ServerTask``, …); a table that this schema has not is empty.
    Every method may be called from any thread, and raises what the database raises when it is not there.
    """

    def documents(self, table: str, space: str | None = None) -> list[Document]:
        """Every row, oldest first; only that space's where ``space`` is given and the schema has spaces."""

    def document(self, table: str, document_id: str) -> Document | None: ...

    def count(self, table: str, space: str | None = None) -> int: ...

    def add(self, table: str, document: Document) -> Document:
        """A new row; gives it with the ``Id`` that it got."""

    def save(self, table: str, document: Document) -> None: ...

    def remove(self, table: str, document_id: str) -> bool:
        """Whether there was such a row."""

    def configuration(self, document_id: str) -> Document | None:
        """The JSON of a row of ``Configuration``."""

    def save_configuration(self, document_id: str, value: Document) -> None: ...

    def maintenance(self) -> bool: ...

    def set_maintenance(self, on: bool) -> None: ...

    def nodes(self) -> list[Document]:
        """``Id Name LastSeen`` (aware datetime or None) ``MaxConcurrentTasks IsInMaintenanceMode``; ``Rank`` where it exists."""

    def save_node(self, node: Document) -> None: ...

    def remove_node(self, node_id: str) -> None: ...

    def folders(self) -> dict[str, str | None]:
        """``LogsDirectory ArtifactsDirectory PackagesDirectory …``: every server folder that this version has."""

    def licence(self) -> Document:
        """``LicenseText SerialNumber IsCompliant ComplianceSummary Expires`` (date or None)."""

    def save_licence(self, text: str) -> None: ...

    def user_for_key(self, api_key: str) -> Document | None: ...

    def grants(self, user_id: str) -> set[tuple[str, str | None]]:
        """(permission, space id); None: in the system, and in every space where the schema has none."""

    def task_log(self, task: Document) -> bytes | None:
        """The file in the task log folder; None: it is not there."""

    def artifact(self, artifact: Document) -> bytes | None: ...

    def package(self, package: Document) -> bytes | None: ...

    def save_package(self, package: Document, data: bytes) -> Document:
        """A new package of the built-in feed."""

    def remove_package(self, package: Document) -> None: ...

    def sealed(self, text: str) -> str:
        """A value under the master key."""

    def save_import(self, name: str, data: bytes) -> None:
        """A file that was uploaded to be imported."""

    def import_file(self, name: str) -> bytes | None: ...

    def remove_artifact(self, artifact: Document) -> None: ...

    def logo(self, owner: Document) -> tuple[bytes, str] | None:
        """The picture and its content type; None: there is no file. A row with a ``LogoContentType`` says that there should be one."""
