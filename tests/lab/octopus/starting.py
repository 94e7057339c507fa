# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What stops a server from starting although its schema is right: the defects that start-up meets, by version."""

from __future__ import annotations

from . import crypto, defects, versions
from .store import Store


class StartError(Exception):
    """The server does not start; the text is what its log says."""


def check(store: Store, version: str, ground: defects.Ground | None = None) -> None:
    """Load what start-up loads.

    Args:
        ground: What SQL Server is like below the database.

    Raises:
        StartError: It meets something that it cannot get over.
        SqlError: The database went away.
    """
    _licence(store, version)
    known = [row["Version"] for row in store.history() if row["Version"]]
    before = known[-1] if known else version
    found = store.pool.run(lambda connection: defects.of_start(version, defects.Situation(connection, before, ground or defects.Ground())))
    if found is not None:
        raise StartError(found.says)
    _secrets(store)


def _licence(store: Store, version: str) -> None:
    """#7427: an expired licence stopped start-up, from about 2020.1 (*assumed*) until 2021.3.13021."""
    held = store.licence()
    expired = held["LicenseText"] and not held["IsCompliant"]
    if expired and versions.between(version, "2020.1", "2021.3.13021"):
        raise StartError(f"The license is not valid: {held['ComplianceSummary']}")


def _secrets(store: Store) -> None:
    """The server's certificate opens with the master key; without it no Tentacle can be reached."""
    for row in store.documents("Certificate"):
        if row.get("CertificateData"):
            try:
                store.secret(row["CertificateData"])
            except crypto.CryptoError as error:
                raise StartError(f"The server's certificate could not be decrypted with the configured master key: {error}") from error
