# SPDX-License-Identifier: GPL-3.0-or-later
"""Windows, deadlines and longest durations of a run. The clock is the host's; what it shows is
chosen by a time zone made for the test, so that a window's edge lies seconds away.
"""

import contextlib
import datetime
import os
import struct
import subprocess
import time

import pytest

from harness import after
from harness.brake import Brake
from harness.need import need
from harness.process import wait_until

FILL = "pulp-manifests-fill"
SMALL = {"pre-migrate.batch_rows": "5"}
# Seconds in which a machine has to get to its work; the first that are enough for it will do.
SOON = (3, 8, 24)
NIGHT = "22:00-05:00"


def zone_in_which_it_is(clock):
    """A zone for TZ in which the wall clock shows HH:MM:SS now."""
    now = datetime.datetime.now(datetime.timezone.utc)
    hours, minutes, seconds = map(int, clock.split(":"))
    wanted = now.replace(hour=hours, minute=minutes, second=seconds)
    west = int((now - wanted).total_seconds())  # POSIX counts zones westward
    west = (west + 43200) % 86400 - 43200
    text = f"{abs(west) // 3600:02}:{abs(west) // 60 % 60:02}:{abs(west) % 60:02}"
    return {"TZ": f"<TST>{'-' if west < 0 else '+'}{text}"}


def just_before(clock, seconds):
    """The same, so many seconds before HH:MM."""
    at = datetime.datetime.strptime(clock, "%H:%M") - datetime.timedelta(seconds=seconds)
    return zone_in_which_it_is(at.strftime("%H:%M:%S"))


class Clock:
    """A wall clock of a program's own, which is put forward and back while it runs."""

    SOURCE = """
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
static const long *by; /* seconds */
__attribute__((constructor)) static void begin(void)
{
	int fd = open(getenv("CLOCK_IS_OFF_BY"), O_RDONLY);
	by = mmap(NULL, sizeof(*by), PROT_READ, MAP_SHARED, fd, 0);
	close(fd);
}
int clock_gettime(clockid_t id, struct timespec *t)
{
	long failed = syscall(SYS_clock_gettime, id, t);
	if (id == CLOCK_REALTIME && by)
		t->tv_sec += *by;
	return (int)failed;
}
"""

    def __init__(self, directory):
        need(programs=("cc",))
        source, library, self.file = (directory / name for name in ("clock.c", "clock.so", "clock"))
        source.write_text(self.SOURCE)
        subprocess.run(["cc", "-shared", "-fPIC", "-o", library, source], check=True)
        self.put(0)
        # A sanitizer's runtime wants to be first; being second does no harm here.
        asan = os.environ.get("ASAN_OPTIONS", "")
        self.env = {
            "LD_PRELOAD": str(library),
            "CLOCK_IS_OFF_BY": str(self.file),
            "ASAN_OPTIONS": ":".join(filter(None, (asan, "verify_asan_link_order=0"))),
        }

    def put(self, hours):
        """So many hours before the real one."""
        with open(self.file, "r+b" if self.file.exists() else "wb") as file:
            file.write(struct.pack("l", 3600 * hours))


def waiting(site, plmaint, seconds):
    """A run of 40 rows that waits for its window, which opens within so many seconds."""
    for lead in (seconds, 3 * seconds, 9 * seconds):
        site.bulk_images(40, repos=1, own_config=False)
        running = plmaint.start("pre-migrate", "run", env=just_before("22:00", lead))
        with contextlib.suppress(AssertionError):  # it had opened before the run was there
            running.wait_for("wait", label=FILL)
            return running
    pytest.fail("it has never waited")


def sessions(pg_db):
    rows = pg_db.query(
        "SELECT application_name FROM pg_stat_activity WHERE datname = current_database()"
        " AND application_name LIKE 'plmaint:%%'"
    )
    return sorted(name.split(":")[2] for (name,) in rows)


def test_closed_window_is_waited_for_and_says_when_it_opens(site, pg_db, plmaint):
    site.bulk_images(40, repos=1, own_config=False)
    running = plmaint.start(
        "pre-migrate", "run", "--window", NIGHT, env=zone_in_which_it_is("12:00:00")
    )
    wait = running.wait_for("wait", label=FILL)
    assert wait["reason"] == "the window is closed and opens at 22:00"
    assert 9.9 * 3600 < wait["seconds"] < 10.1 * 3600
    assert [s for s in sessions(pg_db) if s.startswith("w")] == []
    seen = plmaint.start("pre-migrate", "attach").wait_for("wait")
    assert seen["reason"] == wait["reason"], "who looks is told, although nothing has begun"
    running.terminate()
    ran = running.wait()
    assert ran.code == 143, ran
    assert after.pending(site) == 40


@pytest.mark.slow
def test_window_that_opens_is_used(site, plmaint):
    plmaint.configure({"pre-migrate.window": NIGHT})
    ran = waiting(site, plmaint, 2).wait()
    assert ran.code == 0, ran
    assert after.pending(site) == 0


