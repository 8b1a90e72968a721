# SPDX-License-Identifier: GPL-3.0-or-later
"""Tasks that hang are ended, and only those; old ones are deleted with all that is theirs."""

import contextlib
import threading

import pytest

from checks.broken import ALL, of_task, owner_gone, sound, task
from harness.process import wait_until
from procedures.fixing import came_to_its_end, killed_in_its_second_batch, look, mend

CANCEL = ("procedure", "run", "pulp-tasks-cancel")
PURGE = ("procedure", "run", "pulp-tasks-purge")
KEY = (
    "(('x' || translate(substr(%(id)s, 1, 18), '-', ''))::bit(64)"
    " # ('x' || translate(substr(%(id)s, 20), '-', ''))::bit(64))::int8 & 9223372036854775807"
)


@pytest.fixture
def made(site):
    return sound(site)


def no_workers(site):
    for table in ("core_worker", "core_appstatus"):
        if table in site.columns:
            also = " WHERE app_type = 'worker'" if table == "core_appstatus" else ""
            site.sql(f"DELETE FROM {table}{also}")


def state(site, pk):
    return site.sql("SELECT state FROM core_task WHERE pulp_id = %s", (pk,))[0][0]


def report(site, pk):
    site.insert("core_progressreport", task_id=pk, state="running", message="Downloading")
    site.conn.commit()


@pytest.mark.parametrize("level", ALL, indirect=True)
def test_an_abandoned_task_is_ended(plmaint, pg_db, site, made):
    no_workers(site)
    owner_gone(site, made, pg_db)
    pk = site.sql("SELECT pulp_id FROM core_task")[0][0]
    report(site, pk)
    # Another check has no procedure of its own, and is looked at again, too.
    done = mend(plmaint, "pulp-tasks-abandoned,pulp-tasks-incomplete")
    assert [(e["state"], e["after"]) for e in done.of("fix")] == [("mended", 0)] * 2
    assert done.one("step.end", label=CANCEL[2])["rows"] == 1
    came_to_its_end(done, CANCEL[2])
    ended, why, finished = site.sql("SELECT state, error->>'reason', finished_at FROM core_task")[0]
    assert ended == "canceled" and "no worker had it" in why and finished
    assert site.sql("SELECT state FROM core_progressreport") == [("canceled",)]
    assert plmaint.run(*CANCEL, code=0).one("step.end")["result"] == "not-needed"


@pytest.mark.parametrize("level", ["0043", "0050"], indirect=True)
def test_a_task_stuck_in_canceling_is_ended(plmaint, pg_db, site, made):
    no_workers(site)
    of_task(age="1 h", state="canceling")(site, made, pg_db)
    site.conn.commit()
    assert mend(plmaint, "pulp-tasks-canceling").one("fix")["state"] == "mended"


@pytest.mark.parametrize("level", ["0043", "0045+0138"], indirect=True)
@pytest.mark.parametrize("word", ["running", "canceling"])
def test_a_task_that_a_worker_has_is_not_touched(plmaint, pg_db, site, made, word):
    pk = task(site, state=word, age="1 h")
    site.conn.commit()
    with contextlib.closing(pg_db.connect()) as worker, worker.cursor() as cur:
        cur.execute(f"SELECT pg_advisory_lock({KEY})", {"id": pk})
        done = plmaint.run(*CANCEL, code=0).one("step.end")
        assert done["result"] == "not-needed" and state(site, pk) == word
        if word == "canceling":
            assert done["hint"] == "Restart the worker that has them."


def test_workers_that_are_online_end_it_themselves(plmaint, pg_db, site, made):
    """They hear the word that the API gives them, and clean up as they do."""
    pk = task(site, state="running")
    site.conn.commit()
    heard = []

    def worker():
        with contextlib.closing(pg_db.connect()) as conn, conn.cursor() as cur:
            cur.execute("LISTEN pulp_worker_cancel")
            ready.set()

            def told():
                conn.poll()
                return conn.notifies

            wait_until(told, 30, "no word about the task")
            heard.append(conn.notifies[0].payload)
            cur.execute("UPDATE core_task SET state = 'failed', finished_at = now() WHERE state = 'canceling'")

    ready = threading.Event()
    thread = threading.Thread(target=worker)
    thread.start()
    ready.wait(10)
    plmaint.run(*CANCEL, code=0)
    thread.join(30)
    assert heard == [pk] and state(site, pk) == "failed"


def test_workers_that_do_nothing_are_not_waited_for_long(plmaint, site, made):
    pk = task(site, state="running")
    site.conn.commit()
    plmaint.run(*CANCEL, "--param", "wait=200ms", code=0)
    assert state(site, pk) == "canceled"


def test_what_is_incomplete_is_left_to_a_worker(plmaint, site, made):
    """Only Pulp deletes a repository version; until then the task says that it is being canceled."""
    no_workers(site)
    pk = task(site, state="running")
    version = site.insert("core_repositoryversion", repository_id=made.repo.pk, number=9, complete=False)
    kind = site.sql("SELECT id FROM django_content_type LIMIT 1")
    kind = kind or site.sql(
        "INSERT INTO django_content_type (app_label, model) VALUES ('core', 'repositoryversion') RETURNING id"
    )
    site.insert("core_createdresource", task_id=pk, object_id=version["pulp_id"], content_type_id=kind[0][0])
    site.conn.commit()
    done = plmaint.run(*CANCEL, code=78).one("step.end")
    assert "only a worker deletes" in done["message"] and state(site, pk) == "canceling"
    assert site.sql("SELECT count(*) FROM core_repositoryversion WHERE NOT complete")[0][0] == 1
    assert mend(plmaint, "pulp-tasks-abandoned", code=1).one("fix")["state"] == "unchanged"


