# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Complete a restore point and seal it: package, secrets and configurations put beside the copies, then the manifest, then the seal.

Each file is there whole before the manifest is, and the manifest before the seal, so that whatever ends a run leaves a restore point that
is not sealed, and that the same call completes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.folders.places import MARKER, SEAL
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.version import Version
from ansible_collections.octopus.upgrade.plugins.module_utils._secrets.stored_secret import LocalFile
from ansible_collections.octopus.upgrade.plugins.module_utils._secrets.vault import Sealer, is_sealed
from ansible_collections.octopus.upgrade.plugins.module_utils._windows import disks, files
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.connection import ConnectionOptions, WindowsHost
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.quoting import batch_builtin, batch_word

from . import manifest as form
from .inputs import JOB, There, capture_all, given_secret, look, prepared_secret
from .listing import VAULTS_AT_ONCE
from .manifest import FOLDERS, MANIFEST, NODES, PACKAGES, Point
from .new_manifest import as_of, complete, local_config
from .node_config import NodeConfig
from .request import SealRequest, Secret
from .share import Answer, Place, Share, certutil, has_hash, listing, show

_SAME = ("id", "instance", "run_id", "version")


def seal(request: SealRequest, connections: Sequence[ConnectionOptions], schema: Callable[[], dict[str, Any]] | None) -> dict[str, Any]:
    """Put into the restore point what is missing, and seal it.

    Args:
        request: What it holds.
        connections: The nodes; jobs run on the first.
        schema: Asks the database for its versions; None where no SQL login was given.

    Returns:
        What the module returns.

    Raises:
        OctopusError: It cannot be sealed; the message says what is missing, and where.
        HostError: A node cannot do it.
    """
    with ThreadPoolExecutor(VAULTS_AT_ONCE) as pool, WindowsHost(connections[0]) as host:
        # In check mode the modules that keep the secrets have kept none yet, and another control node may have prepared the restore point.
        given = {name: path for name, path in request.files.items() if Path(path).exists()}
        secrets = {name: pool.submit(given_secret, path, request.sealer) for name, path in given.items()}
        configs = pool.submit(capture_all, request, connections)
        if request.check_mode:
            return _foresee(request, host, _results(secrets), configs.result())
        share = Share(host, request.run_as, request.work_root)
        there = look(request, share, [connection.name for connection in connections])
        if there.found.seal is not None:
            return _sealed_already(request, host, form.judge(there.found, request.sealer))
        facts = schema() if schema and request.finish else None
        if facts:
            _check_schema(request, facts)
        known = _results(secrets) | {name: prepared_secret(request, there, name) for name in request.files if name not in given}
        return _Sealing(request, share, pool, there, secrets=known, configs=configs.result(), facts=facts).run()


def _results(futures: dict[str, Future[Secret]]) -> dict[str, Secret]:
    return {name: future.result() for name, future in futures.items()}


def _check_schema(request: SealRequest, facts: dict[str, Any]) -> None:
    """A backup of a database that is upgraded in part would be no way back."""
    wanted, found = str(request.manifest.get("version")), facts["version"]
    scripts = (request.manifest.get("database") or {}).get("schema_scripts")
    same = found is not None and Version.parse(found) == Version.parse(wanted)
    if same and scripts in (None, facts["schema_scripts"]):
        return
    seen = (
        f"its newest version is {found}"
        if not same
        else f"{facts['schema_scripts']} schema scripts have run, and {scripts} when the run began"
    )
    raise OctopusError(
        f"The restore point {request.place.restore_point} is that of version {wanted}, but of the database {facts['database']} on "
        f"{facts['server']} {seen}. It is not sealed: a backup of a database that has been upgraded, even in part, is no way back."
    )


def _sealed_already(request: SealRequest, host: WindowsHost, point: Point) -> dict[str, Any]:
    """The same restore point is no change; any other is never written over."""
    where = f"{host.where}: the restore point {point.path}"
    if not point.is_sealed:
        raise OctopusError(f"{where} has a seal that does not fit: {point.why}. Nothing was changed. Is it another run's? Use another id.")
    sealed = point.manifest or {}
    wanted = {**request.manifest, "id": request.place.restore_point}
    differs = [
        f"{name} is {sealed.get(name)!r}, not {wanted[name]!r}" for name in _SAME if wanted.get(name) not in (None, sealed.get(name))
    ]
    uuid = _uuid(wanted)
    if uuid and uuid != _uuid(sealed):
        differs.append(f"its database backup is {_uuid(sealed)}, not {uuid}")
    if differs:
        raise OctopusError(f"{where} is sealed with another manifest: {'; '.join(differs)}. A sealed restore point is never replaced.")
    return _result(request, False, sealed, None)


