# SPDX-License-Identifier: GPL-3.0-or-later
"""A site whose services are rows of heartbeats, and whose upgrade is a migration of a script's own."""

import subprocess
import sys

import pytest


SCRIPT = """#!{python} -B
import contextlib, os, pathlib, sys, time
import psycopg2
here = pathlib.Path({directory!r})
word = pathlib.Path(sys.argv[0]).name
with open(here / "log", "a") as log:
    log.write(word + "\\n")
with contextlib.closing(psycopg2.connect({conninfo!r})) as conn, conn, conn.cursor() as cur:
{body}
"""
TABLES = """
    cur.execute("SELECT to_regclass('core_appstatus')")
    if cur.fetchone()[0]:
        tables = [("core_appstatus", "app_type, ", kind) for kind in ("api", "content", "worker")]
    else:
        tables = [(t, "", None) for t in ("core_apiappstatus", "core_contentappstatus", "core_worker")]
"""
STOP = (
    TABLES
    + """
    for table, _, _ in tables:
        cur.execute(f"DELETE FROM {table}")
"""
)
# Signs of life that last for the test.
START = (
    TABLES
    + """
    for table, column, kind in tables:
        more = (", app_type, ttl", f", '{kind}', '30 s'") if kind else ("", "")
        name = f"1@{table}.{kind}"
        cur.execute(f"DELETE FROM {table} WHERE name = %s", (name,))
        cur.execute(f"INSERT INTO {table} (pulp_id, pulp_created, name, last_heartbeat, versions{more[0]})"
                    f" VALUES (gen_random_uuid(), now(), %s, now() + interval '1 h', ''{more[1]})", (name,))
"""
)
UPGRADE = """
    print("replacing the packages of", os.environ["UPGRADE_TO"], flush=True)
    # An installer may rename the database, and a server that is told to stop waits for all sessions.
    for left in range(600, -1, -1):
        cur.execute("SELECT pg_stat_clear_snapshot()")
        cur.execute("SELECT array_agg(application_name) FROM pg_stat_activity"
                    " WHERE datname = current_database() AND application_name LIKE 'plmaint:%'")
        (ours,) = cur.fetchone()
        if not ours:
            break
        time.sleep(0.05)
        if not left:
            sys.exit(f"in the way: {ours}")
    while (here / "hold").exists():
        time.sleep(0.05)
    if (here / "broken").exists():
        sys.exit("no space left")
    cur.execute("SELECT count(*) FROM container_manifest WHERE data IS NULL")
    assert cur.fetchone() == (0,)
    cur.execute("INSERT INTO django_migrations (app, name, applied) SELECT 'core', '0999_new', now()"
                " WHERE NOT EXISTS (SELECT FROM django_migrations WHERE name = '0999_new')")
"""


class Upgraded:
    """The scripts and what they have done."""

    def __init__(self, directory, plmaint, site, conninfo):
        self.directory, self.plmaint, self.site = directory, plmaint, site
        for name, body in (("stop", STOP), ("start", START), ("replace", UPGRADE)):
            path = directory / name
            path.write_text(
                SCRIPT.format(
                    python=sys.executable, directory=str(directory), conninfo=conninfo, body=body
                )
            )
            path.chmod(0o755)
        plmaint.configure(
            {
                "upgrade.command": directory / "replace",
                "upgrade.stop_command": directory / "stop",
                "upgrade.start_command": directory / "start",
                # The network of the machine that tests is not the tests' to close.
                "upgrade.maintenance_mode": "no",
            }
        )
        subprocess.run([directory / "start"], check=True)
        self.forget()

    def forget(self):
        (self.directory / "log").write_text("")

    @property
    def log(self):
        return (self.directory / "log").read_text().split()

    @property
    def note(self):
        path = self.plmaint.state_dir / "upgrade"
        return path.read_text().split()[0] if path.exists() else None

    def online(self):
        tables = [t for t in ("core_appstatus", "core_worker") if t in self.site.columns]
        return any(self.site.sql(f"SELECT count(*) FROM {t}")[0][0] for t in tables)

    def applied(self):
        return self.site.sql("SELECT count(*) FROM django_migrations WHERE name = '0999_new'")[0][0]

    def hold(self, name="hold"):
        (self.directory / name).write_text("")

    def let_go(self, name="hold"):
        (self.directory / name).unlink()

    def run(self, *words, code=None):
        return self.plmaint.run(*self.words(*words), code=code)

    def start(self, *words):
        return self.plmaint.start(*self.words(*words))

    def words(self, *words):
        return ("upgrade", "run", "--whitelist", "host-disk", *words)


@pytest.fixture
def upgraded(tmp_path, plmaint, site, pg_db):
    directory = tmp_path / "scripts"
    directory.mkdir()
    return Upgraded(directory, plmaint, site, pg_db.conninfo())
