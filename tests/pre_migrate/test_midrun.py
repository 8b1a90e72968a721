# SPDX-License-Identifier: GPL-3.0-or-later
"""What happens to the database while plmaint works on it: restarts, migrations, clones, full disks.
Nothing is lost, and the same command goes on.
"""

import contextlib
import os
import subprocess

import pytest

from harness import after
from harness.cli import Plmaint
from harness.need import need
from harness.process import wait_until
from harness.pulpdata import Site
from harness.slow import Slow

FILL = "pulp-manifests-fill"
pytestmark = pytest.mark.slow


@pytest.fixture
def slow(site, pg_db, plmaint):
    return Slow(site, pg_db, plmaint, seconds=0.05)


def test_migration_of_pulp_stops_the_run(site, slow):
    site.sql(
        "INSERT INTO django_migrations (app, name, applied) VALUES ('container', '0044_add_domain', now())"
    )
    ran = slow.running.wait()
    assert ran.code == 75, str(ran)
    end = ran.one("step.end", label=FILL)
    assert "migrate" in end["message"] and "again" in end["hint"]
    assert after.with_nothing(site) == set()
    assert not ran.of("step.end", label="pulp-manifests-detach"), "nothing is done after it"
    site.sql("DELETE FROM django_migrations WHERE name = '0044_add_domain'")
    slow.again()


def test_column_that_disappears_stops_the_run(site, slow):
    site.sql("ALTER TABLE container_manifest RENAME COLUMN os TO os_gone")
    ran = slow.running.wait()
    assert ran.code == 75, str(ran)
    assert "migrate" in ran.one("step.end", label=FILL)["message"]
    assert "os_gone" not in ran.err
    site.sql("ALTER TABLE container_manifest RENAME COLUMN os_gone TO os")
    slow.again()


def test_column_that_becomes_wider_does_no_harm(site, slow):
    """Migration 0045 of pulp_container changes a type below prepared statements."""
    site.sql("ALTER TABLE container_manifest ALTER COLUMN compressed_image_size TYPE bigint")
    ran = slow.fast()
    assert ran.code in (0, 75), ran
    slow.again()


def test_restarted_postgresql_is_found_again(cluster, site, pg_db, slow):
    site.conn.close()
    cluster.restart()
    site.conn = pg_db.connect(autocommit=False)
    slow.finish()
    assert after.pending(site) == 0 and after.with_nothing(site) == set()


def test_crashed_postgresql_is_found_again(cluster, site, pg_db, slow):
    site.conn.close()
    cluster.kill9()
    cluster.start()
    site.conn = pg_db.connect(autocommit=False)
    slow.finish()
    assert after.pending(site) == 0 and after.with_nothing(site) == set()


def test_killed_sessions_are_made_anew(site, slow):
    for _ in range(3):
        site.sql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'plmaint:%%:w%%'"
        )
        left = after.pending(site)
        wait_until(lambda: after.pending(site) < left - 20, 30, "it goes on")
    slow.finish()
    assert after.pending(site) == 0 and after.with_nothing(site) == set()


def waits_for_lock(db, name):
    """The process id of plmaint's session of that name, once it waits for a lock."""
    sql = (
        "SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND application_name LIKE %s"
    )
    return wait_until(lambda: db.query(sql, (f"plmaint:%:{name}",)), 60, f"{name} waits")[0][0]


