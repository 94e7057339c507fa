# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Manifests and seals: what counts as a sealed restore point, and what is wrong with what does not."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError
from ansible_collections.octopus.upgrade.plugins.module_utils._restore_point import manifest as form
from ansible_collections.octopus.upgrade.plugins.module_utils._restore_point.manifest import Found
from ansible_collections.octopus.upgrade.tests.unit.restore_point import MANIFEST, POINT, Reversing, manifest

PATH = f"\\\\nas\\backups\\prod\\{POINT}"


def found(made: dict[str, Any] | str | None = None, *, seal: str | None = "", sealer: Any = None) -> Found:
    """A restore point's folder; sealed by the usual sealer unless another seal is given."""
    text = made if isinstance(made, str) else form.text_of(MANIFEST if made is None else made)
    if seal == "":
        seal = form.seal_text(POINT, text, sealer or Reversing()).decode()
    return Found(PATH, text, seal, f"{POINT}\n")


def test_what_was_sealed_is_sealed() -> None:
    assert form.problems(MANIFEST) == []
    point = form.judge(found(), Reversing())
    assert (point.why, point.is_sealed, point.id, point.manifest) == (None, True, POINT, MANIFEST)
    assert point.moment.isoformat() == "2026-11-23T21:14:09+00:00"


def test_the_hash_is_that_of_the_file_as_it_lies_there() -> None:
    text = form.text_of(MANIFEST)
    assert "\r\n" in text
    assert form.digest(text) == hashlib.sha256(text.encode()).hexdigest()
    assert form.digest(text.replace("\r\n", "\n")) == form.digest(text)
    assert form.judge(found(text.replace("\r\n", "\n")), Reversing()).is_sealed


@pytest.mark.parametrize(
    ("there", "why"),
    [
        (Found(PATH), "it has no restore-point.json: it was never finished"),
        (found(seal=None), "it has no restore-point.seal: it was never finished"),
        (found("{"), "restore-point.json is no manifest"),
        (found("[]"), "it holds a list, not an object"),
        (found('{"id": 1, "id": 1}'), "the key 'id' is there twice"),
        (found(manifest(id="another")), "its manifest is that of 'another'"),
        (found(seal="{}"), "is not sealed, so anybody could have made it"),
        (found(sealer=Reversing(b"x")), "its restore-point.seal does not open"),
        (found(seal=Reversing().seal(b"{}").decode()), "is that of None"),
        (found(seal=Reversing().seal(b'{"id": "another"}').decode()), "is that of 'another'"),
        (found(seal=Reversing().seal(json.dumps({"id": POINT, "manifest_sha256": "0" * 64}).encode()).decode()), "was edited after it"),
        (found(manifest(format=2)), "its manifest cannot be relied upon: format is 2, and 1 is what this version of the collection reads"),
    ],
)
def test_what_is_not_sealed_says_why(there: Found, why: str) -> None:
    point = form.judge(there, Reversing())
    assert not point.is_sealed
    assert why in str(point.why)
    assert point.as_result()["sealed"] is False
    # By its id: what an unsealed manifest says of itself is nobody's word.
    assert point.moment.isoformat() == "2026-11-23T21:00:00+00:00"


def test_without_vault_a_plain_seal_is_one_and_a_sealed_one_is_none() -> None:
    text = form.text_of(MANIFEST)
    plain = Found(PATH, text, form.seal_text(POINT, text, None).decode())
    assert form.judge(plain, None).is_sealed
    assert "plaintext is true: give vault_password_file" in str(form.judge(found(), None).why)


