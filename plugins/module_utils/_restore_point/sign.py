# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Write the manifest of a restore point, then its signature."""

from __future__ import annotations

from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.folders.places import SIGNATURE
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.quoting import batch_builtin, batch_word

from . import manifest as form
from .inputs import JOB
from .manifest import MANIFEST
from .request import CreateRequest
from .share import Place, Share, certutil, has_hash, same_text, show
from .signature import signature_text


def sign(request: CreateRequest, share: Share, text: str) -> None:
    """Write the manifest, verify its hash, and only then write the signature; read both back.

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
            *_written(folder, MANIFEST, place),
            f"{certutil(place.file(MANIFEST))} >{batch_word(hashed)}",
            f"({has_hash(hashed, form.digest(text))})",
            *_written(folder, SIGNATURE, place),
        ]
    )
    done, manifest_there, signature_there = share.run(
        JOB,
        place.path,
        [written, show(place.file(MANIFEST)), show(place.file(SIGNATURE))],
        inputs={MANIFEST: text, SIGNATURE: signature.decode("ascii")},
    )
    same = form.digest(manifest_there.file or "") == form.digest(text) and same_text(signature_there.file, signature.decode())
    if done.code or not same:
        reason = (
            f"{done.said} The same call completes it."
            if done.code
            else "the content read back is not the one that was written. Use another id."
        )
        raise OctopusError(f"{share.host.where}: the restore point {place.path} could not be signed: {reason}")


def _written(folder: str, name: str, place: Place) -> list[str]:
    """The steps that put an input of the job there completely or not at all."""
    part = place.file(f"{name}.part")
    return [
        f"{batch_builtin('copy', '/y', '/b', f'{folder}{chr(92)}{name}', part)} >nul",
        f"{batch_builtin('move', '/y', part, place.file(name))} >nul",
    ]
