# SPDX-License-Identifier: GPL-3.0-or-later
"""Peak memory of one run at a tenth of the rows and at all of them: it has to be flat."""
import os
import tempfile

from . import migrate


def peak(bench):
    """The run's own peak; RUSAGE_CHILDREN would keep the largest of all runs."""
    db = bench.fresh()
    running = bench.tool(db).start("pre-migrate", "run")
    _, status, used = os.wait4(running.pid, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    db.drop()
    return used.ru_maxrss / 1024


def run(rows, rounds, out):
    out("\n## Peak memory of a run\n\n| rows | MB |\n|---|---|")
    for n in (rows // 10, rows):
        with tempfile.TemporaryDirectory(prefix="plmaint-bench-") as directory:
            bench = migrate.Bench(n, directory)
            try:
                bench.prepare()
                out(f"| {n} | {peak(bench):.1f} |")
            finally:
                bench.close()
