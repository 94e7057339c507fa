# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whatever the spelling of a folder and whatever is in a row's JSON: what is the source's is seen, and what is not asked for is not touched."""

from __future__ import annotations

import copy
import json
from pathlib import PureWindowsPath
from typing import Any

import pytest
from ansible_collections.octopus.upgrade.plugins.module_utils._quarantine import documents, paths
from ansible_collections.octopus.upgrade.plugins.module_utils._quarantine.documents import Setting
from hypothesis import assume, example, given
from hypothesis import strategies as st

# -- folders

LETTERS = st.characters(codec="utf-8", exclude_characters='<>:"/\\|?*~.', exclude_categories=["Cc", "Cs"])
NAME = st.text(LETTERS, min_size=1, max_size=8).filter(lambda name: name.strip(" ") == name and name.strip())
NAMES = st.lists(NAME, max_size=4)
ROOT = st.sampled_from(["C:", "d:", "\\\\nas\\share", "\\\\nas.lab.example\\Octopus$", "\\\\other\\share"])


def path(root: str, names: list[str]) -> str:
    return "\\".join([root, *names]) if names else root + "\\"


@st.composite
def spelt(draw: st.DrawFn, root: str, names: list[str]) -> str:
    """The same folder in another spelling that Windows takes for it."""
    slash = st.sampled_from(["\\", "/", "\\\\", "\\.\\", "\\x\\..\\"])
    out = draw(st.sampled_from([root, root.upper(), root.lower(), root.replace("\\", "/")]))
    if draw(st.booleans()) and "/" not in out:
        out = "\\\\?\\UNC\\" + out[2:] if out.startswith("\\\\") else "\\\\?\\" + out
    for name in names:
        # Only of letters whose other case is one letter, as Windows has it.
        swapped = "".join(letter.swapcase() if len(letter.swapcase()) == 1 else letter for letter in name)
        same = swapped if swapped.upper() == name.upper() else name
        out += draw(slash) + draw(st.sampled_from([name, same])) + draw(st.sampled_from(["", " ", ".", ". ."]))
    return out + draw(st.sampled_from(["\\", "/", "\\.", ""] if names else ["\\", "/"]))


@given(st.data(), ROOT, NAMES, NAMES)
def test_a_folder_and_what_is_in_it_overlap_however_they_are_spelt(
    data: st.DataObject, root: str, names: list[str], below: list[str]
) -> None:
    outer = paths.parse(data.draw(spelt(root, names)))
    inner = paths.parse(data.draw(spelt(root, names + below)))
    assert paths.overlap(outer, inner) and paths.overlap(inner, outer)
    assert paths.is_absolute(data.draw(spelt(root, names)))


@given(ROOT, NAMES, ROOT, NAMES)
@example("C:", ["a"], "C:", ["ab"])
@example("\\\\nas\\share", [], "\\\\nas\\share", ["a"])
def test_what_windows_knows_to_be_apart_is_apart(root: str, names: list[str], root_2: str, names_2: list[str]) -> None:
    """Python's own idea of Windows paths, for plain spellings."""
    one, other = PureWindowsPath(path(root, names).upper()), PureWindowsPath(path(root_2, names_2).upper())
    inside = one.is_relative_to(other) or other.is_relative_to(one)
    found = paths.overlap(paths.parse(path(root, names)), paths.parse(path(root_2, names_2)))
    assert found or not inside
    if all(name.isascii() for name in (*names, *names_2)):
        assert found == inside


@given(NAMES, st.sampled_from(["C", "d"]), st.sampled_from(["octo-a", "10.0.0.5", "localhost"]))
def test_the_share_of_a_drive_may_be_that_drive(names: list[str], drive: str, host: str) -> None:
    assert paths.overlap(paths.parse(path(f"{drive}:", names)), paths.parse(path(f"\\\\{host}\\{drive.lower()}$", names)))


@given(st.sampled_from(["10.0.0.5", "fe80--1.ipv6-literal.net", "localhost", "nas", "NAS.other.example", "nas@SSL"]), NAMES)
def test_a_server_by_another_name_may_be_the_same(host: str, names: list[str]) -> None:
    assert paths.overlap(paths.parse(path("\\\\nas.lab.example\\share", names)), paths.parse(path(f"\\\\{host}\\share", names)))


