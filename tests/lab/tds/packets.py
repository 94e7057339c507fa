# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""TDS packets over a socket, in the clear or under TLS ([MS-TDS] 2.2.3), whose handshake may itself lie in TDS packets."""

from __future__ import annotations

import select
import socket
import ssl
import struct
import threading
from dataclasses import dataclass
from enum import IntEnum

_HEADER = struct.Struct(">BBHHBB")  # type, status, length with this header, server process, number, window
_TLS_HANDSHAKE = 0x16  # the first byte of a ClientHello record
_RECORD = struct.Struct(">BHH")
SMALLEST, DEFAULT, LARGEST = 512, 4096, 32767  # packet sizes ([MS-TDS] 2.2.6.4, PacketSize)


class PacketType(IntEnum):
    """[MS-TDS] 2.2.3.1.1."""

    SQL_BATCH = 1
    RPC = 3
    RESPONSE = 4
    ATTENTION = 6
    BULK_LOAD = 7
    TRANSACTION_MANAGER = 14
    LOGIN7 = 16
    SSPI = 17
    PRELOGIN = 18


END_OF_MESSAGE, IGNORE, RESET, RESET_KEEPING_TRANSACTION = 0x01, 0x02, 0x08, 0x10  # status bits ([MS-TDS] 2.2.3.1.2)


class ProtocolError(ConnectionError):
    """The client does not speak TDS as specified; the connection ends."""


@dataclass(frozen=True)
class Message:
    """A whole message of a client."""

    type: int
    body: bytes
    reset: bool = False  # the connection is to be reset before the request
    ignore: bool = False  # the client gave up while it was sending


class Transport:
    """One connection. Reading and writing belong to the session's thread; :meth:`disconnect` may be called by any."""

    def __init__(self, connection: socket.socket) -> None:
        self.socket = connection
        self.packet_size = DEFAULT
        self._tls: ssl.SSLObject | None = None
        self._received, self._to_send = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._buffer = b""
        self._number = 0
        self._closed = threading.Event()

    @property
    def encrypted(self) -> bool:
        return self._tls is not None

    @property
    def room(self) -> int:
        """How many bytes a packet holds."""
        return self.packet_size - _HEADER.size

    # ---------------------------------------------------------------------------------------------- reading

    def _receive(self, count: int) -> bytes:
        parts, missing = [], count
        while missing:
            part = self.socket.recv(min(missing, 65536))
            if not part:
                raise ConnectionError("the client closed the connection")
            parts.append(part)
            missing -= len(part)
        return b"".join(parts)

    def _read(self, count: int) -> bytes:
        if self._tls is None:
            return self._receive(count)
        while len(self._buffer) < count:
            # Whole records and never more: with login-only encryption the bytes after the last record are in the clear.
            head = self._receive(_RECORD.size)
            self._received.write(head + self._receive(_RECORD.unpack(head)[2]))
            self._decrypt(self._tls)
        taken, self._buffer = self._buffer[:count], self._buffer[count:]
        return taken

    def _decrypt(self, tls: ssl.SSLObject) -> None:
        while True:
            try:
                data = tls.read(65536)
            except ssl.SSLWantReadError:
                return
            if not data:
                raise ConnectionError("the client closed the TLS session")
            self._buffer += data

    def read_packet(self) -> tuple[int, int, bytes]:
        """Type, status and content of the next packet.

        Raises:
            ConnectionError: The connection has ended.
        """
        kind, status, length, *_rest = _HEADER.unpack(self._read(_HEADER.size))
        if length < _HEADER.size:
            raise ProtocolError(f"a packet of {length} bytes")
        return kind, status, self._read(length - _HEADER.size)

    def read_message(self) -> Message:
        """The next message, of one or more packets.

        Raises:
            ConnectionError: The connection has ended.
        """
        parts, seen = [], 0
        while True:
            kind, status, data = self.read_packet()
            parts.append(data)
            seen |= status
            if status & END_OF_MESSAGE:
                reset = bool(seen & (RESET | RESET_KEEPING_TRANSACTION))
                return Message(kind, b"".join(parts), reset=reset, ignore=bool(status & IGNORE))

    def readable(self) -> bool:
        """Whether the client has sent something, or has gone."""
        if self._closed.is_set():
            raise ConnectionError("the session was disconnected")
        return bool(self._buffer) or bool(select.select([self.socket], [], [], 0)[0])

    def starts_with_tls(self) -> bool:
        """Whether the client begins with TLS, which makes it TDS 8.0 ([MS-TDS] 1.3). Waits for its first byte."""
        return self.socket.recv(1, socket.MSG_PEEK) == bytes((_TLS_HANDSHAKE,))

    # ---------------------------------------------------------------------------------------------- writing

    def _write(self, data: bytes) -> None:
        if self._tls is not None:
            self._tls.write(data)
            data = self._to_send.read()
        self.socket.sendall(data)

    def send(self, data: bytes, end: bool = True, kind: PacketType = PacketType.RESPONSE) -> None:
        """Send these bytes in as many packets as they need; ``end``: the message ends with them."""
        step = self.room
        packets = []
        for start in range(0, max(len(data), 1), step):
            part = data[start : start + step]
            status = END_OF_MESSAGE if end and start + step >= len(data) else 0
            self._number = (self._number + 1) % 256
            packets.append(_HEADER.pack(kind, status, len(part) + _HEADER.size, 0, self._number, 0) + part)
        self._write(b"".join(packets))

    # ---------------------------------------------------------------------------------------------- TLS

    def start_tls(self, context: ssl.SSLContext, in_packets: bool) -> None:
        """Serve the TLS handshake, inside PRELOGIN packets for TDS 7.x ([MS-TDS] 2.2.6.5) or as it is for TDS 8.0.

        Raises:
            ConnectionError: It failed: the client does not trust the certificate, or went away.
        """
        tls = context.wrap_bio(self._received, self._to_send, server_side=True)
        while True:
            try:
                tls.do_handshake()
                done = True
            except ssl.SSLWantReadError:
                done = False
            except ssl.SSLError as error:
                raise ConnectionError(f"TLS handshake: {error.reason or error}") from error
            if output := self._to_send.read():
                if in_packets:
                    self.send(output, kind=PacketType.PRELOGIN)
                else:
                    self.socket.sendall(output)
            if done:
                break
            if in_packets:
                self._received.write(self.read_packet()[2])
            else:
                head = self._receive(_RECORD.size)
                self._received.write(head + self._receive(_RECORD.unpack(head)[2]))
        self._tls = tls

    def end_tls(self) -> None:
        """Go on in the clear, after a login packet that alone was encrypted."""
        self._tls = None

    def disconnect(self) -> None:
        """Cut the connection; whoever reads or polls it meets a ConnectionError."""
        self._closed.set()
        try:
            self.socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            return  # it was cut already