def _uuid(manifest: dict[str, Any]) -> str | None:
    backup = (manifest.get("database") or {}).get("backup") or {}
    return str(backup["backup_set_uuid"]).strip("{}").upper() if backup.get("backup_set_uuid") else None


def _result(request: SealRequest, changed: bool, manifest: dict[str, Any] | None, room: dict[str, Any] | None) -> dict[str, Any]:
    result: dict[str, Any] = {"changed": changed, "restore_point": request.place.restore_point, "path": request.place.path}
    if manifest is not None:
        result["manifest"] = manifest
    if room is not None:
        result["room"] = room
    return result


# -- check mode


def _foresee(request: SealRequest, host: WindowsHost, secrets: dict[str, Secret], configs: dict[str, NodeConfig]) -> dict[str, Any]:
    """What would be sealed, and the room it needs. A share is reached by jobs only, and a job would write on the host: unknown then."""
    shared = disks.is_unc(request.place.root)
    size = (None if disks.is_unc(request.package.path) else files.size(host, request.package.path)) or request.package.size
    manifest = complete(request, secrets, configs, size, "")
    sizes = [folder.get("bytes") for folder in (manifest.get("folders") or {}).values() if isinstance(folder, dict)]
    known_sizes = [one for one in sizes if one is not None]
    backup = (manifest.get("database") or {}).get("backup") or {}
    needs = {
        "folders_bytes": sum(known_sizes) if len(known_sizes) == len(sizes) else None,
        "database_bytes": next((backup[name] for name in ("compressed_size", "size", "estimated_bytes") if backup.get(name)), None),
        "package_bytes": size,
    }
    known = [value for value in needs.values() if value is not None]
    free = None if shared else disks.free_bytes(host, request.place.root)
    needed = sum(known) if len(known) == len(needs) else None
    room = {**needs, "needed_bytes": needed, "free_bytes": free, "enough": None if free is None or needed is None else free >= needed}
    there = not shared and files.exists(host, request.place.file(SEAL))
    result = _result(request, not there, manifest, room)
    result["contains"] = sorted(
        [
            *([MANIFEST, SEAL] if request.finish else []),
            request.package.file,
            *(form.file_name(path) for path in backup.get("paths") or []),
            *(f"{FOLDERS}\\{name}" for name, folder in (manifest.get("folders") or {}).items() if folder.get("exists", True)),
            *([] if request.sealer is None else [*request.files, *(form.config_file(name) for name in configs)]),
        ]
    )
    return result


# -- the work


