# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whose database it is, which thumbprint is printed, and what is refused before anybody is asked."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.instance.new_database import Look, Mark, is_ours
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.instance.thumbprints import thumbprint, thumbprint_in
from ansible_collections.octopus.upgrade.tests.unit.run_module import run_module

FREE = "2026-12-01 00:30:00"
MARK = Mark("SQL", "Octopus-Test", FREE)
THUMBPRINT = "3D9E1C0B5A7F48E2D6C1B0A99887766554433221"
NODE = {"name": "octo-a", "host": "127.0.0.1", "username": "operator", "password": "secret"}
DATABASE = {"server": "sql", "name": "Octopus-Test", "user": "octopus", "password": "s3kr1t; one"}


@pytest.mark.parametrize(
    ("mark", "created", "ours"),
    [
        (None, None, False),
        (MARK, None, False),
        (MARK.done(), None, False),
        (MARK, FREE, True),
        (MARK, "2026-12-01 00:30:07", True),
        (MARK.done(), "2026-12-01 00:30:07", True),
    ],
)
def test_a_database_is_ours_if_its_name_was_free_before(mark: Mark | None, created: str | None, ours: bool) -> None:
    assert is_ours(mark, Look("2026-12-01 01:00:00", created), "sql", "octopus-test") is ours


@pytest.mark.parametrize(
    ("mark", "created", "said"),
    [
        (None, FREE, "no mark"),
        (MARK, "2026-12-01 00:29:59", "before this module found its name free"),
        (Mark("other", "Octopus-Test", FREE), FREE, "the new database Octopus-Test on other"),
        (Mark("sql", "Octopus", FREE), FREE, "the new database Octopus on sql"),
    ],
)
def test_any_other_database_is_refused(mark: Mark | None, created: str, said: str) -> None:
    with pytest.raises(OctopusError, match=f"but it exists.*{said}.*Nothing was changed"):
        is_ours(mark, Look("2026-12-01 01:00:00", created), "sql", "octopus-test")


def test_a_mark_is_read_as_it_was_written() -> None:
    assert Mark.read(MARK.done().text(), "x") == MARK.done()
    assert Mark.read(None, "x") is None
    for text in ("", "[]", "{}", '{"server": 1}'):
        with pytest.raises(OctopusError, match="x is not a file that octopus_instance_create has written"):
            Mark.read(text, "x")


@pytest.mark.parametrize(
    "printed", [THUMBPRINT, f"Thumbprint: {THUMBPRINT.lower()}\r\nSQUID: SQ-OCTO-3D9E1C0B\r\n", f'{{"Thumbprint": "{THUMBPRINT}"}}']
)
def test_the_thumbprint_is_found_in_what_is_printed(printed: str) -> None:
    assert thumbprint_in(printed) == THUMBPRINT


@pytest.mark.parametrize("printed", ["", THUMBPRINT[:-1], THUMBPRINT + "0", f"{THUMBPRINT} {THUMBPRINT[::-1]}"])
def test_none_or_two_are_no_answer(printed: str) -> None:
    with pytest.raises(OctopusError, match="Expected one thumbprint"):
        thumbprint_in(printed)


def test_a_thumbprint_is_taken_as_windows_shows_it() -> None:
    assert thumbprint("\u200e3d 9e 1c 0b 5a 7f 48 e2 d6 c1 b0 a9 98 87 76 65 54 43 32 21") == THUMBPRINT


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"other_thumbprints": []}, "other_thumbprints is empty"),
        ({"other_thumbprints": ["3D9E"]}, "Expected a thumbprint"),
        ({"instance_name": "a/b"}, "cannot be the name of an instance"),
        ({"home": "Octopus"}, "expected an absolute path"),
        ({"database": {"server": "sql", "name": "x"}}, "connection has no credentials"),
        ({"database": {**DATABASE, "integrated": True}}, "either user or integrated: true but found both"),
        ({"database": {**DATABASE, "options": {"pwd": "s3kr1t"}}}, "'pwd' is not allowed"),
        ({"license_file": "/no/such", "plaintext": True}, "There is no file /no/such"),
        ({"license_file": __file__, "plaintext": True}, "to be a licence in XML"),
    ],
)
def test_refused(options: dict[str, Any], said: str) -> None:
    given = {"connection": NODE, "database": DATABASE, "login_host": "sql", "other_thumbprints": [THUMBPRINT]}
    result = run_module("octopus_instance_create", **{**given, **options})
    assert result["failed"] is True
    assert said in result["msg"]
    assert "s3kr1t" not in json.dumps(result["msg"])


def test_a_password_is_not_sent_in_the_clear(tmp_path: Path) -> None:
    options = {"url": "http://octopus.example.com", "dest": str(tmp_path / "key"), "plaintext": True}
    assert "would be sent to http://octopus.example.com unencrypted" in run_module("octopus_api_key", connection=NODE, **options)["msg"]
