# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Environment variables: names without regard to case, shown in the case in which they were set."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, MutableMapping


class Environment(MutableMapping[str, str]):
    def __init__(self, values: Mapping[str, str] | None = None) -> None:
        self._values: dict[str, tuple[str, str]] = {}
        self.update(values or {})

    def __getitem__(self, name: str) -> str:
        return self._values[name.lower()][1]

    def __setitem__(self, name: str, value: str) -> None:
        kept = self._values.get(name.lower())
        self._values[name.lower()] = (kept[0] if kept else name, value)

    def __delitem__(self, name: str) -> None:
        del self._values[name.lower()]

    def __iter__(self) -> Iterator[str]:
        return iter(sorted((name for name, _value in self._values.values()), key=str.lower))

    def __len__(self) -> int:
        return len(self._values)
