# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A domain's KDC, which is MIT's own, and the acceptor of its tickets in a WinRM service, which is GSSAPI's."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from lab.core.network import DOMAIN, Network

REALM = DOMAIN
PORT = 10088  # 88 would need root
# The token of a client that does without SPNEGO, as pykerberos does, names the mechanism at its beginning (RFC 2743 3.1, RFC 1964 1).
MECHANISM = bytes.fromhex("06092a864886f712010202")
PATH = os.pathsep.join((os.environ.get("PATH", os.defpath), "/usr/sbin", "/usr/local/sbin"))


def missing() -> str:
    """What a KDC and an acceptor lack on this computer; empty where all is there."""
    programs = [name for name in ("krb5kdc", "kdb5_util", "kadmin.local", "kinit") if shutil.which(name, path=PATH) is None]
    modules = []
    for name in ("gssapi", "kerberos"):
        try:
            __import__(name)
        except ImportError:
            modules.append(name)
    return ", ".join([*programs, *(f"Python's {name}" for name in modules)])


class Kdc:
    """A KDC for the accounts of a network. Clients find it by :attr:`config`, in ``KRB5_CONFIG``."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self._folder = network.root / "kdc"
        self._process: subprocess.Popen[bytes] | None = None
        self.address = network.address()
        self.config = self._folder / "krb5.conf"
        self.keytab = self._folder / "keytab"

    def start(self, *hosts: str) -> None:
        """Make the realm with its accounts and services, and listen.

        Args:
            hosts: The hosts whose services HTTP get a key.
        """
        self._folder.mkdir()
        self._write_config()
        self._run(["kdb5_util", "-r", REALM, "-P", "master", "create", "-s"], "")
        commands = [f'addprinc -pw "{password}" {account.partition(chr(92))[2]}' for account, password in self._network.accounts.items()]
        for host in hosts:
            commands += [f"addprinc -randkey HTTP/{host}", f"ktadd -k {self.keytab} HTTP/{host}"]
        self._run(["kadmin.local", "-r", REALM], "\n".join(commands) + "\n")
        with (self._folder / "kdc.out").open("wb") as output:
            self._process = self._spawn(["krb5kdc", "-n", "-r", REALM], output)
        self._wait()

    def stop(self) -> None:
        """End it."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait()
            self._process = None

    def _wait(self) -> None:
        """Until it listens."""
        while self._process is not None:
            with socket.socket() as probe:
                if probe.connect_ex((self.address, PORT)) == 0:
                    return
            if self._process.poll() is not None:
                raise RuntimeError(f"krb5kdc has ended: {(self._folder / 'kdc.out').read_text(errors='replace')}")
            time.sleep(0.02)

    def _environment(self) -> dict[str, str]:
        return {**os.environ, "PATH": PATH, "KRB5_CONFIG": str(self.config), "KRB5_KDC_PROFILE": str(self._folder / "kdc.conf")}

    def _run(self, command: list[str], given: str) -> None:
        subprocess.run(command, input=given.encode(), env=self._environment(), check=True, capture_output=True)

    def _spawn(self, command: list[str], output: IO[bytes]) -> subprocess.Popen[bytes]:
        return subprocess.Popen(command, env=self._environment(), stdout=output, stderr=subprocess.STDOUT)

    def _write_config(self) -> None:
        self.config.write_text(
            f"[libdefaults]\n default_realm = {REALM}\n dns_lookup_kdc = false\n dns_lookup_realm = false\n"
            f" dns_canonicalize_hostname = false\n rdns = false\n udp_preference_limit = 1\n"
            f"[realms]\n {REALM} = {{\n  kdc = {self.address}:{PORT}\n }}\n",
            encoding="utf-8",
        )
        (self._folder / "kdc.conf").write_text(
            f"[kdcdefaults]\n kdc_listen = {self.address}:{PORT}\n kdc_tcp_listen = {self.address}:{PORT}\n"
            f"[realms]\n {REALM} = {{\n  database_name = {self._folder}/principal\n  key_stash_file = {self._folder}/stash\n }}\n"
            f"[logging]\n kdc = FILE:{self._folder}/kdc.log\n",
            encoding="utf-8",
        )


@dataclass(frozen=True)
class Sealed:
    """An encrypted message and its signature."""

    header: bytes
    data: bytes


class Acceptor:
    """The service's end of a security context."""

    def __init__(self, keytab: Path) -> None:
        import gssapi

        self._gssapi = gssapi
        self._context = gssapi.SecurityContext(usage="accept", creds=gssapi.Credentials(usage="accept", store={"keytab": str(keytab)}))

    @property
    def complete(self) -> bool:
        """Whether the client has logged on."""
        return bool(self._context.complete)

    @property
    def name(self) -> str:
        """Who logs on, as ``name@REALM``."""
        return str(self._context.initiator_name)

    def step(self, token: bytes) -> bytes | None:
        """Take the client's token; gives ours.

        Raises:
            ValueError: The ticket is none for this service, or none at all.
        """
        try:
            answer: bytes | None = self._context.step(token)
        except self._gssapi.exceptions.GSSError as error:
            raise ValueError(str(error)) from error
        return answer

    def unwrap_winrm(self, header: bytes, data: bytes) -> bytes:
        """[MS-WSMV] 2.2.9.1: the signature is the header of GSS_WrapEx.

        Raises:
            ValueError: It was not encrypted in this context.
        """
        raw = self._gssapi.raw
        buffers = raw.IOV((raw.IOVBufferType.header, False, header), (raw.IOVBufferType.data, False, data), std_layout=False)
        try:
            raw.unwrap_iov(self._context, buffers)
        except self._gssapi.exceptions.GSSError as error:
            raise ValueError(str(error)) from error
        return bytes(buffers[1].value)

    def wrap_winrm(self, message: bytes) -> Sealed:
        """An encrypted message."""
        raw = self._gssapi.raw
        buffers = raw.IOV(raw.IOVBufferType.header, message, raw.IOVBufferType.padding, std_layout=False)
        raw.wrap_iov(self._context, buffers, confidential=True)
        return Sealed(bytes(buffers[0].value), bytes(buffers[1].value) + bytes(buffers[2].value or b""))
