# SPDX-License-Identifier: GPL-3.0-or-later
"""Peak memory of one run of the program.

Linux keeps a process's peak over execve(2): a child that is forked by a large interpreter begins
with that interpreter's peak. So a small one starts the program and writes what its children had.
"""

import dataclasses
import sys

# In KB (getrusage(2)); and how long the program took, without what the interpreter takes to begin.
STARTER = (
    "import resource, subprocess, sys, time; began = time.monotonic(); code = subprocess.call(sys.argv[2:]);"
    " took = time.monotonic() - began; most = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss;"
    " open(sys.argv[1], 'w').write(f'{most} {took}'); sys.exit(code)"
)


def peak(plmaint, name, *words, code, **options):
    """The most bytes it held, and its result. name: of a file in its directory."""
    out = plmaint.directory / name
    result = plmaint.run(*words, wrap=(sys.executable, "-c", STARTER, out), code=code, **options)
    most, took = out.read_text().split()
    return int(most) * 1024, dataclasses.replace(result, seconds=float(took))
