# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The output of Octopus.Server.exe: JSON behind noise, text of older builds, XML of the configuration file."""

from __future__ import annotations

import base64
import binascii
import json
import re
import xml.etree.ElementTree as ET
from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError

_VERSION = re.compile(r"(?<![\d.])\d+\.\d+\.\d+(?:\.\d+)?(?:-[0-9A-Za-z.-]+)?(?![\d.])")
# Text of list-instances: Instance 'NAME' uses configuration 'PATH'. The words change between builds, the quotes do not.
_TWO_QUOTED = re.compile(r"""(['"])(?P<name>[^'"]+)\1[^'"]*(['"])(?P<path>[^'"]+)\3""")
_BASE64 = re.compile(r"[A-Za-z0-9+/]+={0,2}")
_KEY_BYTES = (16, 32)  # AES-128, as Octopus uses it; its Base64 ends in padding, unlike a number or an id


def json_payload(text: str, what: str) -> Any:
    """Return the JSON document at the end of an output that may begin with messages.

    A message about moving instances out of the registry has been seen there
    (https://github.com/OctopusDeploy/OctopusDSC/issues/179), and log lines may begin with a bracket themselves.

    Raises:
        OctopusError: There is none. The message does not repeat the output, which may contain secrets.
    """
    decoder = json.JSONDecoder()
    for found in re.finditer(r"[\[{]", text):
        try:
            document, end = decoder.raw_decode(text, found.start())
        except ValueError:
            continue
        if not text[end:].strip():
            return document
    raise OctopusError(f"Expected JSON in the output of {what} but found none in {len(text)} characters.")


def version_in(text: str) -> str | None:
    """Return the version in the output of ``version``, JSON or text; the last one if there are several."""
    found = _VERSION.findall(text)
    return found[-1] if found else None


def instances_in_json(document: Any) -> list[tuple[str, str]]:
    """Return name and configuration file of each instance; a single instance may come without a list around it."""
    rows = document if isinstance(document, list) else [document]
    found = []
    for row in rows:
        values = {key.lower(): value for key, value in row.items()}
        name = values.get("instancename") or values.get("name")
        path = values.get("configurationfilepath") or values.get("configurationpath") or values.get("configpath") or ""
        if not name:
            raise OctopusError(f"Expected a name of each instance in the output of list-instances, but one has only {', '.join(row)}.")
        found.append((name, path))
    return found


def instances_in_text(text: str) -> list[tuple[str, str]]:
    """Return name and configuration file of each instance from the text form."""
    return [(found["name"], found["path"]) for found in map(_TWO_QUOTED.search, text.splitlines()) if found]


def flat(document: Any, prefix: str = "") -> dict[str, str]:
    """Return a configuration with dotted keys, from dotted or nested ones (``--format=json-hierarchical``)."""
    values: dict[str, str] = {}
    for key, value in document.items():
        if isinstance(value, dict):
            values |= flat(value, f"{prefix}{key}.")
        elif value is not None:
            values[f"{prefix}{key}"] = value if isinstance(value, str) else json.dumps(value)
    return values


def settings_in_xml(text: str, what: str) -> dict[str, str]:
    """Return the settings of a configuration file: ``<octopus-settings><set key="Octopus.Home">C:\\Octopus</set>``."""
    start = text.find("<")
    try:
        root = ET.fromstring(text[start:] if start >= 0 else "")  # noqa: S314 - printed by the product itself, on its own host
    except (ET.ParseError, ValueError) as error:
        raise OctopusError(f"{what} is not a configuration file: {error}") from error
    return {entry.get("key", ""): (entry.text or "").strip() for entry in root.iter("set") if entry.get("key")}


def setting(values: dict[str, str], *names: str) -> str | None:
    """Return the first of these settings that exists; the letter case of their names has varied."""
    by_lower = {name.lower(): value for name, value in values.items()}
    return next((by_lower[name.lower()] for name in names if by_lower.get(name.lower())), None)


def master_key_in(text: str) -> str:
    """Return the master key in the output of ``show-master-key``: the one word, or JSON value, that is an AES key in Base64.

    Raises:
        OctopusError: There is none, or more than one. The message does not repeat the output.
    """
    keys = [word for word in dict.fromkeys(_BASE64.findall(text)) if _is_key(word)]
    if len(keys) != 1:
        raise OctopusError(
            f"Expected one text that can be a master key in the output of show-master-key but found {len(keys)}. It is not shown here; "
            "run the command on the host to see what it prints."
        )
    return keys[0]


def without_keys(text: str) -> str:
    """Return a text for a message, with everything masked that can be a master key."""
    return _BASE64.sub(lambda found: "********" if _is_key(found[0]) else found[0], text)


def _is_key(word: str) -> bool:
    try:
        return len(word) % 4 == 0 and len(base64.b64decode(word, validate=True)) in _KEY_BYTES
    except (binascii.Error, ValueError):
        return False
