# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The Octopus Server MSI on all nodes at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.connection import ConnectionOptions
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.parallel import failures, on_each

from .authenticode import of_package
from .on_node import NodeInstall, bring
from .request import InstallRequest
from .signature import Signature
from .source import PackageSource

_NOT_INSTALLED = "not installed"


class InstallFailed(OctopusError):
    """Some nodes failed. ``result`` tells what was found and done on all of them."""

    def __init__(self, message: str, results: dict[str, NodeInstall]) -> None:
        super().__init__(message)
        self.result = as_result(results)


def install(request: InstallRequest, connections: Sequence[ConnectionOptions]) -> dict[str, NodeInstall]:
    """Bring all nodes to the wanted state at once.

    Raises:
        InstallFailed: Some nodes failed; the message says why for each.
        OctopusError: There is no such package, or its signature stands in the way, or there is no node.
    """
    if not connections:
        raise OctopusError("No node to act on. Set nodes, or run the task for a Windows host.")
    signature = _verified(request, request.source) if request.source else None
    if request.state == "staged" and request.source:
        request.source.remote()  # asked once, before any node
    results = {options.name: NodeInstall(signature=signature) for options in connections}
    failed = failures(on_each(connections, lambda host: bring(host, request, results[host.name])))
    hashes = {name: result.sha256 for name, result in results.items() if result.sha256}
    if len(set(hashes.values())) > 1:
        each = ", ".join(f"{name} has {digest}" for name, digest in hashes.items())
        failed.append(f"Expected the same package of {request.version} on all nodes, but {each}. Set sha256 to say which one is right.")
    if failed:
        raise InstallFailed(" ".join(dict.fromkeys(failed)), results)
    return results


def _verified(request: InstallRequest, source: PackageSource) -> Signature:
    """Return what is known of the signature of the package, looked up once for all nodes.

    Raises:
        OctopusError: It stands in the way.
    """
    if request.copies:
        request.tell(f"verifying the signature of {source.name}")
    signature = of_package(source, request.copies, request.trust)
    if request.needs_signature and signature.blocks:
        raise OctopusError(
            f"Expected the Authenticode signature of {source.name} to be verified on the control node, but found {signature.found()}. Nothing was "
            "changed. Put the right package into the folder copies, or accept this with needs_signature: false."
        )
    return signature


def as_result(results: dict[str, NodeInstall], diff: bool = False) -> dict[str, Any]:
    """Return the module's result. The diff shows versions, and the hash of a package that was only staged."""
    result: dict[str, Any] = {
        "changed": any(node.changed for node in results.values()),
        "nodes": {name: asdict(node) for name, node in results.items()},
        "reboot_required": any(node.reboot_required for node in results.values()),
    }
    if diff:
        result["diff"] = {
            "before": "".join(f"{name}: {node.was_version or _NOT_INSTALLED}\n" for name, node in results.items()),
            "after": "".join(f"{name}: {node.installed_version or _package(node) or _NOT_INSTALLED}\n" for name, node in results.items()),
        }
    return result


def _package(node: NodeInstall) -> str | None:
    return f"{node.path} sha256:{node.sha256}" if node.fetched else None
