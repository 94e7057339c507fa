# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is decided about recorded changes in a schema that is another one by now. Whole liftings: tests/property/test_lifting.py."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.octopus.upgrade.plugins.module_utils._quarantine import lift_plan, record
from ansible_collections.octopus.upgrade.plugins.module_utils._quarantine.columns import Column, Shape
from ansible_collections.octopus.upgrade.plugins.module_utils._quarantine.lift_plan import NOTHING, Step
from ansible_collections.octopus.upgrade.plugins.module_utils._quarantine.record import Change
from ansible_collections.octopus.upgrade.plugins.module_utils._quarantine.rows import Document, Row, Table
from ansible_collections.octopus.upgrade.plugins.modules import octopus_quarantine
from ansible_collections.octopus.upgrade.tests.unit.run_module import run_module

ID = Column("Id", "nvarchar", nullable=False, length=50)
JSON = Column("JSON", "nvarchar", length=-1)


def shape(*columns: Column) -> Shape:
    held = {one.name.lower(): one for one in (ID, JSON, *columns)}
    return Shape(Table("Machine", {name: (one.name, one.kind) for name, one in held.items()}), held)


def changed(column: str | None, before: str | None, after: str | None, **more: Any) -> Change:
    return Change(more.pop("item", "targets"), "Machine", "Machines-1", column, before, after, **({"number": 1} | more))


def settle(own: Shape, columns: dict[str, Any], document: Any, *changes: Change, **more: Any) -> Step:
    [unit] = lift_plan.units(changes)
    row = Row(own.table, "Machines-1", {name.lower(): value for name, value in columns.items()}, [Document("json", document)])
    return lift_plan.settle(unit, own, row, **more)


DISABLED = Column("IsDisabled", "bit")


def test_a_switch_that_became_a_column_or_ceased_to_be_one() -> None:
    into = settle(shape(DISABLED), {"IsDisabled": True}, {}, changed("JSON.IsDisabled", "false", "true"))
    assert (into.verdict, [(place.name, place.document, value) for place, value in into.edits]) == ("lift", [("IsDisabled", None, False)])
    added = settle(shape(DISABLED), {"IsDisabled": True}, {}, changed("JSON.IsDisabled", None, "true"))
    assert [(place.document, value) for place, value in added.edits] == [(None, False)]
    out = settle(shape(), {}, {"isDisabled": True}, changed("IsDisabled", "false", "true"))
    assert [(place.name, value) for place, value in out.edits] == [("isDisabled", False)]
    both = settle(
        shape(DISABLED),
        {"IsDisabled": True},
        {},
        changed("IsDisabled", "false", "true"),
        changed("JSON.IsDisabled", "false", "true", number=2),
    )
    assert both.verdict == "lift" and len(both.edits) == 1


def test_what_is_no_switch_does_not_move() -> None:
    moved = settle(shape(Column("FeedUri", "nvarchar")), {"FeedUri": "x"}, {}, changed("JSON.FeedUri", '"https://a"', '"x"'))
    assert (moved.verdict, moved.why) == ("gone", "the row Machines-1 of Machine has no JSON.FeedUri any more")


def test_one_property_that_was_changed_keeps_the_others_of_the_item_back() -> None:
    step = settle(
        shape(),
        {},
        {"Url": "x", "Credentials": {"Type": "Reference"}},
        *(
            changed("JSON.Url", '"https://me@git"', '"x"', item="git"),
            changed("JSON.Credentials", '{"Type":"UsernamePassword"}', '{"Type":"Anonymous"}', item="git", number=2),
        ),
    )
    assert (step.verdict, step.edits, step.unit.columns) == ("changed", (), ["JSON.Url", "JSON.Credentials"])


@pytest.mark.parametrize(
    ("column", "before", "said"),
    [
        (Column("Uri", "nvarchar", nullable=False), "null", "takes no NULL"),
        (Column("Uri", "nvarchar", length=3), '"https"', "takes 3 characters"),
        (Column("Uri", "int"), '"https"', "is a number"),
        (Column("Uri", "nvarchar", length=-1), "7", "is a text"),
        (Column("Uri", "sql_variant"), '{"a":1}', "part of the JSON"),
    ],
)
def test_a_value_that_a_column_does_not_take_any_more(column: Column, before: str, said: str) -> None:
    step = settle(
        shape(column), {"Uri": 0 if column.kind == "int" else "x"}, {}, changed("Uri", before, "0" if column.kind == "int" else '"x"')
    )
    assert step.verdict == "unfit" and said in step.why


