# SPDX-License-Identifier: GPL-3.0-or-later
"""The harness' own tests of its database: what a fixture gets wrong, every test above it gets wrong
too.
"""

import contextlib
import json
import os
import random
import stat

import psycopg2
import pytest

from harness import awkward, manifests, oracle, pg, pulpdata, schema
from harness.pooler import Pooler

# Nobody changes the harness in the inner loop of the program.
pytestmark = pytest.mark.slow
EVERY_LEVEL = pytest.mark.parametrize("level", schema.ORDER, indirect=True)


def columns(db, table):
    rows = db.query(
        "SELECT column_name, udt_name FROM information_schema.columns WHERE table_name = %s",
        (table,),
    )
    return dict(rows)


@EVERY_LEVEL
def test_level_creates(pg_db, level):
    names = columns(pg_db, "container_manifest")
    number = schema.LEVELS[level].container
    assert ("data" in names) == (number >= 39)
    assert ("type" in names) == (number >= 43)
    assert ("_pulp_domain_id" in names) == (number >= 44)
    assert names.get("compressed_image_size") == (
        None if number < 43 else "int4" if number < 45 else "int8"
    )
    assert pg_db.value(
        "SELECT max(name) FROM django_migrations WHERE app = 'container'"
    ).startswith(f"{number:04d}_")
    assert pg_db.value("SELECT to_regclass('core_appstatus') IS NOT NULL") == (
        schema.LEVELS[level].core >= 137
    )
    assert pg_db.value("SELECT to_regclass('core_worker') IS NOT NULL") == (
        schema.LEVELS[level].core < 144
    )
    # as Django makes them
    assert (
        pg_db.value(
            "SELECT count(*) FROM pg_constraint WHERE contype = 'f' AND NOT (condeferrable AND condeferred)"
        )
        == 0
    )
    assert (
        pg_db.value(
            "SELECT count(*) FROM pg_attrdef d JOIN pg_class c ON c.oid = d.adrelid WHERE c.relkind = 'r'"
        )
        == 0
    )
    assert (
        pg_db.value(
            "SELECT pg_get_userbyid(relowner) FROM pg_class WHERE relname = 'container_manifest'"
        )
        == "pulp"
    )
    assert pg_db.value("SELECT rolsuper FROM pg_roles WHERE rolname = 'pulp'") is False


def test_relative_path_is_a_domain_from_3_117(cluster):
    db = cluster.database("3.117")
    sql = "SELECT domain_name FROM information_schema.columns WHERE table_name = %s AND column_name = %s"
    assert db.value(sql, ("core_contentartifact", "relative_path")) == "relative_path"
    assert db.value("SELECT 'sha256:00'::relative_path") == "sha256:00"
    with pytest.raises(Exception, match="violates check constraint"):
        db.value("SELECT 'a//b'::relative_path")
    db.drop()


@EVERY_LEVEL
def test_site_of_every_kind(site, level):
    made = site.every_kind(60)
    assert len(made) >= 60
    kinds = {m.type for m in made}
    assert kinds >= {
        "image",
        "index",
        "bootable",
        "flatpak",
        "helm",
        "artifact",
        "cosign_signature",
        "cosign_sbom",
    }
    for m in made:
        stored = site.sql(
            "SELECT a.file, a.size, a.sha256 FROM core_contentartifact c JOIN core_artifact a ON a.pulp_id = c.artifact_id"
            " WHERE c.content_id = %s",
            (m.pk,),
        )
        assert len(stored) == 1
        name, size, sha256 = stored[0]
        raw = (site.media_root / name).read_bytes()
        assert (len(raw), manifests.sha256(raw)) == (size, sha256)
        payload = manifests.signed_payload(raw) if b'"signatures"' in raw else raw
        assert manifests.digest_of(payload) == m.digest
    empty = "SELECT count(*) FROM core_artifact WHERE sha224 IS NULL OR sha384 IS NULL OR sha512 IS NULL"
    assert site.sql(empty)[0][0] == 0


