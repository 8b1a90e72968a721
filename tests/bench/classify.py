# SPDX-License-Identifier: GPL-3.0-or-later
"""What classifying one ordinary row costs, beside json-c and SHA-256 on the same bytes."""

import pathlib
import subprocess

PROGRAM = pathlib.Path(__file__).resolve().parents[2] / "build" / "tests" / "bench" / "bench_classify.t"


def run(_rows, _rounds, out):
    out("\n## Classifying one row, without a server\n\n```")
    out(subprocess.run([PROGRAM], check=True, capture_output=True, text=True).stdout.rstrip())
    out("```")
