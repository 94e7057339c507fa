# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rights and owners of the files in a server folder: saved with its copy, put back after a restore, and compared.

A restore overwrites a changed file in place, which leaves its rights and its owner alone. What it creates anew inherits the rights of its
folder and belongs to the account of the job. So after a restore:

* ``icacls /restore`` applies the access control lists that ``icacls /save`` has saved, and a second ``/save`` shows whether they are there.
  ``icacls`` saves neither owners nor audit lists (``icacls /?``).
* The owner of the folder is set on everything in it, if everything in it belonged to that account when it was copied. ``dir /q`` shows owners,
  but cuts off what is longer than 22 characters, in which case the account is not known. Owners of a folder with several are not put back:
  without PowerShell, one process for each file would be needed.

Neither makes a restore fail, because the content is right. What could not be put back is told.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ansible_collections.octopus.upgrade.plugins.module_utils._windows import files
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.connection import SYSTEM32, WindowsHost
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.job_files import ICACLS
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.jobs import Command, Job
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.quoting import batch_builtin, batch_line, batch_word

from . import mirrors
from .copies import Means

# Beside the copy of a folder: its rights, for icacls /restore; the owner of the folder, and those of everything in it, as dir /q shows them.
ACLS, OWNER, OWNERS = ".acls.txt", ".owner.txt", ".owners.txt"

_COLUMNS = 23  # of the owner, in the output of dir /q
# What is cut off, of those that services run as; icacls takes a SID.
_WELL_KNOWN = {"NT AUTHORITY\\LOCAL SERV": "*S-1-5-19", "NT AUTHORITY\\NETWORK SE": "*S-1-5-20"}
_COMPARED = 32 * 1024 * 1024  # bytes of saved rights that are read and compared line by line
_SHOWN = 5


# -- saved


def save_lines(source: str, dest: str, job: Job) -> str:
    """Return the line that saves rights and owners of a folder beside its copy; exit code 0 where both are saved.

    ``icacls`` fails for files that vanish meanwhile, so only the files that it writes tell.
    """
    acls, owners, owner = (f"{job.folder}\\{name}" for name in ("acls.txt", "owners.txt", "owner.txt"))
    copies = [batch_builtin("copy", "/y", "/b", one, f"{dest}{suffix}") for one, suffix in ((owner, OWNER), (acls, ACLS), (owners, OWNERS))]
    saved = batch_line([ICACLS, source, "/save", acls, "/t", "/c", "/q"])
    # A pattern, because dir shows what is in a folder that is named; the root of a share has no owner that dir would show.
    named = f"{batch_builtin('dir', '/q', '/ad', f'{source}*')} >{batch_word(owner)} 2>nul"
    return f"({saved} & {_list_owners(source, job.folder, owners)} & {named} & {copies[0]} & {copies[1]} && {copies[2]})"


def _list_owners(path: str, folder: str, into: str) -> str:
    """Return the commands that list every file and folder with its owner, a line each, without the parent folders.

    Lines of files begin with a date, and so with a digit; where a regional setting has dates begin with a word, the list is empty, which tells
    that the owners are unknown.
    """
    every, dated = f"{folder}\\dir.txt", f"{folder}\\dated.txt"
    findstr = f"{SYSTEM32}findstr.exe"
    return (
        f"{batch_builtin('dir', '/q', '/s', '/a', path)} >{batch_word(every)} 2>nul"
        f" & {batch_line([findstr, '/r', '/b', '[0-9]', every])} >{batch_word(dated)}"
        f" & {batch_line([findstr, '/v', '/e', '/c:..', dated])} >{batch_word(into)}"
    )


