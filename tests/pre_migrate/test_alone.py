# SPDX-License-Identifier: GPL-3.0-or-later
"""Without the right to make a schema: one worker, and what it learns is kept in the state directory."""

import pytest

from harness import after, manifests
from harness.brake import Brake
from harness.process import wait_until
from harness.pulpdata import diff, snapshot


@pytest.fixture
def alone(pg_db, plmaint):
    """Pulp's role may not create anything but temporary tables."""
    pg_db.cluster.admin(f'REVOKE CREATE ON DATABASE "{pg_db.name}" FROM pulp')
    return plmaint


@pytest.fixture
def missing(site):
    return site.manifest(manifests.KINDS["oci"](site.rng), site.repository("team/app"), on_disk=False)


def remembered(tool):
    return list(tool.state_dir.glob("verdicts-*.json"))


def test_everything_is_done_and_the_missing_right_is_named(site, pg_db, alone):
    made = site.every_kind()
    ran = alone.run("pre-migrate", "run", code=0)
    told = [e for e in ran.of("notice") if "ledger" in e["message"]]
    assert told and "permission denied for database" in told[0]["message"]
    assert "GRANT CREATE ON DATABASE" in told[0]["hint"]
    assert after.pending(site) == 0 and after.ledger(pg_db) is None
    assert all(after.links(site, m) == 0 for m in made)
    state = snapshot(site.conn)
    site.conn.commit()
    ran = alone.run("pre-migrate", "run", code=0)
    assert diff(state, snapshot(site.conn)) == []


def test_quarantine_is_remembered(site, alone, missing, tmp_path):
    site.image("oci", missing.repo)
    alone.run("pre-migrate", "run", code=78)
    assert len(remembered(alone)) == 1
    trace = tmp_path / "trace"
    ran = alone.run("pre-migrate", "run", code=78, wrap=(*after.STRACE, trace))
    assert after.opened_artifacts(trace) == [] and not ran.of("quarantine")
    told = alone.run("pre-migrate", "quarantine", "list", code=0).one("quarantine")
    assert (told["digest"], told["reason"]) == (missing.digest, "file-missing")
    status = alone.run("pre-migrate", "status", json=False, code=0).out
    assert "file-missing" in status
    # Mended, it is seen without a word from the operator.
    missing.artifact.path.parent.mkdir(parents=True, exist_ok=True)
    missing.artifact.path.write_bytes(missing.raw)
    alone.run("pre-migrate", "run", code=0)
    assert after.columns(site, missing)["data"].encode() == missing.raw


def test_operators_decisions_are_remembered(site, alone, missing):
    alone.run("pre-migrate", "run", code=78)
    alone.run("pre-migrate", "quarantine", "accept", missing.digest, "--why", "unused", code=0)
    alone.run("pre-migrate", "run", code=0)
    listed = alone.run("pre-migrate", "quarantine", "list", code=0)
    assert listed.one("quarantine")["accepted"] == "unused"
    alone.run("pre-migrate", "quarantine", "retry", missing.digest, code=0)
    ran = alone.run("pre-migrate", "run", code=78)
    assert ran.one("quarantine")["digest"] == missing.digest


@pytest.mark.slow
def test_what_was_set_aside_before_a_kill_is_remembered(site, pg_db, alone):
    repo = site.repository()
    for _ in range(5):
        site.manifest(manifests.KINDS["oci"](site.rng), repo, on_disk=False)
    site.bulk_images(600, repos=1, own_config=False)
    alone.configure({"pre-migrate.batch_rows": "10"})
    brake = Brake(pg_db)
    running = alone.start("pre-migrate", "run")
    wait_until(lambda: remembered(alone), 60, "what was set aside is kept")
    running.kill9()
    assert after.pending(site) > 5
    assert alone.run("lock", "status", code=0).one("lock")["state"] == "stale"
    brake.let_go()
    ran = alone.run("pre-migrate", "run", code=78)
    assert f"process {running.pid} (pre-migrate run)" in ran.err, "whose lock it took over"
    assert after.pending(site) == 5 and after.with_nothing(site) == set()


