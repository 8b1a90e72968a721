# SPDX-License-Identifier: GPL-3.0-or-later
"""The demo as a stranger meets it: it ends well twice in a row, and leaves nothing behind, also when
it is interrupted.
"""

import os
import pathlib
import re
import signal
import subprocess
import sys

import pytest

from harness import process

DEMO = pathlib.Path(__file__).with_name("demo.py")
SECONDS = 240

pytestmark = pytest.mark.slow


def start(tmp_path):
    """The demo in a session of its own, so that what it leaves running can be found."""
    return subprocess.Popen(
        [sys.executable, str(DEMO), "--images", "1500"],
        env={**os.environ, "TMPDIR": str(tmp_path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        preexec_fn=process.die_with_parent,
    )


def typed(recording):
    """What the operator entered."""
    return re.findall(r"^ *[\d.]+  \$ (.*)$", recording, re.M)


def test_a_run_in_the_background_is_recorded(tmp_path):
    """The recording checks itself: what it shows is so."""
    file = tmp_path / "recording.md"
    done = subprocess.run(
        [sys.executable, DEMO.with_name("recording.py"), "--images", "2000", file],
        env={**os.environ, "TMPDIR": str(tmp_path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    text = file.read_text()
    for word in ("--background", "attach", "tune duty", "pause", "held", "resume", "wait", "history"):
        assert word in text
    assert "\x1b" not in text and str(tmp_path) not in text
    readme = (DEMO.parents[2] / "README.md").read_text()
    shown = readme.partition("<!-- generated:recording -->")[2].partition("<!-- /generated")[0]
    assert typed(shown) == typed(text), "README shows this story: `make tour` renews it"
    assert list(tmp_path.iterdir()) == [file]


def test_backups_are_recorded(tmp_path):
    """Likewise: it fails by itself where something is not as it shows."""
    file = tmp_path / "backup.md"
    subprocess.run([sys.executable, DEMO.with_name("backup.py"), file], timeout=SECONDS, check=True)
    readme = (DEMO.parents[2] / "README.md").read_text()
    shown = readme.partition("<!-- generated:backup -->")[2].partition("<!-- /generated")[0]
    assert typed(shown) == typed(file.read_text()), "README shows this story: `make tour` renews it"


def session(number):
    """Command lines of the processes of a session."""
    found = []
    for path in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            fields = (path / "stat").read_text().rpartition(")")[2].split()
            if int(fields[3]) == number and fields[0] != "Z":
                found.append((path / "cmdline").read_text().split("\0"))
        except (OSError, IndexError):
            continue
    return found


def data_directory(number):
    """Where the demo's PostgreSQL has its files, while it runs."""
    for argv in session(number):
        if argv[0].endswith("/postgres") and "-D" in argv:
            return pathlib.Path(argv[argv.index("-D") + 1])
    return None


def nothing_left(demo, tmp_path, data):
    process.wait_until(
        lambda: not session(demo.pid), 30, lambda: f"all ended: {session(demo.pid)}"
    )
    assert list(tmp_path.iterdir()) == []
    assert data is not None and not data.exists()


@pytest.mark.parametrize("turn", ["first", "second"])
def test_ends_well_and_leaves_nothing(tmp_path, turn):
    demo = start(tmp_path)
    data = process.wait_until(lambda: data_directory(demo.pid), 60, "PostgreSQL runs")
    out, _ = demo.communicate(timeout=SECONDS)
    assert demo.returncode == 0, out
    assert "rows of Pulp written by it         0" in out
    # Everything that a plan asks a database whose ledger is not there yet has an answer.
    assert "now: unknown" not in out
    # The whole of a kill's story: an open run that is found, and helped to its end.
    assert "Resumed:" in out and "kill -9" in out
    nothing_left(demo, tmp_path, data)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("where", ["is made", "killed with -9"])
def test_interrupted_leaves_nothing(tmp_path, number, where):
    demo = start(tmp_path)
    data = process.wait_until(lambda: data_directory(demo.pid), 60, "PostgreSQL runs")
    for line in demo.stdout:
        if where in line:
            break
    # As a terminal does it: everything in the foreground gets the signal.
    os.killpg(demo.pid, number)
    out, _ = demo.communicate(timeout=60)
    assert demo.returncode == 130, out
    assert "nothing is left behind" in out
    nothing_left(demo, tmp_path, data)
