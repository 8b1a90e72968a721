# SPDX-License-Identifier: GPL-3.0-or-later
"""Two programs on one database: they share the run; what one leaves the other takes; what one that
slept too long still holds in its hands changes nothing.
"""

import contextlib
import signal

import pytest

from harness import cli, pulpdata
from harness.brake import Brake, stop_between_batches
from harness.process import wait_until

LEVEL = "0043"
ROWS = 11_000  # three ranges
IGNORE = ("core_artifact.timestamp_of_interest",)
OURS = (
    "SELECT count(*) FROM plmaint.range g JOIN plmaint.run r ON r.id = g.run AND r.state = 'open'"
    " WHERE g.token IS NOT NULL AND NOT g.finished AND g.pid IN ({})"
)


@pytest.fixture(scope="module")
def prepared(_session_cluster, tmp_path_factory):
    """Rows and files once; every test has a clone, and nobody changes a file."""
    media = tmp_path_factory.mktemp("two") / "media"
    media.mkdir()
    template = _session_cluster.database(LEVEL)
    with contextlib.closing(template.connect()) as conn:
        site = pulpdata.Site(conn, media, LEVEL)
        site.bulk_images(ROWS, layers=2, own_config=False)
        conn.commit()
    return template, media


@pytest.fixture
def db(cluster, prepared):
    made = prepared[0].clone()
    yield made
    made.drop()


@pytest.fixture
def worker(db, prepared, tmp_path):
    """Makes installations as two hosts would have them: a state directory each."""
    made = []

    def make(name, **settings):
        options = {"pre-migrate.writers": 1, "pre-migrate.readers": 1, "pre-migrate.batch_rows": 20}
        options.update({f"pre-migrate.{key}": value for key, value in settings.items()})
        made.append(cli.Plmaint(tmp_path / name, db.conninfo(), prepared[1], settings=options))
        return made[-1]

    yield make
    for tool in made:
        tool.close()


def backends(db, running):
    """Server processes of one program, by the run id in its sessions' names."""
    run = running.wait_for("run.start")["run"]
    return [
        row[0]
        for row in db.query(
            "SELECT pid FROM pg_stat_activity WHERE datname = current_database()"
            " AND application_name LIKE %s",
            (f"%{run[:8]}%",),
        )
    ]


def holds(db, running):
    """How many ranges a program holds now."""
    pids = backends(db, running)
    if not pids or not db.value("SELECT to_regclass('plmaint.range') IS NOT NULL"):
        return 0
    return db.value(OURS.format(",".join(map(str, pids))))


def done_by_now(db):
    return db.value("SELECT coalesce(sum(done), 0) FROM plmaint.range")


def finished(db):
    """Nothing pending, nothing open, and every stored manifest is what its digest says."""
    assert db.value("SELECT count(*) FROM container_manifest WHERE data IS NULL OR data = ''") == 0
    assert db.value("SELECT count(*) FROM plmaint.run WHERE state = 'open'") == 0
    wrong = (
        "SELECT count(*) FROM container_manifest"
        " WHERE digest <> 'sha256:' || encode(sha256(convert_to(data, 'UTF8')), 'hex')"
    )
    assert db.value(wrong) == 0
    links = "SELECT count(*) FROM core_contentartifact c JOIN container_manifest m ON m.content_ptr_id = c.content_id"
    assert db.value(links) == 0


@pytest.mark.slow
@pytest.mark.threads
def test_two_share_a_run(db, worker):
    brake = Brake(db)
    first = worker("a").start("pre-migrate", "run")
    wait_until(lambda: holds(db, first), 60, "the first works")
    second = worker("b").start("pre-migrate", "run")
    second.wait_for("join", label="pulp-manifests-fill")
    wait_until(lambda: holds(db, first) and holds(db, second), 60, "both hold a range")
    brake.let_go()
    one, two = first.wait(), second.wait()
    assert one.code == 0 and two.code == 0, f"{one}\n{two}"
    # Each row was changed by one of them, once.
    rows = [r.one("step.end", label="pulp-manifests-fill")["message"] for r in (one, two)]
    assert sum(int(text.split()[0]) for text in rows) == ROWS, rows
    assert db.value("SELECT count(*) FROM plmaint.run WHERE job = 'pulp-manifests-fill'") == 1
    finished(db)


@pytest.mark.slow
def test_what_a_killed_one_held_is_taken_at_once(db, worker):
    """Well before its lease of an hour would have ended."""
    brake = Brake(db)
    first = worker("a", lease="3600s").start("pre-migrate", "run")
    wait_until(lambda: holds(db, first), 60, "the first works")
    second = worker("b", lease="3600s").start("pre-migrate", "run")
    wait_until(lambda: holds(db, second), 60, "the second works")
    held = db.query(
        "SELECT g.run, g.id FROM plmaint.range g WHERE g.token IS NOT NULL AND NOT g.finished"
        " AND g.pid = ANY(%s)",
        (backends(db, first),),
    )
    assert held
    first.kill9()
    brake.let_go()
    again = "SELECT bool_and(finished OR pid = ANY(%s)) FROM plmaint.range WHERE run = %s AND id = %s"
    wait_until(
        lambda: db.value(again, (backends(db, second), *held[0])),
        60,
        "what the killed one held is in the other's hands",
    )
    result = second.wait()
    assert result.code == 0, result
    finished(db)


@pytest.mark.slow
@pytest.mark.parametrize("terminated", [False, True], ids=["asleep", "asleep and cut off"])
def test_one_that_slept_too_long_changes_nothing(db, worker, terminated):
    brake = Brake(db, seconds=0.002)
    first = worker("a", lease="1s", duty=0.05).start("pre-migrate", "run")
    wait_until(lambda: holds(db, first) and done_by_now(db) > 0, 60, "the first is at work")
    stop_between_batches(db, first)
    if terminated:
        pids = backends(db, first)
        db.query("SELECT pg_terminate_backend(pid) FROM unnest(%s) AS pid", (pids,))
    brake.let_go()
    second = worker("b", lease="1s").run("pre-migrate", "run")
    assert second.code == 0, second
    finished(db)
    with contextlib.closing(db.connect()) as conn:
        before = pulpdata.snapshot(conn)
    ledger = db.query("SELECT run, id, done, changed FROM plmaint.range ORDER BY 1, 2")
    first.signal(signal.SIGCONT)
    woken = first.wait()
    assert woken.code in (0, 1, 3, 75), woken
    with contextlib.closing(db.connect()) as conn:
        assert not pulpdata.diff(before, pulpdata.snapshot(conn), IGNORE)
    assert db.query("SELECT run, id, done, changed FROM plmaint.range ORDER BY 1, 2") == ledger