@pytest.mark.slow
def test_lost_session_ends_the_run_and_the_next_goes_on(site, pg_db, alone):
    """Its ledger is gone with it; what was filled stays."""
    site.bulk_images(600, repos=1, own_config=False)
    alone.configure({"pre-migrate.batch_rows": "10"})
    brake = Brake(pg_db)
    running = alone.start("pre-migrate", "run")
    wait_until(lambda: after.pending(site) < 600, 60, "it works")
    pg_db.query(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'plmaint:%:control'",
        user="postgres",
    )
    ran = running.wait()
    assert ran.code == 75, str(ran)
    end = ran.of("step.end")[-1]
    # The server's last word, where it was still read, or that there was none.
    assert "administrator" in end["message"] or "is lost" in end["message"]
    assert "goes on from here" in end["hint"]
    assert after.pending(site) > 0 and after.with_nothing(site) == set()
    brake.let_go()
    alone.run("pre-migrate", "run", code=0)
    assert after.pending(site) == 0


def test_damaged_memory_is_explained(site, alone, missing):
    alone.run("pre-migrate", "run", code=78)
    path = remembered(alone)[0]
    path.write_text("[{")
    ran = alone.run("pre-migrate", "run")
    assert ran.code == 1
    failed = ran.of("step.end", result="failed")[0]
    assert path.name in failed["message"] and "Remove it" in failed["hint"]
    path.unlink()
    alone.run("pre-migrate", "run", code=78)
    assert after.pending(site) == 1 and missing.artifact


@pytest.mark.slow
def test_two_cannot_run(site, pg_db, alone, tmp_path):
    site.bulk_images(600, repos=1, own_config=False)
    alone.configure({"pre-migrate.batch_rows": "10"})
    brake = Brake(pg_db)
    running = alone.start("pre-migrate", "run")
    wait_until(lambda: after.pending(site) < 600, 60, "it works")
    held = alone.run("lock", "status", code=0).one("lock")
    assert (held["state"], held["command"]) == ("held", "pre-migrate run")
    assert held["pid"] == running.pid
    second = alone.run("pre-migrate", "run", code=75)
    end = second.of("step.end")[-1]
    assert str(running.pid) in end["message"] and "lock status" in end["hint"]
    # From another host the lock of this one is not seen.
    alone.configure({"general.state_dir": tmp_path / "other"})
    second = alone.run("pre-migrate", "run", code=75)
    end = second.of("step.end")[-1]
    assert "another plmaint" in end["message"] and "GRANT CREATE" in end["hint"]
    alone.configure({"general.state_dir": alone.state_dir})
    brake.let_go()
    assert running.wait().code == 0 and after.pending(site) == 0
    assert alone.run("lock", "status", code=0).one("lock")["state"] == "free"


@pytest.mark.slow
def test_debt_of_a_killed_run_is_paid_by_the_next(site, pg_db, alone, redis_server):
    redis = redis_server.client()
    alone.configure({"redis.url": redis_server.url()})
    site.bulk_images(600, repos=2, own_config=False)
    paths = [p for (p,) in site.sql("SELECT base_path FROM core_distribution")]
    for path in paths:
        redis.hset(path, "field", "{}")
    alone.configure({"pre-migrate.batch_rows": "10"})
    brake = Brake(pg_db)
    running = alone.start("pre-migrate", "run", "--keep-links")
    wait_until(lambda: after.pending(site) < 600, 60, "it works")
    running.kill9()
    assert (alone.state_dir / "cache-debt").exists() and redis.exists(*paths) == 2
    brake.let_go()
    alone.run("pre-migrate", "run", "--keep-links", code=0)
    assert redis.exists(*paths) == 0 and not (alone.state_dir / "cache-debt").exists()


def test_shared_ledger_takes_over_when_the_right_is_given(site, pg_db, alone, missing):
    alone.run("pre-migrate", "run", code=78)
    pg_db.cluster.admin(f'GRANT CREATE ON DATABASE "{pg_db.name}" TO pulp')
    site.image("oci", missing.repo)
    alone.run("pre-migrate", "run", code=78)
    assert len(after.ledger(pg_db)["verdict"]) == 1