@pytest.mark.parametrize("edit", [("upgrade", "backup"), ("21:14", "21:15"), ('"files": 3', '"files":  3'), ("}", "} ")])
def test_any_edit_breaks_the_seal(edit: tuple[str, str]) -> None:
    text = form.text_of(MANIFEST)
    there = Found(PATH, text.replace(*edit), form.seal_text(POINT, text, Reversing()).decode())
    assert "was edited after it was sealed" in str(form.judge(there, Reversing()).why)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"id": "a\\b"}, "id is no id"),
        ({"instance": ""}, "instance is missing"),
        ({"purpose": "fun"}, "purpose is none of upgrade, backup"),
        ({"sealed_at": "yesterday"}, "sealed_at is no time"),
        ({"version": "new"}, "version is no version"),
        ({"version": None}, "version is no version"),
        ({"service_stopped": 1}, "service_stopped is neither"),
        ({"before": None}, "before is missing"),
        ({"nodes": {}}, "nodes names no node"),
        ({"nodes": None}, "nodes is missing"),
        ({"nodes": {"../x": {}}}, "nodes.../x cannot be part"),
        ({"nodes__octo-a": None}, "nodes.octo-a is empty"),
        ({"nodes__octo-a__config_path": ""}, "nodes.octo-a.config_path is missing"),
        ({"nodes__octo-a__config": None}, "nodes.octo-a.config.fingerprint is no fingerprint"),
        ({"nodes__octo-a__config__file": "..\\x"}, "nodes.octo-a.config.file says neither"),
        ({"nodes__octo-a__config__file": None}, "nodes.octo-a.config.file says neither"),
        ({"database": None}, "database is missing"),
        ({"database__backup": None}, "database.backup.paths names no file"),
        ({"database__backup__files": [{"name": "database.bak", "bytes": None}]}, "database.backup.files names no file"),
        ({"database__backup__files": [{"name": "b.bak", "bytes": 1}]}, "database.backup.files are not those of paths"),
        ({"folders": {"..": {}}}, "folders... cannot be the name"),
        ({"folders__logs__files": None}, "folders.logs lacks"),
        ({"package__file": "a&b"}, "package.file is no name"),
        ({"package__file": "packages\\..\\..\\a"}, "package.file is no name"),
        ({"package__version": "2025.4.1"}, "package.version is not"),
        ({"package__sha256": "0"}, "package.sha256 is no"),
        ({"package__size": True}, "package.size is no"),
        ({"master_key": None}, "master_key is missing"),
        ({"license__fingerprint": "x"}, "license.fingerprint is no"),
    ],
)
def test_what_a_manifest_says_wrongly_is_named(changes: dict[str, Any], said: str) -> None:
    assert [problem for problem in form.problems(manifest(**changes)) if problem.startswith(said)], form.problems(manifest(**changes))


def test_what_may_be_so() -> None:
    assert form.problems(manifest(license=None, more={"x": 1})) == []
    here = {"file": None, "control_node": {"host": "control", "path": "/a"}, "fingerprint": "0" * 16}
    assert form.problems(manifest(master_key=here)) == []
    assert form.problems({}) != []


def test_what_cannot_be_written() -> None:
    with pytest.raises(OctopusError, match=r"value of \d+ characters \(\"more\": \"xxx"):
        form.text_of(manifest(more="x" * 9000))
    with pytest.raises(OctopusError, match="cannot be written as JSON"):
        form.text_of(manifest(more=float("nan")))


@pytest.mark.parametrize("bad", ["", "a b", "a&b", "..", ".a", "a\\b", "a.", "x" * 102, "a.removing", "a\n"])
def test_ids_that_are_none(bad: str) -> None:
    with pytest.raises(OctopusError, match="is no id"):
        form.check_id(bad)


def test_names() -> None:
    assert form.check_id(POINT) == POINT
    assert form.config_file("octo-a.example.com") == "nodes\\octo-a.example.com.config.vault"
    with pytest.raises(OctopusError, match="cannot be part of a file's name"):
        form.config_file("a/b")
    assert [form.file_name(path) for path in ("C:\\a\\b.c", "/a/b.c", "b.c")] == ["b.c"] * 3
    assert form.time_in_id("20269923T210000Z-1") is None
    assert form.time_in_id("later") is None


def test_what_says_of_itself_that_it_is_this_restore_point() -> None:
    assert Found(PATH, None, None, f"{POINT} \n").is_ours
    assert Found(PATH, json.dumps({"id": POINT})).is_ours
    assert not Found(PATH, json.dumps({"id": "another"}), None, "another").is_ours
    assert not Found(PATH, "{").is_ours
    assert not Found(PATH).is_ours
