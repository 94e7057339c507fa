# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""certutil.exe: -hashfile, -encode, -decode (https://learn.microsoft.com/windows-server/administration/windows-commands/certutil).

It writes its failures to standard output and ends with the HRESULT.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import textwrap

from lab.core.filesystem import WinError
from lab.windows.process import Process

from ._base import SYSTEM32, message, unsupported

ALGORITHMS = {"MD5", "SHA1", "SHA256", "SHA384", "SHA512"}
NAMES = {2: "ERROR_FILE_NOT_FOUND", 3: "ERROR_PATH_NOT_FOUND", 5: "ERROR_ACCESS_DENIED", 80: "ERROR_FILE_EXISTS", 112: "ERROR_DISK_FULL"}
BEGIN, END = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"


def _failed(proc: Process, verb: str, code: int) -> int:
    name = NAMES.get(code, "ERROR")
    proc.print(f"CertUtil: -{verb} command FAILED: 0x8007{code:04x} (WIN32: {code} {name})")
    proc.print(f"CertUtil: {message(code)}")
    return 0x80070000 | code


def _hash(proc: Process, words: list[str], _force: bool) -> int:
    algorithm = (words[1] if len(words) > 1 else "SHA1").upper()
    if algorithm not in ALGORITHMS or len(words) > 2:
        return unsupported(proc, " ".join(words))
    data = proc.host.fs.read(proc.full(words[0]), proc.logon)
    proc.sleep(proc.host.copy_seconds(len(data)) / 4)
    digest = hashlib.new(algorithm.lower(), data, usedforsecurity=False).hexdigest()
    old = int(proc.host.os_build.split(".")[0]) < 10
    if old:
        # Before Windows 10 there are spaces between the bytes.
        digest = " ".join(textwrap.wrap(digest, 2))
    proc.print(f"{algorithm} hash of {'file ' if old else ''}{words[0]}:")
    proc.print(digest)
    return 0


def _write(proc: Process, path: str, data: bytes, force: bool) -> None:
    full = proc.full(path)
    if proc.host.fs.exists(full, proc.logon) and not force:
        raise WinError(80, path)
    proc.host.fs.write(full, data, proc.logon)
    proc.host.ledger.record("file", proc.host.name, action="write", path=full)


def _encode(proc: Process, words: list[str], force: bool) -> int:
    data = proc.host.fs.read(proc.full(words[0]), proc.logon)
    lines = [BEGIN, *textwrap.wrap(base64.b64encode(data).decode(), 64), END]
    out = "".join(f"{line}\r\n" for line in lines).encode()
    _write(proc, words[1], out, force)
    proc.print(f"Input Length = {len(data)}")
    proc.print(f"Output Length = {len(out)}")
    return 0


def _decode(proc: Process, words: list[str], force: bool) -> int:
    text = proc.host.fs.read(proc.full(words[0]), proc.logon)
    lines = text.decode("ascii", "replace").split()
    body = "".join(line for line in " ".join(lines).replace(BEGIN, " ").replace(END, " ").split())
    try:
        data = base64.b64decode(body, validate=True)
    except (binascii.Error, ValueError):
        proc.print("CertUtil: -decode command FAILED: 0x8007000d (WIN32: 13 ERROR_INVALID_DATA)")
        proc.print("CertUtil: The data is invalid.")
        return 0x8007000D
    _write(proc, words[1], data, force)
    proc.print(f"Input Length = {len(text)}")
    proc.print(f"Output Length = {len(data)}")
    return 0


VERBS = {"hashfile": _hash, "encode": _encode, "decode": _decode}


def certutil(proc: Process) -> int:
    words = proc.argv[1:]
    force = any(word.lower() in ("-f", "/f") for word in words)
    words = [word for word in words if word.lower() not in ("-f", "/f")]
    verb = words[0][1:].lower() if words and words[0][:1] in ("-", "/") else ""
    needed = {"hashfile": 2, "encode": 3, "decode": 3}.get(verb)
    if needed is None or len(words) < needed:
        return unsupported(proc, " ".join(words) or "without a verb")
    try:
        code = VERBS[verb](proc, words[1:], force)
    except WinError as error:
        return _failed(proc, verb, error.code)
    if code == 0:
        proc.print(f"CertUtil: -{verb} command completed successfully.")
    return code


COMMANDS = {f"{SYSTEM32}\\certutil.exe": certutil}
