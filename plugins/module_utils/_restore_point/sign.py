# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Write the manifest of a restore point, copy the run's journal, then write the signature, all by one job."""

from __future__ import annotations

from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.folders.places import SIGNATURE
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.quoting import batch_builtin, batch_word

from . import manifest as form
from .inputs import JOB
from .manifest import MANIFEST
from .request import CreateRequest
from .share import Share, certutil, has_hash, same_text, show
from .signature import signature_text

_JOURNAL = "journal.jsonl"


def sign(request: CreateRequest, share: Share, text: str) -> None:
    """Write the manifest, verify its hash, copy the run's journal, and only then write the signature; read manifest and signature back.

    Args:
        request: Names the restore point.
        share: Reaches it.
        text: The manifest's text.

    Raises:
        OctopusError: One cannot be written, or is read back with another content.
        HostError: The host cannot do it.
    """
    place = request.place
    request.tell(f"{share.host.name}: signing {place.restore_point}")
    signature = signature_text(place.restore_point, text, request.vault_key)
    folder = share.job_folder(JOB, place.path)
    hashed = f"{folder}\\manifest.hash"
    written = " && ".join(
        [
            *_written(folder, MANIFEST, place.file(MANIFEST)),
            f"{certutil(place.file(MANIFEST))} >{batch_word(hashed)}",
            f"({has_hash(hashed, form.digest(text))})",
            *(_journal_copied(folder, request.journal[1]) if request.journal else []),
            *_written(folder, SIGNATURE, place.file(SIGNATURE)),
        ]
    )
    done, manifest_there, signature_there = share.run(
        JOB,
        place.path,
        [written, show(place.file(MANIFEST)), show(place.file(SIGNATURE))],
        inputs={MANIFEST: text, SIGNATURE: signature.decode("ascii")},
        # Only administrators may read the journal, and the job's account need not be one. So it is copied to the job's folder.
        copies={_JOURNAL: request.journal[0]} if request.journal else None,
    )
    same = form.digest(manifest_there.file or "") == form.digest(text) and same_text(signature_there.file, signature.decode())
    if done.code or not same:
        reason = (
            f"{done.said}{_also_writes(request, share)} The same call completes it."
            if done.code
            else "the content read back is not the one that was written. Use another id."
        )
        raise OctopusError(f"{share.host.where}: the restore point {place.path} could not be signed: {reason}")


def _also_writes(request: CreateRequest, share: Share) -> str:
    """For the message: the other place that the job writes to."""
    return f" The job, as {share.run_as.account}, also has to write {request.journal[1]}." if request.journal else ""


def _journal_copied(folder: str, dest: str) -> list[str]:
    """The steps that copy the journal, to a folder that may be missing."""
    parent = dest.rpartition("\\")[0]
    return [
        f"(if exist {batch_word(parent + chr(92))} (ver >nul) else {batch_builtin('mkdir', parent)})",
        *_written(folder, _JOURNAL, dest),
    ]


def _written(folder: str, name: str, dest: str) -> list[str]:
    """The steps that put an input of the job there completely or not at all."""
    part = f"{dest}.part"
    return [
        f"{batch_builtin('copy', '/y', '/b', f'{folder}{chr(92)}{name}', part)} >nul",
        f"{batch_builtin('move', '/y', part, dest)} >nul",
    ]
