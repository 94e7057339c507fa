# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which names a report may have: those of the product, never one that somebody has given. Pure functions, no I/O.

A report exists to be attached to a public issue. So nothing that a server tells gets into it as it is: a name only where every word of it is
one of the product's own, a version only as the numbers that a version can have. Everything else is counted.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from .of_program import PROBES as OF_PROGRAM
from .of_server import PROBES as OF_SERVER

_LONGEST = 80
_NAME = re.compile(r"[A-Za-z][A-Za-z._-]*")
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
# 3.2.1, 4.1.10, 2018.10.7, 2025.4.10423: an address, a date or a number of somebody's is none of them.
_VERSION = re.compile(r"(?:[34]|20[1-3]\d)(?:\.\d{1,5}){1,3}(?![\d.])")
# Words of the product's that no probe has yet, and that a name which is another than expected would be made of.
_MORE = """
access account acquisition action active ad agent allow api app application applied archived are argo artifact assembled assembly attempt audit
authentication auto automatic azure background backoff base blob branch broker build built by bytes cache can cancel cap category certificate
channel check client cloned cluster color comms communication community completed concurrency concurrent configuration connection console container
count created credential cron custom dashboard data date days dead default delete deployed deployment desc description directory disable disabled
discrete display document domain drain duration dynamic early effective email enabled end endpoint environment error estimated event exclude
execution expires expiry export extension external extra failed feature feed file filter finished flag folder force format free freeze from git
google grace group grpc has health heart heartbeat history home host hosting hsts http id identity import in include index information
initialisation insight install installation installed instance integrated integration integrity interruption interval is issue item jira job json
key kind kubernetes last latest layout ldap leader letsencrypt library licence license lifecycle limit link linux list listen listener local lock
locked log long machine maintenance major map master max memory message metric migration min minimum minor mode modified monitor multi name network
new next node nologo note notification nuget number occurred octopus of off offline okta on open order owner package page partial patch path pending
per permission phase platform policies policy poll polling pool port portal prefix prefixes preview prioritize priority private process product
program progress project property proxies proxy ptm public published queue queued rank ranking rate read reader reason redis refresh related release
remaining remote report repository request requestor rerun resource retention role root run runbook running sample sanitise schedule schema scope
script search seconds seen self send serial server service set settings shared show sign signing since single size slack slug smtp sort source space
special sql ssl stage start started state statistics stats status step stop stopped storage store stream style subscription successfully summary
support switch sync system table tag target task team telemetry template temporary tenant tentacle term text threshold thumbprint time timeout
toggle token tool total trace trial trigger type ui update upgrade upload url use user username value variable version view wait warning watchdog
web websocket window worker write writer
"""


def words_of(name: str) -> list[str]:
    """Return the words of a name in lower case: ``IsInMaintenanceMode`` has four."""
    return [word.lower() for word in _WORD.findall(name)]


_VOCABULARY = frozenset(_MORE.split()) | {
    word for probe in (*OF_PROGRAM, *OF_SERVER) for name in (probe.subject, *probe.names) for word in words_of(name)
}


def is_products(name: str) -> bool:
    """Whether a name can only be one of the product's."""
    return len(name) <= _LONGEST and _NAME.fullmatch(name) is not None and all(_is_known(word) for word in words_of(name))


def _is_known(word: str) -> bool:
    return word in _VOCABULARY or word.removesuffix("s") in _VOCABULARY


def publishable(names: Iterable[str]) -> tuple[list[str], int]:
    """Return the names that a report may have, sorted, and how many others there are."""
    every = sorted(set(names))
    own = [name for name in every if is_products(name)]
    return own, len(every) - len(own)


def plain_version(text: str | None) -> str | None:
    """Return the numbers of a version of Octopus Server; None where it is none."""
    found = _VERSION.match(text or "")
    return found[0] if found else None
