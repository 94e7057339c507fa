# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What machines of the lab share: addresses, accounts, shares, certificates, and the lab's clock, ledger and faults."""

from __future__ import annotations

import itertools
import os
import socket
from pathlib import Path

from .clock import Clock
from .faults import Faults
from .filesystem import FileSystem, Share, Volume, WinError
from .ledger import Ledger
from .pki import Authority

DOMAIN = "LAB"


class Network:
    """One lab's network: a /24 of the loopback range (``127.x.y.0``), so that standard ports can be used by every machine."""

    def __init__(self, root: Path, clock: Clock, ledger: Ledger, faults: Faults) -> None:
        self.root = root
        self.clock = clock
        self.ledger = ledger
        self.faults = faults
        # Whether nothing exists in this world that only the lab's own assumption supports (estate setting).
        self.only_documented = False
        root.mkdir(parents=True, exist_ok=True)
        self.authority = Authority(root / "ca.pem")
        self.prefix, self._claim = _claim_prefix()
        self.machines: dict[str, Machine] = {}
        self.shares: dict[tuple[str, str], Share] = {}
        self.file_servers: dict[str, str] = {}  # addresses by name
        self.accounts: dict[str, str] = {}  # "LAB\\name" -> password
        self._numbers = itertools.count(10)

    def address(self) -> str:
        """A free address of this lab."""
        return f"{self.prefix}.{next(self._numbers)}"

    def address_of(self, name: str) -> str | None:
        """The address that a name has in this lab's DNS: a machine's, or that of a file server, which is nothing but its shares."""
        machine = self.machines.get(name.lower().removesuffix("."))
        return machine.address if machine else self.file_servers.get(name.lower().removesuffix("."))

    def refuses(self, machine: str, server: str) -> bool:
        """Whether a machine's own firewall refuses a connection to an address."""
        found = self.machines.get(machine.lower())
        return found is not None and found.refuses(server)

    def add_account(self, name: str, password: str) -> str:
        """A domain account; gives its full name."""
        account = f"{DOMAIN}\\{name}"
        self.accounts[account] = password
        return account

    def password_is(self, account: str, password: str) -> bool:
        """Whether that is the account's password. The name may lack its domain, or be ``name@lab``."""
        wanted = account.lower()
        if "@" in wanted:
            wanted = f"{DOMAIN.lower()}\\{wanted.partition('@')[0]}"
        elif "\\" not in wanted:
            wanted = f"{DOMAIN.lower()}\\{wanted}"
        return any(name.lower() == wanted and known == password for name, known in self.accounts.items())

    @staticmethod
    def machine_account(machine: str) -> str:
        """How SYSTEM of a machine appears on the network."""
        return f"{DOMAIN}\\{machine.upper()}$"

    def add_share(self, machine: str, name: str, root: Path, allow: set[str], capacity: int = 64 * 1024**3) -> Share:
        root.mkdir(parents=True, exist_ok=True)
        share = Share(machine, name, Volume(root, capacity), set(allow))
        self.shares[machine.lower(), name.lower()] = share
        if machine.lower() not in self.machines:
            self.file_servers.setdefault(machine.lower(), self.address())
        return share

    def share(self, server: str, name: str, path: str) -> Share:
        """
        Raises:
            WinError: 53 no such server or it is down, 67 no such share.
        """
        if not any(server.lower() == machine for machine, _name in self.shares):
            raise WinError(53, path)
        share = self.shares.get((server.lower(), name.lower()))
        if share is None:
            raise WinError(67, path)
        if not share.reachable:
            raise WinError(53, path)
        return share

    def disk_full(self, machine: str, path: str) -> bool:
        """Whether the fault disk.full (path=prefix) strikes this write. It strikes as long as it is armed with times=None."""
        with_path = [armed for armed in self.faults.armed("disk.full") if armed.machine in (None, machine)]
        for armed in with_path:
            if path.replace("/", "\\").lower().startswith(str(armed.params.get("path", "")).lower()):
                self.faults.met(armed, machine, path=path)
                return True
        return False

    def close(self) -> None:
        self._claim.close()


class Machine:
    """A computer of the lab: a name, an address of its own, drives."""

    def __init__(self, name: str, network: Network) -> None:
        if name.lower() in network.machines:
            raise ValueError(f"there is a machine {name} already")
        self.name = name
        self.network = network
        self.address = network.address()
        self.root = network.root / "machines" / name
        self.fs = FileSystem(name, network)
        network.machines[name.lower()] = self

    def refuses(self, server: str) -> bool:
        """Whether its own firewall refuses a connection of the machine to an address: this one has none."""
        return False

    @property
    def clock(self) -> Clock:
        return self.network.clock

    @property
    def ledger(self) -> Ledger:
        return self.network.ledger

    @property
    def faults(self) -> Faults:
        return self.network.faults


def _claim_prefix() -> tuple[str, socket.socket]:
    """A prefix that no other lab on this computer uses: whoever holds port 1 of its .1, in effect any listening socket, owns it."""
    start = os.getpid()
    for step in range(64 * 254):
        number = (start * 7 + step) % (64 * 254)
        prefix = f"127.{64 + number // 254}.{1 + number % 254}"
        claim = socket.socket()
        try:
            claim.bind((f"{prefix}.1", 40001))
            claim.listen(1)
        except OSError:
            claim.close()
            continue
        return prefix, claim
    raise RuntimeError("no free loopback prefix 127.64-127.127 is left for a lab")
