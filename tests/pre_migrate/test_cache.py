# SPDX-License-Identifier: GPL-3.0-or-later
"""Pulp's content cache names files and keeps empty answers: what was changed is deleted there, what
was not stays, and a debt outlives whatever happens to plmaint.
"""

import os

import pytest

from harness import after, manifests
from harness.brake import DETACH, Brake
from harness.need import need
from harness.process import wait_until

FLATPAK = "/index/static"
SETTINGS = """\
DATABASES = {{"default": {{"ENGINE": "django.db.backends.postgresql", "HOST": "{host}", "NAME": "{name}", "USER": "pulp"}}}}
MEDIA_ROOT = "{media}"
CACHE_ENABLED = {cache}
REDIS_URL = "{redis}"
DOMAIN_ENABLED = {domains}
"""


@pytest.fixture
def redis(redis_server):
    return redis_server.client()


@pytest.fixture
def pulp_settings(plmaint, pg_db, media_root, redis_server, tmp_path):
    """Lets plmaint find everything in Pulp's own settings."""

    def write(domains=False, cache=True):
        path = tmp_path / "settings.py"
        path.write_text(
            SETTINGS.format(
                host=pg_db.cluster.sockets,
                name=pg_db.name,
                media=media_root,
                redis=redis_server.url(),
                domains=domains,
                cache=cache,
            )
        )
        plmaint.configure(
            {"pulp.settings": path, "pulp.media_root": None, "database.pulp.conninfo": None}
        )

    return write


def put(redis, *keys):
    for key in keys:
        redis.hset(key, "/v2/x/manifests/latest:GET:", "{}")


def left(redis):
    return {key.decode() for key in redis.keys("*")}


def app(site, name, fill=True, **more):
    """A repository with a distribution and an image that is still to be migrated, or not."""
    repo = site.repository(name, **more)
    site.distribution(name, repo)
    made = site.image("oci", repo)
    if not fill:
        site.fill(made, detach=True)
    return made


def test_only_keys_of_affected_distributions_go(site, plmaint, redis_server, redis):
    app(site, "team/app")
    app(site, "team/done", fill=False)
    put(redis, "team/app", "team/done", "PULP_CACHE", "pulp:resource_lock:x", FLATPAK)
    plmaint.configure({"redis.url": redis_server.url()})
    plmaint.run("pre-migrate", "run", code=0)
    assert left(redis) == {"team/done", "PULP_CACHE", "pulp:resource_lock:x"}


@pytest.mark.parametrize("level", ["0050"], indirect=True)
@pytest.mark.parametrize("domains", [True, False])
def test_keys_have_their_domain_where_domains_are_on(site, plmaint, redis, pulp_settings, domains):
    app(site, "team/app")
    app(site, "team/done", fill=False)
    pulp_settings(domains=domains)
    put(redis, "default:team/app", "team/app", "default:team/done")
    plmaint.run("pre-migrate", "run", code=0)
    gone = "default:team/app" if domains else "team/app"
    assert left(redis) == {"default:team/app", "team/app", "default:team/done"} - {gone}


@pytest.mark.parametrize("level", ["0050"], indirect=True)
def test_both_spellings_go_when_nobody_knows_whether_domains_are_on(
    site, plmaint, redis_server, redis
):
    app(site, "team/app")
    plmaint.configure({"redis.url": redis_server.url()})
    put(redis, "default:team/app", "team/app", "other:team/app")
    plmaint.run("pre-migrate", "run", code=0)
    assert left(redis) == {"other:team/app"}


def test_pull_through_distribution_goes_with_the_one_it_created(site, plmaint, redis_server, redis):
    parent = site.pull_through("mirror")
    site.pull_through("unused")
    repo = site.repository("mirror/app", push=False)
    site.distribution("mirror/app", repo, pull_through=parent)
    site.image("oci", repo)
    plmaint.configure({"redis.url": redis_server.url()})
    put(redis, "mirror", "mirror/app", "unused")
    plmaint.run("pre-migrate", "run", code=0)
    assert left(redis) == {"unused"}


def test_pending_manifest_of_a_push_is_served_already(site, plmaint, redis_server, redis):
    repo = site.repository("team/pushing")
    site.distribution("team/pushing", repo)
    site.pending(site.manifest(manifests.KINDS["oci"](site.rng)), repo)
    plmaint.configure({"redis.url": redis_server.url()})
    put(redis, "team/pushing")
    plmaint.run("pre-migrate", "run", code=0)
    assert left(redis) == set()


def test_older_version_that_is_served_counts(site, plmaint, redis_server, redis):
    """The image has left the newest version, but a distribution serves the one before."""
    repo = site.repository("team/app")
    made = site.image("oci", repo)
    site.distribution("team/old", repo, version=repo.version)
    site.new_version(repo, remove=[made])
    plmaint.configure({"redis.url": redis_server.url()})
    put(redis, "team/old")
    plmaint.run("pre-migrate", "run", code=0)
    assert left(redis) == set()


def test_recovered_image_has_an_empty_answer_in_the_cache(site, plmaint, redis_server, redis):
    repo = site.repository("team/app")
    site.distribution("team/app", repo)
    site.lose(site.image("oci", repo))
    plmaint.configure({"redis.url": redis_server.url()})
    put(redis, "team/app", "team/other")
    plmaint.run("pre-migrate", "recover", code=0)
    assert left(redis) == {"team/other"}


