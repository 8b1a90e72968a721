# SPDX-License-Identifier: GPL-3.0-or-later
"""Dropping artifact links, the one thing that cannot be taken back: it waits until the data is
durable and proven and nobody holds the rows as they were.
"""

import collections
import contextlib
import datetime

import pytest

from harness import after, pg
from harness.pulpdata import Site
from harness.cli import Plmaint
from harness.process import wait_until

LABEL = "pulp-manifests-detach"


def linked(site):
    return site.sql(
        "SELECT count(*) FROM core_contentartifact c JOIN container_manifest m ON m.content_ptr_id = c.content_id"
    )[0][0]


def when(event):
    return datetime.datetime.fromisoformat(event["time"].replace("Z", "+00:00"))


def test_keep_links_fills_only_and_detach_ends_it(site, plmaint):
    made = [site.image("oci", site.repository()) for _ in range(5)]
    ran = plmaint.run("pre-migrate", "run", "--keep-links", code=0)
    assert after.pending(site) == 0 and linked(site) == 5
    assert ran.one("run.end")["filled"] == 5
    assert ran.one("step.end", label=LABEL)["result"] == "skipped"
    dry = plmaint.run("pre-migrate", "detach", "--dry-run", code=0)
    assert "5 manifests would be detached" in dry.one("step.end", label=LABEL)["message"]
    assert dry.one("run.end")["rolled_back"] and linked(site) == 5
    ran = plmaint.run("pre-migrate", "detach", code=0)
    assert linked(site) == 0
    assert "5 manifests detached" in ran.one("step.end", label=LABEL)["message"]
    ran = plmaint.run("pre-migrate", "detach", code=0)
    assert ran.one("step.end", label=LABEL)["result"] == "not-needed"
    for m in made:
        assert after.columns(site, m)["data"].encode() == m.raw


def test_link_stays_when_the_artifact_is_not_what_the_data_says(site, plmaint):
    repo = site.repository("team/app")
    good, bad = site.image("oci", repo), site.image("oci", repo)
    plmaint.run("pre-migrate", "run", "--keep-links", code=0)
    site.sql(
        "UPDATE container_manifest SET data = data || ' ' WHERE content_ptr_id = %s", (bad.pk,)
    )
    ran = plmaint.run("pre-migrate", "detach", code=78)
    assert after.links(site, good) == 0 and after.links(site, bad) == 1
    told = ran.one("partial")
    assert (told["digest"], told["reason"]) == (bad.digest, "link-differs")
    assert told["repositories"] == ["team/app"] and told["media_type"] == bad.media_type
    end = ran.one("step.end", label=LABEL)
    assert "1 manifest detached" in end["message"] and "1 link kept" in end["examples"][0]
    # Known from now on: not tried again, still told by the check, and shown on request.
    ran = plmaint.run("pre-migrate", "run", code=78)
    assert ran.one("step.end", label=LABEL)["result"] == "not-needed"
    shown = plmaint.run("pre-migrate", "quarantine", "show", bad.digest, code=0)
    assert shown.one("partial")["reason"] == "link-differs"
    # Mended: the next run sees it by itself.
    site.sql(
        "UPDATE container_manifest SET data = %s WHERE content_ptr_id = %s",
        (bad.raw.decode(), bad.pk),
    )
    plmaint.run("pre-migrate", "run", code=0)
    assert after.links(site, bad) == 0


def test_link_of_a_manifest_without_data_is_never_dropped(site, plmaint):
    """Also when the row loses its data between fill and detach."""
    made = site.image("oci", site.repository())
    plmaint.run("pre-migrate", "run", "--keep-links", code=0)
    site.sql("UPDATE container_manifest SET data = NULL WHERE content_ptr_id = %s", (made.pk,))
    ran = plmaint.run("pre-migrate", "detach", code=0)
    assert ran.one("step.end", label=LABEL)["result"] == "not-needed"
    assert after.links(site, made) == 1


def test_what_an_earlier_release_filled_is_detached_without_any_ledger(site, plmaint):
    made = site.fill(site.image("oci", site.repository()))
    signed = site.fill(site.image("schema1_signed", site.repository()))
    plmaint.run("pre-migrate", "detach", code=0)
    assert after.links(site, made) == 0 and after.links(site, signed) == 0


