# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The runs of an instance: its lock, the one that broke off, the last that finished."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.connection import WindowsHost

from . import host_journal as journals
from .holder import Holder
from .host_journal import HostJournal, Journals
from .lock import Broken, Lock, RunLock

STATES = ("claimed", "released", "queried", "copied")
_BAD_NAME = re.compile(r'[\\/:*?"<>|%\x00-\x1f]|[. ]$|^$|^ ')
_RUN_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*\Z")


@dataclass(frozen=True)
class RunRequest:
    """What octopus_run is asked for."""

    state: str
    instance: str
    folder: str
    run_id: str | None
    purpose: str | None
    break_lock: str | None
    dest: str | None
    holder: Holder
    job: dict[str, Any]
    check_mode: bool = False

    @classmethod
    def from_params(cls, params: dict[str, Any], check_mode: bool) -> RunRequest:
        """
        Raises:
            OctopusError: A name that cannot be one of a file.
        """
        if _BAD_NAME.search(params["instance"]):
            raise OctopusError(
                f"instance {params['instance']!r} cannot be the name of a folder on Windows; it is one there. Choose another."
            )
        if params["run_id"] is not None and not _RUN_ID.match(params["run_id"]):
            raise OctopusError(f"run_id {params['run_id']!r} is wanted of letters, digits, dots, hyphens and underscores.")
        return cls(
            state=params["state"],
            instance=params["instance"],
            folder=params["root"].replace("/", "\\").rstrip("\\") + "\\" + params["instance"],
            run_id=params["run_id"],
            purpose=params["purpose"],
            break_lock=params["break_lock"],
            dest=params["dest"],
            holder=Holder.from_dict(params["holder"]),
            job={name: params[name] for name in ("job_user", "job_password", "work_root")},
            check_mode=check_mode,
        )


def reach(request: RunRequest, host: WindowsHost) -> dict[str, Any]:
    """Reach the state that is asked for; the module's result.

    Raises:
        OctopusError: Somebody else has the lock; or what was asked for could not be done.
        RunRecordError: A journal does not fit together.
        HostError: The host cannot be reached.
    """
    lock = RunLock(host, request.folder, request.instance, request.holder)
    if request.state == "copied":
        return _copied(request, host)
    if request.state == "released":
        return _released(request, lock)
    return _known(request, host, lock)


def _known(request: RunRequest, host: WindowsHost, lock: RunLock) -> dict[str, Any]:
    """Claimed and queried: what there is of the instance's runs, with its lock or without."""
    changed, broken, claims = False, None, request.state == "claimed"
    if claims and not request.check_mode:
        changed, broken = lock.claim(request.run_id or "", request.purpose, request.break_lock)
    found = lock.look()
    if claims and request.check_mode:
        changed, broken = _would(request, lock, found)
    elif claims:
        if found is None or not found.is_of(request.holder):
            raise OctopusError(f"{host.where}: the lock {lock.path} was broken by somebody else as soon as it was taken.")
        lock.tidy()
    unfinished, last = Journals(host, request.folder, lock.names).newest()
    result = {
        "changed": changed,
        "lock": found.to_dict(request.holder) if found else None,
        "unfinished": unfinished.to_dict() if unfinished else None,
        "last": last.to_dict()["record"] if last else None,
        "last_facts": last.to_dict()["facts"] if last else {},
    }
    return result | {"broke": broken.to_dict() if broken else None} if claims else result


def _would(request: RunRequest, lock: RunLock, found: Lock | None) -> tuple[bool, Broken | None]:
    """What claiming would do, and break.

    Raises:
        OctopusError: It would be refused.
    """
    if found is None:
        return True, None
    if found.is_of(request.holder):
        return False, None
    return True, Broken(found, lock.why_break(found, request.break_lock))


def _released(request: RunRequest, lock: RunLock) -> dict[str, Any]:
    changed = False if request.check_mode else lock.release()
    found = lock.look()
    if request.check_mode and found is not None and found.is_of(request.holder):
        changed, found = True, None
    return {"changed": changed, "lock": found.to_dict(request.holder) if found else None}


def _copied(request: RunRequest, host: WindowsHost) -> dict[str, Any]:
    journal = HostJournal(host, f"{request.folder}\\{request.run_id}{journals.SUFFIX}")
    events = journal.read()
    if not events:
        raise OctopusError(
            f"Wanted: a copy of {journal.name}. Found: no journal, or nothing in it. Is run_id that of a run that has begun?"
        )
    changed = request.check_mode or journals.copy(host, events, request.dest or "", request.job)
    return {"changed": changed, "dest": request.dest}
