# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether the database has anything that may act or reach outside, and that is on no list of what is harmless: default deny."""

from __future__ import annotations

from urllib.parse import urlsplit

from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.check import UNLISTED
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.database import schema
from ansible_collections.octopus.upgrade.plugins.module_utils._quarantine.unlisted import read
from ansible_collections.octopus.upgrade.plugins.module_utils._quarantine.unlisted.known.catalogue import NEWEST
from ansible_collections.octopus.upgrade.plugins.module_utils._quarantine.unlisted.scan import MOST, List, Scan, newer
from ansible_collections.octopus.upgrade.plugins.module_utils._quarantine.unlisted.signs import Own

from .look import Check, Look


def unlisted(look: Look) -> list[Check]:
    """Return a check for each place that is on no list, and one that counts them.

    Raises:
        MssqlError: SQL Server refused.
    """
    scan = Scan(List(look.version), _own(look))
    read.read(look.connection, scan)
    waivers = {name.lower() for name in look.request.waivers}
    checks = []
    too_new = newer(look.version)
    if too_new:
        waived = too_new.lower() in waivers
        found = f"version {look.version or 'unknown'}, and the list of what is harmless ends with {NEWEST}"
        checks.append(Check(too_new, waived, 1, f"waived: {found}" if waived else found))
    for finding in scan.findings():
        waived = bool({finding.name.lower(), finding.whole.lower()} & waivers)
        checks.append(Check(finding.name, waived, finding.rows, f"waived: {finding.detail}" if waived else finding.detail))
    if scan.left_out:  # cannot be waived: nobody has seen what it is
        checks.append(Check(f"{UNLISTED}:more", False, scan.left_out, f"more than {MOST} places that are on no list"))
    blocking = sum(not check.ok for check in checks)
    summary = f"{blocking} findings are not waived" if blocking else "nothing that is on no list, and not waived, acts or reaches outside"
    return [Check(UNLISTED, not blocking, blocking, summary), *checks]


def _own(look: Look) -> Own:
    """What is the clone's own: its SQL Server, its nodes, its address."""
    names = {look.connection.options.host.partition("\\")[0], *look.request.nodes}
    for address in (look.request.server_uri, (look.record or {}).get("server_uri")):
        names.add(urlsplit(address or "").hostname or "")
    return Own(frozenset(name.lower() for name in names if name), schema.server_now(look.connection))
