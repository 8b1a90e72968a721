# SPDX-License-Identifier: GPL-3.0-or-later
"""promtool, which judges metrics as Prometheus does: the one in PATH, or the one of Debian's package
prometheus, whose 19 MB are fetched once; the server with its web page, 100 MB, is not installed.
"""

import os
import pathlib
import shutil
import subprocess
import tempfile

from .need import need

CACHE = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache")
CACHED = CACHE / "plmaint" / "promtool"
FETCH = """
set -e
apt-get download -qq prometheus
dpkg-deb --fsys-tarfile prometheus_*.deb | tar -x ./usr/bin/promtool
"""


def promtool():
    """Its path; without one the test is skipped."""
    found = shutil.which("promtool") or (CACHED.exists() and CACHED)
    if found:
        return found
    need(programs=("apt-get", "dpkg-deb"))
    CACHED.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=CACHED.parent) as directory:
        done = subprocess.run(
            ["sh", "-c", FETCH], cwd=directory, capture_output=True, text=True, check=False
        )
        need(when=done.returncode == 0, why=f"no promtool to be had: {done.stderr.strip()[-200:]}")
        (pathlib.Path(directory) / "usr/bin/promtool").replace(CACHED)
    return CACHED
