# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""reg.exe: query, add, delete (https://learn.microsoft.com/windows-server/administration/windows-commands/reg-query)."""

from __future__ import annotations

from typing import Any

from lab.windows.process import Process

from ._base import SYSTEM32, unsupported

MISSING = "ERROR: The system was unable to find the specified registry key or value."
TYPES = {"REG_SZ", "REG_EXPAND_SZ", "REG_MULTI_SZ", "REG_DWORD", "REG_QWORD", "REG_BINARY"}
KNOWN = {
    "query": {"/v": 1, "/ve": 0, "/s": 0, "/f": 1, "/d": 0, "/reg:64": 0},
    "add": {"/v": 1, "/ve": 0, "/t": 1, "/d": 1, "/f": 0, "/reg:64": 0},
    "delete": {"/v": 1, "/va": 0, "/ve": 0, "/f": 0, "/reg:64": 0},
}


def show(kind: str, data: Any) -> str:
    """A value's data as reg.exe prints it."""
    if kind in ("REG_DWORD", "REG_QWORD"):
        return f"0x{data:x}"
    if kind == "REG_MULTI_SZ":
        return "\\0".join(data)
    if kind == "REG_BINARY":
        return str(data.hex().upper())
    return str(data)


def _query_key(proc: Process, key: str, value: str | None, deep: bool, top: bool = True) -> int:
    """Prints a key; gives how many values matched."""
    registry = proc.host.registry
    values = registry.values(key)
    chosen = [one for one in values if value is None or one[0].lower() == value.lower()]
    if chosen or (value is None and (top or deep)):
        proc.print()
        # Without /s, a key that has no values of its own is not named: only its subkeys are.
        if chosen or deep:
            proc.print(registry.shown(key))
        for name, kind, data in chosen:
            proc.print(f"    {name or '(Default)'}    {kind}    {show(kind, data)}")
    count = len(chosen)
    if value is None and top:
        if not deep and chosen:
            proc.print()
        if not deep:
            for name in registry.subkeys(key):
                proc.print(f"{registry.shown(f'{key}{chr(92)}{name}')}")
    if deep:
        for name in registry.subkeys(key):
            count += _query_key(proc, f"{key}\\{name}", value, deep, top=False)
    return count


def _query(proc: Process, key: str, options: dict[str, str]) -> int:
    value = "" if "/ve" in options else options.get("/v")
    deep = "/s" in options
    if "/f" in options:
        return _find(proc, key, options)
    if not proc.host.registry.exists(key):
        proc.error(MISSING)
        return 1
    if value is not None and not deep and proc.host.registry.get(key, value) is None:
        proc.error(MISSING)
        return 1
    count = _query_key(proc, key, value, deep)
    if value is not None:
        proc.print()
        if deep:
            proc.print(f"End of search: {count} match(es) found.")
    return 0 if count or value is None else 1


def _find(proc: Process, key: str, options: dict[str, str]) -> int:
    """``/f TEXT /d``: the values of one key whose data has the text in it; nothing found is 1."""
    if set(options) - {"/reg:64"} != {"/f", "/d"} or set(options["/f"]) & set("*?"):
        return unsupported(proc, f"query {' '.join(options)}")
    registry = proc.host.registry
    if not registry.exists(key):
        proc.error(MISSING)
        return 1
    found = [one for one in registry.values(key) if options["/f"].lower() in show(one[1], one[2]).lower()]
    if found:
        proc.print()
        proc.print(registry.shown(key))
    for name, kind, data in found:
        proc.print(f"    {name or '(Default)'}    {kind}    {show(kind, data)}")
    proc.print()
    proc.print(f"End of search: {len(found)} match(es) found.")
    return 0 if found else 1


def _add(proc: Process, key: str, options: dict[str, str]) -> int:
    name = options.get("/v", "")
    kind = options.get("/t", "REG_SZ").upper()
    if kind not in TYPES:
        return unsupported(proc, f"/t {kind}")
    text = options.get("/d", "")
    data: Any = text
    try:
        if kind in ("REG_DWORD", "REG_QWORD"):
            data = int(text or "0", 0)
        elif kind == "REG_BINARY":
            data = bytes.fromhex(text)
        elif kind == "REG_MULTI_SZ":
            data = text.split("\\0") if text else []
    except ValueError:
        proc.error("ERROR: Invalid syntax. Specify a valid numeric value for '/d'.")
        return 1
    registry = proc.host.registry
    if "/f" not in options and registry.get(key, name) is not None:
        # It asks; there is nobody to answer.
        proc.print(f"Value {name} exists, overwrite(Yes/No)? ", end="")
        return 1
    if "/v" in options or "/ve" in options or "/d" in options:
        registry.set(key, name, kind, data)
    else:
        registry.create(key)
    proc.print("The operation completed successfully.")
    return 0


def _delete(proc: Process, key: str, options: dict[str, str]) -> int:
    registry = proc.host.registry
    if "/f" not in options:
        proc.print(f"Permanently delete the registry key {registry.shown(key)} (Yes/No)? ", end="")
        return 1
    if "/va" in options:
        for name, _kind, _data in registry.values(key):
            registry.delete_value(key, name)
        done = registry.exists(key)
    elif "/v" in options or "/ve" in options:
        done = registry.delete_value(key, options.get("/v", ""))
    else:
        done = registry.delete_key(key)
    if not done:
        proc.error(MISSING)
        return 1
    proc.print("The operation completed successfully.")
    return 0


def reg(proc: Process) -> int:
    words = proc.argv[1:]
    verb = words[0].lower() if words else ""
    if verb not in KNOWN or len(words) < 2:
        return unsupported(proc, " ".join(words) or "without a verb")
    options: dict[str, str] = {}
    place = 2
    while place < len(words):
        name = words[place].lower()
        if name not in KNOWN[verb]:
            return unsupported(proc, f"{verb} {words[place]}")
        place += 1
        options[name] = ""
        if KNOWN[verb][name]:
            if place >= len(words):
                proc.error(f'ERROR: Invalid syntax.\nType "REG {verb.upper()} /?" for usage.')
                return 1
            options[name] = words[place]
            place += 1
    try:
        proc.host.registry.name(words[1])
    except ValueError:
        proc.error("ERROR: Invalid key name.")
        return 1
    return {"query": _query, "add": _add, "delete": _delete}[verb](proc, words[1].rstrip("\\"), options)


COMMANDS = {f"{SYSTEM32}\\reg.exe": reg}
