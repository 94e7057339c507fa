# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What has to be done with one instance of a Tentacle so that it also polls the new addresses of its server. Pure decisions.

The new server is a copy of the old one: it has the same certificate, and knows each polling Tentacle by its subscription. So a further entry with the
same thumbprint and the same subscription is all it takes, and the former entry stays, for the return. What would lose a registration is refused:

* ``server-comms`` before 4.0, which makes up a subscription (ServerCommsCommand.cs of https://github.com/OctopusDeploy/OctopusTentacle, tag 3.24.0),
* from 4.0 on the same where no entry has a subscription to copy: a Tentacle that came from 2.x polls for its Squid (HalibutInitializer.cs),
* a choice between two subscriptions, because only the server knows which is the registered one,
* entries for web sockets, which trust the certificate of the web portal (RegisterMachineCommandBase.cs), and those of Kubernetes agents, which
  keep nothing but their first address at each start (configure-and-run.sh of their image).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.version import Version

from .configuration import KUBERNETES, NONE, POLLING, Address, TentacleConfiguration, Trusted

# What is to be done.
NOTHING, ADD, RESTART, CHECK, IGNORE, REFUSE = "nothing", "add", "restart", "check", "ignore", "refuse"
KEEPS_SUBSCRIPTION = Version.parse("4.0.0")
_STEADY = ("running", "stopped", None)


@dataclass(frozen=True)
class Decision:
    """What is to be done with one instance.

    Attributes:
        action: ``nothing``: it polls all wanted addresses. ``add``: it does not yet. ``restart``: the file has them, but the service
            may not have been restarted since. ``check``: it listens, and trusts the server. ``ignore``: it belongs to another server. ``refuse``: it cannot be
            done without the danger of losing a registration.
        reason: Why, as a sentence.
        missing: The addresses to add.
        thumbprint: The thumbprint as the file spells it: the program compares letter by letter.
        subscription: What each new entry has to have.
    """

    action: str
    reason: str
    missing: tuple[Address, ...] = ()
    thumbprint: str = ""
    subscription: str | None = None


def decide(
    configuration: TentacleConfiguration,
    thumbprint: str,
    wanted: Sequence[Address],
    *,
    version: str | None,
    service: str | None,
    polls: frozenset[str] | None = None,
    interrupted: bool = False,
) -> Decision:
    """Decide what has to be done.

    Args:
        configuration: The instance's settings.
        thumbprint: That of the server's certificate, old and new.
        wanted: The addresses of the new server, one for each node.
        version: That of the program; None where it does not tell.
        service: The state of the service; None where there is none.
        polls: What the running process polls; None where that is unknown, or nothing is running.
        interrupted: Whether a run has begun to change the instance and has not come to its end.
    """
    ours = [entry for entry in configuration.trusted if entry.of(thumbprint)]
    if not ours:
        return Decision(IGNORE, "It does not trust the server.")
    if any(entry.communication == KUBERNETES for entry in ours):
        return _refused(
            "It is a Kubernetes agent, whose addresses are set by Helm, and which forgets all others when its first one changes."
        )
    polling = [entry for entry in ours if entry.communication == POLLING and entry.address]
    if not polling:
        if configuration.listens:
            return Decision(CHECK, "It listens, and trusts the server's certificate, so the new server reaches it without a change.")
        return _refused("It neither listens nor polls an address of this server, so it cannot be registered with it.")
    if any(not str(entry.address).lower().startswith("https:") for entry in polling):
        return _refused("It polls over web sockets, which trust the certificate of the web portal: move that certificate with the name.")
    unclear = _unclear(ours, polling)
    if unclear:
        return _refused(unclear)
    subscription = polling[0].subscription
    missing = tuple(address for address in dict.fromkeys(wanted) if not any(entry.at(address) for entry in polling))
    for address in missing:
        if any(entry.at(address) for entry in configuration.trusted):
            return _refused(f"Another entry for {address.url} exists, with another certificate or another way of communication.")
    if service not in _STEADY:
        return _refused(f"Its service is {service}. Wait until it is running or stopped.")
    if not missing:
        return _nothing_missing([address.url for address in wanted], service, polls, interrupted)
    if version is None or Version.parse(version) < KEEPS_SUBSCRIPTION:
        return _refused(
            f"Its version {version or 'is unknown and'} may add an address with a new subscription, which the server does not know; that is so before "
            "4.0. Upgrade the Tentacle while its old server is in service."
        )
    return Decision(
        ADD, f"It polls this server at {', '.join(str(entry.address) for entry in polling)}.", missing, polling[0].thumbprint, subscription
    )


def _nothing_missing(wanted: Sequence[str], service: str | None, polls: frozenset[str] | None, interrupted: bool) -> Decision:
    """Decide for a configuration that has all addresses: the service reads it only when it starts."""
    if service == "running" and polls is not None:
        idle = [url for url in wanted if url not in polls]
        if idle:
            return Decision(
                RESTART, f"Its configuration has all addresses, but its service does not poll {', '.join(idle)} until it is restarted."
            )
        return Decision(NOTHING, "It polls all addresses.")
    if interrupted:
        return Decision(RESTART, "An interrupted run has added the addresses and may not have restarted the service.")
    return Decision(NOTHING, "Its configuration has all addresses.")


def _unclear(ours: Sequence[Trusted], polling: Sequence[Trusted]) -> str | None:
    """Say why it is not certain which subscription a new entry would get and which one the server knows; None where it is certain."""
    if any(entry.subscription is None for entry in polling):
        return (
            "An entry for this server has no subscription, as in a configuration that came from Tentacle 2.x, and a new entry would get one that the "
            "server does not know. Register it anew."
        )
    # An entry without a style is what server-comms makes a new entry from (ServerCommsCommand.cs).
    known = {entry.subscription for entry in ours if entry.subscription and entry.communication in (POLLING, NONE)}
    if len(known) > 1:
        return (
            f"It polls this server for {len(known)} subscriptions ({', '.join(sorted(map(str, known)))}), and only the server knows which of them is "
            "registered."
        )
    if len({entry.thumbprint for entry in polling}) > 1:
        return "Its entries for this server spell the thumbprint in several ways, and the program compares letter by letter."
    return None


def _refused(reason: str) -> Decision:
    return Decision(REFUSE, reason)


def problems(before: TentacleConfiguration, after: TentacleConfiguration, decision: Decision) -> list[str]:
    """Compare a configuration with the one before, and return what is not as it has to be after the addresses were added."""
    found = []
    names = sorted(name for name in before.others.keys() | after.others.keys() if before.others.get(name) != after.others.get(name))
    if names:
        found.append(f"other settings differ ({', '.join(names)})")
    if lost(before, after):
        found.append("former entries are missing or differ")
    more = Counter(entry.meaning for entry in after.trusted) - Counter(entry.meaning for entry in before.trusted)
    new = Counter((decision.thumbprint.upper(), POLLING, address.url, decision.subscription) for address in decision.missing)
    if more != new:
        urls = ", ".join(address.url for address in decision.missing) or "none"
        found.append(f"the new entries ({urls}) are not there, or not with the subscription of the former ones")
    return found


def lost(before: TentacleConfiguration, after: TentacleConfiguration) -> bool:
    """Whether an entry of the former configuration is missing in a later one. The program changes their order."""
    return bool(Counter(entry.meaning for entry in before.trusted) - Counter(entry.meaning for entry in after.trusted))
