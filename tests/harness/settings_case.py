# SPDX-License-Identifier: GPL-3.0-or-later
"""Pulp's settings as files of a test, and what plmaint finds in them."""

import psycopg2.extensions

from . import pulptool

PLAIN = "MEDIA_ROOT = '/srv/media'\n"
# What a file says, the media root that follows and the storage's class.
STORAGE = [
    (
        "DEFAULT_FILE_STORAGE = 'storages.backends.s3boto3.S3Boto3Storage'\nMEDIA_ROOT = ''",
        "(none)",
        "storages.backends.s3boto3.S3Boto3Storage",
    ),
    (
        (
            "STORAGES = {'default': {'BACKEND': 'storages.backends.s3.S3Storage', 'OPTIONS':"
            " {'bucket_name': 'b'}}}\nMEDIA_ROOT = ''"
        ),
        "(none)",
        "storages.backends.s3.S3Storage",
    ),
    (
        (
            "STORAGES = {'default': {'BACKEND': 'pulpcore.app.models.storage.FileSystem',"
            " 'OPTIONS': {'location': '/srv/a'}}}"
        ),
        "/srv/a",
        "(none)",
    ),
    (
        "DEFAULT_FILE_STORAGE = 'pulpcore.app.models.storage.FileSystem'\nMEDIA_ROOT = '/srv/b'",
        "/srv/b",
        "(none)",
    ),
]


def write(path, text, mode=0o644):
    path.write_text(text)
    path.chmod(mode)
    return path


def find(**keys):
    words = [f"{name.replace('__', '.')}={value}" for name, value in keys.items()]
    return pulptool.run("find", *words)


def find_in(directory, text, **keys):
    return find(pulp__settings=write(directory / "settings.py", text), **keys)


def dsn(answer):
    return psycopg2.extensions.parse_dsn(answer["conninfo"])


def failed(answer, code, text, hint):
    assert answer.code == 1, answer.pairs
    assert answer["code"] == code, answer.pairs
    assert text in answer["text"], answer.pairs
    assert hint in answer["hint"], answer.pairs
    assert answer["hint"].endswith("."), answer.pairs
