# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What has to be done with an instance: each situation with its reason, and what would lose a registration is refused."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.tentacle.configuration import (
    KUBERNETES,
    LISTENING,
    NONE,
    POLLING,
    TentacleConfiguration,
    Trusted,
    address_of,
)
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.tentacle.decision import Decision, decide, lost, problems

OURS, FOREIGN = "AB" * 20, "CD" * 20
SUBSCRIPTION = "poll://g3662re9njtelsyfhm7t/"
OLD = Trusted(OURS, POLLING, "https://octopus:10943/", SUBSCRIPTION)
NEW = Trusted(OURS, POLLING, "https://octopus-new:10943", SUBSCRIPTION)
TRUST = Trusted(OURS, LISTENING, None, None)
WANTED = address_of("octopus-new")


def configuration(*trusted: Trusted, listens: bool = False, **values: str) -> TentacleConfiguration:
    return TentacleConfiguration({"Tentacle.Services.NoListen": str(not listens).lower(), **values}, trusted)


def decided(found: TentacleConfiguration, *wanted: str, **known: Any) -> Decision:
    addresses = [address_of(one) for one in wanted] or [WANTED]
    return decide(found, OURS, addresses, **{"version": "6.3.605", "service": "running", **known})


@pytest.mark.parametrize(
    ("found", "known", "action"),
    [
        (configuration(OLD), {}, "add"),
        (configuration(OLD), {"version": "4.0.0"}, "add"),
        (configuration(OLD), {"service": "stopped"}, "add"),
        (configuration(OLD), {"service": None}, "add"),
        (configuration(OLD), {"interrupted": True}, "add"),
        (configuration(TRUST, OLD), {}, "add"),  # configure --trust, then register-with
        (configuration(replace(OLD, thumbprint=OURS.lower())), {}, "add"),
        (configuration(OLD, replace(OLD, thumbprint=FOREIGN, subscription="poll://other/")), {}, "add"),
        (configuration(OLD, NEW), {}, "nothing"),
        (configuration(OLD, NEW), {"version": "3.24.0"}, "nothing"),
        (configuration(OLD, NEW), {"polls": frozenset({"https://octopus:10943", "https://octopus-new:10943"})}, "nothing"),
        (configuration(OLD, NEW), {"polls": frozenset({"https://octopus:10943"})}, "restart"),
        (configuration(OLD, NEW), {"interrupted": True}, "restart"),
        (configuration(OLD, NEW), {"interrupted": True, "service": "stopped"}, "restart"),
        (configuration(OLD, NEW), {"interrupted": True, "polls": frozenset({"https://octopus-new:10943"})}, "nothing"),
        (configuration(TRUST, listens=True), {}, "check"),
        (configuration(TRUST, listens=True), {"version": "3.24.0"}, "check"),
        (configuration(replace(TRUST, communication=NONE), listens=True), {}, "check"),
        (configuration(replace(OLD, thumbprint=FOREIGN)), {}, "ignore"),
        (configuration(), {}, "ignore"),
    ],
)
def test_action(found: TentacleConfiguration, known: dict[str, Any], action: str) -> None:
    assert decided(found, **known).action == action


@pytest.mark.parametrize(
    ("found", "known", "said"),
    [
        (configuration(OLD), {"version": "3.24.0"}, "before 4.0"),
        (configuration(OLD), {"version": None}, "before 4.0"),
        (configuration(replace(OLD, subscription=None)), {}, "no subscription"),
        (configuration(OLD, replace(OLD, address="https://octo-b:10943", subscription=None)), {}, "no subscription"),
        (configuration(OLD, replace(NEW, subscription="poll://made-up-by-3x/")), {}, "2 subscriptions"),
        (configuration(OLD, replace(TRUST, communication=NONE, subscription="poll://other/")), {}, "2 subscriptions"),
        (configuration(OLD, replace(OLD, address="https://octo-b:10943", thumbprint=OURS.lower())), {}, "letter by letter"),
        (configuration(OLD, replace(NEW, thumbprint=FOREIGN)), {}, "another certificate"),
        (configuration(OLD, replace(NEW, communication=LISTENING)), {}, "another certificate or another way"),
        (configuration(replace(OLD, address="wss://octopus/OctopusComms")), {}, "web sockets"),
        (configuration(OLD, replace(OLD, communication=KUBERNETES)), {}, "Kubernetes"),
        (configuration(TRUST), {}, "neither listens nor polls"),
        (configuration(replace(OLD, address=None)), {}, "neither listens nor polls"),
        (configuration(OLD), {"service": "start_pending"}, "Wait until"),
    ],
)
def test_refused(found: TentacleConfiguration, known: dict[str, Any], said: str) -> None:
    decision = decided(found, **known)
    assert (decision.action, decision.missing) == ("refuse", ())
    assert said in decision.reason


def test_each_node_of_a_cluster_gets_an_entry_once_with_the_spelling_of_the_file() -> None:
    found = configuration(replace(OLD, thumbprint=OURS.lower()), replace(NEW, thumbprint=OURS.lower()))
    decision = decided(found, "OCTOPUS-NEW", "octo-b:11943", "https://octo-b:11943/")
    assert [address.url for address in decision.missing] == ["https://octo-b:11943"]
    assert (decision.thumbprint, decision.subscription) == (OURS.lower(), SUBSCRIPTION)


def test_what_was_written_is_compared_by_its_meaning() -> None:
    before = configuration(replace(TRUST, communication=NONE), OLD, listens=True)
    decision = decided(before)
    # In another order, as the program and the service leave them.
    assert problems(before, configuration(OLD, NEW, TRUST, listens=True), decision) == []


@pytest.mark.parametrize(
    ("after", "said"),
    [
        (configuration(OLD), "the new entries (https://octopus-new:10943) are not there"),
        (configuration(NEW), "former entries are missing"),
        (configuration(OLD, replace(NEW, subscription="poll://made-up/")), "not with the subscription"),
        (configuration(OLD, NEW, replace(NEW, address="https://third:10943")), "the new entries"),
        (configuration(replace(OLD, subscription="poll://made-up/"), NEW), "former entries are missing or differ"),
        (configuration(OLD, NEW, listens=True), "other settings differ (Tentacle.Services.NoListen)"),
        (configuration(OLD, NEW, More="x"), "other settings differ (More)"),
    ],
)
def test_what_is_not_as_it_has_to_be(after: TentacleConfiguration, said: str) -> None:
    before = configuration(OLD)
    assert said in "; ".join(problems(before, after, decided(before)))


def test_lost() -> None:
    assert not lost(configuration(OLD), configuration(NEW, OLD))
    assert lost(configuration(OLD, TRUST), configuration(OLD, NEW))