def owner_in(listing: str, name: str) -> str | None:
    """Parse the owner of a folder in the output of ``dir /q``, as ``icacls`` takes it.

    Args:
        listing: The output.
        name: The name of the folder, without its path.

    Returns:
        The account; None where it is not shown, or cut off.
    """
    lines = [line for line in listing.splitlines() if line.lower().endswith(name.lower()) and len(line) > len(name) + _COLUMNS]
    if not lines:
        return None
    line = min(lines, key=len)  # that of a folder with the same end, such as "Packages of Packages", is longer
    field = line[-len(name) - _COLUMNS : -len(name)]
    if line[-len(name) - _COLUMNS - 1] != " ":
        return None
    if len(field.rstrip()) == _COLUMNS:
        return _WELL_KNOWN.get(field)
    return field.rstrip() if "\\" in field else None


# -- put back


@dataclass(frozen=True)
class Restored:
    """A folder that was restored: the live folder, and its copy."""

    name: str
    live: str
    copy: str


def put_back(means: Means, host: WindowsHost, folders: Iterable[Restored]) -> list[str]:
    """Put back rights and owners of what was restored, and compare.

    Args:
        means: How jobs run on the host.
        host: The host.
        folders: The folders; one whose rights were never saved is left alone.

    Returns:
        What could not be put back, or cannot be told; empty where everything is as it was saved.

    Raises:
        HostError: The host failed.
    """
    left = {one.name: one for one in folders if _parent(one.live)}
    jobs = {name: means.job(host, f"folders-rights-{name}", one.copy, one.live) for name, one in left.items()}
    told: list[str] = []
    owners: dict[str, str] = {}
    mirrors.run_all(
        means,
        jobs,
        {name: _acl_commands(one, jobs[name]) for name, one in left.items()},
        "putting back the rights of",
        before_removal=lambda name, ended: told.extend(_compared(host, left[name], jobs[name], ended, owners)),
    )
    owned = {name: jobs[name] for name in left if name in owners}
    ended = mirrors.run_all(
        means, owned, {name: _owner_commands(left[name], jobs[name], owners[name]) for name in owned}, "putting back the owners of"
    )
    for name, one in ended.items():
        told += _judged_owner(left[name], owners[name], one)
    return told


def _parent(live: str) -> str:
    """Return the folder above, which ``icacls /restore`` is given; empty where there is none, because it is the root of a drive or share."""
    parent = live.rpartition("\\")[0]
    return "" if parent.startswith("\\\\") and parent.count("\\") < 3 else parent


def _above(live: str) -> str:
    """Return the parent as an argument: of a drive with its backslash, which ``C:`` alone would not mean."""
    parent = _parent(live)
    return parent + "\\" if parent.endswith(":") else parent


def _acl_commands(one: Restored, job: Job) -> list[Command]:
    then, now, owner = (f"{job.folder}\\{name}" for name in ("then.txt", "now.txt", "owner.txt"))
    certutil = f"{SYSTEM32}certutil.exe"
    return [
        f"({batch_builtin('copy', '/y', '/b', one.copy + ACLS, then)} >nul)",
        f"(if exist {batch_word(then)} {batch_line([ICACLS, _above(one.live), '/restore', then, '/c', '/q'])})",
        f"({batch_line([ICACLS, one.live, '/save', now, '/t', '/c', '/q'])} >nul)",
        batch_line([certutil, "-hashfile", then, "SHA256"]),
        batch_line([certutil, "-hashfile", now, "SHA256"]),
        f"({batch_builtin('copy', '/y', '/b', one.copy + OWNER, owner)} >nul)",
    ]


def _compared(host: WindowsHost, one: Restored, job: Job, ended: mirrors.Ended, owners: dict[str, str]) -> list[str]:
    """Compare the rights while the job's files are there, and read the owner."""
    copied, _restored, saved, hashed, hashed_now, owned = ended.codes
    if copied:
        return [f"{one.name}: the rights were not saved with the copy, so that what was restored inherits those of {one.live}."]
    told = []
    then, now = f"{job.folder}\\then.txt", f"{job.folder}\\now.txt"
    if saved or hashed or hashed_now:
        told.append(f"{one.name}: whether the rights in {one.live} are those of the restore point cannot be told: {ended.said}")
    elif len(set(files.hashes_in(ended.output))) != 1:
        told += _difference(host, one, then, now)
    owner = owner_in(files.read_text(host, f"{job.folder}\\owner.txt"), one.live.rpartition("\\")[2]) if not owned else None
    if owner is None:
        return [*told, f"{one.name}: who owned {one.live} is not known, so what was restored belongs to {ended.account}."]
    owners[one.name] = owner
    return told