@given(NAMES)
def test_the_relation_needs_an_absolute_path(names: list[str]) -> None:
    for text in ("\\".join(names), "\\" + "\\".join(names), "C:" + "\\".join(names)):
        if not paths.is_absolute(text) and text.strip() != "C:":
            with pytest.raises(paths.SpellingError):
                paths.parse(text)


@pytest.mark.parametrize("text", ["C:\\OCTOPU~1\\Packages", "\\\\nas\\share\\PACKAG~2.old", "\\\\nas", "\\\\?\\Volume{1}\\x", "", " "])
def test_what_cannot_be_compared(text: str) -> None:
    with pytest.raises(paths.SpellingError):
        paths.parse(text)


# -- JSON

KEYS = st.text(max_size=6) | st.sampled_from(["IsDisabled", "isdisabled", "A", "a", "Policy"])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)
OBJECT = st.dictionaries(KEYS, JSON, max_size=5)
SETTING = st.builds(
    Setting,
    st.lists(st.sampled_from(["IsDisabled", "A", "Policy", "*"]), min_size=1, max_size=3).map(lambda names: (*names, "IsDisabled")),
    st.sampled_from([True, False, None, 0, "", "Canceled"]),
    add=st.booleans(),
)


def same_but(one: Any, other: Any, changed: set[str], at: str = "") -> bool:
    """Whether two documents are the same but for those paths."""
    if at in changed:
        return True
    if isinstance(one, dict) and isinstance(other, dict):
        gone = set(one) - set(other)
        new = {documents.join(at, key) for key in set(other) - set(one)}
        return not gone and new <= changed and all(same_but(one[key], other[key], changed, documents.join(at, key)) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(
            same_but(left, right, changed, documents.join(at, str(place)))
            for place, (left, right) in enumerate(zip(one, other, strict=True))
        )
    return type(one) is type(other) and one == other


@given(OBJECT, SETTING)
@example({"Policy": {"IsDisabled": False}}, Setting(("Policy", "IsDisabled"), True))
@example({"Policy": [{"isdisabled": 0}, {}]}, Setting(("*", "*", "IsDisabled"), True, add=True))
def test_an_edit_changes_that_property_and_nothing_else_and_only_once(document: dict[str, Any], setting: Setting) -> None:
    before = copy.deepcopy(document)
    edits = documents.edit(document, setting)
    assert same_but(before, document, {one.path for one in edits})
    for one in edits:
        assert one.path.split(".")[-1].lower() == setting.path[-1].lower()
    assert (document == before) == (not edits) or any(one.before in ("0", "1", "true", "false") for one in edits)
    assert documents.edit(document, setting) == []


@given(OBJECT)
@example({"a": "\ud800", "b": "\U0001f419é", "n": 10**30})
def test_what_is_written_is_what_was_read(document: dict[str, Any]) -> None:
    text = documents.write(document)
    assert json.loads(text) == document == documents.read(text)
    text.encode("utf-16-le")  # a driver can send it


@given(st.from_regex(r"-?(0|[1-9][0-9]{0,20})(\.[0-9]{1,20})?([eE][+-]?[0-9]{1,3})?", fullmatch=True))
@example("1.10")
@example("0.1000000000000000055511151231257827")
def test_a_number_with_a_fraction_stays_as_it_is_written(number: str) -> None:
    assume("." in number or "e" in number.lower())
    assert documents.write(documents.read(f'{{"a":[{number}]}}')) == f'{{"a":[{number}]}}'


@given(OBJECT, st.sampled_from(["utf-16-le", "utf-16", "utf-8", "utf-8-sig"]))
def test_compressed_json_stays_as_it_was_encoded(document: dict[str, Any], encoding: str) -> None:
    text = documents.write(document)
    found, how = documents.unpack(documents.pack(text, encoding))
    assert found == text
    assert documents.unpack(documents.pack(found, how))[0] == text


@pytest.mark.parametrize(
    "data",
    [b"", b"{}", documents.pack("no json", "utf-16-le"), documents.pack("{}", "utf-16-le")[:-3]],
    ids=["empty", "not packed", "packed", "cut off"],  # not of the data: gzip writes the time into it, and workers of pytest-xdist differ
)
def test_a_blob_that_holds_no_json(data: bytes) -> None:
    with pytest.raises(ValueError):
        documents.unpack(data)
