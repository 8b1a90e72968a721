# SPDX-License-Identifier: GPL-3.0-or-later
"""What a test needs from the machine. A missing part skips the test with the reason, so that it is
counted and seen.
"""

import os
import shutil

import pytest


def need(*, root=False, programs=(), files=(), when=True, why=""):
    """root: to be root; programs: executables in PATH; files: paths that exist; when: anything
    else, with `why`.

    PLMAINT_NO_SKIP=1 turns a skip into a failure, for machines that are meant to have everything.
    """
    reasons = []
    if root and os.geteuid() != 0:
        reasons.append("needs root")
    reasons += [f"needs the program {p}" for p in programs if not shutil.which(p)]
    reasons += [f"needs {f}" for f in files if not os.path.exists(f)]
    if not when:
        reasons.append(why)
    if reasons:
        text = ", ".join(reasons)
        if os.environ.get("PLMAINT_NO_SKIP") == "1":
            pytest.fail(f"skipped where nothing may be skipped: {text}")
        pytest.skip(text)
