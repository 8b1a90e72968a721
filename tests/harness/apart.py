# SPDX-License-Identifier: GPL-3.0-or-later
"""A command in a mount namespace of its own: what is mounted there is seen by nobody else, and gone
with it.
"""

import os

from .need import need


def apart(tmp_path, *lines):
    """Words to put before a command, which runs after these lines of sh."""
    need(
        when=os.geteuid() == 0 and os.system("unshare -m true 2>/dev/null") == 0,
        why="needs root and unshare -m",
    )
    script = tmp_path / "apart"
    script.write_text("\n".join(["#!/bin/sh", "set -e", *lines, "cd /", 'exec "$@"', ""]))
    script.chmod(0o755)
    return ["unshare", "-m", str(script)]
