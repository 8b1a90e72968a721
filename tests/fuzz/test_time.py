# SPDX-License-Identifier: GPL-3.0-or-later
"""How long `make fuzz` gives each target: more targets must not take from classification."""

import os
import pathlib
import re
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]
SECONDS = 60


def test_classification_has_the_whole_time_and_the_others_as_much_together():
    env = {k: v for k, v in os.environ.items() if not k.startswith(("MAKE", "MFLAGS"))}
    told = subprocess.run(
        ["make", "-n", "fuzz", f"FUZZ_SECONDS={SECONDS}"],
        cwd=ROOT, env=env, capture_output=True, text=True, timeout=60, check=True,
    ).stdout.replace("\\\n", "")
    given = dict(re.findall(r"fuzz/fuzz_(\w+) \S+ -max_total_time=(\d+)", told))
    assert set(given) == {p.stem.removeprefix("fuzz_") for p in pathlib.Path(__file__).parent.glob("*.c")}
    seconds = {name: int(s) for name, s in given.items()}
    assert seconds.pop("manifest") == SECONDS
    assert min(seconds.values()) > 0 and SECONDS * 0.9 <= sum(seconds.values()) <= SECONDS
