# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is kept of a baseline, and what a difference is called, without a server."""

from __future__ import annotations

import pytest
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.plan import unknown_waivers
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.verification import access, counts, packing, verdicts
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.verification.explain import Changes, explained
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.verification.verdicts import COUNTS, Difference

BASELINE = {
    "version": "2025.3.14357",
    "counts": {"Spaces-1": {"projects": 1000}},
    "contents": {},
    "names": {str(n): "x" * 9 for n in range(999)},
}


def role(permissions, shipped=False):
    return {"userroles-7": {"name": "Crew", "shipped": shipped, "permissions": permissions}}


def told(before, now, vocabulary, upgraded):
    now = {"roles": role(now), "vocabulary": vocabulary}
    return [(one.before, one.verdict) for one in access.compare({"roles": role(before)}, now, upgraded=upgraded, into_spaces=False)]


def test_a_packed_baseline_is_small_and_the_same():
    found = packing.packed(BASELINE)
    assert found["version"] == BASELINE["version"]
    assert max(map(len, found["packed"])) <= 4000
    assert len(str(found)) < len(str(BASELINE)) / 4
    assert packing.unpacked(found) == BASELINE == packing.unpacked(BASELINE)
    assert packing.packed(found) == found
    assert packing.unpacked({}) == {}


@pytest.mark.parametrize("damaged", [{"version": "1", "packed": ["not base64"]}, {"version": "1", "packed": None}, {"samples": {}}])
def test_a_damaged_baseline_is_told(damaged):
    with pytest.raises(OctopusError, match="baseline"):
        packing.unpacked(damaged)


def test_collections_are_found_by_their_links():
    links = {
        "Self": "/api",
        "Projects": "/octopus/api/Spaces-1/projects{/id}{?name,skip,ids,take}",
        "Proxies": "/api/Spaces-2/proxies{/id}{?skip,take,ids,partialName}",
        "PackageNotesList": "/api/Spaces-1/packages/notes{?packageIds}",
        "Teams": "/api/teams{/id}{?skip,take,ids,partialName,spaces,includeSystem}",
        "Accounts": "/api/accounts{/id}{?skip}",
        "Dashboard": "/api/Spaces-1/dashboard{?projectId}",
    }
    assert counts.linked(links) == {"space": {"projects", "proxies"}, "server": {"teams", "accounts"}}


@pytest.mark.parametrize(
    ("now", "vocabulary", "upgraded", "expected"),
    [
        (["A"], ["A", "B"], False, [("B", "wrong")]),
        (["A"], ["A", "B"], True, [("B", "suspicious")]),
        (["A"], ["A"], True, [("B", "expected")]),
        ([], ["A", "B"], True, [("A, B", "wrong")]),
        (["A", "B", "C"], ["A", "B", "C"], True, []),
    ],
)
def test_permissions_that_a_role_has_lost(now, vocabulary, upgraded, expected):
    assert told(["A", "B"], now, vocabulary, upgraded) == expected


def test_a_role_that_the_product_ships_with_may_change_with_the_version():
    before, now = {"roles": role(9, shipped=True)}, {"roles": role(["A"], shipped=True), "vocabulary": ["A"]}
    verdicts_of = {
        upgraded: [one.verdict for one in access.compare(before, now, upgraded=upgraded, into_spaces=False)] for upgraded in (True, False)
    }
    assert verdicts_of == {True: ["expected"], False: ["wrong"]}


@pytest.mark.parametrize(
    ("collection", "related", "verdict"),
    [
        ("machines", [["Machines-1"], ["Machines-2"]], "suspicious"),
        ("machines", [["Machines-1"]], "wrong"),  # two are gone, and only one was deleted
        ("releases", [["Projects-1"]], "suspicious"),  # a project takes its releases along
        ("accounts", [["Projects-1"]], "wrong"),
    ],
)
def test_what_deletions_explain(collection, related, verdict):
    events = tuple({"Id": "Events-5", "Category": "Deleted", "Username": "dora", "RelatedDocumentIds": ids} for ids in related)
    difference, changes = Difference(COUNTS, "Spaces-1", collection, 5, 3), Changes(events)
    [found] = explained([difference], Changes(), changes)
    assert found.verdict == verdict
    assert explained([difference], changes, changes.after({"events": 5})) == [difference], "before the counts were read"


def test_a_change_of_the_very_thing_explains_it():
    trigger = Difference(verdicts.DISABLED, "Spaces-1", "projecttrigger Nightly", "disabled", "enabled", related="ProjectTriggers-1")
    event = {"Category": "Modified", "Username": "dora", "RelatedDocumentIds": ["ProjectTriggers-1", "Projects-1"]}
    [found] = explained([trigger], Changes(), Changes((event,)))
    assert (found.verdict, found.why) == ("suspicious", "Modified by dora since")


def test_the_names_of_the_checks_can_be_waived():
    assert unknown_waivers(verdicts.NAMES) == []