@pytest.mark.slow
def test_window_that_closes_ends_the_writers_and_keeps_the_process(site, pg_db, plmaint):
    site.bulk_images(800, repos=1, own_config=False)
    plmaint.configure(SMALL)
    brake = Brake(pg_db, seconds=0.1)
    for lead in SOON:
        running = plmaint.start(
            "pre-migrate", "run", "--window", NIGHT, env=just_before("05:00", lead)
        )
        wait = running.wait_for("wait", label=FILL)
        left = after.pending(site)
        if left < 800:
            break
        running.interrupt()
        running.wait()
    assert wait["reason"] == "the window is closed and opens at 22:00"
    assert 0 < left < 800
    # The one for reading and the control session; nobody writes, nobody is in a transaction.
    assert [s for s in sessions(pg_db) if s.startswith("w")] == []
    assert "control" in sessions(pg_db)
    assert not pg_db.query(
        "SELECT FROM pg_stat_activity WHERE application_name LIKE 'plmaint:%%' AND xact_start IS NOT NULL"
    )
    running.interrupt()
    ran = running.wait()
    assert ran.code == 130, ran
    assert after.pending(site) == left
    brake.let_go()
    plmaint.run("pre-migrate", "run", code=0)
    assert after.pending(site) == 0


@pytest.mark.slow
def test_a_clock_that_jumps(site, pg_db, plmaint, tmp_path):
    """An hour forward and back in mid-run: windows and the deadline go by what it shows, all that takes
    its time does not, and it is said.
    """
    site.bulk_images(400, repos=1, own_config=False)
    plmaint.configure({**SMALL, "pre-migrate.duty": "0.5"})  # with rests, which last as long as they did
    brake = Brake(pg_db, seconds=0.1)
    clock = Clock(tmp_path)
    zone = clock.env | zone_in_which_it_is("03:30:00")
    running = plmaint.start("pre-migrate", "run", "--window", NIGHT, env=zone)

    def works():
        left = after.pending(site)
        wait_until(lambda: after.pending(site) < left, 60, "it works")

    def put(hours, how):
        seen = len(running.events)
        clock.put(hours)
        told = f"the clock of this host was put {how}"
        return running.wait_for("notice", lambda e: e in running.events[seen:] and told in e["message"])

    works()
    put(1, "forward by 60 min")
    works()  # 04:30
    put(2, "forward by 60 min")
    assert "opens at 22:00" in running.wait_for("wait", label=FILL)["reason"]
    left = after.pending(site)
    put(1, "back by 60 min")
    wait_until(lambda: after.pending(site) < left, 60, "the window is open again")
    put(0, "back by 60 min")
    works()
    running.terminate()
    stopped = running.wait()
    soon = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(hours=1.5)
    ends = ("--deadline", soon.strftime("%Y-%m-%dT%H:%M:%SZ"), "--max-duration", "45min")
    running = plmaint.start("pre-migrate", "run", *ends, env=clock.env)
    works()
    put(1, "forward by 60 min")
    works()
    put(2, "forward by 60 min")
    ran = running.wait(60)
    assert (stopped.code, ran.code) == (143, 75), ran
    assert "the deadline has come" in ran.one("step.end", label=FILL)["hint"]
    assert all(0 <= e["held"] < 900 for e in stopped.of("progress", label=FILL))
    assert all(0 <= e["seconds"] < 900 for e in stopped.of("step.end") + ran.of("step.end"))
    assert 0 < after.pending(site) < 400 and after.with_nothing(site) == set()
    brake.let_go()
    plmaint.run("pre-migrate", "run", code=0)
    assert after.pending(site) == 0 and after.with_nothing(site) == set()


@pytest.mark.slow
def test_the_end_lies_beyond_the_closed_window_and_a_deadline_is_told_early(site, pg_db, plmaint):
    site.bulk_images(800, repos=1, own_config=False)
    plmaint.configure({"pre-migrate.batch_rows": "1"})
    Brake(pg_db, seconds=1.5)  # 800 rows of two writers take ten minutes
    zone = zone_in_which_it_is("04:58:30")
    running = plmaint.start(
        "pre-migrate", "run", "--window", NIGHT, "--deadline", "22:01", env=zone
    )
    far = running.wait_for("progress", lambda e: e.get("eta") and e["done"] > 4, label=FILL)
    assert far["eta"]["p50"] > 16 * 3600, "the window closes, and opens in the evening"
    assert far["end"].startswith("22:")
    late = running.wait_for("notice", lambda e: "deadline" in e["message"])
    assert "(22:01) will not be met" in late["message"]
    running.terminate()
    assert running.wait().code == 143


