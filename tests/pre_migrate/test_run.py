# SPDX-License-Identifier: GPL-3.0-or-later
"""A run as its operator sees it: dry, in part, together with another, stopped and gone on with."""

import re
import signal
import subprocess

import pytest

from harness import after, manifests, pg
from harness.brake import Brake, stop_between_batches
from harness.cli import Plmaint, binary
from harness.process import wait_until
from harness.pulpdata import diff, snapshot

FILL = "pulp-manifests-fill"
# Where the key of a manifest stands.
FIRST = (
    ("core_content", "pulp_id"),
    ("container_manifest", "content_ptr_id"),
    ("container_blobmanifest", "manifest_id"),
    ("core_contentartifact", "content_id"),
    ("core_repositorycontent", "content_id"),
)
SMALL = {"pre-migrate.batch_rows": "10"}


def counts(ran):
    end = ran.one("step.end", label=FILL)
    return end["rows"], end["partial"], end["quarantined"]


@pytest.fixture
def other(plmaint, pg_db, media_root, tmp_path):
    """The same site from another host."""
    tool = Plmaint(tmp_path / "other-host", pg_db.conninfo(), media_root)
    yield tool
    tool.close()


def test_dry_run_says_what_would_be_and_changes_nothing(site, pg_db, plmaint):
    repo = site.repository()
    site.every_kind(repo=repo)
    site.manifest(manifests.KINDS["oci"](site.rng), repo, on_disk=False)
    site.manifest(manifests.KINDS["oci"](site.rng), repo, config_link="empty")
    site.lose(site.image("oci", repo))
    before = snapshot(site.conn)
    site.conn.commit()
    dry = plmaint.run("pre-migrate", "run", "--dry-run", code=78)
    assert diff(before, snapshot(site.conn)) == [] and after.ledger(pg_db) is None
    assert not list(plmaint.state_dir.glob("verdicts-*"))
    site.conn.commit()
    wet = plmaint.run("pre-migrate", "run", code=78)
    assert counts(dry) == counts(wet)
    assert dry.one("run.end")["rolled_back"] and "rolled_back" not in wet.one("run.end")
    past = plmaint.run("history", code=0).of("history")
    assert [run.get("rolled_back") for run in past] == [True, None]
    assert {e["digest"] for e in dry.of("quarantine")} == {e["digest"] for e in wet.of("quarantine")}
    ledger = after.ledger(pg_db)
    site.image("oci", repo)
    dry = plmaint.run("pre-migrate", "run", "--dry-run")
    assert counts(dry) == (1, 0, 0), "what is in quarantine is known"
    assert after.ledger(pg_db) == ledger


def test_a_dry_run_does_not_read_all_links_for_each_window(site, pg_db, plmaint):
    """It leaves out what recovery would bring back, which the server could look for among all at once."""
    site.bulk_images(1500, repos=1)
    site.lose(site.image("oci", site.repository()))
    site.conn.commit()
    pg_db.query("ANALYZE", user="postgres")
    plmaint.configure({"pre-migrate.batch_rows": "20"})
    scans = "SELECT seq_scan FROM pg_stat_user_tables WHERE relname = 'core_contentartifact'"
    before = pg_db.value(scans)
    assert counts(plmaint.run("pre-migrate", "run", "--dry-run", code=0)) == (1500, 0, 0)
    ours = "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'plmaint:%%'"
    wait_until(lambda: not pg_db.value(ours), 10, "its sessions have told what they did")
    assert pg_db.value(scans) - before < 15, "counts and plans of four phases"


@pytest.mark.parametrize("limit", [1, 50, 119])
def test_max_rows_is_exact_and_says_there_is_more(site, plmaint, limit):
    site.bulk_images(120, repos=1, own_config=False)
    plmaint.configure({"pre-migrate.batch_rows": "7"})
    ran = plmaint.run("pre-migrate", "run", "--max-rows", limit, code=75)
    assert after.pending(site) == 120 - limit
    assert counts(ran)[0] == limit
    assert "goes on from here" in ran.one("step.end", label=FILL)["hint"]
    plmaint.run("pre-migrate", "run", code=0)
    assert after.pending(site) == 0


def test_plan_gives_each_writer_the_same(site, plmaint):
    site.bulk_images(100, repos=1, own_config=False)
    plmaint.configure({"pre-migrate.batch_rows": "10", "pre-migrate.writers": "3"})
    plmaint.run("pre-migrate", "run", "--keep-links")
    cut = site.sql("SELECT total, done, lo, hi FROM plmaint.range ORDER BY lo")
    assert [r[0] for r in cut] == [34, 34, 32] and all(r[0] == r[1] for r in cut)
    assert all(a[3] < b[2] for a, b in zip(cut, cut[1:])), "ranges do not meet"


