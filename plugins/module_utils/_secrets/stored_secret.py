# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A secret stored in a file: encrypted or, if asked for by name, as plain text; verified by decrypting; replaced only on request."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Protocol

from ansible_collections.octopus.upgrade.plugins.module_utils._secrets.errors import SecretError

from .vault import VaultKey, is_encrypted

_MODE = 0o600


class Place(Protocol):
    """A file on the control node, on a Windows host, or on a share that only a job of that host reaches."""

    name: str

    def read(self) -> bytes | None:
        """The content; None where there is no file."""

    def write(self, content: bytes) -> None:
        """Write the whole file at once, or raise."""

    def set_aside(self, suffix: str) -> str:
        """Rename the file, so that its name is free.

        Returns:
            The new name.
        """

    def loose(self) -> bool:
        """Whether others than its owner can read it, as far as the control node can see and correct."""

    def tighten(self) -> None:
        """Make it readable for its owner only."""


@dataclass(frozen=True)
class Stored:
    """The outcome of storing a secret.

    Attributes:
        content: The content of the file.
        backup_file: The new name of a file that was replaced.
    """

    changed: bool
    content: bytes
    backup_file: str | None = None


class LocalFile:
    """A file on the control node. It is written under another name first, with mode 0600 from its first byte on."""

    def __init__(self, path: str) -> None:
        self._path = Path(path)
        self.name = str(path)

    def read(self) -> bytes | None:
        try:
            return self._path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise SecretError(f"{self.name} cannot be read: {error}") from error

    def write(self, content: bytes) -> None:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            handle, part = tempfile.mkstemp(prefix=f".{self._path.name}.", dir=self._path.parent)  # mkstemp creates it with mode 0600
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
            raise SecretError(f"{self.name} cannot be written on the control node: {error}") from error

    def set_aside(self, suffix: str) -> str:
        backup = self._path.with_name(self._path.name + suffix)
        try:
            os.link(self._path, backup)  # fails if that name is taken, and leaves the old one until it is replaced
        except OSError as error:
            raise SecretError(f"The old {self.name} cannot be backed up as {backup}: {error}") from error
        return str(backup)

    def loose(self) -> bool:
        return bool(self._path.stat().st_mode & 0o077)

    def tighten(self) -> None:
        self._path.chmod(_MODE)


def store(
    place: Place,
    secret: bytes,
    vault_key: VaultKey | None,
    *,
    what: str,
    force: bool = False,
    check_mode: bool = False,
    encrypted: bytes | None = None,
    now: Callable[[], datetime] = lambda: datetime.now(timezone.utc),
) -> Stored:
    """Store a secret in a file, then read the file again and compare.

    Args:
        place: The file.
        secret: The secret.
        vault_key: Encrypts it; None stores plain text.
        what: Its name in messages, such as "master key".
        force: Replace a different secret; the old file is renamed to a name with the time.
        check_mode: Only predict.
        encrypted: The secret, encrypted already, to have the same file in two places.
        now: Gives the time in the name of a backup file.

    Raises:
        SecretError: A different secret is stored there, or the written file cannot be verified.
    """
    found = place.read()
    same = found if found is not None and _same(place, found, secret, vault_key, what=what, force=force) else None
    if same is not None and is_encrypted(same) == (vault_key is not None):
        if not place.loose():
            return Stored(False, same)
        if not check_mode:
            place.tighten()
        return Stored(True, same)

    content = (encrypted or vault_key.encrypt(secret)) if vault_key else secret
    if check_mode:
        return Stored(True, content)
    backup_file = None
    if found is not None and same is None:
        backup_file = place.set_aside(now().strftime(".%Y%m%dT%H%M%SZ"))
    place.write(content)
    _verify(place, secret, vault_key, what)
    return Stored(True, content, backup_file)


def _same(place: Place, found: bytes, secret: bytes, vault_key: VaultKey | None, *, what: str, force: bool) -> bool:
    """Whether the file holds this secret.

    Raises:
        SecretError: It holds another one, or cannot be read, and must not be replaced.
    """
    try:
        if not is_encrypted(found):
            same = found == secret
        elif vault_key is None:
            raise SecretError(f"{place.name} is encrypted, but plaintext is true, so it cannot be compared.")
        else:
            same = vault_key.decrypt(found, place.name) == secret
    except SecretError as error:
        if force:
            return False
        raise SecretError(
            f"{error.message} Nothing was changed. With force: true it is replaced, and the old file remains under another name."
        ) from error
    if same or force:
        return same
    raise SecretError(
        f"{place.name} already holds a different {what}, which may be the only copy of it. Nothing was changed. "
        "If it is another instance's, choose another file. With force: true it is replaced, and the old file remains under another name."
    )


def _verify(place: Place, secret: bytes, vault_key: VaultKey | None, what: str) -> None:
    """Read the written file and compare."""
    written = place.read()
    if written is None:
        raise SecretError(f"The {what} was written to {place.name}, but there is no such file now.")
    if (vault_key.decrypt(written, place.name) if vault_key else written) != secret:
        raise SecretError(f"Expected the {what} in {place.name} after writing it, but found something else.")


@functools.lru_cache(maxsize=16)
def fingerprint(secret: bytes) -> str:
    """16 hex digits that tell two secrets apart, and from which no secret can be guessed in reasonable time."""
    return hashlib.scrypt(secret, salt=b"octopus.upgrade fingerprint 1", n=2**14, r=8, p=1, dklen=8).hex()
