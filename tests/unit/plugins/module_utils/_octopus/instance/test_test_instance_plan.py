# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""When a test instance is made, finished, made anew, left alone or removed, and what is refused before anything is changed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.instance.new_database import Look, Mark
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.instance.test_instance_facts import Facts, Run
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.instance.test_instance_plan import plan, removal

FREE, CREATED = "2026-12-01 00:30:00", "2026-12-01 00:30:07"
MARK = Mark("sql", "Octopus prod-test", FREE, complete=True)
HERE = {
    "name": "OctopusServer",
    "config_path": "C:\\Octopus\\OctopusServer.config",
    "database": {"database": "Octopus prod-test"},
    "service": {"state": "running"},
}
NOTHING = Facts(
    instance="prod-test",
    test_of="prod",
    instance_name="OctopusServer",
    nodes=("octo-test",),
    hosts={"octo-test": {"instances": []}},
    run=Run(),
    server="sql",
    database="Octopus prod-test",
    mark=None,
    look=Look("2026-12-01 01:00:00", None),
    url="https://test.example.com",
    projects=("Web Shop",),
    source={"version": "2025.3.14357", "thumbprint": "AA"},
    addresses=("10.0.0.9",),
    source_nodes=("octo-a",),
    source_addresses=("10.0.0.1",),
    source_url="https://octopus.example.com",
)
THERE = replace(
    NOTHING, hosts={"octo-test": {"instances": [HERE]}}, mark=MARK, look=Look("2026-12-01 01:00:00", CREATED), there=("Web Shop", "Mine")
)
MADE = plan(NOTHING)["made"]
REMOVED = removal(THERE)["removed"]


def unfinished(facts: dict[str, Any], operation: str = "test_instance") -> Run:
    return Run(True, "run-1", operation, facts)


def with_here(**changes: Any) -> dict[str, Any]:
    return {"octo-test": {"instances": [{**HERE, **changes}]}}


@pytest.mark.parametrize(
    ("facts", "action"),
    [
        (NOTHING, "create"),
        (THERE, "unchanged"),
        (replace(THERE, force=True), "replace"),
        (replace(THERE, force=True, hosts=with_here(service={"state": "stopped"}), there=None), "replace"),
        (replace(THERE, run=unfinished({"test_instance": MADE})), "resume"),
        (replace(NOTHING, run=unfinished({"test_instance": MADE})), "resume"),
        # The upgrade that has begun is resumed by the part that upgrades, and nothing is asked of a service that may be down.
        (replace(THERE, run=unfinished({}, "upgrade"), there=None), "unchanged"),
    ],
)
def test_what_is_done(facts: Facts, action: str) -> None:
    assert plan(facts)["action"] == action


def test_a_resumed_run_goes_on_with_what_it_has_recorded() -> None:
    later = replace(NOTHING, run=unfinished({"test_instance": MADE}), source={"version": "2026.1.1", "thumbprint": "BB"})
    assert plan(later)["made"] == MADE and plan(later)["replaces"] is False


