# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs under tools that see what a test of results cannot: races, leaks, reads of freed memory.

The races are looked for when this runs on the ThreadSanitizer build (the marker `threads`), leaks
and bad reads of everything else on the AddressSanitizer build; valgrind looks at the plain build,
with the libraries that no sanitizer has instrumented.
"""

import os
import pathlib
import re

import pytest

from harness import cli
from harness.awkward import AWKWARD
from harness.need import need

# Rows that go wrong in their own ways: their errors have paths of their own.
ODD = """config_reclaimed config_not_utf8 label_u0000 annotation_nan nul_byte schema1_signed on_demand
    two_artifacts lost_recoverable file_missing wrong_bytes filled_with_other_data""".split()
MANY = 2000  # rows where threads meet
FEW = 300  # rows under valgrind, which is fifty times slower


@pytest.mark.slow
@pytest.mark.threads
def test_writers_and_readers_at_once(site, plmaint, redis_server):
    site.bulk_images(MANY, layers=2, own_config=False)
    site.every_kind(40)
    for name in ODD:
        AWKWARD[name](site)
    plmaint.configure(
        {
            "redis.url": redis_server.url("unix"),
            "pre-migrate.writers": 2,
            "pre-migrate.readers": 4,
            "pre-migrate.batch_rows": 50,
        }
    )
    result = plmaint.run("pre-migrate", "run", code=78)
    assert result.one("run.end")["rows"] > MANY
    again = plmaint.run("pre-migrate", "run", code=(0, 78))
    assert again.one("run.end").get("rows", 0) == 0


def instrumented():
    """Valgrind cannot run what a sanitizer has been built into."""
    return b"__asan_init" in (data := cli.binary().read_bytes()) or b"__tsan_init" in data


@pytest.mark.slow
def test_valgrind_has_nothing_to_say(site, plmaint, redis_server, tmp_path):
    need(programs=("valgrind",))
    need(when=not instrumented(), why="a sanitizer looks at this build")
    need(when=os.environ.get("VARIANT", "") == "", why="the plain build has been looked at")
    site.bulk_images(FEW - len(ODD), layers=2)
    for name in ODD:
        AWKWARD[name](site)
    plmaint.configure({"redis.url": redis_server.url("unix")})
    logs = tmp_path / "valgrind"
    wrap = (
        "valgrind",
        "--quiet",
        "--error-exitcode=99",
        "--leak-check=full",
        "--show-leak-kinds=definite,indirect,possible",
        "--errors-for-leak-kinds=definite,indirect,possible",
        "--track-fds=yes",
        f"--suppressions={pathlib.Path(__file__).with_name('valgrind.supp')}",
        f"--log-file={logs}.%p",
    )
    for words, codes in (
        (("pre-migrate", "run"), (78,)),
        (("pre-migrate", "run"), (0, 78)),
        (("pre-migrate", "status"), (0,)),
        (("pre-migrate", "quarantine", "list"), (0,)),
        (("pre-migrate", "verify"), (0, 1, 78)),
    ):
        plmaint.run(*words, code=codes, wrap=wrap)
    said = [p.read_text() for p in sorted(tmp_path.glob("valgrind.*"))]
    assert len(said) == 5
    for text in said:
        # The pipe of the signal handlers is open for as long as there are signals; valgrind's log
        # is its own.
        opened = [
            block
            for block in re.findall(r"Open (?:file descriptor|AF_).*?(?=^==\d+== *$)", text, re.M | re.S)
            if "stop_install" not in block and "inherited from parent" not in block
        ]
        assert not opened, text
