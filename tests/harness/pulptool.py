# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs tests/pulp/pulp_tool.c: single functions of lib/pulp against real servers, without the
command line around them.
"""

import dataclasses
import fcntl
import functools
import os
import subprocess

from . import cli


@functools.cache
def program():
    """Built on first use, beside the program under test and with its flags; by one process at a
    time, since tests run in several.
    """
    build = cli.binary().parent
    target = build / "tests" / "pulp" / "pulp_tool.t"
    words = ["make", "-s", f"BUILD={os.path.relpath(build, cli.ROOT)}"]
    if build.name in ("asan", "tsan", "coverage", "clang"):
        words.append(f"VARIANT={build.name}")
    with open(build / ".built.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        made = subprocess.run(
            [*words, os.path.relpath(target, cli.ROOT)],
            cwd=cli.ROOT,
            capture_output=True,
            text=True,
        )
    assert made.returncode == 0, made.stdout + made.stderr
    return target


@dataclasses.dataclass
class Answer:
    code: int
    pairs: list
    err: str

    def __getitem__(self, name):
        return dict(self.pairs)[name]

    def all(self, name):
        return [value for key, value in self.pairs if key == name]

    def one(self):
        """All values of an answer that must not be an error."""
        assert self.code == 0, f"{self.pairs}\n{self.err}"
        return dict(self.pairs)


def run(*args, stdin=None, env=None, user=None, wrap=(), seconds=60):
    """env None: ours without what chooses servers and configuration. wrap: words before the
    program.
    """
    if env is None:
        env = {k: v for k, v in os.environ.items() if k.startswith(cli.KEEP)}
        env.update({"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"})
    done = subprocess.run(
        [*map(str, wrap), str(program()), *map(str, args)],
        input=stdin,
        stdin=None if stdin is not None else subprocess.DEVNULL,
        capture_output=True,
        text=True,
        env=env,
        cwd="/",
        timeout=seconds,
        user=user,
        extra_groups=[] if user else None,
    )
    assert done.returncode in (0, 1), f"exit {done.returncode}\n{done.stdout}\n{done.stderr}"
    return Answer(
        done.returncode,
        [tuple(line.split("\t", 1)) for line in done.stdout.splitlines() if "\t" in line],
        done.stderr,
    )
