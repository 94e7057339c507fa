# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Manifests and signatures: what counts as a signed restore point, and why anything else does not."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError
from ansible_collections.octopus.upgrade.plugins.module_utils._restore_point import manifest as form
from ansible_collections.octopus.upgrade.plugins.module_utils._restore_point.manifest_check import problems
from ansible_collections.octopus.upgrade.plugins.module_utils._restore_point.signature import Found, judge, newest_signed, signature_text
from ansible_collections.octopus.upgrade.tests.unit.restore_point import MANIFEST, POINT, Reversing, manifest

PATH = f"\\\\nas\\backups\\prod\\{POINT}"


def found(made: dict[str, Any] | str | None = None, *, signature: str | None = "", vault_key: Any = None) -> Found:
    """A restore point's folder; signed with the usual key unless another signature is given."""
    text = made if isinstance(made, str) else form.text_of(MANIFEST if made is None else made)
    if signature == "":
        signature = signature_text(POINT, text, vault_key or Reversing()).decode()
    return Found(PATH, text, signature, f"{POINT}\n")


def test_what_was_signed_is_signed() -> None:
    assert problems(MANIFEST) == []
    point = judge(found(), Reversing())
    assert (point.reason, point.is_signed, point.id, point.manifest) == (None, True, POINT, MANIFEST)
    assert point.moment.isoformat() == "2026-11-23T21:14:09+00:00"


def test_the_hash_is_that_of_the_file_as_it_lies_there() -> None:
    text = form.text_of(MANIFEST)
    assert "\r\n" in text
    assert form.digest(text) == hashlib.sha256(text.encode()).hexdigest()
    assert form.digest(text.replace("\r\n", "\n")) == form.digest(text)
    assert judge(found(text.replace("\r\n", "\n")), Reversing()).is_signed


@pytest.mark.parametrize(
    ("there", "reason"),
    [
        (Found(PATH), "it has no restore-point.json: it was never finished"),
        (found(signature=None), "it has no restore-point.signature: it was never finished"),
        (found("{"), "restore-point.json is not a manifest"),
        (found("[]"), "it holds a list, not an object"),
        (found('{"id": 1, "id": 1}'), "the key 'id' occurs twice"),
        (found(manifest(id="another")), "its manifest is that of 'another'"),
        (found(signature="{}"), "is not encrypted, so anybody could have written it"),
        (found(vault_key=Reversing(b"x")), "its restore-point.signature cannot be read"),
        (found(signature=Reversing().encrypt(b"{}").decode()), "is that of None"),
        (found(signature=Reversing().encrypt(b'{"id": "another"}').decode()), "is that of 'another'"),
        (
            found(signature=Reversing().encrypt(json.dumps({"id": POINT, "manifest_sha256": "0" * 64}).encode()).decode()),
            "was edited after it",
        ),
        (found(manifest(format=2)), "its manifest cannot be relied upon: format is 2, but this version of the collection reads 1"),
    ],
)
def test_what_is_not_signed_says_why(there: Found, reason: str) -> None:
    point = judge(there, Reversing())
    assert not point.is_signed
    assert reason in str(point.reason)
    assert point.as_result()["signed"] is False
    # By its id: anybody could have written an unsigned manifest.
    assert point.moment.isoformat() == "2026-11-23T21:00:00+00:00"


def test_without_a_vault_key_a_plain_signature_counts_and_an_encrypted_one_does_not() -> None:
    text = form.text_of(MANIFEST)
    plain = Found(PATH, text, signature_text(POINT, text, None).decode())
    assert judge(plain, None).is_signed
    assert "plaintext is true: give vault_password_file" in str(judge(found(), None).reason)


@pytest.mark.parametrize("edit", [("upgrade", "backup"), ("21:14", "21:15"), ('"files": 3', '"files":  3'), ("}", "} ")])
def test_any_edit_breaks_the_signature(edit: tuple[str, str]) -> None:
    text = form.text_of(MANIFEST)
    there = Found(PATH, text.replace(*edit), signature_text(POINT, text, Reversing()).decode())
    assert "was edited after it was signed" in str(judge(there, Reversing()).reason)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"id": "a\\b"}, "id is not an id"),
        ({"instance": ""}, "instance is missing"),
        ({"operation": "fun"}, "operation is none of upgrade, backup"),
        ({"signed_at": "yesterday"}, "signed_at is not a time"),
        ({"version": "new"}, "version is not a version"),
        ({"version": None}, "version is not a version"),
        ({"service_stopped": 1}, "service_stopped is neither"),
        ({"before": None}, "before is missing"),
        ({"nodes": {}}, "nodes names no node"),
        ({"nodes": None}, "nodes is missing"),
        ({"nodes": {"../x": {}}}, "nodes.../x cannot be part"),
        ({"nodes__octo-a": None}, "nodes.octo-a is empty"),
        ({"nodes__octo-a__config_path": ""}, "nodes.octo-a.config_path is missing"),
        ({"nodes__octo-a__config": None}, "nodes.octo-a.config.fingerprint is not a fingerprint"),
        ({"nodes__octo-a__config__file": "..\\x"}, "nodes.octo-a.config.file names neither"),
        ({"nodes__octo-a__config__file": None}, "nodes.octo-a.config.file names neither"),
        ({"database": None}, "database is missing"),
        ({"database__backup": None}, "database.backup.paths names no file"),
        ({"database__backup__files": [{"name": "database.bak", "bytes": None}]}, "database.backup.files names no file"),
        ({"database__backup__files": [{"name": "b.bak", "bytes": 1}]}, "database.backup.files are not those of paths"),
        ({"folders": {"..": {}}}, "folders... cannot be the name"),
        ({"folders__logs__files": None}, "folders.logs lacks"),
        ({"package__file": "a&b"}, "package.file is not the name"),
        ({"package__file": "packages\\..\\..\\a"}, "package.file is not the name"),
        ({"package__version": "2025.4.1"}, "package.version is not"),
        ({"package__sha256": "0"}, "package.sha256 is not a SHA-256"),
        ({"package__size": True}, "package.size is not a size"),
        ({"master_key": None}, "master_key is missing"),
        ({"license__fingerprint": "x"}, "license.fingerprint is not a"),
    ],
)
def test_what_a_manifest_says_wrongly_is_named(changes: dict[str, Any], said: str) -> None:
    assert [problem for problem in problems(manifest(**changes)) if problem.startswith(said)], problems(manifest(**changes))


