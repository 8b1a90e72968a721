# SPDX-License-Identifier: GPL-3.0-or-later
"""kill -9 at every write of a run: nothing is lost, and the same command ends in the same state.

PLMAINT_CRASH_ROWS chooses how many rows (60 in `make check`, 300 in `make crash`), PLMAINT_CRASH_AT
and PLMAINT_CRASH_KIND repeat one round. With PLMAINT_CRASH_ALL=1 (`make crash`) every write of
every case has its turn; else every write of the run, and a share of the others. On a build with a
sanitizer, which is slow and sees other things, a share of all.
"""

import contextlib
import os
import time

import pytest

from crash import faults
from harness.awkward import AWKWARD

ROWS = int(os.environ.get("PLMAINT_CRASH_ROWS", "60"))
VARIANT = os.environ.get("VARIANT", "")
ALL = os.environ.get("PLMAINT_CRASH_ALL") == "1"
# Of each outcome some, and each place where a row can fail: file, bytes, text, config, link.
SOME = """config_reclaimed config_not_utf8 config_file_missing label_u0000 top_level_array
    annotation_nan no_layers size_over_int4 nul_byte invalid_utf8 schema1_signed on_demand
    two_artifacts remote_and_published lost_recoverable lost_for_good file_missing wrong_bytes
    symlink_out list_child_becomes_bootable filled_not_detached filled_with_other_data orphan
    pending_manifest index_with_absent_child""".split()


def everything(site):
    repo = site.repository("every/kind")
    site.distribution("every/kind", repo)
    site.every_kind(ROWS - len(SOME), repo)
    for name in SOME:
        AWKWARD[name](site)


def lost_rows(site):
    """What a kill of upstream's command leaves."""
    repo = site.repository("lost/images")
    site.distribution("lost/images", repo)
    for kind in ("oci", "docker", "bootable") * max(4, ROWS // 15):
        site.lose(site.image(kind, repo))


CASES = {
    "run": ((("pre-migrate", "run"), everything), {}),
    "detach": (
        (("pre-migrate", "detach"), everything),
        {"before": [("pre-migrate", "run", "--keep-links")]},
    ),
    "fill": ((("pre-migrate", "run", "--keep-links"), everything), {}),
    "recover": ((("pre-migrate", "recover"), lost_rows), {}),
    "single": ((("pre-migrate", "run"), everything), {"single": True}),
}


@contextlib.contextmanager
def case(name, cluster, redis_server):
    args, options = CASES[name]
    made = faults.Case(cluster, *args, redis=redis_server, **options)
    try:
        yield made
    finally:
        made.close()


def only():
    """The one round that was asked for."""
    return int(os.environ.get("PLMAINT_CRASH_AT", "0")), os.environ.get("PLMAINT_CRASH_KIND", "kill")


def every(step):
    """Every step-th write in `make check`."""
    return 1 if ALL else step if not VARIANT else 10 * step


def sweep(made, name, kind, **options):
    began = time.monotonic()
    at, wanted = only()
    if at:
        if wanted != kind:
            pytest.skip(f"PLMAINT_CRASH_KIND is {wanted}")
        made.judge([made.round(at, kind, options.get("klass", "all"))])
        return
    rounds = made.sweep(kind, **options)
    print(
        f"{name}, {kind}: {len(rounds)} places, {made.calls} writes undisturbed,"
        f" {time.monotonic() - began:.0f} s"
    )
    assert rounds


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_a_kill_before_any_write_loses_nothing(cluster, redis_server, name):
    with case(name, cluster, redis_server) as made:
        sweep(made, name, "kill", step=every(1 if name == "run" else 8))


@pytest.mark.slow
def test_half_a_write_loses_nothing(cluster, redis_server):
    """A message or a line of the journal that ends in the middle."""
    with case("run", cluster, redis_server) as made:
        sweep(made, "run", "torn", step=every(12))


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["ENOSPC", "EIO"])
def test_a_disk_that_refuses_ends_cleanly(cluster, redis_server, kind):
    """Of the state directory; the database's own disk answers with an SQLSTATE."""
    with case("run", cluster, redis_server) as made:
        sweep(made, "run", kind, klass="disk", step=every(2))


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["EPIPE", "ECONNRESET"])
def test_a_connection_that_breaks_ends_cleanly(cluster, redis_server, kind):
    """Any send on any connection, to PostgreSQL or Redis, fails once."""
    with case("run", cluster, redis_server) as made:
        sweep(made, "run", kind, klass="net", step=every(12))
