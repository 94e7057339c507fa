# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The check package_signature: what stops an upgrade, what is only told, and which packages are told together."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.check import Check
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.package.signature import REFUSED, UNVERIFIED, VERIFIED
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.package_checks import checks

NO_COPY = {"verdict": UNVERIFIED, "reason": "there is no copy of it on the control node"}
LOST = {"verdict": UNVERIFIED, "reason": "there is no copy /m/o.msi on the control node", "path": "/m/o.msi"}
SIGNED = {"verdict": VERIFIED, "signer": "CN=Vendor"}


def made(packages: dict[str, dict[str, Any]]) -> list[Check]:
    return [check for check in checks(packages, "1.0.0", ["octo-a"], "prod") if check.name == "package_signature"]


@pytest.mark.parametrize(
    ("signature", "verdict", "blocks", "found"),
    [
        ({**SIGNED, "expected": ["Vendor"]}, "ok", False, "that it is signed by CN=Vendor"),
        (SIGNED, "warning", False, "that it is signed by CN=Vendor, and that no publisher is expected"),
        (LOST, "warning", False, "that it is not verified: there is no copy /m/o.msi on the control node"),
        ({**NO_COPY, "expected": ["Vendor"]}, "unknown", True, "that it is not verified: there is no copy of it on the control node"),
        ({"verdict": REFUSED, "reason": "it is another one"}, "blocker", True, "that it is refused: it is another one"),
        ({"verdict": REFUSED, "reason": "so", "expected": ["Vendor"]}, "blocker", True, "that it is refused: so"),
    ],
)
def test_what_stops_an_upgrade_and_what_is_only_told(signature: dict[str, Any], verdict: str, blocks: bool, found: str) -> None:
    (check,) = made({"2.0.0": {"octo-a": {"signature": signature}, "octo-b": {"signature": signature}}})
    assert (check.verdict, check.blocks, check.found, check.where) == (verdict, blocks, found, "prod")
    assert "the MSI of 2.0.0" in check.expected
    assert bool(check.todo)


def test_nobody_is_warned_who_wants_no_signature_verified() -> None:
    assert made({"2.0.0": {"octo-a": {"signature": NO_COPY}}}) == [] == made({"2.0.0": {"octo-a": {}}})


def test_packages_of_which_the_same_is_known_are_told_together() -> None:
    def package(signature: dict[str, Any]) -> dict[str, Any]:
        return {"octo-a": {"signature": signature}}

    found = made({"1.0.0": package(LOST), "2.0.0": package(SIGNED), "3.0.0": package(LOST), "4.0.0": {}})
    assert [check.expected.split(" to be ")[0] for check in found] == ["the MSI of 1.0.0, 3.0.0", "the MSI of 2.0.0"]
