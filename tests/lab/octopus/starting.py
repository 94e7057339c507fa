# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What stops a server from starting although its schema is right: the defects that start-up meets, by version."""

from __future__ import annotations

from . import crypto, versions
from .store import Store

IMAGE_TYPES = ("image/png", "image/jpeg", "image/gif", "image/svg+xml")


class StartError(Exception):
    """The server does not start; the text is what its log says."""


def check(store: Store, version: str) -> None:
    """Load what start-up loads.

    Raises:
        StartError: It meets something that it cannot get over.
        SqlError: The database went away.
    """
    _licence(store, version)
    _history(store, version)
    _extensions(store, version)
    _projects(store, version)
    _secrets(store)


def _licence(store: Store, version: str) -> None:
    """#7427: an expired licence stopped start-up, from about 2020.1 (*assumed*) until 2021.3.13021."""
    held = store.licence()
    expired = held["LicenseText"] and not held["IsCompliant"]
    if expired and versions.between(version, "2020.1", "2021.3.13021"):
        raise StartError(f"The license is not valid: {held['ComplianceSummary']}")


def _history(store: Store, version: str) -> None:
    """#9145: a database last run by 2018.3 or older upgrades to 2024.3 or newer without an error, and then does not start."""
    if not versions.at_least(version, "2024.3"):
        return
    known = [row["Version"] for row in store.history() if row["Version"]]
    last = known[-1] if known else version
    if not versions.at_least(last, "2018.4"):
        raise StartError(
            "Object reference not set to an instance of an object. at Octopus.Core.Initialization.ExtensionConfigurationUpgrader"
        )


def _extensions(store: Store, version: str) -> None:
    """#9251: nulls in the row ``dynamic-extensions-scripts``, from 2024.4."""
    row = store.configuration("dynamic-extensions-scripts")
    if row is not None and versions.at_least(version, "2024.4") and any(value is None for value in row.values()):
        raise StartError("Value cannot be null. (Parameter 'source') while loading configuration 'dynamic-extensions-scripts'")


def _projects(store: Store, version: str) -> None:
    """Every project is read; #6779, #6780: a logo of a type that is none stopped early builds of 2020.5 and 2020.6."""
    for project in store.documents("Project"):
        strict = versions.between(version, "2020.5", "2020.5.251") or versions.between(version, "2020.6", "2020.6.4668")
        kind = str(project.get("LogoContentType") or "image/png")
        if strict and kind not in IMAGE_TYPES:
            raise StartError(f"The content type '{kind}' of the logo of {project['Id']} is not a supported image type.")


def _secrets(store: Store) -> None:
    """The server's certificate opens with the master key; without it no Tentacle can be reached."""
    for row in store.documents("Certificate"):
        if row.get("CertificateData"):
            try:
                store.secret(row["CertificateData"])
            except crypto.CryptoError as error:
                raise StartError(f"The server's certificate could not be decrypted with the configured master key: {error}") from error
