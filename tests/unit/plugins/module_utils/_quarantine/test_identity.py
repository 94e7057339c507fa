# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What counts as a secret of an account, how it is emptied, and which of all this comes back. The whole of it is in tests/scenarios."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.octopus.upgrade.plugins.module_utils._quarantine import documents, identity, lift_plan, row_edits
from ansible_collections.octopus.upgrade.plugins.module_utils._quarantine.columns import Shape
from ansible_collections.octopus.upgrade.plugins.module_utils._quarantine.record import Change
from ansible_collections.octopus.upgrade.plugins.module_utils._quarantine.request import Request
from ansible_collections.octopus.upgrade.plugins.module_utils._quarantine.rows import Document, Row, Table

SEALED = "c2VjcmV0LXZhbHVlLXNlYWxlZA==|aW5pdGlhbGlzYXRpb24tdg=="


@pytest.mark.parametrize(
    ("name", "value", "secret"),
    [
        ("Password", "x", True),
        ("password", "x", True),
        ("JsonKey", "x", True),
        ("PrivateKeyPassphrase", "x", True),
        ("CertificateBytes", b"\x01", True),
        ("Details_SecretKey", "x", True),
        ("Token", {"Value": "x"}, True),
        ("SomethingNew", SEALED, True),
        ("ClientSecret", "x", True),
        ("Password", None, False),
        ("Password", "", False),
        ("HasPassword", True, False),
        ("AccessKey", "AKIAIOSFODNN7EXAMPLE", False),
        ("CertificateThumbprint", "A1" * 20, False),
        ("ClientId", "0e7d0f6a-91f4-7c4f-98ba-65d2f1fe1a01", False),
        ("Username", "deploy", False),
        ("RoleArn", "arn:aws:iam::123456789012:role/deploy", False),
        ("SubscriptionNumber", "0e7d0f6a-91f4-7c4f-98ba-65d2f1fe1a01", False),
    ],
)
def test_what_is_a_secret(name: str, value: Any, secret: bool) -> None:
    assert identity.is_secret(name, value) is secret


def account(columns: dict[str, Any], document: dict[str, Any] | None) -> Row:
    kinds = {name.lower(): (name, "nvarchar") for name in ("Id", "Name", *columns, *(["JSON"] if document is not None else []))}
    held = {name.lower(): value for name, value in {"Name": "AWS", **columns}.items()}
    return Row(Table("Account", kinds), "Accounts-1", held, [Document("json", document)] if document is not None else [])


@pytest.mark.parametrize(
    ("columns", "document", "places"),
    [
        ({"AccountType": "Token"}, {"Token": SEALED, "Other": "x"}, ["JSON.Token"]),
        (
            {},
            {"Nested": [{"PrivateKeyFile": SEALED, "Username": "x"}], "Password": {"Value": SEALED}},
            ["JSON.Nested.0.PrivateKeyFile", "JSON.Password"],
        ),
        ({"Password": SEALED, "AccountType": "x"}, None, ["Password"]),
        ({"Details_JsonKey": SEALED}, {"Name": "x"}, ["Details_JsonKey"]),
    ],
)
def test_secrets_are_emptied_and_in_no_record(columns: dict[str, Any], document: dict[str, Any] | None, places: list[str]) -> None:
    row = account(columns, document)
    others = json.loads(json.dumps([columns, document]).replace(SEALED, "?"))
    [rule] = identity.rules(Request("Clone", accounts="scrub"), {"account": row.table})
    known, edits = row_edits.apply(rule, row)
    assert known and sorted(one.path for one in edits) == places
    assert {one.before for one in edits} == {None}
    after = json.dumps([row.columns, [one.value for one in row.documents]])
    assert SEALED not in after and json.dumps(others).count('"x"') == after.count('"x"')
    assert all(one.edited for one in row.documents) is any(place.startswith("JSON") for place in places) or not row.documents
    assert row_edits.apply(rule, row)[1] == [], "a second time there is nothing left"


def test_without_being_asked_nobody_is_touched() -> None:
    assert identity.rules(Request("Clone"), {"account": Table("Account", {})}) == []


def test_who_is_let_in_does_not_depend_on_the_case_of_a_name() -> None:
    users, providers = identity.rules(Request("Clone", sign_in=("Admin",)), {})
    table = Table("User", {"id": ("Id", "nvarchar"), "username": ("Username", "nvarchar")})
    assert [users.of(Row(table, name, {"username": name}, [])) for name in ("ADMIN", "admin2")] == [False, True]
    assert users.of(Row(Table("User", {}), "Users-1", {}, [])), "one whose name is nowhere is not let in"
    table = Table("ExtensionConfiguration", {"id": ("Id", "nvarchar")})

    def creates(key: str, **document: Any) -> bool:
        return providers.of(Row(table, key, {}, [Document("json", document)]))

    assert creates("authentication-AAD", IsEnabled=True)
    assert not creates("authentication-aad", IsEnabled=False)
    assert not creates("authentication-usernamepassword", IsEnabled=True)
    assert documents.edit({"AllowAutoUserCreation": None}, providers.settings[0]) != [], "null means that it does"


def verdict(item: str, table: str, before: str | None, after: str | None, column: str | None = "IsActive") -> str:
    shape = Shape(Table(table, {"id": ("Id", "nvarchar"), "isactive": ("IsActive", "bit")}), {})
    [unit] = lift_plan.units([Change(item, table, "x", column, before, after, number=1)])
    return lift_plan.settle(unit, shape, Row(shape.table, "x", {"isactive": False}, [])).verdict


def test_what_comes_back() -> None:
    assert verdict("accounts", "Account", None, "null", "Password") == "stays"
    assert verdict("deployment_queue", "AutoDeployQueueItem", "{}", None, None) == "stays", "it is out of date"
    assert lift_plan.units([Change("sign_in", "User", "Users-2", "IsActive", "true", "false")])[0].stage == 0


def test_what_was_asked_for_is_recorded() -> None:
    asked = Request("Clone", accounts="scrub", sign_in=("admin",), by_program=("switches",))
    kept = json.loads(json.dumps(asked.options))
    assert (kept["accounts"], kept["sign_in"], kept["by_program"]) == ("scrub", ["admin"], ["switches"])
    again = Request.from_record("Clone", {"options": kept, "server_uri": None}, ())
    assert again.options == asked.options
    everyone = Request.from_record("Clone", {"options": json.loads(json.dumps(Request("Clone").options)), "server_uri": None}, ())
    assert everyone.sign_in is None
