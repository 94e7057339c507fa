# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Connection strings of any kind: no secret is ever shown, and what was put in is read out."""

from __future__ import annotations

import string

from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.host.connection_string import MASK, mask, parse, secrets_of
from hypothesis import given
from hypothesis import strategies as st

PRINTABLE = string.ascii_letters + string.digits + string.punctuation + " äß"
SECRET = st.text(PRINTABLE, min_size=1).map(lambda text: "s3kr1t" + text)
NAME = st.text(string.ascii_letters + string.digits + "-_. [];='\"", min_size=1).map(lambda text: "x" + text.strip())


def quoted(value: str, quote: str) -> str:
    return quote + value.replace(quote, quote * 2) + quote


@st.composite
def written(draw, value: str) -> str:
    """A value as somebody may write it: quoted either way, or bare where that is possible."""
    forms = [quoted(value, '"'), quoted(value, "'")]
    if ";" not in value and value == value.strip() and value[:1] not in ("'", '"'):
        forms.append(value)
    return draw(st.sampled_from(forms))


@st.composite
def connection_strings(draw):
    secret, database, user = draw(SECRET), draw(NAME), draw(NAME)
    port = draw(st.none() | st.integers(1, 65535))
    pairs = [
        (draw(st.sampled_from(["Server", "Data Source", "ADDR"])), "db.example.com" + (f",{port}" if port else "")),
        (draw(st.sampled_from(["Database", "initial catalog"])), draw(written(database))),
        (draw(st.sampled_from(["User ID", "uid"])), draw(written(user))),
        (draw(st.sampled_from(["Password", "pwd", "PASSWORD"])), draw(written(secret))),
    ]
    space = draw(st.sampled_from(["", " "]))
    text = ";".join(f"{space}{key}{space}={space}{value}{space}" for key, value in draw(st.permutations(pairs)))
    return text, secret, database, user, port


@given(connection_strings())
def test_what_was_put_in_is_read_out_and_the_secret_is_not_shown(case):
    text, secret, database, user, port = case
    found = parse(text)
    assert (found.server, found.port, found.database, found.user) == ("db.example.com", port, database, user)
    assert secrets_of(text) == [secret]
    assert "s3kr1t" not in mask(text)
    assert MASK in mask(text)
    assert "s3kr1t" not in repr(found)


@given(connection_strings())
def test_masking_leaves_the_rest_as_it_was_and_is_done_once(case):
    text, _secret, database, user, port = case
    masked = mask(text)
    assert mask(masked) == masked
    found = parse(masked)
    assert (found.server, found.port, found.database, found.user) == ("db.example.com", port, database, user)


@given(st.text(PRINTABLE + ";=\"'"))
def test_whatever_cannot_be_read_is_masked_as_a_whole(text):
    broken = f'Password="{text.replace(chr(34), "")}s3kr1t'
    assert mask(broken) == MASK
