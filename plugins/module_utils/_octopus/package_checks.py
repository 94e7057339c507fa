# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether packages are signed, and whether the installed version can be removed, and installed again by a rollback. Pure functions, no I/O."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from .check import Check, unknown
from .package.signature import UNVERIFIED, VERIFIED, Signature

NAMES = ("package_signature", "installed_package_verified", "installed_package_cached")


def checks(packages: Mapping[str, Mapping[str, Any]], installed: str, nodes: Sequence[str], instance: str) -> Iterator[Check]:
    """Yield the checks.

    Args:
        packages: For each version, what octopus_install returned of its MSI on each node in check mode; empty where that was not asked yet.
        installed: The installed version.
        nodes: The nodes.
        instance: The name of the instance, for messages.
    """
    if not packages:
        return
    yield from _signatures(packages, instance)
    found = packages.get(installed) or {}
    for node in nodes:
        package = found.get(node) or {}
        yield _verified(package, installed, node)
        yield _cached(package, installed, node)


def _signatures(packages: Mapping[str, Mapping[str, Any]], instance: str) -> Iterator[Check]:
    """One check for the packages of which the same is known. Those that nobody found have a check of their own, package_available."""
    known: dict[tuple[str, bool, str], tuple[Signature, list[str]]] = {}
    for version, nodes in packages.items():
        said = next((package.get("signature") for package in nodes.values() if package.get("signature")), None)
        signature = Signature(**said) if said else Signature(UNVERIFIED)
        if signature.asked:
            known.setdefault((signature.verdict, signature.blocks, signature.found()), (signature, []))[1].append(version)
    for signature, versions in known.values():
        yield _signature(signature, ", ".join(versions), instance)


def _signature(signature: Signature, versions: str, instance: str) -> Check:
    fine = signature.verdict == VERIFIED and bool(signature.expected)
    todo = (
        "Get the MSI from the vendor again, into octopus_msi_copies and wherever the nodes get it. Where the vendor signs with a new name, add that to "
        "octopus_msi_publishers."
    )
    if signature.verdict == VERIFIED:
        todo = "Set octopus_msi_publishers to the name in it, if that is the vendor's."
    elif signature.verdict == UNVERIFIED:
        todo = "The nodes compare its hash only. To have it verified, put the MSI into octopus_msi_copies, and install osslsigncode."
    return Check(
        "package_signature",
        None if signature.verdict == UNVERIFIED and signature.blocks else fine,
        f"the MSI of {versions} to be signed by {' or '.join(signature.expected) or 'a known publisher'}, which the control node verifies",
        signature.found(),
        instance,
        todo,
        blocking=fine or signature.blocks,
    )


def _verified(package: Mapping[str, Any], installed: str, node: str) -> Check:
    stated_by = package.get("stated_by")
    return Check(
        "installed_package_verified",
        True if stated_by else None,
        f"something to state the hash of the MSI of {installed}, which a rollback installs after it has removed the newer version",
        str(stated_by or unknown("nothing does, so that a damaged package would be noticed by the rollback only")),
        node,
        f"Set octopus_msi_sha256 for {installed}.",
    )


def _cached(package: Mapping[str, Any], installed: str, node: str) -> Check:
    cached, staged = package.get("cached_package") or {}, str(package.get("path") or "")
    ok = None if not cached else bool(cached["exists"])
    found = f"{cached.get('path')}" if ok else f"that {cached.get('path') or 'it'} is missing"
    if ok is None:
        found = unknown(f"Windows Installer knows no product of {installed}")
    elif not ok and staged and str(cached.get("source")).lower() == staged.lower():
        # Windows Installer looks for a missing one at the product's last source, and that is where the package is staged before the outage.
        ok, found = True, f"{found}, but that Windows Installer looks for it at {staged}, where it is staged"
    return Check(
        "installed_package_cached",
        ok,
        f"the package of {installed} in the cache of Windows Installer, which needs it to remove that version (errors 1612 and 1714)",
        found,
        node,
        f"Get the MSI of {installed} and run msiexec /fv with its path there, which caches it again."
        if ok is False
        else "Check it yourself, then waive this check by name.",
    )
