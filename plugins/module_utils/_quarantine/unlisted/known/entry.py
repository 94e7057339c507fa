# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One place that is known to be harmless although it looks like a danger. No I/O."""

from __future__ import annotations

from dataclasses import dataclass

from ansible_collections.octopus.upgrade.plugins.module_utils._quarantine.unlisted.signs import SIGNS

CLIENT = "https://github.com/OctopusDeploy/OctopusClients, Model:"
DOCS = "https://octopus.com/docs/"
API = "https://octopus.com/docs/octopus-rest-api,"
ISSUES = "https://github.com/OctopusDeploy/Issues/issues/"
SANITISE = f"{DOCS}administration/managing-infrastructure, the vendor's script for a cloned database"
DUMP = "public migration of a database of about 2018.9"
EVERYTHING = "**"


@dataclass(frozen=True)
class Known:
    """One place.

    Attributes:
        table: The table's name, or that of a row of Configuration or ExtensionConfiguration (``Configuration/smtp``); ``*`` stands for any text.
        place: The names of column and properties with dots between; ``*`` stands for one of them, a last ``**`` for any number.
        signs: What is harmless of it.
        why: Why it is, as a clause.
        source: Where the name is known from.
        since: The first version of Octopus Server that has it.
        until: The first that has not; None: the newest known one still has it.
        by: The check of the quarantine that makes it so.
    """

    table: str
    place: str
    signs: frozenset[str]
    why: str
    source: str
    since: str = "3.0"
    until: str | None = None
    by: str = ""

    @property
    def whole(self) -> bool:
        """Whether it is every place of a table, which is not even read then."""
        return self.place == EVERYTHING and self.signs == frozenset(SIGNS) and "*" not in self.table


def known(table: str, why: str, source: str, *places: str, since: str = "3.0", until: str | None = None, by: str = "") -> list[Known]:
    """Places of one table that are harmless for one reason.

    Args:
        table: See :class:`Known`.
        why: See there.
        source: See there.
        places: Each with its signs after a colon, such as ``Uri: address``; without any, all of them.
        since: See there.
        until: See there.
        by: See there.
    """
    found = []
    for text in places or (EVERYTHING,):
        place, _colon, listed = text.partition(":")
        signs = frozenset(listed.replace(",", " ").split()) or frozenset(SIGNS)
        found.append(Known(table, place, signs, why, source, since, until, by))
    return found
