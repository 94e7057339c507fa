# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The registry: keys by path, values by name, both without regard to case."""

from __future__ import annotations

import threading
from typing import Any

ROOTS = {
    "HKEY_LOCAL_MACHINE": "HKLM",
    "HKEY_CURRENT_USER": "HKCU",
    "HKEY_USERS": "HKU",
    "HKEY_CLASSES_ROOT": "HKCR",
    "HKEY_CURRENT_CONFIG": "HKCC",
}
LONG = {short: name for name, short in ROOTS.items()}


class Registry:
    """Data is str for REG_SZ and REG_EXPAND_SZ, int for REG_DWORD and REG_QWORD, list of str for REG_MULTI_SZ, bytes for REG_BINARY."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._keys: dict[str, tuple[str, dict[str, tuple[str, str, Any]]]] = {}

    @staticmethod
    def name(key: str) -> str:
        """The key with its root's short name.

        Raises:
            ValueError: No such root.
        """
        root, _slash, rest = key.strip("\\").partition("\\")
        short = ROOTS.get(root.upper(), root.upper())
        if short not in LONG:
            raise ValueError(f"no registry root {root}")
        return f"{short}\\{rest}".rstrip("\\")

    def create(self, key: str) -> None:
        name = self.name(key)
        with self._lock:
            parts = name.split("\\")
            for count in range(1, len(parts) + 1):
                path = "\\".join(parts[:count])
                self._keys.setdefault(path.lower(), (path, {}))

    def exists(self, key: str) -> bool:
        with self._lock:
            return self.name(key).lower() in self._keys

    def set(self, key: str, value: str, kind: str, data: Any) -> None:
        """``value`` is empty for the key's default value."""
        self.create(key)
        with self._lock:
            values = self._keys[self.name(key).lower()][1]
            kept = values.get(value.lower())
            values[value.lower()] = (kept[0] if kept else value, kind, data)

    def get(self, key: str, value: str) -> tuple[str, Any] | None:
        """Type and data, or None if there is no such key or value."""
        with self._lock:
            entry = self._keys.get(self.name(key).lower())
            found = entry[1].get(value.lower()) if entry else None
            return (found[1], found[2]) if found else None

    def values(self, key: str) -> list[tuple[str, str, Any]]:
        """Name, type and data of each value."""
        with self._lock:
            entry = self._keys.get(self.name(key).lower())
            return list(entry[1].values()) if entry else []

    def subkeys(self, key: str) -> list[str]:
        """Names of the keys directly below."""
        prefix = self.name(key).lower() + "\\"
        with self._lock:
            below = [name for lower, (name, _values) in self._keys.items() if lower.startswith(prefix)]
        return sorted({name[len(prefix) :] for name in below if "\\" not in name[len(prefix) :]}, key=str.lower)

    def shown(self, key: str) -> str:
        """The key in the case it was made, with its root's long name, as reg.exe shows it."""
        with self._lock:
            name = self._keys[self.name(key).lower()][0] if self.exists(key) else self.name(key)
        root, _slash, rest = name.partition("\\")
        return f"{LONG[root]}\\{rest}".rstrip("\\")

    def delete_value(self, key: str, value: str) -> bool:
        with self._lock:
            entry = self._keys.get(self.name(key).lower())
            return entry is not None and entry[1].pop(value.lower(), None) is not None

    def delete_key(self, key: str) -> bool:
        """The key and all below it; whether there was one."""
        name = self.name(key).lower()
        with self._lock:
            gone = [one for one in self._keys if one == name or one.startswith(name + "\\")]
            for one in gone:
                del self._keys[one]
        return bool(gone)
