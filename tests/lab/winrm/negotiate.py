# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Negotiate with NTLM or Kerberos, and the encrypted messages that come with it: pyspnego does the arithmetic of NTLM ([MS-NLMP],
[MS-NTHT]), GSSAPI that of Kerberos."""

from __future__ import annotations

import os
import re
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import spnego
import spnego.exceptions

from .kerberos import MECHANISM, Acceptor
from .logons import Logons

_ENVIRONMENT = threading.Lock()
"""pyspnego's acceptor finds its accounts in a file named by NTLM_USER_FILE, which the whole process shares."""

NTLM_AUTHENTICATE = b"NTLMSSP\x00\x03\x00\x00\x00"
PROTOCOL = b"application/HTTP-SPNEGO-session-encrypted"
BOUNDARY = b"--Encrypted Boundary"
CONTENT_TYPE = f'multipart/encrypted;protocol="{PROTOCOL.decode()}";boundary="Encrypted Boundary"'
# [MS-WSMV] 2.2.9.1: the length of the signature, the signature, the message. The boundary line has no space before it in what
# pywinrm sends (winrm/encryption.py), and one in what Exchange sends (pypsrp/encryption.py).
PART = re.compile(
    rb"--\s*Encrypted Boundary\r\n\s*Content-Type: application/HTTP-SPNEGO-session-encrypted\r\n"
    rb"\s*OriginalContent: type=application/soap\+xml;charset=UTF-8;Length=(\d+)\r\n"
    rb"--\s*Encrypted Boundary\r\n\s*Content-Type: application/octet-stream\r\n(.*)--\s*Encrypted Boundary--\r\n$",
    re.S,
)


class Refused(Exception):
    """A logon that failed; ``name`` is who tried."""

    def __init__(self, name: str) -> None:
        super().__init__(f"logon of {name or 'nobody'} refused")
        self.name = name


class Unreadable(Exception):
    """A body that claims to be an encrypted message of this connection, and is none."""


class Negotiation:
    """The security context of one connection: NTLM authenticates connections, not requests ([MS-NTHT] 1.3)."""

    def __init__(self, logons: Logons, keytab: Path | None = None) -> None:
        self._logons = logons
        self._keytab = keytab
        self._context: spnego.ContextProxy | Acceptor | None = None
        self.account: str | None = None

    def step(self, token: bytes) -> bytes | None:
        """Take the client's token. Gives ours for it, if any; :attr:`account` is set once that is all.

        Raises:
            Refused: An unknown account, a wrong password, a lock-out, or nonsense.
        """
        if MECHANISM in token[:20]:
            return self._kerberos(token)
        name = _user_of(token)
        with _accounts(self._lines_for(name)):
            try:
                context = self._context
                if context is None or context.complete or isinstance(context, Acceptor):
                    self.account = None
                    options = spnego.NegotiateOptions.wrapping_winrm | spnego.NegotiateOptions.use_negotiate
                    context = self._context = spnego.server(protocol="negotiate", options=options)
                answer = context.step(token)
            except (spnego.exceptions.SpnegoError, ValueError) as error:
                # ValueError: what pyspnego raises on tokens that are no ASN.1.
                self._context = None
                if name:
                    self._logons.attempt(name, good=False)
                raise Refused(name) from error
        if context.complete and self.account is None:
            self.account = self._logons.attempt(name, good=True)
            if self.account is None:
                self._context = None
                raise Refused(name)
        return answer

    def _kerberos(self, token: bytes) -> bytes | None:
        """One token each way. A host outside a domain has no key, and refuses."""
        self.account = None
        if self._keytab is None:
            raise Refused("")
        context = self._context = Acceptor(self._keytab)
        try:
            answer = context.step(token)
        except ValueError as error:
            self._context = None
            raise Refused("") from error
        self.account = self._logons.attempt(context.name, good=True)
        if self.account is None:
            self._context = None
            raise Refused(context.name)
        return answer

    def _lines_for(self, name: str) -> str:
        """pyspnego's file of accounts, with the one that is asked for, spelt as the client spells it."""
        account = self._logons.resolve(name) if name else None
        if account is None:
            return ""
        password = self._logons.password(account)
        if ":" in password or "\n" in password:
            raise ValueError(f"pyspnego's file of accounts cannot hold the password of {account}: it has a colon or a line break")
        domain, separator, user = name.partition("\\")
        return f"{domain}:{user}:{password}\n" if separator else f":{name}:{password}\n"

    def decrypt(self, body: bytes) -> bytes:
        """The message in an encrypted body.

        Raises:
            Unreadable: It is none of this connection's.
        """
        match = PART.match(body)
        if self._context is None or not match:
            raise Unreadable("not an encrypted message")
        sealed = match[2]
        length = int.from_bytes(sealed[:4], "little")
        try:
            message = self._context.unwrap_winrm(sealed[4 : 4 + length], sealed[4 + length :])
        except (spnego.exceptions.SpnegoError, ValueError) as error:
            raise Unreadable(str(error)) from error
        if len(message) != int(match[1]):
            raise Unreadable(f"{len(message)} bytes instead of {int(match[1])}")
        return message

    def encrypt(self, message: bytes) -> bytes:
        """The body that carries a message; its content type is :data:`CONTENT_TYPE`."""
        if self._context is None:
            raise Unreadable("no security context")
        sealed = self._context.wrap_winrm(message)
        return b"".join(
            (
                BOUNDARY + b"\r\n\tContent-Type: " + PROTOCOL + b"\r\n",
                b"\tOriginalContent: type=application/soap+xml;charset=UTF-8;Length=" + str(len(message)).encode() + b"\r\n",
                BOUNDARY + b"\r\n\tContent-Type: application/octet-stream\r\n",
                len(sealed.header).to_bytes(4, "little") + sealed.header + sealed.data,
                BOUNDARY + b"--\r\n",
            )
        )


def _user_of(token: bytes) -> str:
    """Who logs on, from the AUTHENTICATE_MESSAGE in a token ([MS-NLMP] 2.2.1.3), bare or in SPNEGO; empty for other messages."""
    start = token.find(NTLM_AUTHENTICATE)
    if start < 0:
        return ""
    message = token[start:]

    def text(at: int) -> str:
        length = int.from_bytes(message[at : at + 2], "little")
        offset = int.from_bytes(message[at + 4 : at + 8], "little")
        return message[offset : offset + length].decode("utf-16-le", "replace")

    domain, user = text(28), text(36)
    return f"{domain}\\{user}" if domain else user


@contextmanager
def _accounts(lines: str) -> Iterator[None]:
    """Let pyspnego see these accounts, and this process nobody else's in the meantime."""
    with _ENVIRONMENT, tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "accounts"
        path.write_text(lines, encoding="utf-8")
        before = os.environ.get("NTLM_USER_FILE", "")
        os.environ["NTLM_USER_FILE"] = str(path)
        try:
            yield
        finally:
            # Never deleted: another thread that goes through the environment, as requests does for each request, would miss it.
            os.environ["NTLM_USER_FILE"] = before