def test_what_may_be_so() -> None:
    assert problems(manifest(license=None, more={"x": 1})) == []
    here = {"file": None, "control_node": {"host": "control", "path": "/a"}, "fingerprint": "0" * 16}
    assert problems(manifest(master_key=here)) == []
    assert problems({}) != []


def test_what_cannot_be_written() -> None:
    with pytest.raises(OctopusError, match=r"found one of \d+: \"more\": \"xxx"):
        form.text_of(manifest(more="x" * 9000))
    with pytest.raises(OctopusError, match="cannot be written as JSON"):
        form.text_of(manifest(more=float("nan")))


@pytest.mark.parametrize("bad", ["", "a b", "a&b", "..", ".a", "a\\b", "a.", "x" * 102, "a.removing", "a\n"])
def test_ids_that_are_none(bad: str) -> None:
    with pytest.raises(OctopusError, match="Expected the id of a restore point"):
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


def signed(run_id: str, as_of: str, vault_key: Reversing | None = None, signed_at: str = "2026-11-25T21:30:00Z") -> Found:
    """A restore point whose database has what was in it at that time of SQL Server."""
    point = f"{run_id}-2025.3.14357"
    text = form.text_of(manifest(id=point, signed_at=signed_at, database={**manifest()["database"], "as_of": as_of}))
    return Found(f"D:\\b\\{point}", text, signature_text(point, text, vault_key or Reversing()).decode())


def test_the_newest_signed_one_takes_one_decryption() -> None:
    vault_key = Reversing()
    there = [signed(f"2026112{day}T210000Z", f"2026-11-2{day}T21:00:00Z") for day in (3, 1, 4, 2)]
    newest, unsigned = newest_signed(there, vault_key)
    assert newest is not None and (newest.id, unsigned) == ("20261124T210000Z-2025.3.14357", [])
    assert len(vault_key.decrypted) == 1


def test_the_clock_of_a_control_node_makes_none_newer() -> None:
    ahead = signed("20271124T210000Z", "2026-11-21T21:00:00Z", signed_at="2027-11-24T21:00:00Z")
    newest, _unsigned = newest_signed(
        [ahead, signed("20261122T210000Z", "2026-11-22T21:00:00Z", signed_at="2026-11-22T21:00:00Z")], Reversing()
    )
    assert newest is not None and newest.id == "20261122T210000Z-2025.3.14357"


def test_what_is_not_signed_is_passed_over_and_told() -> None:
    vault_key = Reversing()
    forged = signed("20261125T210000Z", "2099-01-01T00:00:00Z", Reversing(b"x"))
    edited = signed("20261124T210000Z", "2026-11-24T21:00:00Z")
    edited = Found(edited.path, str(edited.manifest).replace("2026-11-24", "2026-12-24"), edited.signature)
    unfinished = Found("D:\\b\\20261126T210000Z-2025.3.14357", forged.manifest)
    nonsense = Found("D:\\b\\20261127T210000Z-2025.3.14357", json.dumps({"database": {"as_of": "2026-99-99T21:00:00Z"}}), "x")
    # Its id is older than those, but its backup is the latest: a run may take long.
    good = [signed("20261120T210000Z", "2026-11-23T21:00:00Z"), signed("20261121T210000Z", "2026-11-22T21:00:00Z")]
    newest, unsigned = newest_signed([good[1], forged, nonsense, unfinished, good[0], edited], vault_key)
    assert newest is not None and newest.id == "20261120T210000Z-2025.3.14357"
    assert {point.id[:8] for point in unsigned} == {"20261124", "20261125", "20261126"}
    assert len(vault_key.decrypted) == 3
    none, unsigned = newest_signed([forged, nonsense, unfinished, edited], Reversing())
    assert none is None and all(point.reason for point in unsigned) and len(unsigned) == 4
