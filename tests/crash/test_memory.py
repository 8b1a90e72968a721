# SPDX-License-Identifier: GPL-3.0-or-later
"""Memory has a budget and does not grow with the number of rows."""

import os
import sys

import pytest

from harness.awkward import AWKWARD
from harness.need import need

MEGABYTE = 1 << 20
LIMIT = 64 * MEGABYTE
ROWS = 30_000
# Starts a program and writes its peak: of this interpreter's children, in KB (getrusage(2)).
PEAK = (
    "import resource, subprocess, sys; code = subprocess.call(sys.argv[2:]);"
    " open(sys.argv[1], 'w').write(str(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss));"
    " sys.exit(code)"
)


def peak(plmaint, name, *words, code):
    out = plmaint.directory / name
    result = plmaint.run(*words, wrap=(sys.executable, "-c", PEAK, out), code=code)
    return int(out.read_text()) * 1024, result.one("run.end")["rows"]


@pytest.mark.slow
def test_memory_is_bounded_and_flat(site, plmaint):
    need(when=os.environ.get("VARIANT", "") == "", why="memory is measured on the plain build")
    site.bulk_images(ROWS, own_config=False)
    site.every_kind(30)
    few, rows = peak(plmaint, "few", "pre-migrate", "run", "--max-rows", "10000", "--keep-links", code=75)
    assert rows == 10_000
    # The rest, and then every link.
    many, rows = peak(plmaint, "many", "pre-migrate", "run", code=0)
    assert rows > 20_000
    print(f"peak {few / MEGABYTE:.1f} MB at 10,000 rows, {many / MEGABYTE:.1f} MB at {rows}")
    assert few <= LIMIT and many <= LIMIT
    assert many < 1.15 * few + 2 * MEGABYTE


@pytest.mark.slow
def test_rows_beyond_the_budget_run_alone(site, plmaint):
    """Twenty manifests of 5 MB under a budget of 8 MB: one at a time, and not twenty."""
    need(when=os.environ.get("VARIANT", "") == "", why="memory is measured on the plain build")
    for _ in range(20):
        AWKWARD["huge"](site, site.repository())
    plmaint.configure({"pre-migrate.memory": "8MB"})
    most, rows = peak(plmaint, "huge", "pre-migrate", "run", code=0)
    print(f"peak {most / MEGABYTE:.1f} MB for 20 rows of 5 MB")
    assert rows == 20
    assert most <= LIMIT
