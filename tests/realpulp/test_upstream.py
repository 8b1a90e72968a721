# SPDX-License-Identifier: GPL-3.0-or-later
"""plmaint against the command that it replaces, on genuine rows: same result, and no loss.

Upstream's `container-handle-image-data` (pulp_container 2.22) is run as it is, through its own
pulpcore-manager.
"""
import hashlib

import pytest

import compare
import registry
from sites import make_multiplied, say
from harness import process

COMMAND = "container-handle-image-data"
TABLES = {"container_manifest", "core_contentartifact", "core_remoteartifact"}
# Upstream keeps up to a thousand rows in memory: its loss shows on more than that.
ROWS = 1300


@pytest.fixture(scope="module")
def rows(oracle):
    return make_multiplied(oracle, ROWS)


@pytest.fixture(scope="module")
def upstream(oracle, rows):
    """A clone that upstream's own command has migrated: its name, and the tables touched."""
    site = oracle.site(oracle.clone(rows.db, "upstream"), rows.media)
    site.start_redis()
    with oracle.pg.session(site.db) as conn:
        before = compare.checksums(conn)
        said = site.manager(COMMAND).stdout
        touched = compare.touched(before, compare.checksums(conn))
        pending = conn.one("SELECT count(*) FROM container_manifest WHERE data IS NULL")[0]
    site.close()
    assert "Successfully updated" in said and pending == 0
    return site.db, touched


def expected_differences(lines, conn):
    """Takes out what plmaint does on purpose.

    An unlinked artifact's timestamp_of_interest becomes now, so that the site's own protection of
    orphans runs from here and not from the upload years ago.
    """
    unlinked = {str(r[0]) for r in conn.execute(
        "SELECT pulp_id FROM core_artifact a WHERE NOT EXISTS"
        " (SELECT 1 FROM core_contentartifact c WHERE c.artifact_id = a.pulp_id)")}
    return [line for line in lines
            if not (line.startswith("core_artifact ") and ".timestamp_of_interest:" in line
                    and line.split()[1].split(".")[0] in unlinked)]


def test_upstream_touches_only_known_tables(upstream):
    assert upstream[1] == TABLES


def test_equal_to_upstream(oracle, rows, upstream, plmaint, stack):
    site = oracle.site(oracle.clone(rows.db, "ours"), rows.media)
    stack.callback(site.close)
    site.start_redis()
    with oracle.pg.session(site.db) as conn:
        before = compare.checksums(conn)
        plmaint(site).run("pre-migrate", "run", code=0)
        touched = compare.touched(before, compare.checksums(conn))
        assert touched - upstream[1] <= {"core_artifact"}
        with oracle.pg.session(upstream[0]) as theirs:
            lines = sum((compare.differences(conn, theirs, t)
                         for t in sorted(touched | upstream[1])), [])
        assert expected_differences(lines, conn) == []
        served = list(conn.execute(registry.SERVED))
    many = {a.digest for a in rows.added}
    genuine_ones = [s for s in served if s[1] not in many]
    assert len(served) > ROWS and len(genuine_ones) > 100
    site.start()
    assert registry.wrong_pulls(site, served) == []


def test_second_run_changes_nothing(oracle, upstream, plmaint, stack):
    """What upstream has migrated is done for plmaint too."""
    site = oracle.site(oracle.clone(upstream[0], "again"))
    stack.callback(site.close)
    site.start_redis()
    with oracle.pg.session(site.db) as conn:
        before = compare.checksums(conn)
        plmaint(site).run("pre-migrate", "run", code=0)
        assert compare.touched(before, compare.checksums(conn)) == set()


@pytest.fixture(scope="module")
def oldest(oracle):
    """Genuine rows of 2.19 whose labels and annotations were never read, and the same after it.

    That release has no place for data yet; its own command fills what 2.18 did not know.
    """
    before = oracle.clone(oracle.template("0038"), "oldest")
    with oracle.pg.session(before) as conn:
        conn.execute("UPDATE container_manifest SET annotations = '{}', labels = '{}',"
                     " is_bootable = false, is_flatpak = false")
    site = oracle.site(oracle.clone(before, "oldest_upstream"), level="0038")
    said = site.manager(COMMAND).stdout
    site.close()
    assert "Successfully updated" in said
    return before, site.db


def test_upstream_fills_the_oldest_level(oracle, oldest):
    with oracle.pg.session(oldest[1]) as conn:
        assert conn.one("SELECT count(*) FROM container_manifest WHERE labels <> '{}'")[0] > 20
        assert conn.one("SELECT count(*) FROM container_manifest WHERE is_bootable"
                        " AND media_type LIKE '%index%'")[0] > 2


def test_oldest_level_equal_to_upstream(oracle, oldest, plmaint, stack):
    site = oracle.site(oracle.clone(oldest[0], "oldest_ours"), level="0038")
    stack.callback(site.close)
    plmaint(site, {"redis.url": None}).run("pre-migrate", "run", code=(0, 78))
    with oracle.pg.session(site.db) as conn, oracle.pg.session(oldest[1]) as theirs:
        lines = sum((compare.differences(conn, theirs, t)
                     for t in ("container_manifest", "core_contentartifact", "core_artifact")), [])
    assert lines == []


@pytest.fixture(scope="module")
def killed(oracle, rows):
    """A site on which upstream's command was killed between its unlinking and its saving."""
    site = oracle.site(oracle.clone(rows.db, "killed"), rows.media)
    site.start_redis()
    child = site.manager_popen(COMMAND)
    with oracle.pg.session(site.db) as conn:

        def saved_and_lost():
            assert child.poll() is None, f"upstream's command ended, see {site.log.name}"
            saved = conn.one("SELECT count(*) FROM container_manifest WHERE data IS NOT NULL")[0]
            return saved and compare.lost(conn) > 50

        process.wait_until(saved_and_lost, 120, "some rows are saved, others lost")
    child.kill()
    child.wait()
    yield site
    site.close()


def test_upstream_loses_rows_and_calls_it_success(oracle, killed):
    with oracle.pg.session(killed.db) as conn:
        lost = compare.lost(conn)
        assert lost > 50
        again = killed.manager(COMMAND)
        say(f"upstream killed: {lost} lost; rerun: {again.stdout.splitlines()[0]}")
        assert again.returncode == 0 and "Successfully updated" in again.stdout
        assert compare.lost(conn) == lost


@pytest.mark.parametrize("action", ["recover", "run"])
def test_lost_rows_are_recovered(oracle, killed, plmaint, stack, action):
    """Both the action for it and an ordinary run, each on a clone of the damaged database."""
    site = oracle.site(oracle.clone(killed.db, action), killed.media)
    stack.callback(site.close)
    site.start_redis()
    with oracle.pg.session(site.db) as conn:
        assert compare.lost(conn) > 50
        plmaint(site).run("pre-migrate", action, code=0)
        assert compare.lost(conn) == 0
        for digest, data in conn.execute(
                "SELECT digest, data FROM container_manifest WHERE data IS NOT NULL"):
            assert "sha256:" + hashlib.sha256(data.encode()).hexdigest() == digest