def test_what_is_made_anew_is_dropped_once() -> None:
    first = plan(replace(THERE, force=True))
    assert (first["replaces"], first["drop"], first["having"]) == (True, "Octopus prod-test", ["octo-test"])
    resumed = replace(THERE, run=unfinished({"test_instance": first["made"]}))
    assert plan(resumed)["drop"] == "Octopus prod-test", "it is still the old one"
    assert plan(replace(resumed, look=Look("2026-12-01 02:00:00", "2026-12-01 01:59:00")))["drop"] == "", "it is the new one"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"source_nodes": ()}, "octopus_test_of of prod-test to be the octopus_instance of hosts"),
        ({"source_nodes": ("octo-test",)}, "octo-test is one of its nodes"),
        ({"addresses": ("10.0.0.1",)}, "10.0.0.1 is one of its nodes"),
        ({"url": "HTTPS://octopus.example.com/"}, "is that of prod"),
        ({"nodes": ("octo-test", "octo-more")}, "Expected one node"),
        ({"projects": ()}, "it names none"),
        ({"hosts": with_here(name="Live", database={"database": "Octopus"})}, "has Live too"),
        ({"look": Look("", CREATED)}, "but it exists, and octo-test has no instance that uses it"),
        ({"run": unfinished({"test_instance_removed": {"database": "x", "created": None}})}, "remove_test_instance.yml to finish it"),
        ({"run": unfinished({"test_instance": {**MADE, "projects": ["Billing"]}})}, "begun with other projects: Billing"),
        ({"run": unfinished({}, "upgrade"), "force": True}, "without octopus_test_force"),
    ],
)
def test_what_is_refused_where_there_is_none(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(OctopusError, match=said):
        plan(replace(NOTHING, **changes))


STRANGERS: list[tuple[dict[str, Any], str]] = [
    ({"hosts": with_here(database={"database": "OctopusDeploy"})}, "it uses the database OctopusDeploy"),
    ({"mark": None}, "it was not created as a test instance"),
    ({"mark": replace(MARK, database="Another")}, "created with the database Another on sql"),
    ({"mark": replace(MARK, server="elsewhere")}, "on elsewhere"),
    ({"look": Look("", "2026-11-30 08:00:00")}, "before the name was found to be free"),
]


@pytest.mark.parametrize("force", [False, True])
@pytest.mark.parametrize(("changes", "said"), STRANGERS)
def test_a_stranger_is_neither_replaced_nor_removed(changes: dict[str, Any], said: str, force: bool) -> None:
    for what in (plan, removal):
        with pytest.raises(OctopusError, match=f"{said}.*Nothing of it was changed"):
            what(replace(THERE, force=force, **changes))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"there": ("Mine",)}, "it does not have Web Shop.*octopus_test_force to make it anew; what was done in it is lost"),
        ({"hosts": with_here(service={"state": "stopped"})}, "its service does not run. Start it"),
        ({"there": None}, "no API key by which it could be asked. Copy the folder"),
        ({"mark": replace(MARK, complete=False)}, "it is not complete"),
    ],
)
def test_what_people_work_in_is_made_anew_on_request_only(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(OctopusError, match=said):
        plan(replace(THERE, **changes))


# -- removal


def test_a_removal_names_what_it_removes() -> None:
    found = removal(THERE)
    assert (found["action"], found["having"], found["drop"]) == ("remove", ["octo-test"], "Octopus prod-test")
    assert found["remains"] == ["the instance OctopusServer on octo-test", "the database Octopus prod-test"]
    nothing = removal(NOTHING)
    assert (nothing["action"], nothing["remains"], nothing["lines"]) == ("unchanged", [], ["prod-test: nothing to remove"])


def test_a_database_that_nothing_says_to_be_ours_stays() -> None:
    assert removal(replace(NOTHING, look=Look("", CREATED)))["drop"] == ""
    # A creation that was interrupted before it had written the mark had not created one.
    begun = replace(NOTHING, hosts=with_here(database=None), look=Look("", CREATED), run=unfinished({"test_instance": MADE}))
    assert (removal(begun)["having"], removal(begun)["drop"]) == (["octo-test"], "")


def test_an_interrupted_removal_goes_on() -> None:
    run = unfinished({"test_instance_removed": REMOVED})
    half = replace(THERE, run=run, hosts=with_here(database=None), mark=None)
    assert (removal(half)["action"], removal(half)["drop"]) == ("resume", "Octopus prod-test")
    gone = replace(half, hosts=NOTHING.hosts)
    assert (removal(gone)["having"], removal(gone)["drop"]) == ([], "Octopus prod-test")
    other = replace(gone, look=Look("", "2026-12-02 09:00:00"))
    assert removal(other)["drop"] == "", "somebody has created another one since"
