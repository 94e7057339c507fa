# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Connection strings made and changed, and configuration files that hold them: what is put in is read out, and nothing else changes."""

from __future__ import annotations

import string
import xml.etree.ElementTree as ET
from xml.sax.saxutils import escape, quoteattr

import pytest
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.host import cli_output, connection_string
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.instance.config_edit import with_setting
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.instance.connection_string_edit import (
    build,
    changed,
    quoted,
    same_place,
    satisfies,
)
from hypothesis import given
from hypothesis import strategies as st

# What passwords are made of; the signs that mean something in a connection string come often.
NASTY = st.text(st.sampled_from(";='\"{} \\&<>%$[]()^|,#!?äß漢") | st.sampled_from(string.ascii_letters + string.digits), min_size=1)
VALUE = st.text(st.characters(min_codepoint=0x20, exclude_categories=["Cs", "Cc", "Cn"]), min_size=1)
PASSWORD = NASTY | VALUE
KEY = "Octopus.Storage.ExternalDatabaseConnectionString"
OTHER = st.dictionaries(
    st.text(string.ascii_letters + ".", min_size=1).map("Octopus.X.".__add__), VALUE.map(str.strip).filter(bool), max_size=4
)


def pairs_of(text: str) -> dict[str, str]:
    return {pair.key: pair.value for pair in connection_string.pairs(text)}


@given(PASSWORD, PASSWORD, PASSWORD)
def test_what_is_built_is_read_out(database: str, user: str, password: str) -> None:
    text = build({"server": "db,1500", "database": database, "user": user, "password": password, "Encrypt": "True"})
    assert pairs_of(text) == {"server": "db,1500", "database": database, "user id": user, "password": password, "encrypt": "True"}
    assert connection_string.secrets_of(text) == [password]
    masked = connection_string.mask(text)
    assert connection_string.secrets_of(masked) == [connection_string.MASK]
    assert masked.replace(connection_string.MASK, quoted(password)) == text or connection_string.MASK in database + user


@given(PASSWORD)
def test_a_quoted_value_ends_where_it_should(value: str) -> None:
    # What ADO.NET takes without quotes: no quote, no separator, no blank, no control character.
    bare = quoted(value) == value
    assert bare is False or not set(value) & set(";='\" {}")
    assert pairs_of(f"a={quoted(value)};b=1") == {"a": value, "b": "1"}
    assert pairs_of(f" a = {quoted(value)} ; b=1;") == {"a": value, "b": "1"}


@given(PASSWORD, PASSWORD, st.sampled_from(["Data Source", "server", "ADDR"]), st.sampled_from(["pwd", "Password"]))
def test_a_change_changes_what_is_named_and_nothing_else(old: str, new: str, server: str, secret: str) -> None:
    text = (
        f"{server}=prod,1433;Initial Catalog=Octopus;uid=o;{secret}={quoted(old)};MultiSubnetFailover=True;Failover Partner={quoted(new)}"
    )
    there = changed(text, {"server": "test", "database": new})
    assert pairs_of(there) == {"server": "test", "database": new, "user id": "o", "password": old, "multisubnetfailover": "True"}
    assert changed(there, {"server": "test", "database": new}) == there
    own = changed(text, {"password": new, "integrated": None})
    assert (pairs_of(own)["password"], pairs_of(own)["server"], pairs_of(own)["failover partner"]) == (new, "prod,1433", new)
    without = changed(text, {"user": None, "password": None, "integrated": "True"})
    assert connection_string.secrets_of(without) == []


@given(PASSWORD, PASSWORD)
def test_another_password_is_a_difference_and_another_spelling_is_none(one: str, other: str) -> None:
    wanted = build({"server": "db", "database": "O", "user": "u", "password": one})
    spelt = f"INITIAL CATALOG=o ;Pwd={quoted(one)};UID=u;data source=DB;Connect Timeout=30;Integrated Security=False"
    assert satisfies(spelt, wanted)
    assert satisfies(changed(wanted, {"password": other}), wanted) is (one == other)
    assert same_place(changed(wanted, {"password": other}), wanted)
    assert not satisfies(f"{spelt};Failover Partner=x", wanted)
    assert not satisfies(changed(wanted, {"integrated": "SSPI"}), wanted)


@given(st.text(max_size=5), st.sampled_from(["\x00", "\r", "\n", "\t", "\x1f", "\x7f", "\ud800", "\uffff"]), st.text(max_size=5))
def test_a_control_character_is_refused_and_not_shown(before: str, control: str, after: str) -> None:
    with pytest.raises(OctopusError, match="control character") as caught:
        quoted(f"s3kr1t{before}{control}{after}")
    assert "s3kr1t" not in str(caught.value)


@given(
    OTHER,
    PASSWORD,
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
    st.sampled_from(["", "<set key={key}>old &amp; new</set>", "<set key={key} />"]),
)
def test_one_setting_of_a_file_is_changed(others: dict[str, str], password: str, encoding: str, there: str) -> None:
    text = build({"server": "db", "database": "O", "user": "u", "password": password})
    name = "utf-16" if encoding == "utf-16" else "utf-8"
    before = "".join(f"\r\n  <set key={quoteattr(key)}>{escape(value)}</set><!-- > & -->" for key, value in others.items())
    head = f'<?xml version="1.0" encoding="{name}"?>\r\n<octopus-settings xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">{before}'
    file = f"{head}{there.format(key=quoteattr(KEY.upper()))}\r\n</octopus-settings>"
    after = with_setting(file.encode(encoding), KEY, text)
    shown = after.decode(encoding)
    assert shown.startswith(head)
    assert shown.endswith("</octopus-settings>")
    settings = {item.get("key"): item.text for item in ET.fromstring(shown)}
    assert settings == {**others, KEY: text}
    assert cli_output.settings_in_xml(shown, "it")[KEY] == text
    assert with_setting(after, KEY, text) == after