@pytest.mark.slow
def test_links_stay_for_the_grace_while_services_are_online(site, plmaint):
    plmaint.configure({"pre-migrate.grace": "2s"})
    site.image("oci", site.repository())
    site.heartbeat("content")
    ran = plmaint.run("pre-migrate", "run", code=0)
    filled = ran.one("step.end", label="pulp-manifests-fill")
    assert "grace" in ran.one("wait", label=LABEL)["reason"]
    detached = ran.one("step.end", label=LABEL)
    assert (when(detached) - when(filled)).total_seconds() >= 1.9
    assert linked(site) == 0


def test_no_grace_when_no_service_is_online(site, plmaint):
    plmaint.configure({"pre-migrate.grace": "60s"})
    site.image("oci", site.repository())
    site.heartbeat("content", age=3600)
    ran = plmaint.run("pre-migrate", "run", code=0, seconds=50)
    assert not ran.of("wait") and linked(site) == 0


def test_sigterm_during_the_grace_keeps_the_links(site, pg_db, plmaint):
    plmaint.configure({"pre-migrate.grace": "60s"})
    site.image("oci", site.repository())
    site.heartbeat("worker")
    running = plmaint.start("pre-migrate", "run")
    running.wait_for("wait", label=LABEL)
    waits = plmaint.start("pre-migrate", "wait")
    asks = "state = 'idle' AND query LIKE 'SELECT EXISTS (SELECT FROM plmaint.run WHERE state%'"
    seen = f"SELECT count(*) FROM pg_stat_activity WHERE {asks}"
    wait_until(lambda: pg_db.value(seen), 30, "it has seen that somebody is at work")
    told = plmaint.run("pre-migrate", "status", code=0).one("program")
    assert told["state"] == "between batches" and "grace" in told["reason"]
    assert "grace" in plmaint.start("pre-migrate", "attach").wait_for("wait")["reason"]
    running.terminate()
    ran = running.wait(50)  # well before the grace is over
    assert ran.code == 143 and linked(site) == 1
    assert waits.wait().code == 143, "no run is open, but one was stopped"
    plmaint.configure({"pre-migrate.grace": "0s"})
    plmaint.run("pre-migrate", "detach", code=0)
    assert linked(site) == 0


@pytest.mark.slow
def test_task_that_ran_during_the_fill_is_waited_for(site, plmaint):
    plmaint.configure({"pre-migrate.grace": "0s", "detach.task_wait": "1s"})
    site.image("oci", site.repository())
    site.heartbeat("worker")
    task = site.task()
    ran = plmaint.run("pre-migrate", "run", code=75)
    assert linked(site) == 1 and after.pending(site) == 0
    assert "task" in ran.one("wait", label=LABEL)["reason"]
    end = ran.one("step.end", label=LABEL)
    assert "still running" in end["message"] and "pre-migrate detach" in end["hint"]
    site.sql(
        "UPDATE core_task SET state = 'completed', finished_at = now() WHERE pulp_id = %s", (task,)
    )
    site.task(name="a task that began after the fill")
    plmaint.run("pre-migrate", "detach", code=0)
    assert linked(site) == 0


def test_task_of_a_worker_that_is_gone_is_not_waited_for(site, plmaint):
    plmaint.configure({"detach.task_wait": "60s"})
    site.image("oci", site.repository())
    site.task()
    plmaint.run("pre-migrate", "run", code=0, seconds=50)
    assert linked(site) == 0


def test_artifacts_of_one_page_are_updated_in_turns(site, plmaint):
    """Else none of their new versions finds room there, and each goes into all seventeen indexes."""
    site.bulk_images(400, repos=1, own_config=False)
    plmaint.configure({"pre-migrate.detach_rows": "40", "pre-migrate.writers": "1"})
    before = site.sql(
        "SELECT a.pulp_id, (a.ctid::text::point)[0]::int FROM core_artifact a JOIN core_contentartifact c"
        " ON c.artifact_id = a.pulp_id JOIN container_manifest m ON m.content_ptr_id = c.content_id"
    )
    plmaint.run("pre-migrate", "run")
    written = dict(site.sql("SELECT pulp_id, xmin::text FROM core_artifact"))
    together = collections.Counter((page, written[key]) for key, page in before)
    assert len(before) == 400 and len({page for page, _ in together}) < 40, "pages are full"
    assert max(together.values()) <= 2


