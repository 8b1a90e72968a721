# SPDX-License-Identifier: GPL-3.0-or-later
"""Upstream's own code, row by row: run by the Python of a real Pulp's environment.

The management command decides which rows it takes and in which order; here each row gets a
savepoint of its own, so that one row's exception, which ends the whole command, ends that row
alone.  One JSON line per row on stdout: its key, what came of it and why.
"""
import importlib
import json
import sys

import django

django.setup()

from django.db import transaction  # noqa: E402

COMMAND = importlib.import_module(
    "pulp_container.app.management.commands.container-handle-image-data").Command
COLUMNS = ["annotations", "labels", "is_bootable", "is_flatpak", "data", "type", "os",
           "architecture", "compressed_image_size"]
# Exceptions that the command itself passes over; any other ends it.
SKIPPED = ("DoesNotExist", "ObjectDoesNotExist", "JSONDecodeError")


class RowByRow(COMMAND):
    def update_manifests(self, rows):
        for row in list(rows.iterator()):
            outcome, why = "saved", ""
            try:
                with transaction.atomic():
                    if self.init_manifest(row):
                        type(row).objects.bulk_update([row], COLUMNS)
                    elif row.data and not row._artifacts.exists():
                        # Also what a row looks like that was complete before; see the test.
                        outcome = "not saved"
            except (Exception, RecursionError) as e:
                outcome = "skipped" if type(e).__name__ in SKIPPED else "aborted"
                why = f"{type(e).__name__}: {str(e)[:120]}"
            print(json.dumps([str(row.pk), outcome, why]), file=OUT)
        return 0


OUT = sys.stdout
with transaction.atomic(), open("/dev/null", "w") as nowhere:
    RowByRow(stdout=nowhere, stderr=nowhere).handle()
