# SPDX-License-Identifier: GPL-3.0-or-later
"""A site with a backup, on a server of its own names: databases that a restore makes are dropped."""

import contextlib
import subprocess

import pytest

from harness import backups, pg, process

ID = "20261121T213133Z"
# Stops and starts are rows of heartbeats in the database that has Pulp's name just then.
SCRIPT = """#!/bin/sh
word=$(basename "$0")
echo "$word" >> {directory}/log
while [ "$word" = stop ] && [ -e {directory}/hold ]; do sleep 0.05; done
if [ "$word" = stop ] && [ -e {directory}/broken ]; then echo "it does not stop" >&2; exit 1; fi
exec {psql} -qX -v ON_ERROR_STOP=1 -1 -f {directory}/$word.sql -d "{conninfo}"
"""
BEATING = ("core_apiappstatus", "core_contentappstatus", "core_worker")


class Restored:
    def __init__(self, directory, plmaint, site, db):
        self.directory, self.plmaint, self.site, self.db = directory, plmaint, site, db
        self.fresh, self.old = f"{db.name}_restore_{ID}", f"{db.name}_before_{ID}"
        for word in ("stop", "start"):
            path = directory / word
            path.write_text(
                SCRIPT.format(psql=pg.bindir() / "psql", directory=directory, conninfo=db.conninfo())
            )
            path.chmod(0o755)
            path.with_suffix(".sql").write_text("".join(self.beat(t, word) for t in BEATING))
        plmaint.configure(
            {
                "upgrade.stop_command": directory / "stop",
                "upgrade.start_command": directory / "start",
                "restore.conninfo": db.cluster.conninfo("postgres", "postgres"),
            }
        )
        subprocess.run([directory / "start"], check=True)
        self.forget()
        self.repository = None

    @staticmethod
    def beat(table, word):
        start = (
            f"INSERT INTO {table} (pulp_id, pulp_created, name, last_heartbeat, versions)"
            f" VALUES (gen_random_uuid(), now(), '1@{table}', now() + interval '1 h', '');"
        )
        return f"DELETE FROM {table};" + (start if word == "start" else "")

    def forget(self):
        (self.directory / "log").write_text("")

    @property
    def log(self):
        return (self.directory / "log").read_text().split()

    def back_up(self, backup_id=ID, **options):
        self.repository = self.repository or backups.Repository(self.directory / "repository")
        return self.repository.make(self.db, self.site.media_root, backup_id, **options)

    def run(self, *words, code=None, **options):
        self.let_go()
        return self.plmaint.run("restore", *words, code=code, **options)

    def restore(self, *words, code=None, **options):
        return self.run("run", self.repository.dir, *words, code=code, **options)

    def let_go(self):
        """The fixture's own session would keep the database from being renamed."""
        if not self.site.conn.closed:
            self.site.conn.rollback()
            self.site.conn.close()

    def databases(self):
        """What there is of this site's names, without its head."""
        rows = self.db.cluster.admin(
            "SELECT datname FROM pg_database WHERE datname = %s OR datname LIKE %s ORDER BY 1",
            (self.db.name, self.db.name.replace("_", "\\_") + "\\_%"),
        )
        return [name.removeprefix(self.db.name) for (name,) in rows]

    def ask(self, sql, name=None):
        with contextlib.closing(self.db.cluster.connect(name or self.db.name, "postgres")) as conn:
            with conn.cursor() as cur:
                cur.execute(sql)
                return cur.fetchall()

    def ask_feature(self, feature, sql):
        """Its own database, by the role that a backup is made with."""
        name = f"{self.db.name}_{feature}"
        with contextlib.closing(self.db.cluster.connect(name)) as conn, conn.cursor() as cur:
            cur.execute(sql)
            return cur.fetchall()

    def wait_for_nobody(self):
        """What a killed run has sent may still be at work on the server."""
        process.wait_until(
            lambda: not self.db.cluster.admin(
                "SELECT FROM pg_stat_activity WHERE application_name = 'plmaint:restore'"
            ),
            30,
            "the sessions of the killed run have ended",
        )

    def change(self, sql):
        with contextlib.closing(self.db.connect()) as conn, conn.cursor() as cur:
            cur.execute(sql)

    def close(self):
        for tail in self.databases():
            if tail:
                self.db.cluster.drop(self.db.name + tail)


@pytest.fixture
def restored(tmp_path, plmaint, site, pg_db):
    directory = tmp_path / "scripts"
    directory.mkdir()
    made = Restored(directory, plmaint, site, pg_db)
    yield made
    made.close()