def test_only_what_a_repository_holds(site, plmaint):
    mine, theirs = site.repository("mine"), site.repository("theirs")
    ours, old = site.image("oci", mine), site.image("oci", mine)
    site.new_version(mine, remove=[old])
    foreign = site.image("oci", theirs)
    plmaint.run("pre-migrate", "run", "--repository", "mine")
    filled = [bool(after.columns(site, m)["data"]) for m in (ours, old, foreign)]
    assert filled == [True, False, False]
    assert after.links(site, ours) == 0
    plmaint.run("pre-migrate", "run", code=0)
    assert after.pending(site) == 0


def test_first_key_of_all_is_migrated(site, plmaint):
    """Nothing is smaller than the key of zeros only, so no range can begin behind a smaller one."""
    made = [site.image("oci", site.repository()) for _ in range(3)]
    zero, first = "00000000-0000-0000-0000-000000000000", made[0].pk
    moved = [f"UPDATE {table} SET {column} = '{zero}' WHERE {column} = '{first}'" for table, column in FIRST]
    site.sql(";".join(moved))
    made[0].pk = zero
    plmaint.configure({"pre-migrate.batch_rows": "1", "pre-migrate.detach_rows": "1"})
    plmaint.run("pre-migrate", "run", code=0)
    for m in made:
        assert after.columns(site, m)["data"].encode() == m.raw and after.links(site, m) == 0


@pytest.mark.slow
def test_second_program_joins_the_open_run_and_both_end(site, pg_db, plmaint, other):
    site.bulk_images(800, repos=1, own_config=False)
    for tool in (plmaint, other):
        tool.configure(SMALL)
    brake = Brake(pg_db)
    first = plmaint.start("pre-migrate", "run")
    wait_until(lambda: after.pending(site) < 800, 60, "the first works")
    second = other.start("pre-migrate", "run")
    joined = second.wait_for("join", label=FILL)
    assert joined["open_run"] >= 1
    brake.let_go()
    for running in (first, second):
        ran = running.wait()
        assert ran.code == 0, str(ran)
    assert after.pending(site) == 0 and after.with_nothing(site) == set()
    runs = pg_db.query("SELECT state FROM plmaint.run WHERE job = %s", (FILL,))
    assert runs == [("done",)]


@pytest.mark.slow
def test_worker_that_slept_while_its_work_was_given_away_changes_nothing(
    site, pg_db, plmaint, other
):
    site.bulk_images(400, repos=1, own_config=False)
    settings = {"pre-migrate.lease": "1s", "pre-migrate.writers": "1", "pre-migrate.duty": "0.05"}
    plmaint.configure({**SMALL, **settings})
    other.configure({"pre-migrate.lease": "1s"})
    Brake(pg_db, seconds=0.005)
    slow = plmaint.start("pre-migrate", "run")
    wait_until(lambda: after.pending(site) < 400, 60, "it works")
    stop_between_batches(pg_db, slow)
    try:
        other.run("pre-migrate", "run", code=0)
        state = site.sql("SELECT content_ptr_id, xmin::text FROM container_manifest ORDER BY 1")
        assert after.pending(site) == 0
    finally:
        slow.signal(signal.SIGCONT)
    ran = slow.wait()
    assert ran.code == 0, str(ran)
    now = site.sql("SELECT content_ptr_id, xmin::text FROM container_manifest ORDER BY 1")
    assert now == state, "a row was written again"
    assert after.with_nothing(site) == set()


@pytest.mark.slow
@pytest.mark.parametrize(
    "number, code",
    [(signal.SIGTERM, 143), (signal.SIGHUP, 143), (signal.SIGINT, 130)],
    ids=lambda x: x.name if isinstance(x, signal.Signals) else "",
)
def test_signal_ends_it_after_the_batch_and_the_next_run_goes_on(
    site, pg_db, plmaint, number, code
):
    site.bulk_images(400, repos=1, own_config=False)
    plmaint.configure(SMALL)
    brake = Brake(pg_db)
    running = plmaint.start("pre-migrate", "run")
    wait_until(lambda: after.pending(site) < 400, 60, "it works")
    running.signal(number)
    ran = running.wait()
    assert ran.code == code, str(ran)
    left = after.pending(site)
    assert 0 < left and "goes on from here" in ran.one("step.end", label=FILL)["hint"]
    done = pg_db.value("SELECT sum(changed) FROM plmaint.range")
    assert done == 400 - left, "what the ledger says is what the table has"
    assert pg_db.value("SELECT count(*) FROM plmaint.range WHERE token IS NOT NULL") == 0
    brake.let_go()
    ran = plmaint.run("pre-migrate", "run", code=0)
    assert ran.of("join") and counts(ran)[0] == left


