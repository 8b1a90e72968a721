# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs in a real Pulp's environment: upstream's own migration code on single rows, their exceptions
caught.

usage: python upstream_rows.py ROWS OUT
ROWS: {name: key of a manifest}; OUT: {name: [exception or null, columns, links left]}
"""

import importlib
import json
import sys

import django
from django.db import connection

COLUMNS = (
    "annotations labels is_bootable is_flatpak data type architecture os compressed_image_size"
).split()


def main(rows_path, out_path):
    django.setup()
    command = importlib.import_module(
        "pulp_container.app.management.commands.container-handle-image-data"
    ).Command
    manifests = importlib.import_module("pulp_container.app.models").Manifest.objects
    with open(rows_path, encoding="utf-8") as file:
        rows = json.load(file)
    out = {}
    for name, key in rows.items():
        error = None
        try:
            command().update_manifests(manifests.filter(pk=key))
        except Exception as exc:  # each of them would have ended the whole command
            error = type(exc).__name__
        row = manifests.filter(pk=key).values(*COLUMNS).get()
        with connection.cursor() as cur:
            cur.execute("SELECT count(*) FROM core_contentartifact WHERE content_id = %s", [key])
            out[name] = [error, row, cur.fetchone()[0]]
    with open(out_path, "w", encoding="utf-8") as file:
        json.dump(out, file)


main(*sys.argv[1:])
