# SPDX-License-Identifier: GPL-3.0-or-later
"""What more programs on one database bring: 1, 2 and 4 of one writer each share a run.

All are on this machine, and so is the server: with the cores used up, more of them bring nothing.
Hosts of their own would add their cores, but for what the server does.
"""
import os
import tempfile

from . import measure
from .migrate import LEVEL, Bench

PROGRAMS = (1, 2, 4)


def run(n, rounds, out):
    with tempfile.TemporaryDirectory(prefix="plmaint-bench-") as directory:
        bench = Bench(n, directory)
        try:
            bench.prepare()
            out(f"\n## Programs that share a run of {n} manifests, level {LEVEL}, {os.cpu_count()} cores,"
                f" {rounds} rounds, interleaved, medians\n")
            took = {programs: [] for programs in PROGRAMS}
            for _ in range(rounds):
                for programs in PROGRAMS:
                    took[programs].append(bench.together(programs))
            report(n, took, out)
        finally:
            bench.close()


def report(n, took, out):
    wall = {programs: measure.median([t.wall for t in ts]) for programs, ts in took.items()}
    out("| programs | wall s | rows/s | x one | client CPU s | server CPU s | rows that each filled, last round |")
    out("|---|---|---|---|---|---|---|")
    for programs, ts in took.items():
        client, server = measure.median([t.client for t in ts]), measure.median([t.server for t in ts])
        out(f"| {programs} | {wall[programs]:.2f} | {n / wall[programs]:.0f} | {wall[1] / wall[programs]:.2f}"
            f" | {client:.2f} | {server:.2f} | {' '.join(map(str, ts[-1].rows))} |")