@pytest.mark.slow
def test_killed_run_is_gone_on_with_at_once(site, pg_db, plmaint):
    """Its lease dies with its sessions; nobody waits the hour until it would run out."""
    site.bulk_images(400, repos=1, own_config=False)
    plmaint.configure({**SMALL, "pre-migrate.lease": "3600s"})
    brake = Brake(pg_db)
    running = plmaint.start("pre-migrate", "run")
    wait_until(lambda: after.pending(site) < 400, 60, "it works")
    running.kill9()
    assert after.pending(site) > 0
    brake.let_go()
    ran = plmaint.run("pre-migrate", "run", code=0)
    assert ran.of("join") and after.pending(site) == 0


@pytest.mark.slow
def test_wait_ends_with_the_run_and_status_tells_of_it(site, pg_db, plmaint):
    site.bulk_images(400, repos=1, own_config=False)
    plmaint.configure(SMALL)
    brake = Brake(pg_db)
    running = plmaint.start("pre-migrate", "run", "--keep-links")
    wait_until(lambda: after.pending(site) < 400, 60, "it works")
    status = plmaint.run("pre-migrate", "status", code=0)
    assert status.one("ledger.run", state="open")["workers"] >= 1
    waiting = plmaint.start("pre-migrate", "wait")
    asks = "state = 'idle' AND query LIKE 'SELECT EXISTS (SELECT FROM plmaint.run WHERE state%'"
    wait_until(
        lambda: pg_db.value(f"SELECT count(*) FROM pg_stat_activity WHERE {asks}"),
        60,
        "it has seen that the run is open",
    )
    brake.let_go()
    assert waiting.wait().code == 0
    assert after.pending(site) == 0 and running.wait().code == 0
    status = plmaint.run("pre-migrate", "status", code=0)
    assert status.one("ledger.run", label=FILL)["state"] == "done"
    assert status.one("pending")["filled"] == 400


@pytest.mark.slow
def test_wait_does_not_wait_for_a_run_that_nobody_works_on(site, plmaint):
    site.bulk_images(50, repos=1, own_config=False)
    plmaint.run("pre-migrate", "run", "--max-rows", "10", code=75)
    ran = plmaint.run("pre-migrate", "wait", code=75)
    assert "nobody works" in ran.err


def test_reset_forgets_and_touches_nothing_of_pulps(site, pg_db, plmaint):
    repo = site.repository()
    site.image("oci", repo)
    site.manifest(manifests.KINDS["oci"](site.rng), repo, on_disk=False)
    plmaint.run("pre-migrate", "run", code=78)
    before = snapshot(site.conn)
    site.conn.commit()
    plmaint.run("pre-migrate", "reset", code=2)
    plmaint.run("pre-migrate", "reset", "--assumeyes", code=0)
    assert after.ledger(pg_db) is None
    assert diff(before, snapshot(site.conn)) == []