def test_list_foreign_keys_are_swapped(site):
    child = site.image()
    index = site.index([child])
    assert site.sql(
        "SELECT manifest_list_id FROM container_manifestlistmanifest WHERE image_manifest_id = %s",
        (index.pk,),
    ) == [(child.pk,)]


@EVERY_LEVEL
def test_awkward_rows_insert(site, level):
    for name, case in awkward.AWKWARD.items():
        if schema.ORDER.index(level) < schema.ORDER.index(case.since):
            continue
        made = case(site)
        site.sql("SET CONSTRAINTS ALL IMMEDIATE")
        found = site.sql(
            "SELECT digest FROM container_manifest WHERE content_ptr_id = %s", (made.pk,)
        )
        assert found == [(made.digest,)], name
        assert case.upstream and set(case.ours) <= {
            "filled",
            "partial",
            "quarantine",
            "gone",
            "untouched",
        }, name


def test_awkward_rows_are_what_they_say(site):
    rows = {
        name: awkward.AWKWARD[name](site)
        for name in ("fifo", "two_artifacts", "lost_recoverable", "lost_for_good", "wrong_bytes")
    }
    assert stat.S_ISFIFO(os.lstat(rows["fifo"].artifact.path).st_mode)
    links = "SELECT count(*) FROM core_contentartifact WHERE content_id = %s"
    assert site.sql(links, (rows["two_artifacts"].pk,)) == [(2,)]
    assert site.sql(links, (rows["lost_recoverable"].pk,)) == [(0,)]
    artifacts = "SELECT count(*) FROM core_artifact WHERE sha256 = %s"
    assert site.sql(artifacts, (rows["lost_recoverable"].digest[7:],)) == [(1,)]
    assert site.sql(artifacts, (rows["lost_for_good"].digest[7:],)) == [(0,)]
    wrong = rows["wrong_bytes"]
    assert manifests.digest_of(wrong.artifact.path.read_bytes()) != wrong.digest


# Rows whose trouble lies in links and files, of which the oracle knows nothing.
ELSEWHERE = (
    "two_artifacts",
    "config_file_missing",
    "file_missing",
    "truncated",
    "absolute_path_outside",
    "dotdot_path",
    "directory_as_file",
    "unknown_media_type",
)


@pytest.mark.parametrize("level", ["0043", "0050"], indirect=True)
def test_oracle_agrees_with_the_table(site, level):
    differ = []
    for name, case in awkward.AWKWARD.items():
        verdict = {"LOST": "ABORT"}.get(case.verdict(level), case.verdict(level))
        plain = not case.upstream.startswith(
            ("SKIP for ever", "SKIP: the data", "read through", "filled when")
        )
        if name in ELSEWHERE or verdict == "other" or not plain or case.since > level:
            continue
        made = case(site)
        try:
            oracle.upstream(
                made.raw, made.media_type, made.config.raw if made.config else None, level=level
            )
            said = "filled"
        except oracle.Skip:
            said = "SKIP"
        except oracle.Abort:
            said = "ABORT"
        if verdict != said:
            differ.append((name, said, case.upstream))
    assert differ == []


@pytest.mark.parametrize("kind", manifests.KINDS)
def test_oracle_knows_every_kind(kind):
    spec = manifests.KINDS[kind](random.Random(kind))
    assert oracle.upstream(spec.raw, spec.media_type, spec.config)["type"] == spec.type


@pytest.mark.parametrize("level", ["0038", "0043", "0050", "3.117"], indirect=True)
def test_bulk(site, level):
    made = site.bulk_images(1000, tags=10, blobmanifest=True)
    assert len(made) == len({digest for _, digest in made}) == 1000
    versions = "SELECT substr(content_ptr_id::text, 15, 1), count(*) FROM container_manifest GROUP BY 1 ORDER BY 1"
    assert site.sql(versions) == [("4", 500), ("7", 500)]
    sql = (
        "SELECT m.digest, m.media_type, a.file, a.size, ca.file FROM container_manifest m JOIN core_contentartifact c"
        " ON c.content_id = m.content_ptr_id JOIN core_artifact a ON a.pulp_id = c.artifact_id"
        " JOIN core_contentartifact cc ON cc.content_id = m.config_blob_id JOIN core_artifact ca ON ca.pulp_id = cc.artifact_id"
    )
    rows = site.sql(sql)
    assert len(rows) == 1000
    for digest, media_type, name, size, config in rows:
        raw = (site.media_root / name).read_bytes()
        assert (manifests.digest_of(raw), len(raw)) == (digest, size)
        assert json.loads(raw)["mediaType"] == media_type
        oracle.upstream(raw, media_type, (site.media_root / config).read_bytes())
    assert site.sql("SELECT count(*) FROM core_repositorycontent")[0][0] == 2100


