# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is known of a package's Authenticode signature, and whether an upgrade may go on with it. No I/O."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

VERIFIED, UNVERIFIED, REFUSED = "verified", "not verified", "refused"


@dataclass(frozen=True)
class Signature:
    """A verdict on the copy of a package on the control node.

    Attributes:
        verdict: ``verified``: the copy is what its signer signed, and the certificate was issued by a trusted authority. ``not verified``: nothing
            could be verified. ``refused``: the signature is missing or wrong, or somebody else's.
        reason: A clause that says why; empty where it is verified.
        signer: The subject of the signer's certificate, where it is verified or somebody else's.
        expected: The names of which the signer has to have one; empty where every signer with a trusted certificate will do.
        path: The copy; None where nobody named a folder of copies.
        sha256: Its hash, which the packages on the nodes have to have too.
    """

    verdict: str
    reason: str = ""
    signer: str | None = None
    expected: list[str] = field(default_factory=list)
    path: str | None = None
    sha256: str | None = None

    @property
    def blocks(self) -> bool:
        """Whether it stands in the way: it is refused, or a publisher is expected and nobody can tell whether it is the one."""
        return self.verdict == REFUSED or (self.verdict == UNVERIFIED and bool(self.expected))

    @property
    def asked(self) -> bool:
        """Whether somebody wants it verified. Otherwise it is stated, and no check warns of it in every plan."""
        return bool(self.verdict != UNVERIFIED or self.expected or self.path)

    def found(self) -> str:
        """What was found, as a clause."""
        if self.verdict == VERIFIED:
            return f"that it is signed by {self.signer}{'' if self.expected else ', and that no publisher is expected'}"
        return f"that it is {self.verdict}: {self.reason}"


def publisher(names: Iterable[str], expected: Iterable[str]) -> str | None:
    """Return the expected name that the signer has; None where it has none of them.

    Args:
        names: The common names and the organisations in the subject of the signer's certificate.
        expected: The names that are expected. Case and every character count, since certificates of other companies may look alike.
    """
    known = set(names)
    return next((name for name in expected if name in known), None)
