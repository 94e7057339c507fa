# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Create a restore point: stage package, secrets and configurations beside the copies, then write the manifest, then the signature.

Each file is complete before the manifest is written, and the manifest before the signature, so that a run which ends anywhere leaves an unsigned
restore point, which the same call completes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.folders.places import MARKER
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.version import Version
from ansible_collections.octopus.upgrade.plugins.module_utils._windows import files
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.connection import ConnectionOptions, WindowsHost

from . import manifest as form
from .inputs import There, capture_all, given_secret, look, staged_secret
from .manifest import FOLDERS
from .manifest_check import problems
from .new_manifest import as_of, complete
from .node_config import NodeConfig
from .predict import predict
from .request import CreateRequest, Secret
from .share import Share
from .sign import sign
from .signature import Point, judge
from .stage import Staging

_SAME = ("id", "instance", "run_id", "version")


def create(
    request: CreateRequest, connections: Sequence[ConnectionOptions], schema: Callable[[], dict[str, Any]] | None = None
) -> dict[str, Any]:
    """Put what is missing into the restore point, and sign it where the request says so.

    Args:
        request: Its content.
        connections: The nodes; jobs run on the first.
        schema: Reads the versions in the database; None where no SQL login was given.

    Returns:
        The module's result.

    Raises:
        OctopusError: It cannot be signed; the message says what is missing, and where.
        HostError: A node cannot do it.
    """
    # In check mode, the modules that back up the secrets have not done so yet; and another control node may have staged them.
    secrets = {name: given_secret(path, request.vault_key) for name, path in request.files.items() if Path(path).exists()}
    configs = capture_all(request, connections)
    with WindowsHost(connections[0]) as host:
        if request.check_mode:
            return predict(request, host, secrets, configs)
        share = Share(host, request.run_as, request.work_root)
        there = look(request, share, [connection.name for connection in connections])
        if there.found.signature is not None:
            return _already_signed(request, host, judge(there.found, request.vault_key))
        facts = schema() if schema and request.finish else None
        if facts:
            _check_schema(request, facts)
        secrets |= {name: staged_secret(request, there, name) for name in request.files if name not in secrets}
        return _Creation(request, share, there, secrets=secrets, configs=configs, facts=facts).run()


def _check_schema(request: CreateRequest, facts: dict[str, Any]) -> None:
    """A backup of a partly upgraded database is useless for a rollback."""
    wanted, found = str(request.manifest.get("version")), facts["version"]
    scripts = (request.manifest.get("database") or {}).get("schema_scripts")
    same = found is not None and Version.parse(found) == Version.parse(wanted)
    if same and scripts in (None, facts["schema_scripts"]):
        return
    difference = (
        f"its newest version is {found}"
        if not same
        else f"{facts['schema_scripts']} schema scripts have run, and {scripts} when the run began"
    )
    raise OctopusError(
        f"Expected the database {facts['database']} on {facts['server']} at version {wanted} of the restore point "
        f"{request.place.restore_point}, but {difference}. It is not signed: a rollback cannot use the backup of a database that has been "
        "upgraded, even in part."
    )


def _already_signed(request: CreateRequest, host: WindowsHost, point: Point) -> dict[str, Any]:
    """The same restore point is no change; any other is never overwritten."""
    where = f"{host.where}: the restore point {point.path}"
    if not point.is_signed:
        raise OctopusError(
            f"{where} has a signature that does not count: {point.reason}. Nothing was changed. If it is another run's, use another id."
        )
    signed = point.manifest or {}
    wanted = {**request.manifest, "id": request.place.restore_point}
    differs = [
        f"{name} is {signed.get(name)!r}, not {wanted[name]!r}" for name in _SAME if wanted.get(name) not in (None, signed.get(name))
    ]
    uuid = _uuid(wanted)
    if uuid and uuid != _uuid(signed):
        differs.append(f"its database backup is {_uuid(signed)}, not {uuid}")
    if differs:
        raise OctopusError(f"{where} is signed with another manifest: {'; '.join(differs)}. A signed restore point is never replaced.")
    return _result(request, False, signed)