@pytest.mark.slow
def test_debt_outlives_a_kill_between_fill_and_flush(site, pg_db, plmaint, redis_server, redis):
    app(site, "team/app")
    app(site, "team/done", fill=False)
    plmaint.configure({"redis.url": redis_server.url(), "pre-migrate.grace": "60s"})
    put(redis, "team/app", "team/done")
    redis_server.sigstop()  # whoever flushes hangs: the fill is committed, nothing is deleted
    try:
        running = plmaint.start("pre-migrate", "run", "--keep-links")
        wait_until(lambda: after.pending(site) == 0, 20, "all is filled")
        running.kill9()
    finally:
        redis_server.sigcont()
    assert left(redis) == {"team/app", "team/done"}
    ran = plmaint.run("pre-migrate", "run", "--keep-links", code=0)
    assert left(redis) == {"team/done"}
    assert ran.one("step.end", label="pulp-cache-debt")["result"] == "ok"
    assert after.ledger(pg_db)["debt"] == []


def test_debt_that_grows_during_the_flush_is_not_forgotten(
    site, pg_db, plmaint, redis_server, redis
):
    app(site, "team/app")
    plmaint.configure({"redis.url": redis_server.url()})
    plmaint.run("pre-migrate", "run")
    repository = site.sql("SELECT pulp_id FROM core_repository WHERE name = 'team/app'")[0][0]
    owe = "INSERT INTO plmaint.debt (repository_id) VALUES (%s) ON CONFLICT (repository_id) DO UPDATE SET since = clock_timestamp()"
    site.sql(owe, (repository,))
    put(redis, "team/app")
    redis_server.sigstop()
    try:
        running = plmaint.start("procedure", "run", "pulp-cache-debt")
        wait_until(
            lambda: pg_db.value(
                "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'plmaint%'"
                " AND state = 'idle' AND query LIKE '%FROM core_distribution d%'"
            ),
            30,
            "the keys are known, and Redis is asked",
        )
        site.sql(owe, (repository,))
    finally:
        redis_server.sigcont()
    assert running.wait().code == 0
    assert not redis.exists("team/app")
    assert site.sql("SELECT count(*) FROM plmaint.debt")[0][0] == 1, "somebody else's debt"
    plmaint.run("procedure", "run", "pulp-cache-debt")
    assert site.sql("SELECT count(*) FROM plmaint.debt")[0][0] == 0


def test_range_that_is_worked_on_keeps_its_debt(site, pg_db, plmaint, redis_server):
    app(site, "team/app")
    plmaint.configure({"redis.url": redis_server.url()})
    plmaint.run("pre-migrate", "run")
    site.sql("UPDATE plmaint.run SET state = 'open'")
    site.sql("UPDATE plmaint.range SET debt = 1, finished = (run = 2)")
    plmaint.run("procedure", "run", "pulp-cache-debt")
    assert site.sql("SELECT bool_and(debt = (NOT finished)::int) FROM plmaint.range")[0][0]
    site.sql("UPDATE plmaint.run SET state = 'done'")
    plmaint.run("procedure", "run", "pulp-cache-debt")
    assert site.sql("SELECT max(debt) FROM plmaint.range")[0][0] == 0


def test_without_a_cache_nothing_is_asked_of_redis(site, pg_db, plmaint, redis, pulp_settings):
    app(site, "team/app")
    pulp_settings(cache=False)
    put(redis, "team/app")
    before = redis.info("stats")["total_connections_received"]
    plmaint.run("pre-migrate", "run", code=0)
    assert left(redis) == {"team/app"}
    assert redis.info("stats")["total_connections_received"] == before
    assert after.ledger(pg_db)["debt"] == []


@pytest.mark.slow
def test_restarted_redis_is_found_again(site, plmaint, redis_server, redis):
    """It goes down and comes back between fill and detach, which a task of Pulp holds up."""
    app(site, "team/app")
    site.heartbeat("worker")
    task = site.task()
    plmaint.configure({"redis.url": redis_server.url(), "pre-migrate.grace": "0s"})
    running = plmaint.start("pre-migrate", "run")
    running.wait_for("wait")
    redis_server.restart()
    put(redis_server.client(), "team/app")
    site.sql("UPDATE core_task SET state = 'completed', finished_at = now() WHERE pulp_id = %s", (task,))
    assert running.wait().code == 0
    assert left(redis_server.client()) == set()


def test_unknown_cache_is_told(site, plmaint):
    """Neither Pulp's settings nor redis.url: nobody knows whether there is a cache."""
    need(when=not os.path.exists("/etc/pulp/settings.py"), why="a Pulp is configured here")
    app(site, "team/app")
    ran = plmaint.run("pre-migrate", "run", code=0)
    told = ran.one("notice", level="warning")
    assert "cache" in told["message"] and "redis.url" in told["hint"]


def test_what_is_cached_between_the_flush_and_the_drop_is_deleted_too(
    site, pg_db, plmaint, redis_server, redis
):
    """The content app may answer, and keep the answer, until the last link is gone."""
    repo = site.repository("team/app")
    site.distribution("team/app", repo)
    for _ in range(30):
        site.image("oci", repo)
    plmaint.configure({"redis.url": redis_server.url(), "pre-migrate.detach_rows": "5"})
    plmaint.run("pre-migrate", "run", "--keep-links", code=0)
    brake = Brake(pg_db, on=(DETACH,))
    running = plmaint.start("procedure", "run", "pulp-manifests-detach")
    links = site.sql("SELECT count(*) FROM core_contentartifact")
    wait_until(
        lambda: site.sql("SELECT count(*) FROM core_contentartifact") < links,
        60,
        "links are dropped",
    )
    put(redis, "team/app")
    brake.let_go()
    assert running.wait().code == 0
    assert left(redis) == set()
