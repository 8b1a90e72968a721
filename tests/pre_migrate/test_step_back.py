# SPDX-License-Identifier: GPL-3.0-or-later
"""Writers and the server's processes that work for them get the processor when nobody else wants it."""

import contextlib
import os
import signal
import threading

import pytest

from harness import after
from harness.brake import Brake
from harness.process import wait_until

ROWS = 400
AS_INSTALLED = {"pre-migrate.nice": None}
WRITERS = "SELECT pid FROM pg_stat_activity WHERE application_name LIKE 'plmaint:%:w%' AND state <> 'idle'"
ASLEEP = WRITERS + " AND wait_event = 'PgSleep'"
SAMPLING = "SELECT pid FROM pg_stat_activity WHERE application_name LIKE 'plmaint:%' AND wait_event = 'PgSleep'"
OTHERS = (
    "SELECT pid FROM pg_stat_activity WHERE application_name LIKE 'plmaint:%' AND application_name NOT LIKE 'plmaint:%:w%'"
)

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root may put a server's process back again")


@pytest.fixture
def online(site, pg_db, plmaint):
    site.bulk_images(ROWS, repos=1, own_config=False)
    site.heartbeat("worker", age=-3600)
    site.conn.commit()
    plmaint.configure({"throttle.calm": "1s", "pre-migrate.batch_rows": "2", **AS_INSTALLED})
    site.brake = Brake(pg_db)
    return site


def pids(db, sql):
    return [row[0] for row in db.query(sql)]


def last(pid):
    """Whether it gets the processor after all others; None: it is gone."""
    with contextlib.suppress(ProcessLookupError):
        return os.sched_getscheduler(pid) == os.SCHED_IDLE
    return None


def threads(running):
    return [last(int(t)) for t in os.listdir(f"/proc/{running.pid}/task")]


def step_back(db):
    found = [last(pid) for pid in pids(db, WRITERS)]
    return found and all(found)


def test_writers_step_back_and_who_watches_does_not(online, pg_db, plmaint):
    running = plmaint.start("pre-migrate", "run")
    wait_until(lambda: step_back(pg_db), 60, "the sessions of the writers step back")
    assert not any(last(pid) for pid in pids(pg_db, OTHERS))
    own = threads(running)
    assert not last(running.pid) and True in own and False in own
    online.brake.let_go()
    assert running.wait().code == 0
    assert after.pending(online) == 0


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="one processor cannot be left to others")
def test_others_at_work_keep_processors_for_themselves(online, pg_db, plmaint):
    """Half of them: one that is never idle does not fetch users who wait at another."""
    all_of_them = os.sched_getaffinity(0)
    running = plmaint.start("pre-migrate", "run")

    def beside(pid):
        with contextlib.suppress(ProcessLookupError):
            return os.sched_getaffinity(pid)
        return all_of_them

    def aside(found):
        return found and all(len(on) == (len(all_of_them) + 1) // 2 for on in found)

    def sessions():
        return [beside(pid) for pid in pids(pg_db, WRITERS)]

    over = threading.Event()

    def work():
        while not over.is_set():
            pg_db.query("SELECT count(*) FROM generate_series(1, 300000)")

    users = [threading.Thread(target=work) for _ in range(4)]
    for user in users:
        user.start()
    try:
        wait_until(lambda: aside(sessions()), 60, "they leave half of the processors alone")
        own = [beside(int(t)) for t in os.listdir(f"/proc/{running.pid}/task")]
        assert any(aside([on]) for on in own) and all_of_them in own
    finally:
        over.set()
        for user in users:
            user.join()
    wait_until(lambda: sessions() and not aside(sessions()), 60, "nobody else is at work: all are theirs again")
    assert beside(running.pid) == all_of_them
    online.brake.let_go()
    assert running.wait().code == 0


def test_how_far_is_said(online, pg_db, plmaint):
    running = plmaint.start("pre-migrate", "run", "--set", "pre-migrate.nice=7")

    def nice():
        found = [os.getpriority(os.PRIO_PROCESS, pid) for pid in pids(pg_db, WRITERS)]
        return found and all(n >= 7 for n in found)

    wait_until(nice, 60, "they are nice")
    assert not any(last(pid) for pid in pids(pg_db, WRITERS))
    online.brake.let_go()
    assert running.wait().code == 0


def test_nobody_to_step_back_for(site, pg_db, plmaint):
    """While none of Pulp's services is online: what else runs there is not to hold a migration up."""
    site.bulk_images(ROWS, repos=1, own_config=False)
    brake = Brake(pg_db)
    plmaint.configure(AS_INSTALLED)
    running = plmaint.start("pre-migrate", "run", "--set", "pre-migrate.batch_rows=2")
    for _ in range(5):
        wait_until(lambda: pids(pg_db, WRITERS), 60, "writers are at work")
        assert not any(last(pid) for pid in pids(pg_db, WRITERS))
        assert not any(threads(running))
    brake.let_go()
    assert running.wait().code == 0


@pytest.mark.parametrize("anybody", [False, True])
def test_estimate_reads_as_a_run_would(site, pg_db, plmaint, anybody):
    site.bulk_images(ROWS, repos=1, own_config=False)
    if anybody:
        site.heartbeat("worker", age=-3600)
        site.conn.commit()
    Brake(pg_db, seconds=2)
    plmaint.configure(AS_INSTALLED)
    running = plmaint.start("pre-migrate", "estimate")
    wait_until(lambda: pids(pg_db, SAMPLING), 60, "it has read, and writes")
    assert (True in threads(running)) == anybody
    running.signal(signal.SIGTERM)
    running.wait()


def test_who_holds_somebody_up_steps_forward(online, pg_db, plmaint):
    """A batch that is to be cancelled needs the processor for that."""
    pg_db.query("UPDATE brake.rate SET seconds = 60", user="postgres")
    running = plmaint.start("pre-migrate", "run", "--keep-links")
    wait_until(lambda: pids(pg_db, ASLEEP) and step_back(pg_db), 60, "a batch is in its middle")
    stuck = pids(pg_db, ASLEEP)
    user = threading.Thread(target=pg_db.query, args=("SELECT FROM container_manifest FOR UPDATE",))
    user.start()
    wait_until(lambda: not all(last(pid) for pid in stuck), 30, "it steps forward")
    online.brake.let_go()
    user.join()
    assert running.wait().code == 0