def _difference(host: WindowsHost, one: Restored, then: str, now: str) -> list[str]:
    sizes = [files.size(host, path) or 0 for path in (then, now)]
    if sum(sizes) > _COMPARED:
        return [
            f"{one.name}: the rights in {one.live} were put back, but are too many to be compared one by one. icacls shows them: "
            f'icacls "{one.live}" /save FILE /t /c, and compare FILE with {one.copy}{ACLS}.'
        ]
    before, after = (_rights(files.read_bytes(host, path, timeout=600.0)) for path in (then, now))
    differ = differences(before, after)
    more = f" and {len(differ) - _SHOWN} more" if len(differ) > _SHOWN else ""
    return [f"{one.name}: expected the rights of the restore point, but others have: {', '.join(differ[:_SHOWN])}{more}."] if differ else []


def _rights(data: bytes) -> dict[str, str]:
    """Parse what ``icacls /save`` writes: a line with the path, a line with the rights in SDDL."""
    lines = data.decode("utf-16-le", "replace").lstrip("\ufeff").splitlines()
    return dict(zip(lines[::2], lines[1::2], strict=False))


def differences(before: dict[str, str], after: dict[str, str]) -> list[str]:
    """Return the paths that have other rights than were saved. Files that came or went since they were saved are none.

    Whether rights are marked as inherited automatically (``AI``, ``AR``) is no difference of rights.
    """
    return sorted(path for path, sddl in before.items() if path in after and _plain(after[path]) != _plain(sddl))


def _plain(sddl: str) -> str:
    flags, bracket, entries = sddl.partition("(")
    return flags.replace("AI", "").replace("AR", "") + bracket + entries


def _owner_commands(one: Restored, job: Job, owner: str) -> list[Command]:
    """Set the owner on everything, if everything had it; then look whether everything has it."""
    find = f"{SYSTEM32}find.exe"
    shown = {sid: name for name, sid in _WELL_KNOWN.items()}.get(owner, owner)
    then, now = f"{job.folder}\\then.txt", f"{job.folder}\\now.txt"
    others = f"({batch_line([find, '/v', shown, then])} >nul)"
    # find exits with 1 where it finds no line.
    all_his = f"(if not exist {batch_word(then)} (ver >nul) else {others})"
    return [
        f"({batch_builtin('copy', '/y', '/b', one.copy + OWNERS, then)} >nul)",
        f"({batch_line([find, shown, then])} >nul)",
        others,
        f"({all_his} || {batch_line([ICACLS, one.live, '/setowner', owner, '/t', '/c', '/q'])})",
        f"({_list_owners(one.live, job.folder, now)})",
        f"({batch_line([find, '/v', shown, now])} >nul)",
    ]


def _judged_owner(one: Restored, owner: str, ended: mirrors.Ended) -> list[str]:
    copied, known, others, _set, _listed, others_now = ended.codes
    if copied or known:
        return [f"{one.name}: the owners were not saved with the copy, so that what was restored belongs to {ended.account}."]
    if not others:
        return [
            f"{one.name}: not everything in {one.live} belonged to {owner}, so owners were not put back: what was restored belongs to "
            f"{ended.account}. {one.copy}{OWNERS} lists them."
        ]
    if not others_now:
        return [f"{one.name}: expected everything in {one.live} to belong to {owner} again, but icacls could not set that: {ended.said}"]
    return []
