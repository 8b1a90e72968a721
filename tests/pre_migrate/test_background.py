# SPDX-License-Identifier: GPL-3.0-or-later
"""`run --background`, and whoever comes back to it: attach, wait, status --watch, a second one."""

import contextlib
import os
import pathlib
import signal

import pytest

from harness import after
from harness.brake import Brake
from harness.process import alive, wait_until

ROWS = 400
pytestmark = pytest.mark.slow


class Background:
    """A run in the background that does not end before `let_go`."""

    def __init__(self, site, plmaint, brake):
        self.site, self.plmaint, self.brake, self.pids = site, plmaint, brake, []
        self.started = self.start()
        self.pid, self.log = self.started["pid"], pathlib.Path(self.started["log"])

    def start(self, *args):
        told = self.plmaint.run("pre-migrate", "run", "--background", *args, code=0)
        self.pids.append(told.one("background")["pid"])
        return told.one("background")

    def ends(self):
        self.brake.let_go()
        wait_until(lambda: not any(map(alive, self.pids)), 60, "it ends")
        assert after.pending(self.site) == 0 and after.with_nothing(self.site) == set()


@pytest.fixture
def background(site, pg_db, plmaint):
    site.bulk_images(ROWS, repos=1, own_config=False)
    plmaint.configure({"pre-migrate.batch_rows": 10})
    made = Background(site, plmaint, Brake(pg_db, seconds=0.02))
    yield made
    for pid in made.pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def test_it_outlives_its_terminal(background, plmaint):
    """A session of its own, no descriptor of the terminal's, deaf to its hang-up."""
    assert os.getsid(background.pid) == background.pid != os.getsid(0)
    for fd in (0, 1, 2):
        assert os.readlink(f"/proc/{background.pid}/fd/{fd}") in ("/dev/null", str(background.log))
    os.kill(background.pid, signal.SIGHUP)
    left = after.pending(background.site)
    wait_until(lambda: after.pending(background.site) < left, 60, "it goes on")
    ended = plmaint.start("pre-migrate", "wait")
    background.ends()
    assert ended.wait().code == 0
    told = [line for line in background.log.read_text().splitlines() if line.startswith("{")]
    assert '"event":"run.end"' in told[-1]
    assert background.log.stat().st_mode & 0o007 == 0


def test_what_it_prints_says_how_to_go_on(site, plmaint, pg_db):
    site.bulk_images(20, repos=1)
    brake = Brake(pg_db, seconds=0.2)
    told = plmaint.run("pre-migrate", "run", "--background", json=False, code=0)
    pid = int(told.out.split()[1])
    try:
        for word in ("attach", "status", "pause", "stop", "wait", "background-"):
            assert word in told.out
    finally:
        brake.let_go()
        wait_until(lambda: not alive(pid), 60, "it ends")


def test_whoever_comes_next_finds_it(background, plmaint):
    """wait, status and stop need no luck: the command returns when the run can be seen."""
    assert plmaint.run("pre-migrate", "status", code=0).one("program")["pid"] == background.pid
    plmaint.run("pre-migrate", "stop", code=0)
    wait_until(lambda: not alive(background.pid), 30, "it ends")
    assert after.pending(background.site) > 0
    background.start()
    background.ends()


def test_a_second_one_joins(background, plmaint):
    second = background.start()
    assert second["log"] != str(background.log)
    wait_until(lambda: '"event":"join"' in pathlib.Path(second["log"]).read_text(), 30, "it joins")
    assert len(plmaint.run("pre-migrate", "status", code=0).of("program")) == 2
    background.ends()


def test_attach_shows_it_and_leaves_it_running(background, plmaint):
    view = plmaint.start("pre-migrate", "attach")
    first = view.wait_for("progress")
    view.wait_for("progress", when=lambda e: e["done"] > first["done"])
    plmaint.run("pre-migrate", "pause", code=0)
    assert "paused by" in view.wait_for("wait")["reason"]
    plmaint.run("pre-migrate", "resume", code=0)
    view.interrupt()
    assert view.wait().code == 0
    assert alive(background.pid)
    stays = plmaint.start("pre-migrate", "attach")
    stays.wait_for("progress")
    background.ends()
    assert stays.wait().code == 0


def test_status_can_be_watched(background, plmaint):
    watch = plmaint.start("pre-migrate", "status", "--watch")
    first = watch.wait_for("progress")
    watch.wait_for("progress", when=lambda e: e["done"] > first["done"])
    watch.interrupt()
    assert watch.wait().code == 0
    # Who looks and goes without a word is no reason to go on.
    for words in (("status", "--watch"), ("attach",)):
        piped = ("bash", "-c", 'set -o pipefail; "$@" | head -1', "-")
        assert plmaint.start("pre-migrate", *words, wrap=piped).wait(60).code == 0
    background.ends()


def test_attach_without_a_run(site, plmaint):
    assert "no run to look at" in plmaint.run("pre-migrate", "attach", code=1).err


def test_what_fails_at_once_is_told_at_once(site, plmaint):
    site.image()
    plmaint.configure({"pulp.media_root": "/nowhere"})
    told = plmaint.run("pre-migrate", "run", "--background")
    assert told.code not in (0, 75) and told.one("background")["exit"] == told.code
    assert "/nowhere" in told.err


def test_nothing_to_do_is_told_at_once(site, plmaint):
    told = plmaint.run("pre-migrate", "run", "--background", code=0)
    assert told.one("background")["exit"] == 0


def test_the_words_are_checked_before(site, plmaint):
    plmaint.run("pre-migrate", "run", "--background", "--max-rows", "x", code=2)
    assert not list(plmaint.state_dir.glob("background-*"))
