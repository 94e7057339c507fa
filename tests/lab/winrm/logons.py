# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Accounts at the door: passwords, failed logons and lock-outs, of a whole network as a domain controller keeps them."""

from __future__ import annotations

import threading
from collections import Counter
from weakref import WeakKeyDictionary

from lab.core.network import DOMAIN, Network

THRESHOLD = 5
"""Bad passwords in a row after which an account is locked out: Windows leaves the number to the domain's policy, 5 is
*assumed* (https://learn.microsoft.com/windows/security/threat-protection/security-policy-settings/account-lockout-threshold).
A lock-out lasts until :meth:`Logons.unlock`, as a duration of 0 minutes does."""

_OF_NETWORK: WeakKeyDictionary[Network, Logons] = WeakKeyDictionary()
_OF_NETWORK_LOCK = threading.Lock()


class Logons:
    """Checks passwords and counts. ``failures``: failed attempts ever, by account; an unknown one counts under the name it gave."""

    def __init__(self, network: Network) -> None:
        # Not the network itself: whatever refers to it would keep it in _OF_NETWORK for ever.
        self._accounts = network.accounts
        self._lock = threading.Lock()
        self._in_a_row: Counter[str] = Counter()
        self.failures: Counter[str] = Counter()

    @classmethod
    def of(cls, network: Network) -> Logons:
        """The one counter of a network, whichever of its hosts asks."""
        with _OF_NETWORK_LOCK:
            return _OF_NETWORK.setdefault(network, cls(network))

    def resolve(self, name: str) -> str | None:
        """The account that a client means by ``name``, ``LAB\\name`` or ``name@lab``."""
        wanted = name.lower()
        if "@" in wanted:
            wanted = f"{DOMAIN.lower()}\\{wanted.partition('@')[0]}"
        elif "\\" not in wanted:
            wanted = f"{DOMAIN.lower()}\\{wanted}"
        return next((account for account in self._accounts if account.lower() == wanted), None)

    def password(self, account: str) -> str:
        """For NTLM, whose clients never send theirs."""
        return self._accounts[account]

    def locked(self, account: str) -> bool:
        """Whether the account is locked out."""
        with self._lock:
            return self._in_a_row[account] >= THRESHOLD

    def unlock(self, account: str) -> None:
        """What an administrator does about it."""
        with self._lock:
            self._in_a_row[account] = 0

    def check(self, name: str, password: str) -> str | None:
        """A logon with a password: the account, or None where it is unknown, locked out or the password is wrong."""
        account = self.resolve(name)
        good = account is not None and self._accounts[account] == password
        return self.attempt(name, good)

    def attempt(self, name: str, good: bool) -> str | None:
        """Count an attempt whose password was right or wrong. The account where that lets it in."""
        account = self.resolve(name)
        with self._lock:
            if good and account is not None and self._in_a_row[account] < THRESHOLD:
                self._in_a_row[account] = 0
                return account
            self.failures[account or name] += 1
            if account is not None:
                self._in_a_row[account] += 1
            return None