def test_ends_that_are_reached_save_the_state(site, pg_db, plmaint):
    site.bulk_images(800, repos=1, own_config=False)
    plmaint.configure(SMALL)
    brake = Brake(pg_db, seconds=0.1)

    def deadline(seconds):
        soon = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=seconds)
        return "--deadline", soon.strftime("%Y-%m-%dT%H:%M:%SZ")

    def max_duration(seconds):
        return "--max-duration", f"{seconds}s"

    for option, why in (
        (deadline, "the deadline has come"),
        (max_duration, "it has run as long as it may"),
    ):
        before = after.pending(site)
        for seconds in SOON:
            ran = plmaint.run("pre-migrate", "run", *option(seconds), code=75)
            if after.pending(site) < before:
                break
        assert why in ran.one("step.end", label=FILL)["hint"]
        assert 0 < after.pending(site) < before
    brake.let_go()
    plmaint.run("pre-migrate", "run", code=0)
    assert after.pending(site) == 0


def test_window_that_opens_too_late_is_not_waited_for(site, plmaint):
    site.bulk_images(40, repos=1, own_config=False)
    noon = zone_in_which_it_is("12:00:00")
    for late in (("--deadline", "21:00"), ("--max-duration", "2h")):
        ran = plmaint.run("pre-migrate", "run", "--window", NIGHT, *late, env=noon, code=75)
        assert "only after the end" in ran.one("step.end", label=FILL)["message"]
        assert after.pending(site) == 40


@pytest.mark.parametrize(
    ("given", "words", "hint"),
    [
        (("--window", "22:00-22:00"), "same minute", "22:00-05:00"),
        (("--window", "25:00-05:00"), "HH:MM-HH:MM", "22:00-05:00"),
        (("--window", "Mun 22:00-05:00"), "days", "Mon-Fri"),
        (("--deadline", "2001-01-01T00:00:00Z"), "has passed", "still to come"),
        (("--deadline", "soon"), "not a time", "06:00"),
        (("--max-duration", "long"), "not a duration", "2h"),
    ],
)
def test_impossible_times_are_refused_before_anything(plmaint, given, words, hint):
    ran = plmaint.run("pre-migrate", "run", *given, code=2)
    assert words in ran.one("error")["message"] and hint in ran.one("error")["hint"]
    assert given[0] in ran.one("error")["message"]


def test_impossible_window_of_the_configuration(site, plmaint):
    site.bulk_images(1, repos=1, own_config=False)
    plmaint.configure({"pre-migrate.window": "nights"})
    ran = plmaint.run("pre-migrate", "run", code=2)
    assert "pre-migrate.window" in ran.one("step.end", label=FILL)["message"]


def test_unknown_time_zone(site, plmaint):
    site.bulk_images(1, repos=1, own_config=False)
    ran = plmaint.run(
        "pre-migrate", "run", "--window", NIGHT, env={"TZ": "Europe/Atlantis"}, code=2
    )
    end = ran.one("step.end", label=FILL)
    assert "Europe/Atlantis" in end["message"] and "tzdata" in end["hint"]
    assert after.pending(site) == 1


@pytest.mark.slow
def test_waiting_survives_a_server_that_restarts(site, cluster, plmaint):
    plmaint.configure({"pre-migrate.window": NIGHT})
    running = waiting(site, plmaint, 4)
    cluster.restart()
    ran = running.wait()
    assert ran.code == 0, ran


@pytest.mark.slow
def test_a_step_has_a_time_limit_that_waiting_does_not_use_up(site, pg_db, plmaint):
    site.bulk_images(400, repos=1, own_config=False)
    plmaint.configure({**SMALL, "pre-migrate.window": NIGHT, "pre-migrate.grace": "0s"})
    brake = Brake(pg_db, seconds=0.1)
    for limit in (2, 5, 8):
        plmaint.configure({"general.step_timeout": f"{limit}s"})
        ran = plmaint.run("pre-migrate", "run", env=just_before("22:00", 2 * limit), code=1)
        end = ran.one("step.end", label=FILL)
        assert end["result"] == "failed" and f"did not end within {limit}.0 s" in end["message"]
        if ran.of("wait", label=FILL) and after.pending(site) < 400:
            break
    assert 0 < after.pending(site) < 400, "it worked when the window had opened, and its state is saved"
    brake.let_go()
    plmaint.run("pre-migrate", "run", env=just_before("22:00", -60), code=0)  # the window is open
    assert after.pending(site) == 0


def test_a_brake_does_not_use_up_the_time_limit(site, plmaint, tmp_path):
    site.bulk_images(60, repos=1, own_config=False)
    plmaint.configure({"general.step_timeout": "3s", "throttle.calm": "1s"})
    go = tmp_path / "go"
    began = time.monotonic()
    running = plmaint.start("pre-migrate", "run", "--throttle-cmd", f"/usr/bin/test -e {go}")
    running.wait_for(
        "progress", lambda e: e["duty"] == 0 and time.monotonic() > began + 4.5, seconds=60, label=FILL
    )
    go.touch()
    ran = running.wait()
    assert ran.code == 0, ran
    assert after.pending(site) == 0


def test_a_time_limit_that_is_none(site, plmaint):
    plmaint.configure({"general.step_timeout": "long"})
    ran = plmaint.run("pre-migrate", "run", code=2)
    assert "general.step_timeout" in ran.err and "not a duration" in ran.err