class _Sealing:
    """One run of it on a restore point that is not sealed."""

    def __init__(
        self,
        request: SealRequest,
        share: Share,
        pool: ThreadPoolExecutor,
        there: There,
        *,
        secrets: dict[str, Secret],
        configs: dict[str, NodeConfig],
        facts: dict[str, Any] | None,
    ) -> None:
        self.request, self.share, self.pool, self.there = request, share, pool, there
        self.secrets, self.configs, self.facts = secrets, configs, facts
        self.place = request.place
        self.packages = there.packages
        self.where = f"{share.host.where}: the restore point {request.place.path}"

    def run(self) -> dict[str, Any]:
        if self.request.finish:
            self._check_copies()
            self._check_manifest(self._manifest(0))
        put = self._put()
        if not self.request.finish:
            return _result(self.request, put, None, None)
        manifest = self._manifest(files.size_in(self.packages, form.file_name(self.request.package.file)))
        self._check_manifest(manifest)
        self._seal(form.text_of(manifest))
        return _result(self.request, True, manifest, None)

    def _manifest(self, size: int | None) -> dict[str, Any]:
        manifest = complete(self.request, self.secrets, self.configs, size, self.there.listing)
        database = manifest["database"]
        if self.facts and not database.get("as_of"):
            database["as_of"] = as_of(database["backup"].get("finished_at"), self.facts.get("now"))
        return manifest

    def _check_manifest(self, manifest: dict[str, Any]) -> None:
        wrong = form.problems(manifest)
        if wrong:
            raise OctopusError(f"{self.where} is not sealed: its manifest lacks what it has to have: {'; '.join(wrong)}.")
        form.text_of(manifest)

    # -- what others have put there

    def _check_copies(self) -> None:
        """The backup and the folders, which other modules make, have to be there, and to be this restore point's."""
        restore_point, manifest = self.place.restore_point, self.request.manifest
        if not self.there.exists:
            raise OctopusError(f"{self.where} is not there, or cannot be read by a job as {self.share.run_as.account}.")
        folders = manifest.get("folders") or {}
        marker = (self.there.found.marker or "").strip()
        if folders and marker != restore_point:
            raise OctopusError(f"{self.where} has folders of {marker or 'nobody'}: {FOLDERS}\\{MARKER} has to name {restore_point}.")
        gone = [name for name, folder in folders.items() if folder.get("exists", True) and not self.there.folders.get(name)]
        if gone:
            raise OctopusError(f"{self.where} lacks the copy of {', '.join(gone)} in {FOLDERS}: run octopus_folders first.")
        paths = [str(path) for path in ((manifest.get("database") or {}).get("backup") or {}).get("paths") or []]
        strange = [path for path in paths if form.file_name(path[: -len(form.file_name(path)) - 1]) != restore_point]
        if strange:
            raise OctopusError(f"{self.where} is to hold the database backup, and SQL Server wrote it elsewhere: {', '.join(strange)}.")
        lacks = [path for path in paths if files.size_in(self.there.listing, form.file_name(path)) is None]
        if lacks:
            raise OctopusError(
                f"{self.where} lacks the database backup: SQL Server wrote {', '.join(lacks)}, and no such file is seen there. "
                "octopus_backup_root and octopus_sql_backup_root have to be the same folder."
            )

    # -- package and secrets

    @property
    def _has_package(self) -> bool:
        return self.there.package_sha256 == self.request.package.sha256

    def _put(self) -> bool:
        """Have package, secrets and configurations there; say whether anything was missing."""
        request = self.request
        contents = self._missing_files()
        if self._has_package and not contents:
            return False
        folder = self.share.job_folder(JOB, self.place.path)
        lines = [f"if not exist {batch_word(path + chr(92))} {batch_builtin('mkdir', path)}" for path in self._folders()]
        inputs = {form.file_name(name): content.decode("ascii") for name, content in contents.items()}
        copies = {}
        if not self._has_package:
            name = form.file_name(request.package.path)
            # Only administrators have rights on the folder of packages.
            own = not request.run_as.is_system and not disks.is_unc(request.package.path)
            copies = {name: request.package.path} if own else {}
            lines += self._package_lines(f"{folder}\\{name}" if own else request.package.path, folder)
            request.tell(f"{self.share.host.name}: copying {name} into the restore point")
        for name in contents:
            target = self.place.file(name)
            lines.append(f"{batch_builtin('copy', '/y', '/b', f'{folder}{chr(92)}{form.file_name(name)}', target)} >nul && {show(target)}")
        lines.append(listing(self.place.file(PACKAGES)))
        *answers, listed = self.share.run(JOB, self.place.path, lines, inputs=inputs, copies=copies, timeout=request.timeout)
        self.packages = listed.text
        made = answers[: len(self._folders())]
        bad = next((answer for answer in made if answer.code), None)
        if bad:
            raise OctopusError(
                f"{self.where} cannot be written by a job as {request.run_as.account}: {bad.said} A share is reached with the rights of "
                "job_user, SYSTEM as the computer account."
            )
        rest = answers[len(made) :]
        if not self._has_package:
            self._check_package(rest[0], rest[1])
            rest = rest[2:]
        for (name, content), answer in zip(contents.items(), rest, strict=True):
            if answer.code or _lines(answer.file) != _lines(content.decode()):
                raise OctopusError(f"{self.where}: {name} was written and does not hold what it should: {_why(answer)}")
        return True

    def _folders(self) -> list[str]:
        return [self.place.file(PACKAGES), *([] if self.request.sealer is None else [self.place.file(NODES)])]

    def _package_lines(self, source: str, folder: str) -> list[str]:
        target = self.place.file(self.request.package.file)
        part, hashed = f"{target}.part", f"{folder}\\package.hash"
        return [
            f"{batch_builtin('copy', '/y', '/b', source, part)} >nul && {certutil(part)} >{batch_word(hashed)}",
            # certutil tells of a failure on its output, so it is shown where the hash is not the right one.
            f"{has_hash(hashed, self.request.package.sha256)} && {batch_builtin('move', '/y', part, target)} >nul",
        ]

    def _check_package(self, copied: Answer, placed: Answer) -> None:
        package = self.request.package
        if copied.code:
            raise OctopusError(f"{self.where}: {package.path} cannot be copied to {package.file}: {copied.said} Was it staged there?")
        found = files.hash_in(placed.text)
        if found != package.sha256:
            raise OctopusError(
                f"{self.where}: the copy of {package.path} has the SHA-256 {found or placed.said}, and {package.sha256} is wanted. Damaged "
                f"on the way, or on the node? It was left as {package.file}.part."
            )
        if placed.code:
            raise OctopusError(f"{self.where}: {package.file}.part cannot be renamed: {placed.said}")

    def _missing_files(self) -> dict[str, bytes]:
        """What is not there as it should be, by its name, sealed; without a sealer the control node keeps it, and nothing goes there."""
        sealer = self.request.sealer
        if sealer is None:
            for name, config in self.configs.items():
                kept = LocalFile(local_config(self.request, name))
                if kept.read() != config.content:
                    kept.write(config.content)
            return {}
        missing = {
            name: secret.content
            for name, secret in self.secrets.items()
            if _lines(self.there.files.get(name)) != _lines(secret.content.decode())
        }
        pending = {form.config_file(name): self.pool.submit(self._config, sealer, name) for name in self.configs}
        return missing | {name: content for name, future in pending.items() if (content := future.result()) is not None}

    def _config(self, sealer: Sealer, name: str) -> bytes | None:
        """Return a configuration sealed; None where it is there already."""
        there = self.there.files.get(form.config_file(name))
        if there is not None and is_sealed(there.encode()):
            try:
                if sealer.open(there.encode(), form.config_file(name)) == self.configs[name].content:
                    return None
            except OctopusError:
                pass  # half written, or by another password: what is not sealed yet is not protected
        return sealer.seal(self.configs[name].content)

    # -- manifest and seal

    def _seal(self, text: str) -> None:
        """Write the manifest, prove it by its hash, and only then the seal; read both back."""
        self.request.tell(f"{self.share.host.name}: sealing {self.place.restore_point}")
        seal_bytes = form.seal_text(self.place.restore_point, text, self.request.sealer)
        folder = self.share.job_folder(JOB, self.place.path)
        hashed = f"{folder}\\manifest.hash"
        written = " && ".join(
            [
                *_written(folder, MANIFEST, self.place),
                f"{certutil(self.place.file(MANIFEST))} >{batch_word(hashed)}",
                f"({has_hash(hashed, form.digest(text))})",
                *_written(folder, SEAL, self.place),
            ]
        )
        done, manifest, seal_there = self.share.run(
            JOB,
            self.place.path,
            [written, show(self.place.file(MANIFEST)), show(self.place.file(SEAL))],
            inputs={MANIFEST: text, SEAL: seal_bytes.decode("ascii")},
        )
        same = form.digest(manifest.file or "") == form.digest(text) and _lines(seal_there.file) == _lines(seal_bytes.decode())
        if done.code or not same:
            why = (
                f"{done.said} The same call completes it."
                if done.code
                else "another content is read back than was written. Use another id."
            )
            raise OctopusError(f"{self.where} could not be sealed: {why}")


def _written(folder: str, name: str, place: Place) -> list[str]:
    """The steps that put an input of the job there whole or not at all."""
    part = place.file(f"{name}.part")
    return [
        f"{batch_builtin('copy', '/y', '/b', f'{folder}{chr(92)}{name}', part)} >nul",
        f"{batch_builtin('move', '/y', part, place.file(name))} >nul",
    ]


def _lines(text: str | None) -> list[str] | None:
    return None if text is None else text.split()


def _why(answer: Answer) -> str:
    return answer.said if answer.file is None else "another content is read back."