@pytest.mark.parametrize("how", ["session", "server"])
@pytest.mark.parametrize(
    "name, table", [("look", "django_migrations"), ("control", "plmaint.program")], ids=["look", "control"]
)
def test_session_lost_while_a_step_is_set_up_is_made_anew(
    cluster, site, pg_db, plmaint, name, table, how
):
    """Before the batches begin; a lock that the session waits for holds it there."""
    site.bulk_images(60, repos=1, own_config=False)
    plmaint.run("pre-migrate", "run", "--max-rows", "20", code=75)
    site.conn.close()
    holder = pg_db.connect("postgres", autocommit=False)
    holder.cursor().execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
    running = plmaint.start("pre-migrate", "run")
    pid = waits_for_lock(pg_db, name)
    if how == "session":
        pg_db.query("SELECT pg_terminate_backend(%s, 60000)", (pid,))
    else:
        cluster.restart()
    holder.close()
    site.conn = pg_db.connect(autocommit=False)
    ran = running.wait()
    assert ran.code == 0, str(ran)
    assert any(e["hint"] == "The step begins again." for e in ran.of("notice"))
    assert after.pending(site) == 0 and after.with_nothing(site) == set()


def test_clone_does_not_take_part_in_the_originals_run(cluster, site, pg_db, plmaint, tmp_path):
    """A restored backup or a copy for tests carries the ledger of an open run."""
    site.bulk_images(60, repos=1)
    plmaint.run("pre-migrate", "run", "--max-rows", "20", code=75)
    assert any("(1," in r and ",open," in r for r in after.ledger(pg_db)["run"])
    site.conn.close()
    clone = cluster.clone(pg_db.name)
    site.conn = pg_db.connect(autocommit=False)
    tool = Plmaint(tmp_path / "other", clone.conninfo(), site.media_root)
    try:
        ran = tool.run("pre-migrate", "run", code=0)
        assert not ran.of("join")
        states = [r[0] for r in clone.query("SELECT state FROM plmaint.run WHERE job = %s ORDER BY id", (FILL,))]
        assert states == ["retired", "done"]
        assert clone.value("SELECT count(*) FROM container_manifest WHERE data IS NULL") == 0
        assert after.pending(site) == 40, "the original is as it was"
    finally:
        tool.close()
        clone.drop()
    ran = plmaint.run("pre-migrate", "run", code=0)
    assert ran.of("join") and after.pending(site) == 0


@pytest.fixture
def small_disk(cluster, tmp_path):
    """A tablespace on a file system of a few megabytes."""
    need(root=True, programs=("mount",))
    place = tmp_path / "small"
    place.mkdir()
    tried = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=12m", "tmpfs", place], capture_output=True, check=False
    )
    need(when=tried.returncode == 0, why="needs the right to mount a tmpfs")
    (place / "pg").mkdir()
    for path in (place, place / "pg"):
        cluster.owned(path)
    # The server's user has to reach it.
    for path in list(place.parents)[:4]:
        with contextlib.suppress(PermissionError):
            path.chmod(path.stat().st_mode | 0o011)
    cluster.admin(f"CREATE TABLESPACE small LOCATION '{place / 'pg'}'")
    yield place
    cluster.admin("DROP TABLESPACE small")
    subprocess.run(["umount", place], check=True)


def test_full_disk_stops_the_run_and_nothing_is_lost(small_disk, cluster, level, tmp_path):
    db = cluster.database(level)
    media = tmp_path / "media"
    media.mkdir()
    try:
        with contextlib.closing(db.connect()) as conn:
            site = Site(conn, media, level)
            site.bulk_images(1500, repos=1, own_config=False)
            cluster.admin("ALTER TABLE container_manifest SET TABLESPACE small", dbname=db.name)
            ballast = small_disk / "ballast"
            free = os.statvfs(small_disk)
            ballast.write_bytes(b"\0" * max(0, free.f_bavail * free.f_bsize - (1 << 20)))
            tool = Plmaint(tmp_path / "p", db.conninfo(), media)
            ran = tool.run("pre-migrate", "run", code=1)
            end = ran.one("step.end", label=FILL)
            assert "No space left" in end["message"] and end["hint"]
            assert after.pending(site) > 0 and after.with_nothing(site) == set()
            ledger = after.ledger(db)
            assert ledger["verdict"] == []
            ballast.unlink()
            tool.run("pre-migrate", "run", code=0)
            assert after.pending(site) == 0 and after.with_nothing(site) == set()
            tool.close()
    finally:
        db.drop()
