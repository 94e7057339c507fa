# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The form of a restore point's manifest, and the names of its files. No I/O.

The manifest is JSON in ASCII with sorted keys and Windows line ends, so that ``certutil -hashfile`` shows the hash that the signature holds.
"""

from __future__ import annotations

import hashlib
import json
import re
from datetime import datetime, timezone
from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._core.errors import InvalidValue
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError

FORMAT = 1
MANIFEST = "restore-point.json"
MASTER_KEY, LICENSE = "master-key.vault", "license.vault"
FOLDERS, PACKAGES, NODES = "folders", "packages", "nodes"
OPERATIONS = ("upgrade", "backup")
REMOVING = ".removing"

# What becomes part of a path or of a command: nothing that a shell or a file system gives a meaning to.
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,100}")
_NODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,80}")
_FOLDER = re.compile(r"[a-z][a-z0-9_]{0,40}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_TIME_IN_ID = re.compile(r"(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z(?:-|$)")
# The longest line that can be written to a Windows host (files.write_text).
_LONGEST_LINE = 8000


# -- ids and names


def check_id(restore_point: str) -> str:
    """Return the id unchanged if it can be the name of a folder and part of a command.

    Raises:
        OctopusError: It cannot.
    """
    if not is_id(restore_point) or restore_point.endswith((".", REMOVING)):
        raise OctopusError(
            f"Expected the id of a restore point (letters, digits and . _ - only) as restore_point, but found {restore_point!r}."
        )
    return restore_point


def is_id(value: Any) -> bool:
    """Whether it has the characters of an id."""
    return isinstance(value, str) and _ID.fullmatch(value) is not None


def is_node(name: str) -> bool:
    """Whether an inventory name can be part of a file's name."""
    return _NODE.fullmatch(name) is not None


def time_in_id(restore_point: str) -> datetime | None:
    """The time at the beginning of an id such as ``20261125T132400Z-2025.3.14357``; None where there is none."""
    found = _TIME_IN_ID.match(restore_point)
    try:
        if found is None:
            return None
        year, month, day, hour, minute, second = (int(part) for part in found.groups())
        return datetime(year, month, day, hour, minute, second, tzinfo=timezone.utc)
    except ValueError:
        return None


def config_file(node: str) -> str:
    r"""The path of a node's encrypted configuration, relative to the restore point.

    Raises:
        OctopusError: The node's inventory name cannot be that of a file.
    """
    if not is_node(node):
        raise OctopusError(f"The node's inventory name {node!r} cannot be part of a file's name: letters, digits and . _ - only.")
    return f"{NODES}\\{node}.config.vault"


def package_file(name: str) -> str:
    """The path of the package, relative to the restore point."""
    return f"{PACKAGES}\\{name}"


# -- form


def text_of(manifest: dict[str, Any]) -> str:
    """The manifest's JSON with Windows line ends.

    Raises:
        OctopusError: A value cannot be written as JSON, or is too long.
    """
    try:
        lines = json.dumps(manifest, indent=2, sort_keys=True, ensure_ascii=True, allow_nan=False).split("\n")
    except (TypeError, ValueError) as error:
        raise OctopusError(f"The manifest cannot be written as JSON: {error}") from error
    long = next((line for line in lines if len(line) > _LONGEST_LINE), None)
    if long is not None:
        raise OctopusError(
            f"Expected values of at most {_LONGEST_LINE} characters in the manifest, but found one of {len(long)}: {long.strip()[:60]} ..."
        )
    return "".join(f"{line}\r\n" for line in lines)


def digest(text: str) -> str:
    """The SHA-256 of a manifest's file, independent of the line ends it was read with."""
    return hashlib.sha256("\r\n".join(text.replace("\r\n", "\n").split("\n")).encode()).hexdigest()


def parse(text: str) -> dict[str, Any]:
    """Read a manifest.

    Raises:
        OctopusError: The text is not a manifest; the message says why.
    """
    try:
        found = json.loads(text, object_pairs_hook=_unique)
    except ValueError as error:
        raise OctopusError(f"{MANIFEST} is not a manifest: {error}") from error
    if not isinstance(found, dict):
        raise OctopusError(f"{MANIFEST} is not a manifest: it holds a {type(found).__name__}, not an object.")
    return found


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    # json takes the last of two equal keys, but a person might read the first.
    names = [name for name, _value in pairs]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise InvalidValue(f"the key {twice!r} occurs twice")
    return dict(pairs)


def file_name(path: str) -> str:
    """The last part of a path of Windows or Linux."""
    return re.split(r"[\\/]", path)[-1]


def is_sha256(value: Any) -> bool:
    """Whether it is a SHA-256 in lower-case hex digits."""
    return isinstance(value, str) and _SHA256.fullmatch(value) is not None


def is_folder(name: str) -> bool:
    """Whether it can be the name of a copied server folder."""
    return _FOLDER.fullmatch(name) is not None
