# SPDX-License-Identifier: GPL-3.0-or-later
"""Wrong databases, rights and places: one clear error, a hint, the right exit status, nothing
changed.
"""

import contextlib
import os

import pytest

from harness import after, pg, schema
from harness.need import need
from harness.pooler import Pooler
from harness.pulpdata import Site, diff, snapshot

USAGE, UNKNOWN, FAILED = 2, 3, 1
# Root passes every permission bit unless it is told not to.
NO_OVERRIDE = ("setpriv", "--bounding-set=-dac_override,-dac_read_search")


def refused(ran, words, hint, code=None):
    """The one error of a command that could not begin, wherever it was told."""
    if code is not None:
        assert ran.code == code, ran
    failed = [e for e in ran.events if e["event"] == "error"]
    failed += [e for e in ran.of("step.end") if e["result"] in ("failed", "unknown")]
    assert len(failed) == 1, ran
    for word in [words] if isinstance(words, str) else words:
        assert word in failed[0]["message"], ran
    assert hint in failed[0].get("hint", ""), ran
    return failed[0]


@pytest.fixture
def image(site):
    return site.image("oci", site.repository())


UNREACHABLE = {
    "host=/nonexistent dbname=pulp user=pulp": ["/nonexistent", "PostgreSQL runs"],
    "{socket} dbname=nowhere user=pulp": ['"nowhere" does not exist', "name Pulp's database"],
    "{socket} dbname={db} user=nobody_here": ['"nobody_here" does not exist', "pg_hba.conf"],
}


@pytest.mark.parametrize("conninfo", UNREACHABLE)
def test_database_that_cannot_be_reached(plmaint, cluster, pg_db, conninfo):
    """A procedure fails, a check could not find out."""
    words, hint = UNREACHABLE[conninfo]
    socket = f"host={cluster.sockets} port={pg.PORT}"
    text = conninfo.format(socket=socket, db=pg_db.name)
    plmaint.configure({"database.pulp.conninfo": text})
    refused(plmaint.run("pre-migrate", "run"), words, hint, FAILED)
    plmaint.run("pre-migrate", "verify", code=UNKNOWN)
    answer = plmaint.run("pre-migrate", "status", code=UNKNOWN)
    assert words in answer.err


def test_connection_string_that_is_none(plmaint):
    plmaint.configure({"database.pulp.conninfo": "host=/tmp dbnam=pulp"})
    refused(plmaint.run("pre-migrate", "run"), "cannot be parsed", "key=value", USAGE)


def no_schema_of_ours(db):
    return db.value("SELECT to_regnamespace('plmaint') IS NULL")


def test_database_that_is_not_pulps(plmaint, cluster):
    with contextlib.closing(_Other(cluster, "other_app")) as db:
        plmaint.configure({"database.pulp.conninfo": db.conninfo})
        refused(
            plmaint.run("pre-migrate", "run"),
            "not that of a Pulp",
            "database.pulp.conninfo",
            USAGE,
        )
        assert no_schema_of_ours(db.db)
        assert db.db.value("SELECT count(*) FROM pg_stat_user_tables") == 0


def test_database_that_is_not_utf8(plmaint, cluster, level):
    with contextlib.closing(_Other(cluster, "latin", "LATIN1")) as db:
        with contextlib.closing(db.db.connect("postgres", autocommit=False)) as conn:
            schema.create(conn, level)
        plmaint.configure({"database.pulp.conninfo": db.conninfo})
        refused(plmaint.run("pre-migrate", "run"), ["LATIN1", "UTF8"], "dump the database", FAILED)
        assert no_schema_of_ours(db.db)


class _Other:
    def __init__(self, cluster, name, encoding="UTF8"):
        self.db = cluster.create(name, encoding)
        self.conninfo = self.db.conninfo()

    def close(self):
        self.db.drop()


@pytest.fixture
def limited(cluster, pg_db, site):
    """A role with what plmaint needs, so that a test can take one right away."""
    cluster.role("limited")
    pg_db.query("GRANT SELECT ON ALL TABLES IN SCHEMA public TO limited")
    pg_db.query(
        "GRANT UPDATE, DELETE ON container_manifest, core_contentartifact, core_remoteartifact,"
        " core_publishedartifact, core_artifact TO limited"
    )
    pg_db.query(f'GRANT CREATE ON DATABASE "{pg_db.name}" TO limited')
    yield pg_db.conninfo("limited")
    cluster.admin("DROP OWNED BY limited CASCADE", dbname=pg_db.name)


@pytest.mark.parametrize(
    "right, table",
    [
        ("SELECT", "core_contentartifact"),
        ("UPDATE", "container_manifest"),
        ("DELETE", "core_remoteartifact"),
    ],
)
def test_right_that_is_missing_on_one_table(
    plmaint, pg_db, site, image, limited, right, table, level
):
    before = snapshot(site.conn)
    site.conn.commit()
    pg_db.query(f"REVOKE {right} ON {table} FROM limited")
    plmaint.configure({"database.pulp.conninfo": limited})
    refused(plmaint.run("pre-migrate", "run"), [right, table], "GRANT", FAILED)
    assert diff(before, snapshot(site.conn)) == []


def test_pooler_in_transaction_mode(plmaint, cluster, pg_db, site, image):
    need(programs=("pgbouncer",))
    with Pooler(cluster) as pooler:
        plmaint.configure({"database.pulp.conninfo": pooler.conninfo(pg_db.name)})
        refused(plmaint.run("pre-migrate", "run"), "settings", "PgBouncer", FAILED)
    assert after.pending(site) == 1 and after.ledger(pg_db) is None