def test_sites_own_pg_dump_works_while_the_ledger_is_there(site, pg_db, plmaint, tmp_path):
    site.bulk_images(40, repos=1, own_config=False)
    plmaint.run("pre-migrate", "run", "--max-rows", "10", code=75)
    dump = tmp_path / "dump"
    argv = [pg.bindir() / "pg_dump", "-h", pg_db.cluster.sockets, "-p", str(pg.PORT)]
    argv += ["-U", "pulp", "-Fc", "-f", dump, pg_db.name]
    done = subprocess.run(argv, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    listing = subprocess.run(
        [pg.bindir() / "pg_restore", "-l", dump], capture_output=True, check=True
    ).stdout.decode()
    assert "TABLE DATA plmaint verdict pulp" in listing and "container_manifest" in listing


def test_ledger_belongs_to_pulp_when_a_superuser_made_it(site, pg_db, plmaint):
    site.image("oci", site.repository())
    plmaint.configure({"database.pulp.conninfo": pg_db.conninfo("postgres")})
    plmaint.run("pre-migrate", "run", code=0)
    owners = pg_db.query(
        "SELECT DISTINCT pg_get_userbyid(relowner) FROM pg_class WHERE relnamespace = 'plmaint'::regnamespace"
    )
    assert owners == [("pulp",)]
    plmaint.configure({"database.pulp.conninfo": pg_db.conninfo()})
    site.image("oci", site.repository())
    plmaint.run("pre-migrate", "run", code=0)


@pytest.mark.slow
def test_row_that_somebody_holds_is_left_for_later(site, pg_db, plmaint):
    """A task of Pulp has the row locked: the others go on, and it is taken when it is free."""
    held, free = site.image("oci", site.repository()), site.image("oci", site.repository())
    holder = pg_db.connect(autocommit=False)
    with holder.cursor() as cur:
        cur.execute(
            "SELECT 1 FROM container_manifest WHERE content_ptr_id = %s FOR UPDATE", (held.pk,)
        )
    try:
        ran = plmaint.run("pre-migrate", "run", seconds=60)
        assert ran.code == 75, str(ran)
        assert "1 left" in str(ran.one("step.end", label=FILL)["examples"])
        assert after.columns(site, free)["data"] and not after.columns(site, held)["data"]
    finally:
        holder.rollback()
        holder.close()
    plmaint.run("pre-migrate", "run", code=0)
    assert after.columns(site, held)["data"].encode() == held.raw


def test_row_that_pulp_changed_meanwhile_is_not_overwritten(site, pg_db, plmaint):
    """A sync stores the same manifest between our reading and our writing."""
    made = site.image("oci", site.repository())
    locker = pg_db.connect(autocommit=False)
    with locker.cursor() as cur:
        cur.execute(
            "UPDATE container_manifest SET labels = '{\"by\": \"sync\"}' WHERE content_ptr_id = %s",
            (made.pk,),
        )
    running = plmaint.start("pre-migrate", "run")
    wait_until(
        lambda: pg_db.value(
            "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND application_name LIKE 'plmaint%%'"
        ),
        30,
        "it waits for the row",
    )
    locker.commit()
    locker.close()
    ran = running.wait()
    assert ran.code == 0, str(ran)
    row = after.columns(site, made)
    assert row["labels"] == {"by": "sync"} and row["data"].encode() == made.raw


@pytest.mark.slow
def test_link_that_somebody_holds_is_left_for_later(site, pg_db, plmaint):
    held, free = site.image("oci", site.repository()), site.image("oci", site.repository())
    plmaint.run("pre-migrate", "run", "--keep-links", code=0)
    holder = pg_db.connect(autocommit=False)
    with holder.cursor() as cur:
        cur.execute("SELECT 1 FROM core_artifact WHERE pulp_id = %s FOR UPDATE", (held.artifact.pk,))
    try:
        ran = plmaint.run("pre-migrate", "detach", seconds=60)
        assert ran.code == 75, str(ran)
        assert (after.links(site, free), after.links(site, held)) == (0, 1)
    finally:
        holder.rollback()
        holder.close()
    plmaint.run("pre-migrate", "detach", code=0)
    assert after.links(site, held) == 0


def test_each_file_is_opened_once(site, plmaint, tmp_path):
    """A manifest's and its configuration's; upstream reads the configuration twice."""
    made = [site.image(kind, site.repository()) for kind in ("oci", "docker", "bootable") * 3]
    trace = tmp_path / "trace"
    plmaint.run("pre-migrate", "run", code=0, wrap=(*after.STRACE, trace))
    names = after.opened_artifacts(trace)
    assert sorted(names) == sorted({a for m in made for a in (m.artifact.name, m.config.artifact.name)})


def test_no_shell_is_started(site, plmaint, redis_server, tmp_path):
    """What the site configured is executed as it is, and nothing else."""
    site.image("oci", site.repository())
    plmaint.configure({"redis.url": redis_server.url(), "hooks.before_run": "/bin/true $(id) ; id"})
    trace = tmp_path / "trace"
    plmaint.run(
        *("pre-migrate", "run"),
        code=0,
        wrap=("strace", "-f", "-qq", "-e", "trace=execve,execveat", "-e", "signal=none", "-o", trace),
    )
    begun = re.findall(r'execve(?:at)?\("([^"]*)".* = 0$', trace.read_text(), re.MULTILINE)
    assert begun == [str(binary()), "/bin/true"]


def test_sessions_are_kept_from_phase_to_phase(site, pg_db, plmaint):
    """One to look, one in control, one for the throttle, one for each writer; vacuum has two of its own."""
    asked = "SELECT sessions FROM pg_stat_database WHERE datname = current_database()"
    site.every_kind()
    site.conn.commit()
    before = pg_db.value(asked)
    plmaint.run("pre-migrate", "run", code=(0, 78))
    assert pg_db.value(asked) - before <= 8, "and the first question of this test"
