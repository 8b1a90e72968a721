# SPDX-License-Identifier: GPL-3.0-or-later
"""Fernet by openssl and hmac, to make what Pulp keeps in its encrypted columns."""

import base64
import hashlib
import hmac
import os
import subprocess


def new_key():
    return base64.urlsafe_b64encode(os.urandom(32)).decode()


def token(key, text):
    raw = base64.urlsafe_b64decode(key)
    iv = os.urandom(16)
    cipher = subprocess.run(
        ["openssl", "enc", "-aes-128-cbc", "-K", raw[16:].hex(), "-iv", iv.hex()],
        input=text.encode(),
        capture_output=True,
        check=True,
    ).stdout
    body = b"\x80" + bytes(8) + iv + cipher
    return base64.urlsafe_b64encode(body + hmac.digest(raw[:16], body, hashlib.sha256)).decode()
