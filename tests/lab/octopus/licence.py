# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Licences: the XML text, what it covers, and whether a version may be installed with it.

The elements are those of licences as users see them (octopus.com/docs/administration/licensing); values are made up. What a licence
blocks: https://github.com/OctopusDeploy/Issues/issues/2668 (upgrade), #7427 (start), #9828 (no key at all, from 2026.1).
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from dataclasses import dataclass
from datetime import date


class LicenceError(Exception):
    """The text is not a licence."""


@dataclass(frozen=True)
class Licence:
    """What the text says. ``ptm``: the per-target model of older subscriptions."""

    serial: str
    licensed_to: str
    kind: str
    valid_from: date
    valid_to: date
    nodes: int | None
    ptm: bool = False

    def covers(self, released: date) -> bool:
        """Whether a version that came out then may be installed."""
        return released <= self.valid_to


def text(
    *,
    licensed_to: str = "The lab",
    kind: str = "Subscription",
    valid_from: date = date(2018, 1, 1),
    valid_to: date = date(2027, 12, 31),
    nodes: int | None = None,
    ptm: bool = False,
    serial: str = "10000-20000-30000-40000",
) -> str:
    """A licence's XML."""
    root = ET.Element("License", {"Signature": "bGFi" * 12})
    for name, value in (
        ("LicensedTo", licensed_to),
        ("LicenseKey", serial),
        ("Version", "2.0"),
        ("ValidFrom", valid_from.isoformat()),
        ("Kind", kind),
        ("ValidTo", valid_to.isoformat()),
        ("NodeLimit", "Unlimited" if nodes is None else str(nodes)),
        ("ProjectLimit", "Unlimited"),
        ("MachineLimit", "Unlimited"),
        ("UserLimit", "Unlimited"),
        ("Model", "PerTarget" if ptm else "Standard"),
    ):
        ET.SubElement(root, name).text = value
    return ET.tostring(root, encoding="unicode")


def parse(xml: str) -> Licence:
    """
    Raises:
        LicenceError: Not XML, or an element is missing.
    """
    try:
        root = ET.fromstring(xml)
        if root.tag != "License":
            raise LicenceError("The license text is not a valid license: its root is not License.")
        found = {child.tag: (child.text or "").strip() for child in root}
        limit = found.get("NodeLimit", "Unlimited")
        return Licence(
            found["LicenseKey"],
            found["LicensedTo"],
            found.get("Kind", "Subscription"),
            date.fromisoformat(found["ValidFrom"]),
            date.fromisoformat(found["ValidTo"]),
            None if limit == "Unlimited" else int(limit),
            found.get("Model") == "PerTarget",
        )
    except (ET.ParseError, KeyError, ValueError) as error:
        raise LicenceError(f"The license text is not a valid license: {error}") from error