def _uuid(manifest: dict[str, Any]) -> str | None:
    backup = (manifest.get("database") or {}).get("backup") or {}
    return str(backup["backup_set_uuid"]).strip("{}").upper() if backup.get("backup_set_uuid") else None


def _result(request: CreateRequest, changed: bool, manifest: dict[str, Any] | None) -> dict[str, Any]:
    result: dict[str, Any] = {"changed": changed, "restore_point": request.place.restore_point, "path": request.place.path}
    return result if manifest is None else {**result, "manifest": manifest}


class _Creation:
    """One run on a restore point that is not signed."""

    def __init__(
        self,
        request: CreateRequest,
        share: Share,
        there: There,
        *,
        secrets: dict[str, Secret],
        configs: dict[str, NodeConfig],
        facts: dict[str, Any] | None,
    ) -> None:
        self.request, self.share, self.there = request, share, there
        self.secrets, self.configs, self.facts = secrets, configs, facts
        self.place = request.place
        self.where = f"{share.host.where}: the restore point {request.place.path}"

    def run(self) -> dict[str, Any]:
        if self.request.finish:
            self._check_copies()
            self._check_manifest(self._manifest(0))
        staging = Staging(self.request, self.share, self.there, self.secrets, self.configs)
        changed = staging.run()
        if not self.request.finish:
            return _result(self.request, changed, None)
        manifest = self._manifest(files.size_in(staging.packages, form.file_name(self.request.package.file)))
        self._check_manifest(manifest)
        sign(self.request, self.share, form.text_of(manifest))
        return _result(self.request, True, manifest)

    def _manifest(self, size: int | None) -> dict[str, Any]:
        manifest = complete(self.request, self.secrets, self.configs, size, self.there.listing)
        database = manifest["database"]
        if self.facts and not database.get("as_of"):
            database["as_of"] = as_of(database["backup"].get("finished_at"), self.facts.get("now"))
        return manifest

    def _check_manifest(self, manifest: dict[str, Any]) -> None:
        wrong = problems(manifest)
        if wrong:
            raise OctopusError(f"{self.where} is not signed, because its manifest is incomplete: {'; '.join(wrong)}.")
        form.text_of(manifest)

    def _check_copies(self) -> None:
        """The backup and the folders, which other modules make, have to be there, and to be this restore point's."""
        restore_point, manifest = self.place.restore_point, self.request.manifest
        if not self.there.exists:
            raise OctopusError(f"{self.where} does not exist, or cannot be read by a job as {self.share.run_as.account}.")
        folders = manifest.get("folders") or {}
        marker = (self.there.found.marker or "").strip()
        if folders and marker != restore_point:
            raise OctopusError(
                f"{self.where}: expected {FOLDERS}\\{MARKER} to name {restore_point}, but it names {marker or 'nothing'}. "
                "The copies are another restore point's."
            )
        missing = [name for name, folder in folders.items() if folder.get("exists", True) and not self.there.folders.get(name)]
        if missing:
            raise OctopusError(f"{self.where} lacks the copy of {', '.join(missing)} in {FOLDERS}: back the folders up first.")
        paths = [str(path) for path in ((manifest.get("database") or {}).get("backup") or {}).get("paths") or []]
        strange = [path for path in paths if form.file_name(path[: -len(form.file_name(path)) - 1]) != restore_point]
        if strange:
            raise OctopusError(f"{self.where} is to hold the database backup, but SQL Server wrote it elsewhere: {', '.join(strange)}.")
        lacks = [path for path in paths if files.size_in(self.there.listing, form.file_name(path)) is None]
        if lacks:
            raise OctopusError(
                f"{self.where} lacks the database backup: SQL Server wrote {', '.join(lacks)}, but the node sees no such file there. "
                "octopus_backup_root and octopus_sql_backup_root have to be the same folder."
            )
