# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a restore would do, looked up on the host itself without jobs, which would write files to it."""

from __future__ import annotations

from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError
from ansible_collections.octopus.upgrade.plugins.module_utils._windows import disks, links, robocopy
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.connection import WindowsHost

from . import mirrors
from .linked import refuse_links
from .places import look_here, needs_job, refuse_foreign
from .restore_request import COMPLETE, RestoreRequest
from .survey import Counted, Seen, is_from_empty, refuse_unmarked, refuse_without_space, seen_of


def predict(request: RestoreRequest, host: WindowsHost) -> dict[str, Seen | None]:
    """Look without jobs, which would write files to the host; so only at folders on the host itself.

    Returns:
        What was found of each folder; None where it or its copy is on a share.

    Raises:
        OctopusError: As :func:`survey`.
        HostError: The host failed.
    """
    if not needs_job(request.source):
        refuse_unmarked(request, host, look_here(host, request.place))
    recorded: set[str] = set()
    if request.retained_place and not needs_job(request.retained_place.path):
        found = look_here(host, request.retained_place)
        refuse_foreign(host, request.retained_place, found, request.restore_point, "retain_in")
        recorded = {name.lower().removesuffix(COMPLETE) for name in found.names if name.lower().endswith(COMPLETE)}
    seen = {name: _look_here(request, host, name, name in recorded) for name in request.folders}
    refuse_without_space(request, host, {name: one for name, one in seen.items() if one})
    return seen


def _look_here(request: RestoreRequest, host: WindowsHost, name: str, retained: bool) -> Seen | None:
    copy, live = request.copy_of(name), request.folders[name]
    if disks.is_unc(copy) or disks.is_unc(live):
        return None
    if not needs_job(live) and request.aside_of(name) is None:
        refuse_links(host.where, name, live, links.look(host, live), "Nothing would be restored.")
    would = _list(request, host, copy, live, request.of(name).coarse_times)
    # There is no empty folder to mirror from: comparing the live folder with a missing one lists its content.
    held = _list(request, host, live, f"{request.means.work_root}\\no-such-folder")
    if is_from_empty(request, host.where, name, 0 if would else mirrors.ABSENT):
        size = (held.files.total, held.bytes.total, held.folders.total) if held else (0, 0, 1)
        return Seen(True, held is not None, size == (0, 0, 1), retained, 0, 0, 0, 0, size[0], size[1])
    if would is None:
        raise OctopusError(f"{host.where}: cannot read {copy}.")
    return seen_of(request, host.where, name, Counted(False, held is not None, retained, would, held))


def _list(request: RestoreRequest, host: WindowsHost, source: str, target: str, coarse_times: bool = False) -> robocopy.Summary | None:
    """Return what a mirror would do; None where the source is missing. Runs without cmd.exe, which does not take every path."""
    result = host.run(robocopy.compare(source, target, coarse_times=coarse_times), timeout=request.means.timeout, idempotent=True)
    if result.exit_code & robocopy.FATAL:
        return None
    found = robocopy.summaries(result.stdout)
    if result.exit_code >= robocopy.FAILED or len(found) != 1:
        said = " | ".join(robocopy.errors(result.stdout)) or " ".join(result.stdout.split())[-300:]
        raise OctopusError(f"{host.where}: cannot compare {source} with {target}: {said}")
    return found[0]
