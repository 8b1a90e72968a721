# SPDX-License-Identifier: GPL-3.0-or-later
"""An estimate takes five seconds, or a hundredth of the work where that is more, whatever is slow."""

import contextlib
import os
import re
import subprocess
import time

import pytest

from harness.brake import DETACH, FILL, Brake
from harness.need import need

pytestmark = pytest.mark.slow

MOST = 5
# What a start takes, a row that is read when time is up, and a machine that has other work.
MORE = 3

# Every read of an artifact takes half a second.
SLOW_FILES = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
ssize_t read(int fd, void *to, size_t n)
{
	ssize_t (*real)(int, void *, size_t);
	char link[64], path[4096] = "";
	*(void **)&real = dlsym(RTLD_NEXT, "read");
	snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
	if (readlink(link, path, sizeof path - 1) > 0 && strstr(path, "/artifact/"))
		usleep(500000);
	return real(fd, to, n);
}
"""


@pytest.fixture
def slow_files(tmp_path):
    need(programs=("cc",))
    (tmp_path / "slow.c").write_text(SLOW_FILES)
    library = tmp_path / "slow.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-o", library, tmp_path / "slow.c", "-ldl"], check=True)
    asan = os.environ.get("ASAN_OPTIONS", "")
    return {
        "LD_PRELOAD": str(library),
        "ASAN_OPTIONS": ":".join(filter(None, (asan, "verify_asan_link_order=0"))),
    }


def in_time(plmaint, **options):
    began = time.monotonic()
    ran = plmaint.run("pre-migrate", "estimate", **options)
    assert time.monotonic() - began < MOST + MORE
    return ran


@pytest.mark.parametrize("seconds", [0.2, 2])
def test_rows_that_are_written_slowly(site, pg_db, plmaint, seconds):
    """Each row takes so long twice, the second time for its link."""
    site.bulk_images(300, repos=1, own_config=False)
    Brake(pg_db, seconds=seconds, on=(FILL, DETACH))
    plmaint.configure({"pre-migrate.writers": "2"})
    estimate = in_time(plmaint, code=(0, 78)).one("estimate")
    assert estimate["exact"] and estimate["rows"] == 300
    assert estimate["wrote"] and estimate["sampled"] > 0
    assert 0.5 < estimate["full"]["p50"] / (300 * seconds) < 2, "it has seen how slow they are"


def test_rows_that_are_not_written_in_time(site, pg_db, plmaint):
    site.bulk_images(300, repos=1, own_config=False)
    Brake(pg_db, seconds=60)
    assert in_time(plmaint, code=(0, 78)).one("estimate")["full"]["p50"] > 300


def test_artifacts_that_are_read_slowly(site, plmaint, slow_files):
    site.bulk_images(300, repos=1, own_config=False)
    estimate = in_time(plmaint, code=(0, 78), env=slow_files).one("estimate")
    assert estimate["exact"] and 0 < estimate["sampled"] < 50
    assert estimate["full"]["p50"] > 20, "it has seen how slow they are"


@pytest.mark.parametrize("few", ["true", "false"])
def test_rows_that_are_counted_slowly(site, pg_db, plmaint, few):
    """Each look at a row takes a millisecond, but on the few pages that are drawn, where it would only
    matter how busy the machine is.  First there are rows on a few pages, then only on more of them.
    """
    site.bulk_images(6000, repos=1, own_config=False, files=False)
    site.conn.commit()
    pg_db.query(
        "ANALYZE container_manifest;"
        " ALTER TABLE container_manifest ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;"
        " CREATE POLICY slowly ON container_manifest USING"
        f" (CASE WHEN current_query() LIKE '%SYSTEM (2)%' THEN {few}"
        " WHEN current_query() LIKE '%TABLESAMPLE%' THEN true ELSE pg_sleep(0.001) IS NOT NULL END)",
        user="postgres",
    )
    told = in_time(plmaint, json=False, code=(0, 78)).out
    assert "of the table since all of it took too long" in told
    rows, more = (int(n.replace(",", "")) for n in re.search(r"^pending +([\d,]+) ± ([\d,]+)", told, re.M).groups())
    assert 0.2 * rows < more, "of some pages, whose rows come together: it may well be half as many again"
    assert abs(rows - 6000) < 2 * more


def test_a_table_that_somebody_holds(site, pg_db, plmaint):
    site.bulk_images(30, repos=1, own_config=False)
    with contextlib.closing(pg_db.connect()) as holder, holder.cursor() as cur:
        cur.execute("BEGIN; LOCK TABLE container_manifest IN ACCESS EXCLUSIVE MODE")
        error = in_time(plmaint, code=3).one("error")
    assert error["message"] == "what is pending could not be counted in 4 s"
    assert "holds a lock" in error["hint"]


def test_a_few_among_many_are_not_taken_for_none(site, pg_db, plmaint):
    """They are on no page that is looked at when the server is slow."""
    site.image("oci", site.repository())
    pg_db.query(
        "ALTER TABLE container_manifest ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;"
        # The strata alone are slow: they ask for sizes.
        " CREATE POLICY slowly ON container_manifest USING"
        " (current_query() NOT LIKE '%width_bucket%' OR current_query() LIKE '%TABLESAMPLE%'"
        " OR pg_sleep(10) IS NOT NULL)",
        user="postgres",
    )
    ran = in_time(plmaint)
    # One page of one: now and then it is among the two percent.
    assert ran.code == 3 or ran.one("estimate")["rows"] > 0
