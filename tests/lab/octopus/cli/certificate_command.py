# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The certificate that Tentacles know the server by: new-certificate.

octopus.com/docs/octopus-rest-api/octopus.server.exe-command-line/new-certificate; how its output looks:
octopus.com/docs/security/octopus-tentacle-communication/regenerate-certificates-with-octopus-server-and-tentacle. The command came with 3.14.15
(OctopusDeploy/Issues 3574), and regenerate-certificate went with 4.0 (3832). That ``--replace`` came then is *assumed*: the oldest page has it.
"""

from __future__ import annotations

import os
from datetime import timedelta

from .parser import Call, Command, Failure, switches

_YEARS = timedelta(days=36500)


def new_certificate(call: Call) -> int:
    """Makes a certificate, and writes it to a file or puts it in the place of the present one. It is read when the service starts."""
    installation = call.installation()
    store = call.store(installation)
    call.log("Checking the Octopus Master Key has been configured.")
    if call.get("type", "tentacle").lower() != "tentacle":
        raise Failure("The lab has no certificate for gRPC.")
    if not call.has("replace") and not call.has("export-pfx"):
        raise Failure("Please specify either --replace or --export-pfx.")
    before, new = (store.configuration("certificate") or {}).get("Thumbprint"), os.urandom(20).hex().upper()
    call.log("Generating certificate...")
    call.log("The Octopus Server currently uses a certificate with thumbprint:")
    call.log(str(before))
    call.log("A new certificate has been generated with thumbprint:")
    call.log(new)
    if call.has("export-pfx"):
        path = call.process.full(call.get("export-pfx"))
        call.process.host.fs.write(path, os.urandom(64), call.process.logon)
        call.log(f"The new certificate has been written to {path}.")
    if call.has("replace"):
        store.save_configuration("certificate", {"Thumbprint": new})
        held = store.document("Certificate", "certificate-global")
        if held is not None:
            sealed = store.sealed(f"private key of {new}")
            until = call.process.host.clock.now() + _YEARS
            store.save("Certificate", {**held, "Thumbprint": new, "CertificateData": sealed, "NotAfter": until})
        call.process.host.ledger.record("octopus", call.process.host.name, what="new certificate", before=before, after=new)
        call.log("These changes require a restart of the Octopus Server.")
    return 0


COMMANDS = (
    Command(
        "new-certificate",
        "Creates a new certificate that Octopus Server can use to authenticate itself with its Tentacles",
        new_certificate,
        switches("replace@4.0 export-pfx= pfx-password= type=@2025.4"),
        True,
        since="3.14.15",
    ),
)
