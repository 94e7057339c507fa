# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How a server is: what is disabled, which targets are unhealthy, what the dashboard shows, which routes answer, which nodes live."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.api.nodes import list_nodes

from .counts import SERVER
from .reader import Gaps, Reader
from .verdicts import DASHBOARD, DISABLED, HEALTH, NODES, ROUTES, SUSPICIOUS, WRONG, Difference

# What has a switch (IsDisabled), and what has a name that a loss is told by.
_LISTED = ("projects", "tenants", "machines", "workers", "projecttriggers", "subscriptions")
_NAMED = ("projects", "tenants")
_WITH_HEALTH = ("machines", "workers")
# MachineModelHealthStatus in OctopusDeploy/OctopusClients; a target that was never checked is Unknown.
_WELL = ("Healthy", "HasWarnings", "Unknown")

State = dict[str, Any]


def read(reader: Reader, starts: Mapping[str, str], gaps: Gaps) -> State:
    """Read the state of a server. What cannot be read is missing, and among the gaps.

    Args:
        reader: Reads the server.
        starts: The path below which the collections of each space are.
        gaps: Gets what cannot be read.
    """
    api = reader.api
    state: State = {"listed": {}, "names": {}, "disabled": {}, "unhealthy": {}, "dashboards": {}, "routes": {}, "nodes": {}}
    paths = [(space, name, f"{start}/{name}") for space, start in starts.items() for name in _LISTED]
    found = reader.each(paths, lambda entry: None if api.total(entry[2]) is None else list(api.items(entry[2])))
    gaps.take(found, lambda entry: f"{entry[0]}/{entry[1]}")
    for (space, name, _path), rows in found.read:
        if rows is not None:
            _put(state, space, name, rows)
    dashboards = reader.each(starts.items(), lambda entry: api.get(f"{entry[1]}/dashboard"))
    gaps.take(dashboards, lambda entry: f"{entry[0]}/dashboard")
    for (space, _start), document in dashboards.read:
        state["dashboards"][space] = {name.lower(): len(document.get(name) or []) for name in ("Projects", "Items")}
    _routes(reader, state, gaps)
    nodes = reader.each(["nodes"], lambda _name: list_nodes(api))
    gaps.take(nodes, lambda name: f"{SERVER}/{name}")
    for _name, rows_of_nodes in nodes.read:
        state["nodes"] = {row.name: {"offline": row.offline, "last_seen": row.last_seen, "version": row.version} for row in rows_of_nodes}
    return state


def compact(state: State) -> State:
    """Return what a baseline keeps."""
    return {key: value for key, value in state.items() if key != "listed"}


def compare(before: Mapping[str, Any], now: Mapping[str, Any], version: str) -> Iterator[Difference]:
    """Compare the states.

    Args:
        before: What :func:`read` returned; empty where nothing is known of before.
        now: What it returns now.
        version: The version of the server that answers, which every node has to have.
    """
    yield from _disabled(before, now)
    for space, collections in now["unhealthy"].items():
        for name, ill in collections.items():
            known = before.get("unhealthy", {}).get(space, {}).get(name)
            for key, told in ill.items() if known is not None else ():
                if key not in known:
                    yield Difference(
                        HEALTH, space, f"{name[:-1]} {told.rpartition(': ')[0]}", "well, or not there", told.rpartition(": ")[2], SUSPICIOUS
                    )
    for space, dashboard in before.get("dashboards", {}).items():
        after = now["dashboards"].get(space)
        for name, number in dashboard.items() if after else ():
            if after[name] < number:
                yield Difference(DASHBOARD, space, f"{name} on the dashboard", number, after[name], SUSPICIOUS)
    yield from _route_differences(before, now)
    for name, node in now["nodes"].items():
        was = before.get("nodes", {}).get(name, {})
        if node["offline"] and not was.get("offline"):
            yield Difference(NODES, SERVER, f"node {name}", "online", f"offline, last seen {node['last_seen']}", SUSPICIOUS)
        elif not node["offline"] and node["version"] and not _same(node["version"], version):
            yield Difference(NODES, SERVER, f"node {name}", f"version {version}", f"version {node['version']}")
    for name in before.get("nodes", {}):
        if now["nodes"] and name not in now["nodes"]:
            yield Difference(NODES, SERVER, f"node {name}", "known to the server", "unknown", SUSPICIOUS)


