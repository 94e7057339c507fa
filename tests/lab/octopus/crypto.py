# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Secrets: values under the master key, the master key under a machine's own key, hashes of API keys and passwords.

The master key is 16 random bytes, shown in Base64, for AES-128 (octopus.com/docs/security/data-encryption). In the configuration file
it is protected by DPAPI in machine scope, so a copied file is of no use elsewhere. How a value is laid out (IV, then text) is *assumed*.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import padding
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

# What every DPAPI blob starts with: version 1 and the GUID of the provider.
DPAPI = bytes.fromhex("01000000d08c9ddf0115d1118c7a00c04fc297eb")


class CryptoError(Exception):
    """A value does not open with this key."""


def new_master_key(seed: bytes | None = None) -> str:
    """A master key in Base64; the same for the same seed."""
    return base64.b64encode(hashlib.sha256(b"master key" + seed).digest()[:16] if seed is not None else os.urandom(16)).decode()


def key_bytes(master_key: str) -> bytes:
    """
    Raises:
        CryptoError: Not 16 bytes in Base64.
    """
    try:
        key = base64.b64decode(master_key, validate=True)
    except ValueError as error:
        raise CryptoError("The master key is not a valid Base64 text.") from error
    if len(key) != 16:
        raise CryptoError(f"The master key has {len(key)} bytes, not 16.")
    return key


def encrypt(master_key: str, text: str, iv: bytes | None = None) -> str:
    """A value as its row keeps it: ``<text>|<iv>``, both in Base64."""
    iv = iv or os.urandom(16)
    padder = padding.PKCS7(128).padder()
    data = padder.update(text.encode()) + padder.finalize()
    encryptor = Cipher(algorithms.AES(key_bytes(master_key)), modes.CBC(iv)).encryptor()
    sealed = encryptor.update(data) + encryptor.finalize()
    return f"{base64.b64encode(sealed).decode()}|{base64.b64encode(iv).decode()}"


def decrypt(master_key: str, sealed: str) -> str:
    """
    Raises:
        CryptoError: Another master key, or a damaged value.
    """
    text, dummy, iv = sealed.partition("|")
    try:
        decryptor = Cipher(algorithms.AES(key_bytes(master_key)), modes.CBC(base64.b64decode(iv))).decryptor()
        data = decryptor.update(base64.b64decode(text)) + decryptor.finalize()
        unpadder = padding.PKCS7(128).unpadder()
        return (unpadder.update(data) + unpadder.finalize()).decode()
    except ValueError as error:
        raise CryptoError("Padding is invalid and cannot be removed.") from error


def protect(machine_key: bytes, text: str) -> str:
    """DPAPI in machine scope: only the same machine opens it."""
    nonce = os.urandom(12)
    return base64.b64encode(DPAPI + nonce + AESGCM(machine_key).encrypt(nonce, text.encode(), DPAPI)).decode()


def unprotect(machine_key: bytes, blob: str) -> str:
    """
    Raises:
        CryptoError: Sealed on another machine, or damaged.
    """
    try:
        data = base64.b64decode(blob, validate=True)
        if not data.startswith(DPAPI):
            raise ValueError("no DPAPI blob")
        nonce, sealed = data[len(DPAPI) : len(DPAPI) + 12], data[len(DPAPI) + 12 :]
        return AESGCM(machine_key).decrypt(nonce, sealed, DPAPI).decode()
    except (ValueError, InvalidTag) as error:
        # CryptUnprotectData's own words for NTE_BAD_KEY_STATE
        raise CryptoError("Key not valid for use in specified state.") from error


def hash_api_key(key: str) -> str:
    """As the row of ``ApiKey`` holds it: the key itself is in no table (the algorithm is *assumed*)."""
    return base64.b64encode(hashlib.sha256(key.encode()).digest()).decode()


def same(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode(), other.encode())


def new_api_key(seed: str) -> str:
    """``API-`` and capital letters and digits, the same for the same seed."""
    return "API-" + base64.b32encode(hashlib.sha256(b"api key" + seed.encode()).digest())[:27].decode()
