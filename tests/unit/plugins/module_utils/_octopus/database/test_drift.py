# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is new since a mark: the mark itself, in which kind an event counts, and how unknown differs from none. Statements run in tests/scenarios."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.database import drift, subjects
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.database.events import BATCH, Entry, Events, Mark, entry

NOW = datetime(2026, 11, 23, 20, 0, 0, tzinfo=timezone.utc)
NOTHING: dict[str, Any] = {"count": 0, "first": None, "last": None, "users": {}, "examples": []}


class Database:
    """Its events by number, answered as SQL Server does to the few statements that look for a mark."""

    def __init__(self, events: dict[int, datetime]) -> None:
        self.events = events
        self.asked = 0

    def query(self, sql: str, *params: Any) -> list[dict[str, Any]]:
        if "INFORMATION_SCHEMA.COLUMNS" in sql:
            names = ("Id", "AutoId", "Category", "Occurred")
            return [{"table_name": "Event", "column_name": name} for name in names]
        self.asked += 1
        numbers = sorted(self.events, reverse=True)
        if "<= ? ORDER" in sql:
            numbers = [one for one in numbers if one <= params[0]][:1]
        elif "TOP (1)" in sql:
            numbers = numbers[:1]
        elif "TOP (" in sql:
            numbers = [one for one in numbers if not params or one < params[0]][:BATCH]
        else:
            numbers = [one for one in numbers if params[0] <= one <= params[1]]
        return [{"number": one, "id": f"Events-{one}", "moment": str(self.events[one])} for one in numbers]

    def scalar(self, sql: str, *params: Any) -> Any:
        return str(min(self.events.values())) if self.events else None


def events(count: int, *, late: int = 0, start: int = 1) -> Events:
    """``late``: how many of the last ones were written at another time than on the other side."""
    own = {number: NOW + timedelta(seconds=number + (0.5 if number > count - late else 0)) for number in range(start, count + 1)}
    return Events(Database(own))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("here", "there", "number"),
    [
        (events(7), events(7), 7),
        (events(9), events(7), 7),  # the copy was not in use
        (events(9), events(8, late=3), 5),  # both went on, with the same numbers
        (events(2000), events(1990, late=1200), 790),  # for longer than one look
        (events(9, start=4), events(7), 7),  # the oldest were archived
    ],
)
def test_the_newest_common_event_is_the_mark(here: Events, there: Events, number: int) -> None:
    assert here.common(there) == Mark(number, NOW + timedelta(seconds=number))


def test_without_a_common_event_there_is_no_mark() -> None:
    assert events(9, late=9).common(events(7)) is None
    assert events(9).common(events(0)) is None
    assert events(9, start=8).common(events(7)) is None  # all that is common was archived here


@pytest.mark.parametrize(
    ("mark", "known"),
    [
        (Mark(3, None), False),
        (Mark(4, None), True),
        (Mark(None, NOW), False),
        (Mark(None, NOW + timedelta(seconds=4)), True),
        (Mark(None, None), False),
    ],
)
def test_archived_events_are_not_taken_for_none(mark: Mark, known: bool) -> None:
    assert events(9, start=4).reach_back_to(mark) is known
    assert events(0).reach_back_to(mark) is False


@pytest.mark.parametrize(
    ("category", "documents", "kind", "key"),
    [
        # As a webhook sample of 2022 has them.
        (
            "DeploymentSucceeded",
            ["Deployments-84781", "Projects-825", "Releases-81092", "Environments-2", "ServerTasks-197738", "Channels-1070"],
            "deployments",
            "Deployments-84781",
        ),
        ("Created", ["Projects-825", "Channels-1", "Releases-1"], "releases", "Releases-1"),
        ("Modified", ["Projects-1", "deploymentprocess-Projects-1"], "processes", "deploymentprocess-Projects-1"),
        ("Modified", ["variableset-Projects-1", "Projects-1"], "variables", "variableset-Projects-1"),
        ("Modified", ["Environments-1", "Machines-1"], "targets", "Machines-1"),
        ("Created", ["Users-322"], "users", "Users-322"),
        ("Deleted", ["Releases-1", "Projects-1"], "deleted", "Releases-1"),
        ("Modified", ["Novelties-1"], "other", "Novelties-1"),
        ("Modified", [], "other", None),
    ],
)
def test_an_event_is_about_the_most_particular_document(category: str, documents: list[str], kind: str, key: str | None) -> None:
    assert subjects.kind_of(category, documents) == (kind, key)


