# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The 64-bit registry by reg.exe. Types are the same in every language of Windows; the name of a key's default value is not."""

from __future__ import annotations

import re

from .connection import WindowsHost
from .errors import HostError

MISSING = 1
_VALUE = re.compile(r"^ {4}(?P<name>.*?) {4}(?P<type>REG_[A-Z_]+)(?: {4}(?P<data>.*))?$")
_ROOTS = {
    "HKEY_LOCAL_MACHINE": "HKLM",
    "HKEY_CURRENT_USER": "HKCU",
    "HKEY_CLASSES_ROOT": "HKCR",
    "HKEY_USERS": "HKU",
}


def get(host: WindowsHost, key: str, value: str) -> str | None:
    """Return the data of a value as text; None where key or value is missing."""
    result = host.run(["reg", "query", key, "/v", value, "/reg:64"], idempotent=True)
    if result.exit_code:
        _raise_unless_missing(host, key, result.exit_code, result.stderr or result.stdout)
        return None
    for values in parse(result.stdout).values():
        for name, data in values.items():
            if name.lower() == value.lower():
                return data
    return None


def values(host: WindowsHost, key: str) -> dict[str, str]:
    """Return all values of a key; none where the key is missing. The default value has the translated name that reg.exe prints."""
    result = host.run(["reg", "query", key, "/reg:64"], idempotent=True)
    if result.exit_code:
        _raise_unless_missing(host, key, result.exit_code, result.stderr or result.stdout)
        return {}
    for found, content in parse(result.stdout).items():
        if short(found).lower() == short(key).lower():
            return content
    return {}


def exists(host: WindowsHost, key: str) -> bool:
    """Return whether there is a key, with or without values."""
    result = host.run(["reg", "query", key, "/reg:64"], idempotent=True)
    if result.exit_code:
        _raise_unless_missing(host, key, result.exit_code, result.stderr or result.stdout)
    return not result.exit_code


def subkeys(host: WindowsHost, key: str) -> list[str]:
    """Return the names directly below a key; none where the key is missing."""
    result = host.run(["reg", "query", key, "/reg:64"], idempotent=True)
    if result.exit_code:
        _raise_unless_missing(host, key, result.exit_code, result.stderr or result.stdout)
        return []
    prefix = short(key).lower() + "\\"
    keys = [short(line.strip()) for line in result.stdout.splitlines() if line.startswith("HKEY_")]
    return [one[len(prefix) :] for one in keys if one.lower().startswith(prefix) and "\\" not in one[len(prefix) :]]


def find_values(host: WindowsHost, key: str, value: str) -> dict[str, str]:
    """Return a value of every key below a key, by full key."""
    # reg.exe exits with 1 also where nothing matches. The Uninstall key of a server has a few hundred entries.
    result = host.run(["reg", "query", key, "/s", "/v", value, "/reg:64"], idempotent=True, timeout=120)
    if result.exit_code:
        _raise_unless_missing(host, key, result.exit_code, result.stderr or result.stdout)
        return {}
    return {
        found: data for found, content in parse(result.stdout).items() for name, data in content.items() if name.lower() == value.lower()
    }


def find_data(host: WindowsHost, key: str, text: str) -> dict[str, str]:
    """Return the values of a key whose data contains a text, by name. In the text, ``*`` and ``?`` stand for others."""
    result = host.run(["reg", "query", key, "/f", text, "/d", "/reg:64"], idempotent=True)
    if result.exit_code:
        _raise_unless_missing(host, key, result.exit_code, result.stderr or result.stdout)
        return {}
    return {name: data for content in parse(result.stdout).values() for name, data in content.items()}


def set_value(host: WindowsHost, key: str, value: str, data: str, kind: str = "REG_SZ") -> None:
    """Write a value, and create its key where it is missing."""
    host.run(["reg", "add", key, "/v", value, "/t", kind, "/d", data, "/f", "/reg:64"], check=True, idempotent=True)


def delete(host: WindowsHost, key: str) -> bool:
    """Delete a key with everything below it. False where it does not exist."""
    result = host.run(["reg", "delete", key, "/f", "/reg:64"])
    if result.exit_code:
        _raise_unless_missing(host, key, result.exit_code, result.stderr or result.stdout)
    return result.exit_code == 0


def parse(text: str) -> dict[str, dict[str, str]]:
    """Parse the output of ``reg query`` to key -> value -> data."""
    found: dict[str, dict[str, str]] = {}
    content: dict[str, str] = {}
    for line in text.splitlines():
        if line.startswith("HKEY_"):
            content = found.setdefault(line.strip(), {})
            continue
        match = _VALUE.match(line)
        if match:
            content[match["name"]] = match["data"] or ""
    return found


def short(key: str) -> str:
    r"""Return ``HKLM\...`` for ``HKEY_LOCAL_MACHINE\...``."""
    root, separator, rest = key.partition("\\")
    return _ROOTS.get(root.upper(), root) + separator + rest


def _raise_unless_missing(host: WindowsHost, key: str, code: int, said: str) -> None:
    # A program that was killed ends with 1 as well, and says nothing.
    if code != MISSING or not said.strip():
        raise HostError(f"{host.where}: reg.exe ended with {code} for {key}: {said.strip() or 'there was no message'}", host.name, code)
