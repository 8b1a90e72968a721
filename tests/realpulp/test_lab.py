# SPDX-License-Identifier: GPL-3.0-or-later
"""`make lab`: it comes up, what it prints works as it stands, and nothing of it is left."""
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import pulpenv
from harness import cli, process
from harness.need import need

LAB = Path(__file__).resolve().parent / "lab.py"


def descendants(pid):
    found = process.children(pid)
    return found + [d for child in found for d in descendants(child)]


@pytest.fixture
def lab():
    try:
        pulpenv.need("redis-server", "nginx", "initdb", "pg_dump")
        for level in pulpenv.RELEASES:
            pulpenv.venv(level)
    except pulpenv.Unavailable as e:
        need(when=False, why=f"needs a real Pulp: {e}")
    with subprocess.Popen([sys.executable, LAB, "--rows", "40"], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, start_new_session=True,
                          preexec_fn=process.die_with_parent) as p:
        yield p
        if p.poll() is None:
            p.terminate()
            p.wait(90)


def test_it_comes_up_can_be_migrated_and_goes(lab, tmp_path):
    said = ""
    while "Ctrl-C ends it" not in said:
        line = lab.stdout.readline()
        assert line, f"it ended: {said}"
        said += line
    family = descendants(lab.pid)
    assert len(family) >= 6, "database, cache, proxy, api, content, worker"
    env = {**dict(re.findall(r"export (\w+)=(.*)", said)), "PATH": os.environ["PATH"]}
    (tmp_path / "empty").touch(0o600)
    argv = [cli.binary(), "--config", tmp_path / "empty", "pre-migrate", "run", "--keep-links"]
    ran = subprocess.run(argv, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert ran.returncode in (0, 78), ran.stdout
    os.killpg(lab.pid, signal.SIGINT)
    rest = lab.stdout.read()
    assert lab.wait(90) == 0, rest
    gone = re.search(r"gone: (\S+)", rest).group(1)
    assert not Path(gone).exists()
    process.wait_until(lambda: not any(map(process.alive, family)), 30, "its processes are gone")


@pytest.mark.parametrize("argv, words", [
    (("--pulp", "1.0"), "PULP=1.0 is none of 2.22"),
    (("--rows", "0"), "ROWS=0 leaves nothing to migrate"),
])
def test_what_it_cannot_be_is_refused(argv, words):
    ran = subprocess.run([sys.executable, LAB, *argv], capture_output=True, text=True)
    assert ran.returncode == 1 and words in ran.stderr, ran