def _put(state: State, space: str, name: str, rows: list[dict[str, Any]]) -> None:
    state["listed"].setdefault(space, {})[name] = {row["Id"] for row in rows}
    if name in _NAMED:
        state["names"].setdefault(space, {})[name] = {row["Id"]: row.get("Name") or row["Id"] for row in rows}
    disabled = {row["Id"]: row.get("Name") or row["Id"] for row in rows if row.get("IsDisabled")}
    state["disabled"].setdefault(space, {})[name] = disabled
    if name in _WITH_HEALTH:
        ill = {
            row["Id"]: f"{row.get('Name') or row['Id']}: {row['HealthStatus']}"
            for row in rows
            if row.get("HealthStatus") not in (*_WELL, None)
        }
        state["unhealthy"].setdefault(space, {})[name] = ill


def _routes(reader: Reader, state: State, gaps: Gaps) -> None:
    """Scripts and build servers without spaces ask at addresses without one, which mean the default space."""
    api = reader.api
    default = SERVER
    if api.has_spaces:
        spaces = reader.each(["spaces"], lambda _name: list(api.items("/api/spaces")))
        gaps.take(spaces, lambda name: f"{SERVER}/{name}")
        rows = [row for _name, found in spaces.read for row in found]
        default = next((row["Id"] for row in rows if row.get("IsDefault")), "")
        if spaces.read:
            stopped = {row["Id"]: row["Name"] for row in rows if row.get("TaskQueueStopped")}
            state["listed"][SERVER] = {"spaces": {row["Id"] for row in rows}}
            state["disabled"][SERVER] = {"spaces": stopped}
    routes = {"unscoped": "/api/projects", **({"scoped": f"/api/{default}/projects"} if api.has_spaces and default else {})}
    found = reader.each(routes.items(), lambda entry: api.total(entry[1]))
    gaps.take(found, lambda entry: f"{SERVER}/{entry[0]} route")
    state["routes"] = {name: total for (name, _path), total in found.read} | {"default": default}


def _disabled(before: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[Difference]:
    for space, collections in before.get("disabled", {}).items():
        for name, was in collections.items():
            now_disabled = now["disabled"].get(space, {}).get(name)
            if now_disabled is None:
                continue  # not read, or gone: told as that
            what = {"spaces": "task queue of space"}.get(name, name[:-1])
            there = now["listed"][space][name]  # what is gone is told by the counts
            for key in sorted((was.keys() - now_disabled.keys()) & there):
                yield Difference(DISABLED, space, f"{what} {was[key]}", "disabled", "enabled", related=key)
            for key in sorted(now_disabled.keys() - was.keys()):
                yield Difference(
                    DISABLED, space, f"{what} {now_disabled[key]}", "enabled, or not there", "disabled", SUSPICIOUS, related=key
                )


def _route_differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[Difference]:
    had, has = before.get("routes", {}), now["routes"]
    unscoped, scoped = has.get("unscoped"), has.get("scoped")
    if had.get("unscoped") is not None and unscoped is None and "unscoped" in has:
        # A default space that was disabled meanwhile has no such address: an administrator's decision.
        verdict = WRONG if has.get("default") else SUSPICIOUS
        yield Difference(ROUTES, SERVER, "/api/projects", f"{had['unscoped']} projects", "no such address", verdict)
    if unscoped is not None and scoped is not None and unscoped != scoped:
        yield Difference(ROUTES, SERVER, f"/api/projects and /api/{has['default']}/projects", f"{scoped} projects", unscoped, SUSPICIOUS)


def _same(one: str, other: str) -> bool:
    """Whether two versions are equal, as far as both have numbers."""
    numbers = [text.partition("-")[0].split(".") for text in (one, other)]
    return all(first == second for first, second in zip(*numbers, strict=False))
