# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What an error of TLS is about. Which variable cures it is said by whoever made the connection."""

from __future__ import annotations

import enum
import ssl
from collections.abc import Iterator


class TlsProblem(enum.Enum):
    """A kind of TLS error."""

    EXPIRED = "expired"
    NOT_YET_VALID = "not yet valid"
    WRONG_NAME = "wrong name"
    SELF_SIGNED = "self-signed"
    UNKNOWN_AUTHORITY = "unknown authority"
    REVOKED = "revoked"
    STRICT = "malformed for a strict check"
    WEAK = "weak"
    OLD_PROTOCOL = "old protocol"
    NO_TLS = "no TLS"
    NO_AUTHORITIES = "file of authorities unusable"
    OWN_CERTIFICATE = "own certificate unusable"
    CLIENT_CERTIFICATE = "client certificate refused"
    OTHER = "other"


# X509_V_ERR_* of OpenSSL's x509_vfy.h (https://docs.openssl.org/3.0/man3/X509_STORE_CTX_get_error/). From 79 on they are what the flag
# X509_V_FLAG_X509_STRICT adds, which Python sets since 3.13 (https://docs.python.org/3/library/ssl.html#ssl.create_default_context).
_BY_CODE = {
    2: TlsProblem.UNKNOWN_AUTHORITY,
    9: TlsProblem.NOT_YET_VALID,
    10: TlsProblem.EXPIRED,
    18: TlsProblem.SELF_SIGNED,
    19: TlsProblem.UNKNOWN_AUTHORITY,
    20: TlsProblem.UNKNOWN_AUTHORITY,
    21: TlsProblem.UNKNOWN_AUTHORITY,
    23: TlsProblem.REVOKED,
    62: TlsProblem.WRONG_NAME,
    64: TlsProblem.WRONG_NAME,
    66: TlsProblem.WEAK,
    67: TlsProblem.WEAK,
    68: TlsProblem.WEAK,
    **dict.fromkeys(range(79, 95), TlsProblem.STRICT),
}
# Names of OpenSSL's reasons (SSL_R_* of sslerr.h), as ssl.SSLError.reason has them.
_BY_REASON = {
    "UNSUPPORTED_PROTOCOL": TlsProblem.OLD_PROTOCOL,
    "TLSV1_ALERT_PROTOCOL_VERSION": TlsProblem.OLD_PROTOCOL,
    "WRONG_SSL_VERSION": TlsProblem.OLD_PROTOCOL,
    "SSLV3_ALERT_HANDSHAKE_FAILURE": TlsProblem.OLD_PROTOCOL,
    "NO_CIPHERS_AVAILABLE": TlsProblem.OLD_PROTOCOL,
    "DH_KEY_TOO_SMALL": TlsProblem.OLD_PROTOCOL,
    "UNSAFE_LEGACY_RENEGOTIATION_DISABLED": TlsProblem.OLD_PROTOCOL,
    "WRONG_VERSION_NUMBER": TlsProblem.NO_TLS,
    "RECORD_LAYER_FAILURE": TlsProblem.NO_TLS,
    "HTTP_REQUEST": TlsProblem.NO_TLS,
    "UNKNOWN_PROTOCOL": TlsProblem.NO_TLS,
    "TLSV13_ALERT_CERTIFICATE_REQUIRED": TlsProblem.CLIENT_CERTIFICATE,
    "SSLV3_ALERT_BAD_CERTIFICATE": TlsProblem.CLIENT_CERTIFICATE,
    "SSLV3_ALERT_CERTIFICATE_UNKNOWN": TlsProblem.CLIENT_CERTIFICATE,
    "SSLV3_ALERT_CERTIFICATE_EXPIRED": TlsProblem.CLIENT_CERTIFICATE,
    "TLSV1_ALERT_UNKNOWN_CA": TlsProblem.CLIENT_CERTIFICATE,
    "TLSV1_ALERT_ACCESS_DENIED": TlsProblem.CLIENT_CERTIFICATE,
    "NO_CERTIFICATE_OR_CRL_FOUND": TlsProblem.NO_AUTHORITIES,
    "KEY_VALUES_MISMATCH": TlsProblem.OWN_CERTIFICATE,
    "NO_START_LINE": TlsProblem.OWN_CERTIFICATE,
    "BAD_BASE64_DECODE": TlsProblem.OWN_CERTIFICATE,
}


def problem(error: BaseException) -> TlsProblem:
    """Return what an error of TLS is about.

    Args:
        error: As requests raises it, with OpenSSL's error somewhere inside.
    """
    for one in causes(error):
        if isinstance(one, ssl.SSLCertVerificationError):
            return _BY_CODE.get(one.verify_code, TlsProblem.OTHER)
        if isinstance(one, ssl.SSLError) and one.library is not None:
            if one.library == "SSL" and one.reason is None and "PEM lib" in str(one):
                return TlsProblem.OWN_CERTIFICATE
            return _BY_REASON.get(one.reason or "", TlsProblem.OTHER)
    return TlsProblem.OTHER


def is_lost(error: BaseException) -> bool:
    """Return whether the other side has ended the connection amid TLS, which is no matter of trust.

    Args:
        error: As requests raises it.
    """
    return any(isinstance(one, (ssl.SSLEOFError, ssl.SSLZeroReturnError, ssl.SSLSyscallError)) for one in causes(error))


def causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an exception and what it wraps: requests and urllib3 keep the inner one as an argument, as ``reason`` or as the cause.

    Not its context, which may be an earlier error that is just being handled.
    """
    waiting: list[BaseException | None] = [error]
    seen: set[int] = set()
    while waiting:
        one = waiting.pop(0)
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        waiting += [inner for inner in (getattr(one, "reason", None), *one.args) if isinstance(inner, BaseException)]
        waiting.append(one.__cause__)
