# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Real reads: a server that counts its projects may still be unable to open them, or have lost the files that belong to them.

Known cases: projects that cannot be opened after an upgrade though the dashboard shows them, because their deployment process cannot be read
(https://github.com/OctopusDeploy/Issues/issues/6711), logos that stop the server (https://github.com/OctopusDeploy/Issues/issues/6780),
packages that an upgrade moved (https://github.com/OctopusDeploy/Issues/issues/5262).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.api.client import OctopusApi
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.api.links import plain
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError

from .counts import SERVER
from .reader import Gaps, Reader

# Bytes of packages and artifacts that are hashed in all, of which at least one is: downloads take their time twice, once within the outage.
MOST_BYTES = 256 * 1024 * 1024
_PAGE = 100
_INDEX = 1000  # packages of a space of which the size is compared with the one in the index
_LOGOS = 25  # projects and tenants of a space among which a picture of their own is looked for
_SPARE = 2  # times as many candidates as samples: an index may list files that were lost long ago

Sample = dict[str, Any]
Row = dict[str, Any]
Names = Mapping[str, Mapping[str, Mapping[str, str]]]


def open_projects(reader: Reader, starts: Mapping[str, str], names: Names) -> dict[str, Any]:
    """Open every project.

    Args:
        reader: Reads the server.
        starts: The path below which the collections of each space are.
        names: For each space the names of its projects by their ids, under ``projects``.

    Returns:
        ``opened`` and ``left``, how many; ``why`` those were left; and ``failed``, the message for each that cannot be opened, by its id.
    """
    projects = [(space, key) for space, start in starts.items() for key in names.get(space, {}).get("projects", {}) if start]
    found = reader.each(projects, lambda one: read_project(reader.api, starts[one[0]], one[1]))
    return {
        "opened": len(found.read),
        "left": len(found.left),
        "why": found.left[0][1] if found.left else "",
        "failed": {key: error.message for (_space, key), error in found.failed},
    }


def read_project(api: OctopusApi, start: str, project_id: str) -> dict[str, Any]:
    """Open a project as the portal does, with its deployment process where the project itself links to one."""
    project = api.get(f"{start}/projects/{project_id}")
    process = project.get("Links", {}).get("DeploymentProcess")
    if process and plain(process) == process:
        api.get(process)
    return project


def choose(reader: Reader, starts: Mapping[str, str], names: Names, wanted: int, gaps: Gaps) -> dict[str, Any]:
    """Read samples of files, to be read again later.

    Args:
        reader: Reads the server.
        starts: The path below which the collections of each space are.
        names: The names of projects and tenants of each space, by their ids.
        wanted: How many task logs, and how many packages, artifacts and logos of projects and of tenants in each space.
        gaps: Gets what cannot be read.

    Returns:
        ``samples`` with the hash of each file, by kind; ``sizes``, the packages of which less was sent than the index says.
    """
    samples: dict[str, list[Sample]] = {"task_logs": [], "packages": [], "logos": [], "artifacts": []}
    sizes: dict[str, Any] = {}
    budget = MOST_BYTES
    logs = [{"id": row["Id"], "description": row.get("Description")} for row in oldest_tasks(reader, wanted, gaps)]
    samples["task_logs"] = _taken(reader, [{**log, "path": f"/api/tasks/{log['id']}/raw"} for log in logs], wanted)
    for space, start in starts.items():
        for kind in ("projects", "tenants"):
            samples["logos"] += _logos(reader, (space, start), kind, list(names.get(space, {}).get(kind, {})), wanted)
        index = index_of(reader, space, start, gaps)
        sizes[space] = wrong_sizes(reader, index)
        chosen, budget = _within([package(space, row) for row in _evenly(index, wanted * _SPARE)], budget)
        samples["packages"] += _taken(reader, chosen, wanted)
        rows = spread(reader, (space, f"{start}/artifacts"), wanted, gaps)
        links = [{"space": space, "id": row["Id"], "name": row.get("Filename"), "path": plain(row["Links"]["Content"])} for row in rows]
        samples["artifacts"] += _taken(reader, links, wanted)
    return {"samples": samples, "sizes": sizes}


def again(reader: Reader, starts: Mapping[str, str], chosen: Mapping[str, list[Sample]]) -> list[tuple[str, Sample, Sample]]:
    """Read samples again.

    Returns:
        The kind, the sample, and what was read of it now: a sample, or ``error`` with ``gone`` (whether the server does not know the thing any
        more), or ``left``.
    """
    items = [(kind, sample) for kind, samples in chosen.items() for sample in samples]
    # Its own answer is kept beside what is known: a missing space is no error of the server.
    found = reader.each(items, lambda item: _read_again(reader.api, starts, *item))
    now: list[tuple[str, Sample, Sample]] = [(kind, sample, read) for (kind, sample), read in found.read]
    now += [(kind, sample, {"error": error.message, "gone": False}) for (kind, sample), error in found.failed]
    return now + [(kind, sample, {"left": why}) for (kind, sample), why in found.left]


def index_of(reader: Reader, space: str, start: str, gaps: Gaps) -> list[Row]:
    """Return the packages in the index of a space's built-in feed: all, or as many pages from all over it as hold a thousand."""
    return _pages(reader, (space, f"{start}/packages"), _INDEX // _PAGE, _PAGE, gaps)


def wrong_sizes(reader: Reader, index: list[Row]) -> dict[str, Any]:
    """Compare the size of packages in the index with the one that their downloads have, without downloading them.

    Returns:
        ``checked``, how many could be compared, and ``wrong``, both sizes of those that differ, by the id of the row.
    """
    rows = [row for row in index if row.get("PackageSizeBytes")]
    if reader.api.indirect:  # through a node, a size can be had only with all the content
        rows = []
    found = reader.each(rows, lambda row: reader.api.size(plain(row["Links"]["Raw"])))
    told = [(row, size) for row, size in found.read if size is not None]
    wrong = {package_key(row): [row["PackageSizeBytes"], size] for row, size in told if size != row["PackageSizeBytes"]}
    wrong |= {package_key(row): [row["PackageSizeBytes"], 0] for row, error in found.failed if error.status == 404}
    return {"checked": len(told), "all": len(told) == len(rows) and len(index) < _INDEX, "wrong": wrong}


def package(space: str, row: Row) -> Sample:
    """A package as a sample."""
    identity = {"space": space, "id": row.get("PackageId") or row["NuGetPackageId"], "version": row["Version"]}
    return {**identity, "path": plain(row["Links"]["Raw"]), "size": row.get("PackageSizeBytes")}


def package_key(row: Row) -> str:
    """What a package is known by: its id in the API is another one before and after Spaces."""
    return f"{row.get('PackageId') or row['NuGetPackageId']} {row['Version']}"


def oldest_tasks(reader: Reader, wanted: int, gaps: Gaps) -> list[Row]:
    """Return the oldest tasks that have ended, some more than wanted: a new log may still be in memory, or in the right place by chance."""
    many = wanted * _SPARE
    found = reader.each(["tasks"], lambda _name: reader.api.total("/api/tasks") or 0)
    gaps.take(found, lambda name: f"{SERVER}/{name}")
    total = found.read[0][1] if found.read and wanted else 0
    pages = reader.each([max(0, total - many)] if total else [], lambda skip: reader.api.get("/api/tasks", skip=skip, take=many)["Items"])
    gaps.take(pages, lambda _skip: f"{SERVER}/tasks")
    return [row for _skip, rows in pages.read for row in reversed(rows) if row.get("IsCompleted")]


def spread(reader: Reader, place: tuple[str, str], wanted: int, gaps: Gaps) -> list[Row]:
    """Return rows from all over a collection, some more than wanted; none where this version has no such collection."""
    return (
        _pages(reader, place, wanted * _SPARE, 1, gaps)
        if wanted < _PAGE
        else _evenly(_pages(reader, place, -(-wanted // _PAGE) * 2, _PAGE, gaps), wanted * _SPARE)
    )


def _pages(reader: Reader, place: tuple[str, str], pages: int, size: int, gaps: Gaps) -> list[Row]:
    """Read pages at equal distances; all of them where there are not more."""
    space, path = place
    name = f"{space}/{path.rpartition('/')[2]}"
    found = reader.each([path], reader.api.total)
    gaps.take(found, lambda _path: name)
    total = (found.read[0][1] or 0) if found.read else 0
    there = -(-total // size)
    step = max(1.0, there / pages) if pages else 1.0
    skips = [int(number * step) * size for number in range(min(there, pages))]
    read = reader.each(skips, lambda skip: reader.api.get(path, skip=skip, take=size)["Items"])
    gaps.take(read, lambda skip: f"{name} from number {skip}")
    return [row for _skip, rows in read.read for row in rows]


def _evenly(rows: list[Row], wanted: int) -> list[Row]:
    return rows[:: max(1, -(-len(rows) // wanted))] if wanted else []


def _within(samples: list[Sample], budget: int) -> tuple[list[Sample], int]:
    """Keep the samples whose sizes are known to be within what is left of the budget; the first one in any case."""
    kept: list[Sample] = []
    for sample in samples:
        size = sample.pop("size") or 0
        if kept and size > budget:
            continue
        budget -= size
        kept.append(sample)
    return kept, budget


def _logos(reader: Reader, space: tuple[str, str], kind: str, ids: list[str], wanted: int) -> list[Sample]:
    """Prefer pictures of their own. A picture that several have is what the server shows where there is none, and may change."""
    paths = [
        {"space": space[0], "id": key, "of": kind, "path": f"{space[1]}/{kind}/{key}/logo"}
        for key in ids[: max(wanted, _LOGOS) if wanted else 0]
    ]
    logos = _taken(reader, paths, len(paths))
    hashes = [logo["sha256"] for logo in logos]
    for logo in logos:
        # Where all differ, at most one is the server's.
        logo["own"] = None if len(set(hashes)) == len(hashes) else hashes.count(logo["sha256"]) == 1
    return sorted(logos, key=lambda logo: logo["own"] is False)[:wanted]


def _taken(reader: Reader, candidates: list[Sample], wanted: int) -> list[Sample]:
    """Read candidates until there are as many as wanted. A file that the server has lost, or an empty one, is no sample."""
    samples: list[Sample] = []
    while candidates and len(samples) < wanted:
        some, candidates = candidates[: wanted - len(samples)], candidates[wanted - len(samples) :]
        for sample, read in reader.each(some, lambda one: _file(reader.api, one["path"], MOST_BYTES)).read:
            if read:
                samples.append({key: value for key, value in sample.items() if key != "path"} | read)
    return samples


def _read_again(api: OctopusApi, starts: Mapping[str, str], kind: str, sample: Sample) -> Sample:
    start = starts.get(sample["space"]) if "space" in sample else "/api"
    if start is None:
        return {"error": f"there is no space {sample['space']}", "gone": True}
    if kind == "packages":
        rows = [row for row in api.items(f"{start}/packages", nuGetPackageId=sample["id"]) if row["Version"] == sample["version"]]
        path, owner = (plain(rows[0]["Links"]["Raw"]), "") if rows else ("", "")
    elif kind == "task_logs":
        path, owner = f"{start}/tasks/{sample['id']}/raw", f"{start}/tasks/{sample['id']}"
    elif kind == "logos":
        owner = f"{start}/{sample.get('of', 'projects')}/{sample['id']}"
        path = f"{owner}/logo"
    else:
        path, owner = f"{start}/artifacts/{sample['id']}/content", f"{start}/artifacts/{sample['id']}"
    read = _file(api, path) if path else None
    if read is None:
        gone = not path or bool(owner and api.find(owner) is None)
        return {"error": "no longer listed" if gone else "empty or gone", "gone": gone}
    if str(sample.get("content_type", "")).startswith("image/") and not read["content_type"].startswith("image/"):
        return {"error": f"{read['content_type']} instead of a picture", "gone": False}
    return read


def _file(api: OctopusApi, path: str, most: int | None = None) -> Sample | None:
    """Download one file; None where the server has lost it or it is empty."""
    try:
        sha256, size, content_type = api.digest(path, most)
    except OctopusError as error:
        if error.status == 404:
            return None
        raise
    return {"sha256": sha256, "bytes": size, "content_type": content_type} if size else None
