# SPDX-License-Identifier: GPL-3.0-or-later
"""Procedures that mend tables of Pulp: each on a database broken that way, killed on the way, and
run again.
"""

import contextlib

import pytest

from checks.broken import ALL, BROKEN, sound
from harness.process import wait_until
from procedures.fixing import came_to_its_end, killed_in_its_second_batch, look, mend, spoil

MENDED = {
    "pulp-apps-stale": "pulp-apps-remove",
    "pulp-progress-stuck": "pulp-progress-clean",
}


@pytest.fixture
def made(site):
    return sound(site)


@pytest.mark.parametrize(
    "level, label", [(level, label) for label in MENDED for level in ALL], indirect=["level"]
)
def test_mended_and_sound_again(plmaint, pg_db, site, made, label):
    spoil(label, site, made, pg_db)
    assert look(plmaint, label)["result"] == BROKEN[label].result
    done = mend(plmaint, label, "--delete")
    assert done.one("fix")["state"] == "mended"
    came_to_its_end(done, MENDED[label])
    assert done.one("step.end", label=MENDED[label])["rows"] in (1, 2)  # 3.85 to 3.89 sign on in two tables
    assert look(plmaint, label)["result"] == "ok"
    again = plmaint.run("procedure", "run", MENDED[label], "--delete", code=0)
    assert again.one("step.end")["result"] == "not-needed"


@pytest.mark.parametrize("level", ALL, indirect=True)
def test_living_services_and_their_tasks_stay(plmaint, pg_db, site, made):
    tables = [t for t in site.columns if t.endswith("appstatus") or t == "core_worker"]
    before = {t: site.sql(f"SELECT name FROM {t} ORDER BY 1") for t in tables}
    spoil("pulp-apps-stale", site, made, pg_db)
    site.heartbeat("content", age=200, name="80@hung")
    mend(plmaint, "pulp-apps-stale", "--delete", code=78)
    after = {t: [n for n in site.sql(f"SELECT name FROM {t} ORDER BY 1") if n != ("80@hung",)] for t in tables}
    assert after == before


@pytest.mark.parametrize("level", ["0050"], indirect=True)
def test_the_tasks_of_a_vanished_worker_lose_their_owner(plmaint, pg_db, site, made):
    spoil("pulp-tasks-abandoned", site, made, pg_db)
    assert site.sql("SELECT count(*) FROM core_task WHERE app_lock_id IS NOT NULL")[0][0] == 1
    mend(plmaint, "pulp-apps-stale", "--delete")
    assert site.sql("SELECT count(*) FROM core_task WHERE app_lock_id IS NOT NULL")[0][0] == 0
    assert look(plmaint, "pulp-tasks-abandoned")["found"] == 1


def many_reports(site, n):
    task = site.task(state="failed")
    site.sql(
        "INSERT INTO core_progressreport (pulp_id, pulp_created, message, state, done, code, task_id)"
        " SELECT gen_random_uuid(), now(), 'Downloading', 'running', 0, 'x', %s FROM generate_series(1, %s)",
        (task, n),
    )


def stuck(site):
    return site.sql("SELECT count(*) FROM core_progressreport WHERE state = 'running'")[0][0]


def test_killed_between_two_batches_the_rest_is_done_later(plmaint, pg_db, site, made):
    many_reports(site, 2500)
    words = ("procedure", "run", "pulp-progress-clean")
    killed_in_its_second_batch(plmaint, pg_db, site, "UPDATE", "core_progressreport", *words)
    assert stuck(site) == 2000
    done = plmaint.run(*words, code=0)
    assert stuck(site) == 0 and done.one("step.end")["rows"] == 2000


def test_two_at_once_share_the_work(plmaint, site, made):
    many_reports(site, 6000)
    both = [plmaint.start("procedure", "run", "pulp-progress-clean") for _ in range(2)]
    ends = [running.wait().one("step.end") for running in both]
    assert all(e["result"] in ("ok", "not-needed") for e in ends)
    assert sum(e.get("rows", 0) for e in ends) == 6000 and stuck(site) == 0


def test_locked_rows_are_passed_over(plmaint, pg_db, site, made):
    many_reports(site, 3)
    with contextlib.closing(pg_db.connect(autocommit=False)) as other, other.cursor() as cur:
        cur.execute("SELECT pulp_id FROM core_progressreport LIMIT 1 FOR UPDATE")
        done = mend(plmaint, "pulp-progress-stuck", code=78)
        assert done.one("fix")["state"] == "better" and done.one("fix")["after"] == 1
    mend(plmaint, "pulp-progress-stuck")


# -- invalid indexes


def invalid(site):
    return [r[0] for r in site.sql("SELECT indexrelid::regclass::text FROM pg_index WHERE NOT indisvalid ORDER BY 1")]


def test_an_index_is_built_once_its_key_is_unique(plmaint, pg_db, site, made):
    label = "pulp-indexes-invalid"
    spoil(label, site, made, pg_db)
    told = mend(plmaint, label, code=1)
    failed = told.of("step.end", label="pulp-indexes-rebuild")[0]
    assert failed["result"] == "failed" and "zebra" in failed["examples"][0]
    # Nothing is left of the attempt but what was there before.
    assert told.one("fix")["state"] == "unchanged" and invalid(site) == ["zebra"]
    site.sql("UPDATE core_signingservice SET script = name")
    assert mend(plmaint, label).one("fix")["state"] == "mended"
    assert invalid(site) == [] and look(plmaint, label)["result"] == "ok"
    with pytest.raises(Exception, match="zebra"):
        site.insert("core_signingservice", name="c", script="a")
    site.conn.rollback()


@pytest.mark.parametrize("end", ["terminate", "kill9"])
def test_an_index_killed_while_it_was_built(plmaint, pg_db, site, made, end):
    """REINDEX CONCURRENTLY waits for whoever has an older snapshot; there it is killed.  After
    kill -9 the server may go on for nobody: that is waited for.
    """
    label = "pulp-indexes-invalid"
    spoil(label, site, made, pg_db)
    site.sql("UPDATE core_signingservice SET script = name")
    with contextlib.closing(pg_db.connect(autocommit=False)) as old, old.cursor() as cur:
        cur.execute("LOCK TABLE core_signingservice IN ROW EXCLUSIVE MODE")
        running = plmaint.start("procedure", "run", "pulp-indexes-rebuild")
        wait_until(lambda: invalid(site) == ["zebra", "zebra_ccnew"], 30, lambda: f"{running.lines}")
        # Somebody else may be building it: then it is left alone.
        busy = plmaint.run("procedure", "run", "pulp-indexes-rebuild", code=78).one("step.end")
        assert "another session works on its table" in busy["examples"][0]
        getattr(running, end)()
        assert running.wait().code == (143 if end == "terminate" else 137)
        assert invalid(site) == ["zebra", "zebra_ccnew"]
    words = ("procedure", "run", "pulp-indexes-rebuild")
    wait_until(lambda: plmaint.run(*words, code=(0, 78)).code == 0, 60, "the index is not built")
    assert invalid(site) == [] and look(plmaint, label)["result"] == "ok"