def blocked(site, **values):
    pk = task(site, age="2 h", state="waiting", reserved_resources_record=["zebra"], **values)
    site.conn.commit()
    return pk


def test_a_blocked_task_is_canceled_when_nobody_has_what_it_wants(plmaint, site, made):
    pk = blocked(site)
    came_to_its_end(plmaint.run(*CANCEL, "--param", "wait=200ms", code=0), CANCEL[2])
    assert state(site, pk) == "canceled" and look(plmaint, "pulp-tasks-blocked")["result"] == "ok"


def test_a_queue_that_waits_for_workers_is_left(plmaint, site, made):
    no_workers(site)
    pk = blocked(site)
    done = plmaint.run(*CANCEL, code=0).one("step.end")
    assert done["result"] == "not-needed" and "start one" in done["hint"] and state(site, pk) == "waiting"


@pytest.mark.parametrize("resource", ["zebra", "shared:zebra"])
def test_a_task_that_waits_for_one_at_work_is_left(plmaint, pg_db, site, made, resource):
    holder = task(site, state="running", reserved_resources_record=[resource])
    pk = blocked(site)
    with contextlib.closing(pg_db.connect()) as worker, worker.cursor() as cur:
        cur.execute(f"SELECT pg_advisory_lock({KEY})", {"id": holder})
        assert plmaint.run(*CANCEL, code=0).one("step.end")["result"] == "not-needed"
    assert state(site, pk) == "waiting"


def test_killed_while_it_waits_for_workers_the_rest_is_done_later(plmaint, site, made):
    pk = task(site, state="running")
    site.conn.commit()
    running = plmaint.start(*CANCEL, "--param", "wait=1h")
    wait_until(lambda: state(site, pk) == "canceling", 30, lambda: f"not asked for: {running.lines}")
    running.kill9()
    assert look(plmaint, "pulp-tasks-abandoned")["found"] == 1
    plmaint.run(*CANCEL, "--param", "wait=200ms", code=0)
    assert state(site, pk) == "canceled"


@pytest.mark.parametrize("level", ["0050"], indirect=True)
def test_a_task_that_a_worker_takes_at_this_moment_is_left(plmaint, site, made):
    pk = blocked(site)
    site.sql("UPDATE core_task SET app_lock_id = (SELECT pulp_id FROM core_appstatus WHERE app_type = 'worker')")
    assert plmaint.run(*CANCEL, code=0).one("step.end")["result"] == "not-needed"
    assert state(site, pk) == "waiting"


# -- purge


def old_tasks(site, n, word="completed"):
    site.sql(
        "INSERT INTO core_task (pulp_id, pulp_created, state, name, logging_cid, pulp_domain_id, versions,"
        " reserved_resources_record, finished_at) SELECT gen_random_uuid(), now() - interval '41 days', %s,"
        " 'app.tasks.sync', '', %s, '', '{}', now() - interval '40 days' FROM generate_series(1, %s)",
        (word, site.default_domain, n),
    )


def tasks(site):
    return site.sql("SELECT count(*) FROM core_task")[0][0]


@pytest.mark.parametrize("level", ["0038", "0043"], indirect=True)
def test_old_tasks_go_with_what_is_theirs(plmaint, site, made):
    old_tasks(site, 1200)
    old_tasks(site, 3, "failed")
    young = task(site, state="completed", finished_at=site.now)
    parent = site.sql("SELECT pulp_id FROM core_task WHERE state = 'failed' LIMIT 1")[0][0]
    site.sql("UPDATE core_task SET parent_task_id = %s WHERE pulp_id = %s", (parent, young))
    report(site, parent)
    label = "pulp-tasks-old"
    assert mend(plmaint, label, code=78).one("fix")["state"] == "refused" and tasks(site) == 1204
    plmaint.run(*PURGE, "--delete", "--param", "states=completed,running", code=0)
    assert tasks(site) == 4
    assert mend(plmaint, label, "--delete").one("fix")["state"] == "mended"
    assert site.sql("SELECT pulp_id, parent_task_id FROM core_task") == [(young, None)]
    assert site.sql("SELECT count(*) FROM core_progressreport")[0][0] == 0


def test_a_task_that_has_not_ended_is_never_purged(plmaint, site, made):
    pk = task(site, state="running", finished_at=site.long_ago())
    site.conn.commit()
    plmaint.run(*PURGE, "--delete", "--param", "states=running,waiting", code=0)
    assert state(site, pk) == "running"


def test_a_table_of_a_plugin_that_insists_keeps_its_task(plmaint, site, made):
    old_tasks(site, 2)
    site.sql("CREATE TABLE zebra_log (task_id uuid NOT NULL REFERENCES core_task)")
    site.sql("INSERT INTO zebra_log SELECT pulp_id FROM core_task LIMIT 1")
    done = plmaint.run(*PURGE, "--delete", code=78).one("step.end")
    assert done["message"] == "1 finished task deleted, 1 left" and tasks(site) == 1


def test_a_purge_that_was_killed_goes_on(plmaint, pg_db, site, made):
    old_tasks(site, 1800)
    killed_in_its_second_batch(plmaint, pg_db, site, "DELETE", "core_task", *PURGE, "--delete")
    assert tasks(site) == 1300
    assert plmaint.run(*PURGE, "--delete", code=0).one("step.end")["rows"] == 1300
    assert tasks(site) == 0