def one(number: int, category: str, *documents: str, user: str = "dora") -> Entry:
    return Entry(f"Events-{number}", category, NOW + timedelta(seconds=number), "", "Users-2", user, documents)


def test_each_document_counts_once_and_who_signs_in_does_not() -> None:
    kinds, who = drift.sorted_by_kind(
        [
            one(5, "LoginSucceeded", "Users-2"),
            one(4, "Modified", "Projects-1", user="vic"),
            one(3, "Modified", "Projects-1"),
            one(2, "DeploymentQueued", "Deployments-1", "Projects-1", user="ci"),
            one(1, "Created", "Releases-1"),
        ]
    )
    assert {kind for kind, found in kinds.items() if found and found["count"]} == {"projects"}
    projects = kinds["projects"]
    assert projects is not None and (projects["count"], projects["users"]) == (1, {"dora": 1, "vic": 1})
    assert [(shown["id"], shown["user"]) for shown in projects["examples"]] == [("Projects-1", "vic")]
    assert (projects["first"], projects["last"]) == ((NOW + timedelta(seconds=3)).isoformat(), (NOW + timedelta(seconds=4)).isoformat())
    assert who == {"Projects-1": "dora", "Deployments-1": "ci", "Releases-1": "dora"}


def test_unknown_is_neither_none_nor_zero() -> None:
    mark, some = (
        Mark(7, NOW),
        {
            **NOTHING,
            "count": 6,
            "last": "then",
            "users": {"dora": 6},
            "examples": [{"id": "P", "name": None, "project": None, "user": None}],
        },
    )
    assert drift.Found(mark, kinds={"a": NOTHING}).drift is False
    assert drift.Found(mark, kinds={"a": NOTHING, "b": None}).drift is None
    assert drift.Found(mark, kinds={"a": some, "b": None}).drift is True
    assert drift.Found().drift is None
    assert drift.sentences(drift.Found(mark, kinds={"a": NOTHING})) == ["Nothing is new since event 7 of 2026-11-23T20:00:00+00:00."]
    said = drift.sentences(drift.Found(mark, kinds={"tag_sets": some, "b_c": None}, unknown=["it is so"], partial=True))
    assert said == [
        "tag sets: 6 since event 7 of 2026-11-23T20:00:00+00:00, the last at then (by dora 6): P; and more",
        "Only the newest 5000 events were looked at: there were more changes than are counted.",
        "It is unknown what is new of b c: it is so.",
    ]


def test_what_has_no_column_is_in_the_document() -> None:
    row = {"Id": "Events-1", "Category": "Created", "UserId": "Users-1", "Username": "ci", "moment": str(NOW)}
    inner = '{"IsService": true, "IdentityEstablishedWith": "", "RelatedDocumentIds": ["Projects-1"], "UserAgent": "octo/9"}'
    found = entry({**row, "JSON": inner})
    assert (found.documents, found.service, found.established, found.agent, found.when) == (("Projects-1",), True, "", "octo/9", NOW)
    found = entry({**row, "RelatedDocumentIds": "|Projects-2|Releases-3|", "UserAgent": "", "JSON": inner})
    assert (found.documents, found.agent) == (("Projects-2", "Releases-3"), None)  # the column wins
    found = entry({**row, "RelatedDocumentIds": '["Projects-4"]', "JSON": "not JSON"})
    assert (found.documents, found.service, found.established, found.by_system) == (("Projects-4",), None, None, False)
    assert entry({**row, "UserId": "users-system"}).by_system
