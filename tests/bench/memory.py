# SPDX-License-Identifier: GPL-3.0-or-later
"""Peak memory of one run at a tenth of the rows and at all of them: it has to be flat."""
import tempfile

from harness.peak import peak

from . import migrate


def run(rows, rounds, out):
    out("\n## Peak memory of a run\n\n| rows | MB |\n|---|---|")
    for n in (rows // 10, rows):
        with tempfile.TemporaryDirectory(prefix="plmaint-bench-") as directory:
            bench = migrate.Bench(n, directory)
            try:
                bench.prepare()
                db = bench.fresh()
                most, _ = peak(bench.tool(db), "peak", "pre-migrate", "run", code=0, seconds=600)
                out(f"| {n} | {most / 1e6:.1f} |")
            finally:
                bench.close()
