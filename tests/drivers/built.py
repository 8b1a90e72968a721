# SPDX-License-Identifier: GPL-3.0-or-later
"""Programs in C that a test drives: they need a server, so prove does not run them by itself."""
import fcntl
import os
import pathlib
import re
import subprocess

TOP = pathlib.Path(__file__).resolve().parents[2]


def err_codes(*names):
    """Numbers of enum err_code, which a program prints."""
    known = re.findall(r"^\tERR_(\w+)", (TOP / "lib/core/err.h").read_text(), re.M)
    return [known.index(name) for name in names]


def program(name):
    """Path of tests/drivers/NAME.c built, up to date; by one process at a time. BUILD names another build directory, as it
    does to make.
    """
    build = os.environ.get("BUILD", "build")
    target = f"{build}/tests/drivers/{name}.t"
    (TOP / build).mkdir(parents=True, exist_ok=True)
    with open(TOP / build / ".built.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = subprocess.run(["make", "-s", f"BUILD={build}", target], cwd=TOP, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert done.returncode == 0, done.stdout
    return TOP / target


def passes(name, env, seconds=120):
    """Runs a TAP program; every line of its plan must be ok. Returns how many were."""
    done = subprocess.run([str(program(name))], env={**os.environ, **env}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          timeout=seconds, errors="replace")
    planned = int(re.search(r"^1\.\.(\d+)$", done.stdout, re.M).group(1))
    good = [line for line in done.stdout.splitlines() if line.startswith("ok ") and "# SKIP" not in line]
    assert done.returncode == 0 and len(good) == planned, f"{done.stdout}\n{done.stderr}"
    return planned
