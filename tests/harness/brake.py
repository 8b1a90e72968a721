# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes a run slow on any machine alike: the database sleeps at each row that is written.

What a test does in the middle of a run must meet the run in its middle, whatever the machine can
do. A share of time (pre-migrate.duty) cannot promise that: it slows a fast machine least.
"""

import signal

from .process import state, wait_until

# The function has a snapshot of its own: who lets go is seen at the next row.
SQL = """
SET synchronous_commit TO on; -- it outlives a crash of the server
CREATE SCHEMA brake;
CREATE TABLE brake.rate AS SELECT {seconds:f}::float8 AS seconds;
CREATE FUNCTION brake.hold() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    PERFORM pg_sleep(seconds) FROM brake.rate WHERE seconds > 0;
    IF TG_OP = 'DELETE' THEN RETURN OLD; END IF;
    RETURN NEW;
END $$;
"""
TRIGGER = (
    "CREATE TRIGGER brake BEFORE {event} ON {table} FOR EACH ROW EXECUTE FUNCTION brake.hold();"
)
FILL = ("UPDATE", "container_manifest")
DETACH = ("DELETE", "core_contentartifact")


class Brake:
    """On from the beginning. Each row takes so many seconds longer until it is let go: a run of
    some hundred rows lasts long enough that it cannot end before it is let go.
    """

    def __init__(self, db, seconds=0.05, on=(FILL,)):
        self.db = db
        triggers = [TRIGGER.format(event=event, table=table) for event, table in on]
        db.query(SQL.format(seconds=seconds) + "".join(triggers), user="postgres")

    def let_go(self):
        """From the next row on it is fast."""
        self.db.query("UPDATE brake.rate SET seconds = 0", user="postgres")


def stop_between_batches(db, running):
    """Stops a program with SIGSTOP while none of its writers is in a transaction: there it would
    hold its range's row, lease or no lease. A small duty gives it rests in which that can be.
    """
    busy = "application_name LIKE 'plmaint:%:w%' AND xact_start IS NOT NULL"

    def caught():
        running.signal(signal.SIGSTOP)
        wait_until(lambda: state(running.pid) == "T", 30, "it has stopped")
        if not db.value(f"SELECT count(*) FROM pg_stat_activity WHERE {busy}"):
            return True
        running.signal(signal.SIGCONT)
        return False

    wait_until(caught, 60, "it rests")


def held_copying(plmaint, store, site):
    """A backup that is held while it copies what its snapshot names, until an artifact without a file
    is no row any more, and that artifact.
    """
    gone = site.artifact(b"deleted by a cleanup")
    site.conn.commit()
    gone.path.unlink()
    held = (
        "SELECT count(*) FROM core_artifact, pg_stat_activity"
        f" WHERE application_name = 'plmaint:backup:pulp' AND sha256 = '{gone.sha256}'"
    )
    plmaint.configure({"throttle.query": held, "throttle.calm": "0s"})
    running = plmaint.start("backup", "online", store, "--features", "pulp")
    running.wait_for("progress", lambda e: e["duty"] == 0, seconds=60, label="backup-databases")
    return running, gone