def test_same_seed_same_site(cluster, tmp_path):
    found = []
    for turn in ("a", "b"):
        db = cluster.database("0043")
        root = tmp_path / turn
        root.mkdir()
        conn = db.connect()
        found.append([m.digest for m in pulpdata.Site(conn, root, "0043", seed=7).every_kind(30)])
        conn.close()
        db.drop()
    assert found[0] == found[1]


def test_snapshot_and_diff(site):
    first = site.image(labels={"a": "1"})
    before = pulpdata.snapshot(site.conn)
    assert pulpdata.diff(before, pulpdata.snapshot(site.conn)) == []
    site.fill(first)
    changed = pulpdata.diff(before, pulpdata.snapshot(site.conn))
    assert {line.split()[2].rstrip(":") for line in changed} == {
        "data",
        "labels",
        "type",
        "architecture",
        "os",
        "compressed_image_size",
    }
    ignored = [f"container_manifest.{name}" for name in oracle.EMPTY]
    assert pulpdata.diff(before, pulpdata.snapshot(site.conn), ignored) == []
    site.detach(first)
    assert any(
        "core_contentartifact" in line
        for line in pulpdata.diff(before, pulpdata.snapshot(site.conn), ignored)
    )


@pytest.mark.parametrize("level", ["0043", "0045+0138", "0050"], indirect=True)
def test_heartbeats(site, pg_db):
    for kind in ("api", "content", "worker"):
        site.heartbeat(kind)
    tables = [
        t
        for t in ("core_appstatus", "core_worker", "core_contentappstatus", "core_apiappstatus")
        if columns(pg_db, t)
    ]
    assert sum(pg_db.value(f"SELECT count(*) FROM {t}") for t in tables) == (
        6 if len(tables) == 4 else 3
    )


def test_kill_keeps_what_was_committed(fsync_cluster):
    server = fsync_cluster
    db = server.create("kept")
    db.query("CREATE TABLE t AS SELECT 1 AS x")
    first = server.proc.pid
    server.kill9()
    server.start()
    assert server.proc.pid != first
    assert db.value("SELECT x FROM t") == 1
    db.query("INSERT INTO t VALUES (2)")
    server.stop_immediate()
    server.start()
    assert db.value("SELECT count(*) FROM t") == 2
    server.sigstop()
    pg.process.wait_until(lambda: pg.process.state(server.proc.pid) == "T", 30, "it stands still")
    server.sigcont()
    assert db.value("SELECT count(*) FROM t") == 2


def test_standby_is_read_only(fsync_cluster):
    fsync_cluster.create("there").query("CREATE TABLE t AS SELECT 1 AS x")
    standby = fsync_cluster.standby()
    try:
        assert standby.connect("there").info.parameter_status("in_hot_standby") == "on"
    finally:
        standby.close()


@pytest.mark.parametrize("mode, kept", [("transaction", False), ("session", True)])
def test_pooler_keeps_a_session_or_not(cluster, pg_db, mode, kept):
    """Two sessions that take turns share one server connection only where the pooler hands it out
    per transaction.
    """
    with Pooler(cluster, mode) as pooler, contextlib.ExitStack() as stack:
        pids = []
        for _ in range(2):
            conn = stack.enter_context(
                contextlib.closing(psycopg2.connect(pooler.conninfo(pg_db.name)))
            )
            conn.autocommit = True
            with conn.cursor() as cur:
                cur.execute("SELECT pg_backend_pid()")
                pids.append(cur.fetchone()[0])
        assert (pids[0] != pids[1]) == kept