def test_a_row_is_inserted_as_it_was_before_anything_in_it_was_changed() -> None:
    own = shape(DISABLED, Column("DataVersion", "timestamp", nullable=False, generated=True))
    whole = '{"Id":"Machines-1","IsDisabled":true,"DataVersion":"0x01","JSON":"{\\"Enabled\\":false}"}'
    [unit] = lift_plan.units(
        [changed("IsDisabled", "false", "true"), changed("JSON.Enabled", "true", "false", number=2), changed(None, whole, None, number=3)]
    )
    step = lift_plan.settle(unit, own, None)
    assert (step.verdict, step.insert) == ("lift", {"Id": "Machines-1", "IsDisabled": False, "JSON": '{"Enabled":true}'})
    assert lift_plan.settle(unit, shape(), None).why == "the row Machines-1 of Machine has no IsDisabled any more"
    needs = shape(DISABLED, Column("SpaceId", "nvarchar", nullable=False))
    assert lift_plan.settle(unit, needs, None).why == "Machine has no column DataVersion any more"
    [plain] = lift_plan.units([changed(None, '{"Id":"Machines-1"}', None)])
    assert lift_plan.settle(plain, needs, None).why == "Machine needs a value in SpaceId, which the recorded row does not have"
    there = Row(needs.table, "Machines-1", {}, [])
    assert lift_plan.settle(plain, needs, there, {"Id": "Machines-1", "SpaceId": "Spaces-1"}).verdict == "done"
    [other] = lift_plan.units([changed(None, '{"Id":"Machines-1","IsDisabled":false}', None)])
    assert lift_plan.settle(other, own, there, {"Id": "Machines-1", "IsDisabled": True}).verdict == "changed"


def test_what_was_switched_on_in_the_clone_stays_and_what_its_upgrade_brought_is_lifted() -> None:
    own = settle(shape(DISABLED), {"IsDisabled": True}, {}, changed("IsDisabled", "false", "true", reason=record.OWN))
    assert own.verdict == "stays"
    brought = settle(shape(DISABLED), {"IsDisabled": True}, {}, changed("IsDisabled", "false", "true", reason=record.UPGRADE))
    assert brought.verdict == "lift"
    # What the source had comes back, not what somebody made of it in the clone.
    twice = settle(
        shape(),
        {},
        {"SmtpHost": ""},
        *(
            changed("JSON.SmtpHost", '"smtp.source"', '""', item="mail"),
            changed("JSON.SmtpHost", '"smtp.test"', '""', item="mail", number=2, reason=record.OWN),
        ),
    )
    assert [value for _place, value in twice.edits] == ["smtp.source"]


def test_the_address_is_a_new_one_or_stays() -> None:
    one = changed("JSON.ServerUri", '"https://source"', '"https://clone"', item="server_uri")
    assert settle(shape(), {}, {"ServerUri": "https://clone"}, one).verdict == "stays"
    step = settle(shape(), {}, {"ServerUri": "https://clone"}, one, server_uri="https://octopus")
    assert [value for _place, value in step.edits] == ["https://octopus"]
    assert settle(shape(), {}, {"ServerUri": "https://octopus"}, one, server_uri="https://octopus").verdict == "done"


def test_what_was_added_is_removed_and_a_part_of_it_goes_with_it() -> None:
    step = settle(
        shape(),
        {},
        {"Policy": {"Strategy": "Forever"}},
        *(
            changed("JSON.Policy", None, '{"Strategy":"Forever"}', item="retention"),
            changed("JSON.Policy.Strategy", '"Count"', '"Forever"', item="retention", number=2),
        ),
    )
    assert [(place.name, value) for place, value in step.edits] == [("Strategy", "Count"), ("Policy", NOTHING)]
    for place, value in step.edits:
        lift_plan.write(place, value)
    assert step.edits[0][0].row.documents[0].value == {}


def test_what_starts_work_by_itself_and_what_nobody_knows_comes_last() -> None:
    items = ["triggers", "execution", "something_new", "mail", "retention", "targets"]
    units = lift_plan.units([changed("A", "1", "0", item=item, number=number) for number, item in enumerate(items, 1)])
    assert [unit.item for unit in units] == ["mail", "targets", "retention", "execution", "triggers", "something_new"]


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({"state": "absent", "renew": True}, "Expected renew only with state: present"),
        ({"items": ["targets"], "renew": True}, "Expected items only with state: absent"),
        ({"source_retired": True, "renew": True}, "Expected source_retired only with state: absent"),
        ({"name": "copy"}, "Expected source and name"),
    ],
)
def test_options_that_contradict_each_other(monkeypatch: pytest.MonkeyPatch, params: dict[str, Any], said: str) -> None:
    pytest.importorskip("pyodbc")
    monkeypatch.setattr(octopus_quarantine, "connect", lambda *_args: pytest.fail("nothing is asked"))
    assert said in run_module("octopus_quarantine", login_host="sql-test", database="Clone", **params)["msg"]
