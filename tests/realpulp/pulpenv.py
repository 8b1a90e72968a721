# SPDX-License-Identifier: GPL-3.0-or-later
"""Real Pulps from their packages, built once and shared by every test that asks for one.

A real Pulp is the oracle for what plmaint does to a database, but installing one takes a minute
and a quarter of a gigabyte.  So environments live outside the tree, in $XDG_CACHE_HOME/plmaint,
in a directory whose name holds a digest of what it was made from: another release, another
Python or another recipe gives another directory and never a stale one.  A directory counts only
once its `.complete` file exists, which is written last, and is built under a lock, so that
parallel runs share one build and an interrupted one is thrown away by the next.
"""
import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

# The harness that all tests share, also for the modules of this folder that run by themselves.
sys.path.insert(1, str(Path(__file__).resolve().parent.parent))

PYTHON = "/usr/bin/python3.11"

# Pulp releases by the level of pulp_container's schema that they bring.  The older one writes
# genuine rows from before manifest data moved into the database, the newer one is the release
# in which that migration first has all nine columns.
RELEASES = {
    "0038": ("pulpcore==3.49.*", "pulp-container==2.19.*", "setuptools<81"),
    "0043": ("pulpcore==3.63.*", "pulp-container==2.22.*", "setuptools<81"),
}
# Those that a site goes through from there to the newest, each reached from the one before it. Two
# of them bring the same level of pulp_container, so that they go by their release.
CHAIN = {
    "2.24": ("pulpcore==3.73.*", "pulp-container==2.24.*", "setuptools<81"),
    "2.26": ("pulpcore==3.85.*", "pulp-container==2.26.*", "setuptools<81"),
    "2.27": ("pulpcore==3.105.*", "pulp-container==2.27.*", "setuptools<81"),
    "2.29": ("pulpcore==3.116.*", "pulp-container==2.29.*", "setuptools<81"),
}


class Unavailable(Exception):
    """The environment cannot be had on this machine; the text is the reason to skip."""


def cache_root():
    base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    root = Path(base) / "plmaint"
    try:
        root.mkdir(parents=True, exist_ok=True)
    except OSError as e:
        raise Unavailable(f"cache directory {root}: {e}") from e
    return root


def key_of(recipe):
    """Twelve hex digits that change whenever the recipe does."""
    text = json.dumps(recipe, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


@contextlib.contextmanager
def locked(name):
    with open(cache_root() / f"{name}.lock", "w") as f:
        fcntl.flock(f, fcntl.LOCK_EX)
        yield


def once(name, recipe, build):
    """The cached directory for `recipe`, made by build(directory) when it is missing.

    Built in place and not renamed: a virtual environment's scripts hold their own path.
    """
    key = key_of(recipe)
    path = cache_root() / f"{name}-{key}"
    done = path / ".complete"
    if done.exists():
        return path
    with locked(path.name):
        if done.exists():
            return path
        shutil.rmtree(path, ignore_errors=True)
        path.mkdir()
        build(path)
        tmp = path / ".complete.tmp"
        tmp.write_text(json.dumps(recipe, sort_keys=True, indent=1) + "\n")
        tmp.rename(done)
    return path


def need(*programs):
    missing = [p for p in programs if shutil.which(p, path=SEARCH) is None]
    if missing:
        raise Unavailable("not installed: " + ", ".join(missing))


SEARCH = os.environ.get("PATH", "") + ":/usr/sbin:/sbin:/usr/lib/postgresql/15/bin"


def build_venv(requirements):
    def build(path):
        for argv in (
            [PYTHON, "-m", "venv", str(path)],
            [str(path / "bin/pip"), "install", "-q", *requirements],
        ):
            r = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            if r.returncode:
                raise Unavailable(f"{' '.join(argv)}: {r.stdout[-800:].strip()}")

    return build


def venv(level):
    """The virtual environment (a Path) of the release that brings this schema level, or of CHAIN."""
    if not os.access(PYTHON, os.X_OK):
        raise Unavailable(f"{PYTHON} is missing (these releases of Pulp need Python 3.11)")
    reqs = {**RELEASES, **CHAIN}[level]
    name = "venv-" + "-".join(r.replace("==", "").replace(".*", "") for r in reqs[:2])
    return once(name, {"python": PYTHON, "requirements": list(reqs)}, build_venv(reqs))


if __name__ == "__main__":
    for wanted in (*RELEASES, *CHAIN):
        print(venv(wanted))
