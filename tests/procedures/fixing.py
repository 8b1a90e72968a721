# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests of `health check --fix` share: one broken state, and what mending it said."""

import contextlib

from checks.broken import BROKEN
from harness.process import wait_until


def spoil(label, site, made, db):
    """Breaks the site the way that the check of this label is for."""
    broken = BROKEN[label].spoil
    if callable(broken):
        broken(site, made, db)
    else:
        site.sql(broken)
    site.conn.commit()


def look(plmaint, label):
    """The check's answer, once more and by itself."""
    return plmaint.run("health", "check", "--label", label).one("step.end", label=label)


def mend(plmaint, label, *words, code=0, **options):
    return plmaint.run("health", "check", "--label", label, "--fix", "-y", *words, code=code, **options)


def came_to_its_end(done, label):
    """Whoever watched saw how far the procedure had come, and how fast, up to the last row."""
    told = done.of("progress", label=label)
    assert told[-1]["done"] == told[-1]["total"] > 0 and told[-1]["rate"] > 0, told
    assert [e["done"] for e in told] == sorted(e["done"] for e in told)


KEY = 77  # of an advisory lock that nobody else takes


def killed_in_its_second_batch(plmaint, db, site, event, table, *words):
    """kill -9 while the second statement of this kind on the table (DELETE) is under way; its session is ended
    too, since a server may finish a statement for nobody.
    """
    site.sql("CREATE SEQUENCE batches")
    site.sql(
        "CREATE FUNCTION hold() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        f" IF nextval('batches') > 1 THEN PERFORM pg_advisory_xact_lock({KEY}); END IF; RETURN NULL; END $$"
    )
    site.sql(f"CREATE TRIGGER hold AFTER {event} ON {table} EXECUTE FUNCTION hold()")
    waiting = (
        "FROM pg_stat_activity WHERE application_name LIKE 'plmaint:%' AND wait_event = 'advisory'"
        " AND datname = current_database()"
    )
    with contextlib.closing(db.connect("postgres")) as other, other.cursor() as cur:
        cur.execute(f"SELECT pg_advisory_lock({KEY})")
        running = plmaint.start(*words)

        def held():
            cur.execute(f"SELECT 1 {waiting}")
            return cur.fetchone()

        wait_until(held, 30, lambda: f"no second batch: {running.lines}")
        running.kill9()
        cur.execute(f"SELECT pg_terminate_backend(pid) {waiting}")
        wait_until(lambda: not held(), 30, "the session did not end")
    site.sql(f"DROP TRIGGER hold ON {table}")
