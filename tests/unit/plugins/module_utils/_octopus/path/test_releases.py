# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Feeds, folders, and the policies that choose a version."""

from __future__ import annotations

from datetime import date

import pytest
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.path.releases import Release, from_feed, from_names, resolve
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.version import Version

AVAILABLE = [
    Release(Version.parse(text))
    for text in ("2018.9.17", "2018.10.9", "2025.3.14357", "2025.3.14408", "2025.4.10061", "2025.4.10666", "2026.1.11242", "2026.2.9853")
]


@pytest.mark.parametrize(
    ("wanted", "version"),
    [
        ("2025.4.10423", "2025.4.10423"),
        ("3.17.14", "3.17.14"),
        ("latest", "2026.2.9853"),
        ("latest-patch", "2025.3.14408"),
        ("latest-minor", "2025.4.10666"),
        ("2025.4", "2025.4.10666"),
        ("2018.10", "2018.10.9"),
        ("2018", "2018.10.9"),
        ("2026.x", "2026.2.9853"),
        ("2025.3.x", "2025.3.14408"),
        ("<2025.4", "2025.3.14408"),
        (" <2025.4.10666 ", "2025.4.10061"),
    ],
)
def test_a_policy_chooses(wanted: str, version: str) -> None:
    assert str(resolve(wanted, AVAILABLE, Version.parse("2025.3.14357"))) == version


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ("2027.x", "the newest of 8 is 2026.2.9853"),
        ("<2018.1", "a published version that matches"),
        ("newest", "is not understood; expected an exact version, latest"),
        (">2025.4", "is not understood"),
        ("", "is not understood"),
    ],
)
def test_what_cannot_be_chosen_is_named(wanted: str, message: str) -> None:
    with pytest.raises(OctopusError, match=message):
        resolve(wanted, AVAILABLE)


def test_a_policy_that_starts_from_the_installed_version_needs_it() -> None:
    with pytest.raises(OctopusError, match="needs the installed version"):
        resolve("latest-patch", AVAILABLE)


def test_a_feed_is_sorted_by_number_and_its_previews_are_left_out() -> None:
    found = from_feed(
        [
            {"Version": "2018.10.7", "ReleaseDate": "2019-03-14T00:00:00Z"},
            {"version": "2018.9.17", "publishedDate": "2018-12-01"},
            {"Version": "2026.3.1-preview.2", "ReleaseDate": "2026-09-01"},
            {"Version": "latest"},
            {"Name": "no version"},
            "3.17.14",
            {"Version": "2025.4.10423", "ReleaseDate": "soon"},
        ]
    )
    assert [(str(one.version), one.released) for one in found] == [
        ("3.17.14", None),
        ("2018.9.17", date(2018, 12, 1)),
        ("2018.10.7", date(2019, 3, 14)),
        ("2025.4.10423", None),
    ]


@pytest.mark.parametrize("entries", [{"Version": "2018.10.7"}, None, "2018.10.7", [{"Release": "2018.10.7"}]])
def test_what_is_no_feed_is_refused(entries: object) -> None:
    with pytest.raises(OctopusError, match="release feed"):
        from_feed(entries)


def test_an_empty_feed_offers_nothing() -> None:
    assert from_feed([]) == []


def test_a_folder_of_packages() -> None:
    names = [
        "Octopus.2025.4.10423-x64.msi",
        "octopus.2018.10.7-X64.MSI",
        "Octopus.Tentacle.6.3.1-x64.msi",
        "readme.txt",
        "Octopus.2025.4.10423.msi",
    ]
    assert [str(one.version) for one in from_names(names)] == ["2018.10.7", "2025.4.10423"]
