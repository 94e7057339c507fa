# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An instance and a copy of it that has been in use, each looked at for what the other has not."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from scenarios.mssql.clone import NAME, Clone
from scenarios.mssql.conftest import World

COPY = "Octopus [copy]"
KEPT = "D:\\Backup\\source.bak"


def _event(clone: Clone, number: int, category: str, document: str, *, user: str = "dora", minutes: float = 0, **more: Any) -> None:
    clone.add(
        "Event",
        Id=f"Events-{number}",
        AutoId=number,
        Category=category,
        UserId="users-system" if user == "system" else "Users-2",
        Username=user,
        Occurred=clone.world.network.clock.now() + timedelta(minutes=minutes),
        Message=f"{document} was {category.lower()}",
        **{"RelatedDocumentIds": [document], **more},
    )


def _copied(clone: Clone) -> Clone:
    world = clone.world
    assert world.backup(database=NAME, path=[KEPT]).get("failed") is None
    assert world.module("mssql_restore", database=COPY, path=[KEPT], replace=True).get("failed") is None
    return Clone(world, clone.version, COPY)


def _drift(clone: Clone, **params: Any) -> dict[str, Any]:
    result = clone.world.module("octopus_drift_info", **({"database": clone.database} | params))
    assert not result.get("changed"), result
    return result


def _other(clone: Clone) -> dict[str, Any]:
    return {"other": {"host": clone.world.machine.address, "database": clone.database}}


def _counts(result: dict[str, Any]) -> dict[str, int | None]:
    return {kind: entry and entry["count"] for kind, entry in result["kinds"].items() if entry is None or entry["count"]}


@pytest.mark.parametrize(
    ("version", "driver"), [("2018.4.1", "freetds"), ("2022.2.8552", "microsoft"), ("2025.3.14357", "microsoft")], indirect=["driver"]
)
def test_both_sides_since_the_copy_was_made(make_clone: Callable[..., Clone], version: str) -> None:
    source = make_clone(version)
    copy = _copied(source)
    last = max(row["AutoId"] for row in source.rows("Event").values())
    before = source.everything(), copy.everything()

    untouched = _drift(source, **_other(copy))
    assert (untouched["drift"], untouched["mark"]["auto_id"], _counts(untouched)) == (False, last, {}), untouched
    assert untouched["lines"] == [f"Nothing is new since event {last} of {untouched['mark']['at'][:19]}+00:00."]
    assert (source.everything(), copy.everything()) == before

    # The copy was in use: its events have the same numbers as those of the source.
    for number in range(1, 4):
        _event(copy, last + number, "Modified", "Machines-1", user="vic", minutes=number)
    _event(source, last + 1, "MachineHealthy", "Machines-1", user="system", minutes=5)
    _event(source, last + 2, "Created", "Projects-1", minutes=6, RelatedDocumentIds=["Projects-1", "Releases-900"])
    _event(source, last + 3, "Modified", "variableset-Projects-1", minutes=7)
    _event(source, last + 4, "Modified", "variableset-Projects-1", user="vic", minutes=8)
    _event(source, last + 5, "Deleted", "Machines-3", minutes=9)
    _event(source, last + 6, "LoginSucceeded", "Users-2", minutes=10)
    when = source.world.network.clock.now() + timedelta(minutes=6)
    source.add("Release", Id="Releases-900", Version="9.0.1", ProjectId="Projects-1", ChannelId="Channels-1", Assembled=when)
    for name in ("Deploy", "Health"):
        task: dict[str, Any] = {"Id": f"ServerTasks-{name}", "Name": name, "Description": name, "State": "Success"}
        source.add("ServerTask", **task, QueueTime=when, StartTime=when)

    result = _drift(source, **_other(copy))
    assert result["mark"] == untouched["mark"] and result["newest"]["auto_id"] == last + 6
    assert _counts(result) == {"releases": 1, "tasks": 1, "variables": 1, "deleted": 1}
    assert (result["drift"], result["by_system"], result["partial"], result["unknown"]) == (True, 1, False, [])
    (release,) = result["kinds"]["releases"]["examples"]
    assert (release["name"], release["project"], release["user"]) == ("9.0.1", "Web Shop", "dora")
    assert result["kinds"]["releases"]["users"] == {"dora": 1}
    assert result["kinds"]["variables"]["users"] == {"dora": 1, "vic": 1}
    assert [line.split(":")[0] for line in result["lines"]] == ["releases", "tasks", "variables", "deleted"]
    assert "Web Shop 9.0.1 (dora)" in result["lines"][0]

    back = _drift(copy, **_other(source))
    assert (back["mark"], _counts(back)) == (untouched["mark"], {"targets": 1})
    # Since users were let in.
    published = _drift(copy)["newest"]["auto_id"]
    assert _drift(copy, mark=published)["drift"] is False
    _event(copy, published + 1, "Created", "Users-9", minutes=11)
    assert _counts(_drift(copy, mark=published)) == {"users": 1}
    assert "Is it another database" in _drift(copy, mark=published + 2)["msg"]


@pytest.mark.parametrize("driver", ["microsoft"], indirect=True)
def test_what_cannot_be_told_is_unknown(make_clone: Callable[..., Clone]) -> None:
    source = make_clone("2018.10.7")
    copy = _copied(source)
    last = max(row["AutoId"] for row in source.rows("Event").values())
    nothing = _drift(source)
    assert (nothing["drift"], nothing["mark"], set(nothing["kinds"].values())) == (None, None, {None})
    assert nothing["lines"] == ["It is unknown what is new: it is not known since when to look."]
    _event(source, last + 1, "Modified", "Projects-1", minutes=1)
    since = (source.world.network.clock.now() - timedelta(minutes=1)).isoformat()

    # The events up to the mark have been archived: of the rows it can still be told.
    source.write(f'DELETE FROM "Event" WHERE "AutoId" <= {last}')
    archived = _drift(source, mark=last, since=since)
    assert archived["drift"] is None and archived["kinds"]["releases"]["count"] == 0 and archived["kinds"]["projects"] is None
    assert "may have been archived" in archived["lines"][-1]
    assert _drift(source, mark=last)["kinds"]["releases"] is None
    assert "no event is in" in _drift(source, **_other(copy))["lines"][-1]

    # A version whose events have no number.
    for one in (source, copy):
        one.write('ALTER TABLE "Event" DROP COLUMN "AutoId"')
    _event(source, 1, "Deleted", "Machines-1", minutes=-5)
    timed = _drift(source, since=since, **_other(copy))
    assert (timed["mark"]["auto_id"], timed["newest"], _counts(timed)) == (None, None, {"projects": 1})
    assert timed["unknown"] == ["the events of this version have no number (AutoId)"]
    assert _drift(source, **_other(copy))["drift"] is None


@pytest.mark.parametrize("driver", ["microsoft"], indirect=True)
def test_another_products_database(world: World) -> None:
    result = world.module("octopus_drift_info", database="Octopus")
    assert "to be a database of Octopus Server" in result["msg"], json.dumps(result)
