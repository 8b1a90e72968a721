# SPDX-License-Identifier: GPL-3.0-or-later
"""Memory has a budget and does not grow with the number of rows."""

import os

import pytest

from harness.awkward import AWKWARD
from harness.need import need
from harness.peak import peak

MEGABYTE = 1 << 20
LIMIT = 64 * MEGABYTE
ROWS = 30_000


@pytest.mark.slow
def test_memory_is_bounded_and_flat(site, plmaint):
    need(when=os.environ.get("VARIANT", "") == "", why="memory is measured on the plain build")
    site.bulk_images(ROWS, own_config=False)
    site.every_kind(30)
    few, result = peak(
        plmaint, "few", "pre-migrate", "run", "--max-rows", "10000", "--keep-links", code=75
    )
    assert result.one("run.end")["rows"] == 10_000
    # The rest, and then every link.
    many, result = peak(plmaint, "many", "pre-migrate", "run", code=0)
    rows = result.one("run.end")["rows"]
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
    most, result = peak(plmaint, "huge", "pre-migrate", "run", code=0)
    print(f"peak {most / MEGABYTE:.1f} MB for 20 rows of 5 MB")
    assert result.one("run.end")["rows"] == 20
    assert most <= LIMIT