@pytest.mark.parametrize("protect", ["on", "off"])
def test_protection_time_of_unlinked_artifacts_begins_now(site, plmaint, protect):
    plmaint.configure({"detach.protect": protect})
    made = site.image("oci", site.repository())
    plmaint.run("pre-migrate", "run", code=0)
    young = dict(
        site.sql(
            "SELECT pulp_id, timestamp_of_interest > now() - interval '1 hour' FROM core_artifact"
        )
    )
    assert young[made.artifact.pk] == (protect == "on")
    assert young[made.config.artifact.pk] is False


def test_dead_redis_keeps_links_and_debt_until_it_answers(site, pg_db, plmaint, redis_server):
    repo = site.repository("team/app")
    site.distribution("team/app", repo)
    site.image("oci", repo)
    plmaint.configure({"redis.url": redis_server.url()})
    redis_server.client().hset("team/app", "field", "value")
    redis_server.client().hset("team/other", "field", "value")
    redis_server.stop()
    ran = plmaint.run("pre-migrate", "run", code=75)
    assert linked(site) == 1 and after.pending(site) == 0
    end = ran.one("step.end", label=LABEL)
    assert end["result"] == "warning" and "links were kept" in end["message"]
    assert after.ledger(pg_db)["debt"] != []
    redis_server.start()
    redis_server.client().hset("team/app", "field", "value")
    plmaint.run("pre-migrate", "run", code=0)
    assert linked(site) == 0
    assert not redis_server.client().exists("team/app")
    assert after.ledger(pg_db)["debt"] == []


@pytest.fixture
def with_standby(tmp_path):
    with pg.Cluster() as primary:
        db = primary.database("0043")
        with contextlib.closing(primary.standby()) as standby:
            media = tmp_path / "media"
            media.mkdir()
            conn = db.connect()
            tool = Plmaint(
                tmp_path / "p", db.conninfo(), media, settings={"detach.standby_wait": "1s"}
            )
            site = Site(conn, media, "0043")
            yield primary, standby, site, tool
            tool.close()
            conn.close()


@pytest.mark.slow
def test_standby_that_lags_is_waited_for(with_standby):
    """What a failover to it would bring back is a row without data whose link is gone."""
    primary, standby, site, tool = with_standby
    site.image("oci", site.repository())
    # Its position cannot be seen yet: not known to have it.
    ran = tool.run("pre-migrate", "run", code=75)
    assert linked(site) == 1
    assert "pg_monitor" in ran.one("step.end", label=LABEL)["hint"]
    primary.admin("GRANT pg_monitor TO pulp")
    standby.sigstop()
    try:
        site.image("oci", site.repository())
        ran = tool.run("pre-migrate", "run", code=75)
        assert "standby" in ran.one("wait", label=LABEL)["reason"]
        assert linked(site) == 2 and after.pending(site) == 0
    finally:
        standby.sigcont()
    tool.configure({"detach.standby_wait": "30s"})
    tool.run("pre-migrate", "detach", code=0)
    assert linked(site) == 0


def test_first_rows_of_pages_are_foretold_before_any_is_done(site, pg_db, plmaint):
    """Nobody has counted them before the step; one that writes to a page nothing has written to costs
    2.9 rows more.
    """
    site.bulk_images(1000, repos=1)
    plmaint.run("pre-migrate", "run", "--keep-links", code=0)
    plmaint.run("pre-migrate", "reset", "--assumeyes", code=0)  # how slow this host is
    pg_db.query("VACUUM ANALYZE core_artifact")
    pages = pg_db.value("SELECT relpages FROM pg_class WHERE oid = 'core_artifact'::regclass")
    plmaint.configure({"pre-migrate.writers": "1"})
    rows = plmaint.run("procedure", "run", LABEL, code=0).of("progress")[0]["eta"]["p50"] * 0.93 / 60e-6
    assert 50 < pages < 500 and rows == pytest.approx(1000 + 2.9 * pages, rel=0.1)