@pytest.mark.slow
def test_standby_is_read_only(plmaint, tmp_path):
    with pg.Cluster() as primary:
        db = primary.database("0043")
        with contextlib.closing(db.connect()) as conn:
            (tmp_path / "m" / "artifact").mkdir(parents=True)
            Site(conn, tmp_path / "m", "0043").image("oci")
        with contextlib.closing(primary.standby()) as standby:
            plmaint.configure(
                {
                    "database.pulp.conninfo": standby.conninfo(db.name),
                    "pulp.media_root": tmp_path / "m",
                }
            )
            refused(plmaint.run("pre-migrate", "run"), "standby", "primary", USAGE)


def test_media_root_that_is_missing(plmaint, site, image):
    plmaint.configure({"pulp.media_root": "/nonexistent/media"})
    refused(plmaint.run("pre-migrate", "run"), "/nonexistent/media", "pulp.media_root", FAILED)
    assert after.pending(site) == 1


def test_media_root_of_another_host(plmaint, site, image, tmp_path):
    """A directory that is there, but has no artifacts of Pulp's."""
    (tmp_path / "other").mkdir()
    plmaint.configure({"pulp.media_root": tmp_path / "other"})
    refused(plmaint.run("pre-migrate", "run"), "artifact", "pulp.media_root", FAILED)
    assert after.pending(site) == 1


@pytest.fixture
def powerless(cluster):
    """A prefix that makes root obey permission bits; the server's socket stays within reach."""
    need(programs=("setpriv",))
    for path in (cluster.base, cluster.sockets):
        path.chmod(0o755)
    return NO_OVERRIDE if os.geteuid() == 0 else ()


def test_media_root_that_may_not_be_read(plmaint, site, image, media_root, powerless):
    media_root.chmod(0)
    try:
        ran = plmaint.run("pre-migrate", "run", wrap=powerless)
    finally:
        media_root.chmod(0o755)
    refused(ran, "may not be entered", "user pulp", FAILED)
    assert after.pending(site) == 1


def test_file_that_may_not_be_read_is_one_bad_row(plmaint, site, image, powerless):
    closed = site.image("oci", image.repo)
    closed.artifact.path.chmod(0)
    ran = plmaint.run("pre-migrate", "run", wrap=powerless, code=78)
    assert ran.one("quarantine", digest=closed.digest)["reason"] == "file-denied"
    assert after.columns(site, image)["data"].encode() == image.raw
    closed.artifact.path.chmod(0o644)
    plmaint.run("pre-migrate", "run", wrap=powerless, code=0)
    assert after.columns(site, closed)["data"].encode() == closed.raw


@pytest.mark.parametrize(
    "words, message, hint",
    [
        (["pre-migrate", "run", "--keep-link"], "--keep-link", "--keep-links"),
        (["pre-migrate", "rum"], "rum", "run"),
        (["pre-migrat", "run"], "pre-migrat", "pre-migrate"),
        (["procedure", "run", "pulp-manifest-fill"], "pulp-manifest-fill", "pulp-manifests-fill"),
        (["--set", "pre-migrate.batch_row=5", "pre-migrate", "run"], "batch_row", "batch_rows"),
        (["--set", "pre-migrate.batch_rows=x", "pre-migrate", "run"], "batch_rows", ""),
        (["pre-migrate", "run", "--max-rows", "many"], "many", ""),
    ],
)
def test_word_that_nobody_knows_is_answered_with_the_nearest(
    plmaint, site, image, words, message, hint
):
    ran = plmaint.run(*words, code=USAGE)
    assert message in ran.err and hint in ran.err
    assert after.pending(site) == 1


def test_repository_that_nobody_knows(plmaint, site, image):
    ran = plmaint.run("pre-migrate", "run", "--repository", "nowhere")
    refused(ran, "no repository named 'nowhere'", "repository list", USAGE)
    assert after.pending(site) == 1


def test_unknown_key_in_the_file_names_the_nearest(plmaint, site, image):
    plmaint.configure({"pre-migrate.writer": "1"})
    ran = plmaint.run("pre-migrate", "run", code=USAGE)
    assert "pre-migrate.writer" in ran.err and "pre-migrate.writers" in ran.err


def test_configuration_that_others_can_read_may_hold_no_password(plmaint, pg_db, site, image):
    plmaint.configure({"database.pulp.conninfo": pg_db.conninfo() + " password=hunter2"})
    plmaint.config.chmod(0o644)
    ran = plmaint.run("pre-migrate", "run", code=USAGE)
    assert "hunter2" not in ran.out + ran.err and "chmod" in ran.err
    assert after.pending(site) == 1


@pytest.mark.usefixtures("image")
def test_password_stays_out_of_every_output(plmaint, pg_db):
    plmaint.configure({"database.pulp.conninfo": pg_db.conninfo() + " password=hunter2"})
    texts = [plmaint.run("pre-migrate", "run", "--verbose", code=0)]
    texts.append(plmaint.run("config", "show", code=0))
    for ran in texts:
        assert "hunter2" not in ran.out + ran.err
    for path in plmaint.state_dir.rglob("*"):
        if path.is_file():
            assert b"hunter2" not in path.read_bytes()
