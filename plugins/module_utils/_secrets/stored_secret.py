# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A secret kept in a file: sealed or, if asked for by name, plain; compared by opening; replaced only on request."""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Protocol

from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError

from .vault import Sealer, is_sealed

_MODE = 0o600


class Place(Protocol):
    """Where a file may be: on the control node, on a Windows host, on a share that only a job of that host reaches."""

    name: str

    def read(self) -> bytes | None:
        """Return the content; None where there is no file."""

    def write(self, content: bytes) -> None:
        """Put the whole file there at once, or raise."""

    def set_aside(self, suffix: str) -> str:
        """Rename the file, so that its name is free; return the new name."""

    def loose(self) -> bool:
        """Whether others than the owner can read it, as far as this side can see and correct."""

    def tighten(self) -> None:
        """Take the others' right to read it."""


@dataclass(frozen=True)
class Stored:
    """How storing ended. ``kept`` is the new name of a file that was replaced."""

    changed: bool
    content: bytes
    kept: str | None = None


class LocalFile:
    """A file on the control node, written under another name first, with mode 0600 from its first byte on."""

    def __init__(self, path: str) -> None:
        self._path = Path(path)
        self.name = str(path)

    def read(self) -> bytes | None:
        try:
            return self._path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise OctopusError(f"{self.name} cannot be read: {error}") from error

    def write(self, content: bytes) -> None:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            handle, part = tempfile.mkstemp(prefix=f".{self._path.name}.", dir=self._path.parent)  # mkstemp makes it 0600
            try:
                with os.fdopen(handle, "wb") as stream:
                    stream.write(content)
                    stream.flush()
                    os.fsync(stream.fileno())
                os.replace(part, self._path)
            except BaseException:
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(part)
                raise
        except OSError as error:
            raise OctopusError(f"{self.name} cannot be written on the control node: {error}") from error

    def set_aside(self, suffix: str) -> str:
        kept = self._path.with_name(self._path.name + suffix)
        try:
            os.link(self._path, kept)  # fails if that name is taken, and leaves the old one until it is replaced
        except OSError as error:
            raise OctopusError(f"The old {self.name} cannot be kept as {kept}: {error}") from error
        return str(kept)

    def loose(self) -> bool:
        return bool(self._path.stat().st_mode & 0o077)

    def tighten(self) -> None:
        self._path.chmod(_MODE)


def store(
    place: Place,
    secret: bytes,
    sealer: Sealer | None,
    *,
    what: str,
    force: bool = False,
    check_mode: bool = False,
    sealed: bytes | None = None,
    now: Callable[[], datetime] = lambda: datetime.now(timezone.utc),
) -> Stored:
    """Keep a secret in a file, then open the file and compare.

    Args:
        place: Where.
        secret: What.
        sealer: How to seal it; None keeps it as plain text.
        what: Its name in messages, such as "master key".
        force: Replace a different secret; the old file is kept under a name with the time.
        check_mode: Only tell whether it would change anything.
        sealed: The secret sealed already, to have the same file in two places.

    Raises:
        OctopusError: A different secret is stored there, or what was written cannot be opened again.
    """
    found = place.read()
    same = found if found is not None and _same(place, found, secret, sealer, what=what, force=force) else None
    if same is not None and is_sealed(same) == (sealer is not None):
        if not place.loose():
            return Stored(False, same)
        if not check_mode:
            place.tighten()
        return Stored(True, same)

    content = (sealed or sealer.seal(secret)) if sealer else secret
    if check_mode:
        return Stored(True, content)
    kept = None
    if found is not None and same is None:
        kept = place.set_aside(now().strftime(".%Y%m%dT%H%M%SZ"))
    place.write(content)
    _prove(place, secret, sealer, what)
    return Stored(True, content, kept)


def _same(place: Place, found: bytes, secret: bytes, sealer: Sealer | None, *, what: str, force: bool) -> bool:
    """Whether the file holds this secret; an error if it holds another and may not be replaced."""
    try:
        if not is_sealed(found):
            same = found == secret
        elif sealer is None:
            raise OctopusError(f"{place.name} exists and is sealed, and plaintext is true: it cannot be compared.")
        else:
            same = sealer.open(found, place.name) == secret
    except OctopusError as error:
        if force:
            return False
        raise OctopusError(f"{error.message} Nothing was changed. With force: true it is replaced, and kept under another name.") from error
    if same or force:
        return same
    raise OctopusError(
        f"{place.name} already holds a different {what}, which may be the only copy of it. Nothing was changed. "
        "Is it of another instance? Choose another file, or say force: true to replace it; the old file is then kept under another name."
    )


def _prove(place: Place, secret: bytes, sealer: Sealer | None, what: str) -> None:
    """Read back what was written and compare."""
    written = place.read()
    if written is None:
        raise OctopusError(f"The {what} was written to {place.name}, and then there was no such file.")
    if (sealer.open(written, place.name) if sealer else written) != secret:
        raise OctopusError(f"What was written to {place.name} is not the {what} that should be there.")


def fingerprint(secret: bytes) -> str:
    """Return 16 hex digits by which two secrets can be told apart, and from which none can be guessed in reasonable time."""
    return hashlib.scrypt(secret, salt=b"octopus.upgrade fingerprint 1", n=2**14, r=8, p=1, dklen=8).hex()
