# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The certificate by which a server identifies itself to Tentacles, and which a copy of its database has too.

It is in the database, and Tentacles trust its thumbprint
(https://octopus.com/docs/security/octopus-tentacle-communication/regenerate-certificates-with-octopus-server-and-tentacle).
"""

from __future__ import annotations

from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError

from .found import FoundInstance
from .thumbprints import thumbprint_in

_COMMAND, _REPLACE = "new-certificate", "replace"


def ensure(found: FoundInstance) -> None:
    """Record the thumbprint in the result, and replace the certificate where it is one of those that this server must not have.

    A repetition finds a certificate of its own, and changes nothing.

    Args:
        found: An instance that has joined its database.

    Raises:
        OctopusError: The thumbprint cannot be read, or the program cannot replace the certificate. Then it is as it was.
    """
    others, result, where = found.request.other_thumbprints or frozenset(), found.result, found.host.where
    before = result.thumbprint = thumbprint_in(found.program.read("show-thumbprint"))
    if before not in others:
        return
    # Without that switch the program only writes a certificate to a file, with a password among its arguments.
    if _REPLACE not in found.program.listed(_COMMAND):
        raise OctopusError(
            f"{where}: expected a command {_COMMAND} with --{_REPLACE} in version {result.program_version}, to give {found.request.name} a "
            f"certificate of its own, but its help lists none. The certificate is as it was, with the thumbprint {before}, which Tentacles of "
            "another server trust. Leave other_thumbprints out to accept that (for a clone: octopus_clone_certificate: keep)."
        )
    found.check_may_change()
    if found.request.check_mode:
        result.change("certificate", before, "a new one")
        return
    found.request.tell(f"{found.host.name}: replacing the certificate of {found.request.name}")
    found.program.run(_COMMAND, f"--{_REPLACE}", database=True)
    after = result.thumbprint = thumbprint_in(found.program.read("show-thumbprint"))
    if after in others:
        raise OctopusError(
            f"{where}: the certificate of {found.request.name} was to be replaced, but it has the thumbprint {after}, which Tentacles of another "
            "server trust. Do not start it."
        )
    result.change("certificate", before, after)
